//! Questions: what is answered, what is refused, and that nothing is told that should not be.

use super::{QUERIES, VIEWS, form, form::Form};
use crate::{
    Checkpoints, Options, Projections, SignedCheckpoint, SqlError,
    testing::{economy, folded, rows},
};
use cairn_schemas::{Encoding, LeafHash, Root, merkle::verify_inclusion};
use serde_json::json;
use std::{sync::Arc, time::Duration};

#[tokio::test]
async fn every_view_and_named_query_answers() {
    let projections = folded(&economy(Encoding::Json).await).await;
    for (name, _) in VIEWS {
        assert!(!rows(&projections, &format!("SELECT * FROM {name}")).await.is_empty(), "{name}");
    }
    for (name, query) in QUERIES {
        let found = rows(&projections, query).await;
        assert_eq!(found.is_empty(), *name == "books_balance", "{name}: {found:?}");
    }
}

#[tokio::test]
async fn every_file_of_sql_is_built_in() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql");
    for (kind, texts) in [("views", VIEWS), ("queries", QUERIES)] {
        let mut found: Vec<String> = std::fs::read_dir(folder.join(kind))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        found.sort();
        assert_eq!(found, texts.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn only_reading_is_answered() {
    let projections = folded(&economy(Encoding::Json).await).await;
    let refused = [
        "",
        "SELECT 1; SELECT 2",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc/passwd'",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "DROP TABLE events",
        "INSERT INTO events SELECT * FROM events",
        "DELETE FROM events",
        "UPDATE events SET seq = 1",
        "COPY (SELECT 1) TO '/tmp/x.parquet'",
        "COPY events TO 'x.csv' STORED AS CSV",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "PREPARE p AS SELECT 1",
        "EXPLAIN ANALYZE SELECT * FROM events",
        "EXPLAIN VERBOSE SELECT * FROM events",
        "EXPLAIN FORMAT TREE SELECT * FROM events",
        "SELECT * FROM (EXPLAIN ANALYZE SELECT 1)",
        "BEGIN",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM other.public.events",
    ];
    for question in refused {
        let error = match projections.sql(question).await {
            Err(error) => error,
            Ok(_) => panic!("{question} was answered"),
        };
        assert!(matches!(error, SqlError::Refused(_) | SqlError::Invalid(_)), "{question}: {error:?}");
    }
    for question in ["SHOW TABLES", "DESCRIBE events", "SHOW COLUMNS FROM events", "SELECT 1", "WITH t AS (SELECT 1 AS n) SELECT n FROM t"]
    {
        assert!(!rows(&projections, question).await.is_empty(), "{question}");
    }
    let plan = rows(&projections, "EXPLAIN SELECT * FROM events WHERE leaf = 1").await;
    assert!(!plan.is_empty() && plan.iter().all(|row| row["plan_type"] == "logical_plan"), "{plan:?}");
}

#[tokio::test]
async fn an_answer_has_bounds() {
    let journal = economy(Encoding::Json).await;
    let bound = |options: Options| {
        let log = journal.log.clone();
        async move {
            let projections = Projections::in_memory(log, options).await.unwrap();
            projections.catch_up().await.unwrap();
            projections
        }
    };
    let few = bound(Options { query_rows: 5, ..Options::default() }).await;
    assert!(matches!(few.sql("SELECT * FROM decisions").await.unwrap().collect().await, Err(SqlError::TooManyRows { limit: 5 })));
    assert_eq!(rows(&few, "SELECT leaf FROM decisions LIMIT 5").await.len(), 5);
    let short = bound(Options { answer_bytes: 500, ..Options::default() }).await;
    let failed = short.sql("SELECT data FROM events").await.unwrap().collect().await.unwrap_err();
    assert!(matches!(failed, SqlError::TooManyBytes { limit: 500 }), "{failed:?}");
    assert_eq!(rows(&short, "SELECT leaf FROM events LIMIT 3").await.len(), 3);

    let alone = bound(Options { queries: 1, ..Options::default() }).await;
    let first = alone.sql("SELECT 1").await.unwrap();
    assert!(matches!(alone.sql("SELECT 1").await, Err(SqlError::Busy { limit: 1 })));
    drop(first);
    assert!(alone.sql("SELECT 1").await.is_ok());

    let endless = "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b WHERE a.value * b.value % 7 = 3";
    let brief = bound(Options { query_time: Duration::from_millis(50), ..Options::default() }).await;
    let timed_out = match brief.sql(endless).await {
        Ok(answer) => answer.collect().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(timed_out, SqlError::TimedOut { .. }), "{timed_out:?}");

    let small = bound(Options { query_bytes: 1 << 20, spill_bytes: 1 << 20, ..Options::default() }).await;
    let large = "SELECT array_agg(value) FROM generate_series(1, 3000000)";
    let failed = small.sql(large).await.unwrap().collect().await.unwrap_err();
    assert!(matches!(failed, SqlError::Memory(_)), "{failed:?}");
}

/// Names that the engine of this version offers. A new one is looked at before it is let in: does it give back more than it is given?
const FUNCTIONS: &str = include_str!("functions.txt");

#[tokio::test]
async fn every_function_was_looked_at() {
    let session = folded(&economy(Encoding::Json).await).await.engine().session();
    let mut names: Vec<String> = Vec::new();
    names.extend(session.scalar_functions().keys().map(|name| format!("scalar {name}")));
    names.extend(session.higher_order_functions().keys().map(|name| format!("higher {name}")));
    names.extend(session.aggregate_functions().keys().map(|name| format!("aggregate {name}")));
    names.extend(session.window_functions().keys().map(|name| format!("window {name}")));
    names.extend(session.table_functions().keys().map(|name| format!("table {name}")));
    names.sort();
    assert_eq!(names, FUNCTIONS.lines().collect::<Vec<_>>(), "{}", names.join("\n"));
}

#[tokio::test]
async fn no_question_makes_much_out_of_little() {
    let projections = folded(&economy(Encoding::Json).await).await;
    let doubled = |body: &str, times: usize| {
        let steps: Vec<_> = (1..=times).map(|n| format!("t{n} AS (SELECT {} AS s FROM t{})", body, n - 1)).collect();
        format!("WITH t0 AS (SELECT event_id AS s FROM events), {} SELECT s FROM t{times}", steps.join(", "))
    };
    let chained = format!("SELECT {} FROM events", vec!["event_id"; 300].join(" || "));
    let many_parts = {
        let steps: Vec<_> = (1..=40).map(|n| format!("t{n} AS (SELECT a.leaf FROM t{} a, t{} b)", n - 1, n - 1)).collect();
        format!("WITH t0 AS (SELECT leaf FROM events), {} SELECT count(*) FROM t40", steps.join(", "))
    };
    let nested = (0..20).fold("event_id".to_owned(), |inner, _| format!("encode({inner}, 'hex')"));
    for question in [
        doubled("s || s", 30),
        doubled("concat(s, s)", 30),
        doubled("concat_ws(s, s, s)", 20),
        doubled("make_array(s, s)", 30),
        doubled("{'a': s, 'b': s}", 30),
        doubled("MAP {s: s}", 30),
        doubled("(s, s)", 30),
        doubled("CASE WHEN s IS NULL THEN s ELSE s || s END", 30),
        doubled("CAST(make_array(s) AS TEXT)", 30),
        chained,
        many_parts,
        format!("SELECT {nested} FROM events"),
        "WITH RECURSIVE t AS (SELECT 'ab' AS s UNION ALL SELECT s || s FROM t) SELECT * FROM t LIMIT 40".to_owned(),
        "SELECT array_agg(event_id) OVER (ORDER BY leaf) FROM events".to_owned(),
        "WITH t AS (SELECT array_agg(data) AS d FROM events) SELECT make_array(d, d, d, d, d, d, d, d, d) FROM t".to_owned(),
    ] {
        match projections.sql(&question).await {
            Err(SqlError::Growing(_)) => {}
            other => panic!("{question}: {other:?}"),
        }
    }
    // What is not there cannot be asked for: types that double, and the names of files.
    for question in [doubled("struct(s, s)", 30), doubled("arrays_zip(s, s)", 1), "SELECT input_file_name() FROM events".to_owned()] {
        let refused = projections.sql(&question).await;
        assert!(matches!(refused, Err(SqlError::Invalid(_) | SqlError::Growing(_))), "{question}: {refused:?}");
    }
    for question in [
        doubled("s || s", 7),
        format!("SELECT count(*) AS n FROM events WHERE event_id IN ({})", vec!["'x'"; 1_000].join(", ")),
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT n FROM t".to_owned(),
        "SELECT array_agg(event_id) AS ids FROM events GROUP BY author".to_owned(),
        "SELECT row_number() OVER (ORDER BY leaf) AS n, lag(event_id) OVER (ORDER BY leaf) AS before FROM events".to_owned(),
    ] {
        assert!(!rows(&projections, &question).await.is_empty(), "{question}");
    }
}

#[tokio::test]
async fn amounts_are_text_and_times_are_rfc_3339_in_every_form() {
    let projections = folded(&economy(Encoding::Json).await).await;
    let question = "SELECT amount, at, because FROM entries WHERE kind = 'escrow'";
    let answer = projections.sql(question).await.unwrap();
    let schema = answer.schema();
    let batches = answer.collect().await.unwrap();
    let whole = |form| String::from_utf8_lossy(&form::whole(form, &schema, &batches).unwrap()).into_owned();
    let json: serde_json::Value = serde_json::from_str(&whole(Form::Json)).unwrap();
    assert_eq!(json, json!([{"amount": "12000000", "at": "2023-11-14T22:13:23Z", "because": null}]));
    assert_eq!(whole(Form::Csv), "amount,at,because\n12000000,2023-11-14T22:13:23Z,\n");
    assert!(form::table(&schema, &batches).unwrap().contains("| 12000000 | 2023-11-14T22:13:23Z |"));
    let arrow = form::whole(Form::Arrow, &schema, &batches).unwrap();
    let read: Vec<_> = arrow::ipc::reader::StreamReader::try_new(arrow.as_slice(), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(read, batches);
    let none = projections.sql("SELECT leaf FROM votes").await.unwrap();
    let schema = none.schema();
    assert_eq!(form::whole(Form::Json, &schema, &[]).unwrap(), b"[]\n");
    assert_eq!(form::whole(Form::Csv, &schema, &[]).unwrap(), b"leaf\n");
}

/// What a signer would say of a journal now.
#[derive(Debug)]
struct Signed(SignedCheckpoint);

impl Checkpoints for Signed {
    fn newest(&self, partition: u32) -> Option<SignedCheckpoint> {
        Some(self.0.clone()).filter(|checkpoint| checkpoint.partition == partition)
    }

    fn all(&self) -> Vec<SignedCheckpoint> {
        vec![self.0.clone()]
    }
}

#[tokio::test]
async fn every_row_of_history_can_be_proved() {
    let journal = economy(Encoding::Json).await;
    let (size, root) = journal.tree(0);
    let projections = folded(&journal).await;
    assert_eq!(rows(&projections, "SELECT prove(0, 0) AS proof").await, [json!({"proof": null})]);
    let signed = SignedCheckpoint { partition: 0, origin: "cairn.test/log/0".into(), size, root, note: "note".into() };
    let projections = projections.with_checkpoints(Arc::new(Signed(signed)));
    let proofs = rows(&projections, "SELECT leaf, leaf_hash, prove(partition, leaf) AS proof FROM decisions").await;
    assert_eq!(proofs.len() as u64, size);
    for row in proofs {
        let proof: serde_json::Value = serde_json::from_str(row["proof"].as_str().unwrap()).unwrap();
        let path: Vec<[u8; 32]> = serde_json::from_value::<Vec<Root>>(proof["path"].clone()).unwrap().iter().map(|node| node.0).collect();
        let leaf_hash: LeafHash = row["leaf_hash"].as_str().unwrap().parse().unwrap();
        assert!(verify_inclusion(&leaf_hash.0, row["leaf"].as_u64().unwrap(), size, &path, &root.0));
        assert_eq!(proof["checkpoint"], "note");
    }
    assert_eq!(
        rows(&projections, "SELECT prove(0, 10) AS a, prove(1, 0) AS b, prove(0, -1) AS c").await,
        [json!({"a": null, "b": null, "c": null})]
    );
    assert_eq!(rows(&projections, "SELECT partition, size FROM checkpoints").await, [json!({"partition": 0, "size": size})]);
}

#[tokio::test]
async fn whole_units_follow_the_scale() {
    let projections = folded(&economy(Encoding::Json).await).await;
    let question = "SELECT in_units(1, 2) AS a, in_units(-250, 2) AS b, in_units(7, 0) AS c, in_units(NULL, 2) AS d";
    assert_eq!(rows(&projections, question).await, [json!({"a": "0.01", "b": "-2.50", "c": "7", "d": null})]);
}
