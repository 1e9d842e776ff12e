//! How fast questions are answered on this machine. Run by hand, also to compare two profiles of the dependencies:
//! `cargo test --release --workspace --lib speed -- --ignored --nocapture`.
#![allow(clippy::unwrap_used)]

use crate::testing::*;
use cairn_schemas::{Encoding, Fact, decision::Verdict, event::TransferPosted};
use std::time::Instant;

/// Blocks of so many transfers each.
const BLOCKS: u128 = 200;
const TRANSFERS: u128 = 500;
const RUNS: usize = 15;

/// What analysts ask: a scan, a group, a join, an order, a point.
const QUESTIONS: [(&str, &str); 6] = [
    ("sum", "SELECT sum(amount) FROM entries"),
    ("group", "SELECT credit, count(*) AS n, sum(amount) AS total FROM entries GROUP BY credit ORDER BY total DESC LIMIT 5"),
    ("join", "SELECT count(*) FROM entries e JOIN events v ON v.event_hash = e.because WHERE e.amount > 400"),
    ("sort", "SELECT leaf, amount FROM entries ORDER BY amount DESC, leaf LIMIT 20"),
    ("window", "SELECT max(running) FROM (SELECT sum(amount) OVER (PARTITION BY credit ORDER BY leaf) AS running FROM entries)"),
    ("point", "SELECT amount FROM entries WHERE leaf = 4321"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures the machine"]
async fn questions_over_one_hundred_thousand_transfers() {
    let mut journal = Journal::begin(1, Encoding::Cose).await;
    let mut admin = author(1);
    for block in 0..BLOCKS {
        let mut decisions = Vec::new();
        for n in 0..TRANSFERS {
            let (credit, minor) = (format!("account-{}", (block * 7 + n * 13) % 997), (block * 31 + n * 17) % 5_000 + 1);
            let posted = TransferPosted { from: account("issuer"), to: account(&credit), amount: amount(minor) };
            let moved = |hash| vec![Fact::MoneyMoved(moved("issuer", &credit, minor, Some(hash), None))];
            decisions.push(journal.said(&mut admin, posted, Verdict::Accepted, moved));
        }
        journal.block(0, decisions).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let projections = opened(&journal, dir.path()).await;
    println!("fold    {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3);
    ask(&projections, "hot").await;
    let started = Instant::now();
    projections.flush().await.unwrap();
    println!("flush   {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3);
    ask(&projections, "cold").await;
}

async fn ask(projections: &crate::Projections, rows_are: &str) {
    for (name, question) in QUESTIONS {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            assert!(!rows(projections, question).await.is_empty());
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!("{name:<7} {:>9.2} ms {rows_are}", times[RUNS / 2]);
    }
}
