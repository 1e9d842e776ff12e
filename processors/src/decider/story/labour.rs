//! Labour: what workers do in a story, honestly or not.
//!
//! Owns made-up traces, which depend on a task's input and the index alone, as real ones do, and a way of telling a lie: a manner of
//! work that is not `honestly` gives other states from the first step on, the same for the same manner. Also the round in
//! which everybody does what is awaited. Refuses judgement: what a lie leads to, the decider says.

use super::{
    Outcome, World,
    world::{id, text},
};
use crate::decider::books::{Check, Stage, Task, Turn};
use cairn_schemas::{
    BlobRef, PublicKey,
    event::{CheckRevealed, CheckSealed, Opening, Score, TaskAccepted, TraceLeaf, WorkCommitted, WorkOpened},
    fact::TaskKind,
    ids::{BlobHash, JobId, Root, StateRoot, TaskId},
    merkle::batch,
    trace,
    value::ByteString,
};
use sha2::{Digest, Sha256};

/// Acts after which a round of work is given up.
const PATIENCE: usize = 5_000;
/// How honest work is called.
pub const HONESTLY: &str = "honestly";
/// Records of a story's evaluation that are told right, of ten.
const CORRECT: u64 = 9;

type Said = Result<Outcome, String>;

/// A task by its word: `3` of the job `digits`, `other/3`, or an alias.
pub fn task(world: &World, word: &str) -> Result<TaskId, String> {
    let word = world.aliases.get(word).map_or(word, String::as_str);
    let (job, index) = word.split_once('/').unwrap_or(("digits", word));
    Ok(TaskId { job: JobId(world.called(job).0), index: index.parse().map_err(text)? })
}

/// A person by name, by an alias, or by the part it has in a task: `author@3`, `verifier@3`, `third@3`, or somebody
/// who has none, `bystander@3`.
pub fn person(world: &World, word: &str) -> Result<String, String> {
    let Some((part, of)) = word.split_once('@') else { return Ok(world.aliases.get(word).cloned().unwrap_or_else(|| word.to_owned())) };
    let of = task(world, of)?;
    let author = world.state.tasks.get(&of).and_then(|task| task.stage.worker());
    let check = world.state.checks.get(&of);
    let checker = |third: bool| check.and_then(|check| if third { check.third.as_ref() } else { check.verifier.as_ref() });
    let found = match part {
        "author" => author,
        "verifier" => checker(false).map(|checker| &checker.worker),
        "third" => checker(true).map(|checker| &checker.worker),
        "bystander" => {
            let parts = [author, checker(false).map(|checker| &checker.worker), checker(true).map(|checker| &checker.worker)];
            let mut others = world.state.workers.staked(world.realm(), cairn_schemas::Amount::ZERO).map(|(who, _)| who);
            others.find(|who| !parts.contains(&Some(who)))
        }
        _ => None,
    };
    name_of(world, found.ok_or_else(|| format!("nobody is {word}"))?)
}

fn name_of(world: &World, who: &PublicKey) -> Result<String, String> {
    let worker = world.state.workers.get(world.realm(), who).ok_or("no such worker")?;
    Ok(worker.name.to_string())
}

/// The open attempt at a task; the first, if there is none.
pub fn attempt(world: &World, of: &TaskId) -> u32 {
    world.state.tasks.get(of).map_or(1, |task| task.attempt)
}

/// A leaf as it comes out in this manner of work.
fn leaf(input: StateRoot, index: u32, manner: &str) -> TraceLeaf {
    if index == 0 {
        return TraceLeaf { index, state: input, figures: [0, 0] };
    }
    let state = Sha256::new().chain_update(input.0).chain_update(index.to_be_bytes()).chain_update(manner).finalize();
    TraceLeaf { index, state: StateRoot(state.into()), figures: [u64::from(index), 7] }
}

/// The whole trace of a task in this manner.
fn leaves(world: &World, of: &TaskId, manner: &str) -> Result<Vec<TraceLeaf>, String> {
    let job = world.state.jobs.get(&of.job).ok_or("the job is not open")?;
    let kind = job.place(of.index).kind;
    let input = job.input(of.index).0;
    let mut all: Vec<TraceLeaf> = (0..job.leaves(kind)).map(|index| leaf(input, index, manner)).collect();
    if let (TaskKind::Evaluate, Some(last)) = (kind, all.last_mut()) {
        last.figures = [CORRECT, job.terms.data.test];
    }
    Ok(all)
}

/// What an honest worker would commit; a lie differs in `manner`.
pub fn commitment(world: &World, who: &str, of: TaskId, manner: &str) -> Result<WorkCommitted, String> {
    let job = world.state.jobs.get(&of.job).ok_or("the job is not open")?;
    let (all, attempt) = (leaves(world, &of, manner)?, attempt(world, &of));
    let last = all.last().ok_or("no leaves")?;
    let evaluates = job.place(of.index).kind == TaskKind::Evaluate;
    Ok(WorkCommitted {
        instance: world.state.instance(),
        task: of,
        attempt,
        worker: id(who),
        program: job.terms.program.hash,
        input: job.input(of.index).0,
        leaves: all.len() as u32,
        trace: trace::root(&of, attempt, &id(who), &all),
        result: blob(last.state),
        score: evaluates.then_some(Score { correct: CORRECT, total: job.terms.data.test }),
    })
}

