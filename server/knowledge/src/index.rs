//! The index of a project: kept in step with its files, and asked by [`Index::recall`].

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use ignore::WalkBuilder;
use seed_fragment::unreadable_rules;
use seed_role::host::folder::{self, Folder};
use seed_role::trouble::Result;

use crate::embedding::Model;
use crate::section::Section;
use crate::segment::{Entry, Indexed, Stamp};
use crate::source::{self, commits, explanations};
use crate::store::{Store, Writer};
use crate::words::Words;

/// The largest file that is read, in bytes.
pub(crate) const LARGEST: u64 = 4 << 20;
/// In how many parts many files are read at the most, and how many files a part has at least.
const PARTS: usize = 8;
const AT_ONCE: usize = 64;
/// The entry of the messages of commits.
pub const COMMITS: &str = "commits:";
/// In front of the path of a history of explanations.
pub const EXPLANATIONS: &str = "explanations:";

/// The folder of the project that a file or folder is in: that of its fragments (see [`seed_fragment::root_of`]), or where there is
/// none, the nearest folder above with a spec in it, or else its own.
///
/// # Errors
///
/// When it is not there.
pub fn project_of(path: &Path) -> Result<PathBuf> {
    let root = seed_fragment::root_of(path)?;
    let has_mark = [".git", ".seed", "fragments"].iter().any(|mark| root.join(mark).exists());
    // Not up to where every home and every mount begins.
    let mut above = root.ancestors().filter(|_| !has_mark).take(4);
    let with_spec = above.find(|folder| !seed_engine::project::specs_in(folder).is_empty()).map(Path::to_path_buf);
    Ok(with_spec.unwrap_or(root))
}

/// What a project knows.
#[derive(Debug)]
pub struct Index {
    root: PathBuf,
    path: PathBuf,
    state: PathBuf,
    pub(crate) store: Store,
}

/// What a refresh came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Refreshed {
    /// The files that are known now; the commits, and each history of explanations, are one.
    pub files: usize,
    /// The sections that can be found.
    pub sections: usize,
    /// The files that were read.
    pub read: usize,
    /// The files that are gone.
    pub gone: usize,
    /// Whether it is written down, and not only in memory: another process may be at it.
    pub is_saved: bool,
}

/// A file that may have to be read.
struct Seen {
    file: String,
    stamp: Stamp,
    /// Where it is; none for the commits.
    path: Option<PathBuf>,
}

impl Index {
    /// Opens that of the project at a folder, as it was written last. `state` is Seed's state folder.
    pub fn open(root: &Path, state: &Path) -> Index {
        let hash = blake3::hash(root.as_os_str().as_encoded_bytes()).to_hex();
        let path = state.join("knowledge").join(format!("{}.index", &hash[..16]));
        Index { root: root.to_path_buf(), store: Store::open(&path), path, state: state.to_path_buf() }
    }

    /// The folder of the project.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How many sections can be found.
    pub fn sections(&self) -> usize {
        self.store.count()
    }

    /// Forgets all that was read, so that it is read anew.
    pub fn forget(&mut self) {
        self.store = Store::default();
    }

    /// Reads what has changed since, and writes it down if nobody else does at the moment.
    ///
    /// # Errors
    ///
    /// When the state folder cannot be written; what was read can be found all the same.
    pub fn refresh(&mut self) -> Result<Refreshed> {
        let seen = self.seen();
        let changed = self.changed(&seen);
        let mut refreshed = Refreshed { is_saved: true, ..Refreshed::default() };
        if !changed.is_empty() {
            let writer = Writer::take(&self.path);
            let is_writer = matches!(writer, Ok(Some(_)));
            // Another process may have written since.
            let changed = if is_writer && self.store.bytes() > 0 {
                self.store = Store::open(&self.path);
                self.changed(&seen)
            } else {
                changed
            };
            let length = self.store.bytes();
            let dimensions = Model::shipped().dimensions();
            // In parts: what is read takes many times the memory of what becomes of it.
            for part in changed.chunks((changed.len() / PARTS).max(AT_ONCE)) {
                let entries = self.read(&seen, part);
                let gone = entries.iter().filter(|entry| entry.stamp == Stamp::default()).count();
                refreshed.gone += gone;
                refreshed.read += entries.len() - gone;
                self.store.add(&entries, dimensions);
            }
            refreshed.is_saved = match writer? {
                Some(writer) => {
                    self.store.save(&self.path, length, dimensions, &writer)?;
                    true
                }
                None => false,
            };
        }
        refreshed.files = self.store.files().len();
        refreshed.sections = self.store.count();
        Ok(refreshed)
    }

