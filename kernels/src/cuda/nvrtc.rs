//! NVRTC, the compiler of CUDA C: source in, checked code out.
//!
//! Owns the options that the contract fixes, and where the compiler is looked for: the file that `CAIRN_NVRTC` names, or the
//! library `libnvrtc.so.12` (or 13) of the system. It needs no GPU and no driver. Refuses code that `check` does not let through.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use libloading::Library;

use super::check;
use super::machine::{Code, Target};
use crate::error::KernelError;

/// The environment variable that names the compiler's file.
pub const VARIABLE: &str = "CAIRN_NVRTC";
const NAMES: [&str; 3] = ["libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.so"];

/// What the contract asks of the compiler.
const OPTIONS: [&str; 6] = ["--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true", "--std=c++17", "--disable-warnings"];

type Handle = *mut c_void;
type Status = c_int;

/// The compiler's functions, from `nvrtc.h`. They stay loaded with the library that is in here.
#[derive(Debug)]
pub struct Nvrtc {
    create: unsafe extern "C" fn(*mut Handle, *const c_char, *const c_char, c_int, *const *const c_char, *const *const c_char) -> Status,
    compile: unsafe extern "C" fn(Handle, c_int, *const *const c_char) -> Status,
    destroy: unsafe extern "C" fn(*mut Handle) -> Status,
    log: Text,
    ptx: Text,
    binary: Text,
    version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status,
    architectures: unsafe extern "C" fn(*mut c_int) -> Status,
    architecture_count: unsafe extern "C" fn(*mut c_int) -> Status,
    reason: unsafe extern "C" fn(Status) -> *const c_char,
    _library: Library,
}

/// The two functions that give a text's size and the text.
#[derive(Debug, Clone, Copy)]
struct Text {
    size: unsafe extern "C" fn(Handle, *mut usize) -> Status,
    text: unsafe extern "C" fn(Handle, *mut c_char) -> Status,
}

/// A program of the compiler's, destroyed with this.
struct Program<'a>(&'a Nvrtc, Handle);

impl Nvrtc {
    /// Finds and loads the compiler.
    pub fn load() -> Result<Self, KernelError> {
        let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        let tried: Vec<std::ffi::OsString> = named.map_or_else(|| NAMES.map(Into::into).to_vec(), |path| vec![path]);
        let mut reasons = vec![];
        for name in &tried {
            // SAFETY: loading NVRTC runs its initialisers, which do nothing but prepare the compiler.
            match unsafe { Library::new(name) } {
                Ok(library) => return Self::of(library).map_err(|error| absent(format!("{}: {}", name.display(), said(&error)))),
                Err(error) => reasons.push(said(&error)),
            }
        }
        Err(absent(format!("no NVRTC: {}", reasons.join("; "))))
    }

    fn of(library: Library) -> Result<Self, libloading::Error> {
        // SAFETY: each type is that of the function's declaration in nvrtc.h, unchanged since CUDA 11.2.
        unsafe {
            Ok(Self {
                create: *library.get(b"nvrtcCreateProgram\0")?,
                compile: *library.get(b"nvrtcCompileProgram\0")?,
                destroy: *library.get(b"nvrtcDestroyProgram\0")?,
                log: Text { size: *library.get(b"nvrtcGetProgramLogSize\0")?, text: *library.get(b"nvrtcGetProgramLog\0")? },
                ptx: Text { size: *library.get(b"nvrtcGetPTXSize\0")?, text: *library.get(b"nvrtcGetPTX\0")? },
                binary: Text { size: *library.get(b"nvrtcGetCUBINSize\0")?, text: *library.get(b"nvrtcGetCUBIN\0")? },
                version: *library.get(b"nvrtcVersion\0")?,
                architectures: *library.get(b"nvrtcGetSupportedArchs\0")?,
                architecture_count: *library.get(b"nvrtcGetNumSupportedArchs\0")?,
                reason: *library.get(b"nvrtcGetErrorString\0")?,
                _library: library,
            })
        }
    }

