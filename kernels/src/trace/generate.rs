//! Text from a trained model: token after token, each drawn from what the model expects after those before it.
//!
//! Owns the window of tokens that the model sees, and under which numbers each draw is made: the same seed draws the same text
//! on every machine. Refuses characters, which are the data set's.

use super::state::State;
use crate::bml::{Job, Record};
use crate::contract::philox;
use crate::error::{Error, KernelError, ProgramError};
use crate::exec::{Executor, Tensor};
use crate::program::Program;

/// Draws tokens with the model of one job.
#[derive(Debug, Clone)]
pub struct Generator {
    program: Program,
    context: usize,
    vocabulary: u32,
}

impl Generator {
    /// A generator that divides logits by `temperature`: near 0 it says what is likeliest, at 1 what the model expects.
    ///
    /// Errors: a model whose records are no tokens; a temperature that is not above 0.
    pub fn of(job: &Job, temperature: f32) -> Result<Self, ProgramError> {
        let program = job.generator(temperature)?;
        let Record::Tokens { context, vocabulary } = job.model.record() else { unreachable!("it has a generator") };
        Ok(Self { program, context: context as usize, vocabulary })
    }

    /// `count` tokens that follow `prompt`, whose last `context` tokens are seen.
    ///
    /// Errors: an empty prompt, a token that is none, a state of another model.
    pub fn draw(&self, executor: &Executor, state: &State, prompt: &[u32], count: usize, seed: u64) -> Result<Vec<u32>, Error> {
        if prompt.is_empty() || prompt.iter().any(|&token| token >= self.vocabulary) {
            let wanted = format!("one token at least, each below {}", self.vocabulary);
            return Err(KernelError::Argument { subject: "prompt", index: 0, found: format!("{prompt:?}"), wanted }.into());
        }
        let mut text = prompt.to_vec();
        for step in 0..count {
            let seen = text.len().min(self.context);
            // A place sees none after it, so what fills the window up behind the text does not matter.
            let mut window = text[text.len() - seen..].to_vec();
            window.resize(self.context, 0);
            let tokens = Tensor::u32(&[1, self.context as u32], window);
            let (seed, sample, step) = (Tensor::u32(&[2], philox::key(seed).to_vec()), Tensor::u32(&[1], vec![0]), step as u32);
            // The second is a step's labels, which nobody reads here.
            let inputs = [tokens.clone(), tokens, seed, sample, Tensor::u32(&[], vec![step])];
            let drawn = executor.execute(&self.program, state.tensors(), &inputs)?;
            text.extend(drawn.first().map(|places| places.integers()[seen - 1]));
        }
        Ok(text.split_off(prompt.len()))
    }
}