    /// The places in `seen` of what is new or other than it was, and the names of what is gone.
    fn changed(&self, seen: &[Seen]) -> Vec<std::result::Result<usize, String>> {
        let mut known = self.store.files();
        let mut changed: Vec<_> = seen
            .iter()
            .enumerate()
            .filter(|(_, one)| known.remove(&one.file) != Some(one.stamp))
            .map(|(nth, _)| Ok(nth))
            .collect();
        let mut gone: Vec<String> = known.into_keys().collect();
        gone.sort();
        changed.extend(gone.into_iter().map(Err));
        changed
    }

    /// All that can be read, in order.
    fn seen(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        if self.root.ancestors().any(|folder| unreadable_rules(folder).is_some()) {
            return seen;
        }
        let mut walk = WalkBuilder::new(&self.root);
        walk.filter_entry(|entry| unreadable_rules(entry.path()).is_none());
        let walk = walk.require_git(false).follow_links(false).build();
        for entry in walk.filter_map(std::result::Result::ok) {
            let Ok(relative) = entry.path().strip_prefix(&self.root) else { continue };
            let Some(file) = relative.to_str().filter(|_| source::is_known(relative)) else { continue };
            if let Some(stamp) = entry.metadata().ok().filter(std::fs::Metadata::is_file).and_then(|about| stamp(&about)) {
                seen.push(Seen { file: file.to_string(), stamp, path: Some(entry.path().to_path_buf()) });
            }
        }
        if let Some(head) = commits::head(&self.root) {
            let hash = blake3::hash(head.as_bytes());
            let changed = u64::from_le_bytes(std::array::from_fn(|nth| hash.as_bytes()[nth]));
            seen.push(Seen { file: COMMITS.into(), stamp: Stamp { changed, size: 1, inode: 1 }, path: None });
        }
        // Only those of specs of this project are shown; whose they are stands in them.
        for entry in std::fs::read_dir(self.state.join("duck")).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|ending| ending == "jsonl")
                && let Some(stamp) = entry.metadata().ok().as_ref().and_then(stamp)
            {
                seen.push(Seen { file: format!("{EXPLANATIONS}{}", path.display()), stamp, path: Some(path) });
            }
        }
        seen.sort_by(|one, other| one.file.cmp(&other.file));
        seen
    }

    fn read(&self, seen: &[Seen], changed: &[std::result::Result<usize, String>]) -> Vec<Entry> {
        let next = Mutex::new(changed.iter());
        let root = Folder::open(&self.root).ok().flatten();
        let work = || {
            let (words, model, mut entries) = (Words::default(), Model::shipped(), Vec::new());
            loop {
                let Some(one) = next.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next() else { return entries };
                entries.push(match one {
                    Err(gone) => Entry { file: gone.clone(), stamp: Stamp::default(), sections: Vec::new() },
                    Ok(nth) => {
                        let one = &seen[*nth];
                        let sections = self.sections_of(one, root.as_ref());
                        let sections = sections.iter().map(|section| Indexed::of(section, &words, model)).collect();
                        Entry { file: one.file.clone(), stamp: one.stamp, sections }
                    }
                });
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(changed.len().div_ceil(16)).max(1);
        let mut entries: Vec<Entry> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, Vec<Entry>>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().flat_map(join).collect()
        });
        entries.sort_by(|one, other| one.file.cmp(&other.file));
        entries
    }

    fn sections_of(&self, seen: &Seen, root: Option<&Folder>) -> Vec<Section> {
        let Some(path) = &seen.path else { return commits::sections(&self.root) };
        // What is too large, no text, or gone by now has no sections.
        let read = match (path.strip_prefix(&self.root), root) {
            (Ok(below), Some(root)) => root.read(below, LARGEST),
            _ => folder::read(path, LARGEST),
        };
        let text = read.ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        match seen.file.starts_with(EXPLANATIONS) {
            true => explanations::sections(&text, &self.root),
            false => source::sections(&self.root, &seen.file, &text),
        }
    }
}

fn stamp(about: &std::fs::Metadata) -> Option<Stamp> {
    let changed = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    Some(Stamp { changed: u64::try_from(changed).ok()?.max(1), size: about.len(), inode: about.ino() })
}
