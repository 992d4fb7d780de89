//! Which folders' specs may run commands of their own (`seed trust`).

use std::path::{Path, PathBuf};

use seed_role::trouble::{Result, Trouble};

/// The list of trusted folders: a file with a path a line, in the state folder.
#[derive(Clone, Debug)]
pub struct Trust {
    file: PathBuf,
}

impl Trust {
    /// The list kept in a state folder.
    pub fn new(state_folder: &Path) -> Self {
        Trust { file: state_folder.join("trusted") }
    }

    /// Whether specs in a folder, or in one above it that is trusted, may run commands.
    pub fn allows(&self, folder: &Path) -> bool {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        self.folders().iter().any(|trusted| folder.starts_with(trusted))
    }

    /// The trusted folders.
    pub fn folders(&self) -> Vec<PathBuf> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect()
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
        let mut folders = self.folders();
        folders.retain(|known| *known != folder);
        if trusted {
            folders.push(folder.clone());
        }
        folders.sort();
        let text: String = folders.iter().map(|known| format!("{}\n", known.display())).collect();
        let attempt = format!("write {}", self.file.display());
        crate::journal::file::replace(&self.file, text.as_bytes()).map_err(|error| Trouble::from_io(attempt, &error))?;
        Ok(folder)
    }
}
