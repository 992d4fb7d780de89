//! `cargo xtask try`, used in a terminal: the commands in the example work, and no file remains, however it ends.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::Context;
use super::tally::Tally;
use crate::layout::Profile;
use crate::process::build_seed;
use crate::terminal::Terminal;
use crate::{Result, tools};

/// How long the program may take to open and to end. It is built before.
const MOST: Duration = Duration::from_secs(60);

/// How a person leaves it.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Removes what was applied, and quits.
    Neat,
    /// Quits with the spec applied.
    Quit,
    /// Stops it from outside.
    Signal(Signal),
}

/// All ways to leave it.
pub fn run(context: &Context) -> Result<Tally> {
    match tools::need(tools::FOR_TERMINALS) {
        Ok(()) => {}
        Err(error) if context.strict => return Err(error),
        Err(error) => return Ok(Tally::skipped(error.to_string())),
    }
    build_seed(Profile::Debug)?;
    tools::neovim()?;
    let mut tally = Tally::default();
    for end in [End::Neat, End::Quit, End::Signal(Signal::SIGINT), End::Signal(Signal::SIGTERM)] {
        match session(context.scratch(), end) {
            Ok(()) => tally.add(&Tally::passed()),
            Err(error) => {
                println!("FAILED ({end:?}): {error}");
                tally.add(&Tally::failed());
            }
        }
    }
    Ok(tally)
}

fn session(scratch: &Path, end: End) -> Result {
    let folder = tempfile::tempdir_in(scratch)?;
    let (home, temporary) = (folder.path().join("home"), folder.path().join("tmp"));
    fs::create_dir(&home)?;
    fs::create_dir(&temporary)?;
    let mut program = Command::new(std::env::current_exe()?);
    program.arg("try").envs([("HOME", &home), ("TMPDIR", &temporary)]);
    // Cargo finds its own folder by the home of who started the tests.
    let of_home = |name: &str, folder: &str| {
        let at = || Some(Path::new(&std::env::var_os("HOME")?).join(folder).into_os_string());
        Some((name.to_string(), std::env::var_os(name).or_else(at)?))
    };
    program.envs(of_home("CARGO_HOME", ".cargo")).envs(of_home("RUSTUP_HOME", ".rustup"));
    let mut terminal = Terminal::start(folder.path(), &program)?;
    terminal.wait_for("the example", MOST, |screen| screen.contains("is: file.text"))?;
    terminal.wait_for_rest()?;
    let made = || {
        let sessions = fs::read_dir(&temporary).into_iter().flatten().flatten();
        sessions.map(|entry| entry.path().join("hello/hello.txt")).any(|path| path.exists())
    };
    apply(&mut terminal, ":SeedApply")?;
    if !made() {
        return Err(format!("hello.txt was not created; the screen is\n{}", terminal.screen()?).into());
    }
    match end {
        End::Neat => {
            apply(&mut terminal, ":SeedApply absent")?;
            if made() {
                return Err("hello.txt was not removed".into());
            }
            command(&mut terminal, ":quitall")?;
        }
        End::Quit => command(&mut terminal, ":quitall")?,
        End::Signal(signal) => terminal.signal(signal)?,
    }
    terminal.wait_for_end(MOST)?;
    let left: Vec<_> =
        [&home, &temporary].into_iter().flat_map(fs::read_dir).flatten().flatten().map(|entry| entry.path()).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("{left:?} were not removed").into()) }
}

fn command(terminal: &mut Terminal, line: &str) -> Result {
    terminal.type_text(line)?;
    terminal.press("Enter")
}

/// Runs a command, and confirms its plan.
fn apply(terminal: &mut Terminal, line: &str) -> Result {
    command(terminal, line)?;
    terminal.wait_for_rest()?;
    terminal.type_text("y")?;
    terminal.wait_for_rest()?;
    // The result stays until it is closed.
    terminal.type_text("q")?;
    terminal.wait_for_rest()?;
    Ok(())
}
