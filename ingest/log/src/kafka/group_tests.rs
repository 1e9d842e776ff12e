#![allow(clippy::unwrap_used)]
use super::*;
use crate::Change;

fn member(poll_interval: Duration) -> Member {
    let options = KafkaOptions::from_url("kafka://127.0.0.1:9/none").unwrap();
    let options = KafkaOptions { poll_interval, ..options };
    let (watch, clock) = (Watch::new(options.security.clone()), Arc::new(BrokerClock::new()));
    let places = Arc::new(Places::new(&options, 2));
    let config = options.client().unwrap();
    let shared = Arc::new(Shared { options, config, watch, clock, places, assigner: Assigner::default() });
    Member { shared, name: "here".into(), stop: Arc::default(), beat: Mutex::new(Instant::now()) }
}

#[test]
fn a_member_that_hangs_leads_no_more() {
    let member = member(Duration::from_secs(45));
    let mut view = member.shared.assigner.join("here");
    member.give(&[0, 1]);
    let given: Vec<_> = std::iter::from_fn(|| view.change()).map(|told| told.change).collect();
    assert_eq!(given, [Change::Given, Change::Given]);
    assert!(!member.watch_over(false) && view.change().is_none(), "it has just come around");
    *lock(&member.beat) = Instant::now().checked_sub(Duration::from_secs(46)).unwrap();
    assert!(member.watch_over(false));
    let revoked: Vec<_> = std::iter::from_fn(|| view.change()).map(|told| told.change).collect();
    assert_eq!(revoked, [Change::Revoked, Change::Revoked]);
}

#[test]
fn a_partition_that_is_lost_waits_for_our_appends_but_not_for_ever() {
    let member = Arc::new(member(Duration::from_secs(45)));
    let mut view = member.shared.assigner.join("here");
    member.give(&[1]);
    assert_eq!(view.change().map(|told| told.change), Some(Change::Given));
    member.shared.places.begin(Place::journal(1), 1);
    let (losing, began) = (member.clone(), Instant::now());
    let lost = thread::spawn(move || losing.lose(&[1]));
    while view.change().is_none() {
        thread::yield_now();
    }
    assert!(!lost.is_finished(), "it was told before the append was answered");
    member.shared.places.end(Place::journal(1), 1);
    lost.join().unwrap();
    assert!(began.elapsed() < DRAIN, "it went on as soon as the append was answered");
}

#[test]
fn generations_ascend_from_process_to_process() {
    let (first, second) = (member(Duration::from_secs(45)), member(Duration::from_secs(45)));
    let generation = |member: &Member| {
        let mut view = member.shared.assigner.join("here");
        member.give(&[0]);
        view.change().unwrap().generation
    };
    let told = [generation(&first), generation(&second), generation(&first)];
    assert!(told[0] > 1_600_000_000_000 && told[0] <= told[1] && told[0] < told[2], "{told:?}");
}
