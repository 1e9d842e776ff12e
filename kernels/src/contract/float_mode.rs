//! The state of the floating-point unit on entry to a kernel.
//!
//! Owns one question: does this thread round to nearest and keep subnormals? A library loaded with -ffast-math, or a
//! parent thread, can change that behind our back. Refuses to repair it: whoever changed it may rely on it.

use crate::error::KernelError;

/// Succeeds if this thread rounds to nearest even and neither flushes subnormal results nor reads subnormals as zero.
pub fn assert_default() -> Result<(), KernelError> {
    match deviation(control()) {
        0 => Ok(()),
        bits => Err(KernelError::FloatMode { bits }),
    }
}

#[cfg(target_arch = "x86_64")]
fn deviation(control: u32) -> u32 {
    const FTZ: u32 = 1 << 15;
    const ROUNDING: u32 = 0b11 << 13;
    const DAZ: u32 = 1 << 6;
    control & (FTZ | ROUNDING | DAZ)
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn control() -> u32 {
    let mut control = 0u32;
    // SAFETY: stmxcsr stores 32 bits to the given address, here a live u32, and changes nothing else. Rust has no safe
    // way to read MXCSR; its intrinsic is deprecated in favour of exactly this.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut control, options(nostack, preserves_flags)) };
    control
}

#[cfg(target_arch = "aarch64")]
fn deviation(control: u32) -> u32 {
    const FZ: u32 = 1 << 24;
    const ROUNDING: u32 = 0b11 << 22;
    control & (FZ | ROUNDING)
}

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
fn control() -> u32 {
    let control: u64;
    // SAFETY: reads the FPCR register, which every AArch64 user program may, and changes nothing.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags)) };
    control as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_thread_is_in_the_default_mode() {
        std::thread::spawn(|| assert_default().unwrap()).join().unwrap();
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn each_deviation_is_seen() {
        assert_eq!(deviation(0x1F80), 0, "the power-on default, exceptions masked");
        assert_eq!(deviation(0x1F80 | 0x3F), 0, "sticky flags do not matter");
        for bad in [1 << 15, 1 << 6, 1 << 13, 1 << 14] {
            assert_ne!(deviation(0x1F80 | bad), 0);
        }
    }

    /// The check is worth something only if it sees the real register.
    #[cfg(target_arch = "x86_64")]
    #[test]
    #[allow(unsafe_code)]
    fn a_thread_that_flushes_to_zero_is_refused() {
        std::thread::spawn(|| {
            let flushing = control() | 1 << 15;
            // SAFETY: sets a valid MXCSR value on a thread that ends here.
            unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &flushing, options(nostack)) };
            assert!(assert_default().is_err());
        })
        .join()
        .unwrap();
    }
}
