//! `seed completions`.

use clap_complete::Shell;

use crate::cli::exit::{Exit, Result};
use crate::cli::output;

/// Write shell completions to standard output.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs it.
pub fn run(args: &Args, mut command: clap::Command) -> Result {
    clap_complete::generate(args.shell, &mut command, "seed", &mut output::data());
    Ok(Exit::Ok)
}
