//! The file of an index: segments one behind the other, the newest last. What a later one says of a file takes the place of what
//! earlier ones say.
//!
//! It is never the only copy of anything: whatever is wrong with it, it is made anew. A segment is added at the end; a stop in the
//! middle leaves an end that is not whole, which is left out and written over by the next one. When many have gathered, all is written anew
//! beside the file and renamed over it.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::host::others::others_can_write;
use seed_role::trouble::{Kind, Result};

use crate::segment::{self, Entry, Segment, Stamp};

/// Longer than this, in bytes, an index is made anew.
const LONGEST: u64 = 4 << 30;

/// What the file begins with; the number is that of the format, and of how texts become words and vectors.
const MAGIC: &[u8; 8] = b"seedidx1";
/// In front of each segment: its length in bytes, its checksum (CRC-32), and nothing.
const FRAME: usize = 16;
/// How many segments may gather.
const MOST_SEGMENTS: usize = 24;
/// A segment is large from this part of the whole on.
const LARGE: usize = 16;

/// The bytes of an index, in memory.
#[derive(Debug, Default)]
pub struct Store {
    bytes: Vec<u8>,
    /// Where the segments lie.
    ranges: Vec<std::ops::Range<usize>>,
    /// The newest of each file: its segment and number.
    newest: HashMap<String, (usize, u32)>,
    /// The segments, and of each section whether it is still the newest.
    alive: Vec<Vec<bool>>,
}

/// The right to write an index: one process has it.
pub struct Writer {
    _lock: Flock<File>,
}

impl Writer {
    /// Takes it; none if another has it.
    ///
    /// # Errors
    ///
    /// When the state folder cannot be written.
    pub fn take(path: &Path) -> Result<Option<Writer>> {
        let io = |error: std::io::Error| {
            Trouble::from_io(format!("write the index {}", path.display()), &error)
                .hint("set SEED_STATE_DIR to use another place")
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
        if let Some(open) = others_can_write(&folder::real(folder)?).filter(|_| nix::unistd::geteuid().is_root()) {
            return Err(Trouble::new(
                format!("write the index {}", path.display()),
                format!("others can write to {}", open.display()),
            )
            .kind(Kind::Unsafe)
            .hint("set SEED_STATE_DIR to a folder that only root can write to"));
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
            .open(path.with_extension("lock"));
        match Flock::lock(lock.map_err(io)?, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Writer { _lock: lock })),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(Trouble::from_errno(format!("lock the index {}", path.display()), errno)),
        }
    }
}

impl Store {
    /// Reads an index; one that is damaged, of another version or not there is empty.
    pub fn open(path: &Path) -> Store {
        let bytes = folder::read(path, LONGEST).ok().flatten().unwrap_or_default();
        if !bytes.starts_with(MAGIC) {
            return Store::default();
        }
        let mut store = Store { bytes, ..Store::default() };
        let mut at = MAGIC.len();
        while let Some(range) = store.frame(at) {
            at = range.end;
            store.ranges.push(range);
        }
        // What is behind the last whole one was never finished, or is damaged; so may be what came before it.
        if at != store.bytes.len() && !store.is_torn(at) {
            return Store::default();
        }
        store.bytes.truncate(at);
        store.look();
        store
    }

    /// The bytes of the segment whose frame begins there, if it is whole.
    fn frame(&self, at: usize) -> Option<std::ops::Range<usize>> {
        let frame = self.bytes.get(at..at.checked_add(FRAME)?)?;
        let length = usize::try_from(u64::from_le_bytes(frame[..8].try_into().ok()?)).ok()?;
        let sum = u32::from_le_bytes(frame[8..12].try_into().ok()?);
        let range = at + FRAME..(at + FRAME).checked_add(length)?;
        let bytes = self.bytes.get(range.clone())?;
        (crc32fast::hash(bytes) == sum && Segment::read(bytes).is_some()).then_some(range)
    }

