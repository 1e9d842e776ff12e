//! Serving: connections taken from a socket, each within limits of number and time, all ended by one word.
//!
//! Owns the number of open connections, how long a head may take, the graceful end, and that an answer arrives though its request was
//! not read to the end. Refuses to look into requests: see `edge`.

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    future::{Future, poll_fn},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

/// Between two tries, where the system has no files left for more connections.
const REST: Duration = Duration::from_millis(100);

/// How long and how much a connection that has its last answer may go on sending, and how long it may pause.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_PAUSE: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 << 20;
const LINGER_PIECE: usize = 64 << 10;

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
    let routes = TowerToHyperService::new(routes);
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait)
        .serve_connection(TokioIo::new(stream), service_fn(move |request| Box::pin(routes.call(request))));
    let ended = tokio::select! {
        ended = poll_fn(|task| connection.poll_without_shutdown(task)) => ended,
        () = async { drop(ending.wait_for(|ending| *ending).await) } => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|task| connection.poll_without_shutdown(task)).await
        }
    };
    if let Err(error) = ended {
        // One that went away, was too slow or spoke no HTTP has nobody left to be told.
        tracing::debug!("a connection ended: {error}");
    }
    let mut stream = connection.into_parts().io.into_inner();
    let stopping = *ending.borrow();
    if stream.shutdown().await.is_ok() && !stopping {
        // Past the limit it is closed as it is.
        let _ = timeout(LINGER, linger(stream)).await;
    }
}

/// Reads what still comes, and forgets it: to close before bytes that nobody read resets the connection, and takes the answer with
/// it (RFC 9112, 9.6).
async fn linger(mut stream: TcpStream) {
    let (mut piece, mut left) = (vec![0; LINGER_PIECE], LINGER_BYTES);
    while left > 0 {
        match timeout(LINGER_PAUSE, stream.read(&mut piece)).await {
            Ok(Ok(count @ 1..)) => left = left.saturating_sub(count),
            _ => return,
        }
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
