//! The journal: what was intended, what came of it, and what was there before.
//!
//! One folder a spec, under the state folder: `journal` (records, a line each, appended and synced before what they
//! announce), `ledger` (what the records come to, a cache that is made anew when it is missing), `blobs/` (old
//! contents, by their hash) and `lock`.

pub mod below;
pub mod file;
pub mod key;
pub mod ledger;
pub mod record;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use seed_role::attrs::{Attrs, Observation};
use seed_role::trouble::{Kind, Result, Trouble};
use serde_json::{Value as Json, json};

pub use ledger::Ledger;
pub use record::{Outcome, Record};

/// Texts longer than this, in bytes, stand in the journal by their hash.
const LONG: usize = 256;
/// The journal is begun anew once it is longer than this, in bytes.
const ROTATE: u64 = 8 << 20;

/// The state folder of root.
const ROOTS: &str = "/var/lib/seed";

/// Whether root, and not this user, has a journal of a spec: then only root can tell what was made for it.
pub fn is_kept_by_root(spec: &Path) -> bool {
    let roots = Path::new(ROOTS);
    state_folder() != roots && folder_of(roots, spec).exists() && !folder_of(&state_folder(), spec).exists()
}

/// The state folder: `SEED_STATE_DIR`, or `/var/lib/seed` for root, or `$XDG_STATE_HOME/seed`.
pub fn state_folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("SEED_STATE_DIR") {
        return folder;
    }
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from(ROOTS);
    }
    let home = || set("HOME").unwrap_or_else(|| PathBuf::from("/")).join(".local/state");
    set("XDG_STATE_HOME").filter(|folder| folder.is_absolute()).unwrap_or_else(home).join("seed")
}

/// The folder of one spec's journal. The path tells specs apart, the name makes the folder readable.
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
    state_folder.join("specs").join(format!("{readable}-{}", &hash[..12]))
}

/// The state folder that the folder of a journal is in; see [`folder_of`].
pub fn state_folder_of(folder: &Path) -> Option<&Path> {
    folder.parent()?.parent()
}

/// Reads what the journal in a folder comes to, without locking it.
///
/// # Errors
///
/// When it cannot be read. A missing one is empty; a last line that an interruption cut off is no error.
pub fn read(folder: &Path) -> Result<Ledger> {
    let (mut ledger, covered) = snapshot_of(folder);
    let rest = read_from(folder, covered)?;
    replay(&rest, |record| ledger.take(&record));
    Ok(ledger)
}

/// Reads all records there are, oldest first.
///
/// # Errors
///
/// When the journal cannot be read.
pub fn records(folder: &Path) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    replay(&read_from(folder, 0)?, |record| records.push(record));
    Ok(records)
}

fn snapshot_of(folder: &Path) -> (Ledger, u64) {
    let text = fs::read_to_string(folder.join("ledger")).unwrap_or_default();
    let length = fs::metadata(folder.join("journal")).map_or(0, |metadata| metadata.len());
    // A snapshot that covers more than there is belongs to another journal.
    Ledger::from_snapshot(&text).filter(|(_, covered)| *covered <= length).unwrap_or_default()
}

fn read_from(folder: &Path, offset: u64) -> Result<Vec<u8>> {
    let path = folder.join("journal");
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| Trouble::from_io(format!("read the journal {}", path.display()), &error))
}

fn replay(bytes: &[u8], mut take: impl FnMut(Record)) {
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Ok(record) = serde_json::from_slice(line) {
            take(record);
        }
    }
}

/// A journal that is locked for writing.
pub struct Journal {
    folder: PathBuf,
    inner: Mutex<Inner>,
    /// Held as long as the journal is open.
    _lock: Flock<File>,
    /// The number of this run.
    pub run: u64,
}

