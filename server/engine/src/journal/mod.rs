//! The journal: what was intended, what came of it, and what was there before.
//!
//! One folder a spec, under the state folder: `journal` (records, a line each with a checksum, appended and synced before what they
//! announce), `ledger` (what the records come to, a cache that is made anew when it is missing or damaged), `blobs/` (old
//! contents, by their hash), `spec` (whose journal it is) and `lock`.

pub mod below;
mod blobs;
mod clock;
pub mod damage;
pub mod file;
mod guard;
pub mod key;
pub mod ledger;
mod line;
mod lock;
mod moved;
mod read;
pub mod record;
mod rotate;
pub mod spec;
mod state;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use nix::errno::Errno;
use nix::fcntl::Flock;
use seed_role::attrs::Observation;
use seed_role::host::Host;
use seed_role::trouble::{Kind, Result, Trouble};

pub use blobs::{fingerprint, recall, unpack};
pub use clock::now;
pub use damage::Damage;
pub use ledger::Ledger;
use read::{Extent, JOURNAL, LEDGER, Tail};
pub use read::{History, history};
pub use record::{Outcome, Record};
pub use spec::{Located, Note, folder_of, locate};
pub use state::{is_kept_by_root, state_folder, user_who_keeps};

/// The state folder that the folder of a journal is in; see [`folder_of`].
pub fn state_folder_of(folder: &Path) -> Option<&Path> {
    folder.parent()?.parent()
}

/// Reads what the journal in a folder comes to, without locking it. Damage is no error: the ledger tells of it.
///
/// # Errors
///
/// When it cannot be read, or, as root, others can write it. A missing one is empty.
pub fn read(folder: &Path) -> Result<Ledger> {
    read::load(folder).map(|loaded| loaded.ledger)
}

/// The same for a spec whose journal was found: with what moved along with the spec in its new place.
///
/// # Errors
///
/// As [`read`].
pub fn read_located(located: &Located, note: &Note, host: &dyn Host) -> Result<Ledger> {
    let mut ledger = read(&located.folder)?;
    let then = Note::read(&located.folder)?;
    if let Some(then) = then.filter(|then| then.path != note.path) {
        ledger.moved = moved::along(&ledger, &history(&located.folder)?.records, &then, &note.path, host);
    }
    if let Some(moved) = ledger.moved.clone() {
        ledger.take(&moved);
    }
    Ok(ledger)
}

/// A journal that is locked for writing.
pub struct Journal {
    folder: PathBuf,
    inner: Mutex<Inner>,
    /// Held as long as the journal is open.
    _lock: Flock<File>,
    /// The number of this run.
    pub run: u64,
    /// What is to be noted of the spec when the run begins.
    note: Option<Note>,
}

struct Inner {
    file: File,
    ledger: Ledger,
    extent: Extent,
    /// Whether lines of it are damaged or missing.
    broken: bool,
    /// Whether there may be blobs that nothing needs: some were written, or an earlier run did not reach its end.
    has_new_blobs: bool,
    /// The folders that were made on the way to roles; none until somebody asks.
    made: Option<HashSet<PathBuf>>,
    /// After how many more records the process kills itself: see `doc/testing.md`.
    kill_after: Option<u64>,
}

impl Journal {
    /// Opens the journal in a folder for a new run, and locks it. Nothing is written before [`Journal::begin`].
    ///
    /// # Errors
    ///
    /// [`Kind::Busy`] when another process has it, and what the system says otherwise.
    pub fn open(folder: &Path) -> Result<Journal> {
        state::make(folder).map_err(|error| not_opened(folder, &error))?;
        match Journal::open_in(folder, folder)? {
            Some(journal) => Ok(journal),
            None => Err(Trouble::new(attempt(folder), "it was moved away meanwhile").kind(Kind::Busy)),
        }
    }

