#![allow(clippy::unwrap_used)]
use super::*;
use futures::FutureExt;

/// What a call comes to, from what Kafka said of each of its records in turn.
fn outcome(said: &[Result<u64, RDKafkaErrorCode>]) -> String {
    let (done, mut answered) = oneshot::channel();
    let appended = vec![None; said.len()];
    let answers = Answers { missing: said.len(), appended, refusals: Vec::new(), undated: false, done: Some(done) };
    let options = KafkaOptions::from_url("kafka://127.0.0.1:9").unwrap();
    let places = Arc::new(Places::new(&options, 1));
    let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let place = Place::journal(0);
    places.begin(place, said.len());
    let call = Call { place, records: said.len(), answers: Mutex::new(answers), places: places.clone(), _room: room };
    for (index, said) in said.iter().enumerate() {
        assert!(answered.try_recv().is_err(), "answered before the last record was");
        assert!(places.is_appending(place));
        call.answer(index, said.map(|offset| Some(Appended { offset, time: 0 })));
    }
    drop(call);
    assert!(!places.is_appending(place));
    match answered.try_recv().unwrap() {
        Outcome::Appended(appended) => format!("{:?}", appended.iter().map(|appended| appended.offset).collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

#[test]
fn only_a_whole_call_is_a_success_and_only_a_whole_refusal_is_known() {
    use RDKafkaErrorCode::{MessageSizeTooLarge as Large, MessageTimedOut as Late};
    assert_eq!(outcome(&[Ok(7), Ok(8), Ok(11)]), "[7, 8, 11]");
    assert_eq!(outcome(&[Err(Large), Err(Large)]), "Refused(MessageSizeTooLarge)");
    for unknown in [
        &[Ok(7), Err(Late)][..],
        &[Err(Late), Ok(7)],
        &[Ok(7), Err(Large)],
        &[Err(Large), Err(Late)],
        // Each is there, but a retry turned them round: the caller's order is not the log's.
        &[Ok(8), Ok(7)],
    ] {
        assert_eq!(outcome(unknown), "Unknown", "{unknown:?}");
    }
}

#[test]
fn a_time_out_is_never_a_refusal() {
    let options = KafkaOptions::from_url("kafka://127.0.0.1:9").unwrap();
    let options = KafkaOptions { append_timeout: Duration::from_millis(50), ..options };
    let (watch, places) = (Watch::new(options.security.clone()), Arc::new(Places::new(&options, 1)));
    let appender = Appender::open(&options, watch, Arc::new(BrokerClock::new()), places).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(appender.append(Place::journal(0), vec!["a".into()].into(), 1)).unwrap_err();
    assert!(matches!(error, AppendError::Unknown { .. }), "{error:?}");
    let refusal = appender.refusal(Place::journal(0), &["a".into()], RDKafkaErrorCode::MessageTimedOut);
    assert!(matches!(refusal, AppendError::Unknown { .. }));
}

#[test]
fn what_would_wait_in_the_producer_waits_here_and_goes_together() {
    let options = KafkaOptions::from_url("kafka://127.0.0.1:9").unwrap();
    let (places, place) = (Places::new(&options, 2), Place::journal(0));
    let turn = || places.turn(place).now_or_never().is_some();
    places.begin(place, 4);
    assert!(turn(), "few are on their way");
    places.begin(place, 64);
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(places.turn(place))).collect();
    assert!(waiting.iter_mut().all(|turn| turn.as_mut().now_or_never().is_none()));
    assert!(places.turn(Place::journal(1)).now_or_never().is_some(), "another place does not wait");
    places.end(place, 64);
    // The first of them makes many again, and takes nothing from the others.
    for turn in &mut waiting {
        assert!(turn.as_mut().now_or_never().is_some());
        places.begin(place, 64);
    }
    assert!(!turn());
    places.end(place, 64 * 3);
    assert!(turn());
}
