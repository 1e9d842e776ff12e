#![allow(clippy::unwrap_used)]
use super::*;
use crate::{
    Amount, BlobRef, ByteString, JobId, SecretKey, TaskId, golden,
    ids::{BlobHash, InstanceId, Root, Seal, StateRoot},
    record::{self, Encoding},
};

fn blob(n: u8) -> BlobRef {
    BlobRef { hash: BlobHash([n; 32]), size: 1_000 + u64::from(n) }
}

fn amount(minor: u128) -> Amount {
    Amount::new(minor).unwrap()
}

/// One body of every type, in the order of [`Body::TYPES`].
pub(crate) fn bodies() -> Vec<Body> {
    let key = SecretKey::from_seed([1; 32]).public();
    let task = TaskId { job: JobId([2; 32]), index: 7 };
    let leaf = TraceLeaf { index: 3, state: StateRoot([4; 32]), figures: [1_065_353_216, 0] };
    let hash = EventHash([5; 32]);
    vec![
        JobSubmitted {
            name: "digits".parse().unwrap(),
            account: "acme".parse().unwrap(),
            yaml: blob(1),
            program: blob(2),
            data: DataSource { url: "builtin:digits?seed=7&count=10000".parse().unwrap(), hash: Root([3; 32]), train: 8_000, test: 2_000 },
            initial: StateRoot([6; 32]),
            plan: TaskPlan { rounds: 4, shards: 3, train_leaves: 12, aggregate_leaves: 2, evaluate_leaves: 2 },
            workers: WorkerTerms { min: 2, stake: amount(5_000_000), bond: amount(1_000_000) },
            verify: VerifyTerms { assurance: Assurance::Sampled, rate: "1".parse().unwrap(), steps: 2 },
            deadlines: Deadlines { accept_ms: 10_000, task_ms: 60_000, check_ms: 60_000 },
            attempts: 3,
            pay: PayTerms { escrow: amount(12_000_000), task: amount(500_000), check: amount(90_000) },
        }
        .into(),
        JobCancelled { job: task.job }.into(),
        TaskAccepted { task, attempt: 1 }.into(),
        WorkerRegistered { name: "ada".parse().unwrap(), account: "ada".parse().unwrap() }.into(),
        WorkerRetired {}.into(),
        WorkCommitted {
            instance: InstanceId([7; 32]),
            task,
            attempt: 1,
            worker: key,
            program: BlobHash([2; 32]),
            input: StateRoot([8; 32]),
            leaves: 2,
            trace: Root([9; 32]),
            result: blob(3),
            score: Some(Score { correct: 1_900, total: 2_000 }),
        }
        .into(),
        WorkOpened { task, attempt: 1, openings: vec![Opening { leaf, path: vec![Root([1; 32])], state: Some(blob(4)) }] }.into(),
        WorkRetracted { task, attempt: 1 }.into(),
        CheckSealed { task, attempt: 1, seal: Seal([10; 32]) }.into(),
        CheckRevealed { task, attempt: 1, salt: ByteString(vec![1; 32]), leaves: vec![leaf] }.into(),
        CheckFailed { task, attempt: 1, reason: CheckFailure::Unavailable }.into(),
        RealmOpened {
            name: "main".parse().unwrap(),
            partition: 0,
            admins: vec![key],
            admission: Admission::Open,
            currency: Currency { code: "crn".parse().unwrap(), scale: 6 },
            issuer: key,
        }
        .into(),
        KeyRegistered { key }.into(),
        KeyRotated { from: key, to: SecretKey::from_seed([2; 32]).public() }.into(),
        KeyRevoked { key }.into(),
        ProcessorAuthorised { key }.into(),
        NoteRecorded { text: "seen".parse().unwrap(), about: Some(hash), blob: None }.into(),
        ProposalOpened { title: "more stake?".parse().unwrap(), text: "Yes or no.".parse().unwrap() }.into(),
        VoteCast { proposal: hash, choice: Choice::Yes }.into(),
        AccountOpened { account: "acme".parse().unwrap() }.into(),
        TransferPosted { from: "issuer".parse().unwrap(), to: "acme".parse().unwrap(), amount: amount(2_500_000) }.into(),
        TransferPending { from: "acme".parse().unwrap(), to: "ada".parse().unwrap(), amount: amount(1), timeout_ms: 1_000 }.into(),
        TransferSettled { transfer: hash }.into(),
        TransferVoided { transfer: hash }.into(),
        StakeLocked { from: "ada".parse().unwrap(), amount: amount(5_000_000) }.into(),
        StakeReleased { to: "ada".parse().unwrap(), amount: amount(5_000_000) }.into(),
    ]
}

