//! Why the simulated machine does not do something.

use nix::errno::Errno;

use crate::host::before::changed;
use crate::host::refusal::{Refusal, Told};
use crate::trouble::{Result, Trouble};

/// The reason, before it is told to a person.
#[derive(Debug)]
pub enum Denied {
    /// What a system call would say.
    Refusal(Refusal),
    /// The same, and what to do.
    Hinted(Errno, String),
    /// It is not as it was confirmed; how.
    Changed(&'static str),
    /// In words.
    Words(String),
}

impl From<Errno> for Denied {
    fn from(errno: Errno) -> Self {
        Denied::Refusal(Refusal::Errno(errno))
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Denied::Refusal(refusal)
    }
}

impl<T> Told<T> for Result<T, Denied> {
    fn told<S: Into<String>>(self, attempted: impl FnOnce() -> S) -> Result<T> {
        self.or_else(|denied| match denied {
            Denied::Refusal(refusal) => Err(refusal).told(attempted),
            Denied::Hinted(errno, hint) => Err(Trouble::from_errno(attempted(), errno).hint(hint)),
            Denied::Changed(how) => Err(changed(attempted().into(), how)),
            Denied::Words(words) => Err(Trouble::new(attempted(), words)),
        })
    }
}
