//! Processors come and go under load: twelve partitions, one processor, four, two.
//!
//! Owns what operators buy with partitions: work spreads, each change costs seconds, and the books do not notice.

use crate::{
    cluster::{Cluster, Role},
    load::{Load, seconds},
    node::until,
};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

const PARTITIONS: usize = 12;
/// Events a second: enough for every partition to have work at any moment, little enough for two cores that others use, too.
const RATE: u32 = 120;

/// Does something to the processors, and tells what it cost.
fn change(what: &str, cluster: &Cluster, load: &Load, processors: &mut Vec<Role>, act: impl FnOnce(&mut Vec<Role>)) {
    let begun = Instant::now();
    act(processors);
    // Each partition is led by one, and none of them by fewer partitions than its share.
    let share = PARTITIONS / processors.len();
    until(what, || {
        let led: Vec<BTreeSet<u32>> = processors.iter().map(|role| cluster.led(role)).collect();
        let all: BTreeSet<u32> = led.iter().flatten().copied().collect();
        (all.len() == PARTITIONS && led.iter().all(|led| led.len() == share)).then_some(())
    });
    let led = begun.elapsed();
    let calm = load.calm(begun).max(begun + led);
    // The waits of the change itself, before and after it is over.
    let (recovered, longest) = (calm - begun, load.longest_ms(begun));
    println!(
        "{what}: all led after {}, decided as usual after {}; the longest wait was {}",
        seconds(led),
        seconds(recovered),
        seconds(Duration::from_millis(longest)),
    );
    assert!(recovered < Duration::from_secs(45), "{what}: decided as usual only after {}", seconds(recovered));
}

#[test]
#[ignore = "needs CAIRN_KAFKA: tests/run.sh starts brokers"]
fn from_one_processor_to_four_and_back_to_two_under_load() {
    let (cluster, first) = Cluster::begin("scaling", &PARTITIONS.to_string());
    let mut processors = vec![first];
    let load = Load::start(&cluster, RATE);
    load.calm(Instant::now());
    let busy = |role: &Role| cluster.counts(role).iter().any(|(name, count)| name.starts_with("cairn_decisions_total") && *count > 100.0);
    change("1 → 4 processors", &cluster, &load, &mut processors, |processors| {
        processors.extend(["second", "third", "fourth"].map(|name| cluster.processor(name)));
    });
    until("all four decide", || processors.iter().all(busy).then_some(()));
    change("4 → 3, stopped in order", &cluster, &load, &mut processors, |processors| {
        let mut role = processors.remove(1);
        role.process.signal("TERM");
        assert!(until("it stops", || role.process.ended()).success());
    });
    // Three of three: the share is exact again.
    change("3 → 2, killed", &cluster, &load, &mut processors, |processors| processors.remove(0).process.kill());
    let voids = cluster.voids(&processors);
    let totals = load.stop();
    println!("{totals}; {voids} void blocks");
    // Each change gives a partition to another at most once, and a twin's claim at most doubles that.
    assert!(cluster.epochs().values().all(|epoch| *epoch <= 8), "{:?}", cluster.epochs());
    until("nothing lags", || {
        let lag = "SELECT sum(lag_records) AS n FROM consumer_lag WHERE fold IN ('decider', 'gateway', 'journal')";
        (cluster.sql(lag)[0]["n"] == 0).then_some(())
    });
    cluster.is_well();
}
