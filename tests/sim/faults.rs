//! Faults: everything that goes wrong in a life, drawn one at a time.
//!
//! Owns the table of what may happen. Refuses what the contract of the log excludes: what was durable stays.

use crate::{
    life::Life,
    people::key,
    promises::{PARTITION, place, records},
};
use cairn_log::{EventLog, Place, memory::AppendFault};
use cairn_schemas::{Topic, block::Claim};
use std::sync::atomic::Ordering;

const JOURNAL: Place = Place::journal(PARTITION);

/// One fault, or one member that comes back.
pub fn strike(life: &mut Life) {
    let faults = life.log.faults();
    let member = life.chance.index(life.members.len());
    let name = life.members[member].name;
    let topic = place(Topic::ALL[life.chance.index(Topic::ALL.len())]);
    let anywhere = if life.chance.one_in(3) { topic } else { JOURNAL };
    let what = match life.chance.below(14) {
        0 | 1 => {
            life.members[member].kill();
            "crash of a processor"
        }
        2 => power_cut(life),
        3 | 4 => {
            let fault = append_fault(life);
            faults.next_append(anywhere, fault);
            if life.chance.one_in(3) {
                let fault = append_fault(life);
                faults.next_append(anywhere, fault);
            }
            "append fault"
        }
        5 => {
            faults.gap(anywhere, 1 + life.chance.below(3));
            "gap"
        }
        6 => {
            faults.hold(anywhere);
            "hold"
        }
        7 | 8 => {
            Topic::ALL.iter().map(|topic| place(*topic)).chain([JOURNAL]).for_each(|place| faults.release(place));
            "release"
        }
        9 => {
            faults.give_unseen(PARTITION, name);
            "zombie"
        }
        10 => {
            faults.revoke(PARTITION);
            faults.give(PARTITION, name);
            "reassignment"
        }
        11 => {
            let off_ms = life.chance.below(9_000) as i64 - 4_500;
            life.members[member].clock.off_ms.store(off_ms, Ordering::Relaxed);
            "clock jump"
        }
        12 => intrude(life),
        _ => "recovery",
    };
    life.witness.reached.insert(format!("fault {what}"));
    recover(life, member);
}

fn append_fault(life: &mut Life) -> AppendFault {
    match life.chance.below(5) {
        0 => AppendFault::UnknownWritten,
        1 => AppendFault::UnknownLost,
        2 => AppendFault::UnknownTorn { kept: life.chance.index(2) },
        3 => AppendFault::Duplicated,
        _ => AppendFault::Full,
    }
}

/// The node dies: of what was not synced, a first part survives. Whoever appended learns nothing.
fn power_cut(life: &mut Life) -> &'static str {
    let unsynced = life.log.faults().unsynced();
    let kept = life.chance.index(unsynced + 1);
    life.log.faults().crash(kept);
    life.log = life.log.reopen();
    life.members.iter_mut().for_each(|member| member.kill());
    if kept < unsynced { "lost tail" } else { "power cut" }
}

/// Something in the journal that must not count.
fn intrude(life: &mut Life) -> &'static str {
    let shown = records(&life.log, JOURNAL);
    let record = shown[life.chance.index(shown.len())].bytes.clone();
    let instance = life.witness.state.as_ref().map(|state| state.instance());
    let record = match (life.chance.below(4), instance) {
        (0, Some(instance)) => Claim::signed(instance, PARTITION, 1 + life.chance.below(20), &key("stranger")).to_record().into(),
        (1, _) => record.slice(..life.chance.index(record.len())),
        _ => record,
    };
    let log = life.log.reopen();
    // A held journal answers later, and a fault drawn before may meet this append: both are as good.
    drop(futures::FutureExt::now_or_never(log.append(JOURNAL, vec![record].into())));
    "void record"
}

/// The dead come back now and then, and a partition that nobody leads is given to somebody.
fn recover(life: &mut Life, member: usize) {
    if !life.members[member].lives() && life.chance.one_in(2) {
        life.start(member);
    }
    if life.chance.one_in(3) {
        let name = life.members[member].name;
        life.log.faults().give(PARTITION, name);
    }
}
