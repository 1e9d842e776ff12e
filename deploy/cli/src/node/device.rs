//! Devices of workers: which one is meant, and the proof that it computes the contract's bits.
//!
//! Owns the choice and the refusal. Refuses the test itself, which is the kernels'.

use crate::{
    exit::{Exit, Failure},
    node::config::Worker,
};
use cairn_kernels::{
    KernelError,
    exec::{Device, Executor, self_test},
};
use serde::Deserialize;
use std::{str::FromStr, sync::Arc};

/// What a worker is asked to compute on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Choice {
    /// The first CUDA device if it is there and right, else the processor.
    #[default]
    Auto,
    /// This one, or none.
    On(Device),
}

impl FromStr for Choice {
    type Err = KernelError;

    fn from_str(text: &str) -> Result<Choice, KernelError> {
        if text == "auto" { Ok(Choice::Auto) } else { text.parse().map(Choice::On) }
    }
}

impl TryFrom<String> for Choice {
    type Error = KernelError;

    fn try_from(text: String) -> Result<Choice, KernelError> {
        text.parse()
    }
}

/// An executor for the workers of a folder. Where there are none it is nobody's, and not tested.
pub async fn of_workers(count: usize, asked: Worker) -> Result<Arc<Executor>, Failure> {
    if count == 0 { Ok(Arc::new(Executor::fast(asked.threads))) } else { proven(asked.device, asked.threads).await }
}

/// An executor whose bits were compared with the reference's.
///
/// A device that was named and is absent, fails or computes other bits is refused with its reason; one that was found by `auto` is told
/// of in the log, and the processor takes its place.
pub async fn proven(choice: Choice, threads: usize) -> Result<Arc<Executor>, Failure> {
    let tested = tokio::task::spawn_blocking(move || match choice {
        Choice::On(device) => tested(device, threads),
        Choice::Auto => match tested(Device::Cuda(0), threads) {
            Ok(executor) => Ok(executor),
            Err(KernelError::DeviceAbsent { .. }) => tested(Device::Cpu, threads),
            Err(error) => {
                tracing::warn!(code = error.code(), "cuda:0 is left alone: {error}");
                tested(Device::Cpu, threads)
            }
        },
    });
    let tested = tested.await.map_err(anyhow::Error::from)?;
    tested.map(Arc::new).map_err(|error| Failure::new(Exit::Failed, error.code(), error))
}

fn tested(device: Device, threads: usize) -> Result<Executor, KernelError> {
    let executor = Executor::on(device, threads)?;
    self_test(&executor)?;
    Ok(executor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_device_that_is_not_there_is_refused_and_auto_does_without() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("cuda:3".parse(), Ok(Choice::On(Device::Cuda(3))));
        assert!("gpu".parse::<Choice>().is_err());
        let absent = proven(Choice::On(Device::Cuda(4_000_000)), 1).await.unwrap_err();
        assert_eq!((absent.code.as_str(), absent.exit), ("CRN-2411", Exit::Failed));
        assert!(!absent.next.is_empty());
        assert!(proven(Choice::Auto, 1).await.is_ok());
    }
}
