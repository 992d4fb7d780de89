//! File systems and block devices of the simulated machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::tree::{FileRef, TreeId};
use crate::host::gpt::Partition;

/// Bytes of a file that stand for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub file: FileRef,
    pub start: u64,
    pub len: u64,
    pub read_only: bool,
}

/// A block device that has bytes behind it.
#[derive(Clone, Debug)]
pub struct Device {
    pub number: (u32, u32),
    pub extent: Extent,
    pub sector_size: u32,
    pub partitions: Vec<Partition>,
    /// Set for a loop device.
    pub attached: Option<Attached>,
}

/// What is attached to a loop device.
#[derive(Clone, Debug)]
pub struct Attached {
    pub path: PathBuf,
    pub offset: u64,
    pub partscan: bool,
}

/// A file system.
#[derive(Clone, Debug)]
pub struct FileSystem {
    pub fs_type: String,
    /// Its UUID; empty for one in memory.
    pub uuid: String,
    pub read_only: bool,
    /// Options that are the file system's own.
    pub options: Vec<String>,
    /// What it can hold, in bytes.
    pub limit: Option<u64>,
    pub top: FileRef,
    /// The number of its device, as the mount table has it.
    pub device: (u32, u32),
    /// Where its superblocks are, by the number of the device in it. Without them it cannot be found any more.
    pub homes: BTreeMap<u64, Extent>,
    pub btrfs: Option<Btrfs>,
}

impl FileSystem {
    pub fn new(fs_type: &str, device: (u32, u32), top: FileRef) -> Self {
        FileSystem {
            fs_type: fs_type.to_string(),
            uuid: String::new(),
            read_only: false,
            options: Vec::new(),
            limit: None,
            top,
            device,
            homes: BTreeMap::new(),
            btrfs: None,
        }
    }

    /// Whether it is in memory only.
    pub fn is_volatile(&self) -> bool {
        self.fs_type == "tmpfs" || self.fs_type == "ramfs"
    }
}

/// What only Btrfs has.
#[derive(Clone, Debug)]
pub struct Btrfs {
    pub label: String,
    pub data: String,
    pub metadata: String,
    pub quota: bool,
    /// The bytes used of each device, by its number.
    pub sizes: BTreeMap<u64, u64>,
    pub subvolumes: BTreeMap<u64, SubvolumeEntry>,
    pub next_subvolume: u64,
    pub next_device: u64,
    /// Those devices that were there when it was mounted; all of them while it is not.
    pub present: Option<Vec<u64>>,
}

/// A subvolume.
#[derive(Clone, Debug)]
pub struct SubvolumeEntry {
    pub tree: TreeId,
    pub uuid: String,
    pub parent_uuid: Option<String>,
}
