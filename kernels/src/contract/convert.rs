//! Casts between element types: the nearest value, ties to even; beyond an integer's range its end; NaN is the integer 0.
//!
//! Owns one function per pair. Refuses hardware's bf16 instructions, which flush subnormals: integers do it.

use super::scalar::NAN;

/// The upper half of x, rounded to nearest even by integers; a NaN is the one NaN's upper half.
#[inline(always)]
pub fn bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if bits & 0x7FFF_FFFF > 0x7F80_0000 {
        return (NAN.to_bits() >> 16) as u16;
    }
    // Half a unit, less one where the kept part is even: a tie then stays, and a carry grows the exponent as it should.
    ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

/// Exact.
#[inline(always)]
pub fn from_bf16(upper: u16) -> f32 {
    super::scalar::stored(f32::from_bits(u32::from(upper) << 16))
}

/// The nearest integer, ties to even, before any range: |x| ≥ 2^23 is one already.
#[inline(always)]
fn whole(x: f32) -> f32 {
    const SHIFT: f32 = 8_388_608.0; // 2^23: adding it leaves no room for a fraction
    let sign = 1f32.copysign(x);
    if x.abs() < SHIFT { (x + sign * SHIFT) - sign * SHIFT } else { x }
}

/// The nearest u32. A language cast clamps and takes NaN to 0; it cuts fractions, of which none is left.
#[inline(always)]
pub fn u32_of(x: f32) -> u32 {
    whole(x) as u32
}

/// The nearest i32.
#[inline(always)]
pub fn i32_of(x: f32) -> i32 {
    whole(x) as i32
}

/// The nearest integer from −127 to 127.
#[inline(always)]
pub fn i8_of(x: f32) -> i8 {
    i8_within(i64::from(i32_of(x)))
}

/// The nearest integer from −127 to 127.
#[inline(always)]
pub fn i8_within(x: i64) -> i8 {
    x.clamp(-127, 127) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_even_and_ranges_end() {
        let table =
            [(0.5, 0, 0), (1.5, 2, 2), (2.5, 2, 2), (-0.5, 0, 0), (-1.5, 0, -2), (0.499_999_97, 0, 0), (8_388_609.0, 8_388_609, 8_388_609)];
        for (x, unsigned, signed) in table {
            assert_eq!((u32_of(x), i32_of(x)), (unsigned, signed), "{x}");
        }
        assert_eq!([u32_of(f32::INFINITY), u32_of(-1.0), u32_of(f32::NAN)], [u32::MAX, 0, 0]);
        assert_eq!([i32_of(f32::NEG_INFINITY), i32_of(3e9), i32_of(f32::NAN)], [i32::MIN, i32::MAX, 0]);
        assert_eq!([i8_of(-128.0), i8_of(126.5), i8_of(1e30), i8_of(f32::NAN)], [-127, 126, 127, 0]);
    }

    #[test]
    fn bf16_rounds_to_even_and_keeps_subnormals() {
        let table = [
            (0x3F80_8000u32, 0x3F80u16), // a tie: the even one below
            (0x3F81_8000, 0x3F82),       // a tie: the even one above
            (0x3F80_8001, 0x3F81),
            (0x0000_8001, 0x0001),
            (0x7F7F_FFFF, 0x7F80), // rounds over to infinity
            (0xFF80_0000, 0xFF80),
            (0x7F80_0001, 0x7FC0),
            (0x8000_0000, 0x8000),
        ];
        for (x, upper) in table {
            assert_eq!(bf16(f32::from_bits(x)), upper, "{x:#x}");
        }
        for upper in 0..=u16::MAX {
            let x = from_bf16(upper);
            assert!(x.is_nan() || bf16(x) == upper);
        }
    }
}
