//! After a power cut every acknowledged record is there, in order, none twice, and nothing that was seen is ever gone.

use super::power::{Chance, Power};
use super::*;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What the callers know across all lives of the log.
#[derive(Default)]
struct Known {
    /// Acknowledged or seen: where each record must be from now on.
    there: BTreeMap<(Place, u64), String>,
    /// Of unknown outcome: may be there, once.
    maybe: BTreeSet<(Place, String)>,
    said: usize,
}

impl Known {
    /// Reads all of the log and compares it with what must and may be there.
    async fn check(&mut self, log: &DiskLog) {
        for place in [JOBS, VOTES] {
            let found = read_all(log, place, 0, ReadLimit { records: 5, bytes: 1_000 }).await;
            let must = self.there.range((place, 0)..=(place, u64::MAX)).count();
            assert!(found.len() >= must, "{place}: {} records of {must}", found.len());
            for record in found {
                let text = String::from_utf8(record.bytes.to_vec()).unwrap();
                match self.there.get(&(place, record.offset)) {
                    Some(must) => assert_eq!(must, &text, "{place} at {}", record.offset),
                    None => assert!(
                        self.maybe.remove(&(place, text.clone())),
                        "{place} at {}: nobody said {text}, or it is there twice",
                        record.offset
                    ),
                }
                self.there.insert((place, record.offset), text);
            }
        }
    }

    /// One append with texts said never before.
    fn say(&mut self, chance: &mut Chance) -> (Place, Vec<String>) {
        let place = [JOBS, VOTES][chance.below(2) as usize];
        let count = 1 + chance.below(3);
        let texts = (0..count).map(|_| {
            self.said += 1;
            format!("{}{}", self.said, ".".repeat(chance.below(700) as usize))
        });
        (place, texts.collect())
    }

    /// Appends, several at once, until the power goes or enough is said.
    async fn live(&mut self, log: &DiskLog, chance: &mut Chance) {
        for _ in 0..8 {
            let mut appends = FuturesUnordered::new();
            for _ in 0..1 + chance.below(6) {
                let (place, texts) = self.say(chance);
                let records: Vec<_> = texts.iter().flat_map(|text| bytes(text)).collect();
                appends.push(async move { (place, texts, log.append(place, records.into()).await) });
            }
            while let Some((place, texts, outcome)) = appends.next().await {
                match outcome {
                    Ok(appended) => {
                        let offsets = appended.iter().map(|appended| (place, appended.offset));
                        self.there.extend(offsets.zip(texts));
                    }
                    Err(AppendError::Unknown { .. }) => self.maybe.extend(texts.into_iter().map(|text| (place, text))),
                    // Said to be nowhere: it must never turn up.
                    Err(AppendError::Closed { .. } | AppendError::Io { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

async fn lives(seed: u64, cuts: &[u64]) {
    let mut chance = Chance(seed);
    let mut power = Power::default();
    let mut known = Known::default();
    for cut in cuts {
        power.cut_after(*cut);
        // A cut may come during recovery too; then the next life recovers.
        if let Ok(log) = open(&power) {
            known.check(&log).await;
            known.live(&log, &mut chance).await;
            known.check(&log).await;
        }
        // A process may be killed, and the power go while the next one recovers what nobody has synced.
        match chance.below(3) {
            0 => power.kept(),
            _ => power = power.restored(&mut chance),
        }
    }
    power.kept();
    let log = open(&power).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    known.check(&log).await;
}

/// Two frames of one group, of which the power cut tore the first: the second was never told of and must not turn up behind a new first one.
#[tokio::test]
async fn what_was_cut_stays_cut() {
    let mut chance = Chance(7);
    let name = "00000000000000000001.seg";
    for _ in 0..50 {
        let mut torn = frame::SegmentHead { partitions: 2, salt: 1, first: 1 }.encode().to_vec();
        let mut encoder = frame::Encoder { into: &mut torn, salt: 1, durable: 0, time: 0 };
        encoder.records(1, JOBS, 0, &[&bytes("lost")[0]]);
        encoder.records(2, VOTES, 0, &[&bytes("late")[0]]);
        torn[SEGMENT_HEAD + FRAME_HEAD] ^= 1;
        let power = Power::default();
        power.put(name, torn);
        let log = open(&power).unwrap();
        log.append(JOBS, bytes("next").into()).await.unwrap();
        drop(log);
        let log = open(&power.restored(&mut chance)).unwrap();
        assert_eq!((texts(&log, JOBS).await, texts(&log, VOTES).await), (vec!["next".to_owned()], Vec::new()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_power_cut_takes_nothing_acknowledged(seed: u64, cuts in prop::collection::vec(prop_oneof![0u64..8, 0u64..60], 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(lives(seed, &cuts));
    }
}
