//! A device by its driver.
//!
//! Owns every call of the CUDA driver: context, one stream, memory, code, launches. The driver is looked for when a device is
//! asked for; a machine without one gets an error, not a crash. Refuses to plan: it does what it is told, in order.

#![allow(unsafe_code)]

use std::ffi::{CString, c_int, c_void};

use cudarc::driver::result::{self, DriverError, stream::StreamKind};
use cudarc::driver::sys::{self, CUdevice_attribute};

use super::machine::{Address, Code, Launch, Machine, Target};
use super::nvrtc::Nvrtc;
use crate::error::KernelError;

/// One device, in its primary context.
#[derive(Debug)]
pub struct Driver {
    ordinal: u32,
    device: sys::CUdevice,
    context: sys::CUcontext,
    stream: sys::CUstream,
    target: Target,
    label: String,
}

// SAFETY: the handles name objects of the driver, whose functions may be called from any thread that has entered the context.
unsafe impl Send for Driver {}
// SAFETY: as above; the driver locks its own objects.
unsafe impl Sync for Driver {}

/// Code in a context.
#[derive(Debug)]
pub struct Module(sys::CUmodule);

// SAFETY: a handle, as above.
unsafe impl Send for Module {}
// SAFETY: a handle, as above.
unsafe impl Sync for Module {}

impl Driver {
    /// The device with this number, for code of `compiler`.
    pub fn open(ordinal: u32, compiler: &Nvrtc) -> Result<Self, KernelError> {
        let absent = |reason: String| KernelError::DeviceAbsent { device: format!("cuda:{ordinal}"), reason };
        // SAFETY: loads the driver's library if there is one, and unloads it.
        if !unsafe { sys::is_culib_present() } {
            return Err(absent("no NVIDIA driver (libcuda.so.1) on this machine".to_owned()));
        }
        let said = |error: DriverError| absent(text(error));
        result::init().map_err(said)?;
        let count = result::device::get_count().map_err(said)?;
        if i64::from(ordinal) >= i64::from(count) {
            return Err(absent(format!("the driver shows {count} devices, numbered from 0")));
        }
        let device = result::device::get(ordinal as c_int).map_err(said)?;
        let attribute = |of| {
            // SAFETY: the device is the driver's own.
            unsafe { result::device::get_attribute(device, of) }.map(|value| value as u32).map_err(said)
        };
        let major = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        let target = target_for(10 * major + minor, &compiler.capabilities()?).ok_or_else(|| {
            let (nvrtc_major, nvrtc_minor) = compiler.version();
            absent(format!("its compute capability {major}.{minor} is older than any that NVRTC {nvrtc_major}.{nvrtc_minor} compiles for"))
        })?;
        let label = result::device::get_name(device).unwrap_or_default();
        // SAFETY: the device is the driver's own; the context is released in `drop`.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(said)?;
        // SAFETY: the context is alive; the stream is created in it and destroyed in `drop`.
        let stream = unsafe { result::ctx::set_current(context) }.and_then(|()| result::stream::create(StreamKind::NonBlocking));
        match stream {
            Ok(stream) => Ok(Self { ordinal, device, context, stream, target, label }),
            Err(error) => {
                // SAFETY: retained above, and not used any more.
                let _ = unsafe { result::primary_ctx::release(device) };
                Err(said(error))
            }
        }
    }

    /// Its number and name.
    pub fn describe(&self) -> String {
        format!("{} {}", self.name(), self.label)
    }

    /// Waits for all that was asked for.
    pub fn wait(&self) -> Result<(), KernelError> {
        // SAFETY: the stream is alive.
        unsafe { result::stream::synchronize(self.stream) }.map_err(|error| self.failed("finish", error))
    }

    /// The stream, for a peer to work on.
    #[cfg(test)]
    pub fn stream(&self) -> *mut c_void {
        self.stream.cast()
    }

    fn failed(&self, operation: &'static str, error: DriverError) -> KernelError {
        KernelError::DeviceFailed { device: self.name(), operation, reason: text(error) }
    }
}

/// The device's own instructions where the compiler knows them: then no second compiler, the driver's, stands between. A newer
/// device takes the PTX of the newest that it knows.
fn target_for(capability: u32, known: &[u32]) -> Option<Target> {
    if known.contains(&capability) {
        return Some(Target::Real(capability));
    }
    known.iter().copied().filter(|&known| known < capability).max().map(Target::Virtual)
}