struct Inner {
    file: File,
    ledger: Ledger,
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
        let attempt = || format!("open the journal in {}", folder.display());
        let io = |error: std::io::Error| Trouble::from_io(attempt(), &error).hint("SEED_STATE_DIR names another place for it");
        file::private_folder(folder).map_err(io)?;
        if folder.starts_with(ROOTS) {
            // Others may learn that there is a journal of a spec that they know, and nothing of what it says.
            for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(ROOTS)) {
                fs::set_permissions(above, fs::Permissions::from_mode(0o711)).map_err(io)?;
            }
        }
        let private = |path: &str| OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(folder.join(path));
        let lock = lock(private("lock").map_err(io)?).map_err(|errno| match errno {
            Errno::EWOULDBLOCK => Trouble::new(attempt(), "another seed is at work on this spec")
                .kind(Kind::Busy)
                .hint("wait until it has ended, or stop it with Ctrl-C there"),
            other => Trouble::from_errno(attempt(), other),
        })?;
        let ledger = read(folder)?;
        let mut file = private("journal").map_err(io)?;
        end_torn_line(&mut file).map_err(io)?;
        let kill_after = std::env::var("SEED_FAILPOINT").ok().and_then(|point| point.strip_prefix("journal:")?.parse().ok());
        let run = ledger.last_run + 1;
        Ok(Journal {
            folder: folder.to_path_buf(),
            inner: Mutex::new(Inner { file, ledger, made: None, kill_after }),
            _lock: lock,
            run,
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The ledger as it is now.
    pub fn ledger(&self) -> Ledger {
        self.inner().ledger.clone()
    }

    /// Asks the ledger.
    pub fn with_ledger<T>(&self, ask: impl FnOnce(&Ledger) -> T) -> T {
        ask(&self.inner().ledger)
    }

    /// Whether a folder was made on the way to a role that is still known.
    pub fn has_made(&self, folder: &Path) -> bool {
        let Inner { ledger, made, .. } = &mut *self.inner();
        let known = || ledger.names().filter_map(|name| ledger.get(name)).flat_map(|owned| owned.made).collect();
        made.get_or_insert_with(known).contains(folder)
    }

    /// Begins the run; for a repair, with the roles that have drifted.
    ///
    /// # Errors
    ///
    /// As [`Journal::write`].
    pub fn begin(&self, command: &str, digest: &str, drifted: Vec<String>) -> Result<()> {
        let run = Record::Run { id: self.run, time: now(), command: command.into(), digest: digest.into(), drifted };
        self.write(&[run], false)
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
        for record in records {
            if serde_json::to_writer(&mut text, record).is_err() {
                return Err(Trouble::new("write the journal", "a record cannot be written as JSON"));
            }
            text.push(b'\n');
            if let Some(left) = &mut inner.kill_after {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    killed = true;
                    break;
                }
            }
        }
        let io = |error: std::io::Error| Trouble::from_io(format!("write the journal in {}", self.folder.display()), &error);
        inner.file.write_all(&text).map_err(io)?;
        if killed {
            // The failpoint: as if the power went right behind this record.
            let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        }
        if durable {
            inner.file.sync_data().map_err(io)?;
        }
        for record in records {
            if let (Record::Step { made: new, .. }, Some(made)) = (record, &mut inner.made) {
                made.extend(new.iter().cloned());
            }
            inner.ledger.take(record);
        }
        Ok(())
    }

    /// Ends the run: all of it is durable, and the ledger is written anew.
    ///
    /// # Errors
    ///
    /// As [`Journal::write`].
    pub fn close(&self, status: &str) -> Result<()> {
        self.write(&[Record::Close { id: self.run, status: status.into() }], true)?;
        let mut inner = self.inner();
        let io = |error: std::io::Error| self.no_snapshot(&error);
        let mut length = inner.file.metadata().map_err(io)?.len();
        if length > ROTATE {
            let mut text = Vec::new();
            for record in inner.ledger.records() {
                serde_json::to_writer(&mut text, &record).map_err(|error| io(error.into()))?;
                text.push(b'\n');
            }
            let last =
                Record::Run { id: self.run, time: now(), command: "rotate".into(), digest: String::new(), drifted: Vec::new() };
            serde_json::to_writer(&mut text, &last).map_err(|error| io(error.into()))?;
            text.push(b'\n');
            length = text.len() as u64;
            // A ledger that covers the old journal must not be taken for one that covers the new.
            let _ = fs::remove_file(self.folder.join("ledger"));
            file::replace(&self.folder.join("journal"), &text).map_err(io)?;
            inner.file = OpenOptions::new().append(true).read(true).open(self.folder.join("journal")).map_err(io)?;
        }
        self.put_snapshot(&mut inner, length)
    }

    /// Writes a snapshot where the last run has ended and none says so. It changes nothing but what the next undo takes back.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn settle(&self) -> Result<()> {
        let mut inner = self.inner();
        if !inner.ledger.closed || inner.ledger.settled {
            return Ok(());
        }
        let length = inner.file.metadata().map_err(|error| self.no_snapshot(&error))?.len();
        self.put_snapshot(&mut inner, length)
    }

    fn no_snapshot(&self, error: &std::io::Error) -> Trouble {
        Trouble::from_io(format!("write the ledger in {}", self.folder.display()), error)
    }

    fn put_snapshot(&self, inner: &mut Inner, length: u64) -> Result<()> {
        let snapshot = inner.ledger.snapshot(length);
        // An older one covers less of the journal, and the rest is replayed.
        file::replace_soon(&self.folder.join("ledger"), snapshot.as_bytes()).map_err(|error| self.no_snapshot(&error))?;
        inner.ledger.settled = inner.ledger.closed;
        Ok(())
    }

    /// An observation as the journal keeps it: long texts go to blobs, which are durable when this returns.
    ///
    /// # Errors
    ///
    /// When a blob cannot be written.
    pub fn pack(&self, observation: &Observation) -> Result<Observation> {
        let Observation::Present(attrs) = observation else { return Ok(observation.clone()) };
        let mut packed = attrs.clone();
        for value in packed.0.values_mut() {
            if let Json::String(text) = value
                && text.len() > LONG
            {
                let hash = self.put_blob(text)?;
                *value = json!({ "$blob": hash });
            }
        }
        Ok(Observation::Present(packed))
    }

    fn put_blob(&self, text: &str) -> Result<String> {
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        let path = self.folder.join("blobs").join(&hash);
        if !path.exists() {
            file::replace(&path, text.as_bytes())
                .map_err(|error| Trouble::from_io(format!("keep the old content in {}", path.display()), &error))?;
        }
        Ok(hash)
    }
}

