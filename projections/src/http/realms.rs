//! `GET /v1/realms`: every realm, by which names become ids.

use super::refusal::Refusal;
use crate::{Projections, receipts::text};
use arrow::{array::AsArray, datatypes::Int64Type};
use axum::{Json, extract::State};
use serde::Serialize;

/// A realm as clients need it.
#[derive(Debug, Serialize)]
pub(super) struct Realm {
    id: String,
    name: String,
    partition: i64,
    admission: String,
    currency: String,
    scale: i64,
    issuer: String,
}

pub(super) async fn realms(State(projections): State<Projections>) -> Result<Json<Vec<Realm>>, Refusal> {
    let question = "SELECT realm, name, home, admission, currency, scale, issuer FROM realms ORDER BY home, leaf, fact";
    let mut realms = Vec::new();
    for batch in projections.sql(question).await?.collect().await? {
        let (homes, scales) = (batch.column(2).as_primitive::<Int64Type>(), batch.column(5).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            let column = |at: usize| text(&batch, at, row).unwrap_or_default();
            realms.push(Realm {
                id: column(0),
                name: column(1),
                partition: homes.value(row),
                admission: column(3),
                currency: column(4),
                scale: scales.value(row),
                issuer: column(6),
            });
        }
    }
    Ok(Json(realms))
}
