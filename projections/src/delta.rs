//! Delta: the files of one table, `DIR/tables/<table>`.
//!
//! Owns creation, appends that carry their position as the format's application transaction (`cairn/<partition>`, height),
//! compaction and vacuum by the format's own operations, and the check whether what lies there is whole. Refuses repair: a table
//! that is damaged, of another instance or of other columns is deleted and folded anew.

use crate::{error::ProjectionError, rows::Table};
use arrow::{
    array::RecordBatch,
    datatypes::{DataType as Arrow, Schema},
};
use cairn_schemas::InstanceId;
use datafusion::{catalog::TableProvider, execution::SessionState};
use deltalake_core::{
    DeltaTable, DeltaTableBuilder, DeltaTableError,
    kernel::{DataType, PrimitiveType, StructField, Transaction, transaction::CommitProperties},
    operations::vacuum::VacuumMode,
    parquet::{
        basic::{Compression, ZstdLevel},
        file::properties::WriterProperties,
    },
    protocol::SaveMode,
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
};
use url::Url;

/// Height of the last block of each partition whose rows a table holds.
pub type Positions = BTreeMap<u32, u64>;

/// Files below half of this are worth joining.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// So many small files may lie about before they are joined.
const SMALL_FILES: usize = 24;
/// Files that no version names any more stay this long: far longer than a query may run.
const KEEP_REPLACED: chrono::Duration = chrono::Duration::hours(1);

/// What lies where a table should be.
pub(crate) enum Found {
    Nothing,
    /// Not to be used, and why.
    Unusable(String),
    Whole(Box<Cold>),
}

/// A table's files, at the version that this process knows.
#[derive(Debug)]
pub(crate) struct Cold {
    table: Table,
    delta: DeltaTable,
    session: Arc<SessionState>,
    provider: Arc<dyn TableProvider>,
    positions: Positions,
}

/// Where a table lies.
pub(crate) fn home(root: &Path, table: Table) -> PathBuf {
    root.join(table.name())
}

impl Cold {
    /// Looks at what is there. Reads the log of the table and the ends of its files, not the files.
    pub async fn look(
        root: &Path,
        table: Table,
        instance: InstanceId,
        partitions: u32,
        session: &Arc<SessionState>,
    ) -> Result<Found, ProjectionError> {
        let dir = home(root, table);
        if !dir.is_dir() {
            return Ok(Found::Nothing);
        }
        let delta = match builder(table, &dir)?.load().await {
            Ok(delta) => delta,
            Err(error) => return Ok(Found::Unusable(error.to_string())),
        };
        match Cold::checked(table, &dir, delta, instance, partitions, session).await {
            Ok(cold) => Ok(Found::Whole(Box::new(cold))),
            Err(why) => Ok(Found::Unusable(why)),
        }
    }

    async fn checked(
        table: Table,
        dir: &Path,
        delta: DeltaTable,
        instance: InstanceId,
        partitions: u32,
        session: &Arc<SessionState>,
    ) -> Result<Cold, String> {
        let text = |error: DeltaTableError| error.to_string();
        let state = delta.snapshot().map_err(text)?;
        if state.metadata().description() != Some(comment(instance).as_str()) {
            return Err("it belongs to another instance".to_owned());
        }
        for file in state.log_data() {
            whole(&dir.join(file.object_store_path().as_ref()), file.size())?;
        }
        let mut positions = Positions::new();
        for partition in 0..partitions {
            let log = delta.log_store();
            let held = state.transaction_version(log.as_ref(), app_id(partition)).await.map_err(text)?;
            positions.extend(held.and_then(|held| u64::try_from(held).ok()).map(|held| (partition, held)));
        }
        let provider = provide(&delta, session).await.map_err(|error| error.to_string())?;
        if !alike(&provider.schema(), &table.schema()) {
            return Err("its columns are not those of this version".to_owned());
        }
        Ok(Cold { table, delta, session: session.clone(), provider, positions })
    }

