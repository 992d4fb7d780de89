//! The projects of the open texts, kept as long as what they remember stays the same.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use seed_fragment::Project;
use seed_fragment::library::Library;
use seed_fragment::store::LOCK;
use seed_ide::fragments::home_of;
use seed_role::trouble::Result;

/// The most projects that are kept.
const MOST: usize = 8;

/// Projects by their folder. A lock of many thousand lines is read again only when it has changed; the fragments are looked at each time.
#[derive(Default)]
pub struct Projects {
    kept: Mutex<HashMap<PathBuf, (Stamp, Project)>>,
}

/// Tells that a lock has changed: device, inode, size, times of change in seconds and nanoseconds; none where there is none.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

fn stamp(root: &Path) -> Stamp {
    let about = std::fs::metadata(root.join(LOCK)).ok()?;
    Some((about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec()))
}

impl Projects {
    /// Asks about a file, by its path in its project.
    ///
    /// # Errors
    ///
    /// When there is no such folder, or the project's lock cannot be read.
    pub fn ask<T>(&self, path: &Path, question: impl FnOnce(&Project, &Path) -> T) -> Result<T> {
        let (root, file) = home_of(path)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&root);
        let known = kept.remove(&root).filter(|(then, _)| *then == now);
        let mut project = match known {
            Some((_, project)) => project,
            None => Project::open(&root)?,
        };
        project.library = Library::of(&root);
        if kept.len() >= MOST {
            kept.clear();
        }
        let (_, project) = kept.entry(root).or_insert((now, project));
        Ok(question(project, &file))
    }
}
