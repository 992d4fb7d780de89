//! Many files written as one: all of them or none, also when the process is killed in between.
//!
//! 1. What is to be written is noted in `.seed/transaction.prepare`, on the disk.
//! 2. Each text is written beside its file, with its mode and owner, each new base under the name of its hash, and all are on the disk.
//! 3. Each file must still be what the new text was made from.
//! 4. The note is renamed to `.seed/transaction.commit`: from here on it is done, whatever happens.
//! 5. Each text is renamed over its file, the lock is written, and the note removed.
//!
//! A run that finds the first note takes the texts away again; one that finds the second goes on from there.
//!
//! What is on the disk before the next step begins is what makes this hold when the power goes, and within a step the order of files
//! means nothing: so many files share one syncfs(2) a step, and all cores. No entry names a base before the lock is written, and a base
//! that is not whole is known by its hash: so bases need no step of their own.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::fcntl::{Flock, FlockArg};
use seed_role::Trouble;
use seed_role::host::temporary_of;
use seed_role::trouble::{Kind, Result};
use serde::{Deserialize, Serialize};

use crate::disk::{FEW, on_all_cores, remove, sync_file_systems, sync_folder, write_beside};
use crate::judge::Record;
use crate::marker::Key;
use crate::own::Folder;
use crate::pending;
use crate::place;
use crate::store::{Lock, Store, hash, write_lock};
use crate::words::{from_errno, from_io};

// In `.seed/`.
const PREPARE: &str = "transaction.prepare";
const COMMIT: &str = "transaction.commit";
const LOCK: &str = "fragments.lock";
const BASES: &str = "base";
const IGNORE: &str = ".gitignore";

/// A file to be written.
#[derive(Debug)]
pub struct Change<'t> {
    /// Its path, relative to the project.
    pub file: PathBuf,
    /// What it holds now.
    pub from: &'t [u8],
    /// What it is to hold; none where only the lock changes.
    pub to: Option<String>,
    /// What the lock is to say then.
    pub records: Vec<Record>,
}

#[derive(Serialize, Deserialize)]
struct Noted {
    file: PathBuf,
    from: String,
    to: Option<String>,
    records: Vec<Record>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    files: Vec<Noted>,
    forget: Vec<String>,
}

/// The right to change a project: one process at a time has it.
#[derive(Debug)]
pub struct Writer {
    root: PathBuf,
    own: Folder,
    bases: Folder,
    _lock: Flock<File>,
    /// After how many more points the process kills itself, for the tests of what a stop leaves.
    points_left: Option<AtomicUsize>,
}

/// What is known of the files of a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// They were compared, and their new texts written, a moment ago.
    JustWritten,
    /// Another process did that, and anything may have happened since.
    Nothing,
}

/// Whether a stopped transaction waits in the project.
pub fn is_interrupted(root: &Path) -> bool {
    Folder::of(root).ok().flatten().is_some_and(|own| own.has(PREPARE) || own.has(COMMIT))
}