fn event(body: Body) -> Event {
    Event {
        id: EventId::from_parts(1_763_712_000_000, &[1; 10]),
        realm: RealmId([3; 32]),
        source: SecretKey::from_seed([1; 32]).public(),
        seq: 2,
        prev: EventHash([4; 32]),
        time: Timestamp::from_millis(1_763_712_000_250).unwrap(),
        not_after: Timestamp::from_millis(1_763_712_060_000),
        subject: Some("an example".parse().unwrap()),
        body,
    }
}

#[test]
fn every_type_keeps_its_bytes_in_both_encodings() {
    let key = SecretKey::from_seed([1; 32]);
    let bodies = bodies();
    assert_eq!(bodies.iter().map(Body::type_name).collect::<Vec<_>>(), Body::TYPES);
    for body in bodies {
        let event = event(body);
        let name = event.body.type_name();
        let cose = record::seal(&event, &key, Encoding::Cose).unwrap();
        let json = record::seal(&event, &key, Encoding::Json).unwrap();
        golden::check(&format!("event.{name}.cose"), &cose);
        golden::check(&format!("event.{name}.json"), &json);
        let (from_cose, from_json) = (record::open(&cose).unwrap(), record::open(&json).unwrap());
        assert_eq!(from_cose.event, event, "{name}");
        assert_eq!(from_json.event, event, "{name}");
        assert_eq!(from_cose.hash, from_json.hash, "{name}: a canonical hash does not change with a round trip");
        assert_eq!(event.hash().unwrap(), from_cose.hash);
    }
}

#[test]
fn what_is_not_of_the_model_is_refused() {
    let text = String::from_utf8(event(bodies().swap_remove(20)).to_jcs().unwrap()).unwrap();
    assert!(Event::from_json(text.as_bytes()).is_ok());
    for (from, to, why) in [
        ("\"seq\":2", "\"seq\":0", "seq from 1"),
        ("\"seq\":2", "\"seq\":2.0", "a float"),
        ("\"seq\":2", "\"seq\":null", "a null"),
        ("\"seq\":2", "\"seq\":2,\"seq\":3", "a key twice"),
        ("\"seq\":2", "\"seq\":9007199254740992", "beyond 2^53 − 1"),
        ("\"seq\":2", "\"seq\":2,\"extra\":1", "an unknown key"),
        ("\"2500000\"", "2500000", "an amount that is no string"),
        ("\"2500000\"", "\"02500000\"", "a leading zero"),
        ("\"2500000\"", "\"2500000\",\"memo\":\"x\"", "an unknown key in the data"),
        ("transfer.posted.v1", "transfer.posted.v9", "an unknown type"),
        ("transfer.posted.v1", "vote.cast.v1", "another type's data"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(Event::from_json(text.replacen(from, to, 1).as_bytes()).is_err(), "{why}");
    }
}

#[test]
fn a_flipped_bit_is_never_the_same_authentic_event() {
    let key = SecretKey::from_seed([1; 32]);
    for encoding in [Encoding::Cose, Encoding::Json] {
        let record = record::seal(&event(bodies().swap_remove(20)), &key, encoding).unwrap();
        for at in 0..record.len() {
            let mut bent = record.clone();
            bent[at] ^= 1 << (at % 8);
            let passes = record::open(&bent).is_ok_and(|signed| signed.is_authentic());
            assert!(!passes, "{encoding:?}, byte {at}");
        }
    }
}
