//! What Seed keeps for itself in a project, in `.seed/`: reached by open folders, and nothing in it through a symbolic link.
//!
//! A project may come from anyone, and root may bring it in step: a link in `.seed/` would have Seed write where it leads.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, geteuid, unlinkat};
use seed_role::Trouble;
use seed_role::trouble::{Kind, Result};

use crate::store::FOLDER;
use crate::words::{from_errno, from_io};

/// A folder of Seed's own, held open.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
    /// Whom new files are given to: where root works in the project of somebody else, that user.
    owner: Option<(Uid, Gid)>,
}

const OPEN: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

impl Folder {
    /// The `.seed/` of the project at a folder; none if there is none yet.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when it is a symbolic link, and what the system says.
    pub(crate) fn of(root: &Path) -> Result<Option<Folder>> {
        project(root)?.find(FOLDER)
    }

    /// The same, made where there is none.
    ///
    /// # Errors
    ///
    /// As [`Folder::of`].
    pub(crate) fn made(root: &Path) -> Result<Folder> {
        project(root)?.make(FOLDER)
    }

    /// A folder in it; none if there is none.
    ///
    /// # Errors
    ///
    /// As [`Folder::of`].
    pub(crate) fn find(&self, name: &str) -> Result<Option<Folder>> {
        let path = self.path.join(name);
        match openat(&self.fd, name, OPEN, Mode::empty()) {
            Ok(fd) => Ok(Some(Folder { fd, path, owner: self.owner })),
            Err(Errno::ENOENT) => Ok(None),
            Err(Errno::ELOOP | Errno::ENOTDIR) => Err(self.refused(name, "no folder")),
            Err(errno) => Err(from_errno(format!("open the folder {}", path.display()), errno)),
        }
    }

    /// A folder in it, made where there is none.
    ///
    /// # Errors
    ///
    /// As [`Folder::of`].
    pub(crate) fn make(&self, name: &str) -> Result<Folder> {
        let attempted = || format!("make the folder {}", self.path.join(name).display());
        if let Some(there) = self.find(name)? {
            return Ok(there);
        }
        match mkdirat(&self.fd, name, Mode::from_bits_truncate(0o777)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(from_errno(attempted(), errno)),
        }
        let made = self.find(name)?.ok_or_else(|| Trouble::new(attempted(), "it was taken away meanwhile"))?;
        made.hand_over(&made.fd, name)?;
        Ok(made)
    }

