//! Owner, mode and attributes, set on the very file, folder or link that was compared before.
//!
//! In a folder that another user can write a name can stand for another file from one call to the next. So what has the name is opened
//! once (`O_PATH | O_NOFOLLOW`, open(2)), compared with what was seen, and changed through that descriptor.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, fchmod, fchmodat, fstat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, geteuid, symlinkat, unlinkat};

use super::RealHost;
use super::attributes::Attributes;
use super::exchange;
use super::files::{kind_of, metadata_of, rename_new};
use super::safety::Place;
use crate::host::before::{Before, NewFile, changed};
use crate::host::refusal::{Refusal, Told, second_name};
use crate::host::{Access, FileKind, Metadata, Owner};
use crate::trouble::{Kind, Result, Trouble};

/// The bits by which a program runs with the rights of its owner or group (inode(7)).
const SET_ID: u32 = 0o6000;
/// How many names are tried that nobody can foresee.
const ATTEMPTS: u32 = 16;

/// Something that is there, opened so that it can be changed and not be exchanged any more.
pub(in crate::host) struct Held(OwnedFd);

impl Held {
    /// Opens what has a name in a folder; a link itself.
    pub(super) fn open(folder: impl AsFd, name: &Path) -> nix::Result<Held> {
        openat(folder, name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty()).map(Held)
    }

    pub(super) fn stat(&self) -> nix::Result<FileStat> {
        fstat(&self.0)
    }

    /// Its path for calls that take none but a path.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }

    /// It once more, to be read.
    fn readable(&self) -> nix::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        open(&self.path(), flags, Mode::empty()).map(File::from)
    }

    pub(in crate::host) fn give_to(&self, owner: Owner) -> nix::Result<()> {
        fchownat(&self.0, "", Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)), AtFlags::AT_EMPTY_PATH)
    }

    fn set_mode(&self, mode: u32) -> nix::Result<()> {
        if kind_of(&self.stat()?) == FileKind::Link {
            return Err(Errno::EOPNOTSUPP);
        }
        fchmodat(AT_FDCWD, &self.path(), Mode::from_bits_truncate(mode), FchmodatFlags::FollowSymlink)
    }

    /// Its capabilities with all else that it has; none where it has none, and for what this process may not read.
    fn capable(&self) -> nix::Result<Option<Attributes>> {
        if kind_of(&self.stat()?) != FileKind::File {
            return Ok(None);
        }
        let file = match self.readable() {
            Err(Errno::EACCES) => return Ok(None),
            file => file?,
        };
        Ok(Some(Attributes::of(file.as_fd())?).filter(Attributes::has_capabilities))
    }

    /// A link that this process has made, under a name that others may have exchanged since.
    pub(in crate::host) fn own_link(folder: impl AsFd, name: &Path, target: &Path) -> nix::Result<Option<Held>> {
        let held = Held::open(folder, name)?;
        let stat = held.stat()?;
        let is_ours = kind_of(&stat) == FileKind::Link && stat.st_uid == geteuid().as_raw() && stat.st_nlink == 1;
        let is_it = is_ours && readlinkat(&held.0, "").is_ok_and(|to| Path::new(&to) == target);
        Ok(is_it.then_some(held))
    }
}

/// Makes something under the temporary name of a place. What an interrupted run left there goes first; what cannot go, such as a folder
/// that another user has put there, stays, and a name is taken that nobody can foresee.
pub(super) fn beside<T>(place: &Place<'_>, make: impl Fn(&Path) -> nix::Result<T>) -> nix::Result<(PathBuf, T)> {
    let plain = place.temporary();
    match make(&plain) {
        Err(Errno::EEXIST) => {}
        made => return made.map(|made| (plain, made)),
    }
    // What it could not sort out stays for the next run.
    let _ = exchange::settle(place, &plain);
    let mut name = plain.clone();
    for _ in 0..ATTEMPTS {
        match make(&name) {
            Err(Errno::EEXIST) => name = exchange::unforeseen_beside(&plain),
            made => return made.map(|made| (name, made)),
        }
    }
    Err(Errno::EEXIST)
}

/// What is said of something that took the place of what this process has just made.
fn exchanged(attempted: String) -> Trouble {
    Trouble::new(attempted, "another user put something else in its place meanwhile")
        .kind(Kind::Unsafe)
        .hint("keep others out of the folder (chown root, chmod go-w), and run the same command again")
}

