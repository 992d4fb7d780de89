//! What the plugin adds to the start of Neovim.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Bench;
use super::table::{Amount, Budget, Row};
use super::timing::{folder, median};
use crate::process::output;
use crate::{Result, layout, tools};

const RUNS: usize = 21;

/// The time in the files of the plugin, as `--startuptime` tells it, and the whole start with and without it.
pub fn run(_: &Bench) -> Result<Vec<Row>> {
    let nvim = tools::neovim()?;
    let here = folder()?;
    let (mut own, mut with, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let bare = start(&nvim, here.path(), false)?;
        let loaded = start(&nvim, here.path(), true)?;
        own.push(loaded.plugin);
        with.push(loaded.whole);
        without.push(bare.whole);
    }
    let row = |work: &str, floor, times, budget| Row { work: work.into(), floor, seed: Amount::Time(median(times)), budget };
    let budget = Budget::At(Amount::Time(Duration::from_millis(1)));
    Ok(vec![
        row("Neovim's start: time in the plugin's files", None, own, budget),
        row("Neovim's whole start (floor: without the plugin)", Some(Amount::Time(median(without))), with, Budget::Open),
    ])
}

struct Start {
    whole: Duration,
    plugin: Duration,
}

/// Starts Neovim on a text that is no spec.
fn start(nvim: &Path, folder: &Path, with_plugin: bool) -> Result<Start> {
    let log = folder.join("startup.log");
    let _ = std::fs::remove_file(&log);
    let mut command = Command::new(nvim);
    command.arg("--clean").arg("--headless").arg("--startuptime").arg(&log);
    if with_plugin {
        command.arg("--cmd").arg(format!("set runtimepath^={}", layout::root().display()));
    }
    command.arg(folder.join("notes.txt")).arg("+qa");
    output(&mut command)?;
    let text = std::fs::read_to_string(&log)?;
    let whole = text
        .lines()
        .rev()
        .find_map(|line| milliseconds(line.split_whitespace().next()?))
        .ok_or("the log of the start is empty")?;
    let top = layout::root().display().to_string();
    // "clock  self+sourced  self: sourcing FILE"; what a file sources or requires has a line of its own. A Neovim that was
    // fetched has its own files below the target folder.
    let fetched = layout::target().display().to_string();
    let plugin = text
        .lines()
        .filter(|line| line.contains(&top) && !line.contains(&fetched))
        .filter_map(|line| milliseconds(line.split_whitespace().nth(2)?.trim_end_matches(':')));
    let plugin: Duration = plugin.sum();
    if with_plugin && plugin.is_zero() {
        return Err("Neovim did not load the plugin".into());
    }
    Ok(Start { whole, plugin })
}

fn milliseconds(text: &str) -> Option<Duration> {
    Some(Duration::from_secs_f64(text.parse::<f64>().ok()? / 1e3))
}