    /// Whether what begins there is a segment that a stop cut off, and not a damaged one.
    fn is_torn(&self, at: usize) -> bool {
        let rest = &self.bytes[at..];
        let length = rest.get(..8).and_then(|length| length.try_into().ok()).map(u64::from_le_bytes);
        length.is_none_or(|length| length > (rest.len() - FRAME.min(rest.len())) as u64)
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> Vec<Segment<'_>> {
        self.ranges.iter().filter_map(|range| Segment::read(&self.bytes[range.clone()])).collect()
    }

    fn look(&mut self) {
        let mut newest: HashMap<String, (usize, u32)> = HashMap::new();
        let segments = self.segments();
        for (nth, segment) in segments.iter().enumerate() {
            for (number, file) in (0..).zip(segment.files()) {
                newest.insert(file.file.to_string(), (nth, number));
            }
        }
        let alive = |(nth, segment): (usize, &Segment<'_>)| {
            let files: Vec<bool> =
                (0..).zip(segment.files()).map(|(number, file)| newest.get(file.file) == Some(&(nth, number))).collect();
            let is_alive = |section: u32| segment.head(section).and_then(|head| files.get(head.file as usize).copied());
            (0..segment.count() as u32).map(|section| is_alive(section).unwrap_or(false)).collect()
        };
        self.alive = segments.iter().enumerate().map(alive).collect();
        self.newest = newest;
    }

    /// Of each section of a segment whether it counts.
    pub fn alive(&self, segment: usize) -> &[bool] {
        self.alive.get(segment).map_or(&[], Vec::as_slice)
    }

    /// How many sections count.
    pub fn count(&self) -> usize {
        self.alive.iter().flatten().filter(|alive| **alive).count()
    }

    /// The files that are known, each with when it was read; those that are gone are not among them.
    pub fn files(&self) -> HashMap<String, Stamp> {
        let mut files = HashMap::new();
        for (nth, segment) in self.segments().into_iter().enumerate() {
            for (number, file) in (0..).zip(segment.files()) {
                if self.newest.get(file.file) == Some(&(nth, number)) && file.stamp != Stamp::default() {
                    files.insert(file.file.to_string(), file.stamp);
                }
            }
        }
        files
    }