/// Refuses set-user-ID and set-group-ID bits on a file in a folder that another user can write, unless it has them already.
pub(super) fn refuse_set_id(
    place: &Place<'_>,
    new: &NewFile<'_>,
    before: &Before,
    attempted: impl FnOnce() -> String,
) -> Result<()> {
    let has_them = matches!(before, Before::File { mode, owner, .. } if *mode == new.mode && Some(*owner) == new.owner);
    if place.guarded() && new.mode & SET_ID != 0 && !has_them { Err(no_set_id(attempted())) } else { Ok(()) }
}

fn no_set_id(attempted: String) -> Trouble {
    Trouble::new(attempted, "it would get a set-user-ID or set-group-ID bit in a folder that another user can write")
        .kind(Kind::Unsafe)
        .hint("put such a program into a folder of root's, or keep others out of this one (chown root, chmod go-w)")
}

impl RealHost {
    /// Opens what was seen at a path.
    fn hold(&self, path: &Path, seen: Option<&Metadata>, attempted: &impl Fn() -> String) -> Result<(Place<'static>, Held)> {
        let place = self.safety.place(path).told(attempted)?.into_owned();
        let held = Held::open(place.folder(), place.name()).told(attempted)?;
        let now = metadata_of(&held.stat().told(attempted)?);
        let Some(seen) = seen else { return Ok((place, held)) };
        let known = |one: &Metadata| (one.kind, one.device, one.inode);
        let how = if known(&now) != known(seen) {
            "something else is there"
        } else if (now.uid, now.gid) != (seen.uid, seen.gid) {
            "its owner is another"
        } else if now.mode != seen.mode {
            "its mode is another"
        } else {
            return Ok((place, held));
        };
        Err(changed(attempted(), how))
    }

    pub(super) fn change_access(&self, path: &Path, seen: Option<&Metadata>, access: &Access<'_>) -> Result<()> {
        let attempted = || format!("set {} of {}", access.words(), path.display());
        let (place, held) = self.hold(path, seen, &attempted)?;
        let stat = held.stat().told(attempted)?;
        if place.guarded() && kind_of(&stat) == FileKind::File {
            if self.safety.has_second_name_of_another(path, &stat).told(attempted)? {
                return Err(second_name(attempted()));
            }
            if access.mode.is_some_and(|mode| mode & SET_ID != 0) {
                return Err(no_set_id(attempted()));
            }
            if access.owner.is_some_and(|owner| owner.uid == 0) && stat.st_uid != 0 {
                return Err(Trouble::new(
                    attempted(),
                    "another user owns it, in a folder that another user can write, and decides what it holds",
                )
                .kind(Kind::Unsafe)
                .hint("move it away, so that a new one is made, or keep others out of the folder (chown root, chmod go-w)"));
            }
        }
        let done = self.change_held(&held, access, &attempted);
        let is_roots = access.owner.is_none_or(|owner| owner == Owner { uid: 0, gid: 0 });
        let is_closed = access.mode.is_none_or(|mode| mode & 0o022 == 0);
        // A group may have been given what its bits allow, and an access list may let others in.
        self.safety.changed(path, is_roots && is_closed && access.attributes.is_none());
        done
    }

    fn change_held(&self, held: &Held, access: &Access<'_>, attempted: &impl Fn() -> String) -> Result<()> {
        let lost = |lost: super::attributes::Lost| Trouble::new(attempted(), lost.to_string());
        if let Some(owner) = access.owner {
            let capable = held.capable().told(attempted)?;
            held.give_to(owner).told(attempted)?;
            if let Some(attributes) = capable {
                // chown(2) takes capabilities away.
                attributes.give(held.readable().told(attempted)?.as_fd()).map_err(lost)?;
            }
        }
        if let Some(attributes) = access.attributes {
            attributes.give(held.readable().told(attempted)?.as_fd()).map_err(lost)?;
        }
        // Last: chown(2) takes the set-user-ID and set-group-ID bits away, and an access list sets the bits of the group.
        access.mode.map_or(Ok(()), |mode| held.set_mode(mode).told(attempted))
    }

