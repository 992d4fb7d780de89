//! Exit statuses, and errors that end a command.

use std::io::Write;
use std::process::ExitCode;

use seed_role::Trouble;
use seed_role::trouble::Kind;

use super::options::Global;
use super::{output, style, terminal};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing to do, or clean.
    Ok,
    /// Failed, or the input has errors.
    Failed,
    /// There are changes to make, or what is there differs.
    Changes,
    /// Refused: not confirmed, not safe, or the world has changed.
    Refused,
    /// Interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Changes => 2,
            Exit::Refused => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// Why a command could not be carried out.
#[derive(Debug)]
pub enum Error {
    /// Something was attempted and did not work.
    Trouble(Trouble),
    /// It was not confirmed, or must not be done.
    Refused(Trouble),
    /// The mistakes were already shown.
    Shown(Exit),
    /// The reader of the output is gone, such as `head`.
    Output(std::io::Error),
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble.kind {
            Kind::Unsafe | Kind::Busy => Error::Refused(trouble),
            _ => Error::Trouble(trouble),
        }
    }
}

impl From<seed_collection::Problem> for Error {
    fn from(problem: seed_collection::Problem) -> Self {
        Trouble::from(problem).into()
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::Output(error)
    }
}

/// What a command gives.
pub type Result<T = Exit> = std::result::Result<T, Error>;

impl Error {
    /// Tells the error, and gives the exit status. What is refused has one of its own in commands that do something; of those that
    /// only look, an error is an error.
    pub fn report(self, global: &Global, refuses: bool) -> ExitCode {
        let (trouble, exit) = match self {
            Error::Trouble(trouble) => (trouble, Exit::Failed),
            Error::Refused(trouble) => (trouble, if refuses { Exit::Refused } else { Exit::Failed }),
            Error::Shown(exit) => return exit.into(),
            Error::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Exit::Ok.into(),
            Error::Output(error) => (Trouble::from_io("write the result", &error), Exit::Failed),
        };
        if global.json {
            let _ = writeln!(output::stdout(), "{}", serde_json::json!({ "error": trouble.to_string() }));
        }
        let mut stderr = output::stderr();
        let told = terminal::entry(&format!("{}: {}", trouble.attempted, trouble.came_back), "    ");
        let _ = writeln!(stderr, "{}error{:#}: could not {told}", style::BAD, style::BAD);
        if let Some(hint) = &trouble.hint {
            let _ = writeln!(stderr, "  {}help{:#}: {}", style::GOOD, style::GOOD, terminal::entry(hint, "    "));
        }
        exit.into()
    }
}
