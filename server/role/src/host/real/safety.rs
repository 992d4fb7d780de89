//! Symbolic links that another user could have put there are not followed as root.
//!
//! A folder is *trusted* when nobody but root can change what is in it, nor the way to it. Paths in trusted folders
//! are used as they are, links and all: only root could have made them. In any other folder the way is opened by
//! openat2(2) with `RESOLVE_NO_SYMLINKS`, and the last step is taken from that descriptor, so that no one can put a
//! link into the way between the check and the use.
//!
//! A folder like `/tmp`, root's own and with the sticky bit, is not trusted: anyone can put links into it. A folder
//! of root in it is, because nobody else can put something in its place (inode(7)).

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat, lstat};
use nix::sys::statfs::{BTRFS_SUPER_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};

use crate::host::refusal::{Refusal, nothing_there};

type Result<T, E = Refusal> = std::result::Result<T, E>;

/// How many links a path may lead through, as path_resolution(7) has it.
const MOST_LINKS: usize = 40;

/// What is known of a folder.
#[derive(Clone)]
enum Verdict {
    /// Only root can change the way to it and what is in it.
    Trusted,
    /// Others can change what is in it; only root can change the way to it if it `stays`. This is its path without
    /// links.
    Guarded { path: Arc<Path>, stays: bool },
}

/// How far a folder can be trusted whose way is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Only root can change what is in it.
    Full,
    /// Others can add to it, but not replace what is root's.
    Sticky,
    /// Others can change it.
    No,
}

impl Trust {
    /// That of what is in a folder of this trust.
    fn of(self, stat: &FileStat, path: &Path) -> Trust {
        match self {
            Trust::No => Trust::No,
            // What is root's stays where it is, here as there.
            Trust::Full | Trust::Sticky if only_root_writes(stat, path) => Trust::Full,
            Trust::Full | Trust::Sticky if stat.st_uid == 0 && stat.st_mode & libc::S_ISVTX != 0 => Trust::Sticky,
            Trust::Full | Trust::Sticky => Trust::No,
        }
    }
}

/// Knows which folders are trusted.
pub(in crate::host) struct Safety {
    /// Whether this process is root; for others the kernel's own checks are what counts.
    active: bool,
    verdicts: RwLock<HashMap<PathBuf, Verdict>>,
    /// Counts what makes verdicts void, so that one found before is not kept after.
    epoch: AtomicU64,
    /// Whether some verdicts were found through links, or through `..`.
    through_links: AtomicBool,
}

/// A path ready for the `…at` calls: a name in a folder that cannot be exchanged any more.
pub(in crate::host) struct Place<'p> {
    folder: Option<OwnedFd>,
    name: Cow<'p, Path>,
}

impl Place<'_> {
    /// A name in a folder that is held open.
    pub fn within(folder: OwnedFd, name: PathBuf) -> Place<'static> {
        Place { folder: Some(folder), name: Cow::Owned(name) }
    }

    /// The folder.
    pub fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_ref().map_or(AT_FDCWD, |folder| folder.as_fd())
    }

    /// The name in it.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Whether others can change the folder.
    pub fn guarded(&self) -> bool {
        self.folder.is_some()
    }

    /// The name beside it under which a file is written before it takes its place.
    pub fn temporary(&self) -> PathBuf {
        crate::host::temporary_of(&self.name)
    }

    /// The same, for as long as it is wanted.
    pub fn into_owned(self) -> Place<'static> {
        Place { folder: self.folder, name: Cow::Owned(self.name.into_owned()) }
    }

    /// lstat(2).
    pub fn stat(&self) -> nix::Result<FileStat> {
        fstatat(self.folder(), self.name(), AtFlags::AT_SYMLINK_NOFOLLOW)
    }
}

/// Whether only root can change what is in a folder.
fn only_root_writes(stat: &FileStat, path: &Path) -> bool {
    only_these_write(stat.st_mode, stat.st_uid == 0, stat.st_gid == 0, || has_access_list(path)) && !is_of_an_image(stat, path)
}

/// Whether a folder is on a file system that was mounted with `nosuid` and `nodev` from a loop device. Whoever made its image chose the owners
/// in it, so they say nothing: a folder of root's there can hold a link of that user. A Btrfs has device numbers of its own (btrfs(5)), and
/// counts whatever device it is on.
fn is_of_an_image(stat: &FileStat, path: &Path) -> bool {
    const LOOP: u64 = 7;
    const UNNAMED: u64 = 0;
    let major = nix::sys::stat::major(stat.st_dev);
    if ![LOOP, UNNAMED].contains(&major) {
        return false;
    }
    let untrusted = FsFlags::ST_NOSUID | FsFlags::ST_NODEV;
    let is_mounted_so = || statvfs(path).is_ok_and(|about| about.flags().contains(untrusted));
    let is_btrfs = || statfs(path).is_ok_and(|about| about.filesystem_type() == BTRFS_SUPER_MAGIC);
    (major == LOOP || is_btrfs()) && is_mounted_so()
}

