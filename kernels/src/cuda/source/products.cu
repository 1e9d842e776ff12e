// Products by tiles under the chunk rule, of matrices and of the windows of a convolution; and exact ones of i8.
//
// A tile of TILE x TILE is 256 threads', EACH x EACH sums each. It walks k in steps of DEPTH; the next step's operands are read,
// four neighbours at once where they lie together, while this one's are multiplied. The large tile is for operands that are
// `wide` and a k of whole steps alone: it has no registers for anything else. After each chunk of 512 its value is added to what C
// holds: in the contract's order, and without registers for a second set of sums. A padded k is -0 times +0, which changes no
// sum, not even -0; in the padding of an image a +0 is multiplied, as the contract says. A line beyond the last is the last
// again: its sums are never stored.

#define CHUNK 512

// Four neighbours, moved by one access.
template <class T> struct __align__(4 * sizeof(T)) Four {
  T of[4];
};
// The same, but no longer known to be: what is made of it is made where it is used, and kept in no register of a loop.
INLINE u32 anew(u32 x) {
  asm volatile("" : "+r"(x));
  return x;
}
INLINE bool aligned(const void *at) { return (u64)at % 16 == 0; }

// What a tile multiplies says what a thread keeps of a line (`place`), what stands at a k of it (`at`: one element, or four
// neighbours), whether neighbours lie along k or along lines (`along`), and whether four of them, from a multiple of four on,
// lie together and aligned (`wide`).
struct Strided {
  typedef const float *Place;
  const float *elements;
  u32 line_stride, k_stride;
  INLINE_MEMBER bool along() const { return k_stride == 1; }
  INLINE_MEMBER bool wide() const { return (along() ? line_stride : k_stride) % 4 == 0 && aligned(elements); }
  INLINE_MEMBER Place place(u32 line) const { return elements + line * line_stride; }
  // In bytes: one instruction.
  template <class T> INLINE_MEMBER T at(Place line, u32 k) const { return *(const T *)((const u8 *)line + (u64)k * (4 * k_stride)); }
};

// Four neighbours that a thread reads of TILE lines at each step, and lays out for its block. Along k a warp reads 32 bytes of
// each of 16 lines, so that it writes to 32 banks.
template <u32 TILE, class Operand> struct Reader {
  enum : u32 { DEPTH = 1024 / TILE, PITCH = TILE + 4, WHOLE = TILE == 128 };
  const Operand &operand;
  float absent;
  bool along, wide;
  u32 first, last, k, where;
  typename Operand::Place place;
  Four<float> next;

  INLINE_MEMBER Reader(const Operand &operand, u32 first, u32 lines, float absent)
      : operand(operand), absent(absent), along(operand.along()), wide(WHOLE || operand.wide()), first(first), last(lines - 1) {
    u32 t = threadIdx.x, line = line_of(t);
    k = along ? t % 2 * 4 + t / (2 * TILE) * 8 : t / (TILE / 4);
    where = k * PITCH + line;
    place = operand.place(min(first + line, along || !wide ? last : last - 3));
  }
  INLINE_MEMBER u32 line_of(u32 thread) const { return along ? thread / 2 % TILE : thread % (TILE / 4) * 4; }
  INLINE_MEMBER float one(u32 j, u32 at, u32 k_last) const {
    if (along) return at + j < k_last ? operand.template at<float>(place, at + j) : absent;
    u32 line = min(first + line_of(anew(threadIdx.x)) + j, last);
    return at < k_last ? operand.template at<float>(operand.place(line), at) : absent;
  }
  INLINE_MEMBER void read(u32 k0, u32 k_last) {
    if (WHOLE || (wide && k0 + DEPTH <= k_last)) {
      next = operand.template at<Four<float>>(place, k0 + k);
    } else {
#pragma unroll
      for (u32 j = 0; j < 4; j++) next.of[j] = one(j, k0 + k, k_last);
    }
  }
  INLINE_MEMBER void put(float *panel) const {
    float *at = panel + where;
    if (along) {
#pragma unroll
      for (u32 j = 0; j < 4; j++) at[j * PITCH] = next.of[j];
    } else {
      *(Four<float> *)at = next;
    }
  }
};

