//! Programs that roles start, and the packages that bring them.

/// A program.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tool {
    /// Its name, looked up in the search path and the system's own folders for programs.
    pub program: &'static str,
    /// The Debian package that brings it.
    pub debian: &'static str,
    /// The Arch package that brings it.
    pub arch: &'static str,
}

impl Tool {
    /// What to do when it is not there.
    pub fn hint(&self) -> String {
        format!("install it: apt install {} (Debian), pacman -S {} (Arch)", self.debian, self.arch)
    }
}
