//! The seeded simulation: processors that crash and compete, a log that fails, authors that lie, and promises that hold all the same.
//!
//! Owns which seeds are lived through and how a failing one is told. The real log in memory, the real runner and the real decider
//! run in virtual time on one thread; `CAIRN_SIM_SEEDS` says how many lives, `CAIRN_SIM_SEED` repeats one.
#![allow(clippy::unwrap_used)]

mod chance;
mod faults;
mod labour;
mod life;
mod members;
mod people;
mod promises;

use cairn_log::store::Store;
use cairn_processors::planted::{Fault, plant};
use cairn_processors::runner::Snapshots;
use promises::Reached;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Lives in CI, over both halves.
const SEEDS: u64 = 500;
/// Lives from which on a half reaches everything.
const ENOUGH: u64 = 200;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// One life; a panic anywhere is a broken promise, too. Every seventh life keeps snapshots.
fn live(seed: u64) -> Result<Reached, String> {
    let folder = seed.is_multiple_of(7).then(|| tempfile::tempdir().unwrap());
    let snapshots = folder.as_ref().map(|folder| Snapshots::over(Store::local(folder.path()).unwrap()));
    catch_unwind(AssertUnwindSafe(|| life::live(seed, snapshots))).unwrap_or_else(|panic| Err(told(panic.as_ref())))
}

fn told(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
    format!("panicked: {}", text.unwrap_or_default())
}

/// Lives through every second seed; none may break a promise, and together they must meet what a simulation is for.
fn half(of: u64) {
    let seeds: Vec<u64> = match number("CAIRN_SIM_SEED") {
        Some(seed) => (seed..=seed).filter(|seed| seed % 2 == of).collect(),
        None => (0..number("CAIRN_SIM_SEEDS").unwrap_or(SEEDS)).filter(|seed| seed % 2 == of).collect(),
    };
    let mut reached = Reached::new();
    for seed in &seeds {
        match live(*seed) {
            Ok(more) => reached.extend(more),
            Err(why) => {
                panic!("seed {seed}: {why}\nrepeat it: CAIRN_SIM_SEED={seed} cargo test --release -p cairn-tests --test sim -- --nocapture")
            }
        }
    }
    if seeds.len() as u64 >= ENOUGH {
        let wanted = include_str!("reached.txt").lines().filter(|line| !line.is_empty());
        let missing: Vec<&str> = wanted.filter(|line| !reached.contains(*line)).collect();
        assert!(missing.is_empty(), "{} lives never reached {missing:?}; they reached {reached:#?}", seeds.len());
    }
}

#[test]
fn the_promises_hold_in_even_lives() {
    half(0);
}

#[test]
fn the_promises_hold_in_odd_lives() {
    half(1);
}

/// A simulation that finds nothing may be blind: faults that were planted on purpose must be found within a few lives.
#[test]
fn planted_faults_are_found() {
    for fault in Fault::ALL {
        plant(Some(*fault));
        let found = (0..40).find_map(|seed| live(seed).err());
        plant(None);
        let why = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
        println!("{fault:?} was found: {why}");
    }
}

/// A failure is of use only if its seed brings it back.
#[test]
fn a_seed_repeats_its_life() {
    assert_eq!(live(4), live(4));
}