/// Whether nobody but certain users can write something that has this mode, given whether its owner and its group are theirs. Where an access
/// list (acl(5)) lets anybody write, the group's bits are its mask, and it counts as letting in others.
pub(in crate::host) fn only_these_write(
    mode: u32,
    is_owner: bool,
    is_group: bool,
    has_access_list: impl FnOnce() -> bool,
) -> bool {
    is_owner && mode & 0o002 == 0 && (mode & 0o020 == 0 || (is_group && !has_access_list()))
}

/// Whether something has an access list; of a link under `/proc/self/fd`, the open file that it stands for.
pub(in crate::host) fn has_access_list(path: &Path) -> bool {
    // Nothing else is a link here.
    !matches!(
        rustix::fs::getxattr_query(path, "system.posix_acl_access"),
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP)
    )
}

fn is_kind(stat: &FileStat, kind: libc::mode_t) -> bool {
    stat.st_mode & libc::S_IFMT == kind
}

impl Safety {
    pub fn new(active: bool) -> Self {
        Safety { active, verdicts: RwLock::new(HashMap::new()), epoch: AtomicU64::new(0), through_links: AtomicBool::new(false) }
    }

    /// Asks what root is told, whoever this process is.
    pub fn for_root<T>(&self, ask: impl FnOnce(&Safety) -> T) -> T {
        if self.active { ask(self) } else { ask(&Safety::new(true)) }
    }

    /// Forgets all verdicts.
    pub fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.verdicts.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets what is known of something that was removed, moved or replaced, and of all below it.
    pub fn forget_below(&self, path: &Path) {
        if !self.active {
            return;
        }
        self.epoch.fetch_add(1, Ordering::AcqRel);
        let mut verdicts = self.verdicts.write().unwrap_or_else(PoisonError::into_inner);
        if self.through_links.swap(false, Ordering::AcqRel) {
            // What was found through links may rest on it under any name.
            verdicts.clear();
        } else if verdicts.remove(path).is_some() {
            // Whatever is known below was found through it: where it is not known, nothing below is.
            verdicts.retain(|known, _| !known.starts_with(path));
        }
    }

    /// The same, of something whose mode or owner changed; `stays_ours` if others could not write to it after.
    pub fn changed(&self, path: &Path, stays_ours: bool) {
        let keeps = stays_ours && matches!(self.known(path), None | Some(Verdict::Trusted));
        if !keeps || self.through_links.load(Ordering::Acquire) {
            self.forget_below(path);
        }
    }

