//! Btrfs, through its ioctls.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::RealHost;
use super::btrfs_ioctl as ioctl;
use super::btrfs_tree::{quota_is_on, read_subvolumes};
use crate::host::btrfs_format as format;
use crate::host::refusal::{Told, nothing_there};
use crate::host::{BtrfsDevice, BtrfsFileSystem, Subvolume};
use crate::trouble::{Kind, Result, Trouble};

/// The type of a Btrfs file system in statfs(2).
const BTRFS_SUPER_MAGIC: libc::c_long = 0x9123_683E;

/// A UUID as it is written.
pub(super) fn uuid_text(bytes: &[u8; 16]) -> String {
    uuid::Uuid::from_bytes(*bytes).to_string()
}

/// Bytes up to the first zero.
pub(super) fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A name for an ioctl whose field has room for it and a zero.
fn fill(field: &mut [u8], name: &OsStr) -> nix::Result<()> {
    let bytes = name.as_bytes();
    if bytes.len() >= field.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    field[..bytes.len()].copy_from_slice(bytes);
    Ok(())
}

fn vol_args_v2(name: &OsStr) -> nix::Result<Box<ioctl::VolArgsV2>> {
    let mut args =
        Box::new(ioctl::VolArgsV2 { fd: 0, transid: 0, flags: 0, unused: [0; 4], name: [0; ioctl::SUBVOL_NAME_MAX + 1] });
    if name.len() > ioctl::VOL_NAME_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    fill(&mut args.name, name)?;
    Ok(args)
}

fn fs_info(fd: BorrowedFd<'_>) -> nix::Result<Box<ioctl::FsInfo>> {
    // SAFETY: the structure is plain numbers, for which all zeros are valid.
    let mut info: Box<ioctl::FsInfo> = Box::new(unsafe { std::mem::zeroed() });
    // SAFETY: the descriptor is open, and the kernel fills a structure of that size.
    unsafe { ioctl::fs_info(fd.as_raw_fd(), &raw mut *info) }?;
    Ok(info)
}

/// What tells Btrfs file systems apart; none for a file system of another type.
pub(super) fn fsid(fd: BorrowedFd<'_>) -> Option<[u8; 16]> {
    let stat = nix::sys::statfs::fstatfs(fd).ok()?;
    if stat.filesystem_type().0 as libc::c_long != BTRFS_SUPER_MAGIC {
        return None;
    }
    fs_info(fd).ok().map(|info| info.fsid)
}

