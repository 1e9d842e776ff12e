//! Verbs and checks about workers, jobs, tasks and checks.
//!
//! Owns the sentences of the training books. Refuses judgement: a verb only says things.

use super::{
    Check, Verb,
    verbs::{account, parse},
};
use cairn_schemas::event::WorkerRegistered;

pub const VERBS: &[(&str, Verb)] = &[("_ becomes a worker", |world, args| {
    let ask = WorkerRegistered { name: parse(args[0])?, account: account(world, args[0])? };
    world.say(args[0], ask)
})];

pub const CHECKS: &[(&str, Check)] = &[];
