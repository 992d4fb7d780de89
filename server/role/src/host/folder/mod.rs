//! Folders held open: the one set of file operations for what lies in the folders of other users.
//!
//! Who can write into a folder can put a link into it at any moment. So a path is never checked first and used later: a
//! [`Folder`] is opened once, and everything below it is reached from its descriptor, from the look at a file to the rename that
//! replaces it. As root the way to a folder follows no link that another user could have put there, by the same rule as the
//! [`Host`](super::Host); below a folder nobody follows a link (`openat2(2)` with `RESOLVE_BENEATH` and `RESOLVE_NO_SYMLINKS`).
//!
//! What root makes in the folder of another user is given to that user.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, fchown, geteuid};
use seed_spec::unit::Size;

use super::real::safety::{Safety, open_below};
use super::refusal::{Refusal, Told, nothing_there, second_name};
use super::{FileKind, Owner};
use crate::trouble::{Kind, Result, Trouble};

mod write;

pub use write::{Exchanged, put, replace, settle, write_new};

/// How a folder is opened: so that it can be listed and synced.
const FOLDER: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);
/// How a file is opened: a pipe that nobody writes to does not block, and a terminal does not become that of the process.
const FILE: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// A folder, held open.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
    /// Whom new files are given to: where root works in the folder of another user, that user.
    owner: Option<Owner>,
}

impl Folder {
    /// Opens a folder; none if there is none.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when, as root, the way to it leads through a link of another user; and what the system says.
    pub fn open(path: &Path) -> Result<Option<Folder>> {
        let attempted = || format!("open the folder {}", path.display());
        let path = absolute(path)?;
        let fd = match safety().open(&path, FOLDER) {
            Err(Refusal::Errno(Errno::ENOENT)) => return Ok(None),
            fd => told(fd, attempted)?,
        };
        let about = fstat(&fd).map_err(|errno| from_errno(attempted(), errno))?;
        let owner = Some(Owner { uid: about.st_uid, gid: about.st_gid }).filter(|owner| geteuid().is_root() && owner.uid != 0);
        Ok(Some(Folder { fd, path, owner }))
    }

    /// The same, made with those above it where there is none.
    ///
    /// # Errors
    ///
    /// As [`Folder::open`].
    pub fn made(path: &Path) -> Result<Folder> {
        let path = absolute(path)?;
        if let Some(there) = Folder::open(&path)? {
            return Ok(there);
        }
        match (path.parent(), path.file_name()) {
            (Some(above), Some(name)) => Folder::made(above)?.make(name),
            _ => Err(Trouble::new(format!("make the folder {}", path.display()), "it has no name")),
        }
    }

    /// Its path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder below it; none if there is none. No link on the way is followed.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when there is a link, or something else that is no folder; and what the system says.
    pub fn find(&self, below: impl AsRef<Path>) -> Result<Option<Folder>> {
        let below = below.as_ref();
        match open_below(self.fd.as_fd(), below, FOLDER) {
            Ok(fd) => Ok(Some(Folder { fd, path: self.path.join(below), owner: self.owner })),
            Err(Errno::ENOENT) => Ok(None),
            Err(Errno::ELOOP | Errno::ENOTDIR | Errno::EXDEV) => Err(self.refused(below, "no folder")),
            Err(errno) => Err(from_errno(format!("open the folder {}", self.path.join(below).display()), errno)),
        }
    }

