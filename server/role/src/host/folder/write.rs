//! Changes in a folder that is held open.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

use super::{Folder, absolute, content, from_errno, from_io, real};
use crate::host::attributes::{self, Attributes};
use crate::host::before::{Before, Digest, spare_of};
use crate::host::real::access::Held;
use crate::host::real::exchange::{self, Stop, unforeseen_beside};
use crate::host::real::files::rename_new_at;
use crate::host::real::safety::Place;
use crate::host::real::trees;
use crate::host::{FileKind, Owner, temporary_of};
use crate::trouble::{Kind, Result, Trouble};

/// The longest file that is compared before it is replaced, in bytes.
const LONGEST: u64 = 1 << 30;

/// What came of exchanging a file for the temporary file beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchanged {
    /// The new text is in place; the old file lies under the temporary name.
    Done,
    /// The new text is in place, and the old file is gone: this file system cannot exchange.
    Replaced,
    /// The file held something else by then. It is as it was, and the new text under the temporary name.
    Changed,
}

impl Folder {
    /// Opens a new file for writing. Its mode is `mode` without what umask(2) takes away.
    ///
    /// # Errors
    ///
    /// When there is something of that name, and what the system says.
    pub fn create(&self, name: impl AsRef<Path>, mode: u32) -> Result<File> {
        let name = self.plain(name.as_ref())?;
        let file = self.new_file(name, mode)?;
        self.hand_over(&file, || self.writing(name))?;
        Ok(file)
    }

