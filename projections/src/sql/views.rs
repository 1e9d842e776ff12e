//! Views and named queries: the texts of `sql/`, built into the binary.
//!
//! Owns which files there are. Refuses to hold SQL of its own.

macro_rules! texts {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../sql/", $folder, "/", $name, ".sql")))),+]
    };
}

/// Name and text of every view.
pub const VIEWS: &[(&str, &str)] = texts!(
    "views": "balances", "books", "entries_in_units", "jobs_now", "payments_in_units", "slashes", "tasks_now", "workers_now",
);

/// Name and text of every named query.
pub const QUERIES: &[(&str, &str)] = texts!(
    "queries": "books_balance", "dispositions", "events_per_author", "jobs_and_results", "slashes", "who_was_paid",
);
