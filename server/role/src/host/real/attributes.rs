//! What a file has beside its content: owner, mode, access list, capabilities, extended attributes and flags.
//!
//! A file that is replaced by a new one loses all of that unless the new one is given it. The order matters:
//! chown(2) takes set-user-ID bits and capabilities away, writing takes capabilities away, the permission bits of the group are
//! the mask of an access list (acl(5)), and Btrfs takes "no copy-on-write" only for a file that is still empty.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::path::Path;

use nix::sys::stat::{FileStat, Mode, fchmod, fstat};
use nix::unistd::{Gid, Uid, fchown};
use rustix::fs::{
    IFlags, XattrFlags, fgetxattr, fgetxattr_query, flistxattr, flistxattr_query, fremovexattr, fsetxattr, getxattr,
    getxattr_query, ioctl_getflags, ioctl_setflags, listxattr, listxattr_query, setxattr,
};
use rustix::io::Errno;

/// The access list of a file, as setxattr(2) takes it.
const ACCESS_LIST: &str = "system.posix_acl_access";
/// File capabilities (capabilities(7)).
const CAPABILITIES: &str = "security.capability";
/// What the kernel works out from the content: that of another file would be wrong (ima(7), evm).
const OF_THE_CONTENT: [&str; 2] = ["security.ima", "security.evm"];

/// Flags that keep a file from being replaced or removed, or that its new content cannot have.
const LOCKED: [(u32, &str); 3] = [
    (IFlags::IMMUTABLE.bits(), "immutable"),
    (IFlags::APPEND.bits(), "append only"),
    // FS_VERITY_FL, which linux/fs.h has and rustix has not.
    (0x0010_0000, "verity"),
];

/// Flags that a new file can be given. All names are those of lsattr(1).
const FLAGS: [(u32, &str); 13] = [
    (IFlags::COMPRESSED.bits(), "compressed"),
    (IFlags::DIRSYNC.bits(), "dirsync"),
    (IFlags::JOURNALING.bits(), "journal data"),
    (IFlags::NOATIME.bits(), "no atime"),
    (IFlags::NOCOW.bits(), "no copy-on-write"),
    (IFlags::NODUMP.bits(), "no dump"),
    (IFlags::NOTAIL.bits(), "no tail-merging"),
    (IFlags::PROJECT_INHERIT.bits(), "project hierarchy"),
    (IFlags::SECURE_REMOVAL.bits(), "secure deletion"),
    (IFlags::SYNC.bits(), "sync"),
    (IFlags::UNRM.bits(), "undeletable"),
    // FS_NOCOMP_FL and FS_DAX_FL of linux/fs.h.
    (0x0000_0400, "no compression"),
    (0x0200_0000, "direct access"),
];

/// What one file has and another could not be given, each in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Lost(pub Vec<String>);

impl fmt::Display for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} would be lost", self.0.join(", "))
    }
}

/// What a file has beside content, owner and mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Access list, capabilities and other extended attributes (xattr(7)), by name, as the kernel has them.
    pub extended: BTreeMap<String, Vec<u8>>,
    /// Those of its flags (`FS_IOC_GETFLAGS`, ioctl_iflags(2)) that a person can set.
    pub flags: u32,
}

impl Attributes {
    /// Whether there are none, as with most files.
    pub fn is_empty(&self) -> bool {
        self.extended.is_empty() && self.flags == 0
    }

    /// Those of an open file. Other than root a process does not see those of the name space `trusted.`.
    ///
    /// # Errors
    ///
    /// When they cannot be read. A file system that has none is no error.
    pub fn of(file: BorrowedFd<'_>) -> nix::Result<Attributes> {
        let read = || -> rustix::io::Result<Attributes> {
            Ok(Attributes { extended: extended_of(file)?, flags: flags_of(file)? & known() })
        };
        read().map_err(|errno| nix::errno::Errno::from_raw(errno.raw_os_error()))
    }

    /// Whether file capabilities are among them.
    pub fn has_capabilities(&self) -> bool {
        self.extended.contains_key(CAPABILITIES)
    }

