//! Crashes and unknown outcomes: whatever is cut off, and wherever, the books come out the same.

use super::world::*;
use async_trait::async_trait;
use cairn_log::memory::AppendFault;
use cairn_log::{AppendError, Appended, Assignments, Batch, EventLog, Place, Read, ReadError, ReadLimit};
use futures::future::poll_fn;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A log whose every answer takes a while, so that there is a moment before and behind each operation.
#[derive(Debug)]
struct Hesitant(Arc<dyn EventLog>);

async fn hesitate() {
    let mut asked = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[async_trait]
impl EventLog for Hesitant {
    fn partitions(&self) -> u32 {
        self.0.partitions()
    }

    async fn append(&self, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
        hesitate().await;
        let appended = self.0.append(place, batch).await;
        hesitate().await;
        appended
    }

    async fn read(&self, place: Place, from: u64, limit: ReadLimit) -> Result<Read, ReadError> {
        hesitate().await;
        self.0.read(place, from, limit).await
    }

    async fn wait(&self, places: &[(Place, u64)]) -> Result<(), ReadError> {
        self.0.wait(places).await
    }

    async fn time(&self) -> Result<i64, ReadError> {
        hesitate().await;
        self.0.time().await
    }

    fn assignments(&self, member: &str) -> Assignments {
        self.0.assignments(member)
    }
}

/// A task that dies the next time it is asked after `left` times; `died` is told.
struct Mortal<F> {
    life: Option<Pin<Box<F>>>,
    left: usize,
    died: Arc<std::sync::atomic::AtomicBool>,
}

impl<F: Future> Future for Mortal<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if self.left == 0 {
            self.life = None;
            self.died.store(true, std::sync::atomic::Ordering::Release);
        }
        self.left = self.left.saturating_sub(1);
        self.life.as_mut().map_or(Poll::Pending, |life| life.as_mut().poll(cx))
    }
}

/// Runs a short life with a crash after `polls` steps of the first processor; whether it came to that.
fn life_with_crash(polls: usize) -> bool {
    let mut world = World::new();
    (0..3).for_each(|n| drop(world.note(ACME, &format!("before {n}"))));
    let processor = world.processor_over(1, Arc::new(Hesitant(Arc::new(world.log.clone()))));
    let died = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let life = Mortal {
        life: Some(Box::pin(async move { processor.lead(0, futures::future::pending()).await })),
        left: polls,
        died: died.clone(),
    };
    world.spawn(life);
    world.settle();
    for n in 0..3 {
        world.note(ACME, &format!("between {n}"));
        world.settle();
    }
    let died = died.load(std::sync::atomic::Ordering::Acquire);
    world.start(&world.processor(1));
    world.note(ACME, "after");
    world.until_taken();
    assert_eq!(world.verdicts(), ["accepted"; 9], "crash after {polls} steps");
    world.check();
    died
}

#[test]
fn a_crash_at_any_await_loses_nothing_and_doubles_nothing() {
    let crashes = (0..).take_while(|polls| life_with_crash(*polls)).count();
    assert!(crashes > 30, "only {crashes} moments to crash at");
}

#[test]
fn an_append_of_unknown_outcome_is_sent_again_as_it_was() {
    use AppendFault::*;
    let faults = [UnknownWritten, UnknownLost, UnknownTorn { kept: 0 }, Duplicated, Full];
    for (at, first) in faults.iter().enumerate() {
        for second in &faults {
            let mut world = World::new();
            let journal = Place::journal(0);
            // The claim meets one fault, the first block another, the second both.
            world.log.faults().next_append(journal, *first);
            let led = world.start(&world.processor(1));
            world.pass(1_000);
            world.log.faults().next_append(journal, *second);
            world.note(ACME, "one");
            world.pass(1_000);
            world.log.faults().next_append(journal, *first);
            world.log.faults().next_append(journal, *second);
            world.note(ACME, "two");
            world.until_taken();
            world.note(ACME, "three");
            world.until_taken();
            assert_eq!(world.verdicts(), ["accepted"; 5], "{at}: {first:?}, {second:?}");
            assert!(led.end.borrow().is_none());
            world.check();
        }
    }
}

#[test]
fn a_log_that_never_answers_for_an_append_stops_the_partition() {
    let mut world = World::new();
    (0..20).for_each(|_| world.log.faults().next_append(Place::journal(0), AppendFault::UnknownLost));
    let led = world.start(&world.processor(1));
    world.pass(60_000);
    assert_eq!(led.code(), "CRN-5101");
    world.start(&world.processor(1));
    world.until_taken();
    world.check();
}

/// Power is lost while blocks are on their way: of those appended, any first part may have become durable.
#[test]
fn a_power_cut_takes_what_nobody_was_told_of() {
    for kept in 0..3 {
        let mut world = World::new();
        let led = world.start(&world.processor(1));
        world.until_taken();
        world.log.faults().hold(Place::journal(0));
        let text = "x".repeat(8_000);
        (0..250).for_each(|_| drop(world.note(ACME, &text)));
        world.settle();
        let told = world.check_told();
        world.log.faults().crash(kept);
        led.kill();
        world.log = world.log.faults().reopen();
        assert!(world.blocks().len() >= told, "what was told is still there");
        world.start(&world.processor(2));
        world.until_taken();
        assert_eq!(world.verdicts().len(), 252);
        world.check();
    }
}

impl World {
    fn check_told(&self) -> usize {
        self.blocks().len()
    }
}
