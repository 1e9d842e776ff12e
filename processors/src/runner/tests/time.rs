//! Time: block time, deadlines, outages and clocks, all in virtual time.

use super::world::*;
use crate::runner::{Ended, VirtualTime};
use cairn_log::Place;
use cairn_schemas::event::{AccountOpened, TransferPending, TransferPosted, TransferSettled};
use cairn_schemas::{Account, Amount, EventHash, Fact};
use std::sync::Arc;

/// Acme holds 60 of its 100 for ten seconds; the hash of that transfer.
fn hold(world: &mut World) -> EventHash {
    let (acme, amount) = ("acme".parse::<Account>().unwrap(), |minor| Amount::new(minor).unwrap());
    world.until_taken();
    world.say(ACME, AccountOpened { account: "acme".parse().unwrap() });
    world.until_taken();
    world.say(FOUNDER, TransferPosted { from: Account::Issuer, to: acme.clone(), amount: amount(100) });
    world.until_taken();
    let pending = TransferPending { from: acme, to: Account::Treasury, amount: amount(60), timeout_ms: 10_000 };
    let transfer = world.say(ACME, pending).1;
    world.until_taken();
    transfer
}

#[test]
fn a_deadline_makes_a_block_to_the_millisecond() {
    let mut world = World::new();
    world.start(&world.processor(1));
    hold(&mut world);
    let blocks = world.blocks().len();
    world.pass(10_000);
    assert_eq!(world.blocks().len(), blocks, "at the deadline itself nothing is over");
    world.pass(1);
    assert_eq!(world.blocks().len(), blocks + 1);
    assert_eq!(world.blocks()[blocks].header.time.millis(), START + 10_001);
    assert_eq!(world.verdicts().last(), Some(&"transfer_due"));
    world.pass(60_000);
    assert_eq!(world.blocks().len(), blocks + 1);
    world.check();
}

/// Story `late_but_in_time`: what arrived before the deadline is decided before it fires, however late we are.
#[test]
fn late_but_in_time() {
    let mut world = World::new();
    world.start(&world.processor(1));
    let transfer = hold(&mut world);
    world.log.faults().hold(Place::journal(0));
    world.note(ACME, "its block does not get through");
    world.pass(9_000);
    world.say(ACME, TransferSettled { transfer });
    world.pass(60_000);
    world.log.faults().release(Place::journal(0));
    world.until_taken();
    world.pass(1_000);
    assert_eq!(world.verdicts().last(), Some(&"accepted"));
    assert!(!world.verdicts().contains(&"transfer_due"));
    let last = world.blocks().pop().unwrap();
    assert_eq!(last.header.time.millis(), START + 9_000, "block time waits for the oldest input");
    world.check();
}

#[test]
fn too_late_is_too_late() {
    let mut world = World::new();
    world.start(&world.processor(1));
    let transfer = hold(&mut world);
    world.log.faults().hold(Place::journal(0));
    world.note(ACME, "its block does not get through");
    world.pass(12_000);
    world.say(ACME, TransferSettled { transfer });
    world.log.faults().release(Place::journal(0));
    world.until_taken();
    assert_eq!(world.verdicts()[world.verdicts().len() - 2..], ["transfer_due", "no_such_transfer"]);
    world.check();
}

/// Sum of all extensions.
fn extended(world: &World) -> u64 {
    let facts = world.blocks().into_iter().flat_map(|block| block.body.decisions).flat_map(|decision| decision.facts);
    facts.filter_map(|fact| if let Fact::DeadlinesExtended { by_ms } = fact { Some(by_ms) } else { None }).sum()
}

#[test]
fn our_outage_punishes_nobody() {
    let mut world = World::new();
    let first = world.start(&world.processor(1));
    hold(&mut world);
    first.kill();
    world.pass(60_000);
    world.start(&world.processor(1));
    world.settle();
    assert_eq!(extended(&world), 60_000, "the time in which nobody decided is given back at once");
    world.pass(10_000);
    assert_ne!(world.verdicts().last(), Some(&"transfer_due"));
    world.pass(1);
    assert_eq!(world.verdicts().last(), Some(&"transfer_due"));
    world.check();
}

#[test]
fn an_outage_with_a_backlog_is_given_back_as_a_whole() {
    let mut world = World::new();
    let first = world.start(&world.processor(1));
    hold(&mut world);
    first.kill();
    for _ in 0..3 {
        world.pass(20_000);
        world.note(ACME, "into the outage");
    }
    world.start(&world.processor(2));
    world.until_taken();
    assert_eq!(extended(&world), 60_000);
    world.pass(10_000);
    assert!(!world.verdicts().contains(&"transfer_due"));
    world.pass(1);
    assert!(world.verdicts().contains(&"transfer_due"));
    world.check();
}

#[test]
fn without_open_deadlines_a_restart_makes_no_block() {
    let mut world = World::new();
    let first = world.start(&world.processor(1));
    world.until_taken();
    first.kill();
    let blocks = world.blocks().len();
    world.pass(60_000);
    let second = world.start(&world.processor(1));
    world.pass(60_000);
    assert_eq!(world.blocks().len(), blocks);
    assert_eq!(second.ended(), None);
}

#[test]
fn a_clock_that_is_off_does_not_claim() {
    for off in [-3_000, 3_000] {
        let mut world = World::new();
        let wrong = Arc::new(VirtualTime::new(START + off));
        let mut processor = world.processor(1);
        processor.clock = wrong;
        let led = world.start(&processor);
        world.settle();
        assert_eq!(led.code(), "CRN-3101");
        assert_eq!(world.check_claims(), 0);
    }
}

impl World {
    fn check_claims(&self) -> u64 {
        self.replay(&crate::runner::ReplayOptions::default()).claims
    }
}

#[test]
fn a_clock_that_jumps_ahead_stops_the_processor_and_harms_nobody() {
    let mut world = World::new();
    let own = Arc::new(VirtualTime::new(START));
    let mut processor = world.processor(1);
    processor.clock = own.clone();
    let led = world.start(&processor);
    hold(&mut world);
    own.advance_to(START + 90_000);
    world.pass(9_999);
    world.note(ACME, "makes it look at the clock");
    world.settle();
    world.pass(5_000);
    assert_eq!(led.code(), "CRN-3101");
    assert!(world.voids() > 0, "its block for a deadline that had not passed does not count");
    assert!(!world.verdicts().contains(&"transfer_due"), "no deadline fired early");
    let next = world.start(&world.processor(2));
    world.pass(60_000);
    assert_eq!(next.ended(), None::<Ended>);
    assert!(world.verdicts().contains(&"transfer_due"));
    world.check();
}
