//! `seed trust`.

use std::io::Write;
use std::path::PathBuf;

use seed_engine::journal::state_folder;
use seed_engine::trust::Trust;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;

/// Allow the specs of a folder, and of those below it, to run their own commands.
///
/// That is what `task.command` and `!secret {command: …}` do. Read the specs first.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder; without one, the trusted folders are listed
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: Option<PathBuf>,
    /// Trust it no longer
    #[arg(long, requires = "folder")]
    remove: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let trust = Trust::new(&state_folder());
    let mut out = anstream::stdout().lock();
    match &args.folder {
        Some(folder) => {
            let folder = trust.set(folder, !args.remove)?;
            let words = if args.remove { "is no longer trusted" } else { "is trusted: its specs may run their own commands" };
            if !global.json {
                writeln!(out, "{} {words}.", folder.display())?;
                return Ok(Exit::Ok);
            }
        }
        None if !global.json => {
            for folder in trust.folders() {
                writeln!(out, "{}", folder.display())?;
            }
            return Ok(Exit::Ok);
        }
        None => {}
    }
    writeln!(out, "{}", json!({ "trusted": trust.folders() }))?;
    Ok(Exit::Ok)
}
