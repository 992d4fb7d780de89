//! What a system call said, before it is told to a person.

use std::path::PathBuf;

use nix::errno::Errno;

use crate::trouble::{Kind, Result, Trouble};

/// Why something on a path cannot be done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// What the system said.
    Errno(Errno),
    /// The way leads through this link of another user.
    Link(PathBuf),
    /// The path does not begin with a slash.
    Relative,
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Refusal::Errno(errno)
    }
}

/// Says what was attempted when a system call fails.
pub(crate) trait Told<T> {
    /// The result, its error told as [`Trouble`].
    fn told<S: Into<String>>(self, attempted: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Told<T> for nix::Result<T> {
    fn told<S: Into<String>>(self, attempted: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|errno| Trouble::from_errno(attempted(), errno))
    }
}

impl<T> Told<T> for std::io::Result<T> {
    fn told<S: Into<String>>(self, attempted: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Trouble::from_io(attempted(), &error))
    }
}

impl<T> Told<T> for Result<T, Refusal> {
    fn told<S: Into<String>>(self, attempted: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|refusal| match refusal {
            Refusal::Errno(errno) => Trouble::from_errno(attempted(), errno),
            Refusal::Relative => Trouble::new(attempted(), "the path does not begin with /"),
            Refusal::Link(link) => {
                let words = format!("{} is a symbolic link in a folder that another user can write", link.display());
                Trouble::new(attempted(), words).kind(Kind::Unsafe).hint(
                    "as root, links of others are not followed: name the place that it points to, or keep others out \
                     of the folder (chown root, chmod go-w)",
                )
            }
        })
    }
}

/// What is said of a file that [`Safety::has_second_name_of_another`](super::real::safety::Safety::has_second_name_of_another).
pub(crate) fn second_name(attempted: String) -> Trouble {
    Trouble::new(attempted, "it is a hard link to a file that belongs to somebody else")
        .kind(Kind::Unsafe)
        .hint("as root, links of others are not followed: put a copy in its place")
}

/// Whether an error says that there is nothing at a path.
pub(crate) fn nothing_there(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR)
}
