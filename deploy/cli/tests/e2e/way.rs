//! A way between one process and its brokers, on which a test holds up what it likes.
//!
//! Owns a port for each broker, and answers in which the brokers' addresses are the way's, so that whoever enters by it stays on it.
//! Requests are known by their API key (<https://kafka.apache.org/protocol>), the first number after a request's length. Refuses TLS, and to
//! change what is held: it comes through in the end, whole, as over a network that heals.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Runtime,
    sync::watch,
    time::sleep,
};

/// What a member says to the coordinator of its group: OffsetCommit, OffsetFetch, JoinGroup, Heartbeat, LeaveGroup, SyncGroup, and
/// ConsumerGroupHeartbeat of KIP-848.
pub const GROUP: [i16; 7] = [8, 9, 11, 12, 13, 14, 68];
pub const PRODUCE: [i16; 1] = [0];

/// Answers that may name brokers are small.
const REWRITTEN: usize = 64 * 1024;
/// More than a broker takes or gives at once.
const FRAME: usize = 256 * 1024 * 1024;

pub struct Way {
    _runtime: Runtime,
    gate: Gate,
    /// The ports that lead to the brokers.
    brokers: Vec<String>,
}

#[derive(Clone)]
struct Gate {
    held: watch::Sender<BTreeSet<i16>>,
    waiting: Arc<AtomicUsize>,
    /// How long blocks take on the way, milliseconds.
    far: Arc<AtomicU64>,
    /// Each broker's address, as it is written in answers, and the way's in its place.
    names: Arc<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Way {
    /// Opens a way to the brokers of a log.
    pub fn to(log: &str) -> Way {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (behind, _) = split(log);
        let listeners: Vec<TcpListener> = behind.iter().map(|_| runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap()).collect();
        let brokers: Vec<String> = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
        let names: Vec<_> = behind.iter().zip(&brokers).map(|(from, to)| (written(from), written(to))).collect();
        assert!(names.iter().all(|(from, to)| from.len() == to.len()), "brokers of this machine, by number: {behind:?}");
        let gate = Gate { held: watch::Sender::default(), waiting: Arc::default(), far: Arc::default(), names: Arc::new(names) };
        for (listener, broker) in listeners.into_iter().zip(behind) {
            runtime.spawn(serve(listener, broker, gate.clone()));
        }
        Way { _runtime: runtime, gate, brokers }
    }

    /// The log by this way.
    pub fn log(&self, log: &str) -> String {
        format!("kafka://{}/{}", self.brokers.join(","), split(log).1)
    }

    /// Holds up requests of these kinds from now on.
    pub fn hold(&self, keys: &[i16]) {
        self.gate.held.send_modify(|held| held.extend(keys));
    }

    /// Lets all through, in their order.
    pub fn heal(&self) {
        self.gate.held.send_modify(BTreeSet::clear);
    }

    /// Makes records that are appended by this way take so long, from now on.
    pub fn far(&self, by: Duration) {
        self.gate.far.store(by.as_millis().try_into().unwrap(), Ordering::Release);
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.gate.waiting.load(Ordering::Acquire)
    }
}

/// Brokers and prefix of a log's URL.
fn split(log: &str) -> (Vec<String>, String) {
    let (brokers, prefix) = log.strip_prefix("kafka://").unwrap().split_once('/').unwrap();
    (brokers.split(',').map(str::to_owned).collect(), prefix.to_owned())
}

/// An address as answers hold it: the host's text, the port in four bytes.
fn written(address: &str) -> Vec<u8> {
    let (host, port) = address.rsplit_once(':').unwrap();
    [host.as_bytes(), &port.parse::<i32>().unwrap().to_be_bytes()].concat()
}

async fn serve(listener: TcpListener, broker: String, gate: Gate) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(broker) = TcpStream::connect(&broker).await else { continue };
        let ((asks, client), (answers, broker)) = (client.into_split(), broker.into_split());
        tokio::spawn(requests(asks, broker, gate.clone()));
        tokio::spawn(responses(answers, client, gate.clone()));
    }
}

/// A connection ends when either side does.
async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, gate: Gate) {
    while let Some(frame) = frame(&mut from).await {
        let key = i16::from_be_bytes([frame[4], frame[5]]);
        let mut held = gate.held.subscribe();
        if held.borrow_and_update().contains(&key) {
            gate.waiting.fetch_add(1, Ordering::AcqRel);
            let healed = held.wait_for(|held| !held.contains(&key)).await.is_ok();
            gate.waiting.fetch_sub(1, Ordering::AcqRel);
            if !healed {
                return;
            }
        }
        if PRODUCE.contains(&key) {
            sleep(Duration::from_millis(gate.far.load(Ordering::Acquire))).await;
        }
        if to.write_all(&frame).await.is_err() {
            return;
        }
    }
}

async fn responses(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, gate: Gate) {
    while let Some(mut frame) = frame(&mut from).await {
        if frame.len() <= REWRITTEN {
            gate.names.iter().for_each(|(name, other)| replace(&mut frame, name, other));
        }
        if to.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// A request or an answer: four bytes of length, and as many bytes.
async fn frame(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).await.ok()?;
    let size = usize::try_from(u32::from_be_bytes(length)).unwrap();
    assert!((4..=FRAME).contains(&size), "a frame of {size} bytes");
    let mut frame = vec![0; 4 + size];
    frame[..4].copy_from_slice(&length);
    from.read_exact(&mut frame[4..]).await.ok()?;
    Some(frame)
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    for at in 0..bytes.len().saturating_sub(from.len() - 1) {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
}

#[test]
fn addresses_in_answers_become_the_ways() {
    let mut answer = [b"..".as_slice(), &written("127.0.0.1:20001"), b"..", &written("127.0.0.1:20002")].concat();
    replace(&mut answer, &written("127.0.0.1:20002"), &written("127.0.0.1:9"));
    assert_eq!(answer, [b"..".as_slice(), &written("127.0.0.1:20001"), b"..", &written("127.0.0.1:9")].concat());
    assert_eq!(split("kafka://a:1,b:2/p"), (vec!["a:1".to_owned(), "b:2".to_owned()], "p".to_owned()));
}