    /// Adds what is new of some files, in memory. [`Store::save`] writes it.
    pub fn add(&mut self, entries: &[Entry], dimensions: usize) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(MAGIC);
        }
        let bytes = segment::write(entries, dimensions);
        self.bytes.extend((bytes.len() as u64).to_le_bytes());
        self.bytes.extend(u64::from(crc32fast::hash(&bytes)).to_le_bytes());
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        self.ranges.push(start..self.bytes.len());
        self.look();
    }

    /// Writes what was added since the index was opened, with `length` bytes; all of it anew where that is better.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn save(&mut self, path: &Path, length: usize, dimensions: usize, _: &Writer) -> Result<()> {
        let dead = self.alive.iter().flatten().filter(|alive| !**alive).count();
        let is_mostly_dead = dead > 1000 + self.count() / 2;
        if self.ranges.len() > MOST_SEGMENTS || is_mostly_dead {
            // Large segments stay as they are: to take all apart at once would need many times their memory.
            let large = self.ranges.iter().take_while(|range| range.len() >= self.bytes.len() / LARGE).count();
            self.compact(if is_mostly_dead || large == self.ranges.len() { 0 } else { large }, dimensions);
            return self.write_anew(path);
        }
        let on_disk = fs::metadata(path).map_or(0, |about| about.len());
        if length == 0 || on_disk < length as u64 {
            return self.write_anew(path);
        }
        let io = |error: std::io::Error| Trouble::from_io(format!("write the index {}", path.display()), &error);
        let mut file = OpenOptions::new().write(true).open(path).map_err(io)?;
        // First what makes it whole, last what says that it is.
        let frame = length..(length + FRAME).min(self.bytes.len());
        file.write_all_at(&[0xff; 8], frame.start as u64).map_err(io)?;
        file.set_len(length as u64 + 8).map_err(io)?;
        file.seek(SeekFrom::Start(length as u64 + 8)).map_err(io)?;
        file.write_all(&self.bytes[length + 8..]).map_err(io)?;
        file.write_all_at(&self.bytes[length..length + 8], length as u64).map_err(io)
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Makes one segment of all behind the first `keep`.
    fn compact(&mut self, keep: usize, dimensions: usize) {
        let newest = &self.newest;
        let segments = self.segments();
        let is_alive = |nth: usize, number: u32| {
            let file = segments[nth + keep].file(number);
            file.is_some_and(|file| newest.get(file) == Some(&(nth + keep, number)))
        };
        let mut kept = segment::entries(&segments[keep..], is_alive);
        // What is gone must be told as long as there may be an earlier word of it.
        kept.retain(|entry| keep > 0 || entry.stamp != Stamp::default());
        let end = keep.checked_sub(1).map_or(0, |last| self.ranges[last].end);
        self.bytes.truncate(end);
        self.ranges.truncate(keep);
        self.add(&kept, dimensions);
    }

    fn write_anew(&self, path: &Path) -> Result<()> {
        let io = |error: std::io::Error| Trouble::from_io(format!("write the index {}", path.display()), &error);
        let beside: PathBuf = path.with_extension("new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside).map_err(io)?;
        file.write_all(&self.bytes).map_err(io)?;
        fs::rename(&beside, path).map_err(io)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::section::Kind;
    use crate::segment::Indexed;

    fn entry(file: u8, version: u64) -> Entry {
        let terms = [(format!("w{version}"), 1)].into();
        let section =
            Indexed { line: 1, kind: Kind::Doc, title: format!("{file}:{version}"), length: 1, terms, vector: vec![1, 2] };
        let stamp = Stamp { changed: version, size: 1, inode: 1 };
        Entry { file: format!("f{file}"), stamp, sections: vec![section; usize::from(file % 3)] }
    }

    fn gone(file: u8) -> Entry {
        Entry { file: format!("f{file}"), stamp: Stamp::default(), sections: Vec::new() }
    }

    fn titles(store: &Store) -> Vec<String> {
        let mut all = Vec::new();
        for (nth, segment) in store.segments().iter().enumerate() {
            let alive = store.alive(nth).iter().enumerate().filter(|(_, alive)| **alive);
            all.extend(alive.filter_map(|(section, _)| Some(segment.head(u32::try_from(section).ok()?)?.title.to_string())));
        }
        all.sort();
        all
    }

    proptest! {
        /// Whatever is added and taken away, saved in between or not: the same as an index of the end alone, also when opened again.
        #[test]
        fn steps_come_to_the_same_as_all_at_once(steps in prop::collection::vec((0u8..12, any::<bool>(), any::<bool>()), 1..60)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("index");
            let writer = Writer::take(&path).unwrap().unwrap();
            let mut store = Store::open(&path);
            let mut length = 0;
            let mut expected: std::collections::BTreeMap<u8, u64> = Default::default();
            for (version, (file, is_there, saves)) in (1..).zip(steps) {
                let one = if is_there { entry(file, version) } else { gone(file) };
                if is_there { expected.insert(file, version); } else { expected.remove(&file); }
                store.add(&[one], 2);
                if saves {
                    store.save(&path, length, 2, &writer).unwrap();
                    store = Store::open(&path);
                    length = store.bytes();
                }
            }
            let mut all: Vec<String> = expected
                .iter()
                .flat_map(|(file, version)| vec![format!("{file}:{version}"); usize::from(file % 3)])
                .collect();
            all.sort();
            prop_assert_eq!(titles(&store), all);
            prop_assert_eq!(store.files().len(), expected.len());
        }

        #[test]
        fn a_damaged_file_is_empty_or_whole(at in 8usize..2000, byte: u8, cut in 0usize..200) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("index");
            let writer = Writer::take(&path).unwrap().unwrap();
            let mut store = Store::default();
            store.add(&[entry(1, 1), entry(2, 2)], 2);
            store.save(&path, 0, 2, &writer).unwrap();
            store.add(&[entry(4, 3)], 2);
            let whole = titles(&store);
            let mut bytes = store.bytes.clone();
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut.min(length));
            fs::write(&path, &bytes).unwrap();
            let found = titles(&Store::open(&path));
            prop_assert!(found == whole || found.is_empty() || found == ["1:1", "2:2", "2:2"], "{found:?}");
        }
    }
}
