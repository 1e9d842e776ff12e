// The transcendental functions, correctly rounded: contract/scalar in CUDA, phase by phase.
//
// The constants before this file are printed from the Rust ones. A quick phase gives f(x) within 2^-43 or NaN; where that
// leaves the rounding in doubt the careful phase answers, in sums of two doubles.

// A double whose operators round to nearest even by intrinsic.
struct Double {
  double value;
  INLINE_MEMBER Double() {}
  INLINE_MEMBER Double(double x) : value(x) {}
};
INLINE Double operator+(Double a, Double b) { return __dadd_rn(a.value, b.value); }
INLINE Double operator-(Double a, Double b) { return __dsub_rn(a.value, b.value); }
INLINE Double operator*(Double a, Double b) { return __dmul_rn(a.value, b.value); }
INLINE Double operator/(Double a, Double b) { return __ddiv_rn(a.value, b.value); }
INLINE Double fused(Double a, Double b, Double c) { return __fma_rn(a.value, b.value, c.value); }

INLINE u64 bits(Double x) { return (u64)__double_as_longlong(x.value); }
INLINE Double double_from(u64 x) { return __longlong_as_double((long long)x); }
INLINE Double operator-(Double x) { return double_from(bits(x) ^ 0x8000000000000000ull); }
INLINE Double wide(float x) { return (double)x; }
INLINE float narrow(Double x) { return __double2float_rn(x.value); }
INLINE bool is_negative(float x) { return bits(x) >> 31 != 0; }
INLINE bool is_finite(float x) { return (bits(x) & 0x7F800000u) != 0x7F800000u; }
INLINE Double signed_as(Double x, float sign) {
  return double_from((bits(x) & 0x7FFFFFFFFFFFFFFFull) | (u64)(bits(sign) & 0x80000000u) << 32);
}
INLINE Double unanswered() { return double_from(0x7FF8000000000000ull); }

template <int N> INLINE Double polynomial(Double x, const double (&coefficients)[N]) {
  Double sum = coefficients[N - 1];
#pragma unroll
  for (int n = N - 2; n >= 0; n--) sum = fused(x, sum, Double(coefficients[n]));
  return sum;
}

// ---- sums of two doubles -------------------------------------------------------------------------------------------

struct Pair {
  Double high, low;
};
INLINE Pair pair(Double high, Double low) {
  Pair sum = {high, low};
  return sum;
}
INLINE Pair exact(Double x) { return pair(x, Double(0.0)); }
INLINE Pair two_sum(Double a, Double b) {
  Double high = a + b, b_part = high - a;
  return pair(high, (a - (high - b_part)) + (b - b_part));
}
INLINE Pair operator-(Pair a) { return pair(-a.high, -a.low); }
INLINE Pair operator+(Pair a, Pair b) {
  Pair head = two_sum(a.high, b.high), tail = two_sum(a.low, b.low);
  Pair near = two_sum(head.high, head.low + tail.high);
  return two_sum(near.high, near.low + tail.low);
}
INLINE Pair operator-(Pair a, Pair b) { return a + -b; }
INLINE Pair operator*(Pair a, Pair b) {
  Double high = a.high * b.high;
  return two_sum(high, fused(a.high, b.high, -high) + (a.high * b.low + a.low * b.high));
}
INLINE Pair operator*(Pair a, Double b) { return a * exact(b); }
INLINE Pair operator/(Pair a, Pair b) {
  Double quotient = a.high / b.high;
  Pair rest = a - b * quotient;
  return two_sum(quotient, rest.high / b.high);
}
INLINE Pair operator/(Pair a, Double b) { return a / exact(b); }
INLINE Pair times_power(Pair a, Double power) { return pair(a.high * power, a.low * power); }
INLINE Pair signed_by(Pair a, float sign) { return is_negative(sign) ? -a : a; }
INLINE Pair constant(const double (&parts)[2]) { return pair(Double(parts[0]), Double(parts[1])); }

// Rounded once: to odd in binary64, then to nearest even in binary32.
INLINE float rounded(Pair a) {
  u64 word = bits(a.high);
  bool whole = (word & 0x7FF0000000000000ull) == 0x7FF0000000000000ull;
  if (a.low.value == 0.0 || whole || (word & 1)) return stored(narrow(a.high));
  bool away = (a.low.value > 0.0) == (a.high.value > 0.0);
  return stored(narrow(double_from(away ? word + 1 : word - 1)));
}

// ---- the test between the phases -----------------------------------------------------------------------------------

// Whether all values within 2^-42 of y, relatively, have the same nearest f32, which is put in `value`. None has at NaN.
INLINE bool settled(Double y, float &value) {
  value = narrow(y * Double(1.0 - DOUBT[0]));
  return value == narrow(y * Double(1.0 + DOUBT[0]));
}

#define SHIFTED_UNIT Double(6755399441055744.0) /* 1.5 x 2^52: a sum with it has an integer in its low bits */

// ---- exp -----------------------------------------------------------------------------------------------------------

