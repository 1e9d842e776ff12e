//! The acts: somebody is killed, paused or restarted, stays away for a while, and comes back.
//!
//! Owns who is away. At most one broker is, and until its copies have caught up no other is struck: so records keep a majority. Of roles
//! all may be away at once.

use super::stage::{Actor, Ground};
use crate::{
    brokers::{Brokers, bootstrap},
    node::{LOOK, Rng},
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};
use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    Actor(usize),
    Broker(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Kill,
    Pause,
    Restart,
}

struct Away {
    whom: Whom,
    how: How,
    back: Instant,
}

pub struct Acts {
    rng: Rng,
    began: Instant,
    away: Vec<Away>,
    brokers: Arc<Brokers>,
    /// What the topics of the log are called.
    prefix: String,
    /// A broker on its way down or up.
    moving: Option<JoinHandle<()>>,
}

impl Acts {
    pub fn new(rng: Rng, log: &str) -> Acts {
        let prefix = log.rsplit('/').next().unwrap().to_owned();
        Acts { rng, began: Instant::now(), away: Vec::new(), brokers: Arc::new(Brokers::here()), prefix, moving: None }
    }

    /// Lets a moment pass, then strikes somebody. What was done, in a line.
    pub fn next(&mut self, actors: &mut [Actor], ground: &Ground) -> String {
        let moment = Duration::from_millis(200 + self.rng.below(3_800));
        self.pass(moment, actors, ground);
        let (whom, how) = (self.whom(actors), [How::Kill, How::Kill, How::Pause, How::Restart][self.rng.below(4) as usize]);
        let away = Duration::from_millis(match how {
            // Past every session, as often as not.
            How::Pause => 500 + self.rng.below(12_000),
            How::Kill | How::Restart => self.rng.below(4_000),
        });
        match whom {
            Whom::Actor(number) => strike(&mut actors[number], how, ground),
            Whom::Broker(number) => self.strike_broker(number, how),
        }
        self.away.push(Away { whom, how, back: Instant::now() + away });
        let name = match whom {
            Whom::Actor(number) => actors[number].name.clone(),
            Whom::Broker(number) => format!("broker-{number}"),
        };
        let seconds = self.began.elapsed().as_secs();
        format!("{:>3}:{:02}  {:<8} {name:<12} back in {:>4.1} s", seconds / 60, seconds % 60, word(how), away.as_secs_f64())
    }

    /// Whoever is away comes back.
    pub fn all_return(&mut self, actors: &mut [Actor], ground: &Ground) {
        while let Some(away) = self.away.pop() {
            self.come_back(&away, actors, ground);
        }
        self.moving.take().into_iter().for_each(|moving| moving.join().unwrap());
    }

    /// Lets time pass, in which those come back whose time it is.
    fn pass(&mut self, time: Duration, actors: &mut [Actor], ground: &Ground) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let is_due = |away: &Away| away.back <= Instant::now();
            while let Some(at) = self.away.iter().position(is_due) {
                let away = self.away.swap_remove(at);
                self.come_back(&away, actors, ground);
            }
            thread::sleep(LOOK);
        }
    }

    /// The one that is drawn, or the next that can be struck.
    fn whom(&mut self, actors: &[Actor]) -> Whom {
        let brokers = u64::from(self.brokers.count());
        let count = actors.len() as u64 + brokers;
        let drawn = self.rng.below(count);
        let all = (0..count).map(|step| match (drawn + step) % count {
            number if number < brokers => Whom::Broker(u16::try_from(number + 1).unwrap()),
            number => Whom::Actor(usize::try_from(number - brokers).unwrap()),
        });
        let mut broker_may = None;
        let found = all.into_iter().find(|whom| match whom {
            Whom::Actor(number) => actors[*number].is_here(),
            Whom::Broker(_) => *broker_may.get_or_insert_with(|| self.brokers_are_whole()),
        });
        found.unwrap_or(Whom::Actor(0))
    }

    fn brokers_are_whole(&self) -> bool {
        let is_moving = self.moving.as_ref().is_some_and(|moving| !moving.is_finished());
        !is_moving && !self.away.iter().any(|away| matches!(away.whom, Whom::Broker(_))) && are_in_sync(&self.prefix)
    }

    fn strike_broker(&mut self, number: u16, how: How) {
        match how {
            How::Kill => self.brokers.signal(number, "KILL"),
            How::Pause => self.brokers.signal(number, "STOP"),
            How::Restart => self.moves(move |brokers| brokers.down(number)),
        }
    }

    /// Starting and stopping take seconds, in which others may be struck.
    fn moves(&mut self, to: impl FnOnce(&Brokers) + Send + 'static) {
        let (before, brokers) = (self.moving.take(), self.brokers.clone());
        self.moving = Some(thread::spawn(move || {
            before.into_iter().for_each(|before| before.join().unwrap());
            to(&brokers);
        }));
    }

    fn come_back(&mut self, away: &Away, actors: &mut [Actor], ground: &Ground) {
        match (away.whom, away.how) {
            (Whom::Actor(number), How::Pause) => actors[number].resume(),
            (Whom::Actor(number), How::Kill | How::Restart) => actors[number].start(ground),
            (Whom::Broker(number), How::Pause) => self.brokers.signal(number, "CONT"),
            (Whom::Broker(_), How::Kill | How::Restart) => self.moves(|brokers| brokers.up()),
        }
    }
}

/// Whether every copy of the topics whose names begin so has all that was acknowledged. No answer is no.
fn are_in_sync(prefix: &str) -> bool {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap()).create().unwrap();
    let Ok(metadata) = consumer.fetch_metadata(None, Duration::from_secs(10)) else { return false };
    let mut topics = metadata.topics().iter().filter(|topic| topic.name().starts_with(prefix)).peekable();
    topics.peek().is_some()
        && topics.all(|topic| topic.partitions().iter().all(|partition| partition.isr().len() == partition.replicas().len()))
}

fn strike(actor: &mut Actor, how: How, ground: &Ground) {
    match how {
        How::Kill => actor.kill(),
        How::Pause => actor.pause(),
        How::Restart => actor.stop(ground),
    }
}

fn word(how: How) -> &'static str {
    match how {
        How::Kill => "kill -9",
        How::Pause => "pause",
        How::Restart => "restart",
    }
}
