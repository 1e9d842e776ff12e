// Products by tiles under the chunk rule, of matrices and of the windows of a convolution; and exact ones of i8.
//
// A tile of 16 x 16 threads, each EACH x EACH sums, walks k in steps of DEPTH; the next step's operands are read while this
// one's are multiplied. After each chunk of 512 its value is added to what C holds: in the contract's order, and without
// registers for a second set of sums. A padded k is -0 times +0, which changes no sum, not even -0; in the padding of an image
// a +0 is multiplied, as the contract says.

#define DEPTH 16
#define CHUNK 512

// Where A(line, k) or B(k, line) lies.
struct Strided {
  const float *elements;
  u32 line_stride, k_stride;
  INLINE_MEMBER float operator()(u32 line, u32 k) const { return elements[line * line_stride + k * k_stride]; }
  INLINE_MEMBER bool along() const { return k_stride == 1; }
};

template <int EACH, class A, class B>
INLINE void tile(const A a, const B b, float *c, u32 m, u32 n, u32 k_first, u32 k_last, bool finish) {
  constexpr u32 TILE = 16 * EACH, READS = TILE * DEPTH / 256;
  __shared__ __align__(16) float as[2][DEPTH][TILE + 4];
  __shared__ __align__(16) float bs[2][DEPTH][TILE + 4];
  u32 tiles = (n + TILE - 1) / TILE;
  u32 row0 = blockIdx.x / tiles * TILE, column0 = blockIdx.x % tiles * TILE;
  u32 t = threadIdx.x, tx = t % 16, ty = t / 16;

  // Which elements a thread reads: neighbours along whichever axis lies together in memory.
  bool a_along = a.along(), b_along = b.along();
  u32 a_k = a_along ? t % DEPTH : t / TILE, a_line = a_along ? t / DEPTH : t % TILE;
  u32 b_k = b_along ? t % DEPTH : t / TILE, b_line = b_along ? t / DEPTH : t % TILE;
  u32 a_k_step = a_along ? 0 : 256 / TILE, a_line_step = a_along ? 256 / DEPTH : 0;
  u32 b_k_step = b_along ? 0 : 256 / TILE, b_line_step = b_along ? 256 / DEPTH : 0;

  float a_next[READS], b_next[READS], sums[EACH][EACH];
  auto read = [&](u32 k0) {
#pragma unroll
    for (u32 r = 0; r < READS; r++) {
      u32 k = k0 + a_k + r * a_k_step, line = row0 + a_line + r * a_line_step;
      a_next[r] = k < k_last && line < m ? a(line, k) : -0.0f;
      k = k0 + b_k + r * b_k_step, line = column0 + b_line + r * b_line_step;
      b_next[r] = k < k_last && line < n ? b(line, k) : 0.0f;
    }
  };
  auto put = [&](u32 side) {
#pragma unroll
    for (u32 r = 0; r < READS; r++) {
      as[side][a_k + r * a_k_step][a_line + r * a_line_step] = a_next[r];
      bs[side][b_k + r * b_k_step][b_line + r * b_line_step] = b_next[r];
    }
  };
  auto clear = [&]() {
#pragma unroll
    for (int i = 0; i < EACH; i++) {
#pragma unroll
      for (int j = 0; j < EACH; j++) sums[i][j] = 0.0f;
    }
  };
  // Adds the chunk's values to C.
  auto flush = [&](bool first, bool last) {
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      u32 row = row0 + i / 4 * 64 + ty * 4 + i % 4;
#pragma unroll
      for (int j = 0; j < EACH; j++) {
        u32 column = column0 + j / 4 * 64 + tx * 4 + j % 4;
        if (row < m && column < n) {
          float *at = c + (u64)row * n + column;
          float total = first ? sums[i][j] : add(*at, sums[i][j]);
          *at = last && finish ? stored(total) : total;
        }
      }
    }
  };

  clear();
  read(k_first);
  put(0);
  __syncthreads();
  u32 side = 0;
  for (u32 k0 = k_first; k0 < k_last; k0 += DEPTH) {
    bool more = k0 + DEPTH < k_last;
    if (more) read(k0 + DEPTH);
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
      float left[EACH], right[EACH];
#pragma unroll
      for (int e = 0; e < EACH; e += 4) {
        *(float4 *)&left[e] = *(const float4 *)&as[side][k][e / 4 * 64 + ty * 4];
        *(float4 *)&right[e] = *(const float4 *)&bs[side][k][e / 4 * 64 + tx * 4];
      }
#pragma unroll
      for (int i = 0; i < EACH; i++) {
#pragma unroll
        for (int j = 0; j < EACH; j++) sums[i][j] = fused(left[i], right[j], sums[i][j]);
      }
    }
    if ((k0 + DEPTH) % CHUNK == 0 || !more) {
      flush(k0 / CHUNK == k_first / CHUNK, !more);
      clear();
    }
    if (more) put(side ^ 1);
    __syncthreads();
    side ^= 1;
  }
}

