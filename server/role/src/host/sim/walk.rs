//! Paths: through mounts, subvolumes and links, to a file.

use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

use super::machine::Machine;
use super::tree::{FileRef, Node, NodeKind};
use crate::host::refusal::Refusal;

/// How many links a path may lead through, as path_resolution(7) has it.
const MOST_LINKS: u32 = 40;

/// A file as it is reached: the same file may be reached through several mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub mount: u32,
    pub file: FileRef,
}

/// Where a path leads.
#[derive(Debug)]
pub struct Walked {
    /// The folder that the last name is in.
    pub folder: Spot,
    /// The last name; none if the path ends with the root, or with `..`.
    pub name: Option<String>,
    /// What is there.
    pub found: Option<Spot>,
    /// The path without links.
    pub path: PathBuf,
}

impl Walked {
    pub fn existing(&self) -> Result<Spot, Errno> {
        self.found.ok_or(Errno::ENOENT)
    }

    /// The name, where something is to be made or removed.
    pub fn entry(&self) -> Result<&str, Errno> {
        self.name.as_deref().ok_or(Errno::EBUSY)
    }
}

/// How far a folder can be trusted, as on the real machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    Full,
    Sticky,
    No,
}

impl Trust {
    fn of(self, node: &Node) -> Trust {
        let others = node.mode & 0o002 != 0 || (node.mode & 0o020 != 0 && node.owner.gid != 0);
        match self {
            Trust::No => Trust::No,
            _ if node.owner.uid != 0 => Trust::No,
            _ if !others => Trust::Full,
            _ if node.mode & 0o1000 != 0 => Trust::Sticky,
            _ => Trust::No,
        }
    }
}

impl Machine {
    pub fn node(&self, file: FileRef) -> Result<&Node, Errno> {
        self.tree(file.tree)?.node(file.ino)
    }

    pub fn node_mut(&mut self, file: FileRef) -> Result<&mut Node, Errno> {
        self.tree_mut(file.tree)?.node_mut(file.ino)
    }

    /// Where a path leads, a link at its end followed or not.
    pub fn walk(&self, path: &Path, follow: bool) -> Result<Walked, Refusal> {
        if !path.is_absolute() {
            return Err(Refusal::Relative);
        }
        self.walk_on(path, follow, 0)
    }

    /// The file at a path.
    pub fn spot(&self, path: &Path, follow: bool) -> Result<Spot, Refusal> {
        Ok(self.walk(path, follow)?.existing()?)
    }

    fn walk_on(&self, path: &Path, follow: bool, links: u32) -> Result<Walked, Refusal> {
        if links > MOST_LINKS {
            return Err(Errno::ELOOP.into());
        }
        let root = self.root_spot();
        let mut above: Vec<Spot> = Vec::with_capacity(16);
        let mut at = root;
        let mut trust = Trust::Full.of(self.node(root.file)?);
        let mut name: Option<&str> = None;
        let mut parts = path.components().peekable();
        let mut canonical = PathBuf::from("/");
        while let Some(part) = parts.next() {
            match part {
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
                Component::ParentDir => {
                    at = above.pop().unwrap_or(root);
                    canonical.pop();
                    name = None;
                }
                Component::Normal(next) => {
                    let next = next.to_str().ok_or(Errno::EILSEQ)?;
                    let last = parts.peek().is_none();
                    let names = self.node(at.file)?.names()?;
                    let Some(ino) = names.get(next) else {
                        if !last {
                            return Err(Errno::ENOENT.into());
                        }
                        canonical.push(next);
                        return Ok(Walked { folder: at, name: Some(next.into()), found: None, path: canonical });
                    };
                    let below = Spot { mount: at.mount, file: FileRef { tree: at.file.tree, ino: *ino } };
                    let node = self.node(below.file)?;
                    if let NodeKind::Link(target) = &node.kind
                        && (follow || !last)
                    {
                        if trust != Trust::Full && self.me.uid == 0 {
                            return Err(Refusal::Link(canonical.join(next)));
                        }
                        let mut on = canonical.join(target);
                        on.extend(parts);
                        return self.walk_on(&on, follow, links + 1);
                    }
                    canonical.push(next);
                    above.push(at);
                    at = self.enter(below, node);
                    if !last && let Ok(folder) = self.node(at.file) {
                        trust = trust.of(folder);
                    }
                    name = Some(next);
                }
            }
        }
        let folder = above.last().copied().unwrap_or(root);
        Ok(Walked { folder, name: name.map(String::from), found: Some(at), path: canonical })
    }

    /// What is seen there: the root of a subvolume, and of what is mounted on it.
    fn enter(&self, spot: Spot, node: &Node) -> Spot {
        let mut at = spot;
        if let NodeKind::Subvolume(tree) = node.kind
            && let Ok(inside) = self.tree(tree)
        {
            at.file = FileRef { tree, ino: inside.root };
        }
        while self.node(at.file).is_ok_and(|node| node.mounts > 0)
            && let Some(mount) = self.mount_on(at)
        {
            at = mount;
        }
        at
    }

    fn root_spot(&self) -> Spot {
        let mut at = Spot { mount: super::machine::ROOT_MOUNT, file: self.root };
        while let Some(mount) = self.mount_on(at) {
            at = mount;
        }
        at
    }

    /// The root of what is mounted on a file that was reached in that way.
    fn mount_on(&self, spot: Spot) -> Option<Spot> {
        let found = self.mounts.iter().rev().find(|(_, mount)| mount.parent == Some(spot.mount) && mount.on == spot.file);
        found.map(|(id, mount)| Spot { mount: *id, file: mount.root })
    }

    /// Refuses to change what cannot be changed.
    pub fn writable(&self, spot: Spot) -> Result<(), Errno> {
        let tree = self.tree(spot.file.tree)?;
        let mount = self.mounts.get(&spot.mount).ok_or(Errno::ESTALE)?;
        let file_system = self.file_systems.get(&tree.fs).ok_or(Errno::ESTALE)?;
        if tree.read_only || mount.is_read_only() || file_system.read_only {
            return Err(Errno::EROFS);
        }
        Ok(())
    }
}
