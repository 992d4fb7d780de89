//! The state folder, and the journals of others.

use std::fs;
use std::io::Read as _;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{Uid, User, geteuid};

use super::read::{JOURNAL, LEDGER, look};
use super::{file, spec};

/// A journal of a user that is larger, in bytes, is taken to know of something.
const LARGEST: u64 = 64 << 20;
/// The state folder of root.
pub(super) const ROOTS: &str = "/var/lib/seed";
/// That of a user, in their home.
const USERS: &str = ".local/state/seed";

/// The state folder: `SEED_STATE_DIR`, or `/var/lib/seed` for root, or `$XDG_STATE_HOME/seed`.
pub fn state_folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("SEED_STATE_DIR") {
        return std::path::absolute(&folder).unwrap_or(folder);
    }
    if geteuid().is_root() {
        return PathBuf::from(ROOTS);
    }
    let home = || set("HOME").unwrap_or_else(|| PathBuf::from("/"));
    set("XDG_STATE_HOME").filter(|folder| folder.is_absolute()).map_or_else(|| home().join(USERS), |folder| folder.join("seed"))
}

/// Whether root has a journal of a spec, and this user none that knows of anything: then only root can tell what was made for it.
pub fn is_kept_by_root(spec: &Path) -> bool {
    let roots = Path::new(ROOTS);
    state_folder() != roots && spec::folder_of(roots, spec).exists() && spec::is_empty(&spec::folder_of(&state_folder(), spec))
}

/// The user who has a journal of a spec, if this process is root: who owns the spec, or has called sudo. Their state folder is looked
/// for in their home alone, and what is in it says nothing but whether anything is left.
pub fn user_who_keeps(spec: &Path) -> Option<String> {
    if !geteuid().is_root() {
        return None;
    }
    let owner = fs::metadata(spec).ok().map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata));
    let caller = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
    let others = [owner, caller].into_iter().flatten().filter(|uid| *uid != 0);
    let mut users = others.filter_map(|uid| User::from_uid(Uid::from_raw(uid)).ok().flatten());
    users.find(|user| has_journal(user, spec)).map(|user| user.name)
}

/// Whether there is a journal in the home of a user that knows of something: by descriptors, and through no link.
fn has_journal(user: &User, spec: &Path) -> bool {
    let folder = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(home) = open(&user.dir, folder, Mode::empty()) else { return false };
    let how =
        OpenHow::new().flags(folder | OFlag::O_NOFOLLOW).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
    let Ok(journal) = openat2(home.as_fd(), &spec::folder_of(Path::new(USERS), spec), how) else { return false };
    if !fstat(&journal).is_ok_and(|stat| stat.st_uid == user.uid.as_raw()) {
        return false;
    }
    // Of one that was only opened nothing is written: such as by an apply that was not confirmed, or that needs root.
    match (content(&journal, JOURNAL), content(&journal, LEDGER)) {
        (Ok(journal), Ok(ledger)) => journal.is_some_and(|journal| !journal.is_empty() && !look(journal, ledger).knows_nothing()),
        _ => true,
    }
}

/// What a file in a folder holds, if there is one.
fn content(folder: impl AsFd, name: &str) -> std::io::Result<Option<Vec<u8>>> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => fs::File::from(file),
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(Errno::EINVAL.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(Errno::EFBIG.into()) } else { Ok(Some(bytes)) }
}

/// Makes the folder of a journal, for its owner alone.
///
/// # Errors
///
/// As the system gives them.
pub(super) fn make(folder: &Path) -> std::io::Result<()> {
    file::private_folder(folder)?;
    if folder.starts_with(ROOTS) {
        // Others may learn that there is a journal of a spec that they know, and nothing of what it says.
        for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(ROOTS)) {
            fs::set_permissions(above, fs::Permissions::from_mode(0o711))?;
        }
    }
    Ok(())
}
