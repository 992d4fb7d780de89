//! Whose journal it is: the spec that it was written for, and finding it again when the spec was moved or renamed.

use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

use seed_role::trouble::{Kind, Result, Trouble};
use serde::{Deserialize, Serialize};

use super::{file, guard, read};

/// The file that says it, beside the journal.
pub(super) const NOTE: &str = "spec";

/// What is noted of a spec at each run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Where it was.
    pub path: PathBuf,
    /// Its `name`.
    pub name: Option<String>,
    /// How long it lets backups be kept, in milliseconds.
    pub keep: u64,
    /// The file, if it was one: a spec may come from standard input.
    pub file: Option<SpecFile>,
    /// The folder that it was in: device and inode.
    pub folder: (u64, u64),
}

/// What tells a file from others, whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecFile {
    /// The number of its owner.
    pub owner: u32,
    /// Device and inode.
    pub inode: (u64, u64),
    /// The hash of its text.
    pub text: String,
}

impl Note {
    /// What there is to note of a spec.
    pub fn of(path: &Path, text: &str, name: Option<&str>, keep: u64) -> Note {
        let file = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| SpecFile {
            owner: metadata.uid(),
            inode: (metadata.dev(), metadata.ino()),
            text: hash_of(text.as_bytes()),
        });
        let folder = path.parent().and_then(inode_of).unwrap_or_default();
        Note { path: path.to_path_buf(), name: name.map(str::to_owned), keep, file, folder }
    }

    /// Reads the note of a journal. None if there is none, which is so for journals from before there were any, and if it is damaged.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or, as root, others can write it.
    pub fn read(folder: &Path) -> Result<Option<Note>> {
        Ok(guard::read(&folder.join(NOTE))?.and_then(|bytes| Note::decode(&bytes)))
    }

    fn decode(bytes: &[u8]) -> Option<Note> {
        let (checksum, json) = std::str::from_utf8(bytes).ok()?.trim_end().split_once(' ')?;
        let is_whole = u32::from_str_radix(checksum, 16) == Ok(crc32fast::hash(json.as_bytes()));
        if is_whole { serde_json::from_str(json).ok() } else { None }
    }

    /// Writes it beside a journal; it is durable when this returns.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(NOTE);
        let json = serde_json::to_string(self).unwrap_or_default();
        let text = format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
        file::replace(&path, text.as_bytes())
            .map_err(|error| Trouble::from_io(format!("note whose journal it is in {}", path.display()), &error))
    }

    /// Whether the file is no longer where it was.
    pub fn is_gone(&self) -> bool {
        let nothing =
            |error: std::io::Error| matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory);
        self.path.symlink_metadata().is_err_and(nothing)
    }

    /// Whether this was noted of the spec that now is another one, or is in another place.
    fn fit(&self, now: &Note) -> Fit {
        if self.path == now.path {
            return Fit::Itself;
        }
        match (&self.file, &now.file) {
            (Some(then), Some(file)) if then.owner == file.owner && self.name == now.name && self.is_gone() => {
                match (then.inode == file.inode, then.text == file.text) {
                    (true, _) => Fit::Itself,
                    (false, true) => Fit::Copy,
                    (false, false) => Fit::None,
                }
            }
            _ => Fit::None,
        }
    }

    /// Other files that may be the spec that this was noted of, and not only the one that is a copy of it: the file itself, under another
    /// name, or else further copies. Looked for in the folder of then, under whatever name beside its old one, and in that of the copy.
    fn rivals(&self, copy: &Note, state_folder: &Path) -> (Option<PathBuf>, Vec<PathBuf>) {
        let Some(then) = &self.file else { return (None, Vec::new()) };
        let mut copies = Vec::new();
        for path in self.places(copy).into_iter().flat_map(|folder| specs_in(&folder)).filter(|path| *path != copy.path) {
            if inode_of(&path) == Some(then.inode) {
                return (Some(path), Vec::new());
            }
            let owner = fs::metadata(&path).map(|metadata| metadata.uid());
            let text = || crate::project::read_bytes(&path).map(|bytes| hash_of(&bytes));
            // One with a journal of its own is another spec.
            let has_own = || is_begun(&folder_of(state_folder, &path));
            if owner.is_ok_and(|owner| owner == then.owner) && text().is_ok_and(|text| text == then.text) && !has_own() {
                copies.push(path);
            }
        }
        copies.sort();
        copies.dedup();
        (None, copies)
    }

    fn places(&self, copy: &Note) -> Vec<PathBuf> {
        let folders = [&self.path, &copy.path].into_iter().filter_map(|path| path.parent());
        let mut places: Vec<PathBuf> = folders.map(Path::to_path_buf).collect();
        let above = self.path.parent().and_then(Path::parent);
        let beside = above.into_iter().flat_map(|above| fs::read_dir(above).into_iter().flatten().flatten());
        places.extend(beside.filter(|entry| entry.ino() == self.folder.1).map(|entry| entry.path()));
        places.sort();
        places.dedup();
        places
    }
}

/// How what was noted of a spec fits another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// Not at all.
    None,
    /// It has the same text, and the spec is gone from its place: a copy of it, or the spec in another file system.
    Copy,
    /// It is the same file, or in the same place.
    Itself,
}

fn hash_of(text: &[u8]) -> String {
    blake3::hash(text).to_hex().to_string()
}

fn specs_in(folder: &Path) -> Vec<PathBuf> {
    crate::project::specs_in(folder)
}

