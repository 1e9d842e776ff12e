//! Exact kernels: a job's YAML becomes programs, programs become bits, and the bits are a contract.
//!
//! The way through the crate, as a worker walks it:
//!
//! 1. [`bml::Job::parse`] reads a job; `job.compile()` gives its [`bml::Programs`], whose bytes and hash the job fixes.
//! 2. [`data::DataSet`] is decoded from files ([`data::DataSet::read`]) or a blob (`from_bytes`), or generated (`builtin`), and has the
//!    root that the job pins.
//! 3. [`trace::TaskKind::at`] names a task; `inputs` the tasks whose results it is given.
//! 4. [`trace::Plan::run`] does it and shows every leaf, with the material behind it, for the ledger to commit to.
//! 5. [`trace::Plan::transition`] re-executes one transition from its opened predecessor: the same function, the same bits.
//!
//! ```
//! use std::sync::Arc;
//! use cairn_kernels::{bml::{Example, Job}, data::DataSet, exec::Executor, trace::{Plan, TaskKind}};
//!
//! let job = Job::parse("job.yaml", &Example::SMALL.to_string())?;
//! let data = DataSet::builtin(&job)?.expect("a built-in set");
//! let job = Arc::new(job.clone().with_data(job.data.url.clone(), data.root()));
//! let programs = Arc::new(job.compile()?);
//!
//! let executor = Executor::fast(1);
//! let plan = Plan::new(job.clone(), programs, TaskKind::at(&job, 0)?)?;
//! let input = plan.input(vec![])?;
//! let (mut leaves, mut materials) = (vec![], vec![]);
//! plan.run(&executor, &data, input, |claim, material| {
//!     leaves.push(*claim);
//!     materials.push(material.clone());
//! })?;
//!
//! // A verifier with another executor recomputes leaf 2 from what stands behind leaf 1.
//! let (again, _) = plan.transition(&Executor::reference(), &data, &materials[1], 2)?;
//! assert_eq!(again, leaves[2]);
//! # Ok::<(), cairn_kernels::Error>(())
//! ```
//!
//! Other data for the same job: a [`data::File`] for each file of a folder, [`data::DataSet::read`] for the
//! [`bml::Job::unpinned`] job, `to_bytes` as a blob, and [`bml::Job::with_data`] the blob's URL and the set's root.
//!
//! Everything here is pure and bounded. Errors carry `CRN-21xx` (job), `22xx` (data), `23xx` (program), `24xx` (kernel).

#[cfg(feature = "bench")]
pub mod bench;
pub mod bml;
pub mod contract;
mod cuda;
pub mod data;
mod error;
pub mod exec;
pub mod program;
pub mod trace;

#[cfg(test)]
mod test_values;

pub use error::{DataError, Error, KernelError, ProgramError};
