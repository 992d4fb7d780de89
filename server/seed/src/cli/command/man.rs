//! `seed man`.

use std::path::PathBuf;

use seed_role::Trouble;

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
    std::fs::create_dir_all(&args.folder).map_err(|error| Trouble::from_io(attempt(), &error))?;
    clap_mangen::generate_to(command, &args.folder).map_err(|error| Trouble::from_io(attempt(), &error))?;
    Ok(Exit::Ok)
}
