//! Taking the place of a file, or taking it away, so that nothing is lost that somebody saves meanwhile.
//!
//! What is there is compared with what was confirmed; then it changes names with the new file in one step
//! (`RENAME_EXCHANGE`), and what came out is compared once more. If it differs it goes back.
//!
//! For that moment the new file gets a name that says by what inode, length and time of change it and the one that was compared are
//! known. So what has this name after an interruption can be told: the new file, what was compared, or what somebody saved. That goes
//! back to its own name.
//!
//! Limits. Who holds the old file open for writing longer than [`PATIENCE`] can write into what is removed. On a file system without
//! `RENAME_EXCHANGE` (FAT before Linux 6.0, some network file systems), and for names of more than some 225 bytes, a moment is left between
//! the comparison and the rename.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, readlinkat, renameat, renameat2};
use nix::sys::signal::Signal;
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use super::attributes::Attributes;
use super::files::{kind_of, rename_new};
use super::safety::Place;
use crate::host::before::{Before, Digest, difference, spare_of};
use crate::host::{FileKind, Owner, unforeseen};

/// How long someone is waited for who is in the midst of writing into a file.
const PATIENCE: Duration = Duration::from_millis(200);
/// What stands for the new file where something is only taken away.
const NO_FILE: &str = "removal";
/// What stands between a temporary name and what makes it one that nobody can foresee.
const UNFORESEEN: &str = ".x";

