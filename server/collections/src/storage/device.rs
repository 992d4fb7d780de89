//! Devices as roles refer to them: where their bytes can be read, how large they are and will be.

use std::path::{Path, PathBuf};

use seed_role::host::Host;
use seed_role::param::BlockRef;
use seed_role::trouble::Kind;
use seed_role::{Result, Trouble};

/// The bytes of a device, where they can be read now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The file or device that holds them.
    pub file: PathBuf,
    /// Where they begin in it.
    pub offset: u64,
    /// How many there are.
    pub len: u64,
}

impl Window {
    /// Reads at most `len` bytes from `at`; fewer at the end.
    ///
    /// # Errors
    ///
    /// What was read and what came back.
    pub fn read(&self, host: &dyn Host, at: u64, len: usize) -> Result<Vec<u8>> {
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(Vec::new());
        }
        host.read_at(&self.file, self.offset + at, len.min(left))
    }

    /// Overwrites bytes in place.
    ///
    /// # Errors
    ///
    /// What was written and what came back.
    pub fn write(&self, host: &dyn Host, at: u64, bytes: &[u8]) -> Result<()> {
        host.write_at(&self.file, self.offset + at, bytes)
    }
}

/// Where the bytes of a device can be read; none if it holds nothing yet: it is not there, or will be made anew.
///
/// # Errors
///
/// When the device or the file behind it cannot be looked at.
pub fn window(host: &dyn Host, device: &BlockRef) -> Result<Option<Window>> {
    if device.bytes.as_ref().is_some_and(|bytes| bytes.fresh) {
        return Ok(None);
    }
    if let Some(path) = &device.path
        && let Some(len) = host.size_of(path)?.filter(|len| *len > 0)
    {
        return Ok(Some(Window { file: path.clone(), offset: 0, len }));
    }
    let Some((bytes, file)) = device.bytes.as_ref().and_then(|bytes| Some((bytes, bytes.file.as_ref()?))) else {
        return Ok(None);
    };
    let Some(size) = host.size_of(file)?.filter(|size| *size > bytes.offset) else { return Ok(None) };
    let there = size - bytes.offset;
    Ok(Some(Window { file: file.clone(), offset: bytes.offset, len: bytes.len.map_or(there, |len| len.min(there)) }))
}

/// The bytes of a device that is there, all of them.
///
/// # Errors
///
/// When it cannot be looked at.
pub fn whole(host: &dyn Host, device: &Path) -> Result<Window> {
    Ok(Window { file: device.to_path_buf(), offset: 0, len: host.size_of(device)?.unwrap_or(0) })
}

/// That a device is there, before a program is started that would say so in words of its own.
///
/// # Errors
///
/// That it is not.
pub fn must_be_there(host: &dyn Host, device: &Path) -> Result<()> {
    match host.size_of(device)? {
        Some(_) => Ok(()),
        None => Err(Trouble::new(format!("use {}", device.display()), "there is no such device")
            .kind(Kind::Gone)
            .hint("use an existing device (see `lsblk`), or the role that makes it")),
    }
}

/// How large a device will be once all is as the spec says, if the spec tells.
pub fn foreseen(device: &BlockRef) -> Option<u64> {
    device.bytes.as_ref().and_then(|bytes| bytes.len)
}

/// A path with its symbolic links followed, as the kernel names the file in its tables; the path itself where
/// that cannot be known.
pub fn resolved(host: &dyn Host, path: &Path) -> PathBuf {
    use seed_role::host::FileKind;
    // As many as the kernel follows before it says ELOOP (path_resolution(7)).
    let mut links_left = 40;
    let mut done = PathBuf::from("/");
    let mut ahead: Vec<std::ffi::OsString> = path.components().rev().map(|part| part.as_os_str().to_owned()).collect();
    while let Some(part) = ahead.pop() {
        match part.to_str() {
            Some("/") => done = PathBuf::from("/"),
            Some(".") => {}
            Some("..") => drop(done.pop()),
            _ => {
                let next = done.join(&part);
                let is_link = matches!(host.metadata(&next), Ok(Some(metadata)) if metadata.kind == FileKind::Link);
                match is_link.then(|| host.read_link(&next)) {
                    Some(Ok(target)) if links_left > 0 => {
                        links_left -= 1;
                        ahead.extend(target.components().rev().map(|part| part.as_os_str().to_owned()));
                    }
                    _ => done = next,
                }
            }
        }
    }
    done
}

/// The node of a partition of a device: `/dev/sda1`, but `/dev/loop0p1` and `/dev/nvme0n1p1`.
pub fn partition_node(device: &Path, number: u32) -> PathBuf {
    let mut node = device.as_os_str().to_owned();
    if device.as_os_str().as_encoded_bytes().last().is_some_and(u8::is_ascii_digit) {
        node.push("p");
    }
    node.push(number.to_string());
    PathBuf::from(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_called_as_the_kernel_calls_them() {
        for (device, node) in [("/dev/sda", "/dev/sda2"), ("/dev/loop7", "/dev/loop7p2"), ("/dev/nvme0n1", "/dev/nvme0n1p2")] {
            assert_eq!(partition_node(Path::new(device), 2), Path::new(node));
        }
    }
}
