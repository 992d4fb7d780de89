//! Files, folders and links.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FallocateFlags, OFlag, RenameFlags, fallocate, openat, readlinkat, renameat, renameat2};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, fstatat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, Whence, fchown, ftruncate, lseek, symlinkat, unlinkat};

use super::RealHost;
use super::access::{beside, drop_inherited_access, refuse_set_id};
use super::attributes::{Attributes, Lost};
use super::exchange::{self, Stop};
use super::safety::Place;
use crate::host::before::{Before, NewFile, changed, path_of_temporary};
use crate::host::refusal::{Refusal, Told, nothing_there, second_name};
use crate::host::{FileKind, Metadata, Owner, Whole};
use crate::trouble::{Result, Trouble};

/// How many bytes of zeros are written at once where a file system cannot allocate without writing.
const ZEROS: usize = 1 << 20;

pub(super) fn kind_of(stat: &FileStat) -> FileKind {
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => FileKind::File,
        libc::S_IFDIR => FileKind::Directory,
        libc::S_IFLNK => FileKind::Link,
        libc::S_IFBLK => FileKind::Block,
        _ => FileKind::Other,
    }
}

// What these fields are called is the same everywhere, how wide they are is not.
#[allow(clippy::unnecessary_cast)]
pub(super) fn metadata_of(stat: &FileStat) -> Metadata {
    Metadata {
        kind: kind_of(stat),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        len: stat.st_size as u64,
        allocated: stat.st_blocks as u64 * 512,
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        links: stat.st_nlink as u64,
    }
}

fn signed(number: u64, attempted: impl FnOnce() -> String) -> Result<i64> {
    i64::try_from(number).map_err(|_| Trouble::from_errno(attempted(), Errno::EFBIG))
}

/// None where the refusal is only that there is nothing.
pub(super) fn unless_gone<T>(result: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Refusal::Errno(errno)) if nothing_there(errno) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// A file under its temporary name, removed unless it took its place.
struct Temporary<'a> {
    place: &'a Place<'a>,
    name: PathBuf,
    file: File,
    placed: bool,
}

