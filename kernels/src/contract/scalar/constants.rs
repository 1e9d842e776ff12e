//! The functions' constants by name, for those who print them into another language's source.
//!
//! Owns nothing but the list: each constant lives with its function.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, LOG2_E};

use super::{erf, exp, function, log, pair::Pair, trig};

/// Numbers of binary64.
pub(crate) const DOUBLES: [(&str, &[f64]); 17] = [
    ("DOUBT", &[function::DOUBT]),
    ("LOG2_E", &[LOG2_E]),
    ("LN_2", &both(exp::LN_2)),
    ("LN_2_HEAD", &[exp::LN_2_HEAD]),
    ("LN_2_TAIL", &[exp::LN_2_TAIL]),
    ("EXP_SERIES", &exp::SERIES),
    ("FRAC_1_SQRT_2", &[FRAC_1_SQRT_2]),
    ("LOG_SERIES", &log::SERIES),
    ("ERF_SERIES", &erf::SERIES),
    ("TWO_OVER_ROOT_PI", &both(erf::TWO_OVER_ROOT_PI)),
    ("FRAC_2_PI", &[FRAC_2_PI]),
    ("HALF_PI_HEAD", &[trig::HALF_PI_HEAD]),
    ("HALF_PI_MIDDLE", &[trig::HALF_PI_MIDDLE]),
    ("HALF_PI_TAIL", &[trig::HALF_PI_TAIL]),
    ("HALF_PI", &both(trig::HALF_PI)),
    ("SINE", &trig::SINE),
    ("COSINE", &trig::COSINE),
];

/// Words of 64 bits.
pub(crate) const WORDS: [(&str, &[u64]); 1] = [("TWO_OVER_PI", &trig::TWO_OVER_PI)];

const fn both(pair: Pair) -> [f64; 2] {
    [pair.high, pair.low]
}
