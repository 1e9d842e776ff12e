//! Verbs and checks about workers, jobs, tasks and checks.
//!
//! Owns the sentences of the training books. Tasks and people are told by the words of [`labour`]: `3`, `other/3`, `author@3`.
//! Refuses judgement: a verb only says things.

use super::{
    Check, Outcome, Verb, World,
    labour::{self, Conduct, HONESTLY, person, task},
    verbs::{account, must, number, parse, same},
    world::{id, text},
};
use cairn_schemas::{
    Account, BlobRef, EventHash, Fact,
    event::{
        AccountOpened, Assurance, CheckFailed, CheckFailure, CheckSealed, DataSource, Deadlines, JobCancelled, JobSubmitted, KeyRegistered,
        PayTerms, Score, StakeLocked, TaskAccepted, TaskPlan, TransferPosted, VerifyTerms, WorkRetracted, WorkerRegistered, WorkerRetired,
        WorkerTerms,
    },
    fact::{Movement, WorkerState},
    ids::{BlobHash, InstanceId, JobId, Root, StateRoot},
    value::ByteString,
};

type Said = Result<Outcome, String>;

pub const VERBS: &[(&str, Verb)] = &[
    ("_ becomes a worker", |world, args| {
        let who = person(world, args[0])?;
        register(world, &who, &who, &who)
    }),
    ("_ becomes a worker called _", |world, args| register(world, args[0], args[1], args[0])),
    ("_ becomes a worker paid to _", |world, args| register(world, args[0], args[0], args[1])),
    ("_ works for stake _", enrol),
    ("_ retires", |world, args| said_by(world, args[0], WorkerRetired {})),
    ("_ is called _", |world, args| {
        let who = person(world, args[0])?;
        world.aliases.insert(args[1].to_owned(), who);
        Ok(Outcome::Done)
    }),
    ("the other task of _ is called _", |world, args| {
        let (who, first) = (person(world, args[0])?, args[0].split_once('@').map_or(Ok(0), |(_, of)| number::<u32>(of))?);
        let mut others = world.state.tasks.all().filter(|(of, task)| of.index != first && task.stage.worker() == Some(&id(&who)));
        let index = others.next().ok_or("there is no other")?.0.index;
        world.aliases.insert(args[1].to_owned(), index.to_string());
        Ok(Outcome::Done)
    }),
    ("_ submits _", |world, args| submit(world, args[0], args[1], "")),
    ("_ submits _ with *", |world, args| submit(world, args[0], args[1], args[2])),
    ("_ cancels _", |world, args| said_by(world, args[0], JobCancelled { job: JobId(world.called(args[1]).0) })),
    ("_ accepts _", |world, args| {
        let of = task(world, args[1])?;
        said_by(world, args[0], TaskAccepted { task: of, attempt: labour::attempt(world, &of) })
    }),
    ("_ accepts attempt _ of _", |world, args| {
        said_by(world, args[0], TaskAccepted { task: task(world, args[2])?, attempt: number(args[1])? })
    }),
    ("_ commits _", |world, args| commit(world, args[0], args[1], HONESTLY)),
    ("_ commits _ _", |world, args| commit(world, args[0], args[1], args[2])),
    ("_ commits _ with another _", commit_other),
    ("_ commits _ with the trace of _", commit_copy),
    ("_ commits _ and retracts it", |world, args| {
        let who = person(world, args[0])?;
        must(commit(world, &who, args[1], HONESTLY)?)?;
        retract(world, &who, args[1])
    }),
    ("_ retracts _", |world, args| retract(world, args[0], args[1])),
    ("_ opens _", |world, args| open(world, args[0], args[1], HONESTLY)),
    ("_ opens _ _", |world, args| open(world, args[0], args[1], args[2])),
    ("_ opens _ but _", open_badly),
    ("_ seals _", |world, args| seal(world, args[0], args[1], HONESTLY)),
    ("_ seals _ _", |world, args| seal(world, args[0], args[1], args[2])),
    ("_ seals _ with nothing", |world, args| {
        let who = person(world, args[0])?;
        let mut answer = labour::answer(world, &who, task(world, args[1])?, HONESTLY)?;
        answer.leaves.clear();
        world.say(&who, labour::seal(&who, &answer))
    }),
    ("_ copies the seal of _", |world, args| {
        let of = task(world, args[1])?;
        let seal = world.state.checks.get(&of).and_then(|check| check.seals.first().copied()).ok_or("nothing is sealed")?;
        said_by(world, args[0], CheckSealed { task: of, attempt: labour::attempt(world, &of), seal })
    }),
    ("_ reveals _", |world, args| reveal(world, args[0], args[1], HONESTLY)),
    ("_ reveals _ _", |world, args| reveal(world, args[0], args[1], args[2])),
    ("_ reveals _ with nothing", |world, args| {
        let who = person(world, args[0])?;
        let mut answer = labour::answer(world, &who, task(world, args[1])?, HONESTLY)?;
        answer.leaves.clear();
        world.say(&who, answer)
    }),
    ("_ reports _ unavailable", |world, args| {
        let of = task(world, args[1])?;
        let ask = CheckFailed { task: of, attempt: labour::attempt(world, &of), reason: CheckFailure::Unavailable };
        said_by(world, args[0], ask)
    }),
    ("work goes on", |world, _| labour::goes_on(world, Conduct::Honest)),
    ("work goes on without _", |world, args| {
        let who = person(world, args[0])?;
        labour::goes_on(world, Conduct::Silent(&who))
    }),
    ("work goes on while _ cheats", |world, args| {
        let who = person(world, args[0])?;
        labour::goes_on(world, Conduct::Cheats(&who))
    }),
];

