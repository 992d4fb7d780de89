//! Many files written as one: all of them or none, also when the process is killed in between.
//!
//! 1. What is to be written is noted in `.seed/transaction.prepare`, on the disk.
//! 2. Each text is written beside its file, with its mode and owner, each new base under the name of its hash, and all are on the disk.
//! 3. Each file must still be what the new text was made from.
//! 4. The note is renamed to `.seed/transaction.commit`: from here on it is done, whatever happens.
//! 5. Each text is exchanged for its file. What comes out is compared once more: where somebody has saved the file meanwhile it goes
//!    back, and so do all others.
//! 6. The old texts are removed, the lock is written, and the note removed.
//! 7. Where the same command run once more would do more than it did (another block without a name of its own), `transaction.ended` says
//!    until the end is reported that it is done.
//!
//! A run that finds the first note takes the texts away again; one that finds the second goes on from there.
//!
//! What is on the disk before the next step begins is what makes this hold when the power goes, and within a step the order of files
//! means nothing: so many files share one syncfs(2) a step, and all cores. No entry names a base before the lock is written, and a base
//! that is not whole is known by its hash: so bases need no step of their own.
//!
//! The project is opened once, and everything in it is reached from its descriptor (see [`Folder`]).

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::fcntl::{Flock, FlockArg};
use seed_role::Trouble;
use seed_role::host::FileKind;
use seed_role::host::folder::{Exchanged, Folder, from_errno};
use seed_role::host::temporary_of;
use seed_role::trouble::{Kind, Result};
use serde::{Deserialize, Serialize};

use crate::folders::{self, Changed, FEW, Folders, on_all_cores};
use crate::judge::Record;
use crate::marker::Key;
use crate::pending;
use crate::project::LARGEST;
use crate::store::{self, Lock, Store, hash, own_folder, write_lock};

// In `.seed/`.
const PREPARE: &str = "transaction.prepare";
const COMMIT: &str = "transaction.commit";
const ENDED: &str = "transaction.ended";
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
    /// What asked for it, where doing it twice is not doing it once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<String>,
}

/// What a request came to that nobody has learned the end of.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ended {
    /// What tells it from others.
    pub request: String,
    /// The blocks that it made, as `NAME#INSTANCE`.
    pub made: Vec<String>,
}

/// The right to change a project: one process at a time has it.
#[derive(Debug)]
pub struct Writer {
    root: Folder,
    own: Folder,
    bases: Folder,
    _lock: Flock<File>,
    /// After how many more points the process kills itself, for the tests of what a stop leaves.
    points_left: Option<AtomicUsize>,
}

/// Whether a stopped transaction waits in the project.
pub fn is_interrupted(root: &Path) -> bool {
    own_folder(root).ok().flatten().is_some_and(|own| [PREPARE, COMMIT].iter().any(|note| own.kind(note).is_some()))
}

