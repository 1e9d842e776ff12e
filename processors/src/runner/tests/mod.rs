//! Tests of the runner, in a world of virtual time.

#![allow(clippy::unwrap_used)]

mod crash;
mod fair;
mod hold;
mod lead;
mod replay;
mod rivals;
mod snapshots;
mod time;
mod world;
