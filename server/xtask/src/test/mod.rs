//! `cargo xtask test`: everything that must hold before a change is taken.

mod install;
mod leaks;
mod llm;
mod stages;
mod tally;
mod trials;
mod try_out;

use std::time::Instant;

use crate::Result;
use leaks::Scratch;
use tally::Tally;

/// What a stage works with.
pub struct Context {
    /// Where the tests put their temporary files, so that what they leave can be told.
    scratch: Scratch,
    /// Whether what is missing is an error: where no person looks at what was left out.
    strict: bool,
}

impl Context {
    /// The folder for temporary files.
    fn scratch(&self) -> &std::path::Path {
        self.scratch.path()
    }
}

/// A stage: its name, and what runs it.
type Stage = (&'static str, fn(&Context) -> Result<Tally>);

const STAGES: &[Stage] = &[
    ("tools", stages::tools),
    ("format", stages::format),
    ("lints", stages::lints),
    ("tests", stages::tests),
    ("doctests", stages::doctests),
    ("generated", stages::generated),
    ("book", stages::book),
    ("prose", stages::prose),
    ("lua-format", stages::lua_format),
    ("neovim", stages::neovim),
    ("try", try_out::run),
    ("demo", stages::demo),
    ("leaks", stages::leaks),
];

/// Stages that run only where they are named: they fetch and build what nothing else needs.
const ON_REQUEST: &[Stage] = &[("install", install::run), ("--llm", llm::run)];

/// Runs the stages that are named, or all; all of them, also when one fails.
///
/// # Errors
///
/// When anything failed.
pub fn run(names: &[String]) -> Result {
    let all = || STAGES.iter().chain(ON_REQUEST);
    if let Some(name) = names.iter().find(|name| all().all(|(stage, _)| stage != name)) {
        let known = all().map(|(stage, _)| *stage).collect::<Vec<_>>().join(", ");
        return Err(format!("there is no stage `{name}`; there are {known}").into());
    }
    let context = Context { scratch: Scratch::new()?, strict: std::env::var_os("CI").is_some_and(|value| !value.is_empty()) };
    let mut total = Tally::default();
    let mut notes = Vec::new();
    let is_wanted = |name: &str| match names.is_empty() {
        true => STAGES.iter().any(|(stage, _)| *stage == name),
        false => names.iter().any(|wanted| wanted == name),
    };
    for (name, stage) in all().filter(|(name, _)| is_wanted(name)) {
        println!("\n== {name}");
        let start = Instant::now();
        let mut tally = stage(&context).unwrap_or_else(|error| {
            println!("{error}");
            Tally::failed()
        });
        println!("== {name}: {} in {:.0} s", tally.words(), start.elapsed().as_secs_f64());
        if tally.failed > 0 {
            notes.push(format!("{name}: failed"));
        }
        notes.append(&mut tally.notes);
        total.add(&tally);
    }
    println!();
    notes.iter().for_each(|note| println!("{note}"));
    if !total.trials.is_empty() {
        println!("\n{}", trials::table(&total.trials));
    }
    println!("{}", total.words());
    match (total.failed, total.passed) {
        (0, 0) => Err("nothing was tested".into()),
        (0, _) => Ok(()),
        _ => Err("not everything passed".into()),
    }
}
