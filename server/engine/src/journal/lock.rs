//! The lock of a journal: one run at a time. The file lies in the journal's folder, and goes where that goes.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

const LOCK: &str = "lock";

/// Locks the journal in a folder that is there. A repair that is watched has its journal locked only for moments, so that is waited
/// for. None if the folder was moved away meanwhile.
///
/// # Errors
///
/// `EWOULDBLOCK` when another process has it, and what the system says.
pub(super) fn of(folder: &Path) -> nix::Result<Option<Flock<File>>> {
    const PATIENCE: Duration = Duration::from_secs(1);
    const TRY_EVERY: Duration = Duration::from_millis(10);
    let end = Instant::now() + PATIENCE;
    let mut file = open(folder)?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(is_still_there(&lock, folder).then_some(lock)),
            Err((unlocked, Errno::EWOULDBLOCK)) if Instant::now() < end => file = unlocked,
            Err((_, errno)) => return Err(errno),
        }
        std::thread::sleep(TRY_EVERY);
    }
}

/// Does something while no other process has the journal.
///
/// # Errors
///
/// `EWOULDBLOCK` at once when another process has it, and what the system says.
pub(super) fn only_if_free<T>(folder: &Path, run: impl FnOnce() -> std::io::Result<T>) -> std::io::Result<T> {
    let lock = Flock::lock(open(folder)?, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
    if !is_still_there(&lock, folder) {
        return Err(Errno::ENOENT.into());
    }
    run()
}

fn open(folder: &Path) -> nix::Result<File> {
    let file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(folder.join(LOCK));
    file.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
}

fn is_still_there(lock: &Flock<File>, folder: &Path) -> bool {
    let (Ok(held), Ok(there)) = (lock.metadata(), fs::metadata(folder.join(LOCK))) else { return false };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}
