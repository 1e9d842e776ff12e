//! Error codes: `CRN-nnnn`, stable, each with a title and the next step for the person who meets it.
//!
//! Owns the one table; every crate's errors name a code that stands here, and a test holds them together.
//! Refuses verdicts and dispositions: those are words in the journal (see [`crate::decision`]).
//!
//! 10xx usage and configuration · 11xx HTTP edge · 20xx events and codecs · 21xx job YAML · 22xx data sets · 23xx programs · 24xx kernels ·
//! 31xx decider and runner · 40xx journal · 51xx log (append, read, open) · 52xx snapshots · 53xx blobs · 54xx stores · 61xx SQL and tables · 62xx export and checkpoints · 63xx verify · 71xx workers

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
    code("CRN-1000", "something unforeseen failed", "see the cause; if it stays, report it with the command that was run"),
    code("CRN-1001", "the command line is wrong", "see `cairn help` and the command's --help"),
    code("CRN-1002", "the configuration is wrong", "correct cairn.toml as the detail says; a new folder gets a file with all defaults"),
    code("CRN-1003", "the key file cannot be used", "name another with --key, or make one with `cairn keygen NAME`"),
    code("CRN-1004", "no node answers", "start one with `cairn up`, or name it with --node URL"),
    code("CRN-1005", "the node answered something unexpected", "compare `cairn --version` with the node's version"),
    code("CRN-1006", "the folder's setup cannot be used", "restore setup.toml, or begin in another folder with --dir"),
    code(
        "CRN-1007",
        "the node cannot start",
        "see the cause; another process may hold the folder or the address (try --listen 127.0.0.1:0)",
    ),
    code("CRN-1008", "the event was not accepted", "see the code of the verdict; the event is in the ledger with it, and can be proven"),
    code("CRN-1009", "the job did not complete", "see `cairn sql \"SELECT * FROM tasks\"` for the attempts"),
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
    code("CRN-1113", "no such route or method", "see the routes in the README of ingest/gateway"),
    code(
        "CRN-1114",
        "the journal cannot be read there",
        "see the detail; a follower that is ahead of its journal must stop and ask its operator",
    ),
    code("CRN-1115", "the node asks for a token", "put it into a file and name that in CAIRN_TOKEN_FILE"),
    code("CRN-1116", "the body does not arrive", "send it again without pauses; the detail says how fast it must come"),
    code("CRN-1117", "an author's or a realm's share is used up", "send the same bytes again after Retry-After, or do as the detail says"),
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
        "CRN-2101",
        "the job's text is not the YAML that jobs use",
        "correct it at the line and column shown; anchors, aliases and tags are not taken",
    ),
    code("CRN-2102", "the job's text or nesting is too large", "see `deploy/job.yaml`: a job is some ten lines"),
    code("CRN-2103", "a key that jobs do not have", "correct the spelling at the place shown, or remove the key"),
    code("CRN-2104", "a key of the job is missing", "add it: every key is needed but data.hash, which `cairn submit` fills in"),
    code("CRN-2105", "a key of the job is there twice", "remove one of the two"),
    code("CRN-2106", "a list, a mapping or one value was wanted", "write it as in `deploy/job.yaml`"),
    code(
        "CRN-2107",
        "a value of the job cannot be read or is out of range",
        "write what the detail asks for; amounts are integers of minor units",
    ),
    code("CRN-2108", "values of the job do not go together", "change one of the two that the detail names"),
    code("CRN-2201", "the bytes are not an IDX file", "bring MNIST's files as they are published, gzip or not, images with their labels"),
    code("CRN-2202", "a line of the CSV file is no record", "write the label first, then its values, each an integer from 0 to 255"),
    code("CRN-2203", "a file is too large", "split it, or take fewer records"),
    code(
        "CRN-2204",
        "the records are not those that the job pins",
        "bring the data the job was signed with, or submit a job that pins these",
    ),
    code("CRN-2205", "there are fewer records than the job wants", "lower data.train or data.test, or bring more data"),
    code("CRN-2206", "the records do not fit the model", "set model.input and model.classes to the data, or bring other data"),
    code("CRN-2207", "the files are no data set", "put one images/labels pair, MNIST's two pairs, or one CSV file into the folder"),
    code("CRN-2208", "the data url is not understood", "write it as builtin:digits?seed=7&count=10000"),
    code("CRN-2301", "the bytes are no program", "fetch the blob again by its hash; a program has one byte string"),
    code("CRN-2302", "the program names another contract version", "use a build that has that version"),
    code("CRN-2303", "an instruction reads what is not before it", "the program is malformed: whoever made it must correct it"),
    code("CRN-2304", "an instruction's operands do not fit", "see the instruction and shapes in the detail"),
    code("CRN-2305", "the program is too large", "use a smaller model or batch"),
    code("CRN-2306", "an output names no value", "the program is malformed: whoever made it must correct it"),
    code("CRN-2307", "an instruction has no gradient", "train only what is differentiable"),
    code(
        "CRN-2401",
        "this thread's floating-point mode is not the default",
        "find the library that set flush-to-zero or another rounding (often -ffast-math), and start without it",
    ),
    code("CRN-2402", "a tensor is not what the program declares", "give the program the state and batch of its own job"),
    code("CRN-2403", "the bytes are not a state of this job", "fetch the blob again by its hash; it must be of the same model"),
    code("CRN-2404", "the task has no such leaf", "transitions go from leaf 1 to the last"),
    code("CRN-2405", "the job has no such task", "see the number of tasks in the detail"),
    code("CRN-2406", "the task continues from something else", "give it the material of the leaf before"),
    code("CRN-2407", "the results do not make this task's input", "give it one result for each task it waits for, in order"),
    code("CRN-2408", "a parameter is too large to be averaged", "lower train.sgd.rate: the training diverged"),
    code("CRN-2409", "the program is not this job's", "fetch the programs whose hash the job fixed"),
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
    code(
        "CRN-3110",
        "blocks of this processor do not count",
        "look at the machine's clock and at the processor's log: the reason is in the error",
    ),
    code(
        "CRN-3150",
        "the replay does not agree with the journal",
        "keep the folder as it is: the problems name blocks; compare with a snapshot or another copy of the journal",
    ),
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
    code(
        "CRN-5131",
        "this log keeps all its records",
        "nothing to do: a log on disk grows with its history; keep the log on Kafka to delete what is archived",
    ),
    code("CRN-5132", "a deletion from a partition that the log does not have", "use a partition below the number in the genesis document"),
    code(
        "CRN-5133",
        "a deletion beyond the end of the log",
        "restore the log: it was cut below what was already decided or archived; nothing was deleted",
    ),
    code("CRN-5134", "the log was closed or fenced during a deletion", "open the log again; deleting again is harmless"),
    code("CRN-5135", "a deletion was not answered", "look at the log's health; deleting again is harmless"),
    code(
        "CRN-5141",
        "the address or the settings of a log on Kafka are wrong",
        "write it as kafka://host:port[,host:port][/PREFIX], and TLS and SASL under [kafka] in cairn.toml",
    ),
    code("CRN-5142", "a secret for Kafka cannot be read", "look at the file's rights, or set the variable that the detail names"),
    code(
        "CRN-5143",
        "Kafka does not answer",
        "see that the brokers run and that host, port and TLS are right; acknowledged records are safe",
    ),
    code("CRN-5144", "a topic is missing", "make the topics with `cairn topics create`; if they were there before, restore them"),
    code(
        "CRN-5145",
        "a topic has another number of partitions",
        "never add partitions: make new topics under another prefix, or restore the number of the genesis document",
    ),
    code(
        "CRN-5146",
        "a topic's setting endangers its records",
        "set it with kafka-configs.sh as the detail says, then `cairn topics check`",
    ),
    code("CRN-5147", "a partition has no leader", "start the brokers that hold its copies; never elect an unclean leader"),
    code("CRN-5148", "a topic has few copies", "raise them to 3 with kafka-reassign-partitions.sh before production"),
    code("CRN-5149", "a topic's settings cannot be read", "allow DescribeConfigs on the topic, or audit it with Kafka's own tools"),
    code(
        "CRN-5150",
        "a topic was deleted or made anew under an open log",
        "stop all nodes on it: restore the topic from a copy or the archive; its offsets mean other records now",
    ),
    code("CRN-5151", "Kafka refuses what was asked", "see the detail: allow it in the cluster's ACLs, or send less"),
    code("CRN-5152", "a topic could not be changed", "see the detail; doing it again is harmless"),
    code("CRN-5153", "the Kafka client failed", "see the detail: a setting or a file of TLS that it cannot use"),
    code(
        "CRN-5154",
        "records carry no append time of the broker",
        "set message.timestamp.type=LogAppendTime and restore the topic: block time rests on it",
    ),
    code(
        "CRN-5155",
        "a record on Kafka cannot be read",
        "set compression.type=lz4 on the topic; look at the broker's disk if it is damaged",
    ),
    code("CRN-5201", "the snapshot store did not answer", "look at the store's space, rights and health; the journal is unharmed"),
    code("CRN-5202", "a snapshot is damaged", "nothing to do: an older one, or the whole journal, is folded instead"),
    code(
        "CRN-5203",
        "a snapshot is not what the journal leads to",
        "delete the named snapshot and keep a copy: the processor that saved it, or its store, is at fault",
    ),
    code("CRN-5301", "the blob is not here", "ask whoever named it to store it again"),
    code("CRN-5302", "a stored blob is damaged", "store the bytes again: a damaged copy is replaced"),
    code("CRN-5303", "the blob is larger than it may be", "store it in parts, or ask for what was named"),
    code("CRN-5304", "the blob store cannot be opened", "name a directory or an s3:// URL, with its AWS_ variables set"),
    code("CRN-5305", "the blob store did not answer", "look at the store's space, rights and health, and try again"),
    code("CRN-5401", "a store cannot be opened", "name a directory or an s3:// URL, with its AWS_ variables set"),
    code("CRN-5402", "an object is not in the store", "look whether the store is the right one; somebody may have deleted the object"),
    code("CRN-5403", "an object is larger than it may be", "look whether the store is the right one: nothing of ours is that large"),
    code("CRN-5404", "the store did not answer", "look at the store's space, rights and health, and try again"),
    code("CRN-6101", "a decision in a valid block cannot be read", "run the newer binary; nothing is skipped"),
    code("CRN-6102", "rows of a block could not be built", "this is a defect: report it with the block's height"),
    code(
        "CRN-6103",
        "a table could not be read or written",
        "look at the space and rights of DIR/tables; a table may be deleted, it is folded anew from the journal",
    ),
    code("CRN-6104", "a folder of the tables could not be changed", "look at the space and rights of DIR/tables"),
    code(
        "CRN-6106",
        "the tables are ahead of their journal",
        "the journal was truncated or replaced: restore it, or delete DIR/tables to fold anew what is left",
    ),
    code("CRN-6107", "more rows than memory is given for", "start the node with `cairn up` once, so that the tables are written"),
    code("CRN-6108", "a fold stopped", "see the detail and start again"),
    code("CRN-6121", "that is not answered here", "ask one SELECT, SHOW, DESCRIBE or plain EXPLAIN; nothing can be changed through SQL"),
    code(
        "CRN-6122",
        "the question is not SQL, names what is not there, or has no value",
        "see the detail; SHOW TABLES and DESCRIBE list what there is",
    ),
    code(
        "CRN-6123",
        "the question could not be answered",
        "see the detail; if it names a file of a table, delete that table's folder and start again: it is folded anew",
    ),
    code(
        "CRN-6124",
        "the question took too long",
        "ask for fewer rows or a smaller range of heights, or ask another engine over DIR/tables",
    ),
    code(
        "CRN-6125",
        "the question needs more memory than questions may take",
        "ask for fewer rows or groups, or ask another engine over DIR/tables",
    ),
    code("CRN-6126", "the answer has too many rows", "add a LIMIT or a condition, or read DIR/tables with another engine"),
    code("CRN-6127", "too many questions at once", "ask again after Retry-After"),
    code("CRN-6128", "no decided event has that id", "it may not be decided yet: ask again, or send the same bytes again"),
    code("CRN-6129", "that is no event id", "give the event's id (UUIDv7) or its hash (64 hex digits)"),
    code("CRN-6130", "the rows could not be written in that form", "ask for another form, or cast the column to text"),
    code("CRN-6201", "there is nothing to export yet", "wait until the partition's first checkpoint is signed (`cairn status` shows it)"),
    code("CRN-6202", "the range is not under the checkpoint", "choose first and last below the checkpoint's size, or leave the range out"),
    code(
        "CRN-6203",
        "the target of the export is not empty",
        "name an empty folder or a new prefix; an export without manifest.json is a cut-off one and may be deleted",
    ),
    code(
        "CRN-6204",
        "the target of the export cannot be written",
        "look at its space, rights and credentials, delete what was begun, and try again",
    ),
    code(
        "CRN-6205",
        "the key is no checkpoint key of this instance",
        "export with the key under DIR/keys whose public half the genesis document names",
    ),
    code(
        "CRN-6206",
        "the journal is not the checkpoint's",
        "export from the directory or cluster that signed the checkpoint; if it is the same, its journal was replaced",
    ),
    code("CRN-6207", "the export could not be encoded", "this is a defect: report it with the leaf"),
    code(
        "CRN-6211",
        "the last signed checkpoint cannot be read",
        "restore DIR/checkpoints from a copy: without it nothing is signed, so that no two checkpoints contradict",
    ),
    code("CRN-6212", "another signer holds the checkpoints", "run one signer per partition; stop the other process"),
    code(
        "CRN-6213",
        "the journal contradicts the last signed checkpoint",
        "the journal was truncated or replaced: restore it; nothing is signed meanwhile",
    ),
    code("CRN-6214", "the key may not sign checkpoints", "use a checkpoint key that the genesis document names"),
    code("CRN-6215", "the checkpoint cannot be signed", "the genesis document's origin must be a name without spaces and plus signs"),
    code("CRN-6216", "the checkpoints could not be written", "look at the space and rights of DIR/checkpoints"),
    code(
        "CRN-6300",
        "the export agrees with itself, and nobody outside of it has said whose it is",
        "give --trust: a line of the operator's checkpoint.vkey that you did not get with the export",
    ),
    code("CRN-6301", "a file of the export cannot be read", "look at the path and its rights"),
    code("CRN-6302", "a file of the export is missing", "ask for the export anew: it was cut off, or something was taken out"),
    code("CRN-6303", "a file does not belong to the export", "take it out and verify again; nobody signed for it"),
    code("CRN-6304", "a file of the export has another size", "ask for the file anew: it was cut off or changed"),
    code("CRN-6305", "a file of the export has another hash", "ask for the file anew: it was damaged or changed"),
    code("CRN-6306", "the manifest is not canonical", "ask for the export anew: its manifest was changed or damaged"),
    code("CRN-6307", "the manifest's version is unknown", "verify with the newer binary"),
    code("CRN-6308", "the manifest's signature is wrong", "do not rely on this export: its manifest was changed after signing"),
    code(
        "CRN-6309",
        "the manifest is signed by a key that does not count",
        "do not rely on this export; compare the anchor with the operator's checkpoint.vkey by another channel",
    ),
    code("CRN-6310", "the manifest claims what its version does not", "do not rely on this export; ask for it anew"),
    code("CRN-6311", "the checkpoint is not this export's", "do not rely on this export; ask for it anew"),
    code(
        "CRN-6312",
        "no trusted key signed the checkpoint",
        "do not rely on this export; compare the anchor with the operator's checkpoint.vkey by another channel",
    ),
    code("CRN-6313", "no trusted key is of this origin", "give the anchor of this instance and partition, a line of its checkpoint.vkey"),
    code("CRN-6314", "the genesis document is not this instance's", "do not rely on this export; ask for it anew"),
    code("CRN-6315", "the leaves are not those of the checkpoint", "do not rely on this export: leaves were changed, left out or put in"),
    code("CRN-6316", "a leaf is missing or out of order", "do not rely on this export: leaves were left out or reordered"),
    code("CRN-6317", "a leaf entry is not that of its decision", "do not rely on this export: a decision was changed"),
    code(
        "CRN-6318",
        "an event's signature is wrong",
        "do not rely on this journal: it holds an event that its author did not sign; keep the export as evidence",
    ),
    code("CRN-6319", "rows do not follow from the decisions", "do not rely on this export: derived rows were changed, left out or put in"),
    code("CRN-6320", "bytes are not in their one encoding", "do not rely on this export; ask for it anew"),
    code("CRN-6321", "a Parquet file cannot be read", "ask for the export anew"),
    code(
        "CRN-6322",
        "the checkpoint is older than one seen before",
        "ask for an export under a newer checkpoint; if the operator has none, keep both as evidence",
    ),
    code(
        "CRN-6323",
        "the checkpoint contradicts one seen before",
        "keep both: two inconsistent checkpoints of one origin are evidence of a fork",
    ),
    code(
        "CRN-6324",
        "the memory of checkpoints cannot be used",
        "look at the file: restore it, or move it away to begin anew and lose what it remembers",
    ),
    code("CRN-6325", "the trust anchor cannot be read", "give a vkey, or a file with one on each line, such as a node's checkpoint.vkey"),
    code("CRN-6326", "the receipt does not prove what it says", "do not rely on it; ask for the receipt anew"),
    code("CRN-7101", "the node is not reached", "nothing to do: the same is asked again, with pauses; look whether `cairn up` still runs"),
    code("CRN-7102", "the node has too much to do", "nothing to do: the same is asked again, with pauses"),
    code("CRN-7103", "a blob is not there", "ask whoever named it to store it again; a worker tries a few times and then reports it"),
    code("CRN-7104", "a blob came with other bytes", "the blob store is damaged or lies: compare it with a copy"),
    code("CRN-7111", "an event cannot be signed", "say less at once: an event has at most 48 KiB, larger bytes are blobs"),
    code("CRN-7112", "the operating system gave no randomness", "start again on a machine with a working random source"),
    code(
        "CRN-7113",
        "the outbox cannot be written or read",
        "look at the space and rights of the node's `outbox` folder, then start again: nothing was lost",
    ),
    code("CRN-7114", "the outbox is damaged", "restore it from a copy; an author without its outbox might fork its lane"),
    code(
        "CRN-7121",
        "a job is not what its signed terms say",
        "nothing to do: the worker does not take it; its author submitted terms that its YAML does not mean",
    ),
    code(
        "CRN-7122",
        "a job's data are not to be had",
        "submit the data as a blob (`cairn submit --data`), or open the folder to jobs in the worker's own configuration",
    ),
    code("CRN-7123", "a blob is not what it is named as", "nothing to do: it is reported, and whoever named it answers for it"),
    code(
        "CRN-7124",
        "own work came out otherwise than it was committed to",
        "the machine's memory or a changed binary erred: test the machine before it works on; the bond is at stake",
    ),
    code("CRN-7125", "a duty was left for later", "nothing to do: it follows from the journal again"),
    code(
        "CRN-7126",
        "the author's lane forked",
        "two writers used one key, or its outbox was lost: stop both and give the worker a new key",
    ),
    code(
        "CRN-7127",
        "a record of this worker was not taken",
        "see the disposition; most often the realm lives on another partition, or the key was revoked",
    ),
    code("CRN-7128", "what enlisting needs was rejected", "see the rejection; most often the name is taken or the account lacks the stake"),
    code("CRN-7129", "the realm admits workers by its admins alone", "ask an admin to register the worker's key"),
    code("CRN-7131", "a job does not pin its data", "submit with `cairn submit`, which pins what the records decode to"),
    code("CRN-7132", "a value of the job has no form in the ledger", "correct it as the detail says"),
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
