//! The matrix product of the `gemm` crate, which candle computes with: what ours is measured beside.
//!
//! Owns a checked call of it, on one thread. Refuses to be part of any result: its bits follow no contract.

use crate::exec::Product;

/// The peer with the instruction set that it chooses on this machine.
pub fn name() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "gemm crate, AVX-512";
        }
        if std::arch::is_x86_feature_detected!("fma") {
            return "gemm crate, FMA";
        }
    }
    "gemm crate"
}

/// `out`\[m,n\] = A·B, row-major. Panics if a slice has not its matrix's elements.
#[allow(unsafe_code)]
pub fn multiply(product: Product, a: &[f32], b: &[f32], out: &mut [f32]) {
    let Product { m, n, k, a_transposed, b_transposed } = product;
    assert_eq!((a.len(), b.len(), out.len()), (m * k, k * n, m * n), "elements of {product:?}");
    let strides = |rows: usize, columns: usize, transposed: bool| if transposed { (rows as isize, 1) } else { (1, columns as isize) };
    let ((a_column, a_row), (b_column, b_row)) = (strides(m, k, a_transposed), strides(k, n, b_transposed));
    let (to, a, b) = (out.as_mut_ptr(), a.as_ptr(), b.as_ptr());
    // SAFETY: the strides lead to each element of matrices whose sizes were just checked, and `out` is borrowed alone.
    unsafe {
        let alone = gemm::Parallelism::None;
        gemm::gemm(m, n, k, to, 1, n as isize, false, a, a_column, a_row, b, b_column, b_row, 0.0, 1.0, false, false, false, alone);
    }
}
