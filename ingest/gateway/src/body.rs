//! Bodies: how fast they must come, and how much of them may be here at once.
//!
//! Owns the pace (a first allowance of time, then a second more for so many bytes, as Apache's mod_reqtimeout has it) and the budgets
//! of bytes, one for blobs and one for all else, so that neither starves the other; and the way to have one in one piece. Refuses
//! meaning: whoever reads a body sees only its bytes, and what is wrong with their coming ends the request from outside.

use crate::{Options, problem::Refusal};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::BytesMut;
use cairn_schemas::limits;
use futures::{StreamExt, stream};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout_at},
};

/// Bytes of request bodies that may be here at once.
#[derive(Clone, Debug)]
pub(crate) struct Budgets {
    blobs: Arc<Semaphore>,
    others: Arc<Semaphore>,
    /// The first allowance of time.
    wait: Duration,
}

/// Why a request ends before its body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It comes too slowly.
    Stalled,
    /// All of the budget is taken.
    Crowded,
}

/// What one request holds of a budget, until it is answered.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Semaphore>,
    bytes: AtomicUsize,
}

impl Held {
    fn take(&self, bytes: usize) -> bool {
        let Ok(count) = u32::try_from(bytes) else { return false };
        let Ok(permit) = self.budget.try_acquire_many(count) else { return false };
        permit.forget();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.add_permits(self.bytes.load(Ordering::Relaxed));
    }
}

impl Budgets {
    pub fn new(options: &Options) -> Budgets {
        Budgets {
            blobs: Arc::new(Semaphore::new(options.blob_bytes)),
            others: Arc::new(Semaphore::new(options.body_bytes)),
            wait: options.body_wait,
        }
    }

    /// The body as a route may read it, what it holds meanwhile, and a word if it does not arrive.
    pub fn watch(&self, path: &str, body: Body) -> (Body, Arc<Held>, oneshot::Receiver<Trouble>) {
        let budget = if path.starts_with("/v1/blobs/") { &self.blobs } else { &self.others };
        let held = Arc::new(Held { budget: budget.clone(), bytes: AtomicUsize::new(0) });
        let (tell, trouble) = oneshot::channel();
        let coming = Coming { body: body.into_data_stream(), held: held.clone(), tell, since: None, wait: self.wait, received: 0 };
        (Body::from_stream(stream::unfold(coming, Coming::next)), held, trouble)
    }
}

/// A body of at most so many bytes in one piece. A stated length saves copies; memory is touched only as bytes come.
pub(crate) async fn whole(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "CRN-1103", format!("{limit} bytes are taken, and the body is longer"));
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    if stated > limit {
        return Err(too_large());
    }
    let (mut chunks, mut bytes) = (body.into_data_stream(), BytesMut::with_capacity(stated));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "CRN-1116", "it broke off"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

struct Coming {
    body: axum::body::BodyDataStream,
    held: Arc<Held>,
    tell: oneshot::Sender<Trouble>,
    /// When the route began to read.
    since: Option<Instant>,
    wait: Duration,
    received: u64,
}

impl Coming {
    async fn next(mut self) -> Option<(Result<Bytes, axum::Error>, Coming)> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let trouble = match timeout_at(since + allowance(self.wait, self.received), self.body.next()).await {
            Ok(Some(Ok(chunk))) if !self.held.take(chunk.len()) => Trouble::Crowded,
            Ok(Some(Ok(chunk))) => {
                self.received += chunk.len() as u64;
                return Some((Ok(chunk), self));
            }
            Ok(other) => return other.map(|broken| (broken, self)),
            Err(_) => Trouble::Stalled,
        };
        // Nobody listens only if the request has ended already. It ends with this word, not with what its route makes of it.
        let _ = self.tell.send(trouble);
        pending().await
    }
}

/// The time in which the next bytes must come, from the first look on.
fn allowance(wait: Duration, received: u64) -> Duration {
    wait + Duration::from_millis(received.saturating_mul(1_000) / limits::BODY_BYTES_PER_SECOND)
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        match self {
            Trouble::Stalled => {
                let detail = format!("less than {} bytes a second came", limits::BODY_BYTES_PER_SECOND);
                // RFC 9110, 15.5.9: whoever gives up waiting closes.
                ([(header::CONNECTION, "close")], Refusal::new(StatusCode::REQUEST_TIMEOUT, "CRN-1116", detail)).into_response()
            }
            Trouble::Crowded => {
                Refusal::new(StatusCode::TOO_MANY_REQUESTS, "CRN-1106", "too many bytes of bodies are under way").into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_broke_off_is_not_called_too_large() {
        let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(b"eight by"));
        let broken = || Err(std::io::Error::other("gone"));
        for (chunks, told) in [
            (vec![chunk(), chunk()], None),
            (vec![chunk(), broken()], Some((400, "CRN-1116"))),
            (vec![chunk(), chunk(), chunk(), broken()], Some((413, "CRN-1103"))),
        ] {
            let read = whole(&HeaderMap::new(), Body::from_stream(stream::iter(chunks)), 20).await;
            assert_eq!(read.err().map(|refusal| (refusal.0.status, refusal.0.code)), told.map(|(status, code)| (status, code.to_owned())));
        }
        let stated = HeaderMap::from_iter([(header::CONTENT_LENGTH, 21.into())]);
        assert!(whole(&stated, Body::empty(), 20).await.is_err(), "what is stated need not be waited for");
    }

    #[test]
    fn the_allowance_grows_with_what_came() {
        let wait = Duration::from_secs(10);
        assert_eq!(allowance(wait, 0), wait);
        assert_eq!(allowance(wait, limits::BODY_BYTES_PER_SECOND * 3), wait + Duration::from_secs(3));
    }
}