// Stores what `total` makes of each sum, and of what C held there unless `first`. A thread's sums are squares of four, 64 apart.
template <int EACH, class T, class F>
INLINE void store(T *c, u32 m, u32 n, u32 row0, u32 column0, const T (&sums)[EACH][EACH], bool first, F total) {
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    u32 row = row0 + i / 4 * 64 + i % 4;
#pragma unroll
    for (int j = 0; j < EACH; j += 4) {
      u32 column = column0 + j / 4 * 64;
      T *at = c + (u64)row * n + column;
      if (EACH == 8 || n % 4 == 0) {
        if (row >= m || column >= n) continue;
        Four<T> held = {};
        if (!first) held = *(const Four<T> *)at;
#pragma unroll
        for (int e = 0; e < 4; e++) held.of[e] = total(held.of[e], sums[i][j + e]);
        *(Four<T> *)at = held;
      } else {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          if (row < m && column + e < n) at[e] = total(first ? T() : at[e], sums[i][j + e]);
        }
      }
    }
  }
}

// Row and column of a thread's first sum. Lanes are 4 x 8, and those that share a row or a column are neighbours, or two apart,
// so that a warp's words of either panel are read in the fewest turns.
INLINE u32 row_of_thread() { return threadIdx.x / 64 * 16 + threadIdx.x % 32 / 16 * 8 + threadIdx.x % 2 * 4; }
INLINE u32 column_of_thread() { return threadIdx.x / 32 % 2 * 32 + threadIdx.x / 2 % 8 * 4; }

