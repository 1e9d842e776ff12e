//! A state that stays where it is computed on, over many steps.
//!
//! Owns the state between two programs: a device's stays in its memory, so that a step moves a batch to it and nothing back.
//! Refuses to know what the tensors mean.

use super::{Executor, Kind, Tensor};
use crate::cuda;
use crate::error::KernelError;
use crate::program::Program;

/// Tensors of a state, and what the last step returned behind them.
#[derive(Debug)]
pub struct Resident<'a> {
    executor: &'a Executor,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Here { state: Vec<Tensor>, rest: Vec<Tensor> },
    Cuda(cuda::Resident),
}

impl Executor {
    /// Takes a state to where this executor computes.
    pub fn resident(&self, state: &[Tensor]) -> Result<Resident<'_>, KernelError> {
        let values = match &self.0 {
            Kind::Cuda(cuda) => Values::Cuda(cuda.resident(state)?),
            Kind::Reference | Kind::Fast(_) => Values::Here { state: state.to_vec(), rest: vec![] },
        };
        Ok(Resident { executor: self, values })
    }
}

impl Resident<'_> {
    /// Runs `program` on the state: as many outputs as the state has tensors become the state, those behind them are kept for
    /// `rest`. On a device it returns before the work is done, and what fails there may be told by a later call.
    ///
    /// Errors: those of [`Executor::execute`]; the state is then what it was.
    pub fn step(&mut self, program: &Program, inputs: &[Tensor]) -> Result<(), KernelError> {
        match (&mut self.values, &self.executor.0) {
            (Values::Cuda(of), Kind::Cuda(cuda)) => cuda.step(of, program, inputs),
            (Values::Here { state, rest }, _) => {
                let mut outputs = self.executor.execute(program, state, inputs)?;
                *rest = outputs.split_off(state.len().min(outputs.len()));
                *state = outputs;
                Ok(())
            }
            (Values::Cuda(_), _) => unreachable!("a state on a device is made by its executor"),
        }
    }

    /// The state's tensors.
    pub fn state(&self) -> Result<Vec<Tensor>, KernelError> {
        self.read(|state, _| Ok(state.to_vec()), cuda::Cuda::state)
    }

    /// What the last step returned behind the state: a loss, a norm.
    pub fn rest(&self) -> Result<Vec<Tensor>, KernelError> {
        self.read(|_, rest| Ok(rest.to_vec()), cuda::Cuda::rest)
    }

    /// BLAKE3 of each of the state's tensors' bytes, computed where they are.
    pub fn hashes(&self) -> Result<Vec<[u8; 32]>, KernelError> {
        let hash = |tensor: &Tensor| blake3::hash(&tensor.to_le_bytes()).into();
        self.read(|state, _| Ok(state.iter().map(hash).collect()), cuda::Cuda::hashes)
    }

    fn read<T>(
        &self,
        here: impl FnOnce(&[Tensor], &[Tensor]) -> Result<T, KernelError>,
        there: impl FnOnce(&cuda::Cuda, &cuda::Resident) -> Result<T, KernelError>,
    ) -> Result<T, KernelError> {
        match (&self.values, &self.executor.0) {
            (Values::Here { state, rest }, _) => here(state, rest),
            (Values::Cuda(of), Kind::Cuda(cuda)) => there(cuda, of),
            (Values::Cuda(_), _) => unreachable!("a state on a device is made by its executor"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::program::{Draft, Op};

    #[test]
    fn outputs_become_the_state_and_what_is_behind_is_kept() {
        let mut draft = Draft::new();
        let state = draft.push(Op::State { tensor: 0, shape: vec![2] }).unwrap();
        let input = draft.push(Op::Input { slot: 0, dtype: crate::program::Dtype::F32, shape: vec![2] }).unwrap();
        let sum = draft.add(state, input).unwrap();
        let norm = draft.push(Op::SumSquares { x: sum }).unwrap();
        let program = draft.finish(vec![sum, norm]).unwrap();
        let executor = Executor::fast(1);
        let mut resident = executor.resident(&[Tensor::f32(&[2], vec![1.0, 2.0])]).unwrap();
        for _ in 0..3 {
            resident.step(&program, &[Tensor::f32(&[2], vec![1.0, 0.5])]).unwrap();
        }
        let after = Tensor::f32(&[2], vec![4.0, 3.5]);
        assert_eq!(resident.state().unwrap(), [after.clone()]);
        assert_eq!(resident.rest().unwrap(), [Tensor::f32(&[], vec![28.25])]);
        assert_eq!(resident.hashes().unwrap(), [*blake3::hash(&after.to_le_bytes()).as_bytes()]);
    }
}
