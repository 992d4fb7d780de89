//! The stages of `cargo xtask test`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::Context;
use super::tally::Tally;
use super::trials::Trials;
use crate::layout::{self, Profile};
use crate::process::{build_seed, cargo, command, run, shown};
use crate::{Result, tools};

/// The Lua sources.
const LUA: &[&str] = &["lua", "plugin", "ftplugin", "lsp", "tests/nvim"];
/// What runs the tests of the Neovim side.
const NEOVIM_TESTS: &str = "tests/nvim/run.lua";
/// Where nextest writes what each test said (`.config/nextest.toml`).
const JUNIT: &str = "nextest/default/junit.xml";

/// The programs that the tests start. Without them tests would be left out.
pub fn tools(context: &Context) -> Result<Tally> {
    tools::need(tools::FOR_BUILDS)?;
    match tools::need(tools::FOR_TESTS) {
        Ok(()) => Ok(Tally::passed()),
        Err(error) if context.strict => Err(error),
        Err(error) => Ok(Tally::skipped(error.to_string())),
    }
}

/// rustfmt.
pub fn format(_: &Context) -> Result<Tally> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    Ok(Tally::passed())
}

/// clippy, and what rustc warns of.
pub fn lints(_: &Context) -> Result<Tally> {
    run(&mut cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    Ok(Tally::passed())
}

/// All tests of the workspace.
pub fn tests(context: &Context) -> Result<Tally> {
    let with_nextest = cargo(&["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut tests = match with_nextest {
        true => {
            cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "slow", "--final-status-level", "fail"])
        }
        false => cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"]),
    };
    tests.env("TMPDIR", context.scratch.path());
    let junit = layout::target().join(JUNIT);
    // A report of an earlier run must not be read as this one's.
    let _ = std::fs::remove_file(&junit);
    let mut tally = counted(&mut tests)?;
    if with_nextest {
        let said = std::fs::read_to_string(&junit).map_err(|error| format!("cannot read {}: {error}", junit.display()))?;
        take_remarks(&mut tally, &said);
    }
    Ok(tally)
}

/// Takes what tests said of themselves, what their trials came to among it: those that found that they cannot run here are not counted as passed.
fn take_remarks(tally: &mut Tally, said: &str) {
    for line in said.lines().map(|line| line.trim_start().trim_start_matches("<system-err>").trim_start_matches("<![CDATA[")) {
        if line.starts_with("skipped: ") {
            tally.passed = tally.passed.saturating_sub(1);
            tally.skipped += 1;
            tally.notes.push(line.to_string());
        } else if line.starts_with("law ") {
            tally.notes.push(line.to_string());
        } else if let Some(trials) = Trials::of_line(line) {
            tally.trials.push(trials);
        }
    }
    // A test that failed may be reported with what it said twice.
    tally.notes.sort();
    tally.notes.dedup();
    tally.trials.sort();
    tally.trials.dedup();
}

/// The examples in the documentation comments, which nextest does not run.
pub fn doctests(context: &Context) -> Result<Tally> {
    counted(cargo(&["test", "--quiet", "--workspace", "--doc"]).env("TMPDIR", context.scratch.path()))
}

/// What is generated from the types is current.
pub fn generated(_: &Context) -> Result<Tally> {
    crate::generate::check(&build_seed(Profile::Debug)?)?;
    Ok(Tally::passed())
}

/// The book builds, and the links of all documents lead somewhere.
pub fn book(context: &Context) -> Result<Tally> {
    crate::documents::book::check()?;
    match crate::documents::book::build() {
        Err(error) if !context.strict => Ok(Tally::skipped(error.to_string())),
        built => built.map(|()| Tally::passed()),
    }
}

/// Everything that a user reads is in plain English.
pub fn prose(_: &Context) -> Result<Tally> {
    let long = crate::documents::prose::check()?;
    long.iter().for_each(|sentence| println!("{sentence}"));
    Ok(Tally::passed())
}

/// stylua.
pub fn lua_format(context: &Context) -> Result<Tally> {
    let stylua = match tools::stylua() {
        Ok(stylua) => stylua,
        Err(error) if context.strict => return Err(error),
        Err(error) => return Ok(Tally::skipped(error.to_string())),
    };
    let there = LUA.iter().copied().filter(|folder| layout::root().join(folder).exists());
    run(command(stylua, &["--check"]).args(there))?;
    Ok(Tally::passed())
}

/// The tests of the Neovim side, in a real Neovim.
pub fn neovim(context: &Context) -> Result<Tally> {
    let nvim = match tools::neovim() {
        Ok(nvim) => nvim,
        Err(error) if context.strict => return Err(error),
        Err(error) => return Ok(Tally::skipped(error.to_string())),
    };
    let seed = build_seed(Profile::Debug)?;
    let mut tests = command(nvim, &["-l", NEOVIM_TESTS]);
    counted(tests.env("SEED", seed).env("TMPDIR", context.scratch.path()))
}

/// The recording in the README shows what Seed does now.
pub fn demo(context: &Context) -> Result<Tally> {
    match tools::need(tools::FOR_TERMINALS) {
        Ok(()) => {}
        Err(error) if context.strict => return Err(error),
        Err(error) => return Ok(Tally::skipped(error.to_string())),
    }
    crate::demo::check()?;
    Ok(Tally::passed())
}

/// Nothing is left of the tests before.
pub fn leaks(context: &Context) -> Result<Tally> {
    let left = context.scratch.leftovers()?;
    if left.is_empty() { Ok(Tally::passed()) } else { Err(left.join("\n").into()) }
}

/// Runs a test runner, shows what it says, and counts.
pub(super) fn counted(command: &mut Command) -> Result<Tally> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", shown(command)))?;
    let (stdout, stderr) = child.stdout.take().zip(child.stderr.take()).ok_or("the runner has no output")?;
    let on_stderr = std::thread::spawn(move || shown_lines(stderr));
    let mut text = shown_lines(stdout);
    text += &on_stderr.join().unwrap_or_default();
    let status = child.wait()?;
    let mut tally = Tally::of_output(&text).unwrap_or_default();
    match (status.success(), tally.failed) {
        // It did not build, or was stopped: whatever it counted, that is a failure.
        (false, 0) => tally.failed = 1,
        (true, 0) if tally.passed + tally.skipped == 0 && !text.contains("test result:") => {
            return Err(format!("{} counted nothing", shown(command)).into());
        }
        (true, failed) if failed > 0 => return Err(format!("{} succeeded with {failed} failures", shown(command)).into()),
        _ => {}
    }
    Ok(tally)
}

fn shown_lines(output: impl std::io::Read) -> String {
    let mut all = String::new();
    for line in BufReader::new(output).split(b'\n').map_while(std::result::Result::ok) {
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        all.push_str(&line);
        all.push('\n');
    }
    all
}
