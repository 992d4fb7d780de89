//! The Btrfs case by hand: image, loop device, mkfs, mount, subvolumes, snapshots.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::{ioctl_read, ioctl_write_ptr};

use crate::Result;
use crate::bench::workload::{BTRFS_IMAGE_BYTES, BTRFS_PARTS, btrfs_image, btrfs_mount, snapshot_name, subvolume_name};

/// `LOOP_CONFIGURE` and its neighbours (`linux/loop.h`), which are bare numbers.
const LOOP_SET_FD: libc::c_ulong = 0x4C00;
const LOOP_CLR_FD: libc::c_ulong = 0x4C01;
const LOOP_GET_STATUS64: libc::c_ulong = 0x4C05;
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;

/// The bytes of `struct loop_info64`.
const LOOP_INFO: usize = 232;

/// `struct btrfs_ioctl_vol_args_v2` (`linux/btrfs.h`).
#[repr(C)]
struct VolArgsV2 {
    fd: i64,
    transid: u64,
    flags: u64,
    unused: [u64; 4],
    name: [u8; 4040],
}

ioctl_write_ptr!(snap_create, 0x94, 23, VolArgsV2);
ioctl_write_ptr!(subvol_create, 0x94, 24, VolArgsV2);
ioctl_read!(subvol_get_flags, 0x94, 25, u64);

fn named(fd: RawFd, name: &str) -> VolArgsV2 {
    let mut args = VolArgsV2 { fd: i64::from(fd), transid: 0, flags: 0, unused: [0; 4], name: [0; 4040] };
    args.name[..name.len()].copy_from_slice(name.as_bytes());
    args
}

fn loop_request(fd: RawFd, request: libc::c_ulong, argument: libc::c_ulong) -> Result<i32> {
    // SAFETY: `fd` is open, and each request is given the argument that loop(4) says: a descriptor, nothing, or a buffer.
    let answer = unsafe { libc::ioctl(fd, request, argument) };
    if answer < 0 { Err(std::io::Error::last_os_error().into()) } else { Ok(answer) }
}

/// Makes all of it.
pub fn create(folder: &Path) -> Result {
    let image = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(btrfs_image(folder))?;
    image.set_len(BTRFS_IMAGE_BYTES)?;
    image.sync_all()?;
    let control = File::open("/dev/loop-control")?;
    let device = PathBuf::from(format!("/dev/loop{}", loop_request(control.as_raw_fd(), LOOP_CTL_GET_FREE, 0)?));
    let node = OpenOptions::new().read(true).write(true).open(&device)?;
    loop_request(node.as_raw_fd(), LOOP_SET_FD, libc::c_ulong::try_from(image.as_raw_fd())?)?;
    let status = Command::new("mkfs.btrfs").args(["-q", "-f", "-L", "bench"]).arg(&device).status()?;
    if !status.success() {
        return Err(format!("mkfs.btrfs ended with {status}").into());
    }
    let at = btrfs_mount(folder);
    fs::create_dir(&at)?;
    mount(Some(&device), &at, Some("btrfs"), MsFlags::empty(), None::<&str>)?;
    let top = File::open(&at)?;
    for number in 0..BTRFS_PARTS {
        let args = named(0, &subvolume_name(number));
        // SAFETY: the descriptor is open, and `args` is the structure that the request takes.
        unsafe { subvol_create(top.as_raw_fd(), &args) }?;
    }
    for number in 0..BTRFS_PARTS {
        let of = File::open(at.join(subvolume_name(number)))?;
        let args = named(of.as_raw_fd(), &snapshot_name(number));
        // SAFETY: as above; `of` is open too.
        unsafe { snap_create(top.as_raw_fd(), &args) }?;
    }
    // SAFETY: the descriptor is open.
    if unsafe { libc::syncfs(top.as_raw_fd()) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(())
}

/// The loop device of the image.
fn device_of(image: &Path) -> Result<PathBuf> {
    let image = image.canonicalize()?;
    for entry in fs::read_dir("/sys/block")? {
        let entry = entry?;
        let backing = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        if Path::new(backing.trim_end()) == image {
            return Ok(Path::new("/dev").join(entry.file_name()));
        }
    }
    Err(format!("no loop device is attached to {}", image.display()).into())
}

/// Looks whether all of it is there.
pub fn compare(folder: &Path) -> Result {
    let image = btrfs_image(folder);
    if fs::symlink_metadata(&image)?.len() != BTRFS_IMAGE_BYTES {
        return Err("the image differs".into());
    }
    let device = device_of(&image)?;
    let node = File::open(&device)?;
    let mut info = [0u8; LOOP_INFO];
    loop_request(node.as_raw_fd(), LOOP_GET_STATUS64, info.as_mut_ptr() as libc::c_ulong)?;
    let at = btrfs_mount(folder);
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    if !mounts.lines().any(|line| line.split(' ').nth(4).is_some_and(|point| Path::new(point) == at)) {
        return Err("it is not mounted".into());
    }
    for number in 0..BTRFS_PARTS {
        for name in [subvolume_name(number), snapshot_name(number)] {
            let part = File::open(at.join(name))?;
            let mut flags = 0u64;
            // SAFETY: the descriptor is open, and the request fills 8 bytes.
            unsafe { subvol_get_flags(part.as_raw_fd(), &mut flags) }?;
            if flags != 0 {
                return Err("a subvolume differs".into());
            }
        }
    }
    Ok(())
}

/// Takes all of it back.
pub fn remove(folder: &Path) -> Result {
    let image = btrfs_image(folder);
    let device = device_of(&image)?;
    let at = btrfs_mount(folder);
    umount2(&at, MntFlags::empty())?;
    fs::remove_dir(&at)?;
    loop_request(File::open(&device)?.as_raw_fd(), LOOP_CLR_FD, 0)?;
    fs::remove_file(&image)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}
