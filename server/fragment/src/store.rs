//! What a project remembers of its blocks: `.seed/fragments.lock`, one line an instance, and the texts rendered last in `.seed/base/`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use seed_role::Trouble;
use seed_role::host::folder::Folder;
use seed_role::trouble::Result;
use serde::{Deserialize, Serialize};

use crate::marker::Key;

/// The folder, in a project, of all that Seed keeps there.
pub const FOLDER: &str = ".seed";
/// The lock, in a project.
pub const LOCK: &str = ".seed/fragments.lock";
/// The folder of the bases, in a project.
pub const BASES: &str = ".seed/base";
/// The greatest file in there that is read, in bytes.
pub(crate) const LARGEST: u64 = 1 << 30;

/// What Seed keeps for itself in the project at a folder; none if there is nothing yet. Nothing in it is reached through a link: a
/// project may come from anyone, and root may bring it in step.
///
/// # Errors
///
/// As [`Folder::find`].
pub(crate) fn own_folder(root: &Path) -> Result<Option<Folder>> {
    crate::folders::open(root)?.find(FOLDER)
}

/// What was rendered last for an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The file that it stands in, relative to the project.
    pub file: PathBuf,
    /// The version of the fragment.
    pub version: String,
    /// The parameters, as the begin line had them.
    pub parameters: BTreeMap<String, String>,
    /// The hash of the text, which lies in `.seed/base/` under that name.
    pub base: String,
    /// Where Seed made the whole file: the hash of the text that it wrote around the blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
}

/// A line of the lock, as it is written.
#[derive(Serialize)]
struct Line<'a> {
    instance: String,
    fragment: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// The same, as it is read: flat, which serde does in half the time.
#[derive(Deserialize)]
struct ReadLine<'a> {
    #[serde(borrow)]
    instance: Cow<'a, str>,
    #[serde(borrow)]
    fragment: Cow<'a, str>,
    file: PathBuf,
    version: String,
    parameters: BTreeMap<String, String>,
    base: String,
    #[serde(default)]
    made: Option<String>,
}

/// The entries of a project, sorted.
pub type Lock = BTreeMap<Key, Entry>;

/// The name of a base.
pub fn hash(text: &[u8]) -> String {
    blake3::hash(text).to_hex()[..32].to_string()
}

/// How many bytes of a lock are worth a thread.
const PIECE: usize = 256 << 10;

/// Reads a lock.
///
/// # Errors
///
/// Which line is not an entry.
pub fn read_lock(text: &str) -> Result<Lock> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from).min(text.len() / PIECE + 1);
    let pieces = pieces_of(text, cores);
    let read: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = pieces.into_iter().map(|piece| scope.spawn(move || read_piece(piece))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let (mut lock, mut lines) = (Vec::new(), 0);
    for (entries, count, wrong) in read {
        if let Some(said) = wrong {
            let number = lines + count;
            let hint = "if two branches changed it, keep one line per instance; without its line, a block only loses its base";
            return Err(Trouble::new(format!("read {LOCK}"), format!("line {number} is not an entry: {said}")).hint(hint));
        }
        lock.extend(entries);
        lines += count;
    }
    // They are sorted already, which makes this the quickest way to a map.
    Ok(lock.into_iter().collect())
}