/// Device and inode of what is at a path.
pub(super) fn inode_of(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Where the journal of a spec is.
#[derive(Clone, Debug)]
pub struct Located {
    /// Its folder now.
    pub folder: PathBuf,
    /// Its folder by the path of the spec; another one if the journal is of a spec that was moved here.
    pub own: PathBuf,
    /// Where the spec was when it was last applied, if the journal is still kept by that.
    pub continues: Option<PathBuf>,
    /// Notes that are damaged: whether the spec continues one of these journals cannot be told.
    pub unreadable: Vec<PathBuf>,
}

impl Located {
    /// Whether a run was begun with it.
    pub fn is_begun(&self) -> bool {
        is_begun(&self.folder)
    }
}

/// Finds the journal of a spec: by its path or, where that has none, the one whose spec is gone from its place and is this one, as
/// owner, name, and inode or text tell. The same inode comes before the same text: a copy does not take the journal of a spec that was
/// only renamed. `note` gives what to look for, and none if the spec cannot have been moved.
///
/// # Errors
///
/// [`Kind::Unsafe`] when there are several, or when other copies of the spec may go on with it as well; and when a note cannot be read.
pub fn locate(state_folder: &Path, spec: &Path, note: impl FnOnce() -> Option<Note>) -> Result<Located> {
    let own = folder_of(state_folder, spec);
    let by_path = Located { folder: own.clone(), own, continues: None, unreadable: Vec::new() };
    if is_begun(&by_path.own) {
        return Ok(by_path);
    }
    let Some(note) = note().filter(|note| note.file.is_some()) else { return Ok(by_path) };
    let mut unreadable = Vec::new();
    let mut found: Vec<(PathBuf, Note)> = Vec::new();
    let mut copied: Vec<(PathBuf, Note)> = Vec::new();
    for folder in folders(state_folder) {
        let Some(then) = Note::read(&folder)? else {
            unreadable.extend(Some(folder.join(NOTE)).filter(|note| note.exists()));
            continue;
        };
        match then.fit(&note) {
            Fit::Itself => found.push((folder, then)),
            Fit::Copy => copied.push((folder, then)),
            Fit::None => {}
        }
    }
    if found.is_empty() {
        for (folder, then) in copied {
            match then.rivals(&note, state_folder) {
                (Some(_), _) => {}
                (None, copies) if copies.is_empty() => found.push((folder, then)),
                (None, copies) => return Err(one_of_several(spec, &then, &copies)),
            }
        }
    }
    if found.len() > 1 {
        found.retain(|(folder, _)| !is_empty(folder));
    }
    match found.as_slice() {
        [] => Ok(Located { unreadable, ..by_path }),
        [(folder, then)] => Ok(Located { folder: folder.clone(), continues: Some(then.path.clone()), ..by_path }),
        several => Err(ambiguous(spec, several)),
    }
}

fn ambiguous(spec: &Path, several: &[(PathBuf, Note)]) -> Trouble {
    let names: Vec<String> =
        several.iter().map(|(folder, then)| format!("{} ({})", then.path.display(), folder.display())).collect();
    Trouble::new(
        format!("find the journal of {}", spec.display()),
        format!("it may be any of these specs, which are gone from their places: {}", names.join(", ")),
    )
    .kind(Kind::Unsafe)
    .hint("move the spec back to the path whose journal it should continue and apply it there, or drop the other journals: seed forget JOURNAL ROLE…")
}

fn one_of_several(spec: &Path, then: &Note, copies: &[PathBuf]) -> Trouble {
    let copies: Vec<String> = copies.iter().map(|copy| copy.display().to_string()).collect();
    let (then, spec) = (then.path.display(), spec.display());
    Trouble::new(
        format!("find the journal of {spec}"),
        format!("{then} is gone from its place, and {spec} and {} are copies of it: Seed does not know which of them should continue its journal", copies.join(", ")),
    )
    .kind(Kind::Unsafe)
    .hint("remove or change the other copies, or move the one that should continue the journal back to the old path and apply it there")
}

/// The folders of all journals, sorted.
pub fn folders(state_folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state_folder.join(SPECS)).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Whether a run was begun here.
pub(super) fn is_begun(folder: &Path) -> bool {
    let has = |name: &str| fs::metadata(folder.join(name)).is_ok_and(|metadata| metadata.len() > 0);
    [read::JOURNAL, read::LEDGER, NOTE].into_iter().any(has)
}

/// Whether a journal knows of nothing that Seed made or kept.
pub(super) fn is_empty(folder: &Path) -> bool {
    read::load(folder).is_ok_and(|loaded| loaded.ledger.knows_nothing())
}

/// Removes the journals of specs that are gone and left nothing: no role, no backup, and no run for so many seconds.
pub(super) fn remove_empty(state_folder: &Path, now: u64) {
    const AFTER: u64 = 7 * 24 * 3600;
    for folder in folders(state_folder) {
        let is_gone = Note::read(&folder).is_ok_and(|note| note.is_some_and(|note| note.is_gone()));
        let is_old = || read::load(&folder).is_ok_and(|loaded| loaded.ledger.time + AFTER < now);
        if is_gone && is_empty(&folder) && is_old() {
            // Whoever has it open at this moment has the lock, and it stays.
            let _ = super::lock::only_if_free(&folder, || fs::remove_dir_all(&folder));
        }
    }
}

/// The folder of journals in the state folder.
pub(super) const SPECS: &str = "specs";

/// The folder of one spec's journal, by its path: that tells specs apart, the name makes the folder readable.
pub fn folder_of(state_folder: &Path, spec: &Path) -> PathBuf {
    let path = fs::canonicalize(spec).unwrap_or_else(|_| spec.to_path_buf());
    let stem = path.file_name().unwrap_or_default().to_string_lossy();
    let readable: String = stem
        .trim_end_matches(".yaml")
        .trim_end_matches(".yml")
        .chars()
        .filter(|one| one.is_alphanumeric() || "._-".contains(*one))
        .collect();
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
    state_folder.join(SPECS).join(format!("{readable}-{}", &hash[..12]))
}