/// The openings that the challenge asks of the worker now.
pub fn opening(world: &World, who: &str, of: TaskId, manner: &str) -> Result<WorkOpened, String> {
    let check = world.state.checks.get(&of).ok_or("nothing is committed")?;
    let all = leaves(world, &of, manner)?;
    let tree = batch::Batch::new(&trace::leaf_hashes(&of, check.attempt, &id(who), &all));
    let openings = wanted(check).into_iter().map(|index| {
        let path = tree.prove(index as usize).map_err(text)?;
        let leaf = *all.get(index as usize).ok_or("no such leaf")?;
        let predecessor = check.turn == Turn::Open && !check.steps.is_empty() && index > 0;
        Ok(Opening { leaf, path: path.into_iter().map(Root).collect(), state: predecessor.then(|| blob(leaf.state)) })
    });
    Ok(WorkOpened { task: of, attempt: check.attempt, openings: openings.collect::<Result<_, String>>()? })
}

fn wanted(check: &Check) -> std::collections::BTreeSet<u32> {
    let last = check.leaves - 1;
    match check.turn {
        Turn::Answer => check.steps.iter().copied().chain([last]).collect(),
        _ if check.steps.is_empty() => [0, last].into(),
        _ => check.steps.iter().map(|step| step - 1).chain([0]).collect(),
    }
}

/// What a checker recomputes of the drawn steps.
pub fn answer(world: &World, who: &str, of: TaskId, manner: &str) -> Result<CheckRevealed, String> {
    let check = world.state.checks.get(&of).ok_or("nothing is committed")?;
    let all = leaves(world, &of, manner)?;
    let leaves = check.steps.iter().filter_map(|step| all.get(*step as usize).copied()).collect();
    let salt = Sha256::digest(format!("salt of {who} for {of}"))[..16].to_vec();
    Ok(CheckRevealed { task: of, attempt: check.attempt, salt: ByteString(salt), leaves })
}

/// The seal of what a checker will reveal.
pub fn seal(who: &str, answer: &CheckRevealed) -> CheckSealed {
    let seal = trace::seal(&id(who), &answer.task, answer.attempt, &answer.salt.0, &answer.leaves);
    CheckSealed { task: answer.task, attempt: answer.attempt, seal }
}

pub fn blob(state: StateRoot) -> BlobRef {
    BlobRef { hash: BlobHash(state.0), size: 64 }
}

/// How somebody takes part in a round of work.
#[derive(Clone, Copy, Debug)]
pub enum Conduct<'a> {
    Honest,
    Silent(&'a str),
    Cheats(&'a str),
}

/// Everybody does what is awaited of them, one act in a block, until nothing is.
pub fn goes_on(world: &mut World, conduct: Conduct<'_>) -> Said {
    for _ in 0..PATIENCE {
        world.next_block()?;
        let Some(outcome) = next_act(world, conduct)? else { return Ok(Outcome::Done) };
        super::verbs::must(outcome)?;
        world.check()?;
    }
    Err("the work never ends".into())
}

/// The first act that anybody owes and does.
fn next_act(world: &mut World, conduct: Conduct<'_>) -> Result<Option<Outcome>, String> {
    let all: Vec<(TaskId, Task)> = world.state.tasks.all().map(|(id, task)| (id, task.clone())).collect();
    for (of, task) in all {
        let Some(who) = awaited(world, &of, &task) else { continue };
        let who = name_of(world, &who)?;
        if !matches!(conduct, Conduct::Silent(silent) if silent == who) {
            let manner = if matches!(conduct, Conduct::Cheats(cheat) if cheat == who) { "lying" } else { HONESTLY };
            return act(world, &who, of, &task, manner).map(Some);
        }
    }
    Ok(None)
}

/// Whose word a task awaits.
pub fn awaited(world: &World, of: &TaskId, task: &Task) -> Option<PublicKey> {
    match task.stage {
        Stage::Assigned { worker, .. } | Stage::Working { worker, .. } => Some(worker),
        Stage::Waiting { .. } | Stage::Void => None,
        Stage::Committed { worker } => {
            let check = world.state.checks.get(of)?;
            match check.turn {
                Turn::Committed => None,
                Turn::Open | Turn::Answer => Some(worker),
                _ => check.checker().map(|(_, checker)| checker.worker),
            }
        }
    }
}

/// Does what the task awaits, in this manner.
pub fn act(world: &mut World, who: &str, of: TaskId, task: &Task, manner: &str) -> Said {
    match (task.stage, world.state.checks.get(&of).map(|check| check.turn)) {
        (Stage::Assigned { .. }, _) => world.say(who, TaskAccepted { task: of, attempt: task.attempt }),
        (Stage::Working { .. }, _) => world.say(who, commitment(world, who, of, manner)?),
        (_, Some(Turn::Open | Turn::Answer)) => world.say(who, opening(world, who, of, manner)?),
        (_, Some(Turn::Seal | Turn::ThirdSeal)) => world.say(who, seal(who, &answer(world, who, of, manner)?)),
        (_, Some(Turn::Reveal | Turn::ThirdReveal)) => world.say(who, answer(world, who, of, manner)?),
        _ => Err("nothing is awaited".into()),
    }
}