/// A text cut between lines into about so many pieces.
fn pieces_of(text: &str, count: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    for left in (1..=count).rev() {
        let about = rest.len() / left;
        let end = memchr::memchr(b'\n', &rest.as_bytes()[about..]).map_or(rest.len(), |at| about + at + 1);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// The entries of some lines; how many lines were read; and what is wrong with the last of these, if anything.
fn read_piece(text: &str) -> (Vec<(Key, Entry)>, usize, Option<String>) {
    let mut entries = Vec::new();
    let mut count = 0;
    for line in text.lines() {
        count += 1;
        if line.trim().is_empty() {
            continue;
        }
        let read = serde_json::from_str::<ReadLine<'_>>(line).map_err(|error| error.to_string()).and_then(|line| {
            let key = Key::parse(&line.instance).filter(|key| key.fragment == line.fragment);
            // The hash becomes part of a path.
            let is_hash = line.base.len() == 32 && line.base.bytes().all(|byte| byte.is_ascii_hexdigit());
            let ReadLine { file, version, parameters, base, made, .. } = line;
            let entry = Entry { file, version, parameters, base, made };
            key.filter(|_| is_hash).map(|key| (key, entry)).ok_or_else(|| "it names no instance or no base".to_string())
        });
        match read {
            Ok(entry) => entries.push(entry),
            Err(said) => return (entries, count, Some(said)),
        }
    }
    (entries, count, None)
}

/// A lock as text.
pub fn write_lock(lock: &Lock) -> Result<String> {
    let mut text = String::new();
    for (key, entry) in lock {
        let line = Line { instance: key.to_string(), fragment: &key.fragment, entry };
        let line = serde_json::to_string(&line).map_err(|error| {
            Trouble::new(format!("write {LOCK}"), format!("the entry of `{key}` cannot be written: {error}"))
                .hint("the name of its file may not be UTF-8")
        })?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// The lock and the bases of a project, as they were when it was opened.
#[derive(Debug, Default)]
pub struct Store {
    root: PathBuf,
    /// The lock.
    pub lock: Lock,
    bases: Mutex<Bases>,
}

/// The bases that were read, by their names, and the folder that they lie in once one was asked for.
#[derive(Debug, Default)]
struct Bases {
    read: HashMap<String, Option<Arc<str>>>,
    folder: Option<Folder>,
}

impl Store {
    /// Opens that of the project at a folder. Where there is none yet it is empty.
    ///
    /// # Errors
    ///
    /// When the lock cannot be read.
    pub fn open(root: &Path) -> Result<Store> {
        let name = LOCK.strip_prefix(FOLDER).unwrap_or(LOCK).trim_start_matches('/');
        let text = own_folder(root)?.map(|folder| folder.read(name, LARGEST)).transpose()?.flatten();
        let said = |_| Trouble::new(format!("read {}", root.join(LOCK).display()), "it is not UTF-8 text");
        let lock = match text {
            Some(text) => read_lock(&String::from_utf8(text).map_err(said)?)?,
            None => Lock::new(),
        };
        Ok(Store { root: root.to_path_buf(), lock, bases: Mutex::default() })
    }

    /// One of these entries and bases, by their names, and nothing on a disk.
    pub fn of(lock: Lock, bases: impl IntoIterator<Item = (String, Option<String>)>) -> Store {
        let read = bases.into_iter().map(|(name, text)| (name, text.map(Arc::from))).collect();
        Store { root: PathBuf::new(), lock, bases: Mutex::new(Bases { read, folder: None }) }
    }

    /// The base of that name; none if it is not there, or is no longer what it was.
    pub fn base(&self, name: &str) -> Option<Arc<str>> {
        let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = bases.read.get(name) {
            return base.clone();
        }
        let text = self.read_base(&mut bases, name).filter(|text| hash(text) == name);
        let base: Option<Arc<str>> = text.and_then(|text| String::from_utf8(text).ok()).map(Arc::from);
        bases.read.insert(name.to_string(), base.clone());
        base
    }

    fn read_base(&self, bases: &mut Bases, name: &str) -> Option<Vec<u8>> {
        let read = |folder: &Option<Folder>| folder.as_ref().and_then(|folder| folder.read(name, LARGEST).ok().flatten());
        if self.root.as_os_str().is_empty() {
            return None;
        }
        // The folder may have been made, or another put in its place, since it was opened.
        read(&bases.folder).or_else(|| {
            bases.folder = own_folder(&self.root).ok().flatten().and_then(|own| own.find("base").ok().flatten());
            read(&bases.folder)
        })
    }
}
