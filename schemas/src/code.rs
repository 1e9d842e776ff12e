//! Error codes: `CRN-nnnn`, stable, each with a title and the next step for the person who meets it.
//!
//! Owns the one table; every crate's errors name a code that stands here, and a test holds them together.
//! Refuses verdicts and dispositions: those are words in the journal (see [`crate::decision`]).
//!
//! 10xx usage and configuration · 11xx HTTP edge · 20xx events and codecs · 21xx job YAML · 22xx data sets · 23xx programs · 24xx kernels ·
//! 31xx decider and runner · 40xx journal · 51xx log (append, read, open) · 52xx snapshots · 53xx blobs · 61xx SQL and tables · 62xx export · 63xx verify · 71xx workers

/// One code as people meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    pub title: &'static str,
    /// What to do next.
    pub next: &'static str,
}

const fn code(code: &'static str, title: &'static str, next: &'static str) -> Code {
    Code { code, title, next }
}

/// Every code, ascending.
pub const CODES: &[Code] = &[
    code(
        "CRN-1101",
        "the request's body is not what this route takes",
        "send one event or an array as JSON, or application/cose, or application/cbor-seq; see `cairn submit --help`",
    ),
    code("CRN-1102", "too many events in one request", "send at most 1024 events at once"),
    code("CRN-1103", "the body is larger than this route takes", "split the request, or store large bytes as a blob"),
    code("CRN-1104", "the signature does not hold", "sign the canonical bytes with the key that `kid` names"),
    code("CRN-1105", "no such realm here", "list the realms with GET /v1/realms; a new one is known once its realm.opened is decided"),
    code("CRN-1106", "the node takes no more just now", "send the same bytes again after Retry-After"),
    code("CRN-1107", "the outcome is not known yet", "send the same bytes again, or ask GET /v1/events/{id}"),
    code("CRN-1108", "the log did not take the record", "see the detail; nothing was acknowledged, so the same bytes may be sent again"),
    code("CRN-1109", "the blob's bytes do not have that hash", "PUT under the BLAKE3 of the bytes"),
    code("CRN-1110", "no such blob here", "ask whoever named it to store it again"),
    code("CRN-1111", "the request's Host or Origin is not this node's", "use the address that `cairn up` printed"),
    code("CRN-1112", "a parameter is missing or out of range", "correct it as the detail says"),
    code("CRN-1113", "no such route", "see the routes in the README of ingest/gateway"),
    code(
        "CRN-1114",
        "the journal cannot be read there",
        "see the detail; a follower that is ahead of its journal must stop and ask its operator",
    ),
    code(
        "CRN-2001",
        "the record is not a well-formed signed event",
        "correct the event as the detail says and send it again; nothing was recorded",
    ),
    code("CRN-2002", "the record is larger than an event may be", "put the large part into a blob and name it by hash and size"),
    code(
        "CRN-2003",
        "the record is not canonical",
        "send it through POST /v1/events as JSON, which canonicalises, or encode it as DESIGN says",
    ),
    code(
        "CRN-3101",
        "the machine's clock is off from the log's",
        "set the clock (NTP) and start again: block time is bound to the log's time within 2 s",
    ),
    code(
        "CRN-3102",
        "an invariant of the state does not hold",
        "the partition halted before writing anything wrong: keep the journal, run `cairn replay --check`, report the block",
    ),
    code(
        "CRN-3103",
        "a recorded fact could not be applied",
        "the partition halted: keep the journal, run `cairn replay --check`, report the block",
    ),
    code(
        "CRN-3104",
        "this processor's key may not lead the partition",
        "authorise the key with a `processor.authorised` event signed by a genesis admin",
    ),
    code("CRN-3105", "the journal follows rules that this binary lacks", "run the newer binary; it reads everything this one wrote"),
    code(
        "CRN-3106",
        "an input topic is not the one that was decided on",
        "the topic was truncated or replaced below a decided position: restore it",
    ),
    code("CRN-3107", "the state or a decision cannot be encoded", "the partition halted: report the block and the version of the binary"),
    code("CRN-3108", "the partition has no block 0", "begin the instance with `cairn up`"),
    code(
        "CRN-3109",
        "the decider panicked on a tick",
        "the partition halted: keep the journal and report the block; a tick has no author to be told no",
    ),
    code("CRN-3110", "blocks of this processor do not count", "look at the machine's clock and at the processor's log: the reason is in the error"),
    code("CRN-4001", "a journal record has a format that this binary does not know", "run the newer binary; nothing is skipped"),
    code("CRN-4002", "a valid block has a body that this binary cannot read", "run the newer binary; nothing is skipped"),
    code(
        "CRN-4003",
        "the journal is not the one this position was saved from",
        "the log was truncated or replaced: restore it, or delete the derived data and fold anew",
    ),
    code("CRN-4004", "a saved chain cannot be read", "delete the derived data that holds it and fold anew"),
    code("CRN-4005", "journal records were handed over out of order", "this is a defect of the reader: report it"),
    code("CRN-4006", "the journal belongs to another instance", "point to the right directory or cluster; two instances never share a log"),
    code("CRN-4007", "the genesis document cannot begin this instance", "correct the document as the detail says"),
    code("CRN-4008", "block 0 did not become valid", "look at the machine's clock: the document's time must not be later than the log's"),
    code("CRN-5101", "the outcome of an append is unknown", "send the same bytes again: a second copy changes nothing"),
    code("CRN-5102", "an append is larger than the log takes", "split the append, or store large bytes as a blob and name it"),
    code("CRN-5103", "an append to a partition that the log does not have", "use a partition below the number in the genesis document"),
    code("CRN-5104", "the log was closed or fenced", "stop writing: another opener took over, or the node is shutting down"),
    code("CRN-5105", "the log was opened for reading only", "start the node with `cairn up` and send through it"),
    code("CRN-5106", "the log has no space left", "free space on its disk and send again: nothing of this append was kept"),
    code("CRN-5107", "an append met an error of the disk", "look at the disk's health and send again: nothing of this append was kept"),
    code("CRN-5111", "the records asked for were deleted", "start from a snapshot or the archive"),
    code("CRN-5112", "the log ends before a position that was seen", "restore the log: it was cut below what was already decided or saved"),
    code("CRN-5113", "a read of a partition that the log does not have", "use a partition below the number in the genesis document"),
    code("CRN-5114", "a record in the log is damaged", "restore the named file from a copy: nothing behind the damage is skipped"),
    code("CRN-5115", "the log was closed", "open the log again"),
    code("CRN-5116", "a read met an error of the disk", "look at the disk's health and read again"),
    code("CRN-5121", "an fsync of the log failed", "look at the disk's health, then start again: what was acknowledged before is durable"),
    code("CRN-5122", "the directory is in use", "stop that process, or name another directory with `--dir`"),
    code("CRN-5123", "a segment of the log is damaged", "restore the named segment from a copy: what was once durable is never cut away"),
    code("CRN-5124", "a segment of the log is missing", "restore the missing segment from a copy"),
    code("CRN-5125", "the log has a format that this binary does not know", "run the version of cairn that wrote it, or a newer one"),
    code("CRN-5126", "the log has another number of partitions", "use the number with which the log was made: it never changes"),
    code("CRN-5127", "the log cannot be opened", "look at the directory's permissions and the disk's health"),
    code("CRN-5201", "a snapshot could not be written", "look at the space and rights of the snapshot store; the journal is unharmed"),
    code("CRN-5202", "a snapshot is damaged", "nothing to do: an older one, or the whole journal, is folded instead"),
    code("CRN-5301", "the blob is not here", "ask whoever named it to store it again"),
    code("CRN-5302", "a stored blob is damaged", "store the bytes again: a damaged copy is replaced"),
    code("CRN-5303", "the blob is larger than it may be", "store it in parts, or ask for what was named"),
    code("CRN-5304", "the blob store cannot be opened", "name a directory or an s3:// URL, with its AWS_ variables set"),
    code("CRN-5305", "the blob store did not answer", "look at the store's space, rights and health, and try again"),
    code("CRN-6101", "a decision in a valid block cannot be read", "run the newer binary; nothing is skipped"),
    code("CRN-6102", "rows of a block could not be built", "this is a defect: report it with the block's height"),
    code("CRN-6103", "a table could not be read or written", "look at the space and rights of DIR/tables; a table may be deleted, it is folded anew from the journal"),
    code("CRN-6104", "a folder of the tables could not be changed", "look at the space and rights of DIR/tables"),
    code("CRN-6105", "the journals belong to different instances", "point to the right directory or cluster; two instances never share a log"),
    code("CRN-6106", "the tables are ahead of their journal", "the journal was truncated or replaced: restore it, or delete DIR/tables to fold anew what is left"),
    code("CRN-6107", "too many rows to hold in memory", "start the node with `cairn up` once, so that the tables are written"),
    code("CRN-6108", "a fold stopped", "see the detail and start again"),
    code("CRN-6121", "that is not answered here", "ask one SELECT, SHOW, DESCRIBE or plain EXPLAIN; nothing can be changed through SQL"),
    code("CRN-6122", "the question is not SQL, or names what is not there", "see the detail; SHOW TABLES and DESCRIBE list what there is"),
    code("CRN-6123", "the question could not be answered", "see the detail; if it names a file of a table, delete that table's folder and start again: it is folded anew"),
    code("CRN-6124", "the question took too long", "ask for fewer rows or a smaller range of heights, or ask another engine over DIR/tables"),
    code("CRN-6125", "the question needs more memory than questions may take", "ask for fewer rows or groups, or ask another engine over DIR/tables"),
    code("CRN-6126", "the answer has too many rows", "add a LIMIT or a condition, or read DIR/tables with another engine"),
    code("CRN-6127", "too many questions at once", "ask again after Retry-After"),
    code("CRN-6128", "no decided event has that id", "it may not be decided yet: ask again, or send the same bytes again"),
    code("CRN-6129", "that is no event id", "give the event's id (UUIDv7) or its hash (64 hex digits)"),
    code("CRN-6130", "the rows could not be written in that form", "ask for another form, or cast the column to text"),
];

/// The entry of a code, if it stands in the table.
pub fn find(code: &str) -> Option<&'static Code> {
    CODES.binary_search_by_key(&code, |entry| entry.code).ok().map(|at| &CODES[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_are_found() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for entry in CODES {
            assert_eq!(find(entry.code), Some(entry));
            assert!(entry.code.len() == 8 && entry.code.starts_with("CRN-"));
        }
        assert_eq!(find("CRN-0000"), None);
    }
}