    /// Opens the journal of a spec. One that was kept by another path is kept by that of this spec from now on, with what moved
    /// along in its new place: whatever moment this is interrupted at, it is found again. None if another run has moved it meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub fn open_located(located: &Located, note: &Note, host: &dyn Host) -> Result<Option<Journal>> {
        let Located { folder, own, .. } = located;
        if folder == own {
            state::make(own).map_err(|error| not_opened(own, &error))?;
        }
        let Some(mut journal) = Journal::open_in(folder, own)? else { return Ok(None) };
        let then = Note::read(own)?;
        if let Some(then) = then.as_ref().filter(|then| then.path != note.path) {
            let records = history(own)?.records;
            let moved = journal.with_ledger(|ledger| moved::along(ledger, &records, then, &note.path, host));
            journal.write(moved.as_slice(), true)?;
            note.write(own)?;
        } else if then.as_ref() != Some(note) {
            journal.note = Some(note.clone());
        }
        Ok(Some(journal))
    }

    /// Locks what lies in `folder`, moves it to where it belongs, and reads it.
    fn open_in(folder: &Path, own: &Path) -> Result<Option<Journal>> {
        let io = |error: std::io::Error| not_opened(own, &error);
        guard::require_own_folder(folder)?;
        let busy = |errno: Errno| match errno {
            Errno::EWOULDBLOCK => Trouble::new(attempt(own), "another `seed` is working on this spec")
                .kind(Kind::Busy)
                .hint("wait until it is done, or stop it"),
            other => Trouble::from_errno(attempt(own), other),
        };
        let lock = match lock::of(folder) {
            Err(Errno::ENOENT) if folder != own => return Ok(None),
            locked => locked.map_err(busy)?,
        };
        let Some(lock) = lock else { return Ok(None) };
        if folder != own {
            take_over(folder, own).map_err(io)?;
        }
        let loaded = read::load(own)?;
        let path = own.join(JOURNAL);
        let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&path).map_err(io)?;
        guard::require_own_file(&file, &path)?;
        let mut extent = loaded.extent;
        match loaded.tail {
            Tail::Ended => {}
            Tail::Unended => end_line(&mut file, &mut extent).map_err(io)?,
            // What an interruption cut off was not begun.
            Tail::Torn => file.set_len(extent.bytes).map_err(io)?,
        }
        let kill_after = std::env::var("SEED_FAILPOINT").ok().and_then(|point| point.strip_prefix("journal:")?.parse().ok());
        let ledger = loaded.ledger;
        let run = ledger.last_run + 1;
        let has_new_blobs = run > 1 && !ledger.closed;
        let inner = Inner { file, ledger, extent, broken: loaded.broken, has_new_blobs, made: None, kill_after };
        Ok(Some(Journal { folder: own.to_path_buf(), inner: Mutex::new(inner), _lock: lock, run, note: None }))
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The ledger as it is now.
    pub fn ledger(&self) -> Ledger {
        self.inner().ledger.clone()
    }

    /// The number of a backup that is about to be made. None has it twice, also where several are made at once.
    pub fn number_backup(&self) -> u64 {
        let mut inner = self.inner();
        inner.ledger.last_backup += 1;
        inner.ledger.last_backup
    }

    /// Asks the ledger.
    pub fn with_ledger<T>(&self, ask: impl FnOnce(&Ledger) -> T) -> T {
        ask(&self.inner().ledger)
    }

    /// Notes where else it may be known what was made, while this journal knows nothing.
    pub(crate) fn note_elsewhere(&self, elsewhere: Option<String>) {
        let ledger = &mut self.inner().ledger;
        if ledger.knows_nothing() {
            ledger.elsewhere = elsewhere;
        }
    }

    /// Whether a folder was made on the way to a role that is still known, or that this run removes.
    pub fn has_made(&self, folder: &Path) -> bool {
        let Inner { ledger, made, .. } = &mut *self.inner();
        made.get_or_insert_with(|| all_made(ledger)).contains(folder)
    }

    /// Begins the run; for a repair, with the roles that have drifted.
    ///
    /// # Errors
    ///
    /// As [`Journal::write`].
    pub fn begin(&self, command: &str, digest: &str, drifted: Vec<String>) -> Result<()> {
        let run = Record::Run { id: self.run, time: now(), command: command.into(), digest: digest.into(), drifted };
        // Where there is a note, a run was begun: that must not be the first to reach the disk.
        self.write(&[run], self.note.is_some())?;
        let Some(note) = &self.note else { return Ok(()) };
        note.write(&self.folder)?;
        if let Some(state_folder) = state_folder_of(&self.folder).filter(|_| self.run == 1) {
            spec::remove_empty(state_folder, now());
        }
        Ok(())
    }

    /// Writes records; with `durable` they are on the disk when this returns.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails. Nothing that the records announce may then be done.
    pub fn write(&self, records: &[Record], durable: bool) -> Result<()> {
        let mut inner = self.inner();
        let mut text = Vec::new();
        let mut killed = false;
        let mut number = inner.extent.number;
        for record in records {
            number += 1;
            let start = text.len();
            line::encode(&mut text, number, record).map_err(|error| Trouble::new("write the journal", error.to_string()))?;
            if let Some(left) = &mut inner.kill_after {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    killed = true;
                    if matches!(record, Record::Reported) {
                        // Behind it is the exit, and no kill differs from that.
                        text.truncate(start);
                    }
                    break;
                }
            }
        }
        let io = |error: std::io::Error| Trouble::from_io(format!("write the journal in {}", self.folder.display()), &error);
        if let Err(error) = inner.file.write_all(&text) {
            // A part of it would be taken for damage once something follows.
            let _ = inner.file.set_len(inner.extent.bytes);
            return Err(io(error));
        }
        if killed {
            // The failpoint: as if the power went right behind this record.
            let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        }
        if durable {
            inner.file.sync_data().map_err(io)?;
        }
        inner.extent.number = number;
        inner.extent.lines += records.len() as u64;
        inner.extent.extend(&text);
        for record in records {
            if let (Record::Step { made: new, .. }, Some(made)) = (record, &mut inner.made) {
                made.extend(new.iter().cloned());
            }
            if let (Record::Unmade { folders, .. }, Some(made)) = (record, &mut inner.made) {
                made.retain(|folder| !folders.contains(folder));
            }
            // What still stands of a role that goes was left for another one, which comes.
            if let Record::End { role, outcome: Outcome::Returned, .. } = record
                && inner.made.is_none()
                && inner.ledger.get(role).is_some_and(|owned| !owned.made.is_empty())
            {
                inner.made = Some(all_made(&inner.ledger));
            }
            inner.ledger.take(record);
        }
        Ok(())
    }

    /// Ends the run: all of it is durable, and the ledger is written anew. Where the journal has become long, the oldest runs go; what
    /// was kept for them alone goes with them.
    ///
    /// # Errors
    ///
    /// As [`Journal::write`].
    pub fn close(&self, status: &str) -> Result<()> {
        self.write(&[Record::Close { id: self.run, status: status.into() }], true)?;
        let inner = &mut *self.inner();
        if inner.broken && inner.ledger.damage.is_empty() {
            self.keep_damaged()?;
            let known = inner.ledger.records();
            self.begin_anew(inner, &known)?;
            inner.broken = false;
        } else if !inner.broken && rotate::is_due(inner.extent.bytes, inner.extent.begun, inner.ledger.runs) {
            let keep = Note::read(&self.folder)?.map_or(seed_spec::analysis::DEFAULT_KEEP, |note| note.keep);
            let records = rotate::begin_anew(&history(&self.folder)?.records, now().saturating_sub(keep / 1000));
            self.begin_anew(inner, &records)?;
        }
        self.put_snapshot(inner)?;
        if std::mem::take(&mut inner.has_new_blobs) && inner.ledger.damage.is_empty() {
            blobs::remove_others(&self.folder, &rotate::needed_blobs(&inner.ledger, &history(&self.folder)?.records));
            file::remove_temporary(&self.folder, &[JOURNAL, LEDGER, spec::NOTE]);
        }
        Ok(())
    }

    /// Notes that whoever asked for the last run has learned of its end. It changes nothing but what the next undo takes back. Nothing may
    /// be left to do but to exit.
    ///
    /// # Errors
    ///
    /// As [`Journal::write`].
    pub fn note_reported(&self) -> Result<()> {
        let is_due = self.with_ledger(|ledger| ledger.closed && !ledger.reported);
        if is_due { self.write(&[Record::Reported], false) } else { Ok(()) }
    }

    fn put_snapshot(&self, inner: &mut Inner) -> Result<()> {
        let snapshot = inner.ledger.snapshot(&inner.extent);
        // An older one covers less of the journal, and the rest is read line by line.
        file::replace_soon(&self.folder.join(LEDGER), snapshot.as_bytes())
            .map_err(|error| Trouble::from_io(format!("write the ledger in {}", self.folder.display()), &error))
    }

    /// Puts other records in the place of all that there are. They are durable when this returns.
    fn begin_anew(&self, inner: &mut Inner, records: &[Record]) -> Result<()> {
        let path = self.folder.join(JOURNAL);
        let io = |error: std::io::Error| Trouble::from_io(format!("begin a new journal in {}", path.display()), &error);
        let mut text = Vec::new();
        let mut extent = Extent { number: inner.extent.number, lines: records.len() as u64, ..Extent::default() };
        let mut ledger = Ledger::default();
        for record in records {
            extent.number += 1;
            line::encode(&mut text, extent.number, record).map_err(|error| io(error.into()))?;
            ledger.take(record);
        }
        extent.extend(&text);
        extent.begun = extent.bytes;
        file::replace(&path, &text).map_err(io)?;
        inner.file = OpenOptions::new().append(true).read(true).open(&path).map_err(io)?;
        inner.extent = extent;
        inner.ledger = ledger;
        inner.has_new_blobs = true;
        Ok(())
    }

    /// Keeps the damaged journal beside the one that takes its place.
    fn keep_damaged(&self) -> Result<()> {
        let (path, copy) = (self.folder.join(JOURNAL), self.folder.join(format!("{JOURNAL}.damaged-{}", now())));
        match fs::hard_link(&path, &copy) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(Trouble::from_io(format!("keep the damaged journal as {}", copy.display()), &error))
            }
            _ => Ok(()),
        }
    }

    /// An observation as the journal keeps it: long texts go to blobs, which are durable when this returns.
    ///
    /// # Errors
    ///
    /// When a blob cannot be written.
    pub fn pack(&self, observation: &Observation) -> Result<Observation> {
        let (packed, any) = blobs::pack(&self.folder, observation)?;
        self.inner().has_new_blobs |= any;
        Ok(packed)
    }
}

