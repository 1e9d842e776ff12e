//! Labour: what scripted workers commit, open, seal and show.
//!
//! Owns made-up traces: a leaf follows from its task's input and its index alone, as a real one does, and a lie gives other states
//! from the first step on. What is owed comes from the real view and the real duties. Refuses kernels: the jobs here are names.

use cairn_processors::workers::{
    View,
    duty::{Act, Duty},
    view::Attempt,
};
use cairn_schemas::{
    Account, BlobRef, Body, ByteString, Root, StateRoot, TaskId,
    event::{
        Assurance, CheckRevealed, CheckSealed, DataSource, Deadlines, JobSubmitted, Opening, PayTerms, Score, TaskAccepted, TaskPlan,
        TraceLeaf, VerifyTerms, WorkCommitted, WorkOpened, WorkRetracted, WorkerTerms,
    },
    fact::TaskKind,
    ids::BlobHash,
    merkle::batch::Batch,
    trace,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Test records that an evaluation tells right, of ten.
const CORRECT: u64 = 9;
const TEST: u64 = 10;

/// A small job: one round of two shards. Its deadlines are short enough to pass within a run.
pub fn terms(account: Account, full: bool) -> JobSubmitted {
    let blob = |byte: u8| BlobRef { hash: BlobHash([byte; 32]), size: 100 };
    let assurance = if full { Assurance::Full } else { Assurance::Sampled };
    JobSubmitted {
        name: "digits".parse().unwrap(),
        account,
        yaml: blob(1),
        program: blob(2),
        data: DataSource { url: "builtin:digits".parse().unwrap(), hash: Root([3; 32]), train: 20, test: TEST },
        initial: StateRoot([4; 32]),
        plan: TaskPlan { rounds: 1, shards: 2, train_leaves: 6, aggregate_leaves: 3, evaluate_leaves: 3 },
        workers: WorkerTerms { min: 2, stake: "100".parse().unwrap(), bond: "20".parse().unwrap() },
        verify: VerifyTerms { assurance, rate: "1".parse().unwrap(), steps: 2 },
        deadlines: Deadlines { accept_ms: 10_000, task_ms: 20_000, check_ms: 10_000 },
        attempts: 3,
        pay: PayTerms { escrow: "90".parse().unwrap(), task: "10".parse().unwrap(), check: "3".parse().unwrap() },
    }
}

/// What this worker says to do a duty.
pub fn perform(view: &View, duty: &Duty, honest: bool) -> Option<Body> {
    let Duty { act, task, attempt } = *duty;
    let open = view.attempt(&task, attempt)?;
    Some(match act {
        Act::Accept => TaskAccepted { task, attempt }.into(),
        Act::Work => commitment(view, &task, open, honest)?.into(),
        Act::Retract => WorkRetracted { task, attempt }.into(),
        Act::Open | Act::Answer => opening(view, &task, open, act, honest)?.into(),
        Act::Seal => {
            let CheckRevealed { salt, leaves, .. } = answer(view, &task, open, honest)?;
            CheckSealed { task, attempt, seal: trace::seal(&view.me(), &task, attempt, &salt.0, &leaves) }.into()
        }
        Act::Reveal => answer(view, &task, open, honest)?.into(),
        Act::Fail => return None,
    })
}

fn leaf(input: StateRoot, index: u32, honest: bool) -> TraceLeaf {
    if index == 0 {
        return TraceLeaf { index, state: input, figures: [0, 0] };
    }
    let state = Sha256::new().chain_update(input.0).chain_update(index.to_be_bytes()).chain_update([u8::from(honest)]).finalize();
    TraceLeaf { index, state: StateRoot(state.into()), figures: [u64::from(index), 7] }
}

fn leaves(view: &View, task: &TaskId, open: &Attempt, honest: bool) -> Option<Vec<TraceLeaf>> {
    let mut all: Vec<TraceLeaf> = (0..view.leaves(task)?).map(|index| leaf(open.input, index, honest)).collect();
    if view.task(task)?.kind == TaskKind::Evaluate {
        all.last_mut()?.figures = [CORRECT, TEST];
    }
    Some(all)
}

fn commitment(view: &View, task: &TaskId, open: &Attempt, honest: bool) -> Option<WorkCommitted> {
    let all = leaves(view, task, open, honest)?;
    let evaluates = view.task(task)?.kind == TaskKind::Evaluate;
    Some(WorkCommitted {
        instance: view.instance()?,
        task: *task,
        attempt: open.number,
        worker: view.me(),
        program: view.job(&task.job)?.terms.program.hash,
        input: open.input,
        leaves: all.len() as u32,
        trace: trace::root(task, open.number, &view.me(), &all),
        result: blob(all.last()?.state),
        score: evaluates.then_some(Score { correct: CORRECT, total: TEST }),
    })
}

fn opening(view: &View, task: &TaskId, open: &Attempt, act: Act, honest: bool) -> Option<WorkOpened> {
    let all = leaves(view, task, open, honest)?;
    let steps = open.steps.as_ref()?;
    let last = all.len() as u32 - 1;
    let wanted: BTreeSet<u32> = match act {
        Act::Open => steps.iter().map(|step| step - 1).chain([0]).collect(),
        _ if steps.is_empty() => [0, last].into(),
        _ => steps.iter().copied().chain([last]).collect(),
    };
    let tree = Batch::new(&trace::leaf_hashes(task, open.number, &view.me(), &all));
    let openings = wanted.into_iter().map(|index| {
        let leaf = *all.get(index as usize)?;
        let path = tree.prove(index as usize).ok()?.into_iter().map(Root).collect();
        Some(Opening { leaf, path, state: (act == Act::Open && index > 0).then(|| blob(leaf.state)) })
    });
    Some(WorkOpened { task: *task, attempt: open.number, openings: openings.collect::<Option<_>>()? })
}

fn answer(view: &View, task: &TaskId, open: &Attempt, honest: bool) -> Option<CheckRevealed> {
    let all = leaves(view, task, open, honest)?;
    let leaves = open.steps.as_ref()?.iter().filter_map(|step| all.get(*step as usize).copied()).collect();
    let salt = Sha256::new().chain_update(view.me().0).chain_update(task.job.0).chain_update(task.index.to_be_bytes()).finalize();
    Some(CheckRevealed { task: *task, attempt: open.number, salt: ByteString(salt[..16].to_vec()), leaves })
}

fn blob(state: StateRoot) -> BlobRef {
    BlobRef { hash: BlobHash(state.0), size: 64 }
}
