//! Taking the place of a file, or taking it away, so that nothing is lost that somebody saves meanwhile.
//!
//! What is there is compared with what was confirmed; then it changes names with the new file in one step
//! (`RENAME_EXCHANGE`), and what came out is compared once more. If it differs it goes back.
//!
//! While that lasts, a *mark* beside the temporary file tells the two apart: a link that leads nowhere and whose text says by
//! what inode, length and time of change the new file and the one that was compared are known. So an interruption at any moment
//! can be sorted out: what came out and is not what was compared is somebody's, and goes back to its name.
//!
//! Limits. Who holds the old file open for writing longer than [`PATIENCE`] can write into what is removed. On a file system without
//! `RENAME_EXCHANGE` (FAT before Linux 6.0, some network file systems) a moment is left between the comparison and the rename.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, readlinkat, renameat, renameat2};
use nix::sys::signal::Signal;
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

use super::attributes::Attributes;
use super::files::{kind_of, rename_new};
use super::safety::Place;
use crate::host::before::{Before, Digest, difference, marker_of, spare_of};
use crate::host::{FileKind, Owner};

/// How long someone is waited for who is in the midst of writing into a file.
const PATIENCE: Duration = Duration::from_millis(200);
/// What the text of a mark begins with.
const MARK: &str = "seed:";
/// What stands in a mark for the new file where something is only taken away.
const NO_FILE: &str = "-";

/// Why it was not done.
pub(super) enum Stop {
    /// What the system said.
    Errno(Errno),
    /// It is not as it was confirmed; how.
    Changed(&'static str),
    /// The same, and a version of it that lost its name to a later one is kept at this path in the folder.
    Kept(&'static str, PathBuf),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Stop::Errno(errno)
    }
}

/// Puts what is under the temporary name in place of what was confirmed. Whatever comes of it, nothing stays under that name.
pub(super) fn put(place: &Place<'_>, temporary: &Path, before: &Before) -> Result<(), Stop> {
    let (ours, mark) = match swap(place, temporary, before) {
        Ok(None) => return Ok(()),
        Ok(Some(swapped)) => swapped,
        Err(stop) => {
            let _ = remove(place, temporary);
            return Err(stop);
        }
    };
    AFTER.pass();
    match compare_at_rest(place, temporary, before) {
        Ok(()) => {
            remove(place, temporary)?;
            Ok(mark.clear()?)
        }
        Err(stop) => Err(put_back(place, temporary, &ours, mark, stop)),
    }
}

/// Lets it change names with what was confirmed: then by what the new file is known, and the mark. None where it took its place for good.
fn swap<'a>(place: &'a Place<'a>, temporary: &Path, before: &Before) -> Result<Option<(String, Mark<'a>)>, Stop> {
    if *before == Before::Nothing {
        return match rename_new(place, temporary, place, place.name()) {
            Err(Errno::EEXIST) => Err(Stop::Changed("something has come to be there")),
            other => Ok(other.map(|()| None)?),
        };
    }
    let there = compare(place, place.name(), before)?;
    let ours = identity(&stat(place, temporary)?);
    let mark = Mark::set(place, temporary, &ours, &identity(&there))?;
    BEFORE.pass();
    match renameat2(place.folder(), temporary, place.folder(), place.name(), RenameFlags::RENAME_EXCHANGE) {
        Ok(()) => Ok(Some((ours, mark))),
        Err(errno) => {
            mark.clear()?;
            match errno {
                // A file system that cannot: it was compared right before.
                Errno::EINVAL | Errno::ENOSYS => {
                    Ok(renameat(place.folder(), temporary, place.folder(), place.name()).map(|()| None)?)
                }
                Errno::ENOENT => Err(Stop::Changed("it is gone")),
                errno => Err(errno.into()),
            }
        }
    }
}

/// Takes away what was confirmed.
pub(super) fn take(place: &Place<'_>, temporary: &Path, before: &Before) -> Result<(), Stop> {
    let there = compare(place, place.name(), before)?;
    if stat(place, temporary).is_ok() {
        settle(place, temporary)?;
    }
    let mark = Mark::set(place, temporary, NO_FILE, &identity(&there))?;
    BEFORE.pass();
    if let Err(errno) = rename_new(place, place.name(), place, temporary) {
        mark.clear()?;
        return Err(if errno == Errno::ENOENT { Stop::Changed("it is gone") } else { errno.into() });
    }
    AFTER.pass();
    match compare_at_rest(place, temporary, before) {
        Ok(()) => {
            remove(place, temporary)?;
            Ok(mark.clear()?)
        }
        Err(stop) => Err(put_back(place, temporary, NO_FILE, mark, stop)),
    }
}

