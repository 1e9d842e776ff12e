//! `proofs`: every check with its verdict, one row each, so that a payment joins exactly the check that allowed it.

use super::{Builder, Seen, figures, word};
use crate::rows::{Columns, FactAt, ProofRow, Table};
use cairn_schemas::{Fact, event::TraceLeaf};

#[derive(Debug)]
pub(super) struct Proofs;

impl Builder for Proofs {
    fn table(&self) -> Table {
        Table::Proofs
    }

    fn fact(&mut self, at: &FactAt, fact: &Fact, seen: &Seen<'_>, out: &mut Columns) {
        let row = match fact {
            Fact::CheckClosed { task, attempt, role, verifier, proof, claimed, recomputed, agrees } => {
                let (claim, answer) = telling(claimed, recomputed);
                ProofRow {
                    proof: *proof,
                    realm: seen.realms.of(&task.job),
                    job: task.job,
                    task: task.index,
                    attempt: *attempt,
                    kind: "check",
                    role: word(role),
                    leaf_index: claim.or(answer).map(|leaf| leaf.index),
                    verifier: *verifier,
                    verdict: if *agrees { "agrees" } else { "differs" },
                    steps: u32::try_from(recomputed.len()).unwrap_or(u32::MAX),
                    claimed: claim.map(|leaf| leaf.state),
                    claimed_figures: claim.map(figures),
                    recomputed: answer.map(|leaf| leaf.state),
                    recomputed_figures: answer.map(figures),
                }
            }
            Fact::CheckFailed { task, attempt, role, verifier, proof } => ProofRow {
                proof: *proof,
                realm: seen.realms.of(&task.job),
                job: task.job,
                task: task.index,
                attempt: *attempt,
                kind: "failed",
                role: word(role),
                leaf_index: None,
                verifier: *verifier,
                verdict: "unavailable",
                steps: 0,
                claimed: None,
                claimed_figures: None,
                recomputed: None,
                recomputed_figures: None,
            },
            _ => return,
        };
        out.push(at, &row);
    }
}

/// The pair of leaves that tells most: the first that differ, else the first.
fn telling<'a>(claimed: &'a [TraceLeaf], recomputed: &'a [TraceLeaf]) -> (Option<&'a TraceLeaf>, Option<&'a TraceLeaf>) {
    let differing = claimed.iter().zip(recomputed).find(|(claim, answer)| claim != answer);
    match differing {
        Some((claim, answer)) => (Some(claim), Some(answer)),
        None => (claimed.first(), recomputed.first()),
    }
}
