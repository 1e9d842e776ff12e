#![allow(clippy::unwrap_used)]
use super::*;
use crate::{ledger::Local, workers::submission::blob_ref};
use cairn_kernels::bml::Example;
use cairn_log::{SystemClock, blobs::Blobs, memory::MemoryLog};
use cairn_schemas::Account;

const ID: JobId = JobId([1; 32]);

fn ledger() -> Local {
    let log = Arc::new(MemoryLog::new(1, Arc::new(SystemClock::default())));
    Local::new(log, Blobs::open("memory:///").unwrap(), 0)
}

/// The job on its built-in data, with those data.
fn pinned() -> (Job, DataSet) {
    let text = Example {
        model: "{template: mlp, input: 784, hidden: [4], classes: 10}",
        data: r#"{url: "builtin:digits?seed=7&count=60", train: 50, test: 10}"#,
        train: r#"{rounds: 1, epochs: 1, shards: 1, batch: 5, sgd: {rate: "0.05", momentum: "0.5"}, seed: 1, data_seed: 2}"#,
        verify: r#"{assurance: sampled, rate: "0.25", steps: 2}"#,
        ..Example::SMALL
    };
    let job = Job::parse("job.yaml", &text.to_string()).unwrap();
    let data = DataSet::builtin(&job).unwrap().unwrap();
    let url = job.data.url.clone();
    (job.with_data(url, data.root()), data)
}

async fn terms(ledger: &Local, job: &Job) -> JobSubmitted {
    let yaml = ledger.put_blob(job.to_yaml().into()).await.unwrap();
    submission(job, yaml, Account::Named("producer".parse().unwrap())).unwrap().0
}

#[tokio::test]
async fn terms_that_the_yaml_does_not_mean_are_refused() {
    let ledger = ledger();
    let honest = terms(&ledger, &pinned().0).await;
    assert_eq!(honest.verify.rate.to_string(), "0.25");
    assert!(Shelf::default().ready(&ledger, ID, &honest).await.is_ok());
    type Twist = fn(&mut JobSubmitted);
    let twists: [(&str, Twist); 5] = [
        ("program", |terms| terms.program.hash.0[0] ^= 1),
        ("initial state", |terms| terms.initial.0[0] ^= 1),
        ("plan of tasks", |terms| terms.plan.train_leaves += 1),
        ("data set", |terms| terms.data.hash.0[0] ^= 1),
        ("set of terms", |terms| terms.deadlines.check_ms += 1),
    ];
    for (what, twist) in twists {
        let mut other = honest.clone();
        twist(&mut other);
        let error = Shelf::default().ready(&ledger, ID, &other).await.unwrap_err();
        assert!(error.to_string().ends_with(&format!("its YAML means another {what}")), "{error}");
        assert!(!error.passes());
    }
}

#[tokio::test]
async fn data_come_from_blobs_and_from_the_open_folder_alone() {
    let ledger = ledger();
    let (job, data) = pinned();
    let stored = ledger.put_blob(data.to_bytes().into()).await.unwrap();
    let from = |url: String| job.clone().with_data(url, data.root());
    let ready = Shelf::default().ready(&ledger, ID, &terms(&ledger, &from(format!("blob:{}", stored.hash))).await).await.unwrap();
    assert_eq!(*ready.data, data);

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret.csv"), "1,2,3\n").unwrap();
    let closed = terms(&ledger, &from("file:secret.csv".into())).await;
    let error = Shelf::default().ready(&ledger, ID, &closed).await.unwrap_err();
    assert!(error.to_string().contains("opens no folder"), "{error}");
    for url in ["file:../etc", "file:/etc", "file:", "https://example.org/x", "none"] {
        let shelf = Shelf::with_folder(folder.path().into());
        let error = shelf.ready(&ledger, ID, &terms(&ledger, &from(url.into())).await).await.unwrap_err();
        assert_eq!(error.code(), "CRN-7122", "{url}: {error}");
    }
    let open = Shelf::with_folder(folder.path().into()).ready(&ledger, ID, &closed).await.unwrap_err();
    assert!(matches!(open, Trouble::Kernel(_)), "it is read, and is not what the job pins: {open}");
}

#[tokio::test]
async fn text_comes_from_a_folder_and_from_a_blob_as_one_set() {
    let (ledger, folder) = (ledger(), tempfile::tempdir().unwrap());
    std::fs::create_dir(folder.path().join("text")).unwrap();
    std::fs::write(folder.path().join("text/b.md"), "of bits. ".repeat(3)).unwrap();
    std::fs::write(folder.path().join("text/a.md"), "A ledger ").unwrap();
    let text = Example {
        model: "{template: lstm, vocabulary: 16, context: 4, width: 8, depth: 1}",
        data: r#"{url: "file:text", text: {level: char, context: 4}, train: 6, test: 2}"#,
        train: r#"{rounds: 1, epochs: 1, shards: 1, batch: 2, sgd: {rate: "0.1", momentum: "0.9"}, seed: 1, data_seed: 2}"#,
        ..Example::SMALL
    };
    let job = Job::parse("job.yaml", &text.to_string()).unwrap();
    let data = DataSet::read(&job, &files(&folder.path().join("text")).unwrap()).unwrap();
    assert_eq!(data.decode(data.features(&[0, 1, 2]).integers()).unwrap(), "A ledger of ");
    let stored = ledger.put_blob(data.to_bytes().into()).await.unwrap();
    for url in ["file:text".to_owned(), format!("blob:{}", stored.hash)] {
        let pinned = terms(&ledger, &job.clone().with_data(url, data.root())).await;
        let ready = Shelf::with_folder(folder.path().into()).ready(&ledger, ID, &pinned).await.unwrap();
        assert_eq!(*ready.data, data);
    }
}

#[tokio::test]
async fn a_blob_that_is_not_there_may_come_and_one_of_another_size_is_unfit() {
    let ledger = ledger();
    let mut missing = terms(&ledger, &pinned().0).await;
    missing.yaml = blob_ref(b"nobody stored this");
    let error = Shelf::default().ready(&ledger, ID, &missing).await.unwrap_err();
    assert!(error.passes() && error.with_named_blob().is_withheld());
    let mut sized = terms(&ledger, &pinned().0).await;
    sized.yaml.size += 1;
    let error = Shelf::default().ready(&ledger, ID, &sized).await.unwrap_err();
    assert!(!error.passes() && error.with_named_blob().is_withheld());
}
