//! Values that tests draw: every special one is in every generator.

use proptest::prelude::*;

/// Ordinary numbers, and often ±0, subnormals, infinities, the NaNs, the extremes.
pub fn float() -> impl Strategy<Value = f32> {
    let special = prop::sample::select(vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::from_bits(1),
        -f32::from_bits(1),
        f32::from_bits(0x007F_FFFF),
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::from_bits(0x7F80_0001),
        f32::from_bits(0xFFC1_2345),
    ]);
    prop_oneof![8 => -4.0f32..4.0, 1 => special, 1 => any::<u32>().prop_map(f32::from_bits)]
}

/// Ordinary numbers only: what an oracle with other rounding can be compared on.
pub fn tame() -> impl Strategy<Value = f32> {
    -2.0f32..2.0
}

/// `count` floats, of which either some or none are special: a single NaN drowns everything else.
pub fn floats(count: usize) -> impl Strategy<Value = Vec<f32>> {
    prop_oneof![prop::collection::vec(float(), count), prop::collection::vec(tame(), count)]
}