    /// The flag that keeps a file that has these from being replaced; none if nothing does.
    pub fn locked(&self) -> Option<&'static str> {
        LOCKED.iter().find(|(flag, _)| self.flags & flag != 0).map(|(_, name)| *name)
    }

    /// What its flags are called.
    pub fn flag_names(&self) -> impl Iterator<Item = &'static str> {
        LOCKED.iter().chain(&FLAGS).filter(|(flag, _)| self.flags & flag != 0).map(|(_, name)| *name)
    }

    /// The flags of these names; those of which nothing is known count as none.
    pub fn flags_named<'n>(names: impl Iterator<Item = &'n str>) -> u32 {
        let flag = |name: &str| LOCKED.iter().chain(&FLAGS).find(|(_, known)| *known == name).map_or(0, |(flag, _)| *flag);
        names.fold(0, |flags, name| flags | flag(name))
    }

    /// Gives a new file exactly these, whatever it inherited from its folder. To be called once the file has its owner and
    /// its content, and followed by setting its mode; for flags that only an empty file takes, before the content is written as well.
    ///
    /// # Errors
    ///
    /// What it could not be given.
    pub fn give(&self, to: BorrowedFd<'_>) -> Result<(), Lost> {
        let mut lost: Vec<String> = self.locked().map(|name| format!("the flag `{name}`")).into_iter().collect();
        match extended_of(to) {
            Ok(there) => self.give_extended(to, &there, &mut lost),
            Err(errno) => lost.push(format!("the extended attributes ({errno})")),
        }
        let wanted = self.flags & settable();
        match flags_of(to) {
            Ok(there) if there & settable() != wanted => {
                let flags = IFlags::from_bits_retain(there & !settable() | wanted);
                // Some file systems take no flag that they do not know, others leave it out and say nothing.
                let said = ioctl_setflags(to, flags).err();
                let given = flags_of(to).unwrap_or(there);
                let missing = FLAGS.iter().filter(|(flag, _)| wanted & flag != 0 && given & flag == 0);
                let because = said.map_or_else(String::new, |errno| format!(" ({errno})"));
                lost.extend(missing.map(|(_, name)| format!("the flag `{name}`{because}")));
            }
            Ok(_) => {}
            Err(errno) => lost.push(format!("the flags ({errno})")),
        }
        if lost.is_empty() { Ok(()) } else { Err(Lost(lost)) }
    }

    /// Gives a new symbolic link what extended attributes another one has: those of the name space `trusted.`, since no others can be on
    /// a link (xattr(7)). Both are paths of open descriptors.
    ///
    /// # Errors
    ///
    /// What it could not be given.
    pub(super) fn carry_over(from: &Path, to: &Path) -> Result<(), Lost> {
        let unread = |errno: Errno| Lost(vec![format!("what cannot be read of it ({errno})")]);
        let mut lost = Vec::new();
        for name in names_by(|| listxattr_query(from), |list| listxattr(from, list)).map_err(unread)? {
            if name.starts_with("security.") {
                continue;
            }
            let value =
                value_by(|| getxattr_query(from, name.as_str()), |value| getxattr(from, name.as_str(), value)).map_err(unread)?;
            if let Err(errno) = setxattr(to, name.as_str(), &value, XattrFlags::empty()) {
                lost.push(format!("{} ({errno})", words(&name)));
            }
        }
        if lost.is_empty() { Ok(()) } else { Err(Lost(lost)) }
    }

    fn give_extended(&self, to: BorrowedFd<'_>, there: &BTreeMap<String, Vec<u8>>, lost: &mut Vec<String>) {
        // Of those in `security.` the kernel itself gives some to every new file.
        let inherited = there.keys().filter(|name| !self.extended.contains_key(*name) && !name.starts_with("security."));
        for name in inherited {
            if let Err(errno) = fremovexattr(to, name.as_str()) {
                lost.push(format!("being without {} of its folder ({errno})", words(name)));
            }
        }
        for (name, value) in self.extended.iter().filter(|(name, value)| there.get(*name) != Some(value)) {
            if let Err(errno) = fsetxattr(to, name.as_str(), value, XattrFlags::empty()) {
                lost.push(format!("{} ({errno})", words(name)));
            }
        }
    }
}