// The part of k that a block does: all of it, or, where the chunks are shared out, chunk `chunk`, whose values go to a part of
// their own in c.
struct Share {
  u32 first, last, apart;
};
INLINE Share share(u32 k, u32 split, u32 chunk) {
  Share all = {0, k, 0};
  if (!split) return all;
  Share one = {chunk * CHUNK, min(chunk * CHUNK + CHUNK, k), 1};
  return one;
}

struct Matrices {
  u32 m, n, k, a_line, a_k, b_line, b_k, a_next, b_next, split, first;
};

template <int EACH> INLINE void matrices(float *c, const float *a, const float *b, const Matrices &s) {
  u32 place = s.split ? 0 : s.first + blockIdx.y;
  Share part = share(s.k, s.split, s.first + blockIdx.y);
  Strided left = {a + (u64)place * s.a_next, s.a_line, s.a_k}, right = {b + (u64)place * s.b_next, s.b_line, s.b_k};
  u32 where = part.apart ? blockIdx.y : place;
  tile<EACH>(left, right, c + (u64)where * s.m * s.n, s.m, s.n, part.first, part.last, !part.apart);
}
KERNEL __launch_bounds__(256) matmul_64(float *c, const float *a, const float *b, const Matrices s) { matrices<4>(c, a, b, s); }
KERNEL __launch_bounds__(256) matmul_128(float *c, const float *a, const float *b, const Matrices s) { matrices<8>(c, a, b, s); }

// ---- convolutions: products over windows that are never laid out ---------------------------------------------------

struct Convolution {
  u32 images, height, width, inputs, out_height, out_width, outputs, kernel_height, kernel_width, stride, padding, split, first;
};

// The element of x that tap (ky, kx) of window (oy, ox) sees; +0 in the padding.
INLINE float seen(const Convolution &s, const float *x, u32 image, u32 oy, u32 ox, u32 ky, u32 kx, u32 input) {
  u32 y = oy * s.stride + ky - s.padding, at = ox * s.stride + kx - s.padding; // wraps below 0, beyond any height
  return y < s.height && at < s.width ? x[((image * s.height + y) * s.width + at) * s.inputs + input] : 0.0f;
}

// A row for each window, k over (ky, kx, input).
struct Windows {
  const Convolution &s;
  const float *x;
  INLINE_MEMBER float operator()(u32 window, u32 k) const {
    u32 ox = window % s.out_width, oy = window / s.out_width % s.out_height, image = window / s.out_width / s.out_height;
    u32 tap = k / s.inputs;
    return seen(s, x, image, oy, ox, tap / s.kernel_width, tap % s.kernel_width, k % s.inputs);
  }
  INLINE_MEMBER bool along() const { return true; }
};

// A row for each (ky, kx, input), k over windows.
struct Taps {
  const Convolution &s;
  const float *x;
  INLINE_MEMBER float operator()(u32 row, u32 window) const {
    Windows windows = {s, x};
    return windows(window, row);
  }
  INLINE_MEMBER bool along() const { return false; }
};

// A row for each place of the input, k over (ky, kx, output): the gradient of the window whose tap sees it, or +0.
struct Seeing {
  const Convolution &s;
  const float *gradient;
  INLINE_MEMBER float operator()(u32 place, u32 k) const {
    u32 x = place % s.width, y = place / s.width % s.height, image = place / s.width / s.height;
    u32 output = k % s.outputs, tap = k / s.outputs, ky = tap / s.kernel_width, kx = tap % s.kernel_width;
    u32 down = y + s.padding - ky, across = x + s.padding - kx; // wraps below 0, beyond any window
    u32 oy = down / s.stride, ox = across / s.stride;
    bool sees = y + s.padding >= ky && x + s.padding >= kx && oy * s.stride == down && ox * s.stride == across;
    return sees && oy < s.out_height && ox < s.out_width ? gradient[((image * s.out_height + oy) * s.out_width + ox) * s.outputs + output]
                                                          : 0.0f;
  }
  INLINE_MEMBER bool along() const { return true; }
};

// Weights with a column for each input, k over (ky, kx, output).
struct Turned {
  const Convolution &s;
  const float *weight;
  INLINE_MEMBER float operator()(u32 input, u32 k) const {
    return weight[(k / s.outputs * s.inputs + input) * s.outputs + k % s.outputs];
  }
  INLINE_MEMBER bool along() const { return true; }
};

