//! Loop devices (loop(4)).

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::{RealHost, partitions};
use crate::host::refusal::Told;
use crate::host::{LoopConfig, LoopDevice};
use crate::trouble::{Kind, Result, Trouble};

/// How often another process may take the free device before we can.
const MOST_RACES: usize = 128;
/// How long the kernel may take to let a device go, or to show a new one.
const PATIENCE: Duration = Duration::from_secs(5);

// linux/loop.h
const LOOP_SET_FD: libc::Ioctl = 0x4C00;
const LOOP_CLR_FD: libc::Ioctl = 0x4C01;
const LOOP_SET_STATUS64: libc::Ioctl = 0x4C04;
const LOOP_SET_CAPACITY: libc::Ioctl = 0x4C07;
const LOOP_SET_BLOCK_SIZE: libc::Ioctl = 0x4C09;
const LOOP_CONFIGURE: libc::Ioctl = 0x4C0A;
const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4C82;
const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_PARTSCAN: u32 = 8;

/// `struct loop_info64`.
#[repr(C)]
#[derive(Clone, Copy)]
struct LoopInfo {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct Configure {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

/// An ioctl whose argument is a number, or nothing.
fn control(file: &File, request: libc::Ioctl, argument: libc::c_ulong) -> nix::Result<i32> {
    // SAFETY: these requests take a number and touch no memory of this process.
    Errno::result(unsafe { libc::ioctl(file.as_raw_fd(), request, argument) })
}

/// An ioctl whose argument is a structure that the kernel reads.
fn control_with<T>(file: &File, request: libc::Ioctl, argument: &T) -> nix::Result<i32> {
    // SAFETY: the request reads a structure laid out as `T`, which outlives the call.
    Errno::result(unsafe { libc::ioctl(file.as_raw_fd(), request, std::ptr::from_ref(argument)) })
}

/// The loop devices that have something attached, by number.
pub(super) fn read_table() -> Result<Vec<LoopDevice>> {
    let entries = match std::fs::read_dir("/sys/block") {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.told(|| "list the block devices")?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.told(|| "list the block devices")?.file_name();
        if let Some(number) = name.to_str().and_then(loop_number)
            && let Some(device) = read_device(number)
        {
            found.push((number, device));
        }
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, device)| device).collect())
}

fn loop_number(name: &str) -> Option<u32> {
    name.strip_prefix("loop")?.parse().ok()
}

fn device_path(number: u32) -> PathBuf {
    PathBuf::from(format!("/dev/loop{number}"))
}

fn sysfs(number: u32, attribute: &str) -> PathBuf {
    PathBuf::from(format!("/sys/block/loop{number}/{attribute}"))
}

/// What sysfs tells of a device; none if nothing is attached to it, or no more.
fn read_device(number: u32) -> Option<LoopDevice> {
    use std::os::unix::ffi::OsStringExt;
    let mut backing = std::fs::read(sysfs(number, "loop/backing_file")).ok()?;
    if backing.last() == Some(&b'\n') {
        backing.pop();
    }
    let read = |attribute| -> Option<u64> { std::fs::read_to_string(sysfs(number, attribute)).ok()?.trim().parse().ok() };
    let mut backing = PathBuf::from(std::ffi::OsString::from_vec(backing));
    let mut deleted = false;
    if let Some(path) = backing.as_os_str().as_bytes().strip_suffix(b" (deleted)")
        // A file may really be called that.
        && !backing.exists()
    {
        backing = PathBuf::from(std::ffi::OsStr::from_bytes(path));
        deleted = true;
    }
    Some(LoopDevice {
        device: device_path(number),
        backing,
        offset: read("loop/offset")?,
        size_limit: read("loop/sizelimit")?,
        size: read("size")? * 512,
        sector_size: u32::try_from(read("queue/logical_block_size")?).ok()?,
        read_only: read("ro")? != 0,
        partscan: read("loop/partscan")? != 0,
        deleted,
    })
}

