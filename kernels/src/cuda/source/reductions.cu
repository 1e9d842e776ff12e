// One axis to one element: the lane rule along the last axis, a warp for each block; the chunk rule along any other.

#define WARP 0xFFFFFFFFu

// Gives `with` so many terms from `at` on, `stride` apart, in their order. Memory is asked for AHEAD of them before the first is
// taken: a sum's order is one, and the way to memory is as long as a hundred additions. Where many threads wait anyway, or rows are
// short, 8 are enough.
template <u32 AHEAD, class F> INLINE void each_term(const float *at, u32 terms, u32 stride, F with) {
  for (u32 first = 0; first < terms; first += AHEAD, at += (u64)AHEAD * stride) {
    float ahead[AHEAD];
#pragma unroll
    for (u32 n = 0; n < AHEAD; n++) ahead[n] = first + n < terms ? at[(u64)n * stride] : 0.0f;
#pragma unroll
    for (u32 n = 0; n < AHEAD; n++) {
      if (first + n < terms) with(ahead[n]);
    }
  }
}

INLINE float step(float sum, float x, bool square) { return square ? fused(x, x, sum) : add(sum, x); }

// j += j+16, 8, 4, 2, 1: in lane 0 the sum of all, elsewhere nothing of use.
INLINE float folded(float lane) {
#pragma unroll
  for (u32 half = 16; half > 0; half /= 2) lane = add(lane, __shfl_down_sync(WARP, lane, half));
  return lane;
}

INLINE u32 warp_of_grid() { return blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; }
INLINE u32 lane() { return threadIdx.x % 32; }
// Elements of a row that are a lane's.
INLINE u32 of_lane(u32 length) { return (length + 31 - lane()) / 32; }

// A lane's sum over block `block` of a row.
INLINE float lane_sum(const float *x, u32 row, u32 length, u32 block, bool square) {
  u32 first = block * 4096, terms = of_lane(min(4096u, length - first));
  float sum = 0.0f;
  each_term<8>(x + (u64)row * length + first + lane(), terms, 32, [&](float x) { sum = step(sum, x, square); });
  return sum;
}

// A warp for each block of 4096 elements of each row: out[row, block]. Where a row is one block this is its sum.
KERNEL lane_blocks(float *out, const float *x, u32 rows, u32 length, u32 blocks, u32 square) {
  u32 warp = warp_of_grid(), row = warp / blocks;
  if (row >= rows) return;
  float sum = folded(lane_sum(x, row, length, warp % blocks, square));
  if (lane() == 0) out[warp] = blocks == 1 ? stored(sum) : sum;
}

// The same for rows of up to 32 blocks, and their values by the same rule: a warp for each block, together a row.
KERNEL __launch_bounds__(1024) lane_rows(float *out, const float *x, u32 length, u32 square) {
  __shared__ float sums[32];
  u32 row = blockIdx.x, block = threadIdx.x / 32, blocks = blockDim.x / 32;
  float sum = folded(lane_sum(x, row, length, block, square));
  if (lane() == 0) sums[block] = sum;
  __syncthreads();
  if (block != 0) return;
  sum = folded(lane() < blocks ? add(0.0f, sums[lane()]) : 0.0f);
  if (lane() == 0) out[row] = stored(sum);
}

// Element k of line (i, j) lies at (i * length + k) * inner + j.
INLINE const float *line_at(const float *x, u32 line, u32 length, u32 inner) {
  return x + (u64)(line / inner) * length * inner + line % inner;
}
INLINE float chunk_sum(const float *x, u32 line, u32 length, u32 inner, u32 chunk, bool square) {
  u32 first = chunk * 512, terms = min(512u, length - first);
  float sum = 0.0f;
  each_term<32>(line_at(x, line, length, inner) + (u64)first * inner, terms, inner, [&](float x) { sum = step(sum, x, square); });
  return sum;
}

// Chunks of 512 terms of each line: out[chunk, line].
KERNEL chunk_sums(float *out, const float *x, u32 lines, u32 length, u32 inner, u32 chunks, u32 square) {
  u32 thread = thread_of_grid(), line = thread % lines, chunk = thread / lines;
  if (chunk >= chunks) return;
  float sum = chunk_sum(x, line, length, inner, chunk, square);
  out[thread] = chunks == 1 ? stored(sum) : sum;
}

// The same for lines of up to 32 chunks, and their values in order: a warp for each chunk, together 32 lines.
KERNEL __launch_bounds__(1024) chunk_lines(float *out, const float *x, u32 lines, u32 length, u32 inner, u32 square) {
  __shared__ float sums[32][32];
  u32 line = blockIdx.x * 32 + lane(), chunk = threadIdx.x / 32, chunks = blockDim.x / 32;
  float sum = line < lines ? chunk_sum(x, line, length, inner, chunk, square) : 0.0f;
  sums[chunk][lane()] = sum;
  __syncthreads();
  if (chunk != 0 || line >= lines) return;
  for (u32 next = 1; next < chunks; next++) sum = add(sum, sums[next][lane()]);
  out[line] = stored(sum);
}

// The chunks' values one after another, onto what is there already where this is a later part; stored after the last.
KERNEL add_chunks(float *out, const float *sums, u32 count, u32 chunks, u32 later, u32 finish) {
  u32 i = thread_of_grid();
  if (i >= count) return;
  float total = later ? out[i] : sums[i];
  u32 first = later ? 0 : 1;
  each_term<8>(sums + (u64)first * count + i, chunks - first, count, [&](float sum) { total = add(total, sum); });
  out[i] = finish ? stored(total) : total;
}