fn attempt(folder: &Path) -> String {
    format!("open the journal in {}", folder.display())
}

fn not_opened(folder: &Path, error: &std::io::Error) -> Trouble {
    Trouble::from_io(attempt(folder), error).hint("set SEED_STATE_DIR to use another folder")
}

/// Moves a journal to where the one of a moved spec belongs. What lies there was never begun.
fn take_over(folder: &Path, own: &Path) -> std::io::Result<()> {
    if own.exists() {
        lock::only_if_free(own, || if spec::is_begun(own) { Err(Errno::EEXIST.into()) } else { fs::remove_dir_all(own) })?;
    }
    fs::rename(folder, own)?;
    if let Some(parent) = own.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Ends a last line that only lacks its end.
fn end_line(file: &mut File, extent: &mut Extent) -> std::io::Result<()> {
    file.write_all(b"\n")?;
    file.seek(std::io::SeekFrom::Start(extent.bytes))?;
    let mut line = Vec::new();
    std::io::Read::read_to_end(file, &mut line)?;
    extent.extend(&line);
    extent.lines += 1;
    Ok(())
}

/// The folders that were made on the way to roles.
fn all_made(ledger: &Ledger) -> HashSet<PathBuf> {
    ledger.names().filter_map(|name| ledger.get(name)).flat_map(|owned| owned.made).collect()
}
