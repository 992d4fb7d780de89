//! Changes of loop devices. The kernel tells of them by uevents, but only to the machine's own user namespace;
//! elsewhere the devices are looked at again and again.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};
use seed_role::trouble::{Result, Trouble};

/// The group of netlink(7) to which the kernel sends its uevents.
const KERNEL_GROUP: u32 = 1;
/// The inode of the first user namespace (`PROC_USER_INIT_INO` in the kernel's include/linux/proc_ns.h).
const FIRST_USER_NAMESPACE: u64 = 0xEFFF_FFFD;
/// How often the devices are looked at where nothing tells of them.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// A source of changes of loop devices.
pub(super) enum Loops {
    /// The kernel's uevents.
    Told(OwnedFd),
    /// What sysfs shows, and when it was looked at.
    Looked { last: Vec<String>, next: Instant },
}

impl Loops {
    /// The best source there is.
    pub fn new() -> Result<Loops> {
        if is_first_user_namespace()
            && let Ok(socket) = uevents()
        {
            return Ok(Loops::Told(socket));
        }
        Ok(Loops::Looked { last: look()?, next: Instant::now() + LOOK_EVERY })
    }

    /// What can be polled.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Loops::Told(socket) => Some(socket.as_fd()),
            Loops::Looked { .. } => None,
        }
    }

    /// When it must be asked again though nothing tells.
    pub fn next_look(&self) -> Option<Instant> {
        match self {
            Loops::Told(_) => None,
            Loops::Looked { next, .. } => Some(*next),
        }
    }

    /// Whether a loop device may have changed since this was asked last.
    pub fn changed(&mut self) -> Result<bool> {
        match self {
            Loops::Told(socket) => read_uevents(socket),
            Loops::Looked { last, next } => {
                if Instant::now() < *next {
                    return Ok(false);
                }
                *next = Instant::now() + LOOK_EVERY;
                let now = look()?;
                let changed = now != *last;
                *last = now;
                Ok(changed)
            }
        }
    }
}

fn is_first_user_namespace() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/user").is_ok_and(|namespace| namespace.ino() == FIRST_USER_NAMESPACE)
}

fn uevents() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Netlink, SockType::Datagram, flags, SockProtocol::NetlinkKObjectUEvent)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL_GROUP))?;
    Ok(socket)
}

/// Whether one of the uevents that have come is of a loop device: `change@/devices/virtual/block/loop0`.
fn read_uevents(socket: &OwnedFd) -> Result<bool> {
    let mut changed = false;
    let mut buffer = [0u8; 8192];
    loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(length) => {
                let header = buffer[..length].split(|byte| *byte == 0).next().unwrap_or_default();
                changed |= header.windows(LOOP_PATH.len()).any(|part| part == LOOP_PATH);
            }
            Err(Errno::EAGAIN) => return Ok(changed),
            Err(Errno::EINTR) => {}
            // More came than the socket holds: what was lost may have been of a loop device.
            Err(Errno::ENOBUFS) => changed = true,
            Err(errno) => return Err(Trouble::from_errno("read the kernel's events of loop devices", errno)),
        }
    }
}

const LOOP_PATH: &[u8] = b"/block/loop";

/// What sysfs shows of the loop devices that have something attached (sysfs-block-loop).
fn look() -> Result<Vec<String>> {
    let folder = "/sys/block";
    let entries = std::fs::read_dir(folder).map_err(|error| Trouble::from_io(format!("look into {folder}"), &error))?;
    let mut shown = Vec::new();
    for entry in entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"loop")) {
        let attributes = entry.path().join("loop");
        let read = |name: &str| std::fs::read_to_string(attributes.join(name)).ok();
        if let Some(backing) = read("backing_file") {
            let rest = ["offset", "sizelimit"].map(|name| read(name).unwrap_or_default());
            let size = std::fs::read_to_string(entry.path().join("size")).unwrap_or_default();
            shown.push(format!("{} {backing} {rest:?} {size}", entry.file_name().display()));
        }
    }
    shown.sort();
    Ok(shown)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_sysfs_shows_is_a_change_only_when_it_differs() {
        let mut loops = Loops::Looked { last: look().unwrap(), next: Instant::now() };
        assert!(!loops.changed().unwrap());
        if let Loops::Looked { last, next } = &mut loops {
            last.push("another".into());
            *next = Instant::now();
        }
        assert!(loops.changed().unwrap());
        assert!(!loops.changed().unwrap(), "it is told once, and looked at no earlier than {LOOK_EVERY:?} later");
    }
}
