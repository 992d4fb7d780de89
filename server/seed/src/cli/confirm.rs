//! Asking before something is done.

use std::io::{BufRead, IsTerminal, Write};

use seed_role::Trouble;

use super::exit::{Error, Result};
use super::output;

/// Asks a question on the terminal.
///
/// # Errors
///
/// Refused when the answer is not yes, or there is no terminal to ask on.
pub fn ask(attempted: &str, question: &str) -> Result<()> {
    let refused = |came_back: &str| Error::Refused(Trouble::new(attempted, came_back).hint("--yes confirms without asking"));
    if !std::io::stdin().is_terminal() {
        return Err(refused("nobody can confirm it: standard input is not a terminal"));
    }
    let mut stderr = output::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(refused("it was not confirmed")),
    }
}