/// The number of a loop device.
fn number_of(device: &Path) -> Option<u32> {
    let name = device.strip_prefix("/dev").ok()?.to_str()?;
    loop_number(name)
}

fn is_attached(number: u32) -> bool {
    sysfs(number, "loop/backing_file").exists()
}

fn open_device(number: u32, read_only: bool) -> std::io::Result<File> {
    let started = Instant::now();
    loop {
        let opened = OpenOptions::new().read(true).write(!read_only).custom_flags(libc::O_CLOEXEC).open(device_path(number));
        match opened {
            // A device that LOOP_CTL_GET_FREE has just made may have no node yet.
            Err(error) if error.kind() == ErrorKind::NotFound && started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(1));
            }
            opened => return opened,
        }
    }
}

fn info_of(config: &LoopConfig) -> LoopInfo {
    let mut flags = 0;
    if config.read_only {
        flags |= LO_FLAGS_READ_ONLY;
    }
    if config.partscan {
        flags |= LO_FLAGS_PARTSCAN;
    }
    let mut file_name = [0; 64];
    let name = config.backing.as_os_str().as_bytes();
    let len = name.len().min(63);
    file_name[..len].copy_from_slice(&name[..len]);
    LoopInfo {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: config.offset,
        size_limit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags,
        file_name,
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    }
}

/// Attaches in one step, or in three where the kernel is older than 5.8.
fn configure(device: &File, backing: RawFd, config: &LoopConfig) -> nix::Result<()> {
    let fd = u32::try_from(backing).map_err(|_| Errno::EBADF)?;
    let info = info_of(config);
    let all = Configure { fd, block_size: config.sector_size.unwrap_or(0), info, reserved: [0; 8] };
    match control_with(device, LOOP_CONFIGURE, &all) {
        Err(Errno::ENOTTY | Errno::ENOSYS) => {}
        other => return other.map(drop),
    }
    control(device, LOOP_SET_FD, libc::c_ulong::from(fd))?;
    let rest = || -> nix::Result<()> {
        control_with(device, LOOP_SET_STATUS64, &info)?;
        if let Some(size) = config.sector_size {
            control(device, LOOP_SET_BLOCK_SIZE, libc::c_ulong::from(size))?;
        }
        Ok(())
    };
    rest().inspect_err(|_| {
        let _ = control(device, LOOP_CLR_FD, 0);
    })
}

impl RealHost {
    pub(super) fn attach(&self, config: &LoopConfig) -> Result<PathBuf> {
        let attempted = || format!("attach {} to a loop device", config.backing.display());
        let access = if config.read_only { OFlag::O_RDONLY } else { OFlag::O_RDWR };
        let backing = File::from(self.safety.open(&config.backing, access).told(attempted)?);
        let identity = backing.metadata().told(attempted)?;
        self.loops.forget();
        for known in self.loops.get(read_table)?.iter() {
            let same = known.offset == config.offset
                && known.size_limit == 0
                && known.read_only == config.read_only
                && known.partscan == config.partscan
                && config.sector_size.is_none_or(|size| size == known.sector_size)
                && !known.deleted;
            let there = || std::fs::metadata(&known.backing).ok();
            if same && there().is_some_and(|it| (it.dev(), it.ino()) == (identity.dev(), identity.ino())) {
                return Ok(known.device.clone());
            }
        }
        let control_device = File::open("/dev/loop-control").map_err(|error| {
            let trouble = Trouble::from_io(attempted(), &error);
            if error.kind() == ErrorKind::NotFound { trouble.hint("load the kernel module: modprobe loop") } else { trouble }
        })?;
        for _ in 0..MOST_RACES {
            let free = control(&control_device, LOOP_CTL_GET_FREE, 0).told(attempted)?;
            let number = u32::try_from(free).map_err(|_| Trouble::from_errno(attempted(), Errno::ENODEV))?;
            let device = open_device(number, config.read_only).told(attempted)?;
            match configure(&device, backing.as_raw_fd(), config) {
                Ok(()) => {
                    self.loops.forget();
                    let path = device_path(number);
                    drop(device);
                    if config.partscan {
                        partitions::reread(&path)?;
                    }
                    return Ok(path);
                }
                // Another process was quicker, or a device that is being let go is not free yet.
                Err(Errno::EBUSY | Errno::ENXIO) => std::thread::sleep(Duration::from_micros(200)),
                Err(errno) => return Err(Trouble::from_errno(attempted(), errno)),
            }
        }
        Err(Trouble::from_errno(attempted(), Errno::EBUSY).hint("other processes keep taking the free loop devices"))
    }