pub const CHECKS: &[(&str, Check)] = &[
    ("_ earned _", |world, args| {
        let who = person(world, args[0])?;
        same(args[1], world.state.balance(world.realm(), &account(world, &who)?))
    }),
    ("_ still stakes _", |world, args| {
        let who = person(world, args[0])?;
        same(args[1], world.state.balance(world.realm(), &Account::Stake(id(&who))))
    }),
    ("_ is slashed", |world, args| {
        let who = person(world, args[0])?;
        let state = world.state.workers.get(world.realm(), &id(&who)).map(|worker| worker.state);
        if state == Some(WorkerState::Slashed) { Ok(()) } else { Err(format!("it is {state:?}")) }
    }),
    ("nobody was slashed", |world, _| same("0", of_kind(world, "stake.slashed").count())),
    ("job _ is completed", |world, args| ended(world, args[0], "job.completed")),
    ("job _ is failed", |world, args| ended(world, args[0], "job.failed")),
    ("job _ is open", |world, args| match world.state.jobs.get(&JobId(world.called(args[0]).0)) {
        Some(_) => Ok(()),
        None => Err("it is not".into()),
    }),
    ("the escrow of _ adds up", |world, args| {
        let escrow = Account::Escrow(JobId(world.called(args[0]).0));
        let sum = |wanted: fn(&Movement) -> &Account| -> u128 {
            let movements = world.journal.iter().flat_map(|decision| &decision.facts).filter_map(Fact::movement);
            movements.filter(|(_, movement)| *wanted(movement) == escrow).map(|(_, movement)| movement.amount.get()).sum()
        };
        same(&sum(|movement| &movement.credit).to_string(), sum(|movement| &movement.debit))
    }),
    ("task _ is at attempt _", |world, args| same(args[1], labour::attempt(world, &task(world, args[0])?))),
];

fn said_by(world: &mut World, who: &str, body: impl Into<cairn_schemas::Body>) -> Said {
    let who = person(world, who)?;
    world.say(&who, body)
}

