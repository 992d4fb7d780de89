//! A tree of simulated files: a file system, or one subvolume of it.

use std::collections::HashMap;
use std::path::PathBuf;

use nix::errno::Errno;

use super::content::Content;
use crate::host::attributes::Attributes;
use crate::host::{FileKind, Metadata, Owner};

/// Names a tree of the machine.
pub type TreeId = usize;
/// Names a file in a tree.
pub type Ino = u64;
/// Names a file system of the machine.
pub type FsId = u32;

/// A file, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileRef {
    pub tree: TreeId,
    pub ino: Ino,
}

/// A block device: its name in `/dev`, and the number of the partition, or 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockId {
    pub device: String,
    pub partition: u32,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    File(Content),
    Directory(HashMap<Box<str>, Ino>),
    Link(PathBuf),
    Block(BlockId),
    /// Where another subvolume is seen.
    Subvolume(TreeId),
}

/// A file.
#[derive(Clone, Debug)]
pub struct Node {
    pub kind: NodeKind,
    pub mode: u32,
    pub owner: Owner,
    /// What it has beside content, owner and mode.
    pub attributes: Attributes,
    /// Whether a folder names it. One that nobody names is gone when nobody holds it.
    pub named: bool,
    /// How many loop devices hold it.
    pub holds: u32,
    /// How many mounts are on it.
    pub mounts: u32,
}

impl Node {
    pub fn new(kind: NodeKind, mode: u32, owner: Owner) -> Self {
        Node { kind, mode: mode & 0o7777, owner, attributes: Attributes::default(), named: true, holds: 0, mounts: 0 }
    }

    pub fn is_folder(&self) -> bool {
        matches!(self.kind, NodeKind::Directory(_) | NodeKind::Subvolume(_))
    }

    /// The names in it.
    pub fn names(&self) -> Result<&HashMap<Box<str>, Ino>, Errno> {
        match &self.kind {
            NodeKind::Directory(names) => Ok(names),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub fn names_mut(&mut self) -> Result<&mut HashMap<Box<str>, Ino>, Errno> {
        match &mut self.kind {
            NodeKind::Directory(names) => Ok(names),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// The bytes that it takes.
    pub fn allocated(&self) -> u64 {
        match &self.kind {
            NodeKind::File(content) => content.allocated(),
            _ => 0,
        }
    }
}

/// A tree.
#[derive(Clone, Debug)]
pub struct Tree {
    pub fs: FsId,
    /// The number of its device, as stat(2) has it.
    pub device: (u32, u32),
    /// Whether it is a read-only subvolume.
    pub read_only: bool,
    /// What it may take at most, in bytes.
    pub limit: Option<u64>,
    /// What it takes.
    pub used: u64,
    pub root: Ino,
    nodes: Vec<Option<Node>>,
}

impl Tree {
    /// A tree of an empty folder.
    pub fn new(fs: FsId, device: (u32, u32), root: Ino, mode: u32, owner: Owner) -> Self {
        let node = Node::new(NodeKind::Directory(HashMap::new()), mode, owner);
        Tree { fs, device, read_only: false, limit: None, used: 0, root, nodes: vec![Some(node)] }
    }

    fn index(&self, ino: Ino) -> usize {
        usize::try_from(ino.wrapping_sub(self.root)).unwrap_or(usize::MAX)
    }

    pub fn node(&self, ino: Ino) -> Result<&Node, Errno> {
        self.nodes.get(self.index(ino)).and_then(Option::as_ref).ok_or(Errno::ESTALE)
    }

    pub fn node_mut(&mut self, ino: Ino) -> Result<&mut Node, Errno> {
        let index = self.index(ino);
        self.nodes.get_mut(index).and_then(Option::as_mut).ok_or(Errno::ESTALE)
    }

    /// Adds a file under a name, in place of what has that name: that one is returned, named no more.
    pub fn add(&mut self, folder: Ino, name: &str, node: Node) -> Result<(Ino, Option<Ino>), Errno> {
        let ino = self.root + self.nodes.len() as u64;
        let before = self.node_mut(folder)?.names_mut()?.insert(name.into(), ino);
        self.used += node.allocated();
        self.nodes.push(Some(node));
        Ok((ino, before))
    }

    /// Takes a name away; the file is gone with it unless something holds it.
    pub fn remove(&mut self, folder: Ino, name: &str) -> Result<(), Errno> {
        let ino = self.node_mut(folder)?.names_mut()?.remove(name).ok_or(Errno::ENOENT)?;
        self.forget_name(ino)
    }

    /// A file lost its name.
    pub fn forget_name(&mut self, ino: Ino) -> Result<(), Errno> {
        let node = self.node_mut(ino)?;
        node.named = false;
        self.drop_if_unused(ino)
    }

    /// A loop device let go of a file.
    pub fn release(&mut self, ino: Ino) -> Result<(), Errno> {
        let node = self.node_mut(ino)?;
        node.holds = node.holds.saturating_sub(1);
        self.drop_if_unused(ino)
    }

    fn drop_if_unused(&mut self, ino: Ino) -> Result<(), Errno> {
        let node = self.node(ino)?;
        if !node.named && node.holds == 0 {
            self.used = self.used.saturating_sub(node.allocated());
            let index = self.index(ino);
            self.nodes[index] = None;
        }
        Ok(())
    }

    /// All files, in the order in which they were made.
    pub fn nodes(&self) -> impl Iterator<Item = (Ino, &Node)> {
        self.nodes.iter().enumerate().filter_map(|(index, node)| Some((self.root + index as u64, node.as_ref()?)))
    }

    /// Its copy as a snapshot has it: what other subvolumes were in it are empty folders.
    pub fn snapshot(&self, device: (u32, u32), read_only: bool) -> Self {
        let mut copy = Tree { device, read_only, limit: None, ..self.clone() };
        for node in copy.nodes.iter_mut().flatten() {
            node.mounts = 0;
            node.holds = 0;
            if let NodeKind::Subvolume(_) = node.kind {
                node.kind = NodeKind::Directory(HashMap::new());
            }
        }
        copy.nodes.iter_mut().filter(|node| node.as_ref().is_some_and(|node| !node.named)).for_each(|node| *node = None);
        copy
    }

    pub fn metadata(&self, ino: Ino) -> Result<Metadata, Errno> {
        let node = self.node(ino)?;
        let (kind, len) = match &node.kind {
            NodeKind::File(content) => (FileKind::File, content.len()),
            NodeKind::Directory(names) => (FileKind::Directory, 4096.max(names.len() as u64 * 32)),
            NodeKind::Subvolume(_) => (FileKind::Directory, 4096),
            NodeKind::Link(target) => (FileKind::Link, target.as_os_str().len() as u64),
            NodeKind::Block(_) => (FileKind::Block, 0),
        };
        let (major, minor) = self.device;
        Ok(Metadata {
            kind,
            mode: node.mode,
            uid: node.owner.uid,
            gid: node.owner.gid,
            len,
            allocated: node.allocated(),
            device: nix::sys::stat::makedev(u64::from(major), u64::from(minor)),
            inode: ino,
            links: 1,
        })
    }
}
