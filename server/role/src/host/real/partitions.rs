//! The kernel's view of the partitions on a device, brought in line with what is written on it.
//!
//! The GPT is read here and told to the kernel by `BLKPG`, as partx(8) does: kernels without their own reader of it
//! exist, `BLKRRPART` refuses while any partition is in use, and it drops and makes anew those that did not change.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::host::gpt::{self, Partition};
use crate::host::refusal::Told;
use crate::trouble::{Kind, Result, Trouble};

/// How long the node of a partition may take to appear.
const PATIENCE: Duration = Duration::from_secs(5);

// linux/fs.h and linux/blkpg.h
nix::ioctl_none!(read_table_again, 0x12, 95);
nix::ioctl_write_ptr_bad!(blkpg, nix::request_code_none!(0x12, 105), BlkpgArgument);
const ADD_PARTITION: i32 = 1;
const DELETE_PARTITION: i32 = 2;
const RESIZE_PARTITION: i32 = 3;

/// `struct blkpg_ioctl_arg`.
#[repr(C)]
struct BlkpgArgument {
    operation: i32,
    flags: i32,
    len: i32,
    data: *const BlkpgPartition,
}

/// `struct blkpg_partition`.
#[repr(C)]
struct BlkpgPartition {
    start: i64,
    length: i64,
    number: i32,
    device_name: [u8; 64],
    volume_name: [u8; 64],
}

fn tell(device: &File, operation: i32, partition: &Partition) -> nix::Result<()> {
    let number = |bytes: u64| i64::try_from(bytes).map_err(|_| Errno::EOVERFLOW);
    let data = BlkpgPartition {
        start: number(partition.start)?,
        length: number(partition.len)?,
        number: i32::try_from(partition.number).map_err(|_| Errno::EOVERFLOW)?,
        device_name: [0; 64],
        volume_name: [0; 64],
    };
    let argument = BlkpgArgument {
        operation,
        flags: 0,
        len: i32::try_from(size_of::<BlkpgPartition>()).unwrap_or(i32::MAX),
        data: &raw const data,
    };
    // SAFETY: the descriptor is open; the kernel reads the argument and the partition it points to, which outlive the call.
    unsafe { blkpg(device.as_raw_fd(), &raw const argument) }.map(drop)
}

/// The partitions that the kernel knows on a device.
fn known(device: &Path) -> Vec<Partition> {
    let Some(name) = device.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(format!("/sys/block/{name}")) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let read =
            |attribute: &str| -> Option<u64> { std::fs::read_to_string(entry.path().join(attribute)).ok()?.trim().parse().ok() };
        if !entry.file_name().to_string_lossy().starts_with(name) {
            continue;
        }
        // In sysfs a sector is 512 bytes, whatever the device's are.
        if let (Some(number), Some(start), Some(size)) = (read("partition"), read("start"), read("size"))
            && let Ok(number) = u32::try_from(number)
        {
            found.push(Partition { number, start: start * 512, len: size * 512 });
        }
    }
    found.sort_by_key(|partition| partition.number);
    found
}

/// Takes away all partitions that the kernel knows on a device.
pub(super) fn remove_all(device: &Path) -> Result<()> {
    let known = known(device);
    if known.is_empty() {
        return Ok(());
    }
    let attempted = || format!("take the partitions of {} away", device.display());
    let opened = File::open(device).told(attempted)?;
    known.iter().try_for_each(|partition| remove(&opened, device, partition))
}

fn remove(opened: &File, device: &Path, partition: &Partition) -> Result<()> {
    match tell(opened, DELETE_PARTITION, partition) {
        Ok(()) | Err(Errno::ENXIO) => Ok(()),
        Err(errno) => {
            let node = gpt::partition_device(device, partition.number);
            Err(Trouble::from_errno(format!("take the partition {} away", node.display()), errno))
        }
    }
}

/// Makes the kernel know what is on the device.
pub(super) fn reread(device: &Path) -> Result<()> {
    let attempted = || format!("read the partition table of {}", device.display());
    let opened = File::open(device).told(attempted)?;
    let sector = sector_size(&opened).told(attempted)?;
    let Some(wanted) = gpt::partitions(&mut &opened, sector).told(attempted)? else {
        if known(device).is_empty() {
            return Ok(());
        }
        // No GPT any more. Perhaps something else that the kernel can read, perhaps nothing.
        // SAFETY: the descriptor is open, and the request touches no memory.
        return match unsafe { read_table_again(opened.as_raw_fd()) } {
            Ok(_) => Ok(()),
            Err(Errno::EINVAL) => remove_all(device),
            Err(Errno::EBUSY) => Err(Trouble::from_errno(attempted(), Errno::EBUSY).hint("one of its partitions is in use")),
            Err(errno) => Err(Trouble::from_errno(attempted(), errno)),
        };
    };
    let now = known(device);
    for old in &now {
        let stays = wanted.iter().any(|new| new.number == old.number && new.start == old.start);
        if !stays {
            remove(&opened, device, old)?;
        }
    }
    for new in &wanted {
        let told = |errno| {
            let node = gpt::partition_device(device, new.number);
            Trouble::from_errno(format!("show the partition {} to the kernel", node.display()), errno)
        };
        match now.iter().find(|old| old.number == new.number && old.start == new.start) {
            Some(old) if old.len == new.len => {}
            Some(_) => tell(&opened, RESIZE_PARTITION, new).map_err(told)?,
            None => tell(&opened, ADD_PARTITION, new).map_err(told)?,
        }
    }
    drop(opened);
    wanted.iter().try_for_each(|partition| wait_for(&gpt::partition_device(device, partition.number)))
}

fn wait_for(node: &Path) -> Result<()> {
    let started = Instant::now();
    while !node.exists() {
        if started.elapsed() > PATIENCE {
            return Err(Trouble::new(
                format!("find the partition {}", node.display()),
                "the kernel knows it, but it has no node",
            )
            .kind(Kind::Gone)
            .hint("is /dev a devtmpfs, or is udev running?"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn sector_size(device: &File) -> nix::Result<u64> {
    nix::ioctl_read_bad!(logical_sector_size, libc::BLKSSZGET as libc::Ioctl, i32);
    let mut size = 0;
    // SAFETY: the descriptor is open, and the kernel fills one number.
    unsafe { logical_sector_size(device.as_raw_fd(), &raw mut size) }?;
    u64::try_from(size).map_err(|_| Errno::EINVAL)
}
