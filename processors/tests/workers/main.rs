//! The whole loop in one process: a signed job goes in, workers do, check and decide it, and the journal says who was right.

#![allow(clippy::unwrap_used)]

mod flaky;
mod world;

use cairn_kernels::{
    bml::Job,
    data::DataSet,
    exec::Executor,
    trace::{Digest, Material, Plan},
};
use cairn_processors::workers::{Conduct, Fault, Worker};
use cairn_schemas::{
    Account, Fact,
    fact::{DisputeOutcome, Phase, VoidReason},
};
use flaky::Flaky;
use std::sync::Arc;
use world::{AtWork, World, at_work, job, key, slashed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_job_is_done_checked_and_paid() {
    let mut world = World::new().await;
    let mut workers = Vec::new();
    for (of, seed) in [("ada", 11), ("bob", 12), ("cyd", 13)] {
        workers.push(at_work(world.enlisted(of, seed, Conduct::Honest).await));
    }
    let job = world.submit(&job()).await;
    let facts = world.until_ended(job).await;
    let Some(Fact::JobCompleted { score, output, result, .. }) = facts.last() else { panic!("{:#?}", facts.last()) };
    let (root, correct) = alone(&world::job());
    assert_eq!((output.0, score.correct, score.total), (root, correct, 50), "the same bits as on one machine alone");
    assert!(correct > 25, "it learnt something: chance alone would get 5");
    let count = |is: fn(&Fact) -> bool| facts.iter().filter(|fact| is(fact)).count();
    assert_eq!(count(|fact| matches!(fact, Fact::TaskVerified { .. })), 7);
    assert_eq!(count(|fact| matches!(fact, Fact::CheckClosed { agrees: true, .. })), 7);
    assert_eq!(count(|fact| matches!(fact, Fact::PaymentMade(_))), 14);
    assert_eq!(count(|fact| matches!(fact, Fact::AttemptVoided { .. } | Fact::CheckFailed { .. } | Fact::AttemptTimedOut { .. })), 0);
    let bytes = world.ledger.blob(&result.hash).await.unwrap();
    let model = cairn_kernels::trace::State::from_bytes(&Arc::new(cairn_kernels::bml::Model::of(&world::job()).unwrap()), &bytes).unwrap();
    assert_eq!(model.root(), output.0, "the result is there and is what was verified");
    for worker in workers {
        worker.stop().await;
    }
}

/// The model's root and score when one machine does all tasks itself.
fn alone(job: &Job) -> (Digest, u64) {
    let data = DataSet::builtin(job).unwrap().unwrap();
    let (job, programs) = (Arc::new(job.clone()), Arc::new(job.compile().unwrap()));
    let mut results: Vec<Material> = Vec::new();
    for kind in job.tasks() {
        let plan = Plan::new(job.clone(), programs.clone(), kind).unwrap();
        let inputs = kind.inputs(&job).into_iter().map(|input| results[input.index(&job) as usize].clone()).collect();
        results.push(plan.run(&Executor::reference(), &data, plan.input(inputs).unwrap(), |_, _| {}).unwrap());
    }
    match &results[results.len() - 2..] {
        [model, Material::Score(score)] => (model.root(), u64::from(score.correct)),
        other => panic!("{other:?}"),
    }
}

/// Two honest workers and one of this conduct do jobs until it has had its part in one; the facts up to that one's end.
async fn with(conduct: Conduct, its_part: impl Fn(&Fact) -> bool) -> Vec<Fact> {
    let (mut world, _at_work) = world_with(conduct).await;
    let job = world.submit_until(&job(), its_part).await;
    world.until_ended(job).await
}

/// The same until something was decided, with deadlines that a test can wait for.
async fn hurried(conduct: Conduct, is_last: impl Fn(&Fact) -> bool) -> Vec<Fact> {
    let (mut world, _at_work) = world_with(conduct).await;
    let mut job = job();
    (job.deadlines.accept_s, job.deadlines.task_s, job.deadlines.check_s) = (5, 5, 5);
    world.submit_until(&job, &is_last).await;
    world.facts(is_last).await
}

async fn world_with(conduct: Conduct) -> (World, Vec<AtWork>) {
    let mut world = World::new().await;
    let honest = [("ada", 11), ("bob", 12)];
    let mut workers: Vec<Worker> = Vec::new();
    for (of, seed) in honest {
        workers.push(world.enlisted(of, seed, Conduct::Honest).await);
    }
    workers.push(world.enlisted("cyd", 13, conduct).await);
    (world, workers.into_iter().map(at_work).collect())
}

/// The third worker has committed to work.
fn works(fact: &Fact) -> bool {
    matches!(fact, Fact::WorkKept { worker, .. } if *worker == key(13).public())
}

/// The third worker has sealed an answer as a checker.
fn checks(fact: &Fact) -> bool {
    matches!(fact, Fact::SealKept { verifier, .. } if *verifier == key(13).public())
}

fn completed(facts: &[Fact]) {
    assert!(matches!(facts.last(), Some(Fact::JobCompleted { .. })), "{:#?}", &facts[facts.len().saturating_sub(8)..]);
}

/// Every dispute ended so, and there was one: of two that were open at once the second finds no stake left.
fn disputes_ended(facts: &[Fact], so: DisputeOutcome) {
    let closed = facts.iter().filter_map(|fact| match fact {
        Fact::DisputeClosed { outcome, .. } => Some(*outcome),
        _ => None,
    });
    let outcomes: Vec<_> = closed.collect();
    assert!(!outcomes.is_empty() && outcomes.iter().all(|outcome| *outcome == so), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invented_work_costs_the_stake_and_the_job_completes_without_it() {
    let facts = with(Conduct::Faulty(Fault::LazyWork), works).await;
    completed(&facts);
    assert_eq!(slashed(&facts), [key(13).public()]);
    disputes_ended(&facts, DisputeOutcome::WorkerWrong);
    let paid_to_liar = facts.iter().any(|fact| matches!(fact, Fact::TaskVerified { worker, .. } if *worker == key(13).public()));
    assert!(!paid_to_liar, "invented work is never taken");
    for fact in &facts {
        if let Fact::StakeSlashed(moved) | Fact::BondForfeited(moved) = fact {
            assert_eq!(moved.debit, Account::Stake(key(13).public()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invented_answer_costs_the_verifier_and_nobody_honest() {
    let facts = with(Conduct::Faulty(Fault::LazyChecks), checks).await;
    completed(&facts);
    assert_eq!(slashed(&facts), [key(13).public()]);
    disputes_ended(&facts, DisputeOutcome::VerifierWrong);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_invents_everything_is_caught_in_whichever_part_it_is_drawn_first() {
    let facts = with(Conduct::Lazy, |fact| works(fact) || checks(fact)).await;
    completed(&facts);
    assert_eq!(slashed(&facts), [key(13).public()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_before_the_challenge_costs_the_attempt_only() {
    let facts = with(Conduct::Faulty(Fault::Retracts), works).await;
    assert!(slashed(&facts).is_empty());
    let voids = facts.iter().filter_map(|fact| match fact {
        Fact::AttemptVoided { reason, .. } => Some(*reason),
        _ => None,
    });
    assert!(voids.into_iter().any(|reason| reason == VoidReason::Retracted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_before_the_commitment_costs_the_attempt() {
    let liar = key(13).public();
    let is_silent = |fact: &Fact| matches!(fact, Fact::AttemptTimedOut { phase: Phase::Work, silent: Some(who), .. } if *who == liar);
    let facts = hurried(Conduct::Faulty(Fault::SilentBefore), is_silent).await;
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::StakeSlashed(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_after_the_challenge_costs_the_bond() {
    let liar = Account::Stake(key(13).public());
    let facts =
        hurried(Conduct::Faulty(Fault::SilentAfter), |fact| matches!(fact, Fact::AttemptVoided { reason: VoidReason::Silent, .. })).await;
    let forfeited = facts.iter().filter_map(|fact| match fact {
        Fact::BondForfeited(moved) if moved.debit == liar => Some(moved.amount.get()),
        _ => None,
    });
    assert_eq!(forfeited.sum::<u128>(), 1_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_cannot_fetch_what_was_named_cost_its_worker_the_bond() {
    let facts = with(Conduct::Faulty(Fault::Withholds), works).await;
    completed(&facts);
    let reported = facts.iter().filter(|fact| matches!(fact, Fact::CheckFailed { .. })).count();
    assert!(reported >= 2, "{reported}");
    for fact in &facts {
        if let Fact::BondForfeited(moved) | Fact::StakeSlashed(moved) = fact {
            assert_eq!(moved.debit, Account::Stake(key(13).public()));
        }
    }
    assert!(facts.iter().any(|fact| matches!(fact, Fact::AttemptVoided { reason: VoidReason::Unavailable, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_goes_on_with_the_same_bytes() {
    let mut world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut others = Vec::new();
    for (of, seed) in [("ada", 11), ("bob", 12)] {
        others.push(at_work(world.enlisted(of, seed, Conduct::Honest).await));
    }
    let settings = world.settings("cyd", 13, Conduct::Honest, Some(folder.path().to_owned()));
    let flaky: Arc<Flaky> = Arc::new(Flaky::new(world.ledger.clone()));
    let first = at_work(world.enlist(settings.clone(), flaky.clone()).await);
    let mut last = world.submit_until(&job(), works).await;
    first.kill().await;
    let again = at_work(Worker::new(settings.clone(), flaky.clone()).unwrap());
    if !world.is_said(last, checks).await {
        last = world.submit_until(&job(), checks).await;
    }
    again.kill().await;
    let _third = at_work(Worker::new(settings, flaky.clone()).unwrap());
    let facts = world.until_ended(last).await;
    completed(&facts);
    assert!(slashed(&facts).is_empty());
    let lost = |fact: &Fact| matches!(fact, Fact::AttemptVoided { .. } | Fact::AttemptTimedOut { .. } | Fact::BondForfeited(_));
    assert!(!facts.iter().any(lost), "what it committed to and sealed before it died, it opened and revealed after");
    assert!(flaky.lost() > 0, "some of what it said was lost on the way, and said again");
}