/// An observation as it was before [`Journal::pack`].
///
/// # Errors
///
/// When a blob is gone or was changed.
pub fn unpack(folder: &Path, observation: &Observation) -> Result<Observation> {
    let Observation::Present(attrs) = observation else { return Ok(observation.clone()) };
    let mut whole = attrs.clone();
    for value in whole.0.values_mut() {
        let Some(hash) = value.get("$blob").and_then(Json::as_str) else { continue };
        let path = folder.join("blobs").join(hash);
        let attempt = || format!("read the old content from {}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| Trouble::from_io(attempt(), &error))?;
        if blake3::hash(text.as_bytes()).to_hex().as_str() != hash {
            return Err(Trouble::new(attempt(), "it is not what was written there"));
        }
        *value = Json::String(text);
    }
    Ok(Observation::Present(whole))
}

/// Attributes with long texts as their hashes: enough to tell later whether they are still the same.
pub fn fingerprint(attrs: &Attrs) -> Attrs {
    let mut short = attrs.clone();
    for value in short.0.values_mut() {
        if let Json::String(text) = value
            && text.len() > LONG
        {
            *value = json!({ "$hash": blake3::hash(text.as_bytes()).to_hex().as_str() });
        }
    }
    short
}

/// Fingerprinted attributes with the texts filled in from what is seen now, where they are still the same.
pub fn recall(ours: &Attrs, seen: &Attrs) -> Attrs {
    let mut whole = ours.clone();
    for (name, value) in &mut whole.0 {
        let Some(hash) = value.get("$hash").and_then(Json::as_str) else { continue };
        if let Some(Json::String(text)) = seen.get(name)
            && blake3::hash(text.as_bytes()).to_hex().as_str() == hash
        {
            *value = Json::String(text.clone());
        }
    }
    whole
}

/// Locks a file for this process. A repair that is watched has its journal locked only for moments, so that is waited for.
fn lock(mut file: File) -> nix::Result<Flock<File>> {
    const PATIENCE: Duration = Duration::from_secs(1);
    const TRY_EVERY: Duration = Duration::from_millis(10);
    let end = Instant::now() + PATIENCE;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((unlocked, Errno::EWOULDBLOCK)) if Instant::now() < end => file = unlocked,
            Err((_, errno)) => return Err(errno),
        }
        std::thread::sleep(TRY_EVERY);
    }
}

/// Cuts off a last line that an interruption left without its end, so that the next record stands on its own.
fn end_torn_line(file: &mut File) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(());
    }
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_to_end(&mut tail)?;
    if tail != b"\n" { file.write_all(b"\n") } else { Ok(()) }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
