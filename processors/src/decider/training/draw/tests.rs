#![allow(clippy::unwrap_used)]

use super::*;
use cairn_schemas::ids::JobId;

fn seed_of(number: u32) -> Root {
    let task = TaskId { job: JobId([3; 32]), index: number };
    seed(BlockHash([7; 32]), &task, 1, EventHash([9; 32]))
}

fn terms(assurance: Assurance, rate: &str, steps: u32) -> VerifyTerms {
    VerifyTerms { assurance, rate: rate.parse().unwrap(), steps }
}

/// Pearson's statistic against equal shares. Its 99.99 % quantile for 9 degrees of freedom is 33.7; the seeds are fixed.
fn chi_square(counts: &[u32]) -> f64 {
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    counts.iter().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum()
}

#[test]
fn every_candidate_is_as_likely_as_any_other() {
    let candidates: Vec<usize> = (0..10).collect();
    let mut counts = [0; 10];
    (0..20_000).for_each(|number| counts[one_of(seed_of(number), 0, &candidates).unwrap()] += 1);
    assert!(chi_square(&counts) < 33.7, "{counts:?}");
}

#[test]
fn every_step_is_as_likely_as_any_other_and_drawn_once() {
    let mut counts = [0; 10];
    for number in 0..20_000 {
        let steps = steps(seed_of(number), 11, &terms(Assurance::Sampled, "1", 3));
        assert!(steps.len() == 3 && steps.windows(2).all(|pair| pair[0] < pair[1]));
        steps.iter().for_each(|step| counts[*step as usize - 1] += 1);
    }
    assert!(chi_square(&counts) < 33.7, "{counts:?}");
}

#[test]
fn the_share_of_checked_attempts_is_the_rate() {
    let checked = |rate: &str| {
        let drawn = (0..10_000).map(|number| steps(seed_of(number), 5, &terms(Assurance::Sampled, rate, 1)));
        drawn.filter(|steps| !steps.is_empty()).count()
    };
    assert_eq!(checked("0"), 0);
    assert_eq!(checked("1"), 10_000);
    // Three standard deviations of a binomial with p = 1/4 are 130.
    assert!(checked("0.25").abs_diff(2_500) < 130);
}

#[test]
fn what_is_drawn_lies_within_the_trace() {
    assert_eq!(steps(seed_of(1), 2, &terms(Assurance::Sampled, "1", 8)), [1]);
    assert_eq!(steps(seed_of(1), 5, &terms(Assurance::Full, "0", 1)), [1, 2, 3, 4]);
    assert_eq!(one_of::<u8>(seed_of(1), 0, &[]), None);
}

#[test]
fn the_range_is_cut_where_it_would_favour_small_numbers() {
    let mut draw = Draw::new(seed_of(1), b"test", 0);
    // Just above half of the range: without the cut, small numbers would come twice as often.
    let end = (1 << 63) + 1;
    let numbers: Vec<u64> = (0..1_000).map(|_| draw.below(end)).collect();
    assert!(numbers.iter().all(|number| *number < end));
    assert!(numbers.iter().filter(|number| **number < end / 2).count().abs_diff(500) < 60);
}
