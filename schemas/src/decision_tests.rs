#![allow(clippy::unwrap_used)]
use super::*;
use crate::{Amount, JobId, RealmId, fact::Movement, golden};

fn decision() -> Decision {
    let movement = Movement {
        realm: RealmId([1; 32]),
        debit: "issuer".parse().unwrap(),
        credit: "acme".parse().unwrap(),
        amount: Amount::new(2_500_000).unwrap(),
        because: None,
        task: Some(TaskId { job: JobId([2; 32]), index: 7 }),
        attempt: Some(1),
    };
    Decision {
        subject: Subject::Event { at: Position { topic: Topic::Payments, offset: 41, index: 0 }, record: ByteString(b"signed".to_vec()) },
        verdict: Verdict::Accepted,
        facts: vec![Fact::MoneyMoved(movement), Fact::DeadlinesExtended { by_ms: 1_000 }],
    }
}

#[test]
fn decisions_dispositions_and_leaf_entries_keep_their_bytes() {
    let accepted = decision();
    let verdict = Verdict::Rejected { code: RejectionCode::InsufficientFunds, detail: "acme has 1".into() };
    let rejected = Decision { verdict, facts: Vec::new(), ..accepted.clone() };
    let tick = Decision { subject: Subject::Tick(Tick::Extension), ..accepted.clone() };
    for (name, decision) in [("accepted", &accepted), ("rejected", &rejected), ("tick", &tick)] {
        let bytes = cbor::to_vec(decision).unwrap();
        golden::check(&format!("decision.{name}.cbor"), &bytes);
        assert_eq!(&cbor::from_slice::<Decision>(&bytes).unwrap(), decision);
    }
    let disposition = Disposition {
        at: Position { topic: Topic::Audit, offset: 3, index: 0 },
        length: 12,
        record: RecordHash([9; 32]),
        code: DispositionCode::Fork,
        evidence: Some(ByteString(b"forked".to_vec())),
    };
    golden::check("disposition.fork.cbor", &cbor::to_vec(&disposition).unwrap());
    let entry = LeafEntry::of(&rejected, 3, 17, 5, Timestamp::from_millis(1_763_712_000_000).unwrap()).unwrap();
    assert_eq!(entry.verdict, "insufficient_funds");
    golden::check("leaf_entry.cbor", &entry.to_cbor().unwrap());
}

#[test]
fn a_decision_hash_covers_event_verdict_and_facts() {
    let decision = decision();
    let hash = decision.hash().unwrap();
    let other_event = Decision { subject: Subject::Tick(Tick::Extension), ..decision.clone() };
    let other_verdict =
        Decision { verdict: Verdict::Rejected { code: RejectionCode::Internal, detail: String::new() }, ..decision.clone() };
    let other_facts = Decision { facts: Vec::new(), ..decision.clone() };
    for other in [other_event, other_verdict, other_facts] {
        assert_ne!(other.hash().unwrap(), hash);
    }
}

#[test]
fn codes_have_one_text_each() {
    let mut texts: Vec<&str> = RejectionCode::ALL.iter().map(|code| code.text()).collect();
    texts.extend(DispositionCode::ALL.iter().map(|code| code.text()));
    let count = texts.len();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), count);
}