    /// An empty table, after deleting whatever lies there.
    pub async fn create(root: &Path, table: Table, instance: InstanceId, session: &Arc<SessionState>) -> Result<Cold, ProjectionError> {
        let dir = home(root, table);
        let io = |operation| move |source| ProjectionError::Io { operation, path: home(root, table), source };
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(io("delete"))?;
        }
        fs::create_dir_all(&dir).map_err(io("create"))?;
        let delta = builder(table, &dir)?
            .build()
            .map_err(failed(table, "open"))?
            .create()
            .with_table_name(table.name())
            .with_comment(comment(instance))
            .with_columns(columns(&table.schema()))
            .with_configuration([("delta.logRetentionDuration", Some("interval 1 days")), ("delta.checkpointInterval", Some("50"))])
            .await
            .map_err(failed(table, "create"))?;
        let provider = provide(&delta, session).await.map_err(planned(table, "open"))?;
        Ok(Cold { table, delta, session: session.clone(), provider, positions: Positions::new() })
    }

    pub fn provider(&self) -> Arc<dyn TableProvider> {
        self.provider.clone()
    }

    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Files of the current version.
    #[cfg(test)]
    pub fn files(&self) -> usize {
        self.delta.snapshot().map_or(0, |state| state.log_data().num_files())
    }

    /// Adds rows and moves the positions to `heights`, in one commit: both stand, or neither.
    pub async fn append(&mut self, rows: Vec<RecordBatch>, heights: &Positions) -> Result<(), ProjectionError> {
        let moved = heights.iter().filter(|(partition, height)| self.positions.get(partition).is_none_or(|held| held < height));
        let transactions =
            moved.map(|(partition, height)| Transaction::new(app_id(*partition), i64::try_from(*height).unwrap_or(i64::MAX)));
        let commit = CommitProperties::default().with_application_transactions(transactions.collect());
        let write = self.delta.clone().write(rows).with_save_mode(SaveMode::Append);
        match write.with_writer_properties(properties()).with_commit_properties(commit).await {
            Ok(delta) => self.delta = delta,
            Err(error) => self.settle(error, heights).await?,
        }
        self.positions.extend(heights);
        self.provider = provide(&self.delta, &self.session).await.map_err(planned(self.table, "read"))?;
        Ok(())
    }

    /// After an error nobody knows whether the commit stands: the table's own position tells.
    async fn settle(&mut self, error: DeltaTableError, heights: &Positions) -> Result<(), ProjectionError> {
        self.delta.update_state().await.map_err(failed(self.table, "read its log after a commit of unknown outcome"))?;
        let state = self.delta.snapshot().map_err(failed(self.table, "read"))?;
        let log = self.delta.log_store();
        for (partition, height) in heights {
            let held =
                state.transaction_version(log.as_ref(), app_id(*partition)).await.map_err(failed(self.table, "read its position"))?;
            if held.and_then(|held| u64::try_from(held).ok()) != Some(*height) {
                return Err(failed(self.table, "commit")(error));
            }
        }
        Ok(())
    }

    /// Joins small files if there are many, and deletes those that were replaced long ago. Returns whether it did.
    pub async fn tidy(&mut self) -> Result<bool, ProjectionError> {
        let state = self.delta.snapshot().map_err(failed(self.table, "read"))?;
        let small = |size: i64| u64::try_from(size).is_ok_and(|size| size < FILE_BYTES / 2);
        if state.log_data().into_iter().filter(|file| small(file.size())).count() <= SMALL_FILES {
            return Ok(false);
        }
        let target = NonZeroU64::new(FILE_BYTES).unwrap_or(NonZeroU64::MAX);
        let optimize = self.delta.clone().optimize().with_target_size(target).with_writer_properties(properties());
        let (delta, _) = optimize.with_max_concurrent_tasks(1).await.map_err(failed(self.table, "join small files"))?;
        let vacuum = delta.vacuum().with_mode(VacuumMode::Full).with_retention_period(KEEP_REPLACED).with_enforce_retention_duration(false);
        let (delta, _) = vacuum.await.map_err(failed(self.table, "delete replaced files"))?;
        self.delta = delta;
        self.provider = provide(&self.delta, &self.session).await.map_err(planned(self.table, "read"))?;
        Ok(true)
    }
}

fn app_id(partition: u32) -> String {
    format!("cairn/{partition}")
}

fn comment(instance: InstanceId) -> String {
    format!("cairn {instance}")
}

fn properties() -> WriterProperties {
    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build()
}

fn builder(table: Table, dir: &Path) -> Result<DeltaTableBuilder, ProjectionError> {
    let io = |operation| move |source| ProjectionError::Io { operation, path: dir.to_path_buf(), source };
    let full = fs::canonicalize(dir).map_err(io("find"))?;
    let url = Url::from_directory_path(full).map_err(|()| io("name")(std::io::ErrorKind::InvalidInput.into()))?;
    DeltaTableBuilder::from_url(url).map_err(failed(table, "open"))
}

async fn provide(delta: &DeltaTable, session: &Arc<SessionState>) -> datafusion::error::Result<Arc<dyn TableProvider>> {
    let provider: Arc<dyn TableProvider> = Arc::new(delta.table_provider().with_session(session.clone()).build().await?);
    Ok(provider)
}

/// The columns as Delta calls them.
fn columns(schema: &Schema) -> Vec<StructField> {
    let kind = |arrow: &Arrow| match arrow {
        Arrow::Int64 => DataType::LONG,
        Arrow::Boolean => DataType::BOOLEAN,
        Arrow::Timestamp(..) => DataType::TIMESTAMP,
        Arrow::Decimal128(precision, scale) => {
            PrimitiveType::decimal(*precision, u8::try_from(*scale).unwrap_or(0)).map_or(DataType::STRING, DataType::from)
        }
        _ => DataType::STRING,
    };
    schema.fields().iter().map(|field| StructField::new(field.name(), kind(field.data_type()), field.is_nullable())).collect()
}

/// Whether two schemas name the same columns with the same types.
fn alike(one: &Schema, other: &Schema) -> bool {
    let same =
        |(a, b): (&Arc<arrow::datatypes::Field>, &Arc<arrow::datatypes::Field>)| a.name() == b.name() && a.data_type() == b.data_type();
    one.fields().len() == other.fields().len() && one.fields().iter().zip(other.fields()).all(same)
}

/// Whether a Parquet file has its length and its end: what a power cut takes first. Nothing is synced here, because
/// whatever is lost is folded anew.
fn whole(path: &Path, size: i64) -> Result<(), String> {
    let name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut file = File::open(path).map_err(|error| format!("{}: {error}", name()))?;
    let length = file.metadata().map_err(|error| format!("{}: {error}", name()))?.len();
    if i64::try_from(length) != Ok(size) {
        return Err(format!("{} has {length} bytes, not {size}", name()));
    }
    let mut end = [0; 4];
    file.seek(SeekFrom::End(-4)).and_then(|_| file.read_exact(&mut end)).map_err(|error| format!("{}: {error}", name()))?;
    if &end == b"PAR1" { Ok(()) } else { Err(format!("{} does not end as Parquet does", name())) }
}

fn failed(table: Table, operation: &'static str) -> impl Fn(DeltaTableError) -> ProjectionError {
    move |source| ProjectionError::Delta { table: table.name(), operation, source: Box::new(source) }
}

fn planned(table: Table, operation: &'static str) -> impl Fn(datafusion::error::DataFusionError) -> ProjectionError {
    move |source| ProjectionError::Plan { table: table.name(), operation, source: Box::new(source) }
}
