//! What an executor computes on, as people name it.
//!
//! Owns the names `cpu` and `cuda:N`. Refuses the choice between them, which is its caller's.

use std::fmt;
use std::str::FromStr;

use crate::error::KernelError;

/// A processor of this machine, or one of its CUDA devices by the driver's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    Cpu,
    Cuda(u32),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

/// `cpu`, `cuda:N`, or `cuda` for `cuda:0`.
impl FromStr for Device {
    type Err = KernelError;

    fn from_str(text: &str) -> Result<Self, KernelError> {
        let ordinal = |digits: &str| digits.parse().ok().filter(|n: &u32| n.to_string() == digits);
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", digits)) if ordinal(digits).is_some() => Ok(Self::Cuda(ordinal(digits).unwrap_or_default())),
            _ => Err(KernelError::DeviceName { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is no driver, or no compiler, that is an error with a code, not a crash.
    #[test]
    fn a_device_that_is_not_there_is_refused() {
        let error = crate::exec::Executor::on(Device::Cuda(4_000_000), 1).err();
        assert!(matches!(error, Some(KernelError::DeviceAbsent { .. })), "{error:?}");
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(17)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        for text in ["", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:01", "cuda:+1", "cuda:4294967296", "cpu:0", "cuda:0:0"] {
            assert_eq!(text.parse::<Device>(), Err(KernelError::DeviceName { text: text.to_owned() }));
        }
    }
}
