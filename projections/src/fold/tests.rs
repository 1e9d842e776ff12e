//! The fold: what stands in which table.

use crate::{
    rows::Table,
    testing::{economy, folded, job, rows, who},
};
use cairn_schemas::Encoding;
use serde_json::json;

#[tokio::test]
async fn a_small_economy_stands_in_its_tables() {
    let journal = economy(Encoding::Json).await;
    let projections = folded(&journal).await;
    let count = |table: Table| {
        let projections = projections.clone();
        async move { rows(&projections, &format!("SELECT count(*) AS n FROM {}", table.name())).await[0]["n"].as_u64().unwrap() }
    };
    let expected = [
        (Table::Events, 6),
        (Table::Dispositions, 1),
        (Table::Decisions, 10),
        (Table::Blocks, 7),
        (Table::Realms, 1),
        (Table::Keys, 3),
        (Table::Accounts, 16),
        (Table::Entries, 6),
        (Table::Jobs, 2),
        (Table::Tasks, 8),
        (Table::Workers, 2),
        (Table::Gradients, 3),
        (Table::Proofs, 2),
        (Table::Disputes, 2),
        (Table::Votes, 0),
        (Table::Audit, 1),
    ];
    for (table, rows) in expected {
        assert_eq!(count(table).await, rows, "{}", table.name());
    }
}

#[tokio::test]
async fn the_latest_row_of_an_account_is_its_balance() {
    let projections = folded(&economy(Encoding::Json).await).await;
    let balances = rows(&projections, "SELECT account, balance, units FROM balances ORDER BY account").await;
    assert_eq!(
        balances,
        [
            json!({"account": "acme", "balance": "19500000", "units": "19.500000"}),
            json!({"account": "ann", "balance": "500000", "units": "0.500000"}),
            json!({"account": "cyd", "balance": "0", "units": "0.000000"}),
            json!({"account": format!("escrow:{}", job()), "balance": "0", "units": "0.000000"}),
            json!({"account": "issuer", "balance": "-25000000", "units": "-25.000000"}),
            json!({"account": format!("stake:{}", who(5)), "balance": "0", "units": "0.000000"}),
            json!({"account": "treasury", "balance": "5000000", "units": "5.000000"}),
        ]
    );
    let books = rows(&projections, "SELECT total, issued, in_escrow FROM books").await;
    assert_eq!(books, [json!({"total": "0", "issued": "25000000", "in_escrow": "0"})]);
}

#[tokio::test]
async fn a_payment_joins_the_one_check_that_allowed_it() {
    let projections = folded(&economy(Encoding::Json).await).await;
    let question = "SELECT e.credit, e.amount, p.verdict, e.partition, e.leaf
        FROM entries e JOIN proofs p ON p.proof = e.because WHERE e.kind = 'payment'";
    let paid = rows(&projections, question).await;
    assert_eq!(paid, [json!({"credit": "ann", "amount": "500000", "verdict": "agrees", "partition": 0, "leaf": 9})]);
    let slashed = rows(&projections, "SELECT name, units, step, claimed, recomputed, outcome FROM slashes").await;
    let (claimed, recomputed) = ("0c".repeat(32), "0d".repeat(32));
    let row =
        json!({"name": "cyd", "units": "5.000000", "step": 2, "claimed": claimed, "recomputed": recomputed, "outcome": "worker_wrong"});
    assert_eq!(slashed, [row]);
}

#[tokio::test]
async fn a_rejection_is_a_row_like_any_other() {
    let projections = folded(&economy(Encoding::Json).await).await;
    let rejected = rows(&projections, "SELECT type, code, detail FROM events WHERE verdict = 'rejected'").await;
    assert_eq!(rejected, [json!({"type": "transfer.posted.v1", "code": "insufficient_funds", "detail": "ann has 0"})]);
}

/// Every row but those that cover record bytes: `encoding`, and hashes over the signed bytes.
#[tokio::test]
async fn json_and_cose_give_equal_rows_except_encoding() {
    let text = folded(&economy(Encoding::Json).await).await;
    let cose = folded(&economy(Encoding::Cose).await).await;
    for table in Table::folded() {
        let differ = ["encoding", "leaf_hash", "decision", "hash", "prev", "root", "body"];
        let of_events = table == Table::Events;
        let columns: Vec<String> = table
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            // An event's own `prev` is an event hash, the same in both.
            .filter(|name| !differ.contains(&name.as_str()) || (of_events && name == "prev"))
            .collect();
        let question = format!("SELECT \"{}\" FROM {}", columns.join("\", \""), table.name());
        assert_eq!(rows(&text, &question).await, rows(&cose, &question).await, "{}", table.name());
    }
    let encodings = |projections| async move { rows(projections, "SELECT DISTINCT encoding FROM events").await };
    assert_eq!((encodings(&text).await, encodings(&cose).await), (vec![json!({"encoding": "json"})], vec![json!({"encoding": "cose"})]));
}
