//! The shelf: jobs made ready to be worked on, and their data.
//!
//! Owns the check that a job's YAML means exactly the terms that were signed, the sources data may come from, and what is kept
//! of both. Several workers of one process share a shelf, so that a data set is made once. Refuses sources that nobody opened:
//! a URL of a stranger's job reads no file and asks no address.

use super::{Trouble, fetch, submission};
use crate::ledger::Ledger;
use cairn_kernels::{
    bml::{Job, Model, Programs},
    data::{DataSet, File},
};
use cairn_schemas::{
    BlobHash, JobId,
    event::{DataSource, JobSubmitted},
};
use std::{
    collections::VecDeque,
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Mutex;

/// Jobs kept ready. A partition's jobs come one after another; who works on more at once makes some ready again.
const JOBS: usize = 4;

/// A job that means what its terms say, with its programs and records.
#[derive(Debug)]
pub struct Ready {
    pub job: Arc<Job>,
    pub programs: Arc<Programs>,
    pub model: Arc<Model>,
    pub data: Arc<DataSet>,
    source: DataSource,
}

/// Jobs made ready, the last used at the end.
#[derive(Debug, Default)]
pub struct Shelf {
    /// The folder that `file:` URLs are read in. None: they are refused.
    folder: Option<PathBuf>,
    ready: Mutex<VecDeque<(JobId, Arc<Ready>)>>,
}

impl Shelf {
    /// A shelf whose owner opens `folder` to jobs; data sets are folders or files in it.
    pub fn with_folder(folder: PathBuf) -> Shelf {
        Shelf { folder: Some(folder), ready: Mutex::default() }
    }

    /// The job, ready. Whoever asks at the same time waits for the one who makes it.
    pub async fn ready(&self, ledger: &dyn Ledger, id: JobId, terms: &JobSubmitted) -> Result<Arc<Ready>, Trouble> {
        let mut shelf = self.ready.lock().await;
        if let Some(at) = shelf.iter().position(|(job, _)| *job == id) {
            let found = shelf.remove(at);
            shelf.extend(found);
        } else {
            let known = shelf.iter().find(|(_, ready)| ready.source == terms.data).map(|(_, ready)| ready.data.clone());
            let ready = self.make(ledger, id, terms, known).await?;
            let surplus = (shelf.len() + 1).saturating_sub(JOBS);
            shelf.drain(..surplus);
            shelf.push_back((id, Arc::new(ready)));
        }
        shelf.back().map(|(_, ready)| ready.clone()).ok_or(Trouble::Early)
    }

    async fn make(&self, ledger: &dyn Ledger, id: JobId, terms: &JobSubmitted, known: Option<Arc<DataSet>>) -> Result<Ready, Trouble> {
        let text = fetch::blob(ledger, &terms.yaml).await?;
        let (job, programs) = meant(id, terms, &text)?;
        let data = match known {
            Some(data) => {
                data.check(&job).map_err(cairn_kernels::Error::from)?;
                data
            }
            None => Arc::new(self.data(ledger, &job).await?),
        };
        let model = Arc::new(Model::of(&job).map_err(cairn_kernels::Error::from)?);
        Ok(Ready { job: Arc::new(job), programs: Arc::new(programs), model, data, source: terms.data.clone() })
    }

    /// The records of a job, which have the root that it pins.
    async fn data(&self, ledger: &dyn Ledger, job: &Job) -> Result<DataSet, Trouble> {
        let job = job.clone();
        let url = job.data.url.clone();
        let refused = |reason: &str| Err(Trouble::NoData { url: url.clone(), reason: reason.into() });
        match url.split_once(':') {
            Some(("builtin", _)) => match aside(move || DataSet::builtin(&job)).await? {
                Some(data) => Ok(data),
                None => refused("no such set is built in"),
            },
            Some(("blob", hash)) => {
                let hash = hash.parse::<BlobHash>().map_err(|error| Trouble::NoData { url: url.clone(), reason: error.to_string() })?;
                let bytes = ledger.blob(&hash).await?;
                aside(move || DataSet::from_bytes(&job, &bytes)).await
            }
            Some(("file", name)) => {
                let files = self.files(name).map_err(|reason| Trouble::NoData { url: url.clone(), reason })?;
                aside(move || DataSet::read(&job, &files)).await
            }
            _ => refused("a data url begins with builtin:, blob: or file:"),
        }
    }

    /// The files of a data set in the open folder.
    fn files(&self, name: &str) -> Result<Vec<File>, String> {
        let root = self.folder.as_ref().ok_or("this worker opens no folder to jobs")?;
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || name.is_empty() {
            return Err("it is a path inside the open folder, without `..`".into());
        }
        files(&root.join(name)).map_err(|error| error.to_string())
    }
}

/// The files of a folder, or the one file. Each is opened when its records are read, not before.
pub fn files(path: &Path) -> std::io::Result<Vec<File>> {
    let paths = if path.is_dir() {
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?
    } else {
        fs::metadata(path)?;
        vec![path.to_owned()]
    };
    let named = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        File::new(&name, move || fs::File::open(&path))
    };
    Ok(paths.into_iter().filter(|path| path.is_file()).map(named).collect())
}

/// The job that a text means, if that is the one on these terms.
fn meant(id: JobId, terms: &JobSubmitted, text: &[u8]) -> Result<(Job, Programs), Trouble> {
    let other = |reason: String| Trouble::OtherTerms { job: id, reason };
    let text = std::str::from_utf8(text).map_err(|_| other("its YAML is not UTF-8".into()))?;
    let job = Job::parse("job.yaml", text).map_err(|error| other(error.to_string()))?;
    let (means, programs) = submission(&job, terms.yaml, terms.account.clone()).map_err(|error| other(error.to_string()))?;
    match difference(&means, terms) {
        None => Ok((job, programs)),
        Some(what) => Err(other(format!("its YAML means another {what}"))),
    }
}

/// The first thing in which two submissions differ.
fn difference(means: &JobSubmitted, says: &JobSubmitted) -> Option<&'static str> {
    let same = [
        ("program", means.program == says.program),
        ("initial state", means.initial == says.initial),
        ("plan of tasks", means.plan == says.plan),
        ("data set", means.data == says.data),
        ("set of terms", means == says),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

/// Computes on a thread that may take its time.
async fn aside<T: Send + 'static, E: Into<cairn_kernels::Error> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Trouble::Kernel(error.into())),
        Err(_) => Err(Trouble::Stopped),
    }
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
