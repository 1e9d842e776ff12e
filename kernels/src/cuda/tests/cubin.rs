//! What the device's assembler says of each kernel: the registers of a thread, and what it keeps of them in memory.
//!
//! Owns a reader of the section `.nv.info` of a binary: ELF-64, attributes of two words by a function's symbol, with the numbers that
//! NVIDIA's `cuobjdump --dump-elf` prints as EIATTR_REGCOUNT and EIATTR_FRAME_SIZE. No GPU is needed: the compiler brings the assembler.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::cuda::engine::generated_source;
use crate::cuda::machine::Target;
use crate::cuda::nvrtc::Nvrtc;
use crate::cuda::source;
use crate::program::catalogue;

const REGISTERS: u8 = 0x2F;
const FRAME: u8 = 0x11;
/// Registers of one multiprocessor, of every device since compute capability 3.0.
const FILE: u32 = 65_536;

/// An attribute of each function, by its name.
fn attribute(binary: &[u8], wanted: u8) -> BTreeMap<String, u32> {
    let number = |at: usize, bytes: usize| binary[at..at + bytes].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte));
    let text = |at: usize| binary[at..].iter().take_while(|&&byte| byte != 0).map(|&byte| char::from(byte)).collect::<String>();
    assert_eq!((&binary[..4], binary[4]), (&b"\x7fELF"[..], 2), "ELF of 64 bits");
    let headers = number(0x28, 8);
    // A section: where it lies, its length, the section that it refers to.
    let section = |n: usize| [0x18, 0x20].map(|at| number(headers + n * 64 + at, 8));
    let link = |n: usize| number(headers + n * 64 + 0x28, 4);
    let [names, _] = section(number(0x3E, 2));
    let find = |name: &str| (0..number(0x3C, 2)).find(|&n| text(names + number(headers + n * 64, 4)) == name).unwrap();
    let symbols = find(".symtab");
    let name = |symbol: usize| text(section(link(symbols))[0] + number(section(symbols)[0] + symbol * 24, 4));
    let [mut at, length] = section(find(".nv.info"));
    let (end, mut all) = (at + length, BTreeMap::new());
    while at < end {
        let [format, attribute] = [binary[at], binary[at + 1]];
        if attribute == wanted {
            all.insert(name(number(at + 4, 4)), number(at + 8, 4) as u32);
        }
        // Of format 4 the length of the values behind it is said; else the value is in the word itself.
        at += 4 + if format == 4 { number(at + 2, 2) } else { 0 };
    }
    all
}

/// Of 9.0: the kernels that every program may need, and one of each expression.
#[test]
#[ignore = "needs NVRTC"]
fn no_kernel_spills_and_tiles_leave_room_for_others() {
    let compiler = Nvrtc::load().unwrap();
    let compiled = |source: &str| compiler.compile(source, Target::Real(90)).unwrap().binary;
    let library = compiled(&source::library());
    let registers = attribute(&library, REGISTERS);
    let blocks = |kernel: &str| FILE / (registers[kernel].next_multiple_of(8) * 256);
    for product in ["matmul", "conv2d", "conv2d_grad_input", "conv2d_grad_weight"] {
        assert_eq!(blocks(&format!("{product}_128")), 2, "{product}");
        assert!(blocks(&format!("{product}_64")) >= 3, "{product}");
    }
    for binary in [library, compiled(&source::generated(&generated_source(&catalogue::every())))] {
        let frames = attribute(&binary, FRAME);
        assert!(frames.len() >= 20, "{frames:?}");
        // A function's careful phase gives a second value back through memory.
        let spilled: Vec<_> = frames.iter().filter(|&(_, &bytes)| bytes > 8).collect();
        assert!(spilled.is_empty(), "{spilled:?}");
    }
}
