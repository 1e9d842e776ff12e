//! TLS and SASL against real brokers: every mechanism is let in, and a wrong secret is told as what it is.

use crate::brokers::{PARTITIONS, copies, fresh, secure};
use crate::topics::JOBS;
use cairn_log::kafka::{KafkaLog, KafkaOptions, Sasl, Security, topics};
use cairn_log::{EventLog, Place, ReadLimit};
use std::path::PathBuf;
use std::time::Duration;

const PLACE: Place = Place::new(JOBS, 0);

/// A token as a test's broker takes it: nobody signed it, and it lasts an hour.
fn token() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let part = |json: String| data_encoding::BASE64URL_NOPAD.encode(json.as_bytes());
    format!("{}.{}.", part(r#"{"alg":"none"}"#.into()), part(format!(r#"{{"sub":"cairn","iat":{now},"exp":{}}}"#, now + 3_600)))
}

fn let_in(sasl: Sasl, secret: PathBuf) -> Security {
    let (file, ca_file) = (Some(secret), Some(secure().dir.join("ca.pem")));
    let (password_file, token_file) = if sasl == Sasl::Oauthbearer { (None, file) } else { (file, None) };
    Security { tls: true, ca_file, sasl: Some(sasl), user: Some("cairn".into()), password_file, token_file, ..Security::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn every_mechanism_is_let_in_over_tls() {
    let plain = fresh().await;
    let dir = tempfile::tempdir().unwrap();
    let token_file = dir.path().join("token");
    std::fs::write(&token_file, token()).unwrap();
    for (number, sasl) in [Sasl::Plain, Sasl::ScramSha256, Sasl::ScramSha512, Sasl::Oauthbearer].into_iter().enumerate() {
        let secret = if sasl == Sasl::Oauthbearer { token_file.clone() } else { secure().dir.join("secret") };
        let options = KafkaOptions { brokers: secure().brokers, security: let_in(sasl, secret), ..plain.clone() };
        if sasl != Sasl::Oauthbearer {
            let audit = topics::create(&options, PARTITIONS, copies()).await.unwrap();
            assert_eq!(audit.forbidding(), None, "{sasl:?}");
        }
        let log = KafkaLog::open(options).await.unwrap();
        println!("{sasl:?}: open");
        log.append(PLACE, vec![format!("{sasl:?}").into()].into()).await.unwrap();
        let read = log.read(PLACE, number as u64, ReadLimit::default()).await.unwrap();
        assert_eq!(read.records[0].bytes, format!("{sasl:?}"));
        assert!(log.assignments("here").next().await.unwrap().generation > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kafka: tests/run.sh kafka"]
async fn a_wrong_secret_is_told_as_such() {
    let plain = fresh().await;
    let dir = tempfile::tempdir().unwrap();
    let wrong = dir.path().join("wrong");
    std::fs::write(&wrong, "not the password").unwrap();
    let options =
        KafkaOptions { brokers: secure().brokers, security: let_in(Sasl::Plain, wrong), patience: Duration::from_secs(5), ..plain.clone() };
    let error = KafkaLog::open(options).await.unwrap_err();
    assert_eq!(error.code(), "CRN-5143");
    assert!(error.to_string().to_lowercase().contains("authentication"), "{error}");
    let untrusted = Security { ca_file: None, ..let_in(Sasl::Plain, secure().dir.join("secret")) };
    let options = KafkaOptions { brokers: secure().brokers, security: untrusted, patience: Duration::from_secs(5), ..plain };
    let error = KafkaLog::open(options).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("ssl"), "{error}");
}
