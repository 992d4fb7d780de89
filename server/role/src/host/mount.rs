//! Mounts.

use std::path::PathBuf;

/// A line of the mount table (proc_pid_mountinfo(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub at: PathBuf,
    /// What is mounted: a device, or the word the file system gives.
    pub source: String,
    /// The type of the file system.
    pub fs_type: String,
    /// The path in the file system that is the root of this mount.
    pub root: PathBuf,
    /// The options of the mount: `ro`, `nosuid`, `noatime`, …
    pub options: Vec<String>,
    /// The options of the file system: `compress=zstd:3`, `size=65536k`, …
    pub super_options: Vec<String>,
    /// The device number, major and minor.
    pub device: (u32, u32),
}

/// What to mount, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountRequest {
    /// What: a device, a folder to bind, or a word.
    pub source: String,
    /// Where; the folder must be there.
    pub at: PathBuf,
    /// The type of the file system; `bind` to show a folder at another place.
    pub fs_type: String,
    /// Options as mount(8) writes them; those that are flags of mount(2) are taken out of the data.
    pub options: Vec<String>,
}