/// Gives what came out and is not what was confirmed its name back.
fn put_back(place: &Place<'_>, temporary: &Path, ours: &str, mark: Mark<'_>, stop: Stop) -> Stop {
    let back = || -> nix::Result<Option<PathBuf>> {
        let kept = give_back(place, temporary, ours)?;
        mark.clear()?;
        Ok(kept)
    };
    match (back(), stop) {
        (Ok(Some(kept)), Stop::Changed(how)) => Stop::Kept(how, kept),
        (Ok(_), stop) => stop,
        (Err(errno), _) => Stop::Errno(errno),
    }
}

/// The same: where the new file has its name, both change names; where nothing has, it is renamed; where something else has, it stays
/// beside it under a name that is given back.
fn give_back(place: &Place<'_>, temporary: &Path, ours: &str) -> nix::Result<Option<PathBuf>> {
    let has_ours = |name: &Path| stat(place, name).is_ok_and(|there| identity(&there) == ours);
    if has_ours(place.name()) {
        renameat2(place.folder(), temporary, place.folder(), place.name(), RenameFlags::RENAME_EXCHANGE)?;
        quiet(place, temporary);
        if has_ours(temporary) {
            unlinkat(place.folder(), temporary, UnlinkatFlags::NoRemoveDir)?;
            return Ok(None);
        }
        // Somebody saved once more, between the two exchanges.
        return keep(place, temporary).map(Some);
    }
    match rename_new(place, temporary, place, place.name()) {
        Err(Errno::EEXIST) => keep(place, temporary).map(Some),
        other => other.map(|()| None),
    }
}

/// Keeps a version that has lost its name.
fn keep(place: &Place<'_>, temporary: &Path) -> nix::Result<PathBuf> {
    for number in 1.. {
        let spare = spare_of(place.name(), number);
        match rename_new(place, temporary, place, &spare) {
            Err(Errno::EEXIST) => {}
            other => return other.map(|()| spare),
        }
    }
    Err(Errno::EEXIST)
}

/// Sorts out what an interruption left of [`put`] and [`take`], or of a file that was being written. What came out and is what was
/// compared is removed, as it would have been; what somebody saved meanwhile goes back to its name, or stays under the one given back.
pub(super) fn settle(place: &Place<'_>, temporary: &Path) -> nix::Result<Option<PathBuf>> {
    let Some((ours, before)) = Mark::read(place, temporary)? else {
        // Not yet exchanged.
        remove(place, temporary)?;
        return Ok(None);
    };
    let kept = match stat(place, temporary) {
        Err(Errno::ENOENT) => None,
        Err(errno) => return Err(errno),
        Ok(left) => {
            let has_confirmed = stat(place, place.name()).is_ok_and(|there| identity(&there) == before);
            // A power failure can leave of a new file nothing but its name.
            let is_torn = has_confirmed && left.st_size == 0;
            if [&ours, &before].contains(&&identity(&left)) || is_torn {
                remove(place, temporary)?;
                None
            } else {
                give_back(place, temporary, &ours)?
            }
        }
    };
    remove(place, &marker_of(temporary))?;
    Ok(kept)
}

fn remove(place: &Place<'_>, name: &Path) -> nix::Result<()> {
    match unlinkat(place.folder(), name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(()),
        other => other,
    }
}

/// The mark while two files change names.
struct Mark<'a> {
    place: &'a Place<'a>,
    name: PathBuf,
}

impl<'a> Mark<'a> {
    fn set(place: &'a Place<'a>, temporary: &Path, ours: &str, before: &str) -> nix::Result<Self> {
        let name = marker_of(temporary);
        let text = format!("{MARK}{ours}:{before}");
        match symlinkat(text.as_str(), place.folder(), &name) {
            Err(Errno::EEXIST) => {
                remove(place, &name)?;
                symlinkat(text.as_str(), place.folder(), &name)?;
            }
            other => other?,
        }
        Ok(Mark { place, name })
    }

    fn clear(self) -> nix::Result<()> {
        remove(self.place, &self.name)
    }

    /// By what the new file and the one that was compared are known; none if there is no mark.
    fn read(place: &Place<'_>, temporary: &Path) -> nix::Result<Option<(String, String)>> {
        let text = match readlinkat(place.folder(), &marker_of(temporary)) {
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EINVAL) => return Ok(None),
            other => other?,
        };
        let parts = text.to_str().and_then(|text| text.strip_prefix(MARK)?.split_once(':'));
        Ok(parts.map(|(ours, before)| (ours.to_string(), before.to_string())))
    }
}

