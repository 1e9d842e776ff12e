//! The tables of the journal itself: what was said, what was decided, in which block.

use super::{LeafAt, row};
use cairn_schemas::{
    BlockHash, ByteString, DecisionHash, EventHash, EventId, Line, PublicKey, RealmId, RecordHash, Root, Timestamp, Topic,
};

row! {
    /// An admitted event and its verdict.
    EventRow of Events at LeafAt {
        event_hash: EventHash,
        event_id: EventId,
        realm: RealmId,
        topic: Topic,
        r#type: &'static str,
        /// The author: its first key.
        author: PublicKey,
        /// The key that signed.
        key: PublicKey,
        seq: u64,
        prev: EventHash,
        /// The author's clock.
        time: Timestamp,
        not_after: Option<Timestamp>,
        subject: Option<Line>,
        /// The event's data as JSON.
        data: String,
        /// `json` or `cose`: with the hashes that cover record bytes, all that tells the two apart.
        encoding: &'static str,
        verdict: &'static str,
        code: Option<&'static str>,
        detail: Option<String>,
        topic_offset: u64,
        topic_index: u32,
    }
}

row! {
    /// A decision: on an event, or a tick.
    DecisionRow of Decisions at LeafAt {
        /// `event` or `tick`.
        kind: &'static str,
        /// The event's type, or the tick's cause.
        cause: &'static str,
        event_hash: Option<EventHash>,
        verdict: &'static str,
        code: Option<&'static str>,
        detail: Option<String>,
        decision: DecisionHash,
        topic: Option<Topic>,
        topic_offset: Option<u64>,
        topic_index: Option<u32>,
        fact_count: u64,
        /// The facts as JSON, in their order.
        facts: String,
    }
}

row! {
    /// A record that was not admitted.
    DispositionRow of Dispositions at () {
        partition: u32,
        height: u64,
        at: Timestamp,
        topic: Topic,
        topic_offset: u64,
        topic_index: u32,
        /// Bytes of the record.
        length: u64,
        record: RecordHash,
        code: &'static str,
        /// The signed bytes of a fork, base64url.
        evidence: Option<ByteString>,
    }
}

row! {
    /// A valid block.
    BlockRow of Blocks at () {
        partition: u32,
        height: u64,
        at: Timestamp,
        hash: BlockHash,
        prev: BlockHash,
        epoch: u64,
        rules: u32,
        decisions: u64,
        dispositions: u32,
        first_leaf: u64,
        tree_size: u64,
        root: Root,
        body: Root,
    }
}