impl<'a> Temporary<'a> {
    fn new(place: &'a Place<'a>) -> nix::Result<Self> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let open = |name: &Path| openat(place.folder(), name, flags, Mode::from_bits_truncate(0o600));
        let (name, file) = beside(place, open)?;
        if place.guarded() {
            drop_inherited_access(file.as_fd())?;
        }
        Ok(Temporary { place, name, file: File::from(file), placed: false })
    }

    /// Takes the place of what is there.
    fn replace(mut self) -> nix::Result<()> {
        renameat(self.place.folder(), &self.name, self.place.folder(), self.place.name())?;
        self.placed = true;
        Ok(())
    }

    /// Takes its place if there is nothing.
    fn place_new(mut self) -> nix::Result<()> {
        rename_new(self.place, &self.name, self.place, self.place.name())?;
        self.placed = true;
        Ok(())
    }

    /// Takes the place of what was confirmed.
    fn replace_confirmed(mut self, before: &Before) -> Result<(), Stop> {
        // From here on what has the temporary name may be somebody's.
        self.placed = true;
        exchange::put(self.place, &self.name, before)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.placed {
            let _ = unlinkat(self.place.folder(), &self.name, UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// Has the content of a new file written to the disk, without waiting for it: ext4 and Btrfs do so themselves when a file is renamed
/// over another, so that a power failure leaves one of the two whole, and not when they change names.
fn start_writing(file: &File) {
    // SAFETY: takes numbers only, and the descriptor is open.
    let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

fn told_of_exchange(done: Result<(), Stop>, path: &Path, attempted: impl FnOnce() -> String) -> Result<()> {
    done.map_err(|stop| match stop {
        Stop::Errno(errno) => Trouble::from_errno(attempted(), errno),
        Stop::Changed(how) => changed(attempted(), how),
        Stop::Kept(how, spare) => {
            let spare = path.with_file_name(spare.file_name().unwrap_or_default());
            let hint = format!("it was changed more than once: the other version of it is {}", spare.display());
            changed(attempted(), how).hint(hint)
        }
    })
}

/// Renames unless there is something.
pub(super) fn rename_new(from: &Place<'_>, name: &Path, to: &Place<'_>, new: &Path) -> nix::Result<()> {
    rename_new_at(from.folder(), name, to.folder(), new)
}

/// The same in open folders.
pub(in crate::host) fn rename_new_at(from: BorrowedFd<'_>, name: &Path, to: BorrowedFd<'_>, new: &Path) -> nix::Result<()> {
    match renameat2(from, name, to, new, RenameFlags::RENAME_NOREPLACE) {
        // File systems that do not know the flag: look before.
        Err(Errno::EINVAL) => match fstatat(to, new, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Err(Errno::EEXIST),
            Err(Errno::ENOENT) => renameat(from, name, to, new),
            Err(errno) => Err(errno),
        },
        other => other,
    }
}

/// Allocates the blocks of a range, by writing zeros where the file system has no other way.
fn allocate(file: &File, from: u64, to: u64) -> std::io::Result<()> {
    if to <= from {
        return Ok(());
    }
    let too_big = |_| std::io::Error::from_raw_os_error(libc::EFBIG);
    let (start, len) = (i64::try_from(from).map_err(too_big)?, i64::try_from(to - from).map_err(too_big)?);
    match fallocate(file, FallocateFlags::empty(), start, len) {
        Err(Errno::EOPNOTSUPP) => {}
        other => return other.map_err(std::io::Error::from),
    }
    let zeros = vec![0; ZEROS];
    let mut at = from;
    while at < to {
        let now = usize::try_from(to - at).unwrap_or(ZEROS).min(ZEROS);
        file.write_all_at(&zeros[..now], at)?;
        at += now as u64;
    }
    Ok(())
}

impl RealHost {
    pub(super) fn look_at(&self, path: &Path) -> Result<Option<Metadata>> {
        let attempted = || format!("look at {}", path.display());
        let Some(place) = unless_gone(self.safety.place(path)).told(attempted)? else { return Ok(None) };
        match place.stat() {
            Ok(stat) => {
                self.safety.learn(path, &place, &stat);
                Ok(Some(metadata_of(&stat)))
            }
            Err(errno) if nothing_there(errno) => Ok(None),
            Err(errno) => Err(Trouble::from_errno(attempted(), errno)),
        }
    }

    pub(super) fn read_file(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some((file, content)) = self.read_opened(path, limit)? else { return Ok(None) };
        let attempted = || format!("read {}", path.display());
        if self.safety.has_second_name_of_another(path, &fstat(&file).told(attempted)?).told(attempted)? {
            return Err(second_name(attempted()));
        }
        Ok(Some(content))
    }

    pub(super) fn read_with_attributes(&self, path: &Path, limit: u64) -> Result<Option<Whole>> {
        let Some((file, content)) = self.read_opened(path, limit)? else { return Ok(None) };
        let attempted = || format!("read the extended attributes of {}", path.display());
        let attributes = Attributes::of(file.as_fd()).told(attempted)?;
        Ok(Some(Whole { metadata: metadata_of(&fstat(&file).told(attempted)?), content, attributes }))
    }

    fn read_opened(&self, path: &Path, limit: u64) -> Result<Option<(File, Vec<u8>)>> {
        let attempted = || format!("read {}", path.display());
        // Without O_NONBLOCK a pipe that nobody writes to would never open.
        let opened = self.safety.open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY);
        let Some(opened) = unless_gone(opened).told(attempted)? else { return Ok(None) };
        let stat = fstat(&opened).told(attempted)?;
        match kind_of(&stat) {
            FileKind::File => {}
            FileKind::Directory => return Err(Trouble::from_errno(attempted(), Errno::EISDIR)),
            _ => return Err(Trouble::new(attempted(), "it is not a regular file")),
        }
        let len = u64::try_from(stat.st_size).unwrap_or(0).min(limit);
        let mut file = File::from(opened);
        let mut content = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let mut filled = 0;
        while filled < content.len() {
            match file.read(&mut content[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::from_io(attempted(), &error)),
            }
        }
        content.truncate(filled);
        if len == 0 && limit > 0 {
            // Files of /proc and /sys do not tell their length.
            (&file).take(limit).read_to_end(&mut content).told(attempted)?;
        }
        Ok(Some((file, content)))
    }

    pub(super) fn read_range(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>> {
        let attempted = || format!("read {len} bytes at {offset} of {}", path.display());
        let file = File::from(self.safety.open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).told(attempted)?);
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::from_io(attempted(), &error)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    pub(super) fn write_range(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
        let attempted = || format!("write {} bytes at {offset} of {}", bytes.len(), path.display());
        let file = File::from(self.safety.open(path, OFlag::O_WRONLY | OFlag::O_NOCTTY).told(attempted)?);
        file.write_all_at(bytes, offset).told(attempted)?;
        file.sync_data().told(attempted)
    }

    pub(super) fn first_byte(&self, path: &Path, offset: u64, len: u64) -> Result<Option<u64>> {
        let attempted = || format!("look for data in {}", path.display());
        let file = File::from(self.safety.open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).told(attempted)?);
        let end = offset.saturating_add(len);
        let mut bytes = vec![0; ZEROS];
        let mut at = offset;
        loop {
            // Where holes cannot be told (as on block devices) all of it counts as data.
            at = match lseek(&file, signed(at, attempted)?, Whence::SeekData) {
                Ok(next) => u64::try_from(next).unwrap_or(at),
                Err(Errno::ENXIO) => return Ok(None),
                Err(Errno::EINVAL) => at,
                Err(errno) => return Err(Trouble::from_errno(attempted(), errno)),
            };
            if at >= end {
                return Ok(None);
            }
            let wanted = usize::try_from(end - at).unwrap_or(ZEROS).min(ZEROS);
            let count = match file.read_at(&mut bytes[..wanted], at) {
                Ok(0) => return Ok(None),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Trouble::from_io(attempted(), &error)),
            };
            if let Some(found) = bytes[..count].iter().position(|byte| *byte != 0) {
                return Ok(Some(at + found as u64));
            }
            at += count as u64;
        }
    }

    pub(super) fn erase_range(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        let attempted = || format!("erase {len} bytes at {offset} of {}", path.display());
        if len == 0 {
            return Ok(());
        }
        let file = File::from(self.safety.open(path, OFlag::O_WRONLY | OFlag::O_NOCTTY).told(attempted)?);
        let (start, count) = (signed(offset, attempted)?, signed(len, attempted)?);
        let ways = [FallocateFlags::FALLOC_FL_PUNCH_HOLE, FallocateFlags::FALLOC_FL_ZERO_RANGE];
        for way in ways {
            match fallocate(&file, way | FallocateFlags::FALLOC_FL_KEEP_SIZE, start, count) {
                Err(Errno::EOPNOTSUPP | Errno::ENODEV) => {}
                ended => return ended.told(attempted).and_then(|()| file.sync_data().told(attempted)),
            }
        }
        // Neither the file system nor the device can do it. Zeros are written only where anything else is.
        let mut at = offset;
        while let Some(found) = self.first_byte(path, at, offset + len - at)? {
            let now = (offset + len - found).min(ZEROS as u64);
            file.write_all_at(&vec![0; usize::try_from(now).unwrap_or(ZEROS)], found).told(attempted)?;
            at = found + now;
        }
        file.sync_data().told(attempted)
    }

    pub(super) fn link_target(&self, path: &Path) -> Result<PathBuf> {
        let attempted = || format!("read the link {}", path.display());
        let place = self.safety.place(path).told(attempted)?;
        readlinkat(place.folder(), place.name()).map(PathBuf::from).told(attempted)
    }

    pub(super) fn names_in(&self, path: &Path) -> Result<Vec<String>> {
        let attempted = || format!("list {}", path.display());
        let folder = self.safety.open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY).told(attempted)?;
        let mut names = Vec::new();
        for entry in nix::dir::Dir::from_fd(folder).told(attempted)?.iter() {
            let entry = entry.told(attempted)?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    pub(super) fn write_whole(&self, path: &Path, content: &[u8], mode: u32, owner: Option<Owner>) -> Result<()> {
        let attempted = || format!("write {}", path.display());
        let place = self.safety.place(path).told(attempted)?;
        refuse_set_id(&place, &NewFile { content, mode, owner, attributes: None }, &Before::Nothing, attempted)?;
        let mut temporary = Temporary::new(&place).told(attempted)?;
        temporary.file.write_all(content).told(attempted)?;
        if let Some(owner) = owner {
            fchown(&temporary.file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid))).told(attempted)?;
        }
        // After the owner: chown(2) takes the set-user bits away.
        fchmod(&temporary.file, Mode::from_bits_truncate(mode)).told(attempted)?;
        let replaced = temporary.replace();
        // It may have taken the place of a link to a folder.
        self.safety.forget_below(path);
        replaced.told(attempted)
    }

    pub(super) fn replace_confirmed(&self, path: &Path, new: &NewFile<'_>, before: &Before) -> Result<()> {
        let attempted = || format!("write {}", path.display());
        let lost = |lost: Lost| {
            Trouble::new(attempted(), format!("{lost} by it"))
                .hint("nothing was changed: take that away first, or change the file by hand")
        };
        let place = self.safety.place(path).told(attempted)?;
        refuse_set_id(&place, new, before, attempted)?;
        let mut temporary = Temporary::new(&place).told(attempted)?;
        if let Some(attributes) = new.attributes.filter(|attributes| attributes.flags != 0) {
            // Some flags are taken by an empty file alone. What is lacking is found below.
            let _ = attributes.give(temporary.file.as_fd());
        }
        temporary.file.write_all(new.content).told(attempted)?;
        if let Some(owner) = new.owner {
            fchown(&temporary.file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid))).told(attempted)?;
        }
        if let Some(attributes) = new.attributes {
            attributes.give(temporary.file.as_fd()).map_err(lost)?;
        }
        // After the owner: chown(2) takes the set-user bits away. After an access list, whose mask it sets.
        fchmod(&temporary.file, Mode::from_bits_truncate(new.mode)).told(attempted)?;
        if *before != Before::Nothing {
            start_writing(&temporary.file);
        }
        let replaced = temporary.replace_confirmed(before);
        self.safety.forget_below(path);
        told_of_exchange(replaced, path, attempted)
    }

    pub(super) fn take_confirmed(&self, path: &Path, before: &Before) -> Result<()> {
        let attempted = || format!("remove {}", path.display());
        let place = self.safety.place(path).told(attempted)?;
        let taken = exchange::take(&place, &place.temporary(), before);
        self.safety.forget_below(path);
        told_of_exchange(taken, path, attempted)
    }

    pub(super) fn replace_link_confirmed(&self, path: &Path, target: &Path, owner: Option<Owner>, before: &Before) -> Result<()> {
        let attempted = || format!("make the link {}", path.display());
        let place = self.safety.place(path).told(attempted)?;
        let temporary = self.temporary_link(&place, target, owner, before, &attempted)?;
        let replaced = exchange::put(&place, &temporary, before);
        self.safety.forget_below(path);
        told_of_exchange(replaced, path, attempted)
    }

    pub(super) fn settle_temporary(&self, temporary: &Path) -> Result<Option<PathBuf>> {
        let attempted = || format!("sort out what an interruption left in {}", temporary.display());
        let Some(path) = path_of_temporary(temporary) else { return self.unlink_file(temporary).map(|()| None) };
        let Some(place) = unless_gone(self.safety.place(&path)).told(attempted)? else { return Ok(None) };
        let kept = exchange::settle(&place, &place.temporary());
        self.safety.forget_below(&path);
        Ok(kept.told(attempted)?.map(|name| path.with_file_name(name)))
    }

    pub(super) fn attributes_of(&self, path: &Path) -> Result<Attributes> {
        let attempted = || format!("read the extended attributes of {}", path.display());
        Attributes::of(self.open_itself(path).told(attempted)?.as_fd()).told(attempted)
    }

    /// Opens a file or folder, and not what a link there leads to.
    fn open_itself(&self, path: &Path) -> Result<OwnedFd, Refusal> {
        let place = self.safety.place(path)?;
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        Ok(openat(place.folder(), place.name(), flags, Mode::empty())?)
    }

    pub(super) fn new_image(&self, path: &Path, len: u64, full: bool, mode: u32, owner: Option<Owner>) -> Result<()> {
        let attempted = || format!("make the image {}", path.display());
        let end = signed(len, attempted)?;
        let place = self.safety.place(path).told(attempted)?;
        if place.stat().is_ok() {
            return Err(Trouble::from_errno(attempted(), Errno::EEXIST).hint("move it away, or choose another path"));
        }
        refuse_set_id(&place, &NewFile { content: &[], mode, owner, attributes: None }, &Before::Nothing, attempted)?;
        let temporary = Temporary::new(&place).told(attempted)?;
        if let Some(owner) = owner {
            fchown(&temporary.file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid))).told(attempted)?;
        }
        fchmod(&temporary.file, Mode::from_bits_truncate(mode)).told(attempted)?;
        ftruncate(&temporary.file, end).told(attempted)?;
        if full {
            allocate(&temporary.file, 0, len).told(attempted)?;
        }
        temporary.place_new().told(attempted)
    }

    pub(super) fn resize_file(&self, path: &Path, len: u64, full: bool) -> Result<()> {
        let attempted = || format!("change the length of {} to {len} bytes", path.display());
        let end = signed(len, attempted)?;
        let file = File::from(self.safety.open(path, OFlag::O_WRONLY | OFlag::O_NOCTTY).told(attempted)?);
        let before = file.metadata().told(attempted)?.len();
        if full && len > before {
            // The length grows only when the blocks are there, so that a full disk leaves the file as it was.
            if let Err(error) = allocate(&file, before, len) {
                let _ = ftruncate(&file, signed(before, attempted)?);
                return Err(Trouble::from_io(attempted(), &error));
            }
        }
        if full && len == before && len > 0 {
            // Only the holes: zeros must never be written over what is there.
            fallocate(&file, FallocateFlags::empty(), 0, end).told(attempted)?;
        }
        ftruncate(&file, end).told(attempted)
    }

    pub(super) fn new_link(&self, path: &Path, target: &Path) -> Result<()> {
        let attempted = || format!("make the link {}", path.display());
        let place = self.safety.place(path).told(attempted)?;
        match symlinkat(target, place.folder(), place.name()) {
            Err(Errno::EEXIST) => {}
            other => return other.told(attempted),
        }
        if kind_of(&place.stat().told(attempted)?) != FileKind::Link {
            return Err(Trouble::new(attempted(), "something else that is not a link exists there")
                .hint("move it away, or choose another path"));
        }
        let temporary = self.temporary_link(&place, target, None, &Before::Nothing, &attempted)?;
        let renamed = renameat(place.folder(), &temporary, place.folder(), place.name());
        self.safety.forget_below(path);
        if renamed.is_err() {
            let _ = unlinkat(place.folder(), &temporary, UnlinkatFlags::NoRemoveDir);
        }
        renamed.told(attempted)
    }

    pub(super) fn move_file(&self, from: &Path, to: &Path) -> Result<()> {
        let attempted = || format!("rename {} to {}", from.display(), to.display());
        let (old, new) = (self.safety.place(from).told(attempted)?, self.safety.place(to).told(attempted)?);
        rename_new(&old, old.name(), &new, new.name()).told(attempted)?;
        self.safety.forget_below(from);
        self.safety.forget_below(to);
        Ok(())
    }

    pub(super) fn unlink_file(&self, path: &Path) -> Result<()> {
        let attempted = || format!("remove {}", path.display());
        let Some(place) = unless_gone(self.safety.place(path)).told(attempted)? else { return Ok(()) };
        match unlinkat(place.folder(), place.name(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) => {
                self.safety.forget_below(path);
                Ok(())
            }
            Err(errno) if nothing_there(errno) => Ok(()),
            Err(errno) => Err(Trouble::from_errno(attempted(), errno)),
        }
    }

    pub(super) fn unlink_folder(&self, path: &Path) -> Result<()> {
        let attempted = || format!("remove the folder {}", path.display());
        let Some(place) = unless_gone(self.safety.place(path)).told(attempted)? else { return Ok(()) };
        match unlinkat(place.folder(), place.name(), UnlinkatFlags::RemoveDir) {
            Ok(()) => {
                self.safety.forget_below(path);
                Ok(())
            }
            Err(Errno::ENOENT) => Ok(()),
            Err(Errno::ENOTDIR) if place.stat().is_err() => Ok(()),
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {
                Err(Trouble::from_errno(attempted(), Errno::ENOTEMPTY).hint("something else put files there; they are kept"))
            }
            Err(Errno::EBUSY) => Err(Trouble::from_errno(attempted(), Errno::EBUSY).hint("something is mounted on it")),
            Err(errno) => Err(Trouble::from_errno(attempted(), errno)),
        }
    }

    pub(super) fn sync_file_systems(&self, paths: &[PathBuf]) -> Result<()> {
        let mut done: Vec<(u64, Option<[u8; 16]>)> = Vec::new();
        for path in paths {
            let Some((folder, device)) = self.nearest_folder(path)? else { continue };
            if done.iter().any(|(known, _)| *known == device) {
                continue;
            }
            // Every subvolume of a Btrfs file system has a device number of its own.
            let fsid = super::btrfs::fsid(folder.as_fd());
            if fsid.is_none() || done.iter().all(|(_, known)| *known != fsid) {
                nix::unistd::syncfs(&folder).told(|| format!("write to disk what is on {}", path.display()))?;
            }
            done.push((device, fsid));
        }
        Ok(())
    }

    /// What a folder that is gone itself held is as durable as that it is gone: the one above is synced.
    pub(super) fn sync_folders(&self, folders: &[PathBuf]) -> Result<()> {
        for folder in folders {
            if let Some((opened, _)) = self.nearest_folder(folder)? {
                // A descriptor that only names the folder cannot be synced; this one is open for reading.
                nix::unistd::fsync(&opened).told(|| format!("write to disk what is in {}", folder.display()))?;
            }
        }
        Ok(())
    }

    /// A folder on the file system that holds a path: itself, or the one above that is there.
    fn nearest_folder(&self, path: &Path) -> Result<Option<(OwnedFd, u64)>> {
        let attempted = || format!("open {}", path.display());
        for folder in path.ancestors() {
            match self.look_at(folder)? {
                Some(metadata) if metadata.kind == FileKind::Directory => {
                    let opened = self.safety.open(folder, OFlag::O_RDONLY | OFlag::O_DIRECTORY).told(attempted)?;
                    return Ok(Some((opened, metadata.device)));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    pub(super) fn bytes_of(&self, path: &Path) -> Result<Option<u64>> {
        let attempted = || format!("find the size of {}", path.display());
        let Some(opened) = unless_gone(self.safety.open(path, OFlag::O_PATH)).told(attempted)? else { return Ok(None) };
        let mut metadata = File::from(opened).metadata().told(attempted)?;
        if metadata.file_type().is_symlink() {
            // O_PATH opens a link itself: once more, where it leads.
            let target = self.safety.canonical(path).told(attempted)?;
            match self.look_at(&target)? {
                Some(there) if there.kind != FileKind::Link => {}
                _ => return Ok(None),
            }
            metadata = File::from(self.safety.open(&target, OFlag::O_PATH).told(attempted)?).metadata().told(attempted)?;
        }
        if !metadata.file_type().is_block_device() {
            return Ok(Some(metadata.len()));
        }
        let (major, minor) = (nix::sys::stat::major(metadata.rdev()), nix::sys::stat::minor(metadata.rdev()));
        // Unlike opening the device, this works for everyone and wakes nothing up.
        match std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/size")) {
            Ok(sectors) => Ok(sectors.trim().parse::<u64>().ok().map(|sectors| sectors * 512)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Trouble::from_io(attempted(), &error)),
        }
    }
}
