//! `cargo xtask bench`: Seed against the same work done by hand, in the same run, on release builds.

mod btrfs;
mod check;
mod duck;
mod expand;
mod files;
mod fragments;
mod language_server;
mod manual;
mod neovim;
mod recall;
mod repair;
mod scale;
mod table;
mod timing;
pub mod workload;

use std::path::PathBuf;

use crate::Result;
use crate::layout::{Profile, built};
use crate::process::{build_seed, cargo, run as run_command};
use table::Row;

/// A group of benchmarks: its name on the command line, and what runs it.
type Group = (&'static str, fn(&Bench) -> Result<Vec<Row>>);

const GROUPS: &[Group] = &[
    ("noop", files::unchanged),
    ("create", files::create),
    ("btrfs", btrfs::run),
    ("repair", repair::run),
    ("scale", scale::run),
    ("expand", expand::run),
    ("fragments", fragments::run),
    ("check", check::run),
    ("duck", duck::run),
    ("lsp", language_server::run),
    ("recall", recall::run),
    ("nvim", neovim::run),
];

/// What the benchmarks work with.
pub struct Bench {
    /// The `seed` that is timed.
    pub seed: PathBuf,
    /// This program, optimised too: the floors.
    pub floor: PathBuf,
}

/// Runs the groups that are named, or all.
///
/// # Errors
///
/// When a name is not known, or something that is timed fails.
pub fn run(names: &[String]) -> Result {
    let known = || GROUPS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if let Some(name) = names.iter().find(|name| GROUPS.iter().all(|(group, _)| group != name)) {
        return Err(format!("there is no benchmark `{name}`; there are {}", known()).into());
    }
    run_command(&mut cargo(&["build", "--quiet", "--release", "--package", "xtask"]))?;
    let bench = Bench { seed: build_seed(Profile::Release)?, floor: built(Profile::Release, "xtask") };
    let mut rows = Vec::new();
    for (name, group) in GROUPS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name)) {
        eprintln!("{name} …");
        rows.extend(group(&bench).map_err(|error| format!("{name}: {error}"))?);
    }
    table::print(&rows);
    Ok(())
}
