//! Interleavings: whatever workers say, in whatever order, the promises of the books hold and every job ends.
#![allow(clippy::unwrap_used)]

use super::{Outcome, World, find, labour, labour::HONESTLY, training::VERBS, verbs};
use crate::decider::books::Task;
use cairn_schemas::{
    Amount, Fact, PublicKey,
    event::{CheckFailed, CheckFailure, JobCancelled, StakeReleased, WorkRetracted, WorkerRetired},
    fact::WorkerState,
    ids::TaskId,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const PEOPLE: [&str; 4] = ["ann", "bob", "cyd", "dan"];
/// The only one that lies, so the only one that may ever be slashed.
const LIAR: &str = "ann";

fn says(world: &mut World, sentence: &str) -> Result<Outcome, String> {
    let (verb, arguments) = find(&[verbs::VERBS, VERBS], sentence).ok_or("no verb fits")?;
    verb(world, &arguments)
}

/// A world with four workers and two jobs: one checked in part, one in full.
fn begun() -> World {
    let mut world = World::new().unwrap();
    for sentence in
        ["acme has 1000", "ann works for stake 100", "bob works for stake 100", "cyd works for stake 120", "dan works for stake 40"]
    {
        world.next_block().unwrap();
        says(&mut world, sentence).unwrap();
    }
    for sentence in [
        "acme submits digits with shards 3 attempts 2 rate 0.5 escrow 100 stake 40",
        "acme submits other with assurance full rounds 2 escrow 120",
    ] {
        world.next_block().unwrap();
        assert_eq!(says(&mut world, sentence).unwrap(), Outcome::Said("accepted".into()));
    }
    world
}

/// One act, told by three bytes. `Err` means that there was nothing to say.
fn act(world: &mut World, [kind, actor, of]: [u8; 3]) -> Result<Outcome, String> {
    let who = PEOPLE[usize::from(actor) % PEOPLE.len()];
    let task = labour::task(world, &format!("{}/{}", if of & 1 == 0 { "digits" } else { "other" }, (of >> 1) % 8))?;
    let attempt = labour::attempt(world, &task);
    match kind % 24 {
        0..12 => nudge(world, of, if actor & 3 == 0 { "lying" } else { HONESTLY }),
        12 => says(world, &format!("{who} accepts {}", word(of))),
        13 => {
            let ask = labour::commitment(world, who, task, HONESTLY)?;
            world.say(who, ask)
        }
        14 => world.say(who, WorkRetracted { task, attempt }),
        15 => {
            let who = labour::person(world, &format!("verifier@{}", word(of))).unwrap_or_else(|_| who.to_owned());
            world.say(&who, CheckFailed { task, attempt, reason: CheckFailure::Unavailable })
        }
        16 => passes(world, u64::from(of) / 4),
        17 => world.outage(1_000 * u64::from(of)).map(|()| Outcome::Done),
        18 if of > 200 => world.say(who, WorkerRetired {}),
        18 => says(world, &format!("{who} becomes a worker")),
        19 if of > 240 => world.say("acme", JobCancelled { job: task.job }),
        19 => world.say(who, StakeReleased { to: verbs::account(world, who)?, amount: Amount::new(5).unwrap_or_default() }),
        20 => {
            let ask = labour::opening(world, who, task, "lying")?;
            world.say(who, ask)
        }
        21 => {
            let ask = labour::answer(world, who, task, "inventing")?;
            world.say(who, ask)
        }
        22 => says(world, &format!("{who} copies the seal of {}", word(of))),
        _ => says(world, &format!("{who} stakes 3")),
    }
}

fn word(of: u8) -> String {
    format!("{}/{}", if of & 1 == 0 { "digits" } else { "other" }, (of >> 1) % 8)
}

fn passes(world: &mut World, seconds: u64) -> Result<Outcome, String> {
    world.pass(1_000 * seconds);
    Ok(Outcome::Done)
}

/// Somebody does what is awaited; only the liar lies.
fn nudge(world: &mut World, which: u8, manner: &str) -> Result<Outcome, String> {
    let owed: Vec<(TaskId, Task, PublicKey)> =
        world.state.tasks.all().filter_map(|(of, task)| Some((of, task.clone(), labour::awaited(world, &of, task)?))).collect();
    let (of, task, who) = owed.get(usize::from(which) % owed.len().max(1)).ok_or("nothing is awaited")?;
    let who = world.state.workers.get(world.realm(), who).ok_or("no such worker")?.name.to_string();
    // A lie is told from the commitment on, or the opening would not fit.
    let manner = if who == LIAR { manner } else { HONESTLY };
    labour::act(world, &who, *of, task, manner)
}

/// Honest work and time until every job has ended.
fn finish(world: &mut World) {
    for turn in 0..4_000u32 {
        world.next_block().unwrap();
        if world.state.jobs.iter().next().is_none() {
            return;
        }
        if turn % 4 == 3 || nudge(world, turn as u8, HONESTLY).is_err() {
            world.pass(7_000);
        }
        world.check().unwrap();
    }
    panic!("a job never ended");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_promises_hold_in_any_order(acts in proptest::collection::vec(any::<[u8; 3]>(), 1..250)) {
        let mut world = begun();
        for bytes in acts {
            // Some acts share a block with the one before.
            if bytes[0] & 64 == 0 {
                world.next_block().unwrap();
            }
            if let Ok(outcome) = act(&mut world, bytes) {
                prop_assert!(outcome != Outcome::Said("rejected internal".into()));
            }
            prop_assert_eq!(world.check(), Ok(()));
        }
        finish(&mut world);
        prop_assert_eq!(world.settle(), Ok(()));
        let slashed = |fact: &Fact| matches!(fact, Fact::WorkerChanged { name, state: WorkerState::Slashed, .. } if name.as_str() != LIAR);
        prop_assert!(!world.journal.iter().flat_map(|decision| &decision.facts).any(slashed), "somebody honest was slashed");
    }
}

/// The property above is worth what its acts reach: these facts, all of them, within a few fixed seeds.
#[test]
fn the_interleavings_reach_every_turn_of_a_task() {
    let mut reached = std::collections::BTreeSet::new();
    for seed in 0..60u32 {
        let mut world = begun();
        for at in 0..200u32 {
            let bytes = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(at.to_be_bytes()).finalize();
            world.next_block().unwrap();
            let _nothing_to_say = act(&mut world, [bytes[0], bytes[1], bytes[2]]);
        }
        finish(&mut world);
        reached.extend(world.journal.iter().flat_map(|decision| &decision.facts).map(Fact::name));
    }
    let wanted = "attempt.timed_out attempt.voided bond.forfeited bond.freed bond.locked challenge.drawn check.closed check.failed \
        checker.drawn checker.voided deadlines.extended dispute.closed dispute.opened escrow.held escrow.refunded job.accepted job.closing \
        job.completed job.failed opening.kept payment.made round.closed seal.kept stake.slashed task.assigned task.created task.verified \
        task.waiting third.drawn work.kept";
    let missing: Vec<&str> = wanted.split_whitespace().filter(|name| !reached.contains(name)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
}
