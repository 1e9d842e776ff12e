//! Every limit of Cairn that two crates must agree on, in one place.
//!
//! Owns numbers and the reason for each. Refuses configuration: what an operator may change lives in `cairn.toml`.

/// One signed event as a record, bytes. Larger bytes are blobs.
pub const EVENT_BYTES: usize = 48 * 1024;
/// One decision, encoded, bytes: an event, its verdict, its facts. Larger consequences go on as further ticks.
pub const DECISION_BYTES: usize = 60 * 1024;
/// One block record, bytes: under the default `message.max.bytes` of Kafka and librdkafka.
pub const BLOCK_BYTES: usize = 900_000;
/// One record of any stream, bytes: what a log backend must take.
pub const RECORD_BYTES: usize = 1_000_000;
/// Blocks appended and not yet read back.
pub const BLOCKS_IN_FLIGHT: usize = 4;
/// Due ticks decided in one block; the rest come in the next.
pub const TICKS_PER_BLOCK: usize = 1_000;
/// One decoded leaf entry, bytes: C2SP tlog-tiles writes its length in 16 bits.
pub const LEAF_ENTRY_BYTES: usize = 65_535;
/// Nesting of a decoded document.
pub const DEPTH: usize = 16;
/// Largest integer of the shared model: exact in every JSON reader (2^53 − 1).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Largest amount: 10^38 − 1 fits Decimal128.
pub const AMOUNT_MAX: u128 = 100_000_000_000_000_000_000_000_000_000_000_000_000 - 1;
/// One blob, bytes: what the gateway takes in one request and a worker loads at once.
pub const BLOB_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of blobs that one gateway takes in at once; one more is told to come again.
pub const BLOB_BYTES_UNDER_WAY: usize = 2 * BLOB_BYTES;
/// Bytes of all other request bodies that one gateway holds at once.
pub const BODY_BYTES_UNDER_WAY: usize = 256 * 1024 * 1024;
/// Bytes a second at which a request body must come, after its first allowance of time.
pub const BODY_BYTES_PER_SECOND: u64 = 16 * 1024;
/// Events in one HTTP request.
pub const EVENTS_PER_REQUEST: usize = 1_024;
/// Events of one registered key that one gateway has appended and not seen decided.
pub const OUTSTANDING_PER_KEY: usize = 8 * EVENTS_PER_REQUEST;
/// The same of all keys together that a realm does not know: whoever makes keys gains nothing.
pub const OUTSTANDING_STRANGERS: usize = EVENTS_PER_REQUEST;
/// Authors that register themselves in one open realm: with all the keys that each may have, they leave room for those whom admins register.
pub const NEWCOMERS_PER_REALM: usize = 100_000;
/// How far a block's time may lie after its record's own append time, milliseconds.
pub const CLOCK_SKEW_MS: i64 = 2_000;
/// Partitions of an instance.
pub const PARTITIONS: u32 = 4_096;
/// Tasks of one job.
pub const TASKS_PER_JOB: u32 = 10_000;
/// Shards of a round: their outputs are named in one decision, the aggregation's assignment.
pub const SHARDS_PER_ROUND: u32 = 128;
/// Steps of one check: the openings of as many must fit into one event.
pub const STEPS_PER_CHECK: u32 = 64;
/// Trace leaves of one task.
pub const LEAVES_PER_TASK: u32 = 1 << 20;
/// Attempts at one task.
pub const ATTEMPTS_PER_TASK: u32 = 16;
/// Workers drawn to check one attempt, thirds and replacements of silent ones included.
pub const CHECKERS_PER_ATTEMPT: usize = 8;
/// Workers of a realm: each is asked when somebody is drawn.
pub const WORKERS_PER_REALM: usize = 10_000;
/// Jobs of a partition that have not ended.
pub const OPEN_JOBS: usize = 10_000;
/// Longest deadline of a job, milliseconds: 30 days.
pub const DEADLINE_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// Bytes of the salt of a seal, at least: a guess must be hopeless.
pub const SALT_BYTES_MIN: usize = 16;
/// And at most.
pub const SALT_BYTES_MAX: usize = 64;
/// Realms at home on one partition.
pub const REALMS_PER_PARTITION: usize = 1_000;
/// Admins of one realm.
pub const ADMINS_PER_REALM: usize = 64;
/// Processor keys that one partition lets claim.
pub const PROCESSOR_KEYS: usize = 256;
/// Keys that a realm ever registers: none is forgotten.
pub const KEYS_PER_REALM: usize = 2_000_000;
/// Valid keys of one author in a realm.
pub const KEYS_PER_AUTHOR: u32 = 16;
/// Decimals of a currency.
pub const CURRENCY_SCALE: u8 = 18;
/// Accounts of one realm.
pub const ACCOUNTS_PER_REALM: usize = 1_000_000;
/// Pending transfers of one partition.
pub const PENDING_TRANSFERS: usize = 100_000;
/// Proposals of one realm.
pub const PROPOSALS_PER_REALM: usize = 10_000;
