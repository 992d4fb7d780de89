//! 1,000 folders and 1,000 files.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Bench;
use super::table::{Amount, Budget, Row};
use super::timing::{folder, median, seed, time};
use super::workload::files_spec;
use crate::Result;

const COUNT: usize = 1000;
const SPEC: &str = "files.seed.yaml";
const RUNS_UNCHANGED: usize = 25;
const RUNS_CREATE: usize = 5;

/// Applying what is there already.
pub fn unchanged(bench: &Bench) -> Result<Vec<Row>> {
    let here = folder()?;
    fs::write(here.path().join(SPEC), files_spec(COUNT))?;
    let apply = || seed(&bench.seed, here.path(), &["apply", "--yes", SPEC]);
    time(&mut apply(), &[0])?;
    let (mut by_hand, mut by_seed) = (Vec::new(), Vec::new());
    for _ in 0..RUNS_UNCHANGED {
        by_hand.push(time(&mut floor(bench, "files-unchanged", &here.path().join("tree")), &[0])?);
        by_seed.push(time(&mut apply(), &[0])?);
    }
    Ok(vec![Row {
        work: "apply 1,000 folders and 1,000 files, no changes".into(),
        floor: Some(Amount::Time(median(by_hand))),
        seed: Amount::Time(median(by_seed)),
        budget: Budget::Floors(4.0),
    }])
}

/// Making them, each durable.
pub fn create(bench: &Bench) -> Result<Vec<Row>> {
    let (mut each, mut at_end, mut by_seed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS_CREATE {
        for (name, times) in [("files-create", &mut each), ("files-create-syncfs", &mut at_end)] {
            let here = folder()?;
            times.push(time(&mut floor(bench, name, here.path()), &[0])?);
        }
        let here = folder()?;
        fs::write(here.path().join(SPEC), files_spec(COUNT))?;
        by_seed.push(time(&mut seed(&bench.seed, here.path(), &["apply", "--yes", SPEC]), &[0])?);
    }
    let seed = Amount::Time(median(by_seed));
    let row = |floor, times, budget| Row {
        work: format!("create them, every file durable (floor: {floor})"),
        floor: Some(Amount::Time(median(times))),
        seed,
        budget,
    };
    Ok(vec![row("fsync of each", each, Budget::Floors(1.5)), row("one syncfs", at_end, Budget::Open)])
}

fn floor(bench: &Bench, name: &str, top: &Path) -> Command {
    let mut command = Command::new(&bench.floor);
    command.args(["floor", name]).arg(top).arg(COUNT.to_string());
    command
}