/// Why it was not done.
pub(in crate::host) enum Stop {
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
pub(in crate::host) fn put(place: &Place<'_>, temporary: &Path, before: &Before) -> Result<(), Stop> {
    // What changes places is named after this, whatever name was free for the new file.
    let base = &place.temporary();
    let swapped = match swap(place, temporary, before) {
        Ok(None) => return Ok(()),
        Ok(Some(swapped)) => swapped,
        Err((left, stop)) => {
            let _ = remove(place, &left);
            return Err(stop);
        }
    };
    AFTER.pass();
    match compare_at_rest(place, &swapped.name(base), before) {
        Ok(()) => Ok(remove(place, &swapped.name(base))?),
        Err(stop) => Err(put_back(place, base, &swapped, stop)),
    }
}

/// Lets it change names with what was confirmed. None where it took its place for good; where it did not, the name that it has.
fn swap(place: &Place<'_>, temporary: &Path, before: &Before) -> Result<Option<Swapped>, (PathBuf, Stop)> {
    let at = |name: &Path| {
        let name = name.to_path_buf();
        move |errno: Errno| (name, Stop::Errno(errno))
    };
    if *before == Before::Nothing {
        return match rename_new(place, temporary, place, place.name()) {
            Err(Errno::EEXIST) => Err((temporary.to_path_buf(), Stop::Changed("something was created there meanwhile"))),
            other => other.map(|()| None).map_err(at(temporary)),
        };
    }
    let there = compare(place, place.name(), before).map_err(|stop| (temporary.to_path_buf(), stop))?;
    let ours = identity(&stat(place, temporary).map_err(at(temporary))?);
    let swapped = Swapped { ours, before: identity(&there) };
    let name = swapped.name(&place.temporary());
    let replace = |name: &Path| {
        // It was compared right before.
        renameat(place.folder(), name, place.folder(), place.name()).map(|()| None).map_err(at(name))
    };
    match renameat(place.folder(), temporary, place.folder(), &name) {
        Err(Errno::ENAMETOOLONG) => return replace(temporary),
        other => other.map_err(at(temporary))?,
    }
    BEFORE.pass();
    match renameat2(place.folder(), &name, place.folder(), place.name(), RenameFlags::RENAME_EXCHANGE) {
        Ok(()) => Ok(Some(swapped)),
        Err(Errno::EINVAL | Errno::ENOSYS) => replace(&name),
        Err(Errno::ENOENT) => Err((name, Stop::Changed("it is gone"))),
        Err(errno) => Err(at(&name)(errno)),
    }
}

/// Takes away what was confirmed.
pub(super) fn take(place: &Place<'_>, temporary: &Path, before: &Before) -> Result<(), Stop> {
    let there = compare(place, place.name(), before)?;
    let swapped = Swapped { ours: NO_FILE.into(), before: identity(&there) };
    let name = swapped.name(temporary);
    BEFORE.pass();
    match rename_new(place, place.name(), place, &name) {
        Err(Errno::ENOENT) => return Err(Stop::Changed("it is gone")),
        Err(Errno::ENAMETOOLONG) => return Ok(remove(place, place.name())?),
        other => other?,
    }
    AFTER.pass();
    match compare_at_rest(place, &name, before) {
        Ok(()) => Ok(remove(place, &name)?),
        Err(stop) => Err(put_back(place, temporary, &swapped, stop)),
    }
}

/// Gives what came out and is not what was confirmed its name back.
fn put_back(place: &Place<'_>, temporary: &Path, swapped: &Swapped, stop: Stop) -> Stop {
    match (give_back(place, &swapped.name(temporary), &swapped.ours), stop) {
        (Ok(Some(kept)), Stop::Changed(how)) => Stop::Kept(how, kept),
        (Ok(_), stop) => stop,
        (Err(errno), _) => Stop::Errno(errno),
    }
}

/// The same: where the new file has its name, both change names; where nothing has, it is renamed; where something else has, it stays
/// beside it under a name that is given back.
fn give_back(place: &Place<'_>, out: &Path, ours: &str) -> nix::Result<Option<PathBuf>> {
    let has_ours = |name: &Path| stat(place, name).is_ok_and(|there| identity(&there) == ours);
    if has_ours(place.name()) {
        renameat2(place.folder(), out, place.folder(), place.name(), RenameFlags::RENAME_EXCHANGE)?;
        quiet(place, out);
        if has_ours(out) {
            return remove(place, out).map(|()| None);
        }
        // Somebody saved once more, between the two exchanges.
        return keep(place, out).map(Some);
    }
    match rename_new(place, out, place, place.name()) {
        Err(Errno::EEXIST) => keep(place, out).map(Some),
        other => other.map(|()| None),
    }
}

/// Keeps a version that has lost its name.
fn keep(place: &Place<'_>, out: &Path) -> nix::Result<PathBuf> {
    for number in 1.. {
        let spare = spare_of(place.name(), number);
        match rename_new(place, out, place, &spare) {
            Err(Errno::EEXIST) => {}
            other => return other.map(|()| spare),
        }
    }
    Err(Errno::EEXIST)
}

/// Sorts out what an interruption left of [`put`] and [`take`], or of a file that was being written. What came out and is what was
/// compared is removed, as it would have been; what somebody saved meanwhile goes back to its name, or stays under the one given back.
pub(in crate::host) fn settle(place: &Place<'_>, temporary: &Path) -> nix::Result<Option<PathBuf>> {
    let mut kept = None;
    for (name, swapped) in left_over(place, temporary)? {
        let left = match stat(place, &name) {
            Err(Errno::ENOENT) => continue,
            left => left?,
        };
        let is_folder = kind_of(&left) == FileKind::Directory;
        let Some(Swapped { ours, before }) = swapped.filter(|_| !is_folder) else {
            // Not yet ready to be exchanged.
            remove_unfinished(place, &name, is_folder)?;
            continue;
        };
        // A power failure can leave of a new file nothing but its name.
        let is_torn = left.st_size == 0 && stat(place, place.name()).is_ok_and(|there| identity(&there) == before);
        if [&ours, &before].contains(&&identity(&left)) || is_torn {
            remove_unfinished(place, &name, is_folder)?;
        } else if !may_have_the_name(place, &left)? {
            kept = Some(name);
        } else {
            kept = give_back(place, &name, &ours)?.or(kept);
        }
    }
    Ok(kept)
}

/// Removes what was being made. What another user has put there and this process cannot remove stays.
fn remove_unfinished(place: &Place<'_>, name: &Path, is_folder: bool) -> nix::Result<()> {
    let flag = if is_folder { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
    match unlinkat(place.folder(), name, flag) {
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ENOTEMPTY | Errno::EEXIST | Errno::EPERM | Errno::EACCES) => Ok(()),
        other => other,
    }
}

/// Whether whoever owns what was left may have the name beside which it lies, so that nothing is won by forging it: in a folder with the
/// sticky bit nobody else may rename what is this process's (inode(7)).
fn may_have_the_name(place: &Place<'_>, left: &FileStat) -> nix::Result<bool> {
    let above = place.name().parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fstatat(place.folder(), above, AtFlags::empty())?;
    let is_link = kind_of(left) == FileKind::Link;
    let is_ours = left.st_uid == geteuid().as_raw() && left.st_nlink == 1 && (is_link || left.st_mode & 0o022 == 0);
    Ok(is_ours || folder.st_mode & libc::S_ISVTX == 0 || folder.st_uid == left.st_uid)
}

/// A name beside a temporary one that nobody can foresee, for when that one is taken. [`settle`] finds it, too.
pub(in crate::host) fn unforeseen_beside(temporary: &Path) -> PathBuf {
    let mut name = temporary.file_name().unwrap_or_default().to_os_string();
    name.push(UNFORESEEN);
    name.push(unforeseen());
    temporary.with_file_name(name)
}

/// What is beside a path under its temporary name and those that begin with it.
fn left_over(place: &Place<'_>, temporary: &Path) -> nix::Result<Vec<(PathBuf, Option<Swapped>)>> {
    let folder = temporary.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut folder = match Dir::openat(place.folder(), folder, flags, Mode::empty()) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(Vec::new()),
        folder => folder?,
    };
    let base = temporary.file_name().unwrap_or_default().as_bytes();
    let mut found = Vec::new();
    for entry in folder.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let Some(rest) = name.strip_prefix(base) else { continue };
        let swapped = std::str::from_utf8(rest).ok().and_then(Swapped::read);
        if rest.is_empty() || is_unforeseen(rest) || swapped.is_some() {
            found.push((temporary.with_file_name(OsStr::from_bytes(name)), swapped));
        }
    }
    Ok(found)
}