/// Gives a new file what a rewrite would lose of the one that it is to replace: owner, group, access list, capabilities, extended
/// attributes, flags and mode. Call it when the content has been written, since that takes capabilities away; and where flags that only
/// an empty file takes are to be kept, also before. Nothing is taken from `from`.
///
/// # Errors
///
/// What could not be carried over: then `to` must not take the place of `from`. An immutable or append-only file is among it, because
/// it cannot be replaced at all.
pub fn preserve(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Lost> {
    let unread = |errno: nix::errno::Errno| Lost(vec![format!("what cannot be read of it ({})", errno.desc())]);
    let (old, new) = (fstat(from).map_err(unread)?, fstat(to).map_err(unread)?);
    let attributes = Attributes::of(from).map_err(unread)?;
    if let Err(errno) = give_owner(to, &old, &new) {
        return Err(Lost(vec![format!("its owner ({})", errno.desc())]));
    }
    attributes.give(to)?;
    // Last: chown(2) takes the set-user bits away, and an access list sets those of the group.
    fchmod(to, Mode::from_bits_truncate(old.st_mode & 0o7777)).map_err(|errno| Lost(vec![format!("its mode ({})", errno.desc())]))
}

fn give_owner(to: BorrowedFd<'_>, old: &FileStat, new: &FileStat) -> nix::Result<()> {
    if (old.st_uid, old.st_gid) == (new.st_uid, new.st_gid) {
        return Ok(());
    }
    fchown(to, Some(Uid::from_raw(old.st_uid)), Some(Gid::from_raw(old.st_gid)))
}

fn settable() -> u32 {
    FLAGS.iter().fold(0, |all, (flag, _)| all | flag)
}

fn known() -> u32 {
    LOCKED.iter().fold(settable(), |all, (flag, _)| all | flag)
}

fn flags_of(file: BorrowedFd<'_>) -> rustix::io::Result<u32> {
    match ioctl_getflags(file) {
        Ok(flags) => Ok(flags.bits()),
        // A file system that has none says so in one of these ways.
        Err(Errno::NOTTY | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL) => Ok(0),
        Err(errno) => Err(errno),
    }
}

/// How often a list or value is read anew because it has grown meanwhile.
const ATTEMPTS: usize = 8;

fn extended_of(file: BorrowedFd<'_>) -> rustix::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for name in names_by(|| flistxattr_query(file), |list| flistxattr(file, list))? {
        if OF_THE_CONTENT.contains(&name.as_str()) {
            continue;
        }
        match value_by(|| fgetxattr_query(file, name.as_str()), |value| fgetxattr(file, name.as_str(), value)) {
            Ok(value) => drop(found.insert(name, value)),
            // Taken away meanwhile.
            Err(Errno::NODATA) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(found)
}

/// The names that `read` lists; `query` tells how much room they take.
fn names_by(
    query: impl Fn() -> rustix::io::Result<usize>,
    read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<String>> {
    for _ in 0..ATTEMPTS {
        let len = match query() {
            Ok(0) | Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
            other => other?,
        };
        let mut list = vec![0; len];
        let filled = match read(&mut list) {
            Err(Errno::RANGE) => continue,
            other => other?,
        };
        let names = list[..filled].split(|byte| *byte == 0).filter(|name| !name.is_empty());
        return names.map(|name| String::from_utf8(name.to_vec()).map_err(|_| Errno::ILSEQ)).collect();
    }
    Err(Errno::AGAIN)
}

/// The value that `read` gives; `query` tells how much room it takes.
fn value_by(
    query: impl Fn() -> rustix::io::Result<usize>,
    read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<u8>> {
    for _ in 0..ATTEMPTS {
        let len = query()?;
        if len == 0 {
            return Ok(Vec::new());
        }
        let mut value = vec![0; len];
        match read(&mut value) {
            Err(Errno::RANGE) => {}
            filled => {
                value.truncate(filled?);
                return Ok(value);
            }
        }
    }
    Err(Errno::AGAIN)
}

/// What an extended attribute is called where it has a name of its own.
fn words(name: &str) -> String {
    match name {
        ACCESS_LIST => "the access list (POSIX ACL)".into(),
        CAPABILITIES => "the capabilities".into(),
        _ => format!("the extended attribute `{name}`"),
    }
}