/// By what a file is known as long as nobody changes it: renaming it does not change this.
fn identity(stat: &FileStat) -> String {
    let mut hasher = blake3::Hasher::new();
    // What these fields are called is the same everywhere, how wide they are is not.
    #[allow(clippy::unnecessary_cast)]
    for number in [stat.st_ino as u64, stat.st_size as u64, stat.st_mtime as u64, stat.st_mtime_nsec as u64] {
        hasher.update(&number.to_le_bytes());
    }
    for number in [stat.st_mode, stat.st_uid, stat.st_gid] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.finalize().to_hex()[..16].to_string()
}

fn stat(place: &Place<'_>, name: &Path) -> nix::Result<FileStat> {
    fstatat(place.folder(), name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

/// Compares what has a name with what was confirmed.
fn compare(place: &Place<'_>, name: &Path, before: &Before) -> Result<FileStat, Stop> {
    compare_when(place, name, before, |_| {})
}

/// The same, once those who are in the midst of writing into it have ended.
fn compare_at_rest(place: &Place<'_>, name: &Path, before: &Before) -> Result<(), Stop> {
    compare_when(place, name, before, await_writers).map(drop)
}

fn compare_when(place: &Place<'_>, name: &Path, before: &Before, opened: impl Fn(&File)) -> Result<FileStat, Stop> {
    let (there, seen) = match stat(place, name) {
        Err(Errno::ENOENT) => return Err(Stop::Changed("it is gone")),
        Err(errno) => return Err(errno.into()),
        Ok(there) => match kind_of(&there) {
            FileKind::Link => {
                let target = readlinkat(place.folder(), name)?.into();
                (there, Before::Link { target, owner: owner_of(&there) })
            }
            FileKind::File => {
                // A later look at the same name could be at another file: all is read of this one.
                let file = open(place, name)?;
                opened(&file);
                let there = fstat(&file)?;
                let attributes = Attributes::of(file.as_fd())?;
                (
                    there,
                    Before::File {
                        content: digest_of(&file, before)?,
                        mode: there.st_mode & 0o7777,
                        owner: owner_of(&there),
                        attributes,
                    },
                )
            }
            _ => return Err(Stop::Changed("something else is there")),
        },
    };
    match difference(before, &seen) {
        Some(how) => Err(Stop::Changed(how)),
        None => Ok(there),
    }
}

fn owner_of(stat: &FileStat) -> Owner {
    Owner { uid: stat.st_uid, gid: stat.st_gid }
}

fn open(place: &Place<'_>, name: &Path) -> nix::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    openat(place.folder(), name, flags, Mode::empty()).map(File::from)
}

/// What a file holds. One of another length is not read: no more is asked than whether it is what was confirmed.
fn digest_of(file: &File, before: &Before) -> nix::Result<Digest> {
    let raw = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    let len = file.metadata().map_err(raw)?.len();
    if !matches!(before, Before::File { content, .. } if content.len == len) {
        return Ok(Digest { len, ..Digest::of(b"") });
    }
    Digest::read(|offset, most| {
        let mut piece = vec![0; usize::try_from(len.saturating_sub(offset)).unwrap_or(most).saturating_add(1).min(most)];
        let mut filled = 0;
        while filled < piece.len() {
            match file.read_at(&mut piece[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(raw(error)),
            }
        }
        piece.truncate(filled);
        Ok(piece)
    })
}

fn quiet(place: &Place<'_>, name: &Path) {
    if let Ok(file) = open(place, name) {
        await_writers(&file);
    }
}

/// Waits a moment for those who have a file open for writing: it can only be leased for reading when nobody has (fcntl(2)).
fn await_writers(file: &File) {
    let start = Instant::now();
    while is_open_for_writing(file) && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn is_open_for_writing(file: &File) -> bool {
    // Who opens it while it is leased makes the kernel send a signal: not SIGIO, which would end this process.
    // SAFETY: both take numbers only, and the descriptor is open.
    let leased = unsafe {
        libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGURG);
        libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK)
    };
    // Files of others can be leased by root alone, and on some file systems none can.
    leased < 0 && Errno::last() == Errno::EAGAIN
}

/// `F_SETSIG` of fcntl.h.
const F_SETSIG: libc::c_int = 10;

/// Where `SEED_FAILPOINT` has an exchange stopped.
struct Failpoint {
    name: &'static str,
    signal: Signal,
    left: OnceLock<Option<AtomicU32>>,
}

impl Failpoint {
    const fn new(name: &'static str, signal: Signal) -> Self {
        Failpoint { name, signal, left: OnceLock::new() }
    }

    /// A moment that is counted; at the one that was asked for the signal comes.
    fn pass(&self) {
        let asked = || {
            let all = std::env::var("SEED_FAILPOINT").ok()?;
            let number = all.split(',').find_map(|one| one.strip_prefix(self.name)?.strip_prefix(':'))?;
            number.parse().ok().map(AtomicU32::new)
        };
        if self.left.get_or_init(asked).as_ref().is_some_and(|left| left.fetch_sub(1, Ordering::SeqCst) == 1) {
            let _ = nix::sys::signal::raise(self.signal);
        }
    }
}

/// Between the comparison and the exchange the program waits to be continued.
static BEFORE: Failpoint = Failpoint::new("before-exchange", Signal::SIGSTOP);
/// Between the exchange and the comparison of what came out the program is killed.
static AFTER: Failpoint = Failpoint::new("exchange", Signal::SIGKILL);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::host::{Host, NewFile, RealHost, temporary_of};

    const NEW: NewFile<'_> = NewFile { content: b"new", mode: 0o644, owner: None, attributes: None };

    /// What an interruption right after the exchange leaves: `out` came out, where `confirmed` was compared.
    struct Interrupted {
        folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Interrupted {
        fn at(name: &str, confirmed: &str, out: &str, is_removed: bool) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            let temporary = temporary_of(&path);
            std::fs::write(&path, confirmed).unwrap();
            let before = identity(&nix::sys::stat::lstat(&path).unwrap());
            if out != confirmed {
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, out).unwrap();
            }
            std::fs::rename(&path, &temporary).unwrap();
            let mut ours = NO_FILE.to_string();
            if !is_removed {
                std::fs::write(&path, "new").unwrap();
                ours = identity(&nix::sys::stat::lstat(&path).unwrap());
            }
            std::os::unix::fs::symlink(format!("{MARK}{ours}:{before}"), marker_of(&temporary)).unwrap();
            Interrupted { folder, path }
        }

        /// Sorts it out; then what is in the folder, each with its content.
        fn settled(&self) -> (Option<PathBuf>, Vec<(String, String)>) {
            let kept = RealHost::new().settle(&temporary_of(&self.path)).unwrap();
            let mut found: Vec<(String, String)> = std::fs::read_dir(self.folder.path())
                .unwrap()
                .map(|entry| entry.unwrap())
                .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap()))
                .collect();
            found.sort();
            (kept, found)
        }
    }

    fn file(name: &str, content: &str) -> (String, String) {
        (name.into(), content.into())
    }

    #[test]
    fn what_was_compared_goes_as_it_would_have() {
        assert_eq!(Interrupted::at("a", "old", "old", false).settled(), (None, vec![file("a", "new")]));
        assert_eq!(Interrupted::at("a", "old", "old", true).settled(), (None, Vec::new()));
    }

    #[test]
    fn what_somebody_saved_gets_its_name_back() {
        for is_removed in [false, true] {
            let left = Interrupted::at("a", "old", "edited", is_removed);
            assert_eq!(left.settled(), (None, vec![file("a", "edited")]));
        }
    }

    #[test]
    fn of_two_versions_both_are_kept() {
        for is_removed in [false, true] {
            let left = Interrupted::at("a", "old", "edited", is_removed);
            // In place, as an editor does that keeps the inode.
            std::fs::write(&left.path, "edited once more").unwrap();
            let spare = left.folder.path().join("a.seed-edited");
            let both = vec![file("a", "edited once more"), file("a.seed-edited", "edited")];
            assert_eq!(left.settled(), (Some(spare), both));
        }
    }

    #[test]
    fn the_next_change_sorts_it_out_as_well() {
        let left = Interrupted::at("a", "old", "edited", false);
        let host = RealHost::new();
        // It sees the new file, as the plan did, and not what somebody saved.
        let seen = Before::look(&host, &left.path).unwrap();
        let trouble = host.replace_file(&left.path, &NewFile { content: b"newer", ..NEW }, &seen).unwrap_err();
        assert_eq!(trouble.kind, crate::trouble::Kind::Changed);
        assert_eq!(left.settled(), (None, vec![file("a", "edited")]));
    }

    #[test]
    fn a_file_that_was_only_being_written_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "old").unwrap();
        std::fs::write(temporary_of(&path), "ne").unwrap();
        assert_eq!(Interrupted { folder, path }.settled(), (None, vec![file("a", "old")]));
    }
}