    pub(super) fn detach(&self, device: &Path) -> Result<()> {
        let attempted = || format!("detach the loop device {}", device.display());
        let number = number_of(device)
            .ok_or_else(|| Trouble::new(attempted(), "it is not a loop device").hint("loop devices are called /dev/loop0, …"))?;
        if !is_attached(number) {
            return Ok(());
        }
        // The kernel would take it away from under a user once that one is done: refuse instead of surprising.
        if let Some(user) = self.user_of(number, device)? {
            return Err(Trouble::from_errno(attempted(), Errno::EBUSY).hint(user));
        }
        partitions::remove_all(device)?;
        let opened = match open_device(number, true) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENXIO | libc::ENODEV)) => return Ok(()),
            opened => opened.told(attempted)?,
        };
        self.loops.forget();
        match control(&opened, LOOP_CLR_FD, 0) {
            Ok(_) | Err(Errno::ENXIO) => {}
            Err(errno) => return Err(Trouble::from_errno(attempted(), errno)),
        }
        // The kernel lets it go when the last descriptor is closed.
        drop(opened);
        let started = Instant::now();
        let mut pause = Duration::from_micros(50);
        while is_attached(number) {
            if started.elapsed() > PATIENCE {
                return Err(Trouble::from_errno(attempted(), Errno::EBUSY)
                    .hint("a process still has it open; it goes as soon as that one closes it"));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
        Ok(())
    }

    /// What uses a loop device or a partition of it, in words.
    fn user_of(&self, number: u32, device: &Path) -> Result<Option<String>> {
        let belongs = |path: &str| {
            let rest = path.strip_prefix("/dev/loop").and_then(|rest| rest.strip_prefix(&number.to_string()));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('p'))
        };
        self.mounts.forget();
        for mount in self.mounts.get(super::mounts::read_table)?.iter() {
            if belongs(&mount.source) {
                return Ok(Some(format!("unmount {} first", mount.at.display())));
            }
        }
        if let Ok(swaps) = std::fs::read_to_string("/proc/swaps")
            && let Some(swap) = swaps.split_whitespace().find(|word| belongs(word))
        {
            return Ok(Some(format!("swapoff {swap} first")));
        }
        if let Ok(mut holders) = std::fs::read_dir(sysfs(number, "holders"))
            && let Some(Ok(holder)) = holders.next()
        {
            return Ok(Some(format!("{} is built on {}", holder.file_name().display(), device.display())));
        }
        Ok(super::btrfs::mounted_with(device).map(|label| format!("the mounted Btrfs file system {label} is on it")))
    }

    pub(super) fn grow_loop(&self, device: &Path) -> Result<()> {
        let attempted = || format!("make {} as large as its backing file", device.display());
        let number = number_of(device).ok_or_else(|| Trouble::new(attempted(), "it is not a loop device"))?;
        self.loops.forget();
        let opened = open_device(number, true).told(attempted)?;
        match control(&opened, LOOP_SET_CAPACITY, 0) {
            Ok(_) => Ok(()),
            Err(Errno::ENXIO) => Err(Trouble::new(attempted(), "nothing is attached to it").kind(Kind::Gone)),
            Err(errno) => Err(Trouble::from_errno(attempted(), errno)),
        }
    }
}
