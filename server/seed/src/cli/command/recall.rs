//! `seed recall`.

use std::io::Write;
use std::path::PathBuf;

use seed_engine::journal;
use seed_knowledge::index::{Index, project_of};
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::{output, style};

/// Find what was written about something: by name, by words, by meaning, and by what links to what.
///
/// Specs by their roles, composite roles, prompts, notes and documents by their headings, plain texts, messages of commits and
/// explanations that were given to the duck are looked through. The question may use other words than the text. Each
/// hit says why it is one. What changed since the last time is read first; nothing leaves this machine.
///
/// The project is the nearest folder above with `.seed/fragments.lock`, or with `.git`, or with `fragments/`, or with a spec; else this
/// folder. What git ignores, and what looks like a secret, is not read.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seed recall pool\n  seed recall how do I take the volume to another machine\n  seed recall --limit 3 --json snapshots"
)]
pub struct Args {
    /// What to look for
    #[arg(value_name = "QUERY", required = true)]
    query: Vec<String>,
    /// How many hits to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    limit: usize,
    /// A file or folder of the project to look through [default: this folder]
    #[arg(long = "in", value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    within: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let root = project_of(args.within.as_deref().unwrap_or(&PathBuf::from(".")))?;
    let mut index = Index::open(&root, &journal::state_folder());
    if let Err(trouble) = index.refresh() {
        // What was read is found all the same; the next time it is read again.
        writeln!(anstream::stderr(), "{}warning:{:#} {trouble}", style::WARN, style::WARN)?;
    }
    let hits = index.recall(&args.query.join(" "), args.limit);
    let mut out = output::stdout();
    if global.json {
        writeln!(out, "{}", json!({ "hits": hits, "root": root }))?;
        return Ok(Exit::Ok);
    }
    if hits.is_empty() {
        writeln!(out, "Nothing was found in {}.", root.display())?;
    }
    for hit in hits {
        let (name, dim) = (style::NAME, style::DIM);
        writeln!(out, "{name}{}{name:#}  {dim}{}{dim:#}", hit.title, hit.kind.word())?;
        writeln!(out, "    {}:{}  {dim}{:.2}  {}{dim:#}", hit.path, hit.line, hit.score, hit.why)?;
    }
    Ok(Exit::Ok)
}
