// Scalars of the contract: binary32 to nearest even, each operation by the intrinsic that names its rounding, one NaN.
//
// Everything else is built from these; no float operator stands in any other file.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char i8;
typedef int i32;

#define INLINE static __device__ __forceinline__
#define INLINE_MEMBER __device__ __forceinline__
#define KERNEL extern "C" __global__ void

INLINE u32 thread_of_grid() { return blockIdx.x * blockDim.x + threadIdx.x; }

INLINE u32 bits(float x) { return __float_as_uint(x); }
INLINE float from_bits(u32 x) { return __uint_as_float(x); }

INLINE float infinity() { return from_bits(0x7F800000u); }
INLINE bool is_nan(float x) { return (bits(x) & 0x7FFFFFFFu) > 0x7F800000u; }
INLINE float nan() { return from_bits(0x7FC00000u); }

// What is stored for x: itself, or the one NaN. Chosen among integers: a choice among floats may be dropped.
INLINE float stored(float x) { return from_bits(is_nan(x) ? 0x7FC00000u : bits(x)); }

INLINE float add(float a, float b) { return __fadd_rn(a, b); }
INLINE float subtract(float a, float b) { return __fsub_rn(a, b); }
INLINE float multiply(float a, float b) { return __fmul_rn(a, b); }
INLINE float divide(float a, float b) { return __fdiv_rn(a, b); }
INLINE float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
INLINE float root(float x) { return __fsqrt_rn(x); }
INLINE float negate(float x) { return from_bits(bits(x) ^ 0x80000000u); }
INLINE float absolute(float x) { return from_bits(bits(x) & 0x7FFFFFFFu); }
INLINE float reciprocal(float x) { return __fdiv_rn(1.0f, x); }

// The integer that orders numbers as they are ordered, with -0 < +0.
INLINE i32 rank(float x) { return (i32)bits(x) < 0 ? (i32)(bits(x) ^ 0x7FFFFFFFu) : (i32)bits(x); }

// The larger: NaN wins, -0 < +0. Chosen among integers, so that neither needs the hardware's max, which has another rule for NaN.
INLINE float maximum(float a, float b) {
  if (is_nan(a) || is_nan(b)) return nan();
  return rank(a) > rank(b) ? a : b;
}
INLINE float minimum(float a, float b) { return negate(maximum(negate(a), negate(b))); }

INLINE float relu(float x) { return maximum(x, 0.0f); }
INLINE float relu_grad(float x, float gradient) { return x > 0.0f ? gradient : 0.0f; }

template <class T> INLINE u32 equal(T a, T b) { return a == b; }
template <class T> INLINE u32 less(T a, T b) { return a < b; }
template <class T> INLINE u32 less_or_equal(T a, T b) { return a <= b; }
template <class T> INLINE T select(u32 condition, T a, T b) { return condition != 0 ? a : b; }

// Casts: nearest, ties to even, clamped, NaN to 0 (as cvt.rni does); from -127 to 127 for i8.
INLINE i8 i8_within(i32 x) { return (i8)(x < -127 ? -127 : x > 127 ? 127 : x); }
INLINE u32 u32_of(float x) { return __float2uint_rn(x); }
INLINE i32 i32_of(float x) { return __float2int_rn(x); }
INLINE i8 i8_of(float x) { return i8_within(__float2int_rn(x)); }
INLINE u16 bf16_of(float x) {
  u32 word = bits(x);
  return is_nan(x) ? (u16)0x7FC0 : (u16)((word + 0x7FFFu + (word >> 16 & 1u)) >> 16);
}
INLINE float f32_of(u32 x) { return __uint2float_rn(x); }
INLINE i32 i32_of(u32 x) { return x > 0x7FFFFFFFu ? 0x7FFFFFFF : (i32)x; }
INLINE i8 i8_of(u32 x) { return (i8)(x > 127u ? 127u : x); }
INLINE float f32_of(i32 x) { return __int2float_rn(x); }
INLINE u32 u32_of(i32 x) { return x < 0 ? 0u : (u32)x; }
INLINE i8 i8_of(i32 x) { return i8_within(x); }
INLINE float f32_of(i8 x) { return __int2float_rn(x); }
INLINE u32 u32_of(i8 x) { return x < 0 ? 0u : (u32)x; }
INLINE i32 i32_of(i8 x) { return x; }
INLINE float f32_of(u16 upper) { return stored(from_bits((u32)upper << 16)); }

// Division of numbers below 2^31 by one that is known before: with 2^(shift - 1) < by <= 2^shift the multiplier, the integer
// above 2^(31 + shift) / by, is too large by less than one part in 2^31. `elementwise` fills the same words.
struct Divisor {
  u32 by, shift, multiplier;
  INLINE_MEMBER Divisor(u32 by) : by(by), shift(32 - __clz((int)(by - 1))), multiplier((u32)((1ull << (31 + shift)) / by) + 1) {}
  // Leaves the quotient in x, and returns the remainder.
  INLINE_MEMBER u32 divide(u32 &x) const {
    u32 whole = x;
    x = __umulhi(2 * x, multiplier) >> shift;
    return whole - x * by;
  }
};

// Word e mod 4 of Philox4x32-10 under a key at counter (e / 4, sample, site, step).
INLINE u32 philox(u32 key0, u32 key1, u32 element, u32 sample, u32 site, u32 step) {
  u32 x0 = element / 4, x1 = sample, x2 = site, x3 = step;
#pragma unroll
  for (int round = 0; round < 10; round++) {
    u32 a_high = __umulhi(x0, 0xD2511F53u), a_low = x0 * 0xD2511F53u;
    u32 b_high = __umulhi(x2, 0xCD9E8D57u), b_low = x2 * 0xCD9E8D57u;
    x0 = b_high ^ x1 ^ key0, x1 = b_low, x2 = a_high ^ x3 ^ key1, x3 = a_low;
    key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
  }
  u32 word = element % 4;
  return word < 2 ? (word == 0 ? x0 : x1) : (word == 2 ? x2 : x3);
}
