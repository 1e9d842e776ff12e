//! Stories in which brokers are struck. They run alone, for every other story over the same brokers would feel it.
//!
//! Owns nothing but the list; `tests/run.sh kafka` runs them one after the other.

mod paused;
mod soak;
mod unclean;
