//! Serving: connections taken from a socket, each within limits of number and time, all ended by one word.
//!
//! Owns the number of open connections, how long a head may take, and the graceful end. Refuses to look into requests: see `edge`.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{future::Future, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Between two tries, where the system has no files left for more connections.
const REST: Duration = Duration::from_millis(100);

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open at once; more wait in the system's queue until one ends.
    pub connections: usize,
    /// From the connection, or the end of its last answer, to the end of the next head. So long an idle connection is kept, too.
    pub head_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 4_096, head_wait: Duration::from_secs(30) }
    }
}

/// Answers HTTP/1.1 (RFC 9112) on `listener` until `stop` resolves; then takes no more, and returns once every request that is under
/// way is answered.
pub async fn serve(listener: TcpListener, routes: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let ending = watch::Sender::new(false);
    let mut open = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = open.join_next() => (),
            taken = listener.accept(), if open.len() < limits.connections => match taken {
                Ok((stream, _)) => drop(open.spawn(answer(stream, routes.clone(), limits, ending.subscribe()))),
                Err(error) => {
                    tracing::warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(REST).await;
                }
            },
        }
    }
    // Whoever connects now is told at once that nobody is here.
    drop(listener);
    ending.send_replace(true);
    while open.join_next().await.is_some() {}
}

/// Answers the requests of one connection, one after the other.
async fn answer(stream: TcpStream, routes: Router, limits: Limits, mut ending: watch::Receiver<bool>) {
    // Answers are whole when they are written: waiting for more would only delay them. Without it they are slower, not wrong.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let ending = async { drop(ending.wait_for(|ending| *ending).await) };
    tokio::pin!(connection, ending);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = ending => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // One that went away, was too slow or spoke no HTTP has nobody left to be told.
        tracing::debug!("a connection ended: {error}");
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
