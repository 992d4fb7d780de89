//! The mount table, and changes to it (mount(2)).

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::RealHost;
use crate::host::options::{Options, split};
use crate::host::refusal::{Refusal, Told, nothing_there};
use crate::host::{Mount, MountRequest};
use crate::trouble::{Kind, Result, Trouble};

/// How often a busy unmount is tried: what looks at new mounts (a desktop, blkid) is done within moments.
const UNMOUNT_TRIES: u32 = 6;

/// The mount table of this process.
pub(super) fn read_table() -> Result<Vec<Mount>> {
    let text = std::fs::read("/proc/self/mountinfo").told(|| "read the mount table")?;
    Ok(text.split(|byte| *byte == b'\n').filter_map(parse_line).collect())
}

/// Whether somebody has changed the mount table: the kernel tells it of an open file (poll(2), proc_pid_mountinfo(5)).
#[derive(Default)]
pub(super) struct Changes(OnceLock<Option<File>>);

impl Changes {
    /// Whether there was a change since it was last asked. Where it cannot be told there may have been.
    pub(super) fn came(&self) -> bool {
        let Some(file) = self.0.get_or_init(|| File::open("/proc/self/mountinfo").ok()) else { return true };
        let mut polled = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
        match poll(&mut polled, PollTimeout::ZERO) {
            Ok(0) => false,
            Ok(_) | Err(_) => true,
        }
    }
}

/// A line of proc_pid_mountinfo(5): `36 35 98:0 /root /at opts shared:1 - ext3 /dev/root super`.
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok();
    let (id, parent) = (number(fields.next()?)?, number(fields.next()?)?);
    let device = std::str::from_utf8(fields.next()?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let root = unescaped(fields.next()?);
    let at = unescaped(fields.next()?);
    let options = words(fields.next()?);
    fields.find(|field| *field == b"-")?;
    let fs_type = String::from_utf8_lossy(fields.next()?).into_owned();
    let source = unescaped(fields.next()?).to_string_lossy().into_owned();
    let super_options = words(fields.next().unwrap_or_default());
    let device = (major.parse().ok()?, minor.parse().ok()?);
    Some(Mount { id, parent, at, source, fs_type, root, options, super_options, device })
}

fn words(field: &[u8]) -> Vec<String> {
    let text = unescaped(field);
    text.to_string_lossy().split(',').filter(|word| !word.is_empty()).map(String::from).collect()
}

/// Text in which the kernel wrote blanks and backslashes as `\040`.
fn unescaped(field: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        if first == b'\\'
            && let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] = after
        {
            bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = after;
            continue;
        }
        bytes.push(first);
        rest = after;
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// A path that mount(2) resolves to what was opened, whatever happens to the path meanwhile.
fn pinned(fd: &OwnedFd) -> PathBuf {
    descriptor(fd.as_raw_fd())
}

fn descriptor(fd: RawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{fd}"))
}

impl RealHost {
    /// The mount point, opened; and its path without links.
    fn mount_point(&self, at: &Path, attempted: impl Fn() -> String) -> Result<(OwnedFd, PathBuf)> {
        Ok((self.safety.open(at, OFlag::O_PATH).told(&attempted)?, self.safety.canonical(at).told(&attempted)?))
    }

    pub(super) fn mount_new(&self, request: &MountRequest) -> Result<()> {
        let attempted = || format!("mount {} on {}", request.source, request.at.display());
        let (point, at) = self.mount_point(&request.at, attempted)?;
        if at != request.at {
            // The mount table has the path without links, and by another one no run would find the mount again.
            return Err(
                Trouble::new(attempted(), "its path leads through a symbolic link").hint(format!("write {}", at.display()))
            );
        }
        let options = split(&request.options, MsFlags::empty());
        let done = if request.fs_type == "bind" {
            self.bind(request, &point, &options, &attempted)
        } else {
            self.mount_device(request, &point, &options, &attempted)
        };
        self.forget_tables();
        done
    }