    /// A folder in it, made where there is none.
    ///
    /// # Errors
    ///
    /// As [`Folder::find`].
    pub fn make(&self, name: impl AsRef<Path>) -> Result<Folder> {
        let name = self.plain(name.as_ref())?;
        let attempted = || format!("make the folder {}", self.path.join(name).display());
        if let Some(there) = self.find(name)? {
            return Ok(there);
        }
        let is_ours = match mkdirat(&self.fd, name, Mode::from_bits_truncate(0o777)) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(errno) => return Err(from_errno(attempted(), errno)),
        };
        let made = self.find(name)?.ok_or_else(|| Trouble::new(attempted(), "it was taken away meanwhile"))?;
        // Another one may have been put in its place since; nobody is given what another has put things into.
        let about = fstat(&made.fd).map_err(|errno| from_errno(attempted(), errno))?;
        if is_ours && about.st_uid == geteuid().as_raw() && made.names()?.is_empty() {
            made.hand_over(&made.fd, attempted)?;
        }
        Ok(made)
    }

    /// A folder below it, made with those above it where there is none.
    ///
    /// # Errors
    ///
    /// As [`Folder::find`].
    pub fn make_all(&self, below: &Path) -> Result<Folder> {
        let mut made = self.find("")?.ok_or_else(|| from_errno(format!("open {}", self.path.display()), Errno::ENOENT))?;
        for name in below {
            made = made.make(name)?;
        }
        Ok(made)
    }

    /// Opens a regular file below it; none if there is none. No link is followed.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when there is a link on the way, when it is not a regular file, and what the system says.
    pub fn open_file(&self, below: impl AsRef<Path>) -> Result<Option<File>> {
        let below = below.as_ref();
        let attempted = || format!("read {}", self.path.join(below).display());
        let fd = match open_below(self.fd.as_fd(), below, FILE) {
            Ok(fd) => fd,
            Err(errno) if nothing_there(errno) => return Ok(None),
            Err(Errno::ELOOP | Errno::EXDEV) => return Err(self.refused(below, "no file")),
            Err(errno) => return Err(from_errno(attempted(), errno)),
        };
        let file = regular(fd, attempted)?;
        if let Some(owner) = self.owner {
            refuse_second_name(&file, owner.uid, attempted)?;
        }
        Ok(Some(file))
    }

    /// What a regular file below it holds; none if there is none.
    ///
    /// # Errors
    ///
    /// As [`Folder::open_file`], and when it is longer than `limit` bytes.
    pub fn read(&self, below: impl AsRef<Path>, limit: u64) -> Result<Option<Vec<u8>>> {
        let below = below.as_ref();
        let file = self.open_file(below)?;
        file.map(|file| content(&file, limit, || format!("read {}", self.path.join(below).display()))).transpose()
    }

    /// What kind of file has a name in it; none if there is none.
    pub fn kind(&self, name: impl AsRef<Path>) -> Option<FileKind> {
        let about = fstatat(&self.fd, name.as_ref(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        Some(match SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => FileKind::File,
            SFlag::S_IFDIR => FileKind::Directory,
            SFlag::S_IFLNK => FileKind::Link,
            SFlag::S_IFBLK => FileKind::Block,
            _ => FileKind::Other,
        })
    }

    /// The names of all that is in it, sorted.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn names(&self) -> Result<Vec<OsString>> {
        let said = |errno: Errno| from_errno(format!("look into the folder {}", self.path.display()), errno);
        let mut all = Dir::openat(&self.fd, ".", FOLDER, Mode::empty()).map_err(said)?;
        let mut names = Vec::new();
        for entry in all.iter() {
            let name = entry.map_err(said)?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Refuses names in it that are links, before anything is changed.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] with the first.
    pub fn refuse_links(&self, names: &[&str]) -> Result<()> {
        let link = names.iter().find(|name| self.kind(name) == Some(FileKind::Link));
        link.map_or(Ok(()), |name| Err(self.refused(Path::new(name), "a symbolic link")))
    }

    /// A name that stands in this folder and nowhere else.
    fn plain<'n>(&self, name: &'n Path) -> Result<&'n Path> {
        let mut parts = name.components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(_)), None) => Ok(name),
            _ => {
                let attempted = format!("use {} in {}", name.display(), self.path.display());
                Err(Trouble::new(attempted, "it is not the name of a file in that folder").kind(Kind::Unsafe))
            }
        }
    }

    fn hand_over(&self, fd: &impl AsFd, attempted: impl FnOnce() -> String) -> Result<()> {
        let Some(owner) = self.owner else { return Ok(()) };
        let given = fchown(fd, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
        given.map_err(|errno| from_errno(attempted(), errno))
    }

    fn refused(&self, below: &Path, otherwise: &str) -> Trouble {
        let path = self.path.join(below);
        let mut way = below.ancestors().filter(|part| !part.as_os_str().is_empty()).collect::<Vec<_>>();
        way.reverse();
        let link = way.into_iter().find(|part| self.kind(part) == Some(FileKind::Link));
        let said = match link {
            Some(link) if link != below => format!("{} is a symbolic link", self.path.join(link).display()),
            Some(_) => "it is a symbolic link".to_string(),
            None => format!("it is {otherwise}"),
        };
        Trouble::new(format!("use {}", path.display()), said)
            .kind(Kind::Unsafe)
            .hint("what is in there is reached through no link; take it away, or name the place that it points to")
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Opens a regular file by its path; none if there is none. Who is no root follows links as ever; root none of another user.
///
/// # Errors
///
/// [`Kind::Unsafe`] when root would follow such a link, when it is not a regular file, and what the system says.
pub fn open_file(path: &Path) -> Result<Option<File>> {
    let attempted = || format!("read {}", path.display());
    let path = &absolute(path)?;
    let safety = safety();
    let fd = match safety.open(path, FILE) {
        Err(Refusal::Errno(errno)) if nothing_there(errno) => return Ok(None),
        fd => told(fd, attempted)?,
    };
    let file = regular(fd, attempted)?;
    let about = fstat(&file).map_err(|errno| from_errno(attempted(), errno))?;
    if told(safety.has_second_name_of_another(path, &about), attempted)? {
        return Err(second_name(attempted()));
    }
    Ok(Some(file))
}

/// What a regular file holds, by its path; none if there is none.
///
/// # Errors
///
/// As [`open_file`], and when it is longer than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    open_file(path)?.map(|file| content(&file, limit, || format!("read {}", path.display()))).transpose()
}

/// What an open file holds.
///
/// # Errors
///
/// When it is longer than `limit` bytes, and what the system says.
pub fn content(file: &File, limit: u64, attempted: impl Fn() -> String) -> Result<Vec<u8>> {
    let too_long = || Trouble::new(attempted(), format!("it is longer than {}", Size(limit)));
    let length = file.metadata().map_err(|error| from_io(attempted(), &error))?.len();
    if length > limit {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| from_io(attempted(), &error))?;
    if bytes.len() as u64 > limit { Err(too_long()) } else { Ok(bytes) }
}

/// The names of all that is in a folder, sorted; none if there is no such folder.
///
/// # Errors
///
/// As [`Folder::open`].
pub fn names(path: &Path) -> Result<Vec<OsString>> {
    Folder::open(path)?.map_or_else(|| Ok(Vec::new()), |folder| folder.names())
}

/// A path without links.
///
/// # Errors
///
/// [`Kind::Unsafe`] when root would follow a link of another user; when nothing is there, and what the system says.
pub fn real(path: &Path) -> Result<PathBuf> {
    let attempted = || format!("look at {}", path.display());
    if !geteuid().is_root() {
        return path.canonicalize().map_err(|error| from_io(attempted(), &error));
    }
    let resolved = told(safety().canonical(&absolute(path)?), attempted)?;
    match resolved.symlink_metadata() {
        Ok(_) => Ok(resolved),
        Err(error) => Err(from_io(attempted(), &error)),
    }
}

fn safety() -> Safety {
    Safety::new(geteuid().is_root())
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| from_io(format!("look at {}", path.display()), &error))
}