INLINE float warp_maximum(float value) {
#pragma unroll
  for (u32 half = 16; half > 0; half /= 2) value = maximum(value, __shfl_xor_sync(WARP, value, half));
  return value;
}

INLINE float row_maximum(const float *row, u32 length) {
  float value = negate(infinity());
  each_term<8>(row + lane(), of_lane(length), 32, [&](float x) { value = maximum(value, x); });
  return warp_maximum(value);
}

KERNEL row_maxima(float *out, const float *x, u32 rows, u32 length) {
  u32 row = warp_of_grid();
  if (row >= rows) return;
  float value = row_maximum(x + (u64)row * length, length);
  if (lane() == 0) out[row] = stored(value);
}

KERNEL line_maxima(float *out, const float *x, u32 lines, u32 length, u32 inner) {
  u32 line = thread_of_grid();
  if (line >= lines) return;
  float value = negate(infinity());
  each_term<32>(line_at(x, line, length, inner), length, inner, [&](float x) { value = maximum(value, x); });
  out[line] = stored(value);
}

// Whether (x, i) comes before (y, j): larger, a NaN larger than any number, the lower index among equals.
INLINE bool before(float x, u32 i, float y, u32 j) {
  if (is_nan(x) || is_nan(y)) return is_nan(x) && (!is_nan(y) || i < j);
  return x > y || (x == y && i < j);
}

KERNEL argmax(u32 *out, const float *x, u32 rows, u32 length) {
  u32 row = warp_of_grid();
  if (row >= rows) return;
  const float *at = x + (u64)row * length;
  u32 best = min(lane(), length - 1);
  float largest = at[best];
  for (u32 i = lane() + 32; i < length; i += 32) {
    if (before(at[i], i, largest, best)) largest = at[i], best = i;
  }
#pragma unroll
  for (u32 half = 16; half > 0; half /= 2) {
    float other = __shfl_xor_sync(WARP, largest, half);
    u32 place = __shfl_xor_sync(WARP, best, half);
    if (before(other, place, largest, best)) largest = other, best = place;
  }
  if (lane() == 0) out[row] = best;
}

// The lane rule over a stream of values, 32 at a time: blocks of blocks of blocks are enough for any tensor.
struct Lanes {
  float sums[3];
  u32 counts[3];
};

INLINE Lanes no_lanes() {
  Lanes lanes = {{0.0f, 0.0f, 0.0f}, {0, 0, 0}};
  return lanes;
}

// Hands the sum of level `from` to the next.
INLINE void close(Lanes &lanes, int from) {
  float block = __shfl_sync(WARP, folded(lanes.sums[from]), 0);
  if (lane() == lanes.counts[from + 1] % 32) lanes.sums[from + 1] = add(lanes.sums[from + 1], block);
  lanes.counts[from + 1]++;
  lanes.sums[from] = 0.0f, lanes.counts[from] = 0;
}

// Up to 32 values, one a lane; all but the last call bring 32.
INLINE void take(Lanes &lanes, float x, u32 count) {
  if (lanes.counts[0] == 4096) {
    if (lanes.counts[1] == 4096) close(lanes, 1);
    close(lanes, 0);
  }
  if (lane() < count) lanes.sums[0] = add(lanes.sums[0], x);
  lanes.counts[0] += count;
}

INLINE float total(Lanes &lanes) {
  int level = 0;
  if (lanes.counts[1] > 0) {
    if (lanes.counts[1] == 4096) close(lanes, 1);
    close(lanes, 0);
    level = 1;
    if (lanes.counts[2] > 0) close(lanes, 1), level = 2;
  }
  float sum = level == 0 ? lanes.sums[0] : level == 1 ? lanes.sums[1] : lanes.sums[2];
  return stored(__shfl_sync(WARP, folded(sum), 0));
}

// sum of exp(x - max) by the lane rule.
INLINE float row_exponentials(const float *row, u32 length, float largest) {
  Lanes lanes = no_lanes();
  for (u32 first = 0; first < length; first += 32) {
    u32 count = min(32u, length - first);
    take(lanes, lane() < count ? exp(subtract(row[first + lane()], largest)) : 0.0f, count);
  }
  return total(lanes);
}

KERNEL cross_entropy(float *out, const float *logits, const u32 *labels, u32 rows, u32 length) {
  u32 row = warp_of_grid();
  if (row >= rows) return;
  const float *at = logits + (u64)row * length;
  float largest = row_maximum(at, length), sum = row_exponentials(at, length, largest);
  if (lane() != 0) return;
  // A label that is no class has no logit: its loss is NaN.
  float own = labels[row] < length ? at[labels[row]] : nan();
  out[row] = stored(subtract(log(sum), subtract(own, largest)));
}

KERNEL cross_entropy_grad(float *out, const float *logits, const u32 *labels, const float *gradient, u32 rows, u32 length) {
  u32 row = warp_of_grid();
  if (row >= rows) return;
  const float *at = logits + (u64)row * length;
  float largest = row_maximum(at, length), sum = row_exponentials(at, length, largest), scale = gradient[row];
  for (u32 i = lane(); i < length; i += 32) {
    float share = divide(exp(subtract(at[i], largest)), sum);
    out[(u64)row * length + i] = stored(multiply(subtract(share, i == labels[row] ? 1.0f : 0.0f), scale));
  }
}

KERNEL mean(float *out, const float *sum, u32 count) {
  if (thread_of_grid() == 0) out[0] = stored(divide(sum[0], f32_of(count)));
}