template <int EACH, class A, class B>
INLINE void tile(const A &a, const B &b, float *c, u32 m, u32 n, u32 k_first, u32 k_last, bool finish) {
  constexpr u32 TILE = 16 * EACH, DEPTH = 1024 / TILE, PITCH = TILE + 4, PANEL = DEPTH * PITCH;
  // Both operands' panels, twice.
  __shared__ __align__(16) float panels[4 * PANEL];
  u32 tiles = (n + TILE - 1) / TILE, row0 = blockIdx.x / tiles * TILE, column0 = blockIdx.x % tiles * TILE;
  u32 row = row_of_thread(), column = column_of_thread(), side = 0;
  Reader<TILE, A> left(a, row0, m, -0.0f);
  Reader<TILE, B> right(b, column0, n, 0.0f);
  left.read(k_first, k_last), right.read(k_first, k_last);
  left.put(panels), right.put(panels + PANEL);
  __syncthreads();
  for (u32 chunk = k_first; chunk < k_last; chunk += CHUNK) {
    float sums[EACH][EACH] = {};
    u32 end = min(chunk + CHUNK, k_last);
#pragma unroll 1
    for (u32 k0 = chunk; k0 < end; k0 += DEPTH) {
      u32 later = k0 + DEPTH;
      if (later < k_last) left.read(later, k_last), right.read(later, k_last);
      const float *rows = panels + side + row, *columns = panels + side + PANEL + column;
#pragma unroll
      for (int k = 0; k < DEPTH; k++) {
        Four<float> x[EACH / 4], y[EACH / 4];
#pragma unroll
        for (int e = 0; e < EACH / 4; e++) {
          x[e] = *(const Four<float> *)&rows[k * PITCH + 64 * e];
          y[e] = *(const Four<float> *)&columns[k * PITCH + 64 * e];
        }
#pragma unroll
        for (int i = 0; i < EACH; i++) {
#pragma unroll
          for (int j = 0; j < EACH; j++) sums[i][j] = fused(x[i / 4].of[i % 4], y[j / 4].of[j % 4], sums[i][j]);
        }
      }
      side = 2 * PANEL - side;
      if (later < k_last) left.put(panels + side), right.put(panels + side + PANEL);
      __syncthreads();
    }
    bool first = chunk == k_first, last = finish && end == k_last;
    store(c, m, n, anew(row0 + row), anew(column0 + column), sums, first, [=](float held, float sum) {
      float total = first ? sum : add(held, sum);
      return last ? stored(total) : total;
    });
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
KERNEL __launch_bounds__(256, 2) matmul_128(float *c, const float *a, const float *b, const Matrices s) { matrices<8>(c, a, b, s); }

// ---- convolutions: products over windows that are never laid out ---------------------------------------------------

struct Convolution {
  u32 images, height, width, inputs, out_height, out_width, outputs, kernel_height, kernel_width, stride, padding, split, first;
};

// A place of an image, or a step from one; what lies before its first row or column wraps to beyond any last.
struct Spot {
  u32 image, y, x;
};
// What stands at a spot of images, from `channel` on: +0 in the padding.
template <class T> INLINE T seen(const float *images, Spot at, u32 height, u32 width, u32 channels, u32 channel) {
  if (at.y >= height || at.x >= width) return T();
  return *(const T *)(images + ((at.image * height + at.y) * width + at.x) * channels + channel);
}

// A line for each window, k over (ky, kx, input).
struct Windows {
  typedef Spot Place;
  const Convolution &s;
  const float *x;
  Divisor inputs, kernel_width;
  INLINE_MEMBER Windows(const Convolution &s, const float *x) : s(s), x(x), inputs(s.inputs), kernel_width(s.kernel_width) {}
  INLINE_MEMBER bool along() const { return true; }
  INLINE_MEMBER bool wide() const { return s.inputs % 4 == 0 && aligned(x); }
  INLINE_MEMBER Place place(u32 window) const {
    u32 ox = window % s.out_width, oy = window / s.out_width % s.out_height;
    Place at = {window / s.out_width / s.out_height, oy * s.stride - s.padding, ox * s.stride - s.padding};
    return at;
  }
  template <class T> INLINE_MEMBER T at(Place window, u32 k) const {
    u32 input = inputs.divide(k);
    window.x += kernel_width.divide(k), window.y += k;
    return seen<T>(x, window, s.height, s.width, s.inputs, input);
  }
};

// A line for each (ky, kx, input), k over windows.
struct Taps {
  struct Place {
    u32 ky, kx, input;
  };
  const Convolution &s;
  const float *x;
  Divisor inputs, kernel_width, out_width, out_height;
  INLINE_MEMBER Taps(const Convolution &s, const float *x)
      : s(s), x(x), inputs(s.inputs), kernel_width(s.kernel_width), out_width(s.out_width), out_height(s.out_height) {}
  INLINE_MEMBER bool along() const { return false; }
  INLINE_MEMBER bool wide() const { return s.inputs % 4 == 0 && aligned(x); }
  INLINE_MEMBER Place place(u32 line) const {
    Place tap;
    tap.input = inputs.divide(line), tap.kx = kernel_width.divide(line), tap.ky = line;
    return tap;
  }
  template <class T> INLINE_MEMBER T at(Place tap, u32 window) const {
    u32 ox = out_width.divide(window), oy = out_height.divide(window);
    Spot spot = {window, oy * s.stride + tap.ky - s.padding, ox * s.stride + tap.kx - s.padding};
    return seen<T>(x, spot, s.height, s.width, s.inputs, tap.input);
  }
};

// A line for each place of the input, k over (ky, kx, output): the gradient of the window whose tap sees it, or +0.
struct Seeing {
  typedef Spot Place;
  const Convolution &s;
  const float *gradient;
  Divisor outputs, kernel_width, stride;
  INLINE_MEMBER Seeing(const Convolution &s, const float *gradient)
      : s(s), gradient(gradient), outputs(s.outputs), kernel_width(s.kernel_width), stride(s.stride) {}
  INLINE_MEMBER bool along() const { return true; }
  INLINE_MEMBER bool wide() const { return s.outputs % 4 == 0 && aligned(gradient); }
  INLINE_MEMBER Place place(u32 line) const {
    u32 x = line % s.width, y = line / s.width % s.height;
    Place at = {line / s.width / s.height, y + s.padding, x + s.padding};
    return at;
  }
  template <class T> INLINE_MEMBER T at(Place at, u32 k) const {
    u32 output = outputs.divide(k), kx = kernel_width.divide(k);
    bool sees = at.y >= k && at.x >= kx;
    at.y -= k, at.x -= kx;
    sees = sees && stride.divide(at.y) == 0 && stride.divide(at.x) == 0;
    return sees ? seen<T>(gradient, at, s.out_height, s.out_width, s.outputs, output) : T();
  }
};

// Weights with a line for each input, k over (ky, kx, output).
struct Turned {
  typedef u32 Place;
  const Convolution &s;
  const float *weight;
  Divisor outputs;
  INLINE_MEMBER Turned(const Convolution &s, const float *weight) : s(s), weight(weight), outputs(s.outputs) {}
  INLINE_MEMBER bool along() const { return true; }
  INLINE_MEMBER bool wide() const { return s.outputs % 4 == 0 && aligned(weight); }
  INLINE_MEMBER Place place(u32 input) const { return input; }
  template <class T> INLINE_MEMBER T at(Place input, u32 k) const {
    u32 output = outputs.divide(k);
    return *(const T *)(weight + (k * s.inputs + input) * s.outputs + output);
  }
};

template <int EACH> INLINE void convolved(float *c, const float *x, const float *weight, const Convolution &s) {
  u32 m = s.images * s.out_height * s.out_width, k = s.kernel_height * s.kernel_width * s.inputs;
  Share part = share(k, s.split, s.first + blockIdx.y);
  Windows windows(s, x);
  Strided weights = {weight, 1, s.outputs};
  tile<EACH>(windows, weights, c + (part.apart ? (u64)blockIdx.y * m * s.outputs : 0), m, s.outputs, part.first, part.last, !part.apart);
}
template <int EACH> INLINE void input_gradient(float *c, const float *weight, const float *gradient, const Convolution &s) {
  u32 m = s.images * s.height * s.width, k = s.kernel_height * s.kernel_width * s.outputs;
  Share part = share(k, s.split, s.first + blockIdx.y);
  Seeing seeing(s, gradient);
  Turned turned(s, weight);
  tile<EACH>(seeing, turned, c + (part.apart ? (u64)blockIdx.y * m * s.inputs : 0), m, s.inputs, part.first, part.last, !part.apart);
}
template <int EACH> INLINE void weight_gradient(float *c, const float *x, const float *gradient, const Convolution &s) {
  u32 m = s.kernel_height * s.kernel_width * s.inputs, k = s.images * s.out_height * s.out_width;
  Share part = share(k, s.split, s.first + blockIdx.y);
  Taps taps(s, x);
  Strided columns = {gradient, 1, s.outputs};
  tile<EACH>(taps, columns, c + (part.apart ? (u64)blockIdx.y * m * s.outputs : 0), m, s.outputs, part.first, part.last, !part.apart);
}
KERNEL __launch_bounds__(256) conv2d_64(float *c, const float *x, const float *w, const Convolution s) { convolved<4>(c, x, w, s); }
KERNEL __launch_bounds__(256, 2) conv2d_128(float *c, const float *x, const float *w, const Convolution s) { convolved<8>(c, x, w, s); }
KERNEL __launch_bounds__(256) conv2d_grad_input_64(float *c, const float *w, const float *g, const Convolution s) { input_gradient<4>(c, w, g, s); }
KERNEL __launch_bounds__(256, 2) conv2d_grad_input_128(float *c, const float *w, const float *g, const Convolution s) { input_gradient<8>(c, w, g, s); }
KERNEL __launch_bounds__(256) conv2d_grad_weight_64(float *c, const float *x, const float *g, const Convolution s) { weight_gradient<4>(c, x, g, s); }
KERNEL __launch_bounds__(256, 2) conv2d_grad_weight_128(float *c, const float *x, const float *g, const Convolution s) { weight_gradient<8>(c, x, g, s); }

// ---- exact products ------------------------------------------------------------------------------------------------

// Four terms of a line in a word, those beyond the `left` that there are 0.
INLINE i32 word_of(const i8 *terms, u32 stride, u32 left) {
  if (stride == 1 && left >= 4 && (u64)terms % 4 == 0) return *(const i32 *)terms;
  u32 word = 0;
#pragma unroll
  for (u32 byte = 0; byte < 4; byte++) {
    if (byte < left) word |= (u32)(u8)terms[byte * stride] << 8 * byte;
  }
  return (i32)word;
}

// 64 lines, 32 of k: a thread's neighbours are on whichever axis lies together in memory.
INLINE void lay_out(i32 (&panel)[8][68], const i8 *terms, u32 line_stride, u32 k_stride, u32 line0, u32 lines, u32 k0, u32 k) {
  u32 t = threadIdx.x;
#pragma unroll
  for (u32 r = 0; r < 2; r++) {
    u32 line = k_stride == 1 ? t / 8 + 32 * r : t % 64, group = k_stride == 1 ? t % 8 : t / 64 + 4 * r, at = k0 + 4 * group;
    const i8 *first = terms + min(line0 + line, lines - 1) * line_stride + at * k_stride;
    panel[group][line] = word_of(first, k_stride, at < k ? k - at : 0);
  }
}

// Tiles of 64 x 64, four terms to an instruction: an exact sum has no order.
KERNEL __launch_bounds__(256) matmul_i8(i32 *c, const i8 *a, const i8 *b, const Matrices s) {
  __shared__ __align__(16) i32 as[8][68], bs[8][68];
  u32 tiles = (s.n + 63) / 64, row0 = blockIdx.x / tiles * 64, column0 = blockIdx.x % tiles * 64;
  u32 row = row_of_thread(), column = column_of_thread();
  i32 sums[4][4] = {};
  for (u32 k0 = 0; k0 < s.k; k0 += 32) {
    lay_out(as, a, s.a_line, s.a_k, row0, s.m, k0, s.k);
    lay_out(bs, b, s.b_line, s.b_k, column0, s.n, k0, s.k);
    __syncthreads();
#pragma unroll
    for (u32 group = 0; group < 8; group++) {
      Four<i32> x = *(const Four<i32> *)&as[group][row], y = *(const Four<i32> *)&bs[group][column];
#pragma unroll
      for (u32 i = 0; i < 4; i++) {
#pragma unroll
        for (u32 j = 0; j < 4; j++) sums[i][j] = __dp4a(x.of[i], y.of[j], sums[i][j]);
      }
    }
    __syncthreads();
  }
  store(c, s.m, s.n, row0 + row, column0 + column, sums, true, [](i32, i32 sum) { return sum; });
}
