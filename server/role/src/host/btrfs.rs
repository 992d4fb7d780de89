//! Btrfs, as its ioctls tell it (`linux/btrfs.h`).

use std::path::PathBuf;

/// A mounted Btrfs file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BtrfsFileSystem {
    /// Its UUID.
    pub uuid: String,
    /// Its label; empty if it has none.
    pub label: String,
    /// The devices it is on.
    pub devices: Vec<BtrfsDevice>,
    /// The profile of data chunks: `single`, `raid1`, …; several joined by `+` while they are converted.
    pub data: String,
    /// The profile of metadata chunks.
    pub metadata: String,
    /// Whether quotas are on.
    pub quota: bool,
}

/// A device of a Btrfs file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BtrfsDevice {
    /// Its number in the file system.
    pub id: u64,
    /// Where it is; none if it is missing.
    pub path: Option<PathBuf>,
    /// The bytes of it that the file system uses or may use.
    pub size: u64,
}

/// A subvolume or snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subvolume {
    /// Its number.
    pub id: u64,
    /// Its path from the top of the file system, without a leading slash.
    pub path: PathBuf,
    /// Whether it is read-only.
    pub read_only: bool,
    /// Its UUID.
    pub uuid: String,
    /// The UUID of what it is a snapshot of.
    pub parent_uuid: Option<String>,
    /// The limit on what it may refer to, in bytes.
    pub limit: Option<u64>,
}
