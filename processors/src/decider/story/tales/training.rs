//! Tales of work: workers, jobs, tasks, checks and disputes.

tales! {
    a_worker_is_registered_once: "
        ada has 100
        ada becomes a worker     accepted
        ada becomes a worker     rejected worker_exists
    " ends "
        ada has 100
    "
}