    fn mount_device(
        &self,
        request: &MountRequest,
        point: &OwnedFd,
        options: &Options,
        attempted: &impl Fn() -> String,
    ) -> Result<()> {
        let source = if request.source.starts_with('/') {
            // The kernel shows this path in the mount table, so it cannot be a descriptor's.
            self.safety.canonical(Path::new(&request.source)).told(attempted)?
        } else {
            PathBuf::from(&request.source)
        };
        let data = (!options.data.is_empty()).then_some(options.data.as_str());
        match mount(Some(&source), &pinned(point), Some(request.fs_type.as_str()), options.flags, data) {
            Ok(()) => Ok(()),
            Err(errno) => Err(self.mount_trouble(attempted(), errno, request, &source)),
        }
    }

    fn mount_trouble(&self, attempted: String, errno: Errno, request: &MountRequest, source: &Path) -> Trouble {
        let trouble = Trouble::from_errno(attempted, errno);
        let fs_type = &request.fs_type;
        match errno {
            Errno::ENODEV => trouble.hint(format!("this kernel has no {fs_type}; load its module: modprobe {fs_type}")),
            Errno::EINVAL => trouble.hint(format!(
                "there is no {fs_type} on it, or it does not know an option of {:?}; the kernel's reason is in `dmesg`",
                request.options.join(",")
            )),
            Errno::ENOTBLK => trouble.hint("it is not a block device; attach the file to a loop device first"),
            Errno::EBUSY => {
                let table = self.mounts.get(read_table).unwrap_or_default();
                match table.iter().find(|mount| Path::new(&mount.source) == source) {
                    Some(mount) => trouble.hint(format!("it is mounted on {} already", mount.at.display())),
                    None => trouble,
                }
            }
            _ => trouble,
        }
    }

    fn bind(&self, request: &MountRequest, point: &OwnedFd, options: &Options, attempted: &impl Fn() -> String) -> Result<()> {
        let source = self.safety.open(Path::new(&request.source), OFlag::O_PATH).told(attempted)?;
        let recursive = options.flags & MsFlags::MS_REC;
        let none = None::<&str>;
        mount(Some(&pinned(&source)), &pinned(point), none, MsFlags::MS_BIND | recursive, none).told(attempted)?;
        let rest = options.flags - MsFlags::MS_REC;
        if rest.is_empty() {
            return Ok(());
        }
        // The first call takes no other flags (mount(2)). The descriptor is below the new mount: open it again.
        let (point, path) = self.mount_point(&request.at, attempted)?;
        mount(none, &pinned(&point), none, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | rest, none).map_err(|errno| {
            drop(point);
            let _ = umount2(&path, MntFlags::UMOUNT_NOFOLLOW);
            Trouble::from_errno(attempted(), errno)
        })
    }

    pub(super) fn mount_again(&self, request: &MountRequest) -> Result<()> {
        let attempted = || format!("change the options of the mount on {}", request.at.display());
        let (point, at) = self.mount_point(&request.at, attempted)?;
        self.mounts.forget();
        let table = self.mounts.get(read_table)?;
        let Some(now) = table.iter().rev().find(|mount| mount.at == at) else {
            return Err(Trouble::new(attempted(), "nothing is mounted there").kind(Kind::Gone));
        };
        let kept = split(&now.options, MsFlags::empty()).flags;
        let wanted = split(&request.options, kept);
        let (bind, data) = if request.fs_type == "bind" {
            (MsFlags::MS_BIND, None)
        } else {
            (MsFlags::empty(), (!wanted.data.is_empty()).then_some(wanted.data.as_str()))
        };
        let flags = MsFlags::MS_REMOUNT | bind | (wanted.flags - MsFlags::MS_REC);
        let done = mount(None::<&str>, &pinned(&point), None::<&str>, flags, data);
        self.forget_tables();
        done.map_err(|errno| match errno {
            Errno::EBUSY => Trouble::from_errno(attempted(), errno).hint("files are open there for writing"),
            Errno::EINVAL => Trouble::from_errno(attempted(), errno)
                .hint("an option is unknown, or cannot change while it is mounted: unmount and mount again; see `dmesg`"),
            _ => Trouble::from_errno(attempted(), errno),
        })
    }

