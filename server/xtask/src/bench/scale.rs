//! A plan of very many roles, on the simulated host.

use std::time::Duration;

use super::Bench;
use super::table::{Amount, Budget, Row};
use crate::Result;
use crate::process::{cargo, output};

/// Plans of growing specs: `plan_scale` of the engine prints a line for each, the number of roles and the milliseconds.
pub fn run(_: &Bench) -> Result<Vec<Row>> {
    let text = output(&mut cargo(&["run", "--quiet", "--release", "--package", "seed-engine", "--example", "plan_scale"]))?;
    let mut rows = Vec::new();
    for line in text.lines() {
        let (roles, milliseconds) = line.split_once(' ').ok_or_else(|| format!("not a result: {line}"))?;
        let (roles, milliseconds): (u64, f64) = (roles.parse()?, milliseconds.parse()?);
        let budget = if roles == 100_000 { Budget::At(Amount::Time(Duration::from_secs(1))) } else { Budget::Open };
        rows.push(Row {
            work: format!("plan {} roles, simulated host", grouped(roles)),
            floor: None,
            seed: Amount::Time(Duration::from_secs_f64(milliseconds / 1e3)),
            budget,
        });
    }
    if rows.is_empty() { Err("no result".into()) } else { Ok(rows) }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}