INLINE float exp_bounded(float x) { return x < -104.0f ? -104.0f : x > 89.0f ? 89.0f : x; }

// (g, 2^k) of e^x = 2^k (1 + g) for |x| < 700.
INLINE Double growth(Double x, Double &power) {
  Double shifted = fused(x, Double(LOG2_E[0]), SHIFTED_UNIT), turns = shifted - SHIFTED_UNIT;
  power = double_from((bits(shifted) + 1023) << 52);
  Double head = fused(-turns, Double(LN_2_HEAD[0]), x);
  Double rest = fused(-turns, Double(LN_2_TAIL[0]), head);
  return rest * polynomial(rest, EXP_SERIES);
}

static __device__ __noinline__ Pair careful_growth(Double x, Double &power) {
  Double shifted = x * Double(LOG2_E[0]) + SHIFTED_UNIT;
  power = double_from((bits(shifted) + 1023) << 52);
  Pair rest = exact(x) - constant(LN_2) * (shifted - SHIFTED_UNIT);
  Pair small = times_power(rest, Double(0.015625)), series = exact(Double(1.0));
#pragma unroll 1
  for (int term = 10; term >= 2; term--) series = exact(Double(1.0)) + small * series / Double((double)term);
  Pair growth = small * series;
#pragma unroll 1
  for (int n = 0; n < 6; n++) growth = times_power(growth, Double(2.0)) + growth * growth;
  return growth;
}

static __device__ __noinline__ float careful_exp(float x) {
  Double power;
  Pair growth = careful_growth(wide(exp_bounded(x)), power);
  return rounded(times_power(exact(Double(1.0)) + growth, power));
}

INLINE float exp(float x) {
  Double power, growth_of = growth(wide(exp_bounded(x)), power);
  float y;
  return settled((Double(1.0) + growth_of) * power, y) ? y : careful_exp(x);
}

// ---- log -----------------------------------------------------------------------------------------------------------

// (m, e) of a positive, finite x = 2^e m, m between the roots of 1/2 and 2.
INLINE Double log_parts(float x, Double &exponent) {
  u64 word = bits(wide(x)), biased = (word + (0x3FF0000000000000ull - bits(Double(FRAC_1_SQRT_2[0])))) >> 52;
  exponent = double_from(0x4330000000000000ull | biased) - Double(4503599627371519.0); // 2^52 + 1023
  return double_from(word - (biased << 52) + 0x3FF0000000000000ull);
}

static __device__ __noinline__ float careful_log(float x) {
  if (is_nan(x) || x < 0.0f) return nan();
  if (x == 0.0f) return negate(infinity());
  if (x == infinity()) return x;
  Double exponent, fraction = log_parts(x, exponent);
  Pair s = exact(fraction - Double(1.0)) / (fraction + Double(1.0)), square = s * s, series = exact(Double(0.0));
#pragma unroll 1
  for (int term = 19; term >= 0; term--) series = exact(Double(1.0)) / Double((double)(2 * term + 1)) + square * series;
  return rounded(times_power(s * series, Double(2.0)) + constant(LN_2) * exponent);
}

INLINE float log(float x) {
  Double exponent, fraction = log_parts(x, exponent);
  Double s = (fraction - Double(1.0)) / (fraction + Double(1.0));
  Double y = fused(exponent, Double(LN_2[0]), s * polynomial(s * s, LOG_SERIES));
  float value;
  return settled(x > 0.0f && x < infinity() ? y : unanswered(), value) ? value : careful_log(x);
}

// ---- tanh ----------------------------------------------------------------------------------------------------------

INLINE float tanh_size(float x) { return absolute(x) > 10.0f ? 10.0f : absolute(x); }

static __device__ __noinline__ float careful_tanh(float x) {
  Double power;
  Pair growth = careful_growth(Double(2.0) * wide(tanh_size(x)), power);
  Pair t = times_power(growth, power) + exact(power - Double(1.0));
  return rounded(signed_by(t / (t + exact(Double(2.0))), x));
}

INLINE float tanh(float x) {
  Double power, growth_of = growth(Double(2.0) * wide(tanh_size(x)), power);
  Double t = fused(power, growth_of, power - Double(1.0));
  float y;
  return settled(signed_as(t / (t + Double(2.0)), x), y) ? y : careful_tanh(x);
}

// ---- erf -----------------------------------------------------------------------------------------------------------

INLINE float erf_size(float x) { return absolute(x) > 4.0f ? 4.0f : absolute(x); }

static __device__ __noinline__ float careful_erf(float x) {
  Double size = wide(erf_size(x)), square = size * size, power;
  Pair series = exact(Double(1.0));
#pragma unroll 1
  for (int term = 80; term >= 1; term--) {
    series = exact(Double(1.0)) + series * (Double(2.0) * square) / Double((double)(2 * term + 1));
  }
  Pair growth = careful_growth(-square, power);
  Pair bell = times_power(exact(Double(1.0)) + growth, power);
  return rounded(signed_by(constant(TWO_OVER_ROOT_PI) * bell * size * series, x));
}