    pub(super) fn new_folder(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<()> {
        let attempted = || format!("make the folder {}", path.display());
        let place = self.safety.place(path).told(attempted)?;
        // Another role may make the same folder at this moment.
        let is_there = || match self.safety.open(path, OFlag::O_PATH | OFlag::O_DIRECTORY) {
            Ok(_) => Ok(()),
            Err(refusal @ Refusal::Link(_)) => Err(refusal).told(attempted),
            Err(_) => Err(Trouble::new(attempted(), "something else that is not a folder exists there")),
        };
        if !place.guarded() {
            // With its mode from the start: an interruption right after this leaves no folder that nobody else can enter.
            return match mkdirat(place.folder(), place.name(), Mode::from_bits_truncate(mode)) {
                Ok(()) => finish_folder(&place, place.name(), mode, owner, &attempted).map(drop),
                Err(Errno::EEXIST) => is_there(),
                Err(errno) => Err(Trouble::from_errno(attempted(), errno)),
            };
        }
        if place.stat().is_ok() {
            return is_there();
        }
        let make = |name: &Path| mkdirat(place.folder(), name, Mode::from_bits_truncate(0o700));
        let (name, ()) = beside(&place, make).told(attempted)?;
        let made = finish_folder(&place, &name, mode, owner, &attempted).and_then(|folder| {
            match rename_new(&place, &name, &place, place.name()) {
                Err(Errno::EEXIST) => {
                    unlinkat(place.folder(), &name, UnlinkatFlags::RemoveDir).told(attempted)?;
                    return is_there();
                }
                renamed => renamed.told(attempted)?,
            }
            let (made, there) = (fstat(&folder).told(attempted)?, place.stat().told(attempted)?);
            let is_it = (made.st_dev, made.st_ino) == (there.st_dev, there.st_ino);
            if is_it { Ok(()) } else { Err(exchanged(attempted())) }
        });
        if made.is_err() {
            // Nothing but an empty folder goes by this.
            let _ = unlinkat(place.folder(), &name, UnlinkatFlags::RemoveDir);
        }
        made
    }

    /// Makes a link under the temporary name of a place, which takes its place later.
    pub(super) fn temporary_link(
        &self,
        place: &Place<'_>,
        target: &Path,
        owner: Option<Owner>,
        before: &Before,
        attempted: &impl Fn() -> String,
    ) -> Result<PathBuf> {
        let (name, ()) = beside(place, |name| symlinkat(target, place.folder(), name)).told(attempted)?;
        let finish = || {
            let held = Held::own_link(place.folder(), &name, target).told(attempted)?.ok_or_else(|| exchanged(attempted()))?;
            if matches!(before, Before::Link { .. }) {
                let old = Held::open(place.folder(), place.name()).told(attempted)?;
                Attributes::carry_over(&old.path(), &held.path())
                    .map_err(|lost| Trouble::new(attempted(), format!("{lost} by it")))?;
            }
            owner.map_or(Ok(()), |owner| held.give_to(owner).told(attempted))
        };
        match finish() {
            Ok(()) => Ok(name),
            Err(trouble) => {
                let _ = unlinkat(place.folder(), &name, UnlinkatFlags::NoRemoveDir);
                Err(trouble)
            }
        }
    }
}

/// Takes from a new file or folder the access lists that the folder above gave it (acl(5)): where another user can write that folder, they are
/// that user's choice.
pub(super) fn drop_inherited_access(new: BorrowedFd<'_>) -> nix::Result<()> {
    for list in ["system.posix_acl_access", "system.posix_acl_default"] {
        match rustix::fs::fremovexattr(new, list) {
            Ok(()) | Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP) => {}
            Err(errno) => return Err(Errno::from_raw(errno.raw_os_error())),
        }
    }
    Ok(())
}

/// Gives a folder that was just made its owner and its mode.
///
/// Whoever can write the folder above may have put another one under its name since. So it must be this process's, closed to all
/// others, and empty, as the new one is. Another folder that is all of this, and that the user could move there, is the remaining case: it
/// holds nothing.
fn finish_folder(
    place: &Place<'_>,
    name: &Path,
    mode: u32,
    owner: Option<Owner>,
    attempted: &impl Fn() -> String,
) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder = match openat(place.folder(), name, flags, Mode::empty()) {
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Err(exchanged(attempted())),
        folder => folder.told(attempted)?,
    };
    let stat = fstat(&folder).told(attempted)?;
    // A set-group-ID bit comes from the folder above.
    let is_as_made = stat.st_uid == geteuid().as_raw() && stat.st_mode & 0o5777 == 0o700;
    let is_empty = || -> nix::Result<bool> {
        let mut entries = Dir::openat(&folder, ".", flags, Mode::empty())?;
        for entry in entries.iter() {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    };
    if place.guarded() && !(is_as_made && is_empty().told(attempted)?) {
        return Err(exchanged(attempted()));
    }
    if place.guarded() {
        drop_inherited_access(folder.as_fd()).told(attempted)?;
    }
    if let Some(owner) = owner {
        fchown(&folder, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid))).told(attempted)?;
    }
    // By hand: mkdir(2) takes the process's mask away, and inherits a set-group-ID bit.
    fchmod(&folder, Mode::from_bits_truncate(mode)).told(attempted)?;
    Ok(folder)
}