fn text(error: DriverError) -> String {
    let words = error.error_string().ok().map(|text| text.to_string_lossy().into_owned());
    format!("{:?}{}", error.0, words.map(|text| format!(", {text}")).unwrap_or_default())
}

impl Machine for Driver {
    type Module = Module;

    fn name(&self) -> String {
        format!("cuda:{}", self.ordinal)
    }

    fn target(&self) -> Target {
        self.target
    }

    fn enter(&self) -> Result<(), KernelError> {
        // SAFETY: the context is alive.
        unsafe { result::ctx::set_current(self.context) }.map_err(|error| self.failed("enter its context", error))
    }

    fn load(&self, code: &Code) -> Result<Module, KernelError> {
        // PTX is a text that ends in NUL, a binary says its own length.
        let image = if code.binary.is_empty() { [code.ptx.as_bytes(), &[0]].concat() } else { code.binary.clone() };
        // SAFETY: the image is what the compiler made, and lives through the call.
        unsafe { result::module::load_data(image.as_ptr().cast()) }.map(Module).map_err(|error| self.failed("load kernels", error))
    }

    fn allocate(&self, bytes: usize) -> Result<Address, KernelError> {
        // SAFETY: the memory is written before it is read, and freed by `free`.
        unsafe { result::malloc_sync(bytes) }.map_err(|error| self.failed("allocate memory", error))
    }

    fn free(&self, at: Address, _: usize) {
        if self.enter().is_ok() {
            // SAFETY: `allocate` returned it. The driver waits for the kernels that use it.
            let _ = unsafe { result::free_sync(at) };
        }
    }

    fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), KernelError> {
        // SAFETY: the caller owns as many bytes there. From pageable memory the driver copies before it returns.
        unsafe { result::memcpy_htod_async(to, bytes, self.stream) }.map_err(|error| self.failed("take data", error))
    }

    fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), KernelError> {
        // SAFETY: the caller owns as many bytes there, and `bytes` lives until the stream is waited for.
        unsafe { result::memcpy_dtoh_async(bytes, from, self.stream) }.map_err(|error| self.failed("give data", error))?;
        self.wait()
    }

    fn launch(&self, module: &Module, launch: &Launch) -> Result<(), KernelError> {
        let failed = |error| self.failed("start a kernel", error);
        let name = CString::new(&*launch.kernel).unwrap_or_default();
        // SAFETY: the module is loaded in this context.
        let function = unsafe { result::module::get_function(module.0, name) }.map_err(failed)?;
        // Structures hold words and longs, which is the alignment that a u64 gives.
        let mut values: Vec<Vec<u64>> = launch.arguments.iter().map(|argument| words(&argument.bytes())).collect();
        let mut places: Vec<*mut c_void> = values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
        let grid = (launch.grid[0], launch.grid[1], 1);
        // SAFETY: the arguments are those of the kernel's declaration (the interpreter's tests hold planning to it), and the
        // driver copies them before it returns.
        unsafe { result::launch_kernel(function, grid, (launch.threads, 1, 1), 0, self.stream, &mut places) }.map_err(failed)
    }
}

fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |part: &[u8]| (0..).zip(part).fold(0, |word, (at, &byte)| word | u64::from(byte) << (8 * at));
    bytes.chunks(8).map(word).collect()
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.enter().is_ok() {
            // SAFETY: the stream was created by `open` and is not used any more.
            let _ = unsafe { result::stream::destroy(self.stream) };
        }
        // SAFETY: retained by `open`.
        let _ = unsafe { result::primary_ctx::release(self.device) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_gets_its_own_instructions_or_the_newest_ptx_below() {
        let known = [75, 80, 86, 89, 90, 100];
        assert_eq!(target_for(90, &known), Some(Target::Real(90)));
        assert_eq!(target_for(103, &known), Some(Target::Virtual(100)));
        assert_eq!(target_for(70, &known), None);
    }

    #[test]
    fn argument_bytes_lie_as_the_driver_reads_them() {
        assert_eq!(words(&[1, 2, 3, 4]), [0x0403_0201]);
        assert_eq!(words(&[1, 0, 0, 0, 0, 0, 0, 0, 9]), [1, 9]);
    }
}
