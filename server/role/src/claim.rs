//! What roles claim for themselves, so that two cannot want the same.

use std::path::PathBuf;

/// Something that belongs to one role.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Claim {
    /// A path. A path below another claimed path or mount point comes after it.
    Path(PathBuf),
    /// A part of a file, such as a block between markers: others may have other parts of it, one after the other.
    Part(PathBuf, String),
    /// A mount point; what lies below it comes after it.
    Mount(PathBuf),
    /// The whole of a block device or backing file: `/dev/loop3`, or `loop.device` for another role's.
    Device(String),
    /// A file system label or a partition label, which finds the thing by name.
    Label(String),
    /// A network address.
    Address(String),
    /// A port of this host.
    Port(u16),
}

impl Claim {
    /// The claim in words: "the path /srv/lab".
    pub fn words(&self) -> String {
        match self {
            Claim::Path(path) => format!("the path {}", path.display()),
            Claim::Part(path, part) => format!("`{part}` in {}", path.display()),
            Claim::Mount(path) => format!("the mount point {}", path.display()),
            Claim::Device(device) => format!("the device {device}"),
            Claim::Label(label) => format!("the label {label}"),
            Claim::Address(address) => format!("the address {address}"),
            Claim::Port(port) => format!("the port {port}"),
        }
    }
}
