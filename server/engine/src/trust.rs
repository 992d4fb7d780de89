//! Which folders' specs, and which collections, may run commands of their own (`seed trust`).

use std::path::{Path, PathBuf};

use seed_role::trouble::{Result, Trouble};
use seed_spec::Analysis;
use seed_spec::analysis::Pinned;

/// How a line of the list begins that trusts a collection: then come the commit and the address.
const COLLECTION: &str = "collection ";

/// Who wrote a command, and so has to be trusted for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Whoever writes into a folder.
    Folder(PathBuf),
    /// A collection at a commit.
    Collection {
        /// Its name in the spec.
        name: String,
        /// What it is pinned to.
        pinned: Pinned,
        /// Where it lies, to be read.
        folder: PathBuf,
    },
}

impl Writer {
    /// Who wrote the files in a folder that a spec uses: a collection that was fetched, or else whoever writes there.
    pub fn of(folder: &Path, analysis: &Analysis) -> Writer {
        for collection in &analysis.collections {
            let Some(found) = collection.found.as_ref().filter(|found| folder.starts_with(&found.folder)) else { continue };
            if let Some(pinned) = found.pinned.clone() {
                return Writer::Collection { name: collection.name.to_string(), pinned, folder: found.folder.clone() };
            }
        }
        Writer::Folder(folder.to_owned())
    }

    /// What to do, for a spec, so that it may run them.
    pub fn how_to_trust(&self, spec: &Path) -> String {
        match self {
            Writer::Folder(folder) if *folder == crate::node::folder_of(spec) => {
                format!("read the spec, then: seed trust {}", folder.display())
            }
            Writer::Folder(folder) => format!("read the role, then: seed trust {}", folder.display()),
            Writer::Collection { name, folder, .. } => {
                format!("read {}, then: seed trust --collection {name} {}", folder.display(), spec.display())
            }
        }
    }
}

/// The list of what is trusted: a file with a path or a collection a line, in the state folder.
#[derive(Clone, Debug)]
pub struct Trust {
    file: PathBuf,
}

impl Trust {
    /// The list kept in a state folder.
    pub fn new(state_folder: &Path) -> Self {
        Trust { file: state_folder.join("trusted") }
    }

    /// Whether commands may run that this one wrote. A folder is trusted with all below it. A collection that was fetched is
    /// trusted by its address and commit alone, wherever it lies.
    pub fn allows(&self, writer: &Writer) -> bool {
        match writer {
            Writer::Folder(folder) => {
                let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
                self.folders().iter().any(|trusted| folder.starts_with(trusted))
            }
            Writer::Collection { pinned, .. } => self.collections().contains(pinned),
        }
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// The trusted folders.
    pub fn folders(&self) -> Vec<PathBuf> {
        self.lines().into_iter().filter(|line| line.starts_with('/')).map(PathBuf::from).collect()
    }

    /// The trusted collections.
    pub fn collections(&self) -> Vec<Pinned> {
        let pinned = |line: String| {
            let (commit, url) = line.strip_prefix(COLLECTION)?.split_once(' ')?;
            Some(Pinned { url: url.into(), commit: commit.into() })
        };
        self.lines().into_iter().filter_map(pinned).collect()
    }

    /// Trusts a collection at its commit, or with `trusted` false no longer at any.
    ///
    /// # Errors
    ///
    /// When the list cannot be written.
    pub fn set_collection(&self, pinned: &Pinned, trusted: bool) -> Result<()> {
        let line = format!("{COLLECTION}{} {}", pinned.commit, pinned.url);
        let mut lines = self.lines();
        let end = format!(" {}", pinned.url);
        lines.retain(|known| *known != line && (trusted || !(known.starts_with(COLLECTION) && known.ends_with(&end))));
        if trusted {
            lines.push(line);
        }
        self.write(lines)
    }

    /// Trusts a folder and all below it, or with `trusted` false no longer.
    ///
    /// # Errors
    ///
    /// When the folder is not there, or the list cannot be written.
    pub fn set(&self, folder: &Path, trusted: bool) -> Result<PathBuf> {
        let folder = match folder.canonicalize() {
            Ok(folder) => folder,
            Err(_) if !trusted => folder.to_path_buf(),
            Err(error) => return Err(Trouble::from_io(format!("trust {}", folder.display()), &error)),
        };
        let line = folder.display().to_string();
        let mut lines = self.lines();
        lines.retain(|known| *known != line);
        if trusted {
            lines.push(line);
        }
        self.write(lines)?;
        Ok(folder)
    }

    fn write(&self, mut lines: Vec<String>) -> Result<()> {
        lines.sort();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let attempt = format!("write {}", self.file.display());
        crate::journal::file::replace(&self.file, text.as_bytes()).map_err(|error| Trouble::from_io(attempt, &error))
    }
}