    /// A new file that is still root's: nobody else can open it before it is whole.
    fn new_file(&self, name: &Path, mode: u32) -> Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = openat(&self.fd, name, flags, Mode::from_bits_truncate(mode));
        opened.map(File::from).map_err(|errno| from_errno(self.writing(name), errno))
    }

    /// Opens a file for writing, as it is; a new one where there is none. For locks (flock(2)).
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when it is a link, and what the system says.
    pub fn open_to_lock(&self, name: &str) -> Result<File> {
        if self.kind(name).is_none() {
            match self.create(name, 0o666) {
                Err(_) if self.kind(name).is_some() => {}
                created => return created,
            }
        }
        let flags = OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        match openat(&self.fd, self.plain(name.as_ref())?, flags, Mode::empty()) {
            Ok(fd) => Ok(File::from(fd)),
            Err(Errno::ELOOP) => Err(self.refused(Path::new(name), "a symbolic link")),
            Err(errno) => Err(from_errno(self.writing(name.as_ref()), errno)),
        }
    }

    /// Writes a new file under a name that nobody else uses; one that an interrupted run left there is removed first.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn write_over(&self, name: impl AsRef<Path>, bytes: &[u8], is_durable: bool) -> Result<()> {
        let name = name.as_ref();
        self.remove(name)?;
        let file = self.create(name, 0o666)?;
        self.fill(&file, name, bytes, is_durable)
    }

    /// Writes a file as a whole, in place of the file or link that has its name: temporary file, rename. A regular file that is
    /// there leaves its attributes to the new one.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when there is a folder or device, and what the system says; the file that was there is then untouched.
    pub fn put(&self, name: impl AsRef<Path>, bytes: &[u8], mode: u32, is_durable: bool) -> Result<()> {
        let name = self.plain(name.as_ref())?;
        match self.kind(name) {
            Some(FileKind::File) => drop(self.write_beside(name, bytes, |_| true, is_durable)?),
            None | Some(FileKind::Link) => {
                let temporary = temporary_of(name);
                self.clear(&temporary)?;
                let file = self.create(&temporary, mode)?;
                self.fill(&file, name, bytes, is_durable)?;
            }
            Some(_) => return Err(Trouble::new(self.writing(name), "it is not a regular file").kind(Kind::Unsafe)),
        }
        self.rename(temporary_of(name), name)?;
        if is_durable { self.sync() } else { Ok(()) }
    }

    /// Writes a new file as a whole, and over nothing. Tells whether it did: where something has that name, it stays as it is.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn write_new(&self, name: impl AsRef<Path>, bytes: &[u8], mode: u32) -> Result<bool> {
        let name = self.plain(name.as_ref())?;
        if self.kind(name).is_some() {
            return Ok(false);
        }
        let temporary = temporary_of(name);
        self.clear(&temporary)?;
        let file = self.create(&temporary, mode)?;
        let written = self.fill(&file, name, bytes, true).and_then(|()| self.rename_new(&temporary, name));
        if !matches!(written, Ok(true)) {
            // That this fails as well tells no more than the first error.
            let _ = self.remove(&temporary);
        }
        self.sync()?;
        written
    }

    /// Writes a text beside the regular file that it will replace, under the temporary name, with that file's attributes. Tells whether it
    /// did: attributes are taken of no file but one that holds what is expected, so that what was read of one file never gets the owner or
    /// mode of another, which has its name by then.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when it is not a regular file, and what the system says.
    pub fn write_beside(
        &self,
        name: impl AsRef<Path>,
        bytes: &[u8],
        is_expected: impl Fn(&[u8]) -> bool,
        is_durable: bool,
    ) -> Result<bool> {
        let name = self.plain(name.as_ref())?;
        let there = self.open_file(name)?.ok_or_else(|| from_errno(self.writing(name), Errno::ENOENT))?;
        if !is_expected(&content(&there, LONGEST, || self.writing(name))?) {
            return Ok(false);
        }
        let temporary = temporary_of(name);
        self.clear(&temporary)?;
        let file = self.new_file(&temporary, 0o600)?;
        let written = self.fill(&file, name, bytes, false).and_then(|()| {
            attributes::preserve(there.as_fd(), file.as_fd()).map_err(|lost| {
                Trouble::new(self.writing(name), lost.to_string())
                    .kind(Kind::Unsafe)
                    .hint("see with lsattr, getfattr -d -m - and getfacl what it has")
            })
        });
        if let Err(trouble) = written {
            let _ = self.remove(&temporary);
            return Err(trouble);
        }
        if is_durable {
            file.sync_all().map_err(|error| from_io(self.writing(name), &error))?;
        }
        Ok(true)
    }

    /// Exchanges a file for what was written beside it, unless it holds something else than is expected: what came out is
    /// compared, and put back if it differs. So an edit that somebody makes at that moment is not lost. (Who holds the old file
    /// open and writes into it later writes into the old file.)
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn exchange(&self, name: impl AsRef<Path>, is_expected: impl Fn(&[u8]) -> bool) -> Result<Exchanged> {
        let name = self.plain(name.as_ref())?;
        let temporary = temporary_of(name);
        let holds_expected = |name: &Path| -> Result<bool> {
            // What is no regular file any more is not what is expected, whatever it is.
            if self.kind(name) != Some(FileKind::File) {
                return Ok(false);
            }
            Ok(self.read(name, LONGEST)?.is_some_and(|bytes| is_expected(&bytes)))
        };
        let ours = self.identity(&temporary);
        match self.swap(&temporary, name) {
            Ok(()) => {}
            Err(Errno::ENOENT) if ours.is_some() => return Ok(Exchanged::Changed),
            // File systems that cannot exchange, such as NFS: compared right before. What comes between is lost.
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                if !holds_expected(name)? {
                    return Ok(Exchanged::Changed);
                }
                self.rename(&temporary, name)?;
                return Ok(Exchanged::Replaced);
            }
            Err(errno) => return Err(from_errno(self.writing(name), errno)),
        }
        if holds_expected(&temporary).unwrap_or(false) {
            return Ok(Exchanged::Done);
        }
        self.bring_back(name, ours)?;
        Ok(Exchanged::Changed)
    }

    /// Exchanges a file once more for what came out of it. What somebody has put in place meanwhile is kept under a name of its
    /// own; `ours` is what was put there by this process.
    ///
    /// # Errors
    ///
    /// With that name, if there is one; and what the system says.
    pub fn bring_back(&self, name: impl AsRef<Path>, ours: Option<(u64, u64)>) -> Result<()> {
        let name = self.plain(name.as_ref())?;
        let temporary = temporary_of(name);
        match self.swap(&temporary, name) {
            Ok(()) => {}
            // It was removed meanwhile: what came out is the newest that there is.
            Err(Errno::ENOENT) if self.rename_new(&temporary, name)? => return Ok(()),
            // And its name was taken again since.
            Err(Errno::ENOENT) => return self.report_saved_twice(&temporary, name),
            Err(errno) => return Err(from_errno(self.writing(name), errno)),
        }
        if ours.is_none() || self.identity(&temporary) == ours {
            return Ok(());
        }
        self.report_saved_twice(&temporary, name)
    }

    /// Keeps what somebody saved where a later text has the name of the file, and says where it is.
    fn report_saved_twice(&self, temporary: &Path, name: &Path) -> Result<()> {
        let saved = self.keep_apart(temporary, name)?;
        let said = format!("it was saved twice meanwhile: one of the texts is kept in {}", self.path.join(saved).display());
        Err(Trouble::new(self.writing(name), said).kind(Kind::Busy).hint("compare the two, and run the same command again"))
    }

    /// Moves what somebody saved to a free name beside its file, and gives that name.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn keep_apart(&self, saved: &Path, name: &Path) -> Result<PathBuf> {
        for number in 1.. {
            let free = spare_of(name, number);
            if self.rename_new(saved, &free)? {
                return Ok(free);
            }
        }
        unreachable!("numbers do not end")
    }

    fn place(&self, name: &Path) -> Result<Place<'static>> {
        let fd = self.fd.try_clone().map_err(|error| from_io(self.writing(name), &error))?;
        Ok(Place::within(fd, name.to_path_buf()))
    }

    /// Device and inode of what has a name in it.
    pub fn identity(&self, name: &Path) -> Option<(u64, u64)> {
        let about = nix::sys::stat::fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        // How wide these fields are is not the same everywhere.
        #[allow(clippy::unnecessary_cast)]
        Some((about.st_dev as u64, about.st_ino as u64))
    }

    fn swap(&self, one: &Path, other: &Path) -> nix::Result<()> {
        renameat2(&self.fd, one, &self.fd, other, RenameFlags::RENAME_EXCHANGE)
    }

    /// Renames a file or folder in it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let (from, to) = (self.plain(from.as_ref())?, self.plain(to.as_ref())?);
        renameat(&self.fd, from, &self.fd, to).map_err(|errno| from_errno(self.writing(to), errno))
    }

    /// Renames a file or folder in it, and over nothing. Tells whether it did.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn rename_new(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<bool> {
        let (from, to) = (self.plain(from.as_ref())?, self.plain(to.as_ref())?);
        match rename_new_at(self.as_fd(), from, self.as_fd(), to) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => Ok(false),
            Err(errno) => Err(from_errno(self.writing(to), errno)),
        }
    }

    /// Makes a symbolic link, and over nothing.
    ///
    /// # Errors
    ///
    /// When there is something of that name, and what the system says.
    pub fn link(&self, name: impl AsRef<Path>, target: &Path) -> Result<()> {
        let name = self.plain(name.as_ref())?;
        let attempted = || format!("make the link {}", self.path.join(name).display());
        symlinkat(target, &self.fd, name).map_err(|errno| from_errno(attempted(), errno))?;
        let Some(owner) = self.owner else { return Ok(()) };
        let held = Held::own_link(&self.fd, name, target).map_err(|errno| from_errno(attempted(), errno))?;
        let held = held.ok_or_else(|| Trouble::new(attempted(), "another file was put in its place").kind(Kind::Unsafe))?;
        held.give_to(owner).map_err(|errno| from_errno(attempted(), errno))
    }

    /// Frees a temporary name: a file there goes; a folder, which nobody but another user can have put there, is moved out of the way.
    fn clear(&self, temporary: &Path) -> Result<()> {
        if self.kind(temporary) != Some(FileKind::Directory) {
            return self.remove(temporary);
        }
        self.rename_new(temporary, unforeseen_beside(temporary)).map(drop)
    }

    /// Removes a file, or a link itself; one that is not there is removed already.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove(&self, name: impl AsRef<Path>) -> Result<()> {
        let name = self.plain(name.as_ref())?;
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(from_errno(format!("remove {}", self.path.join(name).display()), errno)),
        }
    }

    /// Removes a folder in it that has nothing in it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove_empty(&self, name: impl AsRef<Path>) -> Result<()> {
        let name = self.plain(name.as_ref())?;
        let removed = unlinkat(&self.fd, name, UnlinkatFlags::RemoveDir);
        removed.map_err(|errno| from_errno(format!("remove {}", self.path.join(name).display()), errno))
    }

    /// Removes a folder in it with all that it holds; one that is not there is removed already.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when it is a link, and what the system says.
    pub fn remove_tree(&self, name: impl AsRef<Path>) -> Result<()> {
        let name = self.plain(name.as_ref())?;
        let Some(folder) = self.find(name)? else { return Ok(()) };
        let path = self.path.join(name);
        trees::empty(folder.fd, &path)?;
        self.remove_empty(name)
    }

    /// Brings its names to the disk.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn sync(&self) -> Result<()> {
        let attempted = || format!("write the folder {} to the disk", self.path.display());
        nix::unistd::fsync(&self.fd).map_err(|errno| from_errno(attempted(), errno))
    }

    /// Brings all of its file system to the disk: faster than one file after the other where they are many.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn sync_file_system(&self) -> Result<()> {
        let attempted = || format!("write the file system of {} to the disk", self.path.display());
        nix::unistd::syncfs(&self.fd).map_err(|errno| from_errno(attempted(), errno))
    }

    /// The number of the device that it is on.
    ///
    /// # Errors
    ///
    /// What the system says.
    // How wide the field is is not the same everywhere.
    #[allow(clippy::unnecessary_cast)]
    pub fn device(&self) -> Result<u64> {
        let about = fstat(&self.fd).map_err(|errno| from_errno(format!("look at {}", self.path.display()), errno))?;
        Ok(about.st_dev as u64)
    }

    fn fill(&self, mut file: &File, name: &Path, bytes: &[u8], is_durable: bool) -> Result<()> {
        let written = file.write_all(bytes).and_then(|()| if is_durable { file.sync_all() } else { Ok(()) });
        written.map_err(|error| from_io(self.writing(name), &error))
    }

    fn writing(&self, name: &Path) -> String {
        format!("write {}", self.path.join(name).display())
    }
}

