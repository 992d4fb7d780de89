//! Steps of a change: the grain at which the journal records and a stop may fall.

use std::path::PathBuf;

use crate::attrs::{Attrs, Observation};
use crate::host::Host;
use crate::trouble::Result;

/// Where a change leads.
#[derive(Clone, Copy, Debug)]
pub enum Goal<'a> {
    /// It is gone.
    Absent,
    /// It looks like this. The attributes are those that [`crate::Role::wanted`] gave, or, to put back what was
    /// before, all that [`crate::Role::observe`] saw then.
    Attrs(&'a Attrs),
}

/// A change to make.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    /// What is there now.
    pub from: &'a Observation,
    /// Where it leads.
    pub to: Goal<'a>,
    /// Set when data that the change destroys is to be put aside, as a name that is unique to this run
    /// ([`crate::backup::name_of`]): a file is moved to [`crate::backup::place`], a subvolume gets a snapshot of that name.
    pub keep: Option<&'a str>,
    /// What stood there before this change took it away, when it is to make something in its place.
    pub replaced: Option<&'a Attrs>,
    /// What an earlier change put aside, when this one is to bring it back.
    pub kept: Option<&'a Kept>,
}

/// Something put aside before it would have been destroyed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// What it was, in words.
    pub what: String,
    /// Where it is now, if it is a file or folder; removed when its time is over.
    pub path: Option<PathBuf>,
    /// What else the role type needs to bring it back, such as the bytes of a signature.
    pub data: Option<String>,
}

/// What runs in a step. The result is what it put aside.
pub type Run = Box<dyn FnOnce(&dyn Host) -> Result<Option<Kept>> + Send>;

/// One step of a change.
pub struct Step {
    /// What it does, as a verb phrase for progress and journal: `attach loop device`. Fixed words, no secrets.
    pub name: String,
    /// Folders that must be there. Those missing are made before, journalled, and removed with the role if empty.
    pub folders: Vec<PathBuf>,
    /// Temporary files that an interruption may leave; removed before the next run.
    pub litter: Vec<PathBuf>,
    /// Whether an interruption in it leaves what must be undone by [`crate::Role::recover`].
    pub undo_when_interrupted: bool,
    /// Paths whose file systems must be synced before the step counts as done.
    pub durable: Vec<PathBuf>,
    /// Folders that something was removed from, and no more: that must be durable before the step counts as done.
    pub thinned: Vec<PathBuf>,
    /// Does it.
    pub run: Run,
}

impl Step {
    /// A step that is safe to run again from wherever an interruption left it.
    pub fn new(name: impl Into<String>, run: impl FnOnce(&dyn Host) -> Result<()> + Send + 'static) -> Self {
        Step::keeping(name, move |host| run(host).map(|()| None))
    }

    /// The same, for a step that may put something aside.
    pub fn keeping(name: impl Into<String>, run: impl FnOnce(&dyn Host) -> Result<Option<Kept>> + Send + 'static) -> Self {
        Step {
            name: name.into(),
            folders: Vec::new(),
            litter: Vec::new(),
            undo_when_interrupted: false,
            durable: Vec::new(),
            thinned: Vec::new(),
            run: Box::new(run),
        }
    }

    /// Adds a folder that must be there.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folders.push(folder.into());
        self
    }

    /// Adds a temporary file that an interruption may leave.
    #[must_use]
    pub fn litter(mut self, path: impl Into<PathBuf>) -> Self {
        self.litter.push(path.into());
        self
    }

    /// Marks it as one whose interruption must be undone.
    #[must_use]
    pub fn undo_when_interrupted(mut self) -> Self {
        self.undo_when_interrupted = true;
        self
    }

    /// Adds a path whose file system must be synced before the step counts as done.
    #[must_use]
    pub fn durable(mut self, path: impl Into<PathBuf>) -> Self {
        self.durable.push(path.into());
        self
    }

    /// Adds a folder that something is removed from, and no more.
    #[must_use]
    pub fn thins(mut self, folder: impl Into<PathBuf>) -> Self {
        self.thinned.push(folder.into());
        self
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Step").field("name", &self.name).field("folders", &self.folders).finish_non_exhaustive()
    }
}
