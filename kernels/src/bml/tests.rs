//! Jobs: what is taken, what is refused with which words, and the one text that a job has.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use proptest::prelude::*;

use super::{Assurance, Job, Millionths, Mlp, Rule, Sgd, Template};

/// The job of the documentation, its hash filled in.
const JOB: &str = r#"cairn: job/v1
name: digits
model: {template: mlp, input: 784, hidden: [128], classes: 10}
data: {url: "builtin:digits?seed=7&count=10000", hash: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", train: 8000, test: 2000}
train: {rounds: 4, epochs: 2, shards: 3, batch: 50, sgd: {rate: "0.1", momentum: "0.9"}, seed: 1, data_seed: 2}
workers: {min: 2, stake: "5000000", bond: "1000000"}
verify: {assurance: sampled, rate: "1", steps: 2}
deadlines: {accept_s: 10, task_s: 60, check_s: 60}
attempts: 3
pay: {escrow: "12000000", task: "500000", check: "90000"}
"#;

#[test]
fn the_documented_job_is_read() {
    let job = Job::parse("job.yaml", JOB).unwrap();
    assert_eq!(job.model, Template::Mlp(Mlp { input: 784, hidden: vec![128], classes: 10 }));
    assert_eq!(job.train.rule, Rule::Sgd(Sgd { rate: 0.1, momentum: 0.9 }));
    assert_eq!((job.verify.assurance, job.verify.rate), (Assurance::Sampled, Millionths(1_000_000)));
    assert_eq!((job.task_count(), job.batches(), job.steps()), (17, 53, 106));
    assert_eq!([0, 1, 2].map(|shard| job.shard_records(shard)), [2667, 2667, 2666]);
    assert_eq!(job.data.hash.unwrap()[..2], [0x00, 0x11]);
    assert_eq!((job.pay.escrow, job.pay.task, job.pay.check), (12_000_000, 500_000, 90_000));
}

#[test]
fn block_style_and_flow_style_are_the_same_job() {
    let block = JOB.replace(
        "workers: {min: 2, stake: \"5000000\", bond: \"1000000\"}",
        "# money\nworkers:\n  bond: 1000000\n  min: 2\n  stake: 5000000",
    );
    assert_ne!(block, JOB);
    assert_eq!(Job::parse("a", &block).unwrap(), Job::parse("b", JOB).unwrap());
}

#[test]
fn a_fault_is_named_with_its_place() {
    let table = [
        ("hidden:", "hiden:", r#"error[CRN-2103] job.yaml:3:36 unknown key "hiden"; did you mean "hidden"?"#),
        ("workers:", "workres:", r#"error[CRN-2103] job.yaml:6:1 unknown key "workres"; did you mean "workers"?"#),
        ("attempts: 3", "zebra: 3", r#"error[CRN-2103] job.yaml:9:1 unknown key "zebra""#),
        ("attempts: 3\n", "", r#"error[CRN-2104] job.yaml:1:1 key "attempts" is missing"#),
        ("epochs: 2, ", "", r#"error[CRN-2104] job.yaml:5:8 key "train.epochs" is missing"#),
        ("attempts: 3", "attempts: 3\nattempts: 4", r#"error[CRN-2105] job.yaml:10:1 key "attempts" is there twice"#),
        ("[128]", "128", r#"error[CRN-2106] job.yaml:3:44 model.hidden: a list is wanted, this is one value"#),
        ("attempts: 3", "attempts: [3]", r#"error[CRN-2106] job.yaml:9:11 attempts: one value is wanted, this is a list"#),
        (
            "{accept_s: 10, task_s: 60, check_s: 60}",
            "60",
            r#"error[CRN-2106] job.yaml:8:12 deadlines: a mapping is wanted, this is one value"#,
        ),
        ("job/v1", "job/v2", r#"error[CRN-2107] job.yaml:1:8 cairn: "job/v2" is not one of job/v1; did you mean "job/v1"?"#),
        (
            "template: mlp",
            "template: transforer",
            r#"error[CRN-2107] job.yaml:3:19 model.template: "transforer" is not one of mlp, cnn, lstm, transformer; did you mean "transformer"?"#,
        ),
        (
            "sampled",
            "sample",
            r#"error[CRN-2107] job.yaml:7:21 verify.assurance: "sample" is not one of sampled, full; did you mean "sampled"?"#,
        ),
        ("[128]", "[128, 0]", r#"error[CRN-2107] job.yaml:3:50 model.hidden: "0" is not an integer from 1 to 65536"#),
        ("rounds: 4", "rounds: 0", r#"error[CRN-2107] job.yaml:5:17 train.rounds: "0" is not an integer from 1 to 10000"#),
        ("rounds: 4", "rounds: -4", r#"error[CRN-2107] job.yaml:5:17 train.rounds: "-4" is not an integer from 1 to 10000"#),
        ("rounds: 4", "rounds: 04", r#"error[CRN-2107] job.yaml:5:17 train.rounds: "04" is not an integer from 1 to 10000"#),
        ("rounds: 4", "rounds: 4.0", r#"error[CRN-2107] job.yaml:5:17 train.rounds: "4.0" is not an integer from 1 to 10000"#),
        ("rate: \"0.1\"", "rate: \"0\"", r#"error[CRN-2107] job.yaml:5:65 train.sgd.rate: "0" is not a decimal above 0 and at most 1000"#),
        ("rate: \"0.1\"", "rate: nan", r#"error[CRN-2107] job.yaml:5:65 train.sgd.rate: "nan" is not a decimal above 0 and at most 1000"#),
        ("\"0.9\"", "\"1\"", r#"error[CRN-2107] job.yaml:5:82 train.sgd.momentum: "1" is not a decimal from 0 to below 1"#),
        (
            "rate: \"1\"",
            "rate: \"1.5\"",
            r#"error[CRN-2107] job.yaml:7:36 verify.rate: "1.5" is not a decimal above 0 and at most 1, with up to six places"#,
        ),
        (
            "hash: \"00",
            "hash: \"0",
            r#"error[CRN-2107] job.yaml:4:56 data.hash: "0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" is not a hash of 64 hexadecimal digits"#,
        ),
        ("batch: 50", "batch: 2667", r#"error[CRN-2108] job.yaml:5:49 a batch of 2667 from shards of 2666 records: lower batch or shards"#),
        ("rounds: 4", "rounds: 2500", r#"error[CRN-2108] job.yaml:5:17 10001 tasks, at most 10000 are taken"#),
        (
            "epochs: 2, shards: 3, batch: 50",
            "epochs: 1000, shards: 3, batch: 1",
            r#"error[CRN-2108] job.yaml:5:28 2666000 steps of one task, at most 1048576 are taken"#,
        ),
        (
            "escrow: \"12000000\"",
            "escrow: \"10029999\"",
            r#"error[CRN-2108] job.yaml:10:15 escrow 10029999 does not cover 17 tasks × (task 500000 + check 90000) = 10030000"#,
        ),
        (
            "bond: \"1000000\"",
            "bond: \"999999\"",
            r#"error[CRN-2108] job.yaml:6:43 a bond of 999999 is less than twice a task's pay of 500000: silence would pay"#,
        ),
        ("stake: \"5000000\"", "stake: \"500000\"", r#"error[CRN-2108] job.yaml:6:26 a stake of 500000 cannot hold a bond of 1000000"#),
        (
            "[128]",
            "[8192, 8192]",
            r#"error[CRN-2108] job.yaml:3:44 1767112944 bytes of states from all shards, at most 268435456 are aggregated"#,
        ),
        (
            "name: digits",
            "name: \"\\e[2J\"",
            "error[CRN-2107] job.yaml:2:7 name: \"\\u{1b}[2J\" is not text of 1 to 64 bytes without control characters",
        ),
        ("name: digits", "name: *digits", "error[CRN-2101] job.yaml:2:7 "),
        ("name: digits", "name: &a digits", "error[CRN-2101] job.yaml:2:7 anchors, aliases and tags are not taken in a job"),
        ("name: digits", "name: \"digits", "error[CRN-2101] job.yaml:"),
        ("attempts: 3", "---\nattempts: 3", "error[CRN-2101] job.yaml:9:1 a second document begins here"),
        ("attempts: 3", "attempts: [[[[[[[[[[3]]]]]]]]]]", "error[CRN-2102] job.yaml:9:18 the nesting is 9, at most 8 is taken"),
    ];
    let mut wrong = vec![];
    for (from, to, wanted) in table {
        let text = JOB.replacen(from, to, 1);
        let text = if from == "rate: \"1\"" { JOB.replacen("sampled, rate: \"1\"", "sampled, rate: \"1.5\"", 1) } else { text };
        let found = Job::parse("job.yaml", &text).unwrap_err().render();
        let exact = if wanted.starts_with("error[CRN-2101]") { found.starts_with(wanted) } else { found == wanted };
        if !exact {
            wrong.push(format!(
                "{to}
 found  {found}
 wanted {wanted}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.join(
            "
"
        )
    );
}

#[test]
fn large_and_empty_texts_are_refused() {
    assert_eq!(Job::parse("a", &" ".repeat(40_000)).unwrap_err().code(), "CRN-2102");
    assert_eq!(Job::parse("a", "").unwrap_err().code(), "CRN-2101");
    for deep in ["- ", "{", "[", "? ", "a: {", "{a: "] {
        let error = Job::parse("a", &deep.repeat(32_000 / deep.len())).unwrap_err();
        assert!(["CRN-2101", "CRN-2102"].contains(&error.code()), "{deep}: {error}");
    }
}

#[test]
fn the_canonical_text_is_a_fixed_point() {
    let job = Job::parse("job.yaml", JOB).unwrap();
    assert_eq!(job.to_yaml(), JOB.replace("name: digits", "name: \"digits\""));
    assert_eq!(Job::parse("again", &job.to_yaml()).unwrap(), job);
    assert_eq!(data_encoding::HEXLOWER.encode(&job.yaml_hash()), "ce218a482ca473501bb556b731bf82eac5ebc57a68ed899741522cfa3cd9430d");
}

#[test]
fn other_data_replace_url_and_hash_only() {
    let job = Job::parse("job.yaml", JOB).unwrap();
    let other = job.clone().with_data("blob:abc".to_owned(), [9; 32]);
    assert_eq!((&other.data.url[..], other.data.hash), ("blob:abc", Some([9; 32])));
    assert_eq!(other.with_data(job.data.url.clone(), job.data.hash.unwrap()), job);
}

#[test]
fn shares_are_exact() {
    for (text, share) in [("1", 1_000_000), ("0.5", 500_000), ("0.000001", 1), ("1.000000", 1_000_000)] {
        assert_eq!(Millionths::parse(text), Some(Millionths(share)));
    }
    for text in ["0", "0.0000001", "1.1", "", ".5", "5.", "-1", "+1", "1e0", "01"] {
        assert_eq!(Millionths::parse(text), None, "{text}");
    }
    assert_eq!(Millionths(250_000).to_string(), "0.25");
    assert_eq!(Millionths(1_000_000).to_string(), "1");
}

proptest! {
    /// Names and rates survive the canonical text bit for bit.
    #[test]
    fn what_is_rendered_reads_back(name in "\\PC{1,16}", rate in 1u32..0x4479_0000, momentum in 0u32..0x3F80_0000, share in 1u32..=1_000_000) {
        let mut job = Job::parse("job.yaml", JOB).unwrap();
        job.name = name;
        job.train.rule = Rule::Sgd(Sgd { rate: f32::from_bits(rate), momentum: f32::from_bits(momentum) });
        job.verify.rate = Millionths(share);
        prop_assert_eq!(Job::parse("again", &job.to_yaml()).unwrap(), job);
    }

    /// No text makes the reader panic.
    #[test]
    fn any_damage_is_a_fault_with_a_place(at in 0usize..700, insert in "[\\PC\\n]{0,8}", cut in 0usize..8) {
        let mut text: Vec<char> = JOB.chars().collect();
        let at = at % text.len();
        let end = (at + cut).min(text.len());
        text.splice(at..end, insert.chars());
        if let Err(error) = Job::parse("job.yaml", &text.into_iter().collect::<String>()) {
            prop_assert!(error.line >= 1 && error.column >= 1 && error.code().starts_with("CRN-21"));
        }
    }
}

#[test]
fn programs_are_one_blob() {
    let programs = Job::parse("job.yaml", JOB).unwrap().compile().unwrap();
    let bytes = programs.to_bytes();
    assert_eq!(super::Programs::from_bytes(&bytes).unwrap(), programs);
    assert_eq!(data_encoding::HEXLOWER.encode(&programs.hash()), "b42bfe1e913d173fec6e8e74803780733f1f163a386113c5b2156225d1d9c993");
    for end in 0..bytes.len() {
        assert!(super::Programs::from_bytes(&bytes[..end]).is_err());
    }
    assert!(super::Programs::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
}
