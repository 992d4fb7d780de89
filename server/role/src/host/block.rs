//! Block devices and what is on them.

use std::path::PathBuf;

/// A loop device that has something attached (loop(4)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopDevice {
    /// `/dev/loop3`.
    pub device: PathBuf,
    /// The file behind it, as the kernel names it.
    pub backing: PathBuf,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// The limit set on its size, in bytes; 0 for none.
    pub size_limit: u64,
    /// Its size now, in bytes.
    pub size: u64,
    /// The size of its sectors, in bytes.
    pub sector_size: u32,
    /// Whether it is read-only.
    pub read_only: bool,
    /// Whether the kernel reads partition tables on it.
    pub partscan: bool,
    /// Whether the file behind it was removed.
    pub deleted: bool,
}

/// How to attach a loop device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopConfig {
    /// The file to attach.
    pub backing: PathBuf,
    /// Where in the file to begin, in bytes.
    pub offset: u64,
    /// Whether it is read-only.
    pub read_only: bool,
    /// Whether the kernel reads partition tables on it.
    pub partscan: bool,
    /// The size of its sectors, in bytes; the kernel's default if none.
    pub sector_size: Option<u32>,
}