fn register(world: &mut World, who: &str, name: &str, paid: &str) -> Said {
    let ask = WorkerRegistered { name: parse(name)?, account: account(world, paid)? };
    said_by(world, who, ask)
}

/// Somebody joins, becomes a worker, and puts up a stake that the issuer gave it.
fn enrol(world: &mut World, args: &[&str]) -> Said {
    let (who, stake) = (args[0], args[1]);
    must(world.say(who, KeyRegistered { key: id(who) })?)?;
    must(world.say(who, AccountOpened { account: parse(who)? })?)?;
    must(register(world, who, who, who)?)?;
    let from = account(world, who)?;
    must(world.say("issuer", TransferPosted { from: Account::Issuer, to: from.clone(), amount: parse(stake)? })?)?;
    must(world.say(who, StakeLocked { from, amount: parse(stake)? })?)?;
    Ok(Outcome::Done)
}

/// A small job: one round of two shards, so four tasks, each paid 10 and 3 for its check; a story changes what it is about.
pub fn terms(world: &World, name: &str, who: &str) -> Result<JobSubmitted, String> {
    let blob = |byte: u8| BlobRef { hash: BlobHash([byte; 32]), size: 100 };
    Ok(JobSubmitted {
        name: parse(name)?,
        account: account(world, who)?,
        yaml: blob(1),
        program: blob(2),
        data: DataSource { url: parse("builtin:digits")?, hash: Root([3; 32]), train: 20, test: 10 },
        initial: StateRoot([4; 32]),
        plan: TaskPlan { rounds: 1, shards: 2, train_leaves: 6, aggregate_leaves: 3, evaluate_leaves: 3 },
        workers: WorkerTerms { min: 2, stake: parse("100")?, bond: parse("20")? },
        verify: VerifyTerms { assurance: Assurance::Sampled, rate: parse("1")?, steps: 2 },
        deadlines: Deadlines { accept_ms: 10_000, task_ms: 60_000, check_ms: 30_000 },
        attempts: 3,
        pay: PayTerms { escrow: parse("60")?, task: parse("10")?, check: parse("3")? },
    })
}

fn submit(world: &mut World, who: &str, name: &str, changes: &str) -> Said {
    let mut ask = terms(world, name, who)?;
    let words: Vec<&str> = changes.split_whitespace().collect();
    for pair in words.chunks(2) {
        let [key, value] = pair else { return Err("a term and its value".into()) };
        change(&mut ask, key, value)?;
    }
    world.say_named(who, ask, Some(name))
}

fn change(ask: &mut JobSubmitted, key: &str, value: &str) -> Result<(), String> {
    match key {
        "rounds" => ask.plan.rounds = number(value)?,
        "shards" => ask.plan.shards = number(value)?,
        "leaves" => ask.plan.train_leaves = number(value)?,
        "steps" => ask.verify.steps = number(value)?,
        "rate" => ask.verify.rate = parse(value)?,
        "assurance" if value == "full" => ask.verify.assurance = Assurance::Full,
        "min" => ask.workers.min = number(value)?,
        "stake" => ask.workers.stake = parse(value)?,
        "bond" => ask.workers.bond = parse(value)?,
        "attempts" => ask.attempts = number(value)?,
        "escrow" => ask.pay.escrow = parse(value)?,
        "task" => ask.pay.task = parse(value)?,
        "accept" => ask.deadlines.accept_ms = 1_000 * number::<u64>(value)?,
        "paid-by" => ask.account = parse(value)?,
        _ => return Err(format!("no term is called `{key}`")),
    }
    Ok(())
}

fn commit(world: &mut World, who: &str, of: &str, manner: &str) -> Said {
    let who = person(world, who)?;
    let ask = labour::commitment(world, &who, task(world, of)?, manner)?;
    world.say(&who, ask)
}

