//! `seed check`.

use std::fs;
use std::time::Duration;

use super::Bench;
use super::table::{Amount, Budget, Row};
use super::timing::{folder, median, seed, time};
use super::workload::mixed_spec;
use crate::Result;

const RUNS: usize = 25;

/// Specs of two lengths.
pub fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (lines, words, budget) in [(2_000, "2,000", 15), (20_000, "20,000", 150)] {
        let here = folder()?;
        fs::write(here.path().join("mixed.seed.yaml"), mixed_spec(lines))?;
        let mut times = Vec::new();
        for _ in 0..RUNS {
            times.push(time(&mut seed(&bench.seed, here.path(), &["check", "mixed.seed.yaml"]), &[0])?);
        }
        rows.push(Row {
            work: format!("check {words} lines"),
            floor: None,
            seed: Amount::Time(median(times)),
            budget: Budget::At(Amount::Time(Duration::from_millis(budget))),
        });
    }
    Ok(rows)
}
