//! Programs: started, shown, and looked at.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::Result;
use crate::layout::{self, Profile};

/// A command that runs at the top of the repository.
pub fn command(program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(layout::root());
    command
}

/// Cargo, the one that started this.
pub fn cargo(args: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args)
}

/// A command as a person would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let program = |word: &OsStr| Path::new(word).file_name().unwrap_or(word).to_string_lossy().into_owned();
    words
        .enumerate()
        .map(|(at, word)| if at == 0 { program(word) } else { word.to_string_lossy().into_owned() })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a command that must succeed; it shares this terminal.
///
/// # Errors
///
/// When it cannot be started or says no.
pub fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| format!("cannot start {}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", shown(command)).into()) }
}

/// Runs a command that must succeed, and gives what it wrote to standard output.
///
/// # Errors
///
/// When it cannot be started or says no.
pub fn output(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().map_err(|error| format!("cannot start {}: {error}", shown(command)))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    Err(format!("{} ended with {status}: {}", shown(command), String::from_utf8_lossy(&stderr).trim()).into())
}

/// Where a program is, also in the folders of the administrator, which are not on everyone's path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = [layout::tools().join("bin")];
    let folders = std::env::split_paths(&path).chain(tools).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Builds `seed`, and gives where it is.
///
/// # Errors
///
/// When it does not build.
pub fn build_seed(profile: Profile) -> Result<PathBuf> {
    crate::tools::need(crate::tools::FOR_BUILDS)?;
    let mut args = vec!["build", "--package", "seed", "--bin", "seed"];
    // A release takes minutes: then cargo shows how far it is.
    args.push(if profile == Profile::Release { "--release" } else { "--quiet" });
    run(&mut cargo(&args))?;
    Ok(layout::built(profile, "seed"))
}
