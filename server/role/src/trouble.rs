//! Errors that reach a person.

use std::fmt;

/// What kind of trouble it is, where that decides what is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user may not.
    NotPermitted,
    /// The disk is full, or a quota is.
    NoSpace,
    /// Something else uses it.
    Busy,
    /// A device or file vanished.
    Gone,
    /// The file system is read-only.
    ReadOnly,
    /// A program is not installed.
    MissingTool,
    /// It took too long and was stopped.
    TimedOut,
    /// It is not safe, such as a symbolic link in a folder that others can write.
    Unsafe,
    /// It is not as it was when the plan was made.
    Changed,
    /// The process was told to stop.
    Interrupted,
    /// Anything else.
    Other,
}

/// What was attempted, what came back, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Trouble {
    /// What kind it is.
    pub kind: Kind,
    /// What was attempted, as a phrase behind "could not": `mount /dev/loop0 on /srv/lab`.
    pub attempted: String,
    /// What came back, as the system or program said it.
    pub came_back: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A result whose error is a [`Trouble`].
pub type Result<T, E = Trouble> = std::result::Result<T, E>;

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "could not {}: {}", self.attempted, self.came_back)?;
        if let Some(hint) = &self.hint {
            write!(formatter, " ({hint})")?;
        }
        Ok(())
    }
}

impl Trouble {
    /// Trouble of no special kind.
    pub fn new(attempted: impl Into<String>, came_back: impl Into<String>) -> Self {
        Trouble { kind: Kind::Other, attempted: attempted.into(), came_back: came_back.into(), hint: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the kind.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// From an error number of a system call (errno(3)), with a hint where there is a common one.
    pub fn from_errno(attempted: impl Into<String>, errno: nix::errno::Errno) -> Self {
        use nix::errno::Errno;
        let (kind, hint) = match errno {
            Errno::EPERM | Errno::EACCES => (Kind::NotPermitted, Some("run it as root: sudo seed apply …")),
            Errno::ENOSPC | Errno::EDQUOT => (Kind::NoSpace, Some("make room there and run the same command again")),
            Errno::EBUSY | Errno::ETXTBSY => (Kind::Busy, Some("something still uses it: see `fuser -vm` or `lsof`")),
            Errno::ENODEV | Errno::ENXIO | Errno::ENOENT => (Kind::Gone, None),
            Errno::EROFS => (Kind::ReadOnly, Some("the file system is mounted read-only")),
            Errno::EINTR => (Kind::Interrupted, None),
            _ => (Kind::Other, None),
        };
        Trouble { kind, attempted: attempted.into(), came_back: errno.desc().to_string(), hint: hint.map(String::from) }
    }

    /// From an input or output error.
    pub fn from_io(attempted: impl Into<String>, error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(number) => Trouble::from_errno(attempted, nix::errno::Errno::from_raw(number)),
            None => Trouble::new(attempted, error.to_string()),
        }
    }
}
