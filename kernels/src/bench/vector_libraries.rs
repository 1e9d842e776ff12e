//! Vector libraries of functions, where the system has them: glibc's libmvec and SLEEF.
//!
//! Owns their names and the one form of call, sixteen floats in and out by AVX-512. Where the library, the function or the instructions
//! are not there, nothing is measured.

/// A library that was found.
#[derive(Debug)]
pub struct Library {
    #[cfg(target_arch = "x86_64")]
    library: libloading::Library,
    #[cfg(target_arch = "x86_64")]
    known: &'static Known,
}

/// One function of a library.
#[derive(Debug)]
pub struct Vector<'a> {
    pub library: &'static str,
    pub peer: &'static str,
    #[cfg(target_arch = "x86_64")]
    call: libloading::Symbol<'a, Call>,
    #[cfg(not(target_arch = "x86_64"))]
    nothing: (std::marker::PhantomData<&'a ()>, std::convert::Infallible),
}

#[cfg(not(target_arch = "x86_64"))]
impl Library {
    /// None: their AVX-512 is an x86-64's.
    pub fn found() -> Vec<Self> {
        vec![]
    }

    pub fn function(&self, _: &str) -> Option<Vector<'_>> {
        None
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Vector<'_> {
    pub fn apply(&self, _: &mut [f32]) {
        match self.nothing.1 {}
    }
}

#[cfg(target_arch = "x86_64")]
pub use here::*;

#[cfg(target_arch = "x86_64")]
mod here {
    use std::arch::x86_64::{__m512, _mm512_loadu_ps, _mm512_storeu_ps};

    use super::{Library, Vector};

    /// Its sixteen lanes travel in one register, as both libraries' own headers declare it.
    #[allow(improper_ctypes_definitions)]
    pub type Call = unsafe extern "C" fn(__m512) -> __m512;

    /// How a library calls itself and its functions.
    #[derive(Debug)]
    pub struct Known {
        file: &'static str,
        name: &'static str,
        peer: &'static str,
        symbol: fn(&str) -> String,
    }

    const KNOWN: [Known; 2] = [
        Known {
            file: "libmvec.so.1",
            name: "libmvec",
            peer: "glibc's libmvec, AVX-512, 4 ulp",
            symbol: |name| format!("_ZGVeN16v_{name}f"),
        },
        Known { file: "libsleef.so.3", name: "sleef", peer: "SLEEF, AVX-512, 1 ulp", symbol: |name| format!("Sleef_{name}f16_u10avx512f") },
    ];

    #[allow(unsafe_code)]
    impl Library {
        /// Those that the system has, if the processor has their instructions.
        pub fn found() -> Vec<Self> {
            if !std::arch::is_x86_feature_detected!("avx512f") {
                return vec![];
            }
            // SAFETY: both are libraries of pure functions, whose loading does nothing.
            let open = |known: &'static Known| Some(Self { library: unsafe { libloading::Library::new(known.file) }.ok()?, known });
            KNOWN.iter().filter_map(open).collect()
        }

        /// A function by the name that C gives it, without the f.
        pub fn function(&self, name: &str) -> Option<Vector<'_>> {
            // SAFETY: a symbol of this name has this type: the vector ABI of x86-64 and SLEEF's documentation say so.
            let call = unsafe { self.library.get((self.known.symbol)(name).as_bytes()) }.ok()?;
            Some(Vector { library: self.known.name, peer: self.known.peer, call })
        }
    }

    impl Vector<'_> {
        /// Replaces whole vectors of values; the rest, which no measure has, stays.
        #[allow(unsafe_code)]
        pub fn apply(&self, values: &mut [f32]) {
            // SAFETY: a library is found only where the processor was asked for the instructions.
            unsafe { apply(&self.call, values) }
        }
    }

    #[target_feature(enable = "avx512f")]
    #[allow(unsafe_code)]
    fn apply(call: &Call, values: &mut [f32]) {
        for lanes in values.as_chunks_mut::<16>().0 {
            // SAFETY: sixteen floats are read and written where sixteen are.
            unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), call(_mm512_loadu_ps(lanes.as_ptr()))) }
        }
    }
}