    /// What a file in it holds; none if there is none.
    ///
    /// # Errors
    ///
    /// As [`Folder::of`].
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let attempted = || format!("read {}", self.path.join(name).display());
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let fd = match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(self.refused(name, "no file")),
            Err(errno) => return Err(from_errno(attempted(), errno)),
        };
        let mut bytes = Vec::new();
        File::from(fd).read_to_end(&mut bytes).map_err(|error| from_io(attempted(), &error))?;
        Ok(Some(bytes))
    }

    /// Whether something of that name is in it, whatever it is.
    pub(crate) fn has(&self, name: &str) -> bool {
        fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok()
    }

    /// Refuses names that are symbolic links, before anything is changed.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] with the first.
    pub(crate) fn refuse_links(&self, names: &[&str]) -> Result<()> {
        let is_link = |name: &&&str| {
            let there = fstatat(&self.fd, **name, AtFlags::AT_SYMLINK_NOFOLLOW);
            there.is_ok_and(|there| SFlag::from_bits_truncate(there.st_mode) & SFlag::S_IFMT == SFlag::S_IFLNK)
        };
        names.iter().find(is_link).map_or(Ok(()), |name| Err(self.refused(name, "a symbolic link")))
    }

    /// Opens a new file.
    ///
    /// # Errors
    ///
    /// When there is something of that name, and what the system says.
    pub(crate) fn create(&self, name: &str) -> Result<File> {
        self.open_new(name).map_err(|errno| self.not_written(name, errno))?.handed_over(self, name)
    }

    fn open_new(&self, name: &str) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.fd, name, flags, Mode::from_bits_truncate(0o666))
    }

    /// Opens a file for writing, as it is or empty where there is none.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when it is a symbolic link, and what the system says.
    pub(crate) fn open(&self, name: &str) -> Result<File> {
        match self.open_new(name) {
            Ok(fd) => fd.handed_over(self, name),
            Err(Errno::EEXIST) => {
                let flags = OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
                match openat(&self.fd, name, flags, Mode::empty()) {
                    Ok(fd) => Ok(File::from(fd)),
                    Err(Errno::ELOOP) => Err(self.refused(name, "a symbolic link")),
                    Err(errno) => Err(self.not_written(name, errno)),
                }
            }
            Err(errno) => Err(self.not_written(name, errno)),
        }
    }

    /// Writes a new file; one that is there is replaced. It is whole only once it is on the disk.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn put(&self, name: &str, content: &[u8], is_durable: bool) -> Result<()> {
        let mut file = match self.open_new(name) {
            Err(Errno::EEXIST) => {
                self.remove(name)?;
                self.create(name)?
            }
            Err(errno) => return Err(self.not_written(name, errno)),
            Ok(fd) => fd.handed_over(self, name)?,
        };
        let written = file.write_all(content).and_then(|()| if is_durable { file.sync_all() } else { Ok(()) });
        written.map_err(|error| from_io(self.writing(name), &error))
    }

    /// Writes a file beside its place and renames it: whole or not at all.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn write(&self, name: &str, content: &[u8], is_durable: bool) -> Result<()> {
        let temporary = format!(".{name}.seed-new");
        self.put(&temporary, content, is_durable)?;
        self.rename(&temporary, name)?;
        if is_durable { self.sync() } else { Ok(()) }
    }

    /// Renames a file in it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        renameat(&self.fd, from, &self.fd, to).map_err(|errno| self.not_written(to, errno))
    }

    /// Removes a file, or a link itself; one that is not there is removed already.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn remove(&self, name: impl AsRef<OsStr>) -> Result<()> {
        let name = name.as_ref();
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(from_errno(format!("remove {}", self.path.join(name).display()), errno)),
        }
    }

    /// Removes a folder with the files in it. A folder in there is not Seed's, and is left.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] when it is a symbolic link, and what the system says.
    pub(crate) fn remove_folder(&self, name: &str) -> Result<()> {
        let Some(folder) = self.find(name)? else { return Ok(()) };
        for file in folder.names()? {
            folder.remove(OsStr::from_bytes(file.as_bytes()))?;
        }
        self.remove_empty(name)
    }

    /// Removes a folder that has nothing in it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn remove_empty(&self, name: &str) -> Result<()> {
        let removed = unlinkat(&self.fd, name, UnlinkatFlags::RemoveDir);
        removed.map_err(|errno| from_errno(format!("remove {}", self.path.join(name).display()), errno))
    }

    /// The names of all that is in it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn names(&self) -> Result<Vec<CString>> {
        let said = |errno: Errno| from_errno(format!("read the folder {}", self.path.display()), errno);
        let mut all = Dir::openat(&self.fd, ".", OPEN, Mode::empty()).map_err(said)?;
        let mut names = Vec::new();
        for entry in all.iter() {
            let name = entry.map_err(said)?.file_name().to_owned();
            if !is_dots(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Brings its names to the disk.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn sync(&self) -> Result<()> {
        let attempted = || format!("write the folder {} to the disk", self.path.display());
        nix::unistd::fsync(&self.fd).map_err(|errno| from_errno(attempted(), errno))
    }

    /// Its path, for what is not reached by names.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn hand_over(&self, fd: &OwnedFd, name: &str) -> Result<()> {
        match self.owner {
            Some((uid, gid)) => fchown(fd, Some(uid), Some(gid)).map_err(|errno| self.not_written(name, errno)),
            None => Ok(()),
        }
    }

    fn writing(&self, name: &str) -> String {
        format!("write {}", self.path.join(name).display())
    }

    fn not_written(&self, name: &str, errno: Errno) -> Trouble {
        from_errno(self.writing(name), errno)
    }

    fn refused(&self, name: &str, otherwise: &str) -> Trouble {
        let path = self.path.join(name);
        let is_link = std::fs::symlink_metadata(&path).is_ok_and(|there| there.is_symlink());
        let what = if is_link { "a symbolic link" } else { otherwise };
        Trouble::new(format!("use {}", path.display()), format!("it is {what}"))
            .kind(Kind::Unsafe)
            .hint("what Seed keeps there is reached through no link; take it away")
    }
}

/// A file that is given to whom the project belongs.
trait HandedOver {
    fn handed_over(self, folder: &Folder, name: &str) -> Result<File>;
}

impl HandedOver for OwnedFd {
    fn handed_over(self, folder: &Folder, name: &str) -> Result<File> {
        folder.hand_over(&self, name)?;
        Ok(File::from(self))
    }
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

/// The folder of a project, without links as [`crate::Project`] has it.
fn project(root: &Path) -> Result<Folder> {
    let said = |errno: Errno| from_errno(format!("open the project {}", root.display()), errno);
    let fd = openat(AT_FDCWD, root, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).map_err(said)?;
    let mut owner = None;
    if geteuid().is_root() {
        let there = fstat(&fd).map_err(said)?;
        owner = Some((Uid::from_raw(there.st_uid), Gid::from_raw(there.st_gid)));
        owner = owner.filter(|(uid, _)| !uid.is_root());
    }
    Ok(Folder { fd, path: root.to_path_buf(), owner })
}