template <int EACH> INLINE void convolved(float *c, const float *x, const float *weight, const Convolution &s) {
  u32 m = s.images * s.out_height * s.out_width, k = s.kernel_height * s.kernel_width * s.inputs;
  Share part = share(k, s.split, s.first + blockIdx.y);
  Windows windows = {s, x};
  Strided weights = {weight, 1, s.outputs};
  tile<EACH>(windows, weights, c + (part.apart ? (u64)blockIdx.y * m * s.outputs : 0), m, s.outputs, part.first, part.last, !part.apart);
}
template <int EACH> INLINE void input_gradient(float *c, const float *weight, const float *gradient, const Convolution &s) {
  u32 m = s.images * s.height * s.width, k = s.kernel_height * s.kernel_width * s.outputs;
  Share part = share(k, s.split, s.first + blockIdx.y);
  Seeing seeing = {s, gradient};
  Turned turned = {s, weight};
  tile<EACH>(seeing, turned, c + (part.apart ? (u64)blockIdx.y * m * s.inputs : 0), m, s.inputs, part.first, part.last, !part.apart);
}
template <int EACH> INLINE void weight_gradient(float *c, const float *x, const float *gradient, const Convolution &s) {
  u32 m = s.kernel_height * s.kernel_width * s.inputs, k = s.images * s.out_height * s.out_width;
  Share part = share(k, s.split, s.first + blockIdx.y);
  Taps taps = {s, x};
  Strided columns = {gradient, 1, s.outputs};
  tile<EACH>(taps, columns, c + (part.apart ? (u64)blockIdx.y * m * s.outputs : 0), m, s.outputs, part.first, part.last, !part.apart);
}
KERNEL __launch_bounds__(256) conv2d_64(float *c, const float *x, const float *w, const Convolution s) { convolved<4>(c, x, w, s); }
KERNEL __launch_bounds__(256) conv2d_128(float *c, const float *x, const float *w, const Convolution s) { convolved<8>(c, x, w, s); }
KERNEL __launch_bounds__(256) conv2d_grad_input_64(float *c, const float *w, const float *g, const Convolution s) { input_gradient<4>(c, w, g, s); }
KERNEL __launch_bounds__(256) conv2d_grad_input_128(float *c, const float *w, const float *g, const Convolution s) { input_gradient<8>(c, w, g, s); }
KERNEL __launch_bounds__(256) conv2d_grad_weight_64(float *c, const float *x, const float *g, const Convolution s) { weight_gradient<4>(c, x, g, s); }
KERNEL __launch_bounds__(256) conv2d_grad_weight_128(float *c, const float *x, const float *g, const Convolution s) { weight_gradient<8>(c, x, g, s); }

// ---- exact products ------------------------------------------------------------------------------------------------

// Tiles of 64 x 64, four values of k in each word: an exact sum has no order.
KERNEL __launch_bounds__(256) matmul_i8(i32 *c, const i8 *a, const i8 *b, const Matrices s) {
  __shared__ i32 as[8][64], bs[8][64];
  u32 tiles = (s.n + 63) / 64, row0 = blockIdx.x / tiles * 64, column0 = blockIdx.x % tiles * 64;
  u32 t = threadIdx.x, tx = t % 16, ty = t / 16;
  i32 sums[4][4] = {};
  for (u32 k0 = 0; k0 < s.k; k0 += 32) {
#pragma unroll
    for (u32 r = 0; r < 2; r++) {
      u32 line = t % 64, group = t / 64 + r * 4;
      u32 left = 0, right = 0;
#pragma unroll
      for (u32 byte = 0; byte < 4; byte++) {
        u32 k = k0 + group * 4 + byte, row = row0 + line, column = column0 + line;
        if (k < s.k && row < s.m) left |= (u32)(u8)a[row * s.a_line + k * s.a_k] << 8 * byte;
        if (k < s.k && column < s.n) right |= (u32)(u8)b[column * s.b_line + k * s.b_k] << 8 * byte;
      }
      as[group][line] = (i32)left, bs[group][line] = (i32)right;
    }
    __syncthreads();
#pragma unroll
    for (u32 group = 0; group < 8; group++) {
#pragma unroll
      for (u32 i = 0; i < 4; i++) {
#pragma unroll
        for (u32 j = 0; j < 4; j++) sums[i][j] = __dp4a(as[group][ty * 4 + i], bs[group][tx * 4 + j], sums[i][j]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (u32 i = 0; i < 4; i++) {
#pragma unroll
    for (u32 j = 0; j < 4; j++) {
      u32 row = row0 + ty * 4 + i, column = column0 + tx * 4 + j;
      if (row < s.m && column < s.n) c[(u64)row * s.n + column] = sums[i][j];
    }
  }
}
