//! The part that is played: which job the demo trains, on what, and what its result can show.
//!
//! Owns the choice of jobs, the pages that the text job reads, and the sample that it writes. Refuses to judge the model.

use crate::{
    commands::{job::Template, submit::Prepared},
    exit::{Exit, Failure},
};
use anyhow::Context as _;
use cairn_kernels::{
    bml::{Job, Model},
    data::{DataSet, File},
    exec::Executor,
    trace::{Generator, State},
};
use clap::ValueEnum;
use std::sync::Arc;

/// What the demo trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// A perceptron on the built-in digits
    #[default]
    Digits,
    /// A convolutional network on the built-in digits
    DigitsCnn,
    /// A transformer on this product's own pages
    Text,
}

/// The pages as they stood when this binary was built, so that it needs no folder.
const PAGES: [(&str, &str); 11] = [
    ("01-cairn.md", include_str!("../../../../../README.md")),
    ("02-operating.md", include_str!("../../../../OPERATING.md")),
    ("03-log.md", include_str!("../../../../../ingest/log/README.md")),
    ("04-kernels.md", include_str!("../../../../../kernels/README.md")),
    ("05-processors.md", include_str!("../../../../../processors/README.md")),
    ("06-deploy.md", include_str!("../../../../README.md")),
    ("07-tests.md", include_str!("../../../../../tests/README.md")),
    ("08-projections.md", include_str!("../../../../../projections/README.md")),
    ("09-gateway.md", include_str!("../../../../../ingest/gateway/README.md")),
    ("10-sql.md", include_str!("../../../../../sql/README.md")),
    ("11-schemas.md", include_str!("../../../../../schemas/README.md")),
];

/// Tokens that a sample has, the first of which are held-out text.
const SAMPLE: usize = 400;
const PROMPT: usize = 32;
/// Between what is likeliest and what the model expects.
const TEMPERATURE: f32 = 0.5;

/// A job with its records.
#[derive(Debug)]
pub struct Part {
    pub prepared: Prepared,
    /// The job and the text that it reads; none if it reads none.
    text: Option<(Job, DataSet)>,
}

impl Part {
    /// The part of `show`; `data` takes the place of its records.
    pub fn read(show: Show, data: Option<&str>) -> Result<Part, Failure> {
        let template = match show {
            Show::Digits => Template::Mlp,
            Show::DigitsCnn => Template::Cnn,
            Show::Text => return Part::text(data),
        };
        Ok(Part { prepared: Prepared::read("job.yaml", template.example(), data)?, text: None })
    }

    fn text(data: Option<&str>) -> Result<Part, Failure> {
        let job =
            Job::parse("job.yaml", Template::Transformer.example()).map_err(|error| Failure::new(Exit::Usage, error.code(), error))?;
        let files = match data {
            None => PAGES.iter().map(|(name, page)| File::of(name, page.as_bytes())).collect(),
            Some(folder) => cairn_processors::workers::shelf::files(folder.as_ref())
                .map_err(|error| Failure::usage(format!("data {folder}: {error}")))?,
        };
        let set = DataSet::read(&job, &files).map_err(|error| Failure::new(Exit::Usage, error.code(), error))?;
        Ok(Part { prepared: Prepared::on(job.clone(), &set), text: Some((job, set)) })
    }

    /// What its evaluation counts.
    pub fn counted(&self) -> &'static str {
        if self.text.is_some() { "characters" } else { "images" }
    }

    /// Whether its model writes.
    pub fn writes(&self) -> bool {
        self.text.is_some()
    }

    /// How the model goes on after the first held-out text, drawn under the job's seed: everywhere the same.
    pub fn sample(&self, model: &[u8]) -> Result<String, Failure> {
        let (job, set) = self.text.as_ref().context("this job's model writes nothing")?;
        let state = Arc::new(Model::of(job).map_err(broken)?);
        let state = State::from_bytes(&state, model).map_err(broken)?;
        let prompt = &set.features(&[set.train()]);
        let prompt = prompt.integers().get(..PROMPT).unwrap_or(prompt.integers());
        let generator = Generator::of(job, TEMPERATURE).map_err(broken)?;
        let written = generator.draw(&Executor::fast(1), &state, prompt, SAMPLE, job.train.seed).map_err(broken)?;
        Ok(set.decode(&[prompt, &written].concat()).unwrap_or_default())
    }
}

fn broken(error: impl Into<cairn_kernels::Error>) -> Failure {
    let error = error.into();
    let code = error.code();
    Failure::new(Exit::Failed, code, error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_part_has_its_records() {
        for show in Show::value_variants() {
            let part = Part::read(*show, None).unwrap();
            assert_eq!(part.writes(), *show == Show::Text);
        }
    }

    /// An untrained model writes too, and always the same.
    #[test]
    fn a_sample_is_text_of_the_pages_characters() {
        let part = Part::read(Show::Text, None).unwrap();
        let job = &part.text.as_ref().unwrap().0;
        let state = State::initial(&Arc::new(Model::of(job).unwrap()), job.train.seed);
        let sample = part.sample(&state.to_bytes()).unwrap();
        assert_eq!(sample.chars().count(), PROMPT + SAMPLE);
        assert_eq!(part.sample(&state.to_bytes()).unwrap(), sample);
    }
}
