// Pooling over square windows of x[n, y, x, channel]: a thread for each element of the result.

struct Pooling {
  u32 images, height, width, out_height, out_width, channels, kernel, stride;
};

// Where tap (ky, kx) of window (oy, ox) lies in x.
INLINE u32 tap_at(const Pooling &s, u32 image, u32 oy, u32 ox, u32 tap, u32 channel) {
  u32 y = oy * s.stride + tap / s.kernel, x = ox * s.stride + tap % s.kernel;
  return ((image * s.height + y) * s.width + x) * s.channels + channel;
}

// A sum by the chunk rule, term after term.
struct Chunked {
  float total, sum;
  u32 terms;
};
INLINE void term(Chunked &of, float x) {
  if (of.terms == 512) of.total = of.sum;
  if (of.terms > 512 && of.terms % 512 == 0) of.total = add(of.total, of.sum);
  if (of.terms % 512 == 0) of.sum = 0.0f;
  of.sum = add(of.sum, x), of.terms++;
}
INLINE float closed(const Chunked &of) { return stored(of.terms > 512 ? add(of.total, of.sum) : of.sum); }

INLINE bool window(const Pooling &s, u32 &image, u32 &oy, u32 &ox, u32 &channel) {
  u32 i = thread_of_grid();
  channel = i % s.channels, i /= s.channels;
  ox = i % s.out_width, i /= s.out_width;
  oy = i % s.out_height, image = i / s.out_height;
  return image < s.images;
}

KERNEL max_pool(float *out, const float *x, const Pooling s) {
  u32 image, oy, ox, channel;
  if (!window(s, image, oy, ox, channel)) return;
  float value = negate(infinity());
  for (u32 tap = 0; tap < s.kernel * s.kernel; tap++) value = maximum(value, x[tap_at(s, image, oy, ox, tap, channel)]);
  out[thread_of_grid()] = stored(value);
}

KERNEL average_pool(float *out, const float *x, const Pooling s) {
  u32 image, oy, ox, channel, taps = s.kernel * s.kernel;
  if (!window(s, image, oy, ox, channel)) return;
  Chunked sum = {0.0f, 0.0f, 0};
  for (u32 tap = 0; tap < taps; tap++) term(sum, x[tap_at(s, image, oy, ox, tap, channel)]);
  out[thread_of_grid()] = stored(divide(closed(sum), f32_of(taps)));
}

// The tap of a window's first largest element.
INLINE u32 largest_tap(const Pooling &s, const float *x, u32 image, u32 oy, u32 ox, u32 channel) {
  u32 best = 0;
  float largest = x[tap_at(s, image, oy, ox, 0, channel)];
  for (u32 tap = 1; tap < s.kernel * s.kernel; tap++) {
    float value = x[tap_at(s, image, oy, ox, tap, channel)];
    if (before(value, tap, largest, best)) largest = value, best = tap;
  }
  return best;
}

// The gradients of the windows that an element is in, or of those whose largest it is, in ascending (oy, ox).
template <bool LARGEST> INLINE void pooled_back(float *out, const float *x, const float *gradient, const Pooling &s) {
  u32 i = thread_of_grid();
  u32 channel = i % s.channels, at = i / s.channels % s.width, y = i / s.channels / s.width % s.height;
  u32 image = i / s.channels / s.width / s.height;
  if (image >= s.images) return;
  u32 oy = y < s.kernel ? 0 : (y - s.kernel) / s.stride + 1, first = at < s.kernel ? 0 : (at - s.kernel) / s.stride + 1;
  Chunked sum = {0.0f, 0.0f, 0};
  for (; oy < s.out_height && oy * s.stride <= y; oy++) {
    for (u32 ox = first; ox < s.out_width && ox * s.stride <= at; ox++) {
      u32 tap = (y - oy * s.stride) * s.kernel + (at - ox * s.stride);
      if (LARGEST && largest_tap(s, x, image, oy, ox, channel) != tap) continue;
      term(sum, gradient[((image * s.out_height + oy) * s.out_width + ox) * s.channels + channel]);
    }
  }
  out[i] = LARGEST ? closed(sum) : stored(divide(closed(sum), f32_of(s.kernel * s.kernel)));
}
KERNEL max_pool_grad(float *out, const float *x, const float *gradient, const Pooling s) { pooled_back<true>(out, x, gradient, s); }
KERNEL average_pool_grad(float *out, const float *gradient, const Pooling s) { pooled_back<false>(out, gradient, gradient, s); }