    /// Learns from what lstat(2) told of a path, so that it need not be asked again when it is a folder on the way.
    pub fn learn(&self, path: &Path, place: &Place<'_>, stat: &FileStat) {
        if !self.active || !is_kind(stat, libc::S_IFDIR) || !only_root_writes(stat, path) || !is_plain(path) {
            return;
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        let stays = match path.parent().map(|parent| self.known(parent)) {
            None | Some(Some(Verdict::Trusted)) => !place.guarded(),
            Some(Some(Verdict::Guarded { stays, .. })) => stays,
            Some(None) => false,
        };
        if stays && self.known(path).is_none() {
            self.keep(path, &Verdict::Trusted, epoch);
        }
    }

    fn known(&self, path: &Path) -> Option<Verdict> {
        self.verdicts.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    fn keep(&self, path: &Path, verdict: &Verdict, epoch: u64) {
        let mut verdicts = self.verdicts.write().unwrap_or_else(PoisonError::into_inner);
        if self.epoch.load(Ordering::Acquire) == epoch {
            verdicts.insert(path.to_path_buf(), verdict.clone());
        }
    }

    /// A path made ready to use.
    ///
    /// # Errors
    ///
    /// When the way to it leads through a link of another user, or there is no such way.
    pub fn place<'p>(&self, path: &'p Path) -> Result<Place<'p>> {
        if !self.active {
            return Ok(Place { folder: None, name: Cow::Borrowed(path) });
        }
        if !path.is_absolute() {
            return Err(Refusal::Relative);
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            // `/`, or something that ends in `..`.
            let (resolved, trust) = self.resolve(path)?;
            if trust == Trust::Full {
                return Ok(Place { folder: None, name: Cow::Owned(resolved) });
            }
            let folder = open_guarded(&resolved, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
            return Ok(Place { folder: Some(folder), name: Cow::Borrowed(Path::new(".")) });
        };
        match self.folder(parent)? {
            Verdict::Trusted => Ok(Place { folder: None, name: Cow::Borrowed(path) }),
            Verdict::Guarded { path: folder, .. } => {
                let folder = open_guarded(&folder, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
                Ok(Place { folder: Some(folder), name: Cow::Borrowed(Path::new(name)) })
            }
        }
    }

    /// Whether others can change the folder that a path is in, or the way to it. The path need not be there.
    pub fn is_guarded(&self, path: &Path) -> Result<bool> {
        if !self.active {
            return Ok(false);
        }
        let folder = path.parent().filter(|_| path.file_name().is_some()).unwrap_or(path);
        Ok(matches!(self.folder(folder)?, Verdict::Guarded { .. }))
    }

    /// Opens what is at a path, following a link at its end where that is safe.
    pub fn open(&self, path: &Path, flags: OFlag) -> Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC;
        if !self.active {
            return Ok(openat(AT_FDCWD, path, flags, Mode::empty())?);
        }
        let (Some(parent), Some(name)) = (path.parent().filter(|_| path.is_absolute()), path.file_name()) else {
            let place = self.place(path)?;
            return Ok(openat(place.folder(), place.name(), flags, Mode::empty())?);
        };
        let opened = match self.folder(parent)? {
            Verdict::Trusted => openat(AT_FDCWD, path, flags | OFlag::O_NOFOLLOW, Mode::empty()),
            Verdict::Guarded { path: folder, .. } => open_without_links(&folder.join(name), flags | OFlag::O_NOFOLLOW),
        };
        match opened {
            // With O_NOFOLLOW a link is ELOOP, or ENOTDIR where a folder was asked for.
            Err(errno @ (Errno::ELOOP | Errno::ENOTDIR)) => {
                // Finds the link, and refuses it where it is not safe.
                let (resolved, _) = self.resolve(path)?;
                if resolved == path { Err(errno.into()) } else { open_guarded(&resolved, flags) }
            }
            opened => Ok(opened?),
        }
    }

    /// A path without links, as far as it is there; checked as every path is.
    pub fn canonical(&self, path: &Path) -> Result<PathBuf> {
        if self.active {
            return self.resolve(path).map(|(resolved, _)| resolved);
        }
        match std::fs::canonicalize(path) {
            Ok(resolved) => Ok(resolved),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path.to_path_buf()),
            Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)).into()),
        }
    }

    /// Whether a file that was opened at a path lies in a folder that another user can write, has a second name elsewhere, and is not that
    /// user's: that user may have made this name for it (a hard link), where the kernel lets them (`fs.protected_hardlinks`).
    pub fn has_second_name_of_another(&self, path: &Path, file: &FileStat) -> Result<bool> {
        if !self.active || file.st_nlink < 2 {
            return Ok(false);
        }
        let real = self.canonical(path)?;
        let place = self.place(&real)?;
        if !place.guarded() {
            return Ok(false);
        }
        let folder = fstat(place.folder())?;
        Ok(file.st_uid != folder.st_uid || folder.st_mode & 0o022 != 0)
    }

    /// What is known of a folder, found out where it is not.
    fn folder(&self, path: &Path) -> Result<Verdict> {
        if let Some(verdict) = self.known(path) {
            return Ok(verdict);
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        let verdict = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) if is_plain(path) => match self.folder(parent)? {
                Verdict::Guarded { path: parent, stays: false } => {
                    Verdict::Guarded { path: parent.join(name).into(), stays: false }
                }
                Verdict::Trusted | Verdict::Guarded { stays: true, .. } => match lstat(path) {
                    Ok(stat) if is_kind(&stat, libc::S_IFDIR) && only_root_writes(&stat, path) => Verdict::Trusted,
                    Ok(_) => self.verdict_of_resolved(path)?,
                    // The path is safe to use, or checked when it is; what it will lead to is not known.
                    Err(errno) if nothing_there(errno) => return self.verdict_of_nothing(parent, name),
                    Err(errno) => return Err(errno.into()),
                },
            },
            _ => self.verdict_of_resolved(path)?,
        };
        self.keep(path, &verdict, epoch);
        Ok(verdict)
    }

    fn verdict_of_nothing(&self, parent: &Path, name: &OsStr) -> Result<Verdict> {
        Ok(match self.folder(parent)? {
            Verdict::Trusted => Verdict::Trusted,
            Verdict::Guarded { path, .. } => Verdict::Guarded { path: path.join(name).into(), stays: false },
        })
    }

    fn verdict_of_resolved(&self, path: &Path) -> Result<Verdict> {
        let (resolved, trust) = self.resolve(path)?;
        if resolved != path {
            self.through_links.store(true, Ordering::Release);
        }
        Ok(match trust {
            Trust::Full => Verdict::Trusted,
            Trust::Sticky | Trust::No => Verdict::Guarded { path: resolved.into(), stays: trust == Trust::Sticky },
        })
    }

    /// Walks a path as the kernel would: its path without links, and how far it can be trusted. What is not there is
    /// taken as it is written.
    fn resolve(&self, path: &Path) -> Result<(PathBuf, Trust)> {
        let mut at = PathBuf::from("/");
        let mut trusts = vec![Trust::Full.of(&lstat("/")?, &at)];
        let mut rest: VecDeque<OsString> = names(path).map(OsStr::to_os_string).collect();
        let mut links = 0;
        // Behind a `..` out of a folder of others: where that led from may have been exchanged meanwhile.
        let mut tainted = false;
        while let Some(name) = rest.pop_front() {
            let trust = if tainted { Trust::No } else { trusts.last().copied().unwrap_or(Trust::No) };
            if name == ".." {
                tainted |= trust == Trust::No;
                if at.pop() {
                    trusts.pop();
                }
                continue;
            }
            at.push(&name);
            let stat = match lstat(&at) {
                Ok(stat) => stat,
                Err(errno) if nothing_there(errno) => {
                    at.extend(rest);
                    return Ok((at, if trust == Trust::Full { Trust::Full } else { Trust::No }));
                }
                Err(errno) => return Err(errno.into()),
            };
            if !is_kind(&stat, libc::S_IFLNK) {
                trusts.push(trust.of(&stat, &at));
                continue;
            }
            if trust != Trust::Full {
                return Err(Refusal::Link(at));
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(Errno::ELOOP.into());
            }
            let target = PathBuf::from(readlinkat(AT_FDCWD, &at)?);
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
                trusts.truncate(1);
            }
            for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
                rest.push_front(name.to_os_string());
            }
        }
        let trust = if tainted { Trust::No } else { trusts.last().copied().unwrap_or(Trust::No) };
        Ok((at, trust))
    }
}

