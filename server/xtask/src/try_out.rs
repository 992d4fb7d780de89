//! `cargo xtask try`: Seed as a newcomer meets it.

use std::fs;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::layout::{self, Profile};
use crate::process::{build_seed, shown};
use crate::{Result, tools};

/// The example that is opened first.
const FIRST: &str = "workspace.seed.yaml";

/// Builds, prepares a scratch folder, and opens Neovim or runs the example.
///
/// # Errors
///
/// When something is missing that cannot be had, or a command fails.
pub fn run(args: &[String]) -> Result {
    let profile = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Profile::Debug,
        ["--release"] => Profile::Release,
        _ => return Err("try takes no argument but --release".into()),
    };
    let words = if profile == Profile::Debug {
        "for a quick build, not for speed; --release is the other way round"
    } else {
        "optimised"
    };
    println!("building seed ({words})");
    let seed = build_seed(profile)?;
    let nvim = tools::neovim()?;
    let folder = scratch()?;
    println!(
        "seed:    {}\nNeovim:  {}\nfolder:  {} (delete it when nothing of it is applied any more)",
        seed.display(),
        nvim.display(),
        folder.display()
    );
    let session = Session { seed, nvim, folder };
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() { session.open() } else { session.show() }
}

/// A folder with the examples. What was edited there before stays.
fn scratch() -> Result<PathBuf> {
    let folder = layout::target().join("try");
    copy_missing(&layout::root().join("examples"), &folder)?;
    Ok(folder)
}

fn copy_missing(from: &Path, to: &Path) -> Result {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_missing(&entry.path(), &there)?;
        } else if !there.exists() {
            fs::copy(entry.path(), there)?;
        }
    }
    Ok(())
}

struct Session {
    seed: PathBuf,
    nvim: PathBuf,
    folder: PathBuf,
}

impl Session {
    /// A command in the scratch folder that finds `seed`, and keeps its journal there.
    fn command(&self, program: &Path, args: &[&str]) -> Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let first = self.seed.parent().unwrap_or(Path::new("/")).to_path_buf();
        let path = std::env::join_paths(std::iter::once(first).chain(std::env::split_paths(&path)))?;
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.folder).env("PATH", path).env("SEED_STATE_DIR", self.folder.join(".state"));
        Ok(command)
    }

    fn editor(&self, args: &[&str]) -> Result<Command> {
        let plugin = format!("set runtimepath^={}", layout::root().display());
        let mut all = vec!["--clean", "--cmd", plugin.as_str()];
        all.extend(args);
        self.command(&self.nvim, &all)
    }

    /// Becomes Neovim on the example.
    fn open(&self) -> Result {
        println!("\nIn Neovim: :SeedPlan, :SeedApply, :SeedInfo, :SeedApply absent, :help seed");
        Err(self.editor(&[FIRST])?.exec().into())
    }

    /// Goes through the example once, from nothing to nothing.
    fn show(&self) -> Result {
        let seed = |args: &[&str]| self.command(&self.seed, args);
        let spec = if nix::unistd::geteuid().is_root() { FIRST } else { "files.seed.yaml" };
        step(&mut seed(&["check", spec])?, &[0])?;
        step(&mut seed(&["plan", spec])?, &[0, 2])?;
        step(&mut self.editor(&["--headless", spec, "+SeedApply!", "+qa"])?, &[0])?;
        step(&mut seed(&["info", spec])?, &[0])?;
        step(&mut seed(&["apply", "--yes", "--state", "absent", spec])?, &[0])?;
        step(&mut seed(&["plan", "--state", "absent", spec])?, &[0])?;
        println!("\nThe machine is as it was. In a terminal, `cargo xtask try` opens Neovim on this example.");
        Ok(())
    }
}

/// Shows a command, runs it, and expects one of these statuses.
fn step(command: &mut Command, statuses: &[i32]) -> Result {
    println!("\n$ {}", shown(command));
    let status = command.status()?;
    if status.code().is_some_and(|code| statuses.contains(&code)) {
        return Ok(());
    }
    Err(format!("{} ended with {status}", shown(command)).into())
}