/// The UUID of a mounted Btrfs file system that a block device or a partition of it belongs to. The mount table
/// names only one device of each.
pub(super) fn mounted_with(device: &Path) -> Option<String> {
    let name = device.file_name()?.to_str()?;
    for entry in std::fs::read_dir("/sys/fs/btrfs").ok()?.flatten() {
        let Ok(devices) = std::fs::read_dir(entry.path().join("devices")) else { continue };
        for member in devices.flatten() {
            let member = member.file_name();
            let rest = member.to_str().and_then(|member| member.strip_prefix(name));
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('p')) {
                return Some(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    None
}

fn profiles(spaces: &[ioctl::SpaceInfo], kind: u64) -> String {
    let mut names: Vec<&str> = Vec::new();
    for space in spaces {
        if space.flags & kind == 0 || space.flags & ioctl::SPACE_INFO_GLOBAL_RESERVE != 0 {
            continue;
        }
        let name = format::profile(space.flags);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join("+")
}

/// The folder that a subvolume is in, and its name there.
fn split(path: &Path) -> nix::Result<(&Path, &OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Ok((folder, name)),
        _ => Err(Errno::EINVAL),
    }
}

fn not_btrfs(attempted: String, errno: Errno) -> Trouble {
    match errno {
        Errno::ENOTTY => Trouble::new(attempted, "it is not on a Btrfs file system"),
        _ => Trouble::from_errno(attempted, errno),
    }
}

impl RealHost {
    fn btrfs_folder(&self, path: &Path, attempted: impl Fn() -> String) -> Result<OwnedFd> {
        self.safety.open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY).told(attempted)
    }

    pub(super) fn btrfs_info(&self, mounted: &Path) -> Result<BtrfsFileSystem> {
        let attempted = || format!("look at the Btrfs file system on {}", mounted.display());
        let folder = self.btrfs_folder(mounted, attempted)?;
        read_file_system(folder.as_fd()).map_err(|errno| not_btrfs(attempted(), errno))
    }

    pub(super) fn subvolumes(&self, mounted: &Path) -> Result<Vec<Subvolume>> {
        let attempted = || format!("list the subvolumes on {}", mounted.display());
        let folder = self.btrfs_folder(mounted, attempted)?;
        read_subvolumes(folder.as_fd()).map_err(|errno| not_btrfs(attempted(), errno))
    }

    pub(super) fn create_subvolume(&self, path: &Path) -> Result<()> {
        let attempted = || format!("make the subvolume {}", path.display());
        let (folder, name) = split(path).told(attempted)?;
        let folder = self.btrfs_folder(folder, attempted)?;
        let args = vol_args_v2(name).told(attempted)?;
        // SAFETY: the descriptor is open, and the kernel reads a structure of that size.
        let made = unsafe { ioctl::subvol_create(folder.as_raw_fd(), &raw const *args) };
        made.map(drop).map_err(|errno| not_btrfs(attempted(), errno))
    }

    pub(super) fn snapshot(&self, of: &Path, path: &Path, read_only: bool) -> Result<()> {
        let attempted = || format!("make {}, a snapshot of {}", path.display(), of.display());
        let source = self.btrfs_folder(of, attempted)?;
        let (folder, name) = split(path).told(attempted)?;
        let folder = self.btrfs_folder(folder, attempted)?;
        let mut args = vol_args_v2(name).told(attempted)?;
        args.fd = i64::from(source.as_raw_fd());
        if read_only {
            args.flags = ioctl::SUBVOL_RDONLY;
        }
        // SAFETY: the descriptors are open, and the kernel reads a structure of that size.
        match unsafe { ioctl::snap_create(folder.as_raw_fd(), &raw const *args) } {
            Ok(_) => Ok(()),
            Err(Errno::EINVAL) => Err(Trouble::new(attempted(), format!("{} is not a subvolume", of.display()))),
            Err(errno) => Err(not_btrfs(attempted(), errno)),
        }
    }

    pub(super) fn delete_subvolume(&self, path: &Path) -> Result<()> {
        let attempted = || format!("remove the subvolume {}", path.display());
        let (folder, name) = split(path).told(attempted)?;
        let folder = match self.btrfs_folder(folder, attempted) {
            Err(trouble) if trouble.kind == Kind::Gone => return Ok(()),
            folder => folder?,
        };
        let args = vol_args_v2(name).told(attempted)?;
        self.safety.forget_below(path);
        // SAFETY: the descriptor is open, and the kernel reads a structure of that size.
        match unsafe { ioctl::snap_destroy(folder.as_raw_fd(), &raw const *args) } {
            Ok(_) => Ok(()),
            Err(errno) if nothing_there(errno) && self.look_at(path)?.is_none() => Ok(()),
            Err(Errno::EINVAL | Errno::ENOTDIR) => {
                Err(Trouble::new(attempted(), "it is not a subvolume").hint("it is kept; move it away if it is not wanted"))
            }
            Err(Errno::ENOTEMPTY) => {
                Err(Trouble::from_errno(attempted(), Errno::ENOTEMPTY).hint("other subvolumes are in it: remove them first"))
            }
            Err(errno) => Err(not_btrfs(attempted(), errno)),
        }
    }

    pub(super) fn set_subvolume_read_only(&self, path: &Path, read_only: bool) -> Result<()> {
        let attempted = || {
            let to = if read_only { "read-only" } else { "writable" };
            format!("make the subvolume {} {to}", path.display())
        };
        let folder = self.btrfs_folder(path, attempted)?;
        let told = |errno| match errno {
            Errno::EINVAL => Trouble::new(attempted(), "it is not a subvolume"),
            errno => not_btrfs(attempted(), errno),
        };
        let mut flags = 0;
        // SAFETY: the descriptor is open, and the kernel fills one number.
        unsafe { ioctl::subvol_get_flags(folder.as_raw_fd(), &raw mut flags) }.map_err(told)?;
        let wanted = if read_only { flags | ioctl::SUBVOL_RDONLY } else { flags & !ioctl::SUBVOL_RDONLY };
        if wanted == flags {
            return Ok(());
        }
        // SAFETY: the descriptor is open, and the kernel reads one number.
        unsafe { ioctl::subvol_set_flags(folder.as_raw_fd(), &raw const wanted) }.map(drop).map_err(told)
    }

    pub(super) fn enable_quota(&self, mounted: &Path) -> Result<()> {
        let attempted = || format!("turn on quotas on {}", mounted.display());
        let folder = self.btrfs_folder(mounted, attempted)?;
        let mut args = ioctl::QuotaCtl { cmd: ioctl::QUOTA_CTL_ENABLE, status: 0 };
        // SAFETY: the descriptor is open, and the kernel uses a structure of that size.
        match unsafe { ioctl::quota_ctl(folder.as_raw_fd(), &raw mut args) } {
            Ok(_) | Err(Errno::EEXIST) => Ok(()),
            Err(errno) => Err(not_btrfs(attempted(), errno)),
        }
    }

    pub(super) fn limit_subvolume(&self, path: &Path, bytes: Option<u64>) -> Result<()> {
        let attempted = || match bytes {
            Some(bytes) => format!("limit the subvolume {} to {bytes} bytes", path.display()),
            None => format!("take the limit of the subvolume {} away", path.display()),
        };
        let folder = self.btrfs_folder(path, attempted)?;
        let mut args = ioctl::QgroupLimit {
            // Of the subvolume that the descriptor is in. A limit of -1 is taken away (btrfs_limit_qgroup in the kernel).
            qgroupid: 0,
            flags: ioctl::QGROUP_LIMIT_MAX_RFER,
            max_rfer: bytes.unwrap_or(u64::MAX),
            ..ioctl::QgroupLimit::default()
        };
        // SAFETY: the descriptor is open, and the kernel uses a structure of that size.
        match unsafe { ioctl::qgroup_limit(folder.as_raw_fd(), &raw mut args) } {
            Ok(_) => Ok(()),
            Err(Errno::ENOTCONN | Errno::EINVAL | Errno::ENOENT) if bytes.is_none() => Ok(()),
            Err(Errno::ENOTCONN | Errno::EINVAL) => Err(Trouble::new(attempted(), "quotas are off on this file system")),
            Err(errno) => Err(not_btrfs(attempted(), errno)),
        }
    }

    pub(super) fn set_label(&self, mounted: &Path, label: &str) -> Result<()> {
        let attempted = || format!("label the Btrfs file system on {} {label:?}", mounted.display());
        let folder = self.btrfs_folder(mounted, attempted)?;
        let mut field = [0; ioctl::LABEL_SIZE];
        fill(&mut field, OsStr::new(label))
            .map_err(|errno| Trouble::from_errno(attempted(), errno).hint("a label has at most 255 bytes"))?;
        // SAFETY: the descriptor is open, and the kernel reads an array of that size.
        let set = unsafe { ioctl::set_label(folder.as_raw_fd(), &raw const field) };
        set.map(drop).map_err(|errno| not_btrfs(attempted(), errno))
    }

    pub(super) fn grow_device(&self, mounted: &Path, device_id: u64) -> Result<()> {
        let attempted = || format!("grow the Btrfs file system on {} to all of its device {device_id}", mounted.display());
        let folder = self.btrfs_folder(mounted, attempted)?;
        let mut args = Box::new(ioctl::VolArgs { fd: 0, name: [0; ioctl::PATH_NAME_MAX + 1] });
        fill(&mut args.name, OsStr::new(&format!("{device_id}:max"))).told(attempted)?;
        // SAFETY: the descriptor is open, and the kernel reads a structure of that size.
        let grown = unsafe { ioctl::resize(folder.as_raw_fd(), &raw const *args) };
        grown.map(drop).map_err(|errno| not_btrfs(attempted(), errno))
    }
}

fn read_file_system(fd: BorrowedFd<'_>) -> nix::Result<BtrfsFileSystem> {
    let info = fs_info(fd)?;
    let mut label = [0; ioctl::LABEL_SIZE];
    // SAFETY: the descriptor is open, and the kernel fills an array of that size.
    unsafe { ioctl::get_label(fd.as_raw_fd(), &raw mut label) }?;
    let mut devices = Vec::new();
    for id in 1..=info.max_id {
        // SAFETY: the structure is plain numbers, for which all zeros are valid.
        let mut device: Box<ioctl::DevInfo> = Box::new(unsafe { std::mem::zeroed() });
        device.devid = id;
        // SAFETY: the descriptor is open, and the kernel fills a structure of that size.
        match unsafe { ioctl::dev_info(fd.as_raw_fd(), &raw mut *device) } {
            Ok(_) => {}
            Err(Errno::ENODEV) => continue,
            Err(errno) => return Err(errno),
        }
        let path = until_zero(&device.path);
        let path = (!path.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(path)));
        // A device that vanished while mounted keeps its path for a time.
        let path = path.filter(|path| std::fs::symlink_metadata(path).is_ok());
        devices.push(BtrfsDevice { id, path, size: device.total_bytes });
    }
    let mut spaces = Box::new(ioctl::SpaceArgs {
        space_slots: ioctl::MOST_SPACES as u64,
        total_spaces: 0,
        spaces: [ioctl::SpaceInfo::default(); ioctl::MOST_SPACES],
    });
    // SAFETY: the descriptor is open, and the kernel fills at most `space_slots` entries behind the head.
    unsafe { ioctl::space_info(fd.as_raw_fd(), (&raw mut *spaces).cast()) }?;
    let count = usize::try_from(spaces.total_spaces).unwrap_or(0).min(ioctl::MOST_SPACES);
    let spaces = &spaces.spaces[..count];
    Ok(BtrfsFileSystem {
        uuid: uuid_text(&info.fsid),
        label: String::from_utf8_lossy(until_zero(&label)).into_owned(),
        devices,
        data: profiles(spaces, format::BLOCK_GROUP_DATA),
        metadata: profiles(spaces, format::BLOCK_GROUP_METADATA),
        quota: quota_is_on(fd)?,
    })
}