/// Whether nobody but root can change what is in a folder, nor the way to it, links on it included.
pub(super) fn only_root_changes(folder: &Path) -> Result<bool> {
    match Safety::new(true).resolve(folder) {
        Ok((_, trust)) => Ok(trust == Trust::Full),
        Err(Refusal::Link(_)) => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

/// Whether a path is absolute and names no folder by `..`.
fn is_plain(path: &Path) -> bool {
    path.is_absolute() && !path.components().any(|component| component == Component::ParentDir)
}

/// The names on a path, `..` among them.
fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name),
        Component::ParentDir => Some(OsStr::new("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn open_guarded(path: &Path, flags: OFlag) -> Result<OwnedFd> {
    match open_without_links(path, flags | OFlag::O_CLOEXEC) {
        Err(Errno::ELOOP) => Err(Refusal::Link(path.to_path_buf())),
        other => Ok(other?),
    }
}

/// Opens an absolute path on which there is no link.
fn open_without_links(path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(AT_FDCWD, path, how) {
        // Before Linux 5.6, or where a sandbox does not know it.
        Err(Errno::ENOSYS) => open_step_by_step(openat(AT_FDCWD, "/", STEP, Mode::empty())?, path, flags),
        other => other,
    }
}

/// Opens a path relative to a folder: on the way there is no link and no `..`, so that it cannot lead out of the folder.
pub(in crate::host) fn open_below(folder: BorrowedFd<'_>, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    if path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(Errno::EXDEV);
    }
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
    match openat2(folder, path, how) {
        Err(Errno::ENOSYS) => open_step_by_step(openat(folder, ".", STEP, Mode::empty())?, path, flags),
        other => other,
    }
}

/// How a folder on the way is opened.
const STEP: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

fn open_step_by_step(start: OwnedFd, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let mut folder = start;
    let mut names = names(path).peekable();
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            return match openat(&folder, name, flags | OFlag::O_NOFOLLOW, Mode::empty()) {
                Err(Errno::ENOTDIR) if is_link(&folder, name) => Err(Errno::ELOOP),
                other => other,
            };
        }
        folder = match openat(&folder, name, STEP, Mode::empty()) {
            Err(Errno::ENOTDIR) if is_link(&folder, name) => return Err(Errno::ELOOP),
            other => other?,
        };
    }
    // Nothing but the start itself was asked for.
    openat(&folder, ".", flags, Mode::empty())
}

fn is_link(folder: &OwnedFd, name: &OsStr) -> bool {
    fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok_and(|stat| is_kind(&stat, libc::S_IFLNK))
}