fn is_unforeseen(rest: &[u8]) -> bool {
    rest.strip_prefix(UNFORESEEN.as_bytes()).is_some_and(|digits| digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit))
}

fn remove(place: &Place<'_>, name: &Path) -> nix::Result<()> {
    match unlinkat(place.folder(), name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(()),
        other => other,
    }
}

/// By what the new file and the one that was compared are known, while they change names.
struct Swapped {
    ours: String,
    before: String,
}

impl Swapped {
    /// The name that what changes places has for that moment.
    fn name(&self, temporary: &Path) -> PathBuf {
        let mut name = temporary.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.{}", self.ours, self.before));
        temporary.with_file_name(name)
    }

    /// What the end of such a name says; none if it is none.
    fn read(end: &str) -> Option<Self> {
        let (ours, before) = end.strip_prefix('.')?.split_once('.')?;
        let is_identity = |text: &str| text.len() == IDENTITY && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        ((is_identity(ours) || ours == NO_FILE) && is_identity(before))
            .then(|| Swapped { ours: ours.into(), before: before.into() })
    }
}

/// How many digits an identity has: as few as will do, because they take room in a name.
const IDENTITY: usize = 8;

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
    hasher.finalize().to_hex()[..IDENTITY].to_string()
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
            std::fs::rename(&temporary, Swapped { ours, before }.name(&temporary)).unwrap();
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
            let spare = left.folder.path().join("a.saved-1");
            let both = vec![file("a", "edited once more"), file("a.saved-1", "edited")];
            assert_eq!(left.settled(), (Some(spare), both));
        }
    }

    #[test]
    fn an_interruption_before_the_exchange_leaves_all_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let temporary = temporary_of(&path);
        std::fs::write(&path, "old").unwrap();
        std::fs::write(&temporary, "new").unwrap();
        let [before, ours] = [&path, &temporary].map(|path| identity(&nix::sys::stat::lstat(path).unwrap()));
        std::fs::rename(&temporary, Swapped { ours, before }.name(&temporary)).unwrap();
        // Of files with names that only begin alike nothing is removed.
        std::fs::write(folder.path().join(".a.seed-new.theirs"), "x").unwrap();
        let left = Interrupted { folder, path };
        assert_eq!(left.settled(), (None, vec![file(".a.seed-new.theirs", "x"), file("a", "old")]));
    }

    #[test]
    fn a_long_name_is_replaced_as_well() {
        for len in [200, 226, 227, 228, 229, 230, 240, 245] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a".repeat(len));
            let host = RealHost::new();
            host.replace_file(&path, &NEW, &Before::Nothing).unwrap();
            let seen = Before::look(&host, &path).unwrap();
            host.replace_file(&path, &NewFile { content: b"newer", ..NEW }, &seen).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"newer");
            host.take_away(&path, &Before::look(&host, &path).unwrap()).unwrap();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
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
