//! What is made to go wrong on the simulated machine, and what is counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::trouble::{Kind, Trouble};

/// Where in a call a stop falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before it has any effect.
    Before,
    /// In the midst of it, where it has a midst: a file is under its temporary name, and not in its place yet.
    Midway,
    /// After it took effect, and before anyone was told so.
    After,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The next call that touches this path.
    Path(PathBuf),
    /// The next call of this name: that of the method of [`crate::host::Host`], or of the program.
    Call(String),
}

impl From<&str> for Target {
    /// What begins with a slash is a path.
    fn from(text: &str) -> Self {
        if text.starts_with('/') { Target::Path(text.into()) } else { Target::Call(text.into()) }
    }
}

impl From<&Path> for Target {
    fn from(path: &Path) -> Self {
        Target::Path(path.to_path_buf())
    }
}

/// How often the machine was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls that change something.
    pub changes: u64,
    /// Calls that only look.
    pub looks: u64,
    /// All of them, by name.
    pub by_name: BTreeMap<&'static str, u64>,
}

/// The faults and the counts.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub calls: Calls,
    stop: Option<(u64, When)>,
    failing: Vec<(Target, Kind)>,
}

/// What becomes of a call.
pub enum Verdict {
    Go,
    Stop(When),
    Fail(Kind),
}

impl Faults {
    pub fn stop_after(&mut self, number: u64, when: When) {
        self.stop = Some((self.calls.changes + number, when));
    }

    pub fn resume(&mut self) {
        self.stop = None;
        self.failing.clear();
    }

    pub fn fail(&mut self, target: Target, kind: Kind) {
        self.failing.push((target, kind));
    }

    /// Counts a call, and says what becomes of it.
    pub fn ask(&mut self, name: &'static str, program: Option<&str>, paths: &[&Path], changes: bool) -> Verdict {
        *self.calls.by_name.entry(name).or_default() += 1;
        if changes {
            self.calls.changes += 1;
        } else {
            self.calls.looks += 1;
        }
        if changes && let Some((number, when)) = self.stop {
            if self.calls.changes == number {
                return Verdict::Stop(when);
            }
            if self.calls.changes > number {
                return Verdict::Stop(When::Before);
            }
        }
        if self.failing.is_empty() {
            return Verdict::Go;
        }
        let hit = |target: &Target| match target {
            Target::Path(path) => paths.contains(&path.as_path()),
            Target::Call(call) => call == name || program == Some(call),
        };
        match self.failing.iter().position(|(target, _)| hit(target)) {
            Some(found) => Verdict::Fail(self.failing.remove(found).1),
            None => Verdict::Go,
        }
    }
}

/// What is said of a fault.
pub fn trouble(attempted: String, kind: Kind) -> Trouble {
    let words = match kind {
        Kind::NotPermitted => "Operation not permitted",
        Kind::NoSpace => "No space left on device",
        Kind::Busy => "Device or resource busy",
        Kind::Gone => "No such device or address",
        Kind::ReadOnly => "Read-only file system",
        Kind::MissingTool => "a program is not installed",
        Kind::TimedOut => "it took too long and was stopped",
        Kind::Unsafe => "a symbolic link of another user is on the way",
        Kind::Changed => "it changed since the plan was made",
        Kind::Interrupted => "the process was told to stop",
        Kind::Other => "Input/output error",
    };
    Trouble::new(attempted, words).kind(kind)
}
