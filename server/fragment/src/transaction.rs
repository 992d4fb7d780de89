//! Many files written as one: all of them or none, also when the process is killed in between.
//!
//! 1. What is to be written is noted in `.seed/transaction.prepare`, on the disk.
//! 2. Each text is written beside its file, with its mode and owner, and all are on the disk.
//! 3. Each file must still be what the new text was made from.
//! 4. The note is renamed to `.seed/transaction.commit`: from here on it is done, whatever happens.
//! 5. Each text is renamed over its file, the lock is written, and the note removed.
//!
//! A run that finds the first note takes the texts away again; one that finds the second goes on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use seed_role::Trouble;
use seed_role::host::temporary_of;
use seed_role::trouble::{Kind, Result};
use serde::{Deserialize, Serialize};

use crate::judge::Record;
use crate::marker::Key;
use crate::place;
use crate::store::{BASES, FOLDER, LOCK, Lock, Store, hash, write_lock};

const PREPARE: &str = ".seed/transaction.prepare";
const COMMIT: &str = ".seed/transaction.commit";

/// Up to how many files each is synced on its own; more are synced with their whole file system.
const FEW: usize = 32;

/// A file to be written.
#[derive(Debug)]
pub struct Change {
    /// Its path, relative to the project.
    pub file: PathBuf,
    /// The hash of what it holds now.
    pub from: String,
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
    _lock: Flock<File>,
    /// After how many more points the process kills itself, for the tests of what a stop leaves.
    points_left: Option<usize>,
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
    root.join(PREPARE).exists() || root.join(COMMIT).exists()
}