    /// The compiler's version, major and minor.
    pub fn version(&self) -> (i32, i32) {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both point to an int. A failure leaves 0.0.
        unsafe { (self.version)(&raw mut major, &raw mut minor) };
        (major, minor)
    }

    /// The compute capabilities that it knows (90 for 9.0), ascending.
    pub fn capabilities(&self) -> Result<Vec<u32>, KernelError> {
        let mut count = 0;
        // SAFETY: points to an int.
        self.done("list architectures", unsafe { (self.architecture_count)(&raw mut count) })?;
        let mut all: Vec<c_int> = vec![0; usize::try_from(count).unwrap_or_default()];
        // SAFETY: the compiler writes as many ints as it has just said.
        self.done("list architectures", unsafe { (self.architectures)(all.as_mut_ptr()) })?;
        Ok(all.into_iter().filter_map(|of| u32::try_from(of).ok()).collect())
    }

    /// Compiles a source and checks every instruction of the result.
    pub fn compile(&self, source: &str, target: Target) -> Result<Code, KernelError> {
        const OPERATION: &str = "compile kernels";
        let text = CString::new(source).map_err(|_| failed(OPERATION, "a NUL in the source".to_owned()))?;
        let mut handle = ptr::null_mut();
        // SAFETY: the texts end in NUL and outlive the call; there are no headers, so that their arrays may be null.
        let created = unsafe { (self.create)(&raw mut handle, text.as_ptr(), c"cairn.cu".as_ptr(), 0, ptr::null(), ptr::null()) };
        self.done(OPERATION, created)?;
        let program = Program(self, handle);
        let architecture = match target {
            Target::Virtual(capability) => format!("--gpu-architecture=compute_{capability}"),
            Target::Real(capability) => format!("--gpu-architecture=sm_{capability}"),
        };
        let options: Vec<CString> =
            OPTIONS.iter().copied().chain([&*architecture]).filter_map(|option| CString::new(option).ok()).collect();
        let options: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        // SAFETY: as many options as are said, each ending in NUL and alive.
        let compiled = unsafe { (self.compile)(handle, options.len() as c_int, options.as_ptr()) };
        if let Err(error) = self.done(OPERATION, compiled) {
            let log = String::from_utf8_lossy(&program.text(self.log)?).into_owned();
            return Err(if log.trim().is_empty() { error } else { failed(OPERATION, log) });
        }
        let ptx = String::from_utf8_lossy(&program.text(self.ptx)?).trim_end_matches('\0').to_owned();
        if let Some(instruction) = check::banned(&ptx) {
            return Err(failed(OPERATION, format!("the compiler made an instruction that the contract bans, {instruction}")));
        }
        let binary = if matches!(target, Target::Real(_)) { program.text(self.binary)? } else { vec![] };
        Ok(Code { ptx, binary })
    }

    fn done(&self, operation: &'static str, status: Status) -> Result<(), KernelError> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the compiler returns a text of its own for every status, an unknown one too.
        let reason = unsafe { CStr::from_ptr((self.reason)(status)) };
        Err(failed(operation, reason.to_string_lossy().into_owned()))
    }
}

impl Program<'_> {
    fn text(&self, of: Text) -> Result<Vec<u8>, KernelError> {
        let mut size = 0;
        // SAFETY: the program lives; points to a size.
        self.0.done("read compiled kernels", unsafe { (of.size)(self.1, &raw mut size) })?;
        let mut text = vec![0u8; size];
        // SAFETY: the compiler writes as many bytes as it has just said.
        self.0.done("read compiled kernels", unsafe { (of.text)(self.1, text.as_mut_ptr().cast()) })?;
        Ok(text)
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is the one that was created, destroyed once.
        unsafe { (self.0.destroy)(&raw mut self.1) };
    }
}

/// The loader's own words, where there are some.
fn said(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn absent(reason: String) -> KernelError {
    KernelError::DeviceAbsent { device: "cuda".to_owned(), reason }
}

fn failed(operation: &'static str, reason: String) -> KernelError {
    KernelError::DeviceFailed { device: "NVRTC".to_owned(), operation, reason }
}
