//! `seed lsp`.

use seed_role::Trouble;

use crate::cli::exit::{Error, Exit, Result};
use crate::lsp;

/// Run the language server on standard input and output.
///
/// Editors start it. It logs to standard error; SEED_LOG=debug logs more. Exits with 0 if the editor asked it to, and 1 if the editor is
/// gone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Ignored: some editors pass it, and standard input and output are always used
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