impl Writer {
    /// Takes it, and finishes or takes back what an earlier process left. The words tell which, if anything.
    ///
    /// # Errors
    ///
    /// [`Kind::Busy`] when another process has it, and what the system says otherwise.
    pub fn take(root: &Path) -> Result<(Writer, Option<String>)> {
        let folder = root.join(FOLDER);
        let attempted = || format!("change the fragments of {}", root.display());
        let io = |error: std::io::Error| Trouble::from_io(attempted(), &error);
        fs::create_dir_all(root.join(BASES)).map_err(io)?;
        for own in [folder.clone(), root.join(BASES)] {
            if fs::symlink_metadata(&own).map_err(io)?.is_symlink() {
                return Err(Trouble::new(attempted(), format!("{} is a symbolic link", own.display())).kind(Kind::Unsafe));
            }
        }
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "/lock\n/pending/\n/transaction.*\n").map_err(io)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(io)?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            nix::errno::Errno::EWOULDBLOCK => {
                Trouble::new(attempted(), "another seed is changing them").kind(Kind::Busy).hint("wait until it has ended")
            }
            other => Trouble::from_errno(attempted(), other),
        })?;
        let points_left = std::env::var("SEED_FAILPOINT").ok().and_then(|point| point.strip_prefix("fragment:")?.parse().ok());
        let mut writer = Writer { root: root.to_path_buf(), _lock: lock, points_left };
        let words = writer.recover()?;
        Ok((writer, words))
    }

    /// A moment at which a stop differs from one at the moment before.
    fn point(&mut self) {
        if let Some(left) = &mut self.points_left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                // The failpoint: as if the power went now.
                let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
            }
        }
    }

    fn recover(&mut self) -> Result<Option<String>> {
        let read = |name: &str| -> Result<Option<Note>> {
            let path = self.root.join(name);
            let attempted = || format!("finish the update that was interrupted ({name})");
            let text = match fs::read(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Trouble::from_io(attempted(), &error)),
            };
            let note = serde_json::from_slice(&text).map_err(|error| {
                Trouble::new(attempted(), format!("the note is damaged: {error}"))
                    .hint("look at the files beside it, then remove it by hand")
            })?;
            Ok(Some(note))
        };
        let (prepared, committed) = (read(PREPARE)?, read(COMMIT)?);
        if let Some(note) = prepared {
            self.take_back(&note)?;
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
    /// When a file is no longer what its new text was made from, and what the system says. Nothing is changed then.
    pub fn commit(&mut self, changes: Vec<Change>, forget: &[Key]) -> Result<()> {
        self.write_bases(&changes)?;
        self.point();
        let noted = |change: &Change| Noted {
            file: change.file.clone(),
            from: change.from.clone(),
            to: change.to.as_ref().map(|text| hash(text.as_bytes())),
            records: change.records.clone(),
        };
        let note = Note { files: changes.iter().map(noted).collect(), forget: forget.iter().map(Key::to_string).collect() };
        let text = serde_json::to_vec(&note).map_err(|error| Trouble::new("note what is to be written", error.to_string()))?;
        self.write_own(PREPARE, &text)?;
        self.point();
        if let Err(trouble) = self.prepare(&changes) {
            self.take_back(&note)?;
            self.sweep_bases(&Store::open(&self.root)?.lock)?;
            return Err(trouble);
        }
        self.point();
        self.rename(PREPARE, COMMIT)?;
        self.point();
        self.finish(note, Trust::JustWritten).map(|_| ())
    }

    fn prepare(&mut self, changes: &[Change]) -> Result<()> {
        let are_few = changes.len() <= FEW;
        let mut devices = BTreeMap::new();
        for change in changes {
            let Some(text) = &change.to else { continue };
            let path = place::resolve(&self.root, &change.file)?;
            let device = write_beside(&path, text.as_bytes(), are_few)?;
            devices.entry(device).or_insert_with(|| path.parent().unwrap_or(&self.root).to_path_buf());
            self.point();
        }
        if !are_few {
            devices.values().try_for_each(|folder| sync_file_system(folder))?;
        }
        for change in changes {
            let path = place::resolve(&self.root, &change.file)?;
            let now = fs::read(&path).map_err(|error| Trouble::from_io(format!("read {} again", path.display()), &error))?;
            if hash(&now) != change.from {
                let attempted = format!("write {}", change.file.display());
                return Err(Trouble::new(attempted, "it was changed meanwhile; no file was written")
                    .kind(Kind::Busy)
                    .hint("run the same command again"));
            }
        }
        Ok(())
    }

    /// Removes what was prepared and not decided.
    fn take_back(&mut self, note: &Note) -> Result<()> {
        for noted in note.files.iter().filter(|noted| noted.to.is_some()) {
            // A folder that is gone has nothing in it to take away, and what is no file was not put there by Seed.
            let temporary = place::resolve(&self.root, &noted.file).map(|path| temporary_of(&path));
            if let Some(temporary) = temporary.ok().filter(|path| fs::symlink_metadata(path).is_ok_and(|there| there.is_file())) {
                remove(&temporary)?;
            }
        }
        self.remove_own(PREPARE)
    }

    /// Does what was decided, from wherever it was left. Gives the files that somebody else has changed since.
    fn finish(&mut self, note: Note, trust: Trust) -> Result<Vec<PathBuf>> {
        let mut left_alone = Vec::new();
        let mut folders = BTreeSet::new();
        let mut records = Vec::new();
        for noted in note.files {
            if let Some(to) = &noted.to {
                match self.put_in_place(&noted.file, &noted.from, to, trust)? {
                    Some(folder) => folders.insert(folder),
                    None => {
                        left_alone.push(noted.file);
                        continue;
                    }
                };
                self.point();
            }
            records.extend(noted.records);
        }
        sync_folders(&folders)?;
        self.write_lock(records, &note.forget)?;
        self.point();
        self.remove_own(COMMIT)?;
        self.point();
        Ok(left_alone)
    }

    /// Renames a text over its file, unless that is done or the file is somebody else's by now. Gives the folder.
    fn put_in_place(&self, file: &Path, from: &str, to: &str, trust: Trust) -> Result<Option<PathBuf>> {
        let path = place::resolve(&self.root, file)?;
        let temporary = temporary_of(&path);
        let folder = path.parent().unwrap_or(&self.root).to_path_buf();
        let hash_of = |path: &Path| fs::read(path).ok().map(|text| hash(&text));
        if trust == Trust::JustWritten {
            fs::rename(&temporary, &path).map_err(|error| Trouble::from_io(format!("write {}", path.display()), &error))?;
            return Ok(Some(folder));
        }
        match hash_of(&path) {
            Some(now) if now == from && hash_of(&temporary).as_deref() == Some(to) => {
                let io = |error: std::io::Error| Trouble::from_io(format!("write {}", path.display()), &error);
                fs::rename(&temporary, &path).map_err(io)?;
            }
            Some(now) if now == to => remove(&temporary)?,
            _ => {
                remove(&temporary)?;
                return Ok(None);
            }
        }
        Ok(Some(folder))
    }

    /// Writes the bases that are not there yet, all durable before any entry names one.
    fn write_bases(&self, changes: &[Change]) -> Result<()> {
        let mut missing = BTreeMap::new();
        for record in changes.iter().flat_map(|change| &change.records) {
            missing.entry(record.entry.base.as_str()).or_insert(record.base.as_bytes());
        }
        missing.retain(|base, _| !fs::read(self.root.join(BASES).join(base)).is_ok_and(|text| hash(&text) == *base));
        let are_few = missing.len() <= FEW;
        for (base, text) in &missing {
            let name = format!("{BASES}/{base}");
            if are_few { self.write_own(&name, text)? } else { self.place_own(&name, text, false)? }
        }
        if are_few { Ok(()) } else { sync_file_system(&self.root.join(BASES)) }
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
        self.write_own(LOCK, write_lock(&lock)?.as_bytes())?;
        self.sweep_bases(&lock)
    }

    /// Removes bases that no entry names any more: one that is needed for another branch is in its history.
    fn sweep_bases(&self, lock: &Lock) -> Result<()> {
        let used: BTreeSet<&str> = lock.values().map(|entry| entry.base.as_str()).collect();
        for entry in fs::read_dir(self.root.join(BASES)).into_iter().flatten().flatten() {
            if !entry.file_name().to_str().is_some_and(|name| used.contains(name)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes a file of Seed's own, durable.
    fn write_own(&self, name: &str, content: &[u8]) -> Result<()> {
        self.place_own(name, content, true)?;
        sync_folder(self.root.join(name).parent().unwrap_or(&self.root))
    }

    /// Writes a file of Seed's own beside its place and renames it.
    fn place_own(&self, name: &str, content: &[u8], durable: bool) -> Result<()> {
        let path = self.root.join(name);
        let io = |error: std::io::Error| Trouble::from_io(format!("write {}", path.display()), &error);
        let temporary = temporary_of(&path);
        remove(&temporary)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary).map_err(io)?;
        file.write_all(content).map_err(io)?;
        if durable {
            file.sync_all().map_err(io)?;
        }
        fs::rename(&temporary, &path).map_err(io)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let io = |error: std::io::Error| Trouble::from_io(format!("write {to}"), &error);
        fs::rename(self.root.join(from), self.root.join(to)).map_err(io)?;
        sync_folder(&self.root.join(FOLDER))
    }

    fn remove_own(&self, name: &str) -> Result<()> {
        remove(&self.root.join(name))?;
        sync_folder(&self.root.join(FOLDER))
    }
}

/// Writes a text beside its file, with the file's mode and owner. Gives the device that it is on.
fn write_beside(path: &Path, content: &[u8], durable: bool) -> Result<u64> {
    let io = |error: std::io::Error| Trouble::from_io(format!("write {}", path.display()), &error);
    let there = fs::symlink_metadata(path).map_err(io)?;
    if !there.is_file() {
        return Err(Trouble::new(format!("write {}", path.display()), "it is no regular file").kind(Kind::Unsafe));
    }
    let temporary = temporary_of(path);
    remove(&temporary)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(io)?;
    file.write_all(content).map_err(io)?;
    let ours = file.metadata().map_err(io)?;
    if (ours.uid(), ours.gid()) != (there.uid(), there.gid()) {
        std::os::unix::fs::fchown(&file, Some(there.uid()), Some(there.gid())).map_err(io)?;
    }
    file.set_permissions(fs::Permissions::from_mode(there.mode() & 0o7777)).map_err(io)?;
    if durable {
        file.sync_all().map_err(io)?;
    }
    Ok(ours.dev())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Trouble::from_io(format!("remove {}", path.display()), &error))
        }
        _ => Ok(()),
    }
}

fn sync_folders(folders: &BTreeSet<PathBuf>) -> Result<()> {
    if folders.len() <= FEW {
        return folders.iter().try_for_each(|folder| sync_folder(folder));
    }
    let io = |error: std::io::Error| Trouble::from_io("write folders to the disk", &error);
    let mut devices = BTreeSet::new();
    for folder in folders {
        if devices.insert(fs::metadata(folder).map_err(io)?.dev()) {
            sync_file_system(folder)?;
        }
    }
    Ok(())
}

/// Brings all of a file system to the disk: faster than one file after the other where they are many.
fn sync_file_system(folder: &Path) -> Result<()> {
    let attempted = || format!("write the file system of {} to the disk", folder.display());
    let file = File::open(folder).map_err(|error| Trouble::from_io(attempted(), &error))?;
    nix::unistd::syncfs(&file).map_err(|errno| Trouble::from_errno(attempted(), errno))
}

fn sync_folder(folder: &Path) -> Result<()> {
    let io = |error: std::io::Error| Trouble::from_io(format!("write the folder {} to the disk", folder.display()), &error);
    File::open(folder).and_then(|file| file.sync_all()).map_err(io)
}
