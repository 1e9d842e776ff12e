//! How fast the disk log is on this machine. Run by hand: `cargo test --release -p cairn-log --lib speed -- --ignored --nocapture`.

use super::*;
use std::time::Instant;

const RECORDS: usize = 2_000_000;
const BATCH: usize = 500;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the machine"]
async fn three_hundred_thousand_records_a_second() {
    let dir = tempfile::tempdir_in(".").unwrap();
    let log = Arc::new(DiskLog::open(dir.path(), Options::new(1)).unwrap());
    let mut alone = Vec::new();
    for _ in 0..500 {
        let start = Instant::now();
        log.append(JOBS, bytes(&"x".repeat(200)).into()).await.unwrap();
        alone.push(start.elapsed());
    }
    alone.sort();
    println!("append alone: p50 {:?}, p99 {:?}", alone[250], alone[495]);
    let record = Bytes::from(vec![b'x'; 200]);
    let start = Instant::now();
    let appenders = (0..16).map(|_| {
        let (log, batch) = (log.clone(), vec![record.clone(); BATCH]);
        tokio::spawn(async move {
            for _ in 0..RECORDS / BATCH / 16 {
                log.append(JOBS, batch.clone().into()).await.unwrap();
            }
        })
    });
    futures::future::join_all(appenders).await;
    let rate = RECORDS as f64 / start.elapsed().as_secs_f64();
    println!("batches of {BATCH} by 16: {rate:.0} records/s");
    drop(log);
    let start = Instant::now();
    let log = DiskLog::open(dir.path(), Options::new(1)).unwrap();
    println!("open: {:?}", start.elapsed());
    let start = Instant::now();
    let read = read_all(&log, JOBS, 0, ReadLimit::default()).await.len();
    println!("read: {:.0} records/s", read as f64 / start.elapsed().as_secs_f64());
    assert!(rate > 300_000.0, "{rate:.0} records/s");
}