INLINE float erf(float x) {
  Double size = wide(erf_size(x)), u = fused(size * size, Double(0.125), Double(-1.0));
  float y;
  return settled(signed_as(size * polynomial(u, ERF_SERIES), x), y) ? y : careful_erf(x);
}

// ---- sin, cos ------------------------------------------------------------------------------------------------------

// sin(rest + quadrant x pi/2).
INLINE Double turned(Double rest, u64 quadrant) {
  Double square = rest * rest;
  Double sine = rest * polynomial(square, SINE), cosine = polynomial(square, COSINE);
  return double_from(bits(quadrant & 1 ? cosine : sine) ^ (quadrant & 2) << 62);
}

INLINE u64 bits_of_two_over_pi(u32 first) {
  u32 word = first / 64, bit = first % 64;
  u64 left = TWO_OVER_PI[word], right = TWO_OVER_PI[word + 1];
  return bit == 0 ? left : left << bit | right >> (64 - bit);
}

// Payne and Hanek's product for 0.5 <= x < infinity: (r, k modulo 4) of x = k pi/2 + r.
static __device__ __noinline__ Pair multiplied(float x, u64 &quadrant) {
  u64 integer = (bits(x) & 0x007FFFFFu) | 0x00800000u;
  u32 first = (bits(x) >> 23) - 88;
  u64 upper = bits_of_two_over_pi(first), middle = bits_of_two_over_pi(first + 64), lower = bits_of_two_over_pi(first + 128);
  // x times 2/pi modulo 4, in units of 2^-126, as two words.
  u64 low = integer * middle, carried = __umul64hi(integer, lower);
  u64 high = integer * upper + __umul64hi(integer, middle);
  low += carried;
  high += low < carried;
  quadrant = (high + (1ull << 61)) >> 62;
  u64 fraction_high = high << 2 | low >> 62, fraction_low = low << 2;
  bool negative = fraction_high >> 63 != 0;
  if (negative) {
    fraction_low = ~fraction_low + 1;
    fraction_high = ~fraction_high + (fraction_low == 0);
  }
  // Four words of 32 bits, each exact, in units of 2^-128.
  Pair size = exact(Double(__uint2double_rn((u32)(fraction_high >> 32))) * double_from(0x3DF0000000000000ull));
  size = size + exact(Double(__uint2double_rn((u32)fraction_high)) * double_from(0x3BF0000000000000ull));
  size = size + exact(Double(__uint2double_rn((u32)(fraction_low >> 32))) * double_from(0x39F0000000000000ull));
  size = size + exact(Double(__uint2double_rn((u32)fraction_low)) * double_from(0x37F0000000000000ull));
  size = size * constant(HALF_PI);
  return negative ? -size : size;
}

// (r, k modulo 4) of a finite x.
INLINE Pair reduced(float x, u64 &quadrant) {
  float size = absolute(x);
  quadrant = 0;
  Pair rest = size < FRAC_PI_4 ? exact(wide(size)) : multiplied(size, quadrant);
  if (is_negative(x)) quadrant = 0 - quadrant;
  return signed_by(rest, x);
}

static __device__ __noinline__ float careful_sine(float x, u64 ahead) {
  if (!is_finite(x)) return nan();
  u64 quadrant;
  Pair rest = reduced(x, quadrant), square = rest * rest, series = exact(Double(1.0));
  quadrant += ahead;
  float value;
  if (settled(turned(rest.high, quadrant), value)) return value;
  bool cosine = quadrant & 1;
#pragma unroll 1
  for (int term = 13; term >= 0; term--) {
    int next = 2 * term + (cosine ? 1 : 2);
    series = exact(Double(1.0)) - square * series / Double((double)(next * (next + 1)));
  }
  Pair size = cosine ? series : rest * series;
  return rounded(quadrant & 2 ? -size : size);
}

INLINE float sine(float x, u64 ahead) {
  Double shifted = fused(wide(x), Double(FRAC_2_PI[0]), SHIFTED_UNIT), turns = shifted - SHIFTED_UNIT;
  Double head = fused(-turns, Double(HALF_PI_HEAD[0]), wide(x));
  Double middle = fused(-turns, Double(HALF_PI_MIDDLE[0]), head);
  Double rest = fused(-turns, Double(HALF_PI_TAIL[0]), middle);
  Double y = turned(rest, bits(shifted) + ahead);
  float value;
  return settled(absolute(x) <= 262144.0f ? y : unanswered(), value) ? value : careful_sine(x, ahead);
}

INLINE float sin(float x) { return sine(x, 0); }
INLINE float cos(float x) { return sine(x, 1); }

// With e = exp(-|x|) and r = 1 / (1 + e): e times r for x < 0, else r.
INLINE float sigmoid(float x) {
  float e = exp(negate(absolute(x))), r = divide(1.0f, add(1.0f, e));
  return x < 0.0f ? multiply(e, r) : r;
}
