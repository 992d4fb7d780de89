//! Times of programs and of answers.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::process::shown;

/// The time of one run of a program that must end with one of these statuses, its start included.
///
/// # Errors
///
/// When it ends otherwise; with what it said.
pub fn time(command: &mut Command, statuses: &[i32]) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = Instant::now();
    let output = command.output()?;
    let time = start.elapsed();
    if output.status.code().is_some_and(|code| statuses.contains(&code)) {
        return Ok(time);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{} ended with {}: {}", shown(command), output.status, String::from_utf8_lossy(&said).trim()).into())
}

/// The middle one of some times.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The time that so many of a hundred stay below.
pub fn percentile(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort();
    let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}

/// `seed` in a folder, with its state there too, so that a benchmark leaves nothing behind and finds nothing.
pub fn seed(program: &Path, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env("SEED_STATE_DIR", folder.join("state"));
    command
}

/// A folder for a benchmark, on the disk that the repository is on: the usual temporary folder may be memory.
///
/// # Errors
///
/// When it cannot be made.
pub fn folder() -> Result<tempfile::TempDir> {
    let under = crate::layout::target().join("bench");
    std::fs::create_dir_all(&under)?;
    Ok(tempfile::tempdir_in(under)?)
}
