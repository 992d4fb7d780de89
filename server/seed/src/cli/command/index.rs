//! `seed index`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use seed_engine::journal;
use seed_knowledge::index::{Index, project_of};

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::output;

/// Build the index that `seed recall` searches.
///
/// `seed recall` does it by itself; this does it beforehand, and reports what was found. The index is one file in the state folder. It is
/// never the only copy of anything: if it is damaged or lost, it is built again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project [default: that of this folder]
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: Option<PathBuf>,
    /// Read everything again, and not only what has changed
    #[arg(long, alias = "anew")]
    rebuild: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let start = Instant::now();
    let root = project_of(args.folder.as_deref().unwrap_or(&PathBuf::from(".")))?;
    let mut index = Index::open(&root, &journal::state_folder());
    if args.rebuild {
        index.forget();
    }
    let done = index.refresh()?;
    let mut out = output::stdout();
    if global.json {
        writeln!(out, "{}", serde_json::to_string(&done).unwrap_or_default())?;
        return Ok(Exit::Ok);
    }
    writeln!(
        out,
        "{} sections of {} texts in {}; {} read, {} gone, {} ms.",
        done.sections,
        done.files,
        root.display(),
        done.read,
        done.gone,
        start.elapsed().as_millis()
    )?;
    if !done.is_saved {
        writeln!(out, "Another seed is writing the index at this moment: what was read is read again the next time.")?;
    }
    Ok(Exit::Ok)
}
