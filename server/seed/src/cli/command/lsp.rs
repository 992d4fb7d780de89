//! `seed lsp`.

use seed_role::Trouble;

use crate::cli::exit::{Error, Exit, Result};
use crate::lsp;

/// Serve an editor: the language server, on standard input and output.
///
/// An editor starts this itself. It logs to standard error; SEED_LOG=debug tells more. Exits with 0 when the editor asked
/// it to, 1 when the editor went away.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Serve on standard input and output, as always: some editors say so
    #[arg(long, hide = true)]
    stdio: bool,
}

/// Runs it.
pub fn run(_: &Args) -> Result {
    match lsp::serve() {
        Ok(()) => Ok(Exit::Ok),
        Err(lsp::Ended::WithoutShutdown) => Err(Error::Shown(Exit::Failed)),
        Err(lsp::Ended::Start(error)) => Err(Trouble::from_io("start the language server", &error).into()),
    }
}
