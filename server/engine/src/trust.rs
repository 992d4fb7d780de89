//! Which folders' specs, and which collections, may run commands of their own (`seed trust`).

use std::path::{Path, PathBuf};

use seed_role::host::folder;
use seed_role::host::others::{others_can_write, others_write_file};
use seed_role::shell;
use seed_role::trouble::{Kind, Result, Trouble};
use seed_spec::analysis::Pinned;
use serde::{Deserialize, Serialize};

use crate::writer::Writer;

/// How a line of the lists of earlier versions begins that trusts a collection: then come the commit and the address.
const COLLECTION: &str = "collection ";
/// A longer list, in bytes, is none of ours.
const LONGEST: u64 = 4 << 20;

/// What is trusted: a line of the list, as JSON, so that no name can make two of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// A folder, without symbolic links, and all below it.
    Folder {
        /// Its path.
        folder: PathBuf,
    },
    /// A symbolic link, for as long as it leads where it does.
    Link {
        /// Its path, in a folder without symbolic links.
        link: PathBuf,
        /// What it holds.
        to: PathBuf,
    },
    /// A collection at a commit.
    Collection {
        /// Its address.
        collection: String,
        /// The commit.
        commit: String,
    },
}

impl Entry {
    fn of(pinned: &Pinned) -> Entry {
        Entry::Collection { collection: pinned.url.to_string(), commit: pinned.commit.to_string() }
    }

    /// Reads a line; those of earlier versions are a path, or a collection.
    fn read(line: &str) -> Option<Entry> {
        if line.starts_with('/') {
            return Some(Entry::Folder { folder: line.into() });
        }
        match line.strip_prefix(COLLECTION) {
            Some(rest) => {
                let (commit, url) = rest.split_once(' ')?;
                Some(Entry::Collection { collection: url.into(), commit: commit.into() })
            }
            None => serde_json::from_str(line).ok(),
        }
    }
}

/// The list of what is trusted: a file in the state folder.
#[derive(Clone, Debug)]
pub struct Trust {
    file: PathBuf,
}

impl Trust {
    /// The list kept in a state folder.
    pub fn new(state_folder: &Path) -> Self {
        Trust { file: state_folder.join("trusted") }
    }

    /// What is trusted, sorted. Root heeds no list that others can write.
    ///
    /// # Errors
    ///
    /// When the list cannot be read, or is not to be heeded.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let attempt = || format!("read the list of what is trusted, {}", shell::word(&self.file));
        let Some(file) = folder::open_file(&self.file)? else { return Ok(Vec::new()) };
        let is_open = others_write_file(&file).map_err(|error| Trouble::from_io(attempt(), &error))?;
        if nix::unistd::geteuid().is_root() {
            let folder = self.file.parent().and_then(|folder| folder.canonicalize().ok());
            let above = folder.and_then(|folder| others_can_write(&folder));
            if above.is_some() || is_open {
                let which = above.unwrap_or_else(|| self.file.clone());
                let hint = format!("read it, then: chown root {0} && chmod go-w {0}", shell::word(&which));
                let reason = format!("others can write {}, so it is ignored", shell::word(&which));
                return Err(Trouble::new(attempt(), reason).kind(Kind::Unsafe).hint(hint));
            }
        }
        let bytes = folder::content(&file, LONGEST, attempt)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut entries: Vec<Entry> = text.lines().filter_map(Entry::read).collect();
        entries.sort();
        entries.dedup();
        Ok(entries)
    }

    /// Trusts a collection at its commit, or with `trusted` false no longer at any.
    ///
    /// # Errors
    ///
    /// When the list cannot be read or written.
    pub fn set_collection(&self, pinned: &Pinned, trusted: bool) -> Result<()> {
        let entry = Entry::of(pinned);
        let mut entries = self.entries()?;
        let is_it = |known: &Entry| matches!(known, Entry::Collection { collection, .. } if **collection == *pinned.url);
        entries.retain(|known| *known != entry && (trusted || !is_it(known)));
        if trusted {
            entries.push(entry);
        }
        self.write(entries)
    }

    /// Trusts a folder and all below it, with the links by which it is named; or with `trusted` false no longer.
    ///
    /// # Errors
    ///
    /// When the folder is not there or, for root, others can write in it; and when the list cannot be read or written.
    pub fn set(&self, folder: &Path, trusted: bool) -> Result<PathBuf> {
        let attempt = || format!("trust {}", shell::word(folder));
        let named = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        let real = match folder.canonicalize() {
            Ok(real) => real,
            Err(_) if !trusted => named.clone(),
            Err(error) => return Err(Trouble::from_io(attempt(), &error)),
        };
        if trusted && !real.is_dir() {
            return Err(Trouble::new(attempt(), "it is not a folder").hint("trust the folder that contains the spec"));
        }
        if trusted && real.to_str().is_none() {
            return Err(Trouble::new(attempt(), "its path is not UTF-8").hint("rename it"));
        }
        if trusted
            && nix::unistd::geteuid().is_root()
            && let Some(above) = others_can_write(&real)
        {
            let reason = format!("others can write in {}, and root would run what they write", shell::word(&above));
            let hint = format!("chown root {0} && chmod go-w {0}, or trust it as its owner", shell::word(&above));
            return Err(Trouble::new(attempt(), reason).kind(Kind::Unsafe).hint(hint));
        }
        let links = Writer::links_to(&named).into_iter().filter_map(|writer| match writer {
            Writer::Link { link, to } => Some(Entry::Link { link, to }),
            _ => None,
        });
        let new: Vec<Entry> = links.chain([Entry::Folder { folder: real.clone() }]).collect();
        let mut entries = self.entries()?;
        entries.retain(|known| !new.contains(known));
        if trusted {
            entries.extend(new);
        }
        self.write(entries)?;
        Ok(real)
    }

    fn write(&self, mut entries: Vec<Entry>) -> Result<()> {
        entries.sort();
        let attempt = || format!("write {}", shell::word(&self.file));
        let mut text = String::new();
        for entry in &entries {
            text += &serde_json::to_string(entry).map_err(|error| Trouble::new(attempt(), error.to_string()))?;
            text.push('\n');
        }
        crate::journal::file::replace(&self.file, text.as_bytes()).map_err(|error| Trouble::from_io(attempt(), &error))
    }
}

/// Whether commands may run that this one wrote. A folder is trusted with all below it, a link with the folder it stands in or by
/// itself. A collection that was fetched is trusted by its address and commit alone, wherever it lies.
pub(crate) fn allows(entries: &[Entry], writer: &Writer) -> bool {
    // What only root wrote when root trusted it may be another's by now.
    let is_roots = |folder: &Path| !nix::unistd::geteuid().is_root() || others_can_write(folder).is_none();
    let is_below = |path: &Path| {
        let is_in = |entry: &Entry| matches!(entry, Entry::Folder { folder } if path.starts_with(folder) && is_roots(folder));
        entries.iter().any(is_in)
    };
    match writer {
        Writer::Folder { folder, .. } => is_below(folder),
        Writer::Link { link, to } => {
            is_below(link)
                || entries.iter().any(|entry| matches!(entry, Entry::Link { link: known, to: led } if known == link && led == to))
        }
        Writer::Collection { pinned, .. } => entries.contains(&Entry::of(pinned)),
    }
}
