//! What the transcendental functions give: the BLAKE3 of their outputs, and the inputs where an error would show first.
//!
//! The outputs of the functions on all 2³² inputs were compared with those of CORE-MATH (crate `core-math` 1.4.0), one by
//! one: no difference. To repeat it: a program outside of this workspace that depends on both crates, and compares `Function::of` and `exec::apply` with `core_math::expf` and
//! so on for every `u32` read as an f32, NaN being equal to NaN. The crate stays outside because its build compiles C for
//! the machine at hand alone.
//! (For tanh, erf, sin and cos: where bounds say that the result is x or ±1, with that; negative inputs with the positive ones' mirror.)

use super::Function;
use crate::exec::Elements;

/// One input in 65 521, which is prime: all exponents and signs. Then the neighbours of every value at which a function
/// changes its course.
pub(crate) fn sample() -> impl Iterator<Item = u32> {
    let neighbours = EDGES.into_iter().flat_map(|edge| (0..32).map(move |n| edge.to_bits().wrapping_add(n).wrapping_sub(16)));
    let special = neighbours.flat_map(|bits| [bits, bits ^ 0x8000_0000]);
    (0..=u32::MAX).step_by(65_521).chain(special)
}

/// Where a result saturates, vanishes, becomes subnormal, equals the argument or leaves the quick phase.
const EDGES: [f32; 22] = [
    0.0,
    f32::MIN_POSITIVE,
    f32::MAX,
    f32::NAN,
    5.960_464_5e-8, // 2^-24
    2.441_406_3e-4, // 2^-12
    0.346_573_6,    // ln 2 ÷ 2
    0.5,
    std::f32::consts::FRAC_1_SQRT_2,
    std::f32::consts::FRAC_PI_4,
    1.0,
    std::f32::consts::SQRT_2,
    std::f32::consts::FRAC_PI_2,
    std::f32::consts::PI,
    3.919_206, // erf rounds to 1
    4.0,
    9.010_913, // tanh rounds to 1
    10.0,
    87.336_54,  // exp(−x) becomes subnormal
    88.722_83,  // exp overflows
    103.972_08, // exp(−x) vanishes
    262_144.0,  // sin and cos leave the quick phase
];

/// Inputs of ordinary size at which the quick phase leaves the rounding in doubt, found among many.
pub(crate) fn hard(function: Function) -> impl Iterator<Item = f32> {
    use super::{Cos, Erf, Exp, Log, Phases, Sin, Tanh, rounded};
    let quick = match function {
        Function::Exp => Exp::quick::<true>,
        Function::Log => Log::quick::<true>,
        Function::Tanh => Tanh::quick::<true>,
        Function::Erf => Erf::quick::<true>,
        Function::Sin => Sin::quick::<true>,
        Function::Cos => Cos::quick::<true>,
    };
    let ordinary = (0x3C00_0000..0x4080_0000u32).step_by(11).map(f32::from_bits);
    ordinary.filter(move |&x| !rounded(quick(x)).1)
}

/// The BLAKE3 of the outputs, each as its bits, little endian.
pub(crate) fn hash_of(inputs: impl Iterator<Item = u32>, apply: impl Fn(&mut [f32])) -> String {
    let mut hash = blake3::Hasher::new();
    let mut inputs = inputs.peekable();
    while inputs.peek().is_some() {
        let mut values: Vec<f32> = inputs.by_ref().take(1 << 14).map(f32::from_bits).collect();
        apply(&mut values);
        hash.update(&Elements::F32(values).to_le_bytes());
    }
    hash.finalize().to_hex().to_string()
}

pub(crate) const OF_SAMPLE: [(Function, &str); 6] = [
    (Function::Exp, "d94c8936bdc8069051afc5f976369a8d4c036ccaf17bba7da701c90e399c31a0"),
    (Function::Log, "d0fa8ec1ead567e5be74512bf1f88d922ccded4e9877da9998a371505dea44bf"),
    (Function::Tanh, "f50cc8c0724a03464920a030ec504bd13e1dc94f1c386fd548a8b035253235e0"),
    (Function::Erf, "154accb75fb05189c7fa5baaa4950338591217e8d5a7d3e34846a640794f693e"),
    (Function::Sin, "5de4ea6c9d400211dbe568e155bc5d0a2f6cf8595d9e6a99db8c19776f31afb7"),
    (Function::Cos, "c48918c59f6588114703eeddf817c4bd76abfefe3d64d7104b213b78508575ae"),
];

/// Of all inputs, in ascending bits.
pub(crate) const OF_ALL: [(Function, &str); 6] = [
    (Function::Exp, "44ac207dec9896234f402a9d2beb29ebb889e3bd52a99df3622ce525f0618cfb"),
    (Function::Log, "874ae018f18cf056d10e442aa1a1e042f05133b95c0e604fd420f27531f51320"),
    (Function::Tanh, "8a11211aa867afb1a45dc6b3e337f9a9992f349d113382ca24a9edb8b514af46"),
    (Function::Erf, "bc2f238a1bc9188f8abccbfc0b3500c255c98a5838940e26125b5e6a92c54440"),
    (Function::Sin, "19f0723401addc05bdb7372aba8fd481951eabbc72af22265942bdb0b29f550b"),
    (Function::Cos, "519e8803c3303ce3733a7b9b970db2a7107dec521dac2ce0846c83cff2947222"),
];

/// The hash of all outputs of one function.
pub(crate) fn of_all(function: Function) -> &'static str {
    OF_ALL.iter().find(|(of, _)| *of == function).map_or("", |(_, hash)| hash)
}
