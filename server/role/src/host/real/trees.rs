//! Removing a folder with all in it.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, RenameFlags, ResolveFlag, openat, openat2, renameat2};
use nix::sys::stat::{Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::RealHost;
use crate::host::refusal::{Refusal, Told, nothing_there};
use crate::host::seal::Time;
use crate::trouble::{Kind, Result, Trouble};

/// A folder being emptied.
struct Level {
    folder: OwnedFd,
    /// Its path, for messages.
    path: PathBuf,
    /// Its name in the level above.
    name: CString,
    /// What is still in it, and whether it is a folder.
    entries: Vec<(CString, bool)>,
}

impl Level {
    fn read(folder: OwnedFd, path: PathBuf, name: CString) -> nix::Result<Self> {
        let mut entries = Vec::new();
        for entry in Dir::from_fd(folder.try_clone().map_err(|_| Errno::EMFILE)?)?.iter() {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let is_folder = match entry.file_type() {
                Some(kind) => kind == Type::Directory,
                // Some file systems do not tell it in the folder.
                None => {
                    let stat = fstatat(&folder, entry.file_name(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
                    stat.st_mode & libc::S_IFMT == libc::S_IFDIR
                }
            };
            entries.push((entry.file_name().to_owned(), is_folder));
        }
        Ok(Level { folder, path, name, entries })
    }
}

/// Opens a folder in a folder, not through a link and not across a mount.
fn enter(folder: &impl AsFd, name: &CString) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let resolve = ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH;
    match openat2(folder, name.as_c_str(), OpenHow::new().flags(flags).resolve(resolve)) {
        Err(Errno::ENOSYS) => openat(folder, name.as_c_str(), flags, Mode::empty()),
        other => other,
    }
}

fn crossing(path: &Path) -> Trouble {
    Trouble::new(format!("remove {}", path.display()), "another file system or subvolume is there")
        .kind(Kind::Busy)
        .hint("unmount it, or remove the subvolume, then run the same command again")
}

/// How many levels of a tree are held open at once.
const DEEPEST: usize = 64;

/// Moves a folder of the deepest level into the first, under a name that is free there.
fn raise(levels: &[Level], name: &CString, count: &mut u64) -> nix::Result<CString> {
    let (Some(top), Some(deepest)) = (levels.first(), levels.last()) else { return Err(Errno::EINVAL) };
    loop {
        *count += 1;
        let raised = CString::new(format!(".seed-deep-{count}")).map_err(|_| Errno::EINVAL)?;
        match renameat2(&deepest.folder, name.as_c_str(), &top.folder, raised.as_c_str(), RenameFlags::RENAME_NOREPLACE) {
            Err(Errno::EEXIST) => {}
            renamed => return renamed.map(|()| raised),
        }
    }
}

/// A path that is too long for a message, shortened in its middle.
fn brief(top: &Path, path: &Path) -> String {
    const LONGEST: usize = 240;
    let (whole, name) = (path.display().to_string(), path.file_name().unwrap_or_default().display());
    if whole.len() <= LONGEST { whole } else { format!("{}/…/{name}", top.display()) }
}

/// Removes all that is in a folder, by open folders and through no link; `path` is what the folder is called in messages.
///
/// # Errors
///
/// [`Kind::Busy`] where another file system is in it, and what the system says.
pub(in crate::host) fn empty(top: OwnedFd, path: &Path) -> Result<()> {
    let device = fstat(&top).told(|| format!("remove {} and everything in it", path.display()))?.st_dev;
    let top = Level::read(top, path.to_path_buf(), CString::default()).told(|| format!("look into {}", path.display()))?;
    let mut levels = vec![top];
    let mut raised: u64 = 0;
    while let Some(level) = levels.last_mut() {
        let Some((name, is_folder)) = level.entries.pop() else {
            let done = levels.pop();
            if let (Some(done), Some(above)) = (done, levels.last()) {
                let removed = unlinkat(&above.folder, done.name.as_c_str(), UnlinkatFlags::RemoveDir);
                removed.told(|| format!("remove {}", brief(path, &done.path)))?;
            }
            continue;
        };
        let below = level.path.join(name.to_string_lossy().as_ref());
        let attempted = || format!("remove {}", brief(path, &below));
        if !is_folder {
            match unlinkat(&level.folder, name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => continue,
                Err(errno) => return Err(Trouble::from_errno(attempted(), errno)),
            }
        }
        let folder = match enter(&level.folder, &name) {
            Err(Errno::ENOENT) => continue,
            Err(Errno::EXDEV) => return Err(crossing(&below)),
            folder => folder.told(attempted)?,
        };
        if fstat(&folder).told(attempted)?.st_dev != device {
            return Err(crossing(&below));
        }
        if levels.len() == DEEPEST {
            // Whoever made the tree chose how deep it is, and each level costs a descriptor.
            let raised = raise(&levels, &name, &mut raised).told(attempted)?;
            levels[0].entries.push((raised, true));
            continue;
        }
        levels.push(Level::read(folder, below.clone(), name).told(attempted)?);
    }
    Ok(())
}

/// What in a folder was changed later than a time, if anything was; found by open folders and through no link.
///
/// # Errors
///
/// As [`empty`].
pub(super) fn changed_since(top: &OwnedFd, path: &Path, since: Time) -> Result<Option<PathBuf>> {
    let attempted = |path: &Path| format!("look into {}", path.display());
    let read = |folder: OwnedFd, path: PathBuf| Level::read(folder, path.clone(), CString::default()).told(|| attempted(&path));
    let mut levels = vec![read(top.try_clone().map_err(|error| Trouble::from_io(attempted(path), &error))?, path.to_path_buf())?];
    while let Some(level) = levels.last_mut() {
        let Some((name, is_folder)) = level.entries.pop() else {
            levels.pop();
            continue;
        };
        let below = level.path.join(name.to_string_lossy().as_ref());
        let stat = fstatat(&level.folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW).told(|| attempted(&below))?;
        if (stat.st_ctime, stat.st_ctime_nsec) > since {
            return Ok(Some(below));
        }
        if is_folder {
            let folder = match enter(&level.folder, &name) {
                Err(Errno::EXDEV) => return Err(crossing(&below)),
                folder => folder.told(|| attempted(&below))?,
            };
            levels.push(read(folder, below)?);
        }
    }
    Ok(None)
}

impl RealHost {
    /// Refuses where something is mounted at a path or below it: seen before anything is removed, not half-way.
    pub(super) fn refuse_mounts_below(&self, path: &Path) -> Result<()> {
        match self.mounts.get(super::mounts::read_table)?.iter().find(|mount| mount.at.starts_with(path)) {
            Some(mount) => Err(crossing(&mount.at)),
            None => Ok(()),
        }
    }

    pub(super) fn unlink_tree(&self, path: &Path) -> Result<()> {
        let attempted = || format!("remove {} and everything in it", path.display());
        self.refuse_mounts_below(path)?;
        let place = match self.safety.place(path) {
            Err(Refusal::Errno(errno)) if nothing_there(errno) => return Ok(()),
            place => place.told(attempted)?,
        };
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let top = match openat(place.folder(), place.name(), flags, Mode::empty()) {
            Err(errno) if nothing_there(errno) && place.stat().is_err() => return Ok(()),
            top => top.told(attempted)?,
        };
        self.safety.forget_below(path);
        empty(top, path)?;
        unlinkat(place.folder(), place.name(), UnlinkatFlags::RemoveDir).told(attempted)
    }
}
