//! Losses of rows of logits, their exponentials by vectors.

use super::{Fast, Vectorised};
use crate::contract::order::{lane_sum, max};
use crate::contract::scalar::{Function, log, stored};
use crate::exec::vector::apply_with;

impl Fast {
    /// For each row: log Σ exp(x − max) − (x[label] − max).
    pub(super) fn losses(&self, columns: usize, logits: &[f32], labels: &[u32]) -> Vec<f32> {
        let mut out = self.buffers.take(labels.len());
        self.parts_of(logits.len(), &mut out, 1, |first, out| {
            let mut terms = vec![0.0; columns];
            for (place, out) in (first..).zip(out) {
                let row = &logits[place * columns..][..columns];
                let largest = self.exponentials(row, &mut terms);
                // A label that is no class has no logit: its loss is NaN rather than a panic or a neighbour's.
                let own = row.get(labels[place] as usize).copied().unwrap_or(f32::NAN);
                *out = stored(log(self.lanes(&terms, |lane, x| lane + x)) - (own - largest));
            }
        });
        out
    }

    /// For each row i and class j: (exp(x − max) ÷ s − [j is the label]) × gradient[i].
    pub(super) fn loss_gradients(&self, columns: usize, logits: &[f32], labels: &[u32], gradient: &[f32]) -> Vec<f32> {
        let mut out = self.buffers.take(logits.len());
        self.parts(&mut out, columns, |first, out| {
            for (place, out) in (first / columns..).zip(out.chunks_mut(columns)) {
                self.exponentials(&logits[place * columns..][..columns], out);
                let sum = lane_sum(out);
                self.isa.run(Shares { terms: out, sum, label: labels[place], gradient: gradient[place] });
            }
        });
        out
    }

    /// exp(x − max) of a row, and the maximum.
    fn exponentials(&self, row: &[f32], terms: &mut [f32]) -> f32 {
        let largest = row.iter().copied().reduce(max).unwrap_or(0.0);
        terms.iter_mut().zip(row).for_each(|(term, x)| *term = x - largest);
        apply_with(self.isa, Function::Exp, terms);
        largest
    }
}

/// Shares of a sum, less the label's one, times the row's gradient.
struct Shares<'a> {
    terms: &'a mut [f32],
    sum: f32,
    label: u32,
    gradient: f32,
}

impl Vectorised for Shares<'_> {
    #[inline(always)]
    fn run(self) {
        for (class, term) in (0u32..).zip(self.terms) {
            let target = if class == self.label { 1.0 } else { 0.0 };
            *term = stored((*term / self.sum - target) * self.gradient);
        }
    }
}
