#![allow(clippy::unwrap_used)]

use super::{Limits, serve};
use axum::{Router, routing};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// Serves `routes` on a free port.
async fn start(routes: Router, limits: Limits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(listener, routes, limits, async { drop(stopped.await) }));
    Server { address, stop, serving }
}

fn quick() -> Router {
    Router::new().route("/", routing::get(|| async { "here" }))
}

/// All that comes until the other side closes.
async fn rest(connection: &mut TcpStream) -> String {
    let mut all = Vec::new();
    connection.read_to_end(&mut all).await.unwrap();
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let server = start(quick(), Limits { head_wait: Duration::from_millis(100), ..Limits::default() }).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    assert!(!rest(&mut slow).await.contains("here"));
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
}

/// A refusal that needs none of the body is read by whoever first sends all of it.
#[tokio::test]
async fn an_answer_arrives_though_nobody_read_the_body() {
    let server = start(Router::new().route("/", routing::post(|| async { "no" })), Limits::default()).await;
    let body = vec![0; 32 << 20];
    for _ in 0..5 {
        let mut eager = TcpStream::connect(server.address).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        eager.write_all(head.as_bytes()).await.unwrap();
        eager.write_all(&body).await.unwrap();
        assert!(rest(&mut eager).await.ends_with("no"));
    }
}

#[tokio::test]
async fn beyond_the_limit_a_connection_waits_for_one_to_end() {
    let server = start(quick(), Limits { connections: 1, ..Limits::default() }).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(GET).await.unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();
    let mut second = TcpStream::connect(server.address).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), second.read_exact(&mut byte)).await;
    assert!(early.is_err(), "answered beside the first");
    drop(first);
    assert!(rest(&mut second).await.ends_with("here"));
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_end() {
    let (began, mut begun) = mpsc::channel(1);
    let (go, gone) = tokio::sync::watch::channel(false);
    let slow = move || {
        let (began, mut gone) = (began.clone(), gone.clone());
        async move {
            began.send(()).await.unwrap();
            gone.wait_for(|gone| *gone).await.unwrap();
            "answered"
        }
    };
    let server = start(Router::new().route("/", routing::get(slow)), Limits::default()).await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    connection.write_all(GET).await.unwrap();
    begun.recv().await.unwrap();
    server.stop.send(()).unwrap();
    // It takes no more: the socket is closed before the open request ends.
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.serving.is_finished());
    go.send(true).unwrap();
    assert!(rest(&mut connection).await.ends_with("answered"));
    server.serving.await.unwrap();
}
