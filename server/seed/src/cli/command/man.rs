//! `seed man`.

use std::path::PathBuf;

use seed_role::Trouble;
use seed_role::host::folder::Folder;

use crate::cli::exit::{Exit, Result};

/// Write the manual pages into a folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

/// Runs it.
pub fn run(args: &Args, command: clap::Command) -> Result {
    let attempt = || format!("write the manual pages into {}", args.folder.display());
    let io = |error: std::io::Error| Trouble::from_io(attempt(), &error);
    // They are written by paths, so in a folder of this process; from there they go to one that may be another user's.
    let own = tempfile::tempdir().map_err(io)?;
    clap_mangen::generate_to(command, own.path()).map_err(io)?;
    let (from, to) = (Folder::made(own.path())?, Folder::made(&args.folder)?);
    for name in from.names()? {
        let page = from.read(&name, u64::MAX - 1)?.unwrap_or_default();
        to.put(&name, &page, 0o644, false)?;
    }
    Ok(Exit::Ok)
}
