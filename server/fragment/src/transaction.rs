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
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

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
        let writer = Writer { root: root.to_path_buf(), _lock: lock, points_left: points_left.map(AtomicUsize::new) };
        let words = writer.recover()?;
        Ok((writer, words))
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
            self.sweep_bases(&Store::open(&self.root)?.lock)?;
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
    pub fn commit(&self, changes: Vec<Change>, forget: &[Key]) -> Result<()> {
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

    fn prepare(&self, changes: &[Change]) -> Result<()> {
        let bases = self.missing_bases(changes);
        let are_few = changes.len() + bases.len() <= FEW;
        let texts: Vec<(&Change, &str)> = changes.iter().filter_map(|change| Some((change, change.to.as_deref()?))).collect();
        // Two halves that do not wait for one another: the bases are all in one folder, which takes one new file at a time.
        let mut folders = std::thread::scope(|scope| {
            let bases = scope.spawn(|| -> Result<()> {
                bases.iter().try_for_each(|(base, text)| {
                    write_base(&self.root.join(BASES).join(base), text, are_few)?;
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
        folders.insert(self.root.join(BASES));
        if are_few {
            folders.iter().try_for_each(|folder| sync_folder(folder))?
        } else {
            sync_file_systems(&folders)?
        }
        on_all_cores(changes, &self.root, |places, change| {
            let path = places.resolve(&change.file)?;
            let now = fs::read(&path).map_err(|error| Trouble::from_io(format!("read {} again", path.display()), &error))?;
            if hash(&now) != change.from {
                let attempted = format!("write {}", change.file.display());
                return Err(Trouble::new(attempted, "it was changed meanwhile; no file was written")
                    .kind(Kind::Busy)
                    .hint("run the same command again"));
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Removes what was prepared and not decided.
    fn take_back(&self, note: &Note) -> Result<()> {
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
    fn finish(&self, note: Note, trust: Trust) -> Result<Vec<PathBuf>> {
        let folders = on_all_cores(&note.files, &self.root, |places, noted| {
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
        let mut left_alone = Vec::new();
        let mut changed = BTreeSet::new();
        let mut records = Vec::new();
        for (noted, put) in note.files.into_iter().zip(folders) {
            match put {
                Put::LeftAlone => {
                    left_alone.push(noted.file);
                    continue;
                }
                Put::In(folder) => drop(changed.insert(folder)),
                Put::NoText => {}
            }
            records.extend(noted.records);
        }
        if changed.len() <= FEW {
            changed.iter().try_for_each(|folder| sync_folder(folder))?
        } else {
            sync_file_systems(&changed)?
        }
        self.write_lock(records, &note.forget)?;
        self.point();
        self.remove_own(COMMIT)?;
        self.point();
        Ok(left_alone)
    }

    /// The bases that entries will name and that are not there yet.
    fn missing_bases<'c>(&self, changes: &'c [Change]) -> Vec<(&'c str, &'c [u8])> {
        let mut bases: Vec<(&str, &[u8])> = changes
            .iter()
            .flat_map(|change| &change.records)
            .map(|record| (record.entry.base.as_str(), record.base.as_bytes()))
            .collect();
        bases.sort_unstable();
        bases.dedup();
        bases.retain(|(base, _)| !fs::read(self.root.join(BASES).join(base)).is_ok_and(|text| hash(&text) == *base));
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
        self.write_own(LOCK, write_lock(&lock)?.as_bytes())?;
        self.sweep_bases(&lock)
    }

    /// Removes bases that no entry names any more: one that is needed for another branch is in its history.
    fn sweep_bases(&self, lock: &Lock) -> Result<()> {
        let used: BTreeSet<&str> = lock.values().map(|entry| entry.base.as_str()).collect();
        let entries = fs::read_dir(self.root.join(BASES)).into_iter().flatten().flatten();
        let unused = entries.filter(|entry| !entry.file_name().to_str().is_some_and(|name| used.contains(name)));
        let unused: Vec<PathBuf> = unused.map(|entry| entry.path()).collect();
        on_all_cores(&unused, &self.root, |_, path| remove(path)).map(drop)
    }

    /// Writes a file of Seed's own beside its place and renames it, durable.
    fn write_own(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.root.join(name);
        let io = |error: std::io::Error| Trouble::from_io(format!("write {}", path.display()), &error);
        let temporary = temporary_of(&path);
        remove(&temporary)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary).map_err(io)?;
        file.write_all(content).map_err(io)?;
        file.sync_all().map_err(io)?;
        fs::rename(&temporary, &path).map_err(io)?;
        sync_folder(path.parent().unwrap_or(&self.root))
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
    let io = |error: std::io::Error| Trouble::from_io(format!("write {}", path.display()), &error);
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

/// Paths of a project. Whether a folder leads out of it is asked once for all files in it that follow one another.
struct Places<'a> {
    root: &'a Path,
    last: Option<(PathBuf, PathBuf)>,
}

impl Places<'_> {
    /// As [`place::resolve`].
    fn resolve(&mut self, file: &Path) -> Result<PathBuf> {
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let last = self.last.as_ref().filter(|(last, _)| *last == folder);
        if let (Some((_, path)), Some(Component::Normal(name))) = (last, file.components().next_back()) {
            return Ok(path.join(name));
        }
        let path = place::resolve(self.root, file)?;
        self.last = path.parent().map(|parent| (folder, parent.to_path_buf()));
        Ok(path)
    }
}

/// Does the same with all of them, a piece of them on each core. Gives what came of each, in their order, or the first trouble.
fn on_all_cores<I: Sync, T: Send>(
    items: &[I],
    root: &Path,
    work: impl Fn(&mut Places<'_>, &I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let work_on = |some: &[I]| -> Result<Vec<T>> {
        let mut places = Places { root, last: None };
        some.iter().map(|item| work(&mut places, item)).collect()
    };
    if items.len() <= FEW {
        return work_on(items);
    }
    let pieces: Vec<Result<Vec<T>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = items.chunks(items.len().div_ceil(cores)).map(|some| scope.spawn(|| work_on(some))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut all = Vec::with_capacity(items.len());
    for piece in pieces {
        all.extend(piece?);
    }
    Ok(all)
}

/// Writes a base under its own name: one that is not whole is known by its hash.
fn write_base(path: &Path, content: &[u8], durable: bool) -> Result<()> {
    let io = |error: std::io::Error| Trouble::from_io(format!("write {}", path.display()), &error);
    let create = || OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match create() {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            remove(path)?;
            create()
        }
        other => other,
    }
    .map_err(io)?;
    file.write_all(content).map_err(io)?;
    if durable { file.sync_all().map_err(io) } else { Ok(()) }
}

/// Writes a text beside its file, with the file's mode and owner.
fn write_beside(path: &Path, content: &[u8], durable: bool) -> Result<()> {
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
    if durable { file.sync_all().map_err(io) } else { Ok(()) }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Trouble::from_io(format!("remove {}", path.display()), &error))
        }
        _ => Ok(()),
    }
}

/// Brings the file systems that these folders are on to the disk.
fn sync_file_systems(folders: &BTreeSet<PathBuf>) -> Result<()> {
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
