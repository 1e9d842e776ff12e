//! Workers: authors that compute. Each may be drawn to do a task, to check one, or to decide as third between two who disagree.
//!
//! The way through: [`follow`] reads the journal → [`view`] folds it into what a worker must know → [`duty`] says what it owes →
//! [`bench`] does it with the kernels → [`voice`] says it → the journal answers. [`Worker`] is the loop around them.
//!
//! Every duty follows from the journal alone, and every answer from (key, task, attempt): a worker that dies goes on with the
//! same bytes, and an effect done twice is the same effect. Refuses to trust: what a blob is named as is checked before it is used.

pub mod bench;
mod check;
pub mod conduct;
pub mod duty;
pub mod enlist;
mod error;
mod fetch;
pub mod follow;
pub mod shelf;
pub mod submission;
pub mod view;
pub mod voice;
mod work;
mod worker;

pub use conduct::{Conduct, Fault};
pub use enlist::Enlistment;
pub use error::{Trouble, WorkerError};
pub use submission::submission;
pub use view::View;
pub use worker::{Progress, Settings, Worker};