/// The folder of a file, and its name in it.
fn place_of(path: &Path) -> Result<(Folder, PathBuf)> {
    let attempted = || format!("write {}", path.display());
    let whole = absolute(path)?;
    let (Some(above), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(Trouble::new(attempted(), "it is not a file name"));
    };
    let folder = Folder::open(above)?.ok_or_else(|| from_errno(attempted(), Errno::ENOENT))?;
    Ok((folder, name.into()))
}

/// The same of what a link at the end of the path leads to.
fn place_behind(path: &Path) -> Result<(Folder, PathBuf)> {
    match path.symlink_metadata() {
        Ok(there) if there.is_symlink() => place_of(&real(path)?),
        _ => place_of(path),
    }
}

/// Writes a file as a whole, by its path (see [`Folder::put`]). A link at its end is kept, and what it leads to changed.
///
/// # Errors
///
/// As [`Folder::open`] and [`Folder::put`]; the file that was there is then untouched.
pub fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let (folder, name) = place_behind(path)?;
    folder.put(name, bytes, mode, true)
}

/// Writes a new file, by its path (see [`Folder::write_new`]).
///
/// # Errors
///
/// As [`Folder::open`] and [`Folder::write_new`].
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<bool> {
    let (folder, name) = place_of(path)?;
    folder.write_new(name, bytes, mode)
}