impl Writer {
    /// Takes it, and finishes or takes back what an earlier process left. The words tell which, if anything.
    ///
    /// # Errors
    ///
    /// [`Kind::Busy`] when another process has it, [`Kind::Unsafe`] when something in `.seed/` is a symbolic link, and what the
    /// system says otherwise.
    pub fn take(root: &Path) -> Result<(Writer, Option<String>)> {
        let attempted = || format!("change the fragments of {}", root.display());
        let own = Folder::made(root)?;
        own.refuse_links(&[BASES, LOCK, PREPARE, COMMIT, IGNORE, "lock", pending::FOLDER])?;
        let bases = own.make(BASES)?;
        if !own.has(IGNORE) {
            own.put(IGNORE, b"/lock\n/pending/\n/transaction.*\n", false)?;
        }
        let lock = Flock::lock(own.open("lock")?, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            nix::errno::Errno::EWOULDBLOCK => {
                Trouble::new(attempted(), "another seed is changing them").kind(Kind::Busy).hint("wait until it has ended")
            }
            other => from_errno(attempted(), other),
        })?;
        let points_left = std::env::var("SEED_FAILPOINT").ok().and_then(|point| point.strip_prefix("fragment:")?.parse().ok());
        let points_left = points_left.map(AtomicUsize::new);
        let writer = Writer { root: root.to_path_buf(), own, bases, _lock: lock, points_left };
        let words = writer.recover()?;
        Ok((writer, words))
    }

    /// The folder that Seed keeps for itself.
    pub(crate) fn own(&self) -> &Folder {
        &self.own
    }

    /// A moment at which a stop differs from one at the moment before.
    fn point(&self) {
        if self.points_left.as_ref().is_some_and(|left| left.fetch_sub(1, Ordering::SeqCst) == 1) {
            // The failpoint: as if the power went now.
            let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        }
    }

    fn recover(&self) -> Result<Option<String>> {
        let read = |name: &str| -> Result<Option<Note>> {
            let attempted = || format!("finish the update that was interrupted (.seed/{name})");
            let Some(text) = self.own.read(name)? else { return Ok(None) };
            let note = serde_json::from_slice(&text).map_err(|error| {
                Trouble::new(attempted(), format!("the note is damaged: {error}"))
                    .hint("look at the files beside it, then remove it by hand")
            })?;
            Ok(Some(note))
        };
        let (prepared, committed) = (read(PREPARE)?, read(COMMIT)?);
        if let Some(note) = prepared {
            let begun = note.files.iter().filter(|noted| noted.to.is_some());
            self.take_back(begun.map(|noted| noted.file.as_path()), PREPARE)?;
            return Ok(Some("an update was interrupted before it changed anything: what it had begun was taken away".into()));
        }
        let Some(note) = committed else { return Ok(None) };
        let left_alone = self.finish(note, Trust::Nothing)?;
        let mut words = "an update was interrupted: it is finished now".to_string();
        if !left_alone.is_empty() {
            let names: Vec<String> = left_alone.iter().map(|path| path.display().to_string()).collect();
            words.push_str(&format!("; changed by hand since, and left alone: {}", names.join(", ")));
        }
        Ok(Some(words))
    }

    /// Writes files and lock as one.
    ///
    /// # Errors
    ///
    /// When a file is no longer what its new text was made from, and what the system says. Nothing is changed then; where that
    /// failed too, the words say so.
    pub fn commit(&self, changes: &[Change<'_>], forget: &[Key]) -> Result<()> {
        let noted = |change: &Change<'_>| Noted {
            file: change.file.clone(),
            from: hash(change.from),
            to: change.to.as_ref().map(|text| hash(text.as_bytes())),
            records: change.records.clone(),
        };
        let note = Note { files: changes.iter().map(noted).collect(), forget: forget.iter().map(Key::to_string).collect() };
        let text = serde_json::to_vec(&note).map_err(|error| Trouble::new("note what is to be written", error.to_string()))?;
        self.own.write(PREPARE, &text, true)?;
        self.point();
        let begun = || changes.iter().filter(|change| change.to.is_some()).map(|change| change.file.as_path());
        if let Err(trouble) = self.prepare(changes) {
            self.take_back(begun(), PREPARE)?;
            return Err(trouble);
        }
        self.point();
        self.own.rename(PREPARE, COMMIT)?;
        self.own.sync()?;
        self.point();
        let written = match self.replace(&note.files, Trust::JustWritten) {
            Ok(written) => written,
            Err(trouble) => {
                let back = self.put_back(changes).and_then(|()| self.take_back(begun(), COMMIT));
                return Err(match back {
                    Ok(()) => Trouble { came_back: format!("{}; no file was changed", trouble.came_back), ..trouble },
                    Err(other) => trouble.hint(format!(
                        "what was written before that could not be put back: {other}; the next seed fragment update goes on from there"
                    )),
                });
            }
        };
        self.conclude(note, written).map(drop).map_err(|trouble| {
            let said = format!("{}; the files are written, and the next seed fragment update notes it", trouble.came_back);
            Trouble { came_back: said, ..trouble }
        })
    }

    /// Gives the files that were replaced already their texts again.
    fn put_back(&self, changes: &[Change<'_>]) -> Result<()> {
        let mut folders = BTreeSet::new();
        for change in changes {
            let Some(to) = &change.to else { continue };
            let path = place::resolve(&self.root, &change.file)?;
            if fs::read(&path).is_ok_and(|now| now == to.as_bytes()) {
                write_beside(&path, change.from, true)?;
                fs::rename(temporary_of(&path), &path).map_err(|error| from_io(format!("write {}", path.display()), &error))?;
                folders.extend(path.parent().map(Path::to_path_buf));
            }
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    fn prepare(&self, changes: &[Change<'_>]) -> Result<()> {
        let bases = self.missing_bases(changes);
        let are_few = changes.len() + bases.len() <= FEW;
        let texts: Vec<(&Change<'_>, &str)> = changes.iter().filter_map(|change| Some((change, change.to.as_deref()?))).collect();
        // Two halves that do not wait for one another: the bases are all in one folder, which takes one new file at a time.
        let mut folders = std::thread::scope(|scope| {
            let bases = scope.spawn(|| -> Result<()> {
                bases.iter().try_for_each(|(base, text)| {
                    self.bases.put(base, text, are_few)?;
                    self.point();
                    Ok(())
                })
            });
            let folders = on_all_cores(&texts, &self.root, |places, (change, text)| {
                let path = places.resolve(&change.file)?;
                write_beside(&path, text.as_bytes(), are_few)?;
                self.point();
                Ok(path.parent().unwrap_or(&self.root).to_path_buf())
            });
            bases.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            folders.map(|folders| folders.into_iter().collect::<BTreeSet<_>>())
        })?;
        if are_few {
            folders.iter().try_for_each(|folder| sync_folder(folder))?;
            self.bases.sync()?;
        } else {
            folders.insert(self.bases.path().to_path_buf());
            sync_file_systems(&folders)?;
        }
        on_all_cores(changes, &self.root, |places, change| {
            let path = places.resolve(&change.file)?;
            let now = fs::read(&path).map_err(|error| from_io(format!("read {} again", path.display()), &error))?;
            if now != change.from {
                let attempted = format!("write {}", change.file.display());
                return Err(Trouble::new(attempted, "it was changed meanwhile; no file was written")
                    .kind(Kind::Busy)
                    .hint("run the same command again"));
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Removes the new texts that lie beside their files, and then the note of them.
    fn take_back<'f>(&self, files: impl Iterator<Item = &'f Path>, note: &str) -> Result<()> {
        for file in files {
            // A folder that is gone has nothing in it to take away, and what is no file was not put there by Seed.
            let temporary = place::resolve(&self.root, file).map(|path| temporary_of(&path));
            if let Some(temporary) = temporary.ok().filter(|path| fs::symlink_metadata(path).is_ok_and(|there| there.is_file())) {
                remove(&temporary)?;
            }
        }
        self.remove_note(note)?;
        self.sweep_bases(&Store::open(&self.root)?.lock)
    }

    /// Does what was decided, from wherever it was left. Gives the files that somebody else has changed since.
    fn finish(&self, note: Note, trust: Trust) -> Result<Vec<PathBuf>> {
        let written = self.replace(&note.files, trust)?;
        self.conclude(note, written)
    }

    /// Puts the new texts in place, and brings that to the disk. Tells of each whether it is.
    fn replace(&self, files: &[Noted], trust: Trust) -> Result<Vec<Put>> {
        let all = on_all_cores(files, &self.root, |places, noted| {
            let Some(to) = &noted.to else { return Ok(Put::NoText) };
            let path = places.resolve(&noted.file)?;
            let put = if put_in_place(&path, &noted.from, to, trust)? {
                Put::In(path.parent().unwrap_or(&self.root).to_path_buf())
            } else {
                Put::LeftAlone
            };
            self.point();
            Ok(put)
        })?;
        let changed = all.iter().filter_map(|put| if let Put::In(folder) = put { Some(folder.clone()) } else { None });
        let changed: BTreeSet<PathBuf> = changed.collect();
        if changed.len() <= FEW {
            changed.iter().try_for_each(|folder| sync_folder(folder))?;
        } else {
            sync_file_systems(&changed)?;
        }
        Ok(all)
    }

    /// Notes in the lock what is in place, and that it is done.
    fn conclude(&self, note: Note, written: Vec<Put>) -> Result<Vec<PathBuf>> {
        let mut left_alone = Vec::new();
        let mut records = Vec::new();
        for (noted, put) in note.files.into_iter().zip(written) {
            match put {
                Put::LeftAlone => left_alone.push(noted.file),
                Put::In(_) | Put::NoText => records.extend(noted.records),
            }
        }
        self.write_lock(records, &note.forget)?;
        self.point();
        self.remove_note(COMMIT)?;
        self.point();
        Ok(left_alone)
    }

    /// The bases that entries will name and that are not there yet.
    fn missing_bases<'c>(&self, changes: &'c [Change<'_>]) -> Vec<(&'c str, &'c [u8])> {
        let mut bases: Vec<(&str, &[u8])> = changes
            .iter()
            .flat_map(|change| &change.records)
            .map(|record| (record.entry.base.as_str(), record.base.as_bytes()))
            .collect();
        bases.sort_unstable();
        bases.dedup();
        bases.retain(|(base, _)| !self.bases.read(base).is_ok_and(|text| text.is_some_and(|text| hash(&text) == *base)));
        bases
    }

    fn write_lock(&self, records: Vec<Record>, forget: &[String]) -> Result<()> {
        let mut lock = Store::open(&self.root)?.lock;
        let before = lock.clone();
        for record in records {
            if let Some(key) = Key::parse(&record.instance) {
                lock.insert(key, record.entry);
            }
        }
        lock.retain(|key, _| !forget.contains(&key.to_string()));
        if lock == before {
            return Ok(());
        }
        self.own.write(LOCK, write_lock(&lock)?.as_bytes(), true)?;
        self.sweep_bases(&lock)
    }

    /// Removes bases that no entry names any more: one that is needed for another branch is in its history.
    fn sweep_bases(&self, lock: &Lock) -> Result<()> {
        let used: BTreeSet<&str> = lock.values().map(|entry| entry.base.as_str()).collect();
        let mut unused = self.bases.names()?;
        unused.retain(|name| !name.to_str().is_ok_and(|name| used.contains(name)));
        on_all_cores(&unused, &self.root, |_, name| self.bases.remove(OsStr::from_bytes(name.to_bytes()))).map(drop)
    }

    fn remove_note(&self, name: &str) -> Result<()> {
        self.own.remove(name)?;
        self.own.sync()
    }
}

/// What became of a text.
enum Put {
    /// It is in its place in this folder.
    In(PathBuf),
    /// The file is somebody else's by now.
    LeftAlone,
    /// There was none.
    NoText,
}

/// Renames a text over its file, unless that is done or the file is somebody else's by now. Tells whether it is in place.
fn put_in_place(path: &Path, from: &str, to: &str, trust: Trust) -> Result<bool> {
    let temporary = temporary_of(path);
    let hash_of = |path: &Path| fs::read(path).ok().map(|text| hash(&text));
    let io = |error: std::io::Error| from_io(format!("write {}", path.display()), &error);
    if trust == Trust::JustWritten {
        fs::rename(&temporary, path).map_err(io)?;
        return Ok(true);
    }
    match hash_of(path) {
        Some(now) if now == from && hash_of(&temporary).as_deref() == Some(to) => {
            fs::rename(&temporary, path).map_err(io)?;
            Ok(true)
        }
        now => {
            remove(&temporary)?;
            Ok(now.as_deref() == Some(to))
        }
    }
}
