#![allow(clippy::unwrap_used)]
use super::*;

fn event(n: u8) -> EventHash {
    EventHash([n; 32])
}

fn fault(meter: &Meter, rows: u64, events: u64) -> Option<String> {
    meter.totals(Found { rows, events }).fault()
}

#[test]
fn a_latency_counts_from_when_the_event_was_due() {
    let meter = Meter::default();
    for (n, took) in (1..=100).zip(1..) {
        meter.sent(event(n), 1_000);
        meter.acknowledged(&[event(n)]);
        meter.decided(event(n), 1_000 + took, true);
    }
    meter.sent(event(200), 1_500);
    let row = meter.second(4_000);
    let of = |name: &str| row.get(name).as_u64().unwrap();
    assert_eq!((of("p50_ms"), of("p99_ms"), of("decided"), of("waiting"), of("oldest_ms")), (50, 99, 100, 1, 2_500));
    assert_eq!(meter.second(5_000).get("p99_ms"), &Value::Null);
    assert!(!meter.is_settled());
}

#[test]
fn a_run_is_good_only_if_each_event_was_acknowledged_and_decided_once() {
    let run = |acknowledged: bool, decided: &[u8]| {
        let meter = Meter::default();
        meter.sent(event(1), 0);
        decided.iter().for_each(|n| meter.decided(event(*n), 5, true));
        if acknowledged {
            meter.acknowledged(&[event(1)]);
        }
        meter
    };
    assert_eq!(fault(&run(true, &[1]), 1, 1), None, "decided before its acknowledgement came");
    assert_eq!(fault(&run(true, &[1, 9]), 1, 1), None, "what others say is none of ours");
    assert!(fault(&run(false, &[]), 0, 0).unwrap().contains("never acknowledged"));
    assert!(fault(&run(true, &[]), 0, 0).unwrap().contains("not decided in time"));
    assert!(fault(&run(true, &[1, 1]), 1, 1).unwrap().contains("more than once in the journal"));
    assert!(fault(&run(true, &[1]), 0, 0).unwrap().contains("not in the tables"));
    assert!(fault(&run(true, &[1]), 2, 1).unwrap().contains("in the tables more than once"));
}
