//! Trains a whole job alone, re-executes one transition of each task with the scalar reference, where that is a matter of
//! seconds, and prints the score.
//!
//! `cargo run --release -p cairn-kernels --example train -- job.yaml [folder with IDX or CSV files]`

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use cairn_kernels::bml::{Job, Programs};
use cairn_kernels::data::{DataSet, File};
use cairn_kernels::exec::Executor;
use cairn_kernels::trace::{COMMIT_EVERY, Material, Plan, TaskKind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("a job's YAML file is wanted")?;
    let job = Job::parse(&file, &std::fs::read_to_string(&file)?).map_err(|error| error.render())?;
    let start = Instant::now();
    let data = match arguments.next() {
        Some(folder) => from_folder(&job, Path::new(&folder))?,
        None => DataSet::builtin(&job)?.ok_or("the job's data are not built in: name a folder")?,
    };
    let job = Arc::new(job.clone().with_data(job.data.url.clone(), data.root()));
    let programs = Arc::new(job.compile()?);
    println!("data ready after {:?}", start.elapsed());

    let (executor, reference) = (Executor::fast(1), Executor::reference());
    let mut results: Vec<Material> = vec![];
    let (mut training, mut checking) = (0.0, 0.0);
    for task in job.tasks() {
        let plan = Plan::new(job.clone(), programs.clone(), task)?;
        let inputs = task.inputs(&job).into_iter().map(|input| results[input.index(&job) as usize].clone()).collect();
        let mut trace = vec![];
        let begun = Instant::now();
        results.push(plan.run(&executor, &data, plan.input(inputs)?, |claim, material| trace.push((*claim, material.clone())))?);
        training += begun.elapsed().as_secs_f64();

        if work_of(&programs, task) > PATIENCE {
            println!("{task:?}: {} leaves, {:?}, not checked", trace.len(), trace[trace.len() - 1].0.value);
            continue;
        }
        let begun = Instant::now();
        let leaf = trace.len() - 1;
        let (again, _) = plan.transition(&reference, &data, &trace[leaf - 1].1, leaf as u32)?;
        assert_eq!(again, trace[leaf].0, "the reference disagrees at leaf {leaf} of {task:?}");
        checking += begun.elapsed().as_secs_f64();
        if !matches!(task, TaskKind::Train { .. }) {
            println!("{task:?}: {} leaves, {:?}", trace.len(), again.value);
        }
    }
    println!("{} on {}: {training:.2} s of work, {checking:.2} s of checks by the reference", job.name, executor.name());
    Ok(())
}

/// Operations that the reference is given for one transition: some ten seconds.
const PATIENCE: u64 = 1_000_000_000;

/// Operations of a transition, of an evaluation at least.
fn work_of(programs: &Programs, task: TaskKind) -> u64 {
    match task {
        TaskKind::Train { .. } => programs.train.operations() * u64::from(COMMIT_EVERY),
        TaskKind::Aggregate { .. } => 0,
        TaskKind::Evaluate => programs.evaluate.operations(),
    }
}

fn from_folder(job: &Job, folder: &Path) -> Result<DataSet, Box<dyn std::error::Error>> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(File::new(&name, move || std::fs::File::open(&path)));
    }
    Ok(DataSet::read(job, &files)?)
}
