//! The files that a spec includes: as the editor shows them, else from disk.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use seed_collection::LOCK;
use seed_engine::project::open_spec;
use seed_role::host::folder;
use seed_spec::analysis::{FoundCollection, Loader, MissingCollection};

use super::state::State;

/// The largest file that is read.
const LARGEST: u64 = 16 << 20;

/// What was read from disk, kept as long as the files do not change.
#[derive(Default)]
pub struct Files {
    read: Mutex<HashMap<PathBuf, Kept>>,
}

/// A file as it was.
struct Kept {
    stamp: Stamp,
    text: Arc<str>,
}

/// Tells that a file has changed: device, inode, size, times of change in seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

impl Files {
    /// What an analysis asks for files.
    pub fn loader<'a>(&'a self, state: &'a State) -> OpenFirst<'a> {
        OpenFirst { files: self, state, asked: Mutex::default() }
    }

    fn read(&self, path: &Path) -> Result<Arc<str>, String> {
        let file = open_spec(path).map_err(|trouble| trouble.came_back)?;
        let about = file.metadata().map_err(|error| error.to_string())?;
        if about.len() > LARGEST {
            return Err(format!("it is larger than {}", seed_spec::unit::Size(LARGEST)));
        }
        let stamp = (about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec());
        let mut kept = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(path).filter(|known| known.stamp == stamp) {
            return Ok(known.text.clone());
        }
        let bytes =
            folder::content(&file, LARGEST, || format!("read {}", path.display())).map_err(|trouble| trouble.came_back)?;
        let text: Arc<str> = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_string())?.into();
        kept.insert(path.to_path_buf(), Kept { stamp, text: text.clone() });
        Ok(text)
    }
}

/// What a file on the disk holds; none if it cannot be read.
pub fn on_disk(path: &Path) -> Option<Vec<u8>> {
    folder::read(path, LARGEST).ok().flatten()
}

/// Loads open texts first, and remembers what was asked for.
pub struct OpenFirst<'a> {
    files: &'a Files,
    state: &'a State,
    asked: Mutex<Vec<PathBuf>>,
}

impl OpenFirst<'_> {
    /// The files that were asked for, had or not.
    pub fn asked(&self) -> Vec<PathBuf> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Loader for OpenFirst<'_> {
    fn load(&self, path: &Path) -> Result<Arc<str>, String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_path_buf());
        let open = self.state.documents().by_path(path).map(|(_, document)| document.source.text().clone());
        open.map_or_else(|| self.files.read(path), Ok)
    }

    fn roles(&self, folder: &Path) -> Option<Vec<String>> {
        seed_engine::project::roles_in(folder)
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn specs(&self, folder: &Path) -> Vec<PathBuf> {
        seed_engine::project::specs_in(folder)
    }

    fn collection(&self, name: &str, git: &str, rev: Option<&str>, beside: &Path) -> Result<FoundCollection, MissingCollection> {
        let path = beside.join(LOCK);
        // Asked for also where it is not there, so that it is noticed when it comes.
        let lock = self.load(&path);
        let lock = seed_engine::project::lock_text(&path, |_| lock)?;
        seed_engine::pinned::locate(name, git, rev, beside, lock.as_deref())
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir()
    }
}