fn told<T>(result: Result<T, Refusal>, attempted: impl FnOnce() -> String) -> Result<T> {
    match result {
        Err(Refusal::Errno(errno)) => Err(from_errno(attempted(), errno)),
        other => other.told(attempted),
    }
}

fn regular(fd: OwnedFd, attempted: impl Fn() -> String) -> Result<File> {
    let about = fstat(&fd).map_err(|errno| from_errno(attempted(), errno))?;
    match SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok(File::from(fd)),
        SFlag::S_IFDIR => Err(from_errno(attempted(), Errno::EISDIR)),
        _ => Err(Trouble::new(attempted(), "it is not a regular file").kind(Kind::Unsafe)),
    }
}

/// Refuses a file in a folder of another user that belongs to a third one and has a second name elsewhere: that user may have made
/// this name for it (a hard link), where the kernel lets them (`fs.protected_hardlinks`).
fn refuse_second_name(file: &File, user: u32, attempted: impl Fn() -> String) -> Result<()> {
    let about = file.metadata().map_err(|error| from_io(attempted(), &error))?;
    if about.nlink() > 1 && about.uid() != user { Err(second_name(attempted())) } else { Ok(()) }
}

/// As [`Trouble::from_errno`], for files that a person keeps: who may not write there is no better off with `seed apply`, and may
/// be root already.
pub fn from_errno(attempted: impl Into<String>, errno: Errno) -> Trouble {
    let mut trouble = Trouble::from_errno(attempted, errno);
    if trouble.kind == Kind::NotPermitted {
        let hint = match geteuid().is_root() {
            true => "not even root may: it is perhaps immutable, see lsattr and chattr -i",
            false => "`ls -ld` shows the owner of the file and of its folder, and who can write to them",
        };
        trouble.hint = Some(hint.into());
    }
    trouble
}

/// As [`Trouble::from_io`], with the hints of [`from_errno`].
pub fn from_io(attempted: impl Into<String>, error: &std::io::Error) -> Trouble {
    match error.raw_os_error() {
        Some(number) => from_errno(attempted, Errno::from_raw(number)),
        None => Trouble::new(attempted, error.to_string()),
    }
}

#[cfg(test)]
mod tests;