/// Notes that whoever asked for the last transaction of a project has learned of its end.
///
/// # Errors
///
/// What the system says.
pub fn reported(root: &Path) -> Result<()> {
    own_folder(root)?.map_or(Ok(()), |own| own.remove(ENDED))
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
        let opened = folders::open(root)?;
        let own = opened.make(store::FOLDER)?;
        own.refuse_links(&[BASES, LOCK, PREPARE, COMMIT, ENDED, IGNORE, "lock", pending::FOLDER])?;
        let bases = own.make(BASES)?;
        if own.kind(IGNORE).is_none() {
            own.put(IGNORE, b"/lock\n/pending/\n/transaction.*\n", 0o666, false)?;
        }
        let lock = Flock::lock(own.open_to_lock("lock")?, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            nix::errno::Errno::EWOULDBLOCK => {
                Trouble::new(attempted(), "another seed is changing them").kind(Kind::Busy).hint("wait until it has ended")
            }
            other => from_errno(attempted(), other),
        })?;
        let points_left = std::env::var("SEED_FAILPOINT").ok().and_then(|point| point.strip_prefix("fragment:")?.parse().ok());
        let points_left = points_left.map(AtomicUsize::new);
        let writer = Writer { root: opened, own, bases, _lock: lock, points_left };
        let words = writer.recover()?;
        Ok((writer, words))
    }

    /// The folder that Seed keeps for itself.
    pub(crate) fn own(&self) -> &Folder {
        &self.own
    }

    /// What the last transaction came to, if nobody has learned of its end.
    pub(crate) fn ended(&self) -> Result<Option<Ended>> {
        Ok(self.own.read(ENDED, store::LARGEST)?.and_then(|text| serde_json::from_slice(&text).ok()))
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
            let Some(text) = self.own.read(name, store::LARGEST)? else { return Ok(None) };
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
        let written = on_all_cores(&note.files, &self.root, |folders, noted| {
            let put = self.settle(folders, noted)?;
            self.point();
            Ok(put)
        })?;
        let kept: Vec<String> =
            written.iter().filter_map(|put| if let Put::Kept(saved) = put { Some(saved.clone()) } else { None }).collect();
        let left_alone = self.conclude(note, written)?;
        let mut words = "an update was interrupted: it is finished now".to_string();
        if !left_alone.is_empty() {
            let names: Vec<String> = left_alone.iter().map(|path| path.display().to_string()).collect();
            words.push_str(&format!("; changed by hand since, and left alone: {}", names.join(", ")));
        }
        if !kept.is_empty() {
            words.push_str(&format!("; saved twice meanwhile, the earlier text is kept in {}", kept.join(", ")));
        }
        Ok(Some(words))
    }

    /// Writes files and lock as one. Where a request is given, [`Writer::ended`] tells of it until [`reported`] is called.
    ///
    /// # Errors
    ///
    /// When a file is no longer what its new text was made from, and what the system says. Nothing is changed then; where that
    /// failed too, the words say so.
    pub fn commit(&self, changes: &[Change<'_>], forget: &[Key], request: Option<String>) -> Result<()> {
        let noted = |change: &Change<'_>| Noted {
            file: change.file.clone(),
            from: hash(change.from),
            to: change.to.as_ref().map(|text| hash(text.as_bytes())),
            records: change.records.clone(),
        };
        let forget = forget.iter().map(Key::to_string).collect();
        let note = Note { files: changes.iter().map(noted).collect(), forget, request };
        let text = serde_json::to_vec(&note).map_err(|error| Trouble::new("note what is to be written", error.to_string()))?;
        self.own.put(PREPARE, &text, 0o666, true)?;
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
        let written = match self.exchange(changes) {
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
        let mut folders = Folders::new(&self.root);
        let mut changed = Vec::new();
        for change in changes {
            let Some(to) = &change.to else { continue };
            let (folder, name) = folders.of(&change.file)?;
            let temporary = temporary_of(name);
            let text_of = |name: &Path| folder.read(name, LARGEST).ok().flatten();
            let is_in_place = text_of(name).is_some_and(|now| now == to.as_bytes());
            match text_of(&temporary) {
                Some(beside) if beside == change.from && is_in_place => folder.bring_back(name, folder.identity(name))?,
                None if is_in_place => {
                    if folder.write_beside(name, change.from, |now| now == to.as_bytes(), true)? {
                        folder.exchange(name, |now| now == to.as_bytes())?;
                    }
                }
                // A text of somebody came out that could not be put back.
                Some(beside) if beside != change.from && beside != to.as_bytes() => drop(folder.keep_apart(&temporary, name)?),
                _ => continue,
            }
            changed.push((change.file.as_path(), folder.device()?));
        }
        Changed::of(changed.into_iter()).sync(&self.root)
    }

    fn prepare(&self, changes: &[Change<'_>]) -> Result<()> {
        let bases = self.missing_bases(changes);
        let are_few = changes.len() + bases.len() <= FEW;
        let texts: Vec<(&Change<'_>, &str)> = changes.iter().filter_map(|change| Some((change, change.to.as_deref()?))).collect();
        // Two halves that do not wait for one another: the bases are all in one folder, which takes one new file at a time.
        let changed = std::thread::scope(|scope| {
            let bases = scope.spawn(|| -> Result<()> {
                bases.iter().try_for_each(|(base, text)| {
                    self.bases.write_over(base, text, are_few)?;
                    self.point();
                    Ok(())
                })
            });
            let devices = on_all_cores(&texts, &self.root, |folders, (change, text)| {
                let (folder, name) = folders.of(&change.file)?;
                if !folder.write_beside(name, text.as_bytes(), |now| now == change.from, are_few)? {
                    return Err(changed_meanwhile(&change.file).hint("no file was written; run the same command again"));
                }
                self.point();
                folder.device()
            });
            bases.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            let files = texts.iter().map(|(change, _)| change.file.as_path());
            devices.map(|devices| Changed::of(files.zip(devices)))
        })?;
        if are_few {
            changed.sync(&self.root)?;
            self.bases.sync()?;
        } else {
            changed.sync_file_systems(&self.root, Some(&self.bases))?;
        }
        on_all_cores(changes, &self.root, |folders, change| {
            let (folder, name) = folders.of(&change.file)?;
            let is_same = folder.read(name, LARGEST)?.is_some_and(|now| now == change.from);
            if is_same {
                Ok(())
            } else {
                Err(changed_meanwhile(&change.file).hint("no file was written; run the same command again"))
            }
        })?;
        Ok(())
    }

    /// Removes the new texts that lie beside their files, and then the note of them.
    fn take_back<'f>(&self, files: impl Iterator<Item = &'f Path>, note: &str) -> Result<()> {
        let mut folders = Folders::new(&self.root);
        for file in files {
            // A folder that is gone has nothing in it to take away, and what is no file was not put there by Seed.
            let Ok((folder, name)) = folders.of(file) else { continue };
            let temporary = temporary_of(name);
            if folder.kind(&temporary) == Some(FileKind::File) {
                folder.remove(&temporary)?;
            }
        }
        self.remove_note(note)?;
        self.sweep_bases(&Store::open(self.root.path())?.lock)
    }

    /// Exchanges all new texts for their files.
    fn exchange(&self, changes: &[Change<'_>]) -> Result<Vec<Put>> {
        on_all_cores(changes, &self.root, |folders, change| {
            if change.to.is_none() {
                return Ok(Put::NoText);
            }
            let (folder, name) = folders.of(&change.file)?;
            let exchanged = folder.exchange(name, |now| now == change.from)?;
            self.point();
            match exchanged {
                Exchanged::Done | Exchanged::Replaced => Ok(Put::In(folder.device()?)),
                Exchanged::Changed => Err(changed_meanwhile(&change.file).hint("run the same command again")),
            }
        })
    }

    /// Does for a file what was decided, from wherever another process left it; anything may have happened since.
    fn settle(&self, folders: &mut Folders<'_>, noted: &Noted) -> Result<Put> {
        let Some(to) = &noted.to else { return Ok(Put::NoText) };
        let (folder, name) = match folders.of(&noted.file) {
            Err(trouble) if trouble.kind == Kind::Gone => return Ok(Put::LeftAlone),
            found => found?,
        };
        let temporary = temporary_of(name);
        let hash_of = |name: &Path| folder.read(name, LARGEST).ok().flatten().map(|text| hash(&text));
        let (now, beside) = (hash_of(name), hash_of(&temporary));
        let holds = |hash: &Option<String>, text: &str| hash.as_deref() == Some(text);
        if holds(&now, &noted.from) && holds(&beside, to) {
            let exchanged = folder.exchange(name, |now| hash(now) == noted.from)?;
            // What is under that name now is either text of this transaction.
            folder.remove(&temporary)?;
            return Ok(if exchanged == Exchanged::Changed { Put::LeftAlone } else { Put::In(folder.device()?) });
        }
        if beside.is_some() && !holds(&beside, to) && !holds(&beside, &noted.from) {
            // What came out was somebody's newer text, and the process was stopped before it went back.
            if !holds(&now, to) {
                let saved = folder.keep_apart(&temporary, name)?;
                return Ok(Put::Kept(noted.file.with_file_name(saved).display().to_string()));
            }
            folder.bring_back(name, folder.identity(name))?;
            folder.remove(&temporary)?;
            return Ok(Put::LeftAlone);
        }
        folder.remove(&temporary)?;
        Ok(if holds(&now, to) { Put::In(folder.device()?) } else { Put::LeftAlone })
    }

    /// Removes the old texts, brings all that to the disk, and notes in the lock what is in place, and that it is done.
    fn conclude(&self, note: Note, written: Vec<Put>) -> Result<Vec<PathBuf>> {
        let in_place: Vec<(&Path, u64)> = note
            .files
            .iter()
            .zip(&written)
            .filter_map(|(noted, put)| if let Put::In(device) = put { Some((noted.file.as_path(), *device)) } else { None })
            .collect();
        on_all_cores(&in_place, &self.root, |folders, (file, _)| {
            let (folder, name) = folders.of(file)?;
            folder.remove(temporary_of(name))?;
            self.point();
            Ok(())
        })?;
        let changed = Changed::of(in_place.into_iter());
        if changed.are_few() {
            changed.sync(&self.root)?
        } else {
            changed.sync_file_systems(&self.root, None)?
        }
        let mut left_alone = Vec::new();
        let mut records: Vec<Record> = Vec::new();
        for (noted, put) in note.files.into_iter().zip(written) {
            match put {
                Put::LeftAlone | Put::Kept(_) => left_alone.push(noted.file),
                Put::In(_) | Put::NoText => records.extend(noted.records),
            }
        }
        let made = records.iter().map(|record| record.instance.clone()).collect();
        self.write_lock(records, &note.forget)?;
        self.point();
        match note.request {
            Some(request) => {
                let ended = serde_json::to_vec(&Ended { request, made }).unwrap_or_default();
                self.own.put(ENDED, &ended, 0o666, false)?;
            }
            None => self.own.remove(ENDED)?,
        }
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
        bases.retain(|(base, _)| {
            !self.bases.read(base, store::LARGEST).is_ok_and(|text| text.is_some_and(|text| hash(&text) == *base))
        });
        bases
    }

    fn write_lock(&self, records: Vec<Record>, forget: &[String]) -> Result<()> {
        let mut lock = Store::open(self.root.path())?.lock;
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
        self.own.put(LOCK, write_lock(&lock)?.as_bytes(), 0o666, true)?;
        self.sweep_bases(&lock)
    }

    /// Removes bases that no entry names any more: one that is needed for another branch is in its history.
    fn sweep_bases(&self, lock: &Lock) -> Result<()> {
        let used: BTreeSet<&str> = lock.values().map(|entry| entry.base.as_str()).collect();
        let mut unused = self.bases.names()?;
        unused.retain(|name| !name.to_str().is_some_and(|name| used.contains(name)));
        on_all_cores(&unused, &self.root, |_, name| self.bases.remove(name)).map(drop)
    }

    fn remove_note(&self, name: &str) -> Result<()> {
        self.own.remove(name)?;
        self.own.sync()
    }
}

/// What became of a text.
enum Put {
    /// It is in its place, on this device.
    In(u64),
    /// The file is somebody else's by now.
    LeftAlone,
    /// The same, and a text that somebody saved before that is kept under this name.
    Kept(String),
    /// There was none.
    NoText,
}

fn changed_meanwhile(file: &Path) -> Trouble {
    Trouble::new(format!("write {}", file.display()), "it was changed meanwhile").kind(Kind::Busy)
}
