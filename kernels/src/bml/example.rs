//! Texts of jobs, for documentation and tests: one small job, of which the parts that matter are replaced.
//!
//! Owns the text. Refuses jobs that anybody should run for their result.

/// The parts of a job's text, each as it stands behind its key.
///
/// ```
/// use cairn_kernels::bml::{Example, Job};
///
/// let text = Example { model: "{template: mlp, input: 784, hidden: [], classes: 10}", ..Example::SMALL }.to_string();
/// assert_eq!(Job::parse("job.yaml", &text)?.task_count(), 7);
/// # Ok::<(), cairn_kernels::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Example {
    pub name: &'static str,
    pub model: &'static str,
    pub data: &'static str,
    pub train: &'static str,
    pub workers: &'static str,
    pub verify: &'static str,
    pub deadlines: &'static str,
    pub attempts: &'static str,
    pub pay: &'static str,
}

impl Example {
    /// A job of seconds: two rounds, two shards of uneven size, ten steps a task.
    pub const SMALL: Self = Self {
        name: "small",
        model: "{template: mlp, input: 784, hidden: [24], classes: 10}",
        data: r#"{url: "builtin:digits?seed=7&count=300", train: 250, test: 50}"#,
        train: r#"{rounds: 2, epochs: 2, shards: 2, batch: 25, sgd: {rate: "0.1", momentum: "0.9"}, seed: 1, data_seed: 2}"#,
        workers: r#"{min: 2, stake: "5000000", bond: "1000000"}"#,
        verify: r#"{assurance: sampled, rate: "1", steps: 2}"#,
        deadlines: "{accept_s: 60, task_s: 60, check_s: 60}",
        attempts: "3",
        pay: r#"{escrow: "12000000", task: "500000", check: "90000"}"#,
    };
}

impl std::fmt::Display for Example {
    /// The text of the job.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, model, data, train, workers, verify, deadlines, attempts, pay } = self;
        writeln!(f, "cairn: job/v1\nname: {name}\nmodel: {model}\ndata: {data}\ntrain: {train}\nworkers: {workers}")?;
        writeln!(f, "verify: {verify}\ndeadlines: {deadlines}\nattempts: {attempts}\npay: {pay}")
    }
}