fn commit_other(world: &mut World, args: &[&str]) -> Said {
    let who = person(world, args[0])?;
    let mut ask = labour::commitment(world, &who, task(world, args[1])?, HONESTLY)?;
    match args[2] {
        "instance" => ask.instance = InstanceId([9; 32]),
        "worker" => ask.worker = id("somebody"),
        "program" => ask.program = BlobHash([9; 32]),
        "input" => ask.input = StateRoot([9; 32]),
        "leaves" => ask.leaves += 1,
        "result" => ask.result.size = u64::from(u32::MAX),
        "score" if ask.score.is_some() => ask.score = Some(Score { correct: 11, total: 10 }),
        "score" => ask.score = Some(Score { correct: 9, total: 10 }),
        other => return Err(format!("a commitment has no {other}")),
    }
    world.say(&who, ask)
}

/// Somebody takes over the trace that was committed to a task before.
fn commit_copy(world: &mut World, args: &[&str]) -> Said {
    let (who, from) = (person(world, args[0])?, task(world, args[2])?);
    let facts = world.journal.iter().flat_map(|decision| &decision.facts);
    let copied = facts.filter_map(|fact| if let Fact::WorkKept { task, trace, .. } = fact { Some((task, *trace)) } else { None });
    let copied = copied.filter(|(task, _)| **task == from).last().ok_or("nothing was committed there")?.1;
    let mut ask = labour::commitment(world, &who, task(world, args[1])?, HONESTLY)?;
    ask.trace = copied;
    world.say(&who, ask)
}

fn retract(world: &mut World, who: &str, of: &str) -> Said {
    let of = task(world, of)?;
    said_by(world, who, WorkRetracted { task: of, attempt: labour::attempt(world, &of) })
}

fn open(world: &mut World, who: &str, of: &str, manner: &str) -> Said {
    let who = person(world, who)?;
    let ask = labour::opening(world, &who, task(world, of)?, manner)?;
    world.say(&who, ask)
}

/// An opening with something wrong about it.
fn open_badly(world: &mut World, args: &[&str]) -> Said {
    let who = person(world, args[0])?;
    let mut ask = labour::opening(world, &who, task(world, args[1])?, HONESTLY)?;
    let last = ask.openings.last_mut().ok_or("nothing to open")?;
    match args[2] {
        "cut" => drop(last.path.pop()),
        "lengthened" => last.path.push(Root([0; 32])),
        "forged" => last.leaf.state = StateRoot([9; 32]),
        "bare" => last.state = None,
        "laden" => last.state = Some(labour::blob(last.leaf.state)),
        "short" => drop(ask.openings.pop()),
        "doubled" => ask.openings.extend(ask.openings.last().cloned()),
        other => return Err(format!("an opening is never {other}")),
    }
    world.say(&who, ask)
}

fn seal(world: &mut World, who: &str, of: &str, manner: &str) -> Said {
    let who = person(world, who)?;
    let answer = labour::answer(world, &who, task(world, of)?, manner)?;
    world.say(&who, labour::seal(&who, &answer))
}

fn reveal(world: &mut World, who: &str, of: &str, manner: &str) -> Said {
    let who = person(world, who)?;
    let mut answer = labour::answer(world, &who, task(world, of)?, if manner == "unsalted" { HONESTLY } else { manner })?;
    if manner == "unsalted" {
        answer.salt = ByteString(Vec::new());
    }
    world.say(&who, answer)
}

fn of_kind<'a>(world: &'a World, name: &'a str) -> impl Iterator<Item = &'a Fact> {
    world.journal.iter().flat_map(|decision| &decision.facts).filter(move |fact| fact.name() == name)
}

fn ended(world: &World, name: &str, how: &str) -> Result<(), String> {
    let job: JobId = EventHash::into(world.called(name));
    let is_it = |fact: &Fact| matches!(fact, Fact::JobCompleted { job: ended, .. } | Fact::JobFailed { job: ended, .. } if *ended == job);
    if of_kind(world, how).any(is_it) { Ok(()) } else { Err(format!("no {how}; {}", text("it is open or ended otherwise"))) }
}
