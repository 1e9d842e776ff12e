//! What compiled code may not contain: approximations, flushed subnormals, roundings that nobody named, float atomics.
//!
//! Owns a look at every instruction of a PTX text, whenever one is compiled. The compiler's options and our intrinsics should
//! see to it; this sees whether they did.

/// The first instruction that the contract bans, and why.
pub fn banned(ptx: &str) -> Option<String> {
    ptx.lines().map(instruction).find_map(|opcode| reason(opcode).map(|why| format!("{opcode}: {why}")))
}

/// The opcode of a line: what stands behind a guard, before the operands. A label or a directive has none that matters.
fn instruction(line: &str) -> &str {
    let line = line.trim_start();
    let line = if line.starts_with('@') { line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start()) } else { line };
    line.split(|c: char| c.is_whitespace() || c == ';').next().unwrap_or_default()
}

/// Operations whose result is rounded.
const ROUNDED: [&str; 9] = ["add", "sub", "mul", "fma", "mad", "div", "sqrt", "rcp", "cvt"];

fn reason(opcode: &str) -> Option<&'static str> {
    let mut parts = opcode.split('.');
    let name = parts.next().unwrap_or_default();
    let modifiers: Vec<&str> = parts.collect();
    let has = |modifier: &str| modifiers.contains(&modifier);
    let types: Vec<&str> = modifiers.iter().copied().filter(|of| TYPES.contains(of)).collect();
    let float = types.iter().any(|of| FLOATS.contains(of));
    if has("approx") || APPROXIMATE.contains(&name) {
        return Some("an approximation");
    }
    if has("ftz") {
        return Some("subnormals flushed to zero");
    }
    if float && (name == "atom" || name == "red") {
        return Some("a float atomic, whose order is none");
    }
    if name == "mma" || name == "wmma" || name == "wgmma" {
        return Some("a tensor core, whose sums have no order of the contract");
    }
    // Widening is exact, and a conversion to an integer names the integer rounding (rni, rzi).
    let narrows = name == "cvt"
        && (types[..] == ["f32", "f64"]
            || types.first().is_some_and(|to| FLOATS.contains(to)) && !types[1..].iter().all(|of| FLOATS.contains(of)));
    let rounds = if name == "cvt" { narrows } else { float && ROUNDED.contains(&name) };
    (rounds && !has("rn")).then_some("no rounding to nearest named")
}

const FLOATS: [&str; 7] = ["f16", "f16x2", "bf16", "bf16x2", "tf32", "f32", "f64"];
const TYPES: [&str; 19] = [
    "f16", "f16x2", "bf16", "bf16x2", "tf32", "f32", "f64", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "b8", "b16", "b32", "b64",
];
/// Instructions that have no exact form.
const APPROXIMATE: [&str; 6] = ["sin", "cos", "lg2", "ex2", "rsqrt", "tanh"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_contract_bans_is_found() {
        for bad in [
            "add.f32 %f1, %f2, %f3;",
            "add.rz.f32 %f1, %f2, %f3;",
            "add.ftz.rn.f32 %f1, %f2, %f3;",
            "@%p1 mul.f64 %fd1, %fd2, %fd3;",
            "@!%p1  fma.rz.f32 %f1, %f2, %f3, %f4;",
            "mad.f32 %f1, %f2, %f3, %f4;",
            "div.approx.f32 %f1, %f2, %f3;",
            "div.full.f32 %f1, %f2, %f3;",
            "sqrt.approx.ftz.f32 %f1, %f2;",
            "rcp.approx.ftz.f64 %fd1, %fd2;",
            "rsqrt.approx.f32 %f1, %f2;",
            "ex2.approx.f32 %f1, %f2;",
            "cvt.rz.f32.f64 %f1, %fd1;",
            "cvt.rp.f32.u32 %f1, %r1;",
            "setp.gt.ftz.f32 %p1, %f1, %f2;",
            "atom.global.add.f32 %f1, [%rd1], %f2;",
            "red.global.add.f64 [%rd1], %fd2;",
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1};",
        ] {
            let text = format!(".version 8.8\n$L1:\n\tadd.rn.f32 %f1, %f2, %f3;\n\t{bad}\n\tret;\n");
            assert!(banned(&text).is_some(), "{bad}");
        }
    }

    #[test]
    fn what_it_allows_is_let_through() {
        let good = [
            "add.rn.f32 %f1, %f2, %f3;",
            "@%p1 bra $L1;",
            "fma.rn.f64 %fd1, %fd2, %fd3, %fd4;",
            "div.rn.f32 %f1, %f2, %f3;",
            "cvt.f64.f32 %fd1, %f1;",
            "cvt.rn.f32.f64 %f1, %fd1;",
            "cvt.rn.f32.u32 %f1, %r1;",
            "cvt.rni.s32.f32 %r1, %f1;",
            "cvt.u32.u64 %r1, %rd1;",
            "add.s32 %r1, %r2, %r3;",
            "max.f32 %f1, %f2, 0f00000000;",
            "mad.lo.s32 %r1, %r2, %r3, %r4;",
            "mov.f32 %f1, %f2;",
            "setp.gt.f32 %p1, %f1, %f2;",
            "atom.global.add.u32 %r1, [%rd1], %r2;",
            ".param .b32 sin",
            "// sin.approx",
        ];
        assert_eq!(banned(&good.join("\n")), None);
    }
}
