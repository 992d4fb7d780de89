//! All that can be seen of the simulated machine, to compare.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::content::Content;
use super::machine::Machine;
use super::superblock;
use super::tree::{FileRef, NodeKind};
use super::volume::FileSystem;
use crate::host::attributes::Attributes;
use crate::host::{LoopDevice, Mount};

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: EntryKind,
    mode: u32,
    owner: (u32, u32),
    attributes: Attributes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum EntryKind {
    File(Content),
    Folder,
    Link(PathBuf),
    Device,
    Subvolume { read_only: bool, limit: Option<u64> },
}

impl Entry {
    fn words(&self) -> String {
        let (uid, gid) = self.owner;
        let what = match &self.kind {
            EntryKind::File(content) => {
                format!("file of {} bytes ({} allocated), content {}", content.len(), content.allocated(), content.digest())
            }
            EntryKind::Folder => "folder".to_string(),
            EntryKind::Link(target) => format!("link to {}", target.display()),
            EntryKind::Device => "block device".to_string(),
            EntryKind::Subvolume { read_only, limit } => {
                let mut words = String::from(if *read_only { "read-only subvolume" } else { "subvolume" });
                if let Some(limit) = limit {
                    let _ = write!(words, " limited to {limit} bytes");
                }
                words
            }
        };
        let beside = if self.attributes.is_empty() { String::new() } else { format!(", {:?}", self.attributes) };
        format!("{what}, mode {:04o}, owner {uid}:{gid}{beside}", self.mode)
    }
}

/// All that can be seen of a simulated machine, without numbers that differ from run to run (inodes, device numbers):
/// files, file systems that are on its devices whether mounted or not, mounts, and loop devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimState {
    /// By path; files of a file system other than the first by `[type UUID]/path`, those in memory by `[tmpfs at]/path`.
    files: BTreeMap<String, Entry>,
    file_systems: BTreeMap<String, String>,
    mounts: BTreeMap<String, String>,
    loops: BTreeMap<String, String>,
}

impl SimState {
    pub(super) fn of(machine: &Machine) -> Self {
        let mut state = SimState {
            files: BTreeMap::new(),
            file_systems: BTreeMap::new(),
            mounts: BTreeMap::new(),
            loops: machine.loops().iter().map(|it| (it.backing.display().to_string(), loop_words(it))).collect(),
        };
        for mount in machine.mount_table() {
            let at = mount.at.display().to_string();
            // Several at one place stand over one another, in this order.
            let name = (1..).map(|layer| if layer == 1 { at.clone() } else { format!("{at} (layer {layer})") });
            let name = name.into_iter().find(|name| !state.mounts.contains_key(name)).unwrap_or(at);
            state.mounts.insert(name, mount_words(machine, &mount));
        }
        for (fs, file_system) in &machine.file_systems {
            let mounted = machine.mounts.values().filter(|mount| mount.fs == *fs);
            let name = match file_system.fs_type.as_str() {
                _ if file_system.top == machine.root => String::new(),
                "devtmpfs" => continue,
                "disk" => "[disks]".to_string(),
                kind if file_system.uuid.is_empty() => {
                    let at: Vec<String> = mounted.map(|mount| mount.at.display().to_string()).collect();
                    format!("[{kind} {}]", at.join(" "))
                }
                kind if is_there(machine, file_system) => format!("[{kind} {}]", file_system.uuid),
                _ => continue,
            };
            if let Some(words) = file_system_words(file_system) {
                state.file_systems.insert(name.clone(), words);
            }
            state.add_tree(machine, file_system.top, &name);
        }
        state
    }