    pub(super) fn unmount_top(&self, at: &Path) -> Result<()> {
        let attempted = || format!("unmount {}", at.display());
        let at = self.safety.canonical(at).told(attempted)?;
        let place = match self.safety.place(&at) {
            Err(Refusal::Errno(errno)) if nothing_there(errno) => return Ok(()),
            place => place.told(attempted)?,
        };
        // A descriptor of the mount itself would keep it busy; one of the folder that it is in does not.
        let path = if place.guarded() { descriptor(place.folder().as_raw_fd()).join(place.name()) } else { at.clone() };
        let mut pause = Duration::from_millis(2);
        for attempt in 1.. {
            let done = umount2(&path, MntFlags::UMOUNT_NOFOLLOW);
            self.forget_tables();
            match done {
                Ok(()) => return Ok(()),
                // EINVAL: it is no mount point.
                Err(Errno::EINVAL) => return Ok(()),
                Err(errno) if nothing_there(errno) => return Ok(()),
                Err(Errno::EBUSY) if attempt < UNMOUNT_TRIES && self.mount_below(&at)?.is_none() => {
                    std::thread::sleep(pause);
                    pause *= 2;
                }
                Err(Errno::EBUSY) => {
                    let trouble = Trouble::from_errno(attempted(), Errno::EBUSY);
                    if let Some(below) = self.mount_below(&at)? {
                        return Err(trouble.hint(format!("{} is mounted below it: unmount that first", below.display())));
                    }
                    let users = super::programs::using(&at);
                    return Err(match users.is_empty() {
                        true => trouble,
                        false => trouble.hint(format!("in use by {}", users.join(", "))),
                    });
                }
                Err(errno) => return Err(Trouble::from_errno(attempted(), errno)),
            }
        }
        Ok(())
    }

    pub(super) fn mounted_capacity(&self, at: &Path) -> Result<Option<u64>> {
        let attempted = || format!("ask how large the file system on {} is", at.display());
        let folder = self.safety.open(at, OFlag::O_PATH).told(attempted)?;
        let stat = nix::sys::statvfs::fstatvfs(&folder).told(attempted)?;
        Ok(stat.blocks().checked_mul(stat.fragment_size()))
    }

    fn mount_below(&self, at: &Path) -> Result<Option<PathBuf>> {
        let table = self.mounts.get(read_table)?;
        Ok(table.iter().find(|mount| mount.at != at && mount.at.starts_with(at)).map(|mount| mount.at.clone()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_with_blanks_in_its_paths() {
        let line = br"36 35 98:1 /a\040b /mnt\011c rw,noatime shared:1 master:2 - ext4 /dev/x\134y rw,errors=continue";
        let mount = parse_line(line).unwrap();
        assert_eq!(mount.root, Path::new("/a b"));
        assert_eq!(mount.at, Path::new("/mnt\tc"));
        assert_eq!(mount.source, r"/dev/x\y");
        assert_eq!(mount.fs_type, "ext4");
        assert_eq!(mount.options, ["rw", "noatime"]);
        assert_eq!(mount.super_options, ["rw", "errors=continue"]);
        assert_eq!(mount.device, (98, 1));
    }

    #[test]
    fn half_a_line_is_no_mount() {
        for line in ["", "36 35 98:1 / /mnt rw", "36 35 x / /mnt rw - ext4 a b", "36 35 1:2 / /mnt rw -"] {
            assert_eq!(parse_line(line.as_bytes()), None, "{line}");
        }
    }
}