/// Writes a file anew that holds `from`, whole or not at all; its attributes stay. A link at the end of the path is kept, and what
/// it leads to changed.
///
/// # Errors
///
/// [`Kind::Busy`] when it holds something else by now; as [`Folder::open`], and what the system says. The file is then untouched.
pub fn replace(path: &Path, from: &[u8], to: &[u8]) -> Result<()> {
    let (folder, name) = place_behind(path)?;
    let attempted = || format!("write {}", path.display());
    let changed = || Trouble::new(attempted(), "it was changed meanwhile").kind(Kind::Busy).hint("run the same command again");
    let place = folder.place(&name)?;
    settled(&place, path)?;
    let there = folder.open_file(&name)?.ok_or_else(|| from_errno(attempted(), Errno::ENOENT))?;
    let about = there.metadata().map_err(|error| from_io(attempted(), &error))?;
    let before = Before::File {
        content: Digest::of(from),
        mode: about.mode() & 0o7777,
        owner: Owner { uid: about.uid(), gid: about.gid() },
        attributes: Attributes::of(there.as_fd()).map_err(|errno| from_errno(attempted(), errno))?,
    };
    if !folder.write_beside(&name, to, |now| now == from, true)? {
        return Err(changed());
    }
    match exchange::put(&place, &place.temporary(), &before) {
        Ok(()) => folder.sync(),
        Err(Stop::Errno(errno)) => Err(from_errno(attempted(), errno)),
        Err(Stop::Changed(_)) => Err(changed()),
        Err(Stop::Kept(_, saved)) => Err(saved_twice(path, &saved)),
    }
}

/// Sorts out what an interrupted [`replace`] left beside a file.
///
/// # Errors
///
/// As [`Folder::open`]; when two versions of the file are there, since somebody has saved it meanwhile; and what the system says.
pub fn settle(path: &Path) -> Result<()> {
    let (folder, name) = place_behind(path)?;
    settled(&folder.place(&name)?, path)
}

fn settled(place: &Place<'_>, path: &Path) -> Result<()> {
    let attempted = || format!("sort out what an interruption left beside {}", path.display());
    let kept = exchange::settle(place, &place.temporary()).map_err(|errno| from_errno(attempted(), errno))?;
    kept.map_or(Ok(()), |saved| Err(saved_twice(path, &saved)))
}

fn saved_twice(path: &Path, saved: &Path) -> Trouble {
    let said = format!("it was saved twice meanwhile: one of the texts is kept in {}", path.with_file_name(saved).display());
    Trouble::new(format!("write {}", path.display()), said)
        .kind(Kind::Busy)
        .hint("compare the two, and run the same command again")
}