    fn add_tree(&mut self, machine: &Machine, top: FileRef, name: &str) {
        let mut left = vec![(top, name.to_string())];
        while let Some((file, path)) = left.pop() {
            let (Ok(node), Ok(tree)) = (machine.node(file), machine.tree(file.tree)) else { continue };
            let is_root = file.ino == tree.root;
            let kind = match &node.kind {
                NodeKind::File(content) => EntryKind::File(content.clone()),
                NodeKind::Link(target) => EntryKind::Link(target.clone()),
                NodeKind::Block(_) => EntryKind::Device,
                NodeKind::Subvolume(inside) => {
                    if let Ok(tree) = machine.tree(*inside) {
                        left.push((FileRef { tree: *inside, ino: tree.root }, path));
                    }
                    continue;
                }
                NodeKind::Directory(names) => {
                    for (name, ino) in names {
                        left.push((FileRef { tree: file.tree, ino: *ino }, format!("{path}/{name}")));
                    }
                    match is_root && file != top {
                        true => EntryKind::Subvolume { read_only: tree.read_only, limit: tree.limit },
                        false => EntryKind::Folder,
                    }
                }
            };
            let entry =
                Entry { kind, mode: node.mode, owner: (node.owner.uid, node.owner.gid), attributes: node.attributes.clone() };
            self.files.insert(if path.is_empty() { "/".to_string() } else { path }, entry);
        }
    }

    /// What differs, in lines for a person: `-` for what is only here, `+` for what is only there, `~` for what
    /// is other there. Empty when both are equal.
    pub fn diff(&self, other: &SimState) -> Vec<String> {
        let words = |files: &BTreeMap<String, Entry>| -> BTreeMap<String, String> {
            files.iter().map(|(path, entry)| (path.clone(), entry.words())).collect()
        };
        let mut lines = lines("", &words(&self.files), &words(&other.files));
        lines.extend(self::lines("file system ", &self.file_systems, &other.file_systems));
        lines.extend(self::lines("mount ", &self.mounts, &other.mounts));
        lines.extend(self::lines("loop device of ", &self.loops, &other.loops));
        if lines.is_empty() && self != other {
            lines.push("~ content that reads the same is laid out in another way".into());
        }
        lines
    }
}

fn lines(what: &str, here: &BTreeMap<String, String>, there: &BTreeMap<String, String>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, words) in here {
        match there.get(name) {
            None => lines.push(format!("- {what}{name}: {words}")),
            Some(other) if other != words => lines.push(format!("~ {what}{name}: {words} → {other}")),
            Some(_) => {}
        }
    }
    let added = there.iter().filter(|(name, _)| !here.contains_key(*name));
    lines.extend(added.map(|(name, words)| format!("+ {what}{name}: {words}")));
    lines
}

/// Whether its superblock is still on one of its devices.
fn is_there(machine: &Machine, file_system: &FileSystem) -> bool {
    file_system.homes.values().any(|home| {
        let held = machine.node(home.file).is_ok();
        let head = machine.read_device(home, 0, superblock::HEAD).unwrap_or_default();
        held && superblock::identify(&head).is_some_and(|found| found.uuid == file_system.uuid)
    })
}

fn file_system_words(file_system: &FileSystem) -> Option<String> {
    let btrfs = file_system.btrfs.as_ref()?;
    let sizes: Vec<String> = btrfs.sizes.iter().map(|(id, size)| format!("device {id} of {size} bytes")).collect();
    let quota = if btrfs.quota { ", quotas" } else { "" };
    Some(format!("label {:?}, data {}, metadata {}{quota}, {}", btrfs.label, btrfs.data, btrfs.metadata, sizes.join(", ")))
}

fn loop_words(device: &LoopDevice) -> String {
    let LoopDevice { offset, size_limit, size, sector_size, read_only, partscan, deleted, .. } = device;
    let words = [(*read_only, "read-only"), (*partscan, "partscan"), (*deleted, "its file removed")];
    let words: Vec<&str> = words.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect();
    format!("{size} bytes from {offset}, limit {size_limit}, sectors of {sector_size} {}", words.join(", ")).trim_end().into()
}

/// A loop device is named by the file behind it: its number depends on what else is attached.
fn mount_words(machine: &Machine, mount: &Mount) -> String {
    let attached = machine.loops().into_iter().find(|it| mount.source.starts_with(&*it.device.to_string_lossy()));
    let source = match attached {
        Some(device) => format!("{} (loop)", device.backing.display()),
        None => mount.source.clone(),
    };
    let ids = |option: &&String| !option.starts_with("subvolid=");
    let super_options: Vec<&str> = mount.super_options.iter().filter(ids).map(String::as_str).collect();
    let root = mount.root.display();
    format!("{} {source} {root} {} | {}", mount.fs_type, mount.options.join(","), super_options.join(","))
}
