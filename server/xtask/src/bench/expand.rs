//! Expanding composite roles.

use std::time::Duration;

use super::Bench;
use super::table::{Amount, Budget, Row};
use crate::Result;
use crate::process::{cargo, output};

/// Expands 10,000 uses of a role of ten parts: `expand_scale` of the engine prints the milliseconds of reading a spec with that
/// role, and with one that is made of nothing; the difference is what expanding takes.
pub fn run(_: &Bench) -> Result<Vec<Row>> {
    let text = output(&mut cargo(&["run", "--quiet", "--release", "--package", "seed-engine", "--example", "expand_scale"]))?;
    let times: Vec<f64> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(_, time)| time.parse())
        .collect::<std::result::Result<_, _>>()?;
    let [whole, empty] = times[..] else { return Err(format!("not a result: {text}").into()) };
    let row = |work: &str, milliseconds: f64, budget| Row {
        work: work.into(),
        floor: None,
        seed: Amount::Time(Duration::from_secs_f64(milliseconds.max(0.0) / 1e3)),
        budget,
    };
    Ok(vec![
        row("expand 10,000 uses of a role of ten parts", whole - empty, Budget::At(Amount::Time(Duration::from_millis(300)))),
        row("the same, including reading the spec of 30,000 lines", whole, Budget::Open),
    ])
}
