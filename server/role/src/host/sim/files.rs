//! Files, folders and links of the simulated machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::content::Content;
use super::denied::Denied;
use super::machine::Machine;
use super::tree::{FileRef, Node, NodeKind};
use super::walk::{Spot, Walked};
use crate::host::attributes::{Attributes, Lost};
use crate::host::before::{Before, Digest, NewFile, difference};
use crate::host::refusal::{Refusal, nothing_there};
use crate::host::{Access, Metadata, Owner, Whole};

type Result<T, E = Refusal> = std::result::Result<T, E>;

/// None where the refusal is only that there is nothing.
pub fn unless_gone<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Refusal::Errno(errno)) if nothing_there(errno) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

impl Machine {
    pub fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        let Some(spot) = unless_gone(self.spot(path, false))? else { return Ok(None) };
        Ok(Some(self.tree(spot.file.tree)?.metadata(spot.file.ino)?))
    }

    fn content(&self, spot: Spot) -> Result<&Content, Errno> {
        match &self.node(spot.file)?.kind {
            NodeKind::File(content) => Ok(content),
            NodeKind::Directory(_) | NodeKind::Subvolume(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    pub fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(spot) = unless_gone(self.spot(path, true))? else { return Ok(None) };
        let content = self.content(spot)?;
        let len = content.len().min(limit);
        Ok(Some(content.read(0, usize::try_from(len).unwrap_or(usize::MAX))))
    }

    pub fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>> {
        let spot = self.spot(path, true)?;
        match &self.node(spot.file)?.kind {
            NodeKind::Block(block) => Ok(self.read_device(&self.extent_of(block)?, offset, len)?),
            _ => Ok(self.content(spot)?.read(offset, len)),
        }
    }

    pub fn write_at(&mut self, path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
        let spot = self.spot(path, true)?;
        if let NodeKind::Block(block) = &self.node(spot.file)?.kind {
            let extent = self.extent_of(block)?;
            return Ok(self.write_device(&extent, offset, bytes)?);
        }
        self.writable(spot)?;
        Ok(self.change_content(spot.file, |content| content.write(offset, bytes))?)
    }

    pub fn read_link(&self, path: &Path) -> Result<PathBuf> {
        let spot = self.spot(path, false)?;
        match &self.node(spot.file)?.kind {
            NodeKind::Link(target) => Ok(target.clone()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    pub fn list(&self, path: &Path) -> Result<Vec<String>> {
        let spot = self.spot(path, true)?;
        let mut names: Vec<String> = self.node(spot.file)?.names()?.keys().map(|name| name.to_string()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Puts a file into a folder, in place of what has its name.
    fn put(&mut self, walked: &Walked, node: Node) -> Result<()> {
        self.writable(walked.folder)?;
        let folder = walked.folder.file;
        let name = walked.entry()?;
        if !self.node(folder)?.is_folder() {
            return Err(Errno::ENOTDIR.into());
        }
        self.room(folder.tree, node.allocated())?;
        let tree = self.tree_mut(folder.tree)?;
        let (_, before) = tree.add(folder.ino, name, node)?;
        if let Some(before) = before {
            tree.forget_name(before)?;
        }
        Ok(())
    }

    pub fn write_file(&mut self, path: &Path, bytes: &[u8], mode: u32, owner: Option<Owner>) -> Result<()> {
        let walked = self.walk(path, false)?;
        if let Some(found) = walked.found {
            let node = self.node(found.file)?;
            if node.is_folder() {
                return Err(Errno::EISDIR.into());
            }
            if node.mounts > 0 {
                return Err(Errno::EBUSY.into());
            }
        }
        let node = Node::new(NodeKind::File(Content::from_bytes(bytes)), mode, owner.unwrap_or(self.me));
        self.put(&walked, node)
    }

    /// What is at a path; only files and links can be replaced.
    fn before(&self, path: &Path) -> Result<Before, Denied> {
        let Some(spot) = unless_gone(self.spot(path, false))? else { return Ok(Before::Nothing) };
        let node = self.node(spot.file)?;
        match &node.kind {
            NodeKind::File(content) => {
                let bytes = content.read(0, usize::try_from(content.len()).unwrap_or(usize::MAX));
                let (mode, owner, attributes) = (node.mode, node.owner, node.attributes.clone());
                Ok(Before::File { content: Digest::of(&bytes), mode, owner, attributes })
            }
            NodeKind::Link(target) => Ok(Before::Link { target: target.clone(), owner: node.owner }),
            _ => Err(Denied::Changed("something else is there")),
        }
    }

    fn confirm(&self, path: &Path, before: &Before) -> Result<(), Denied> {
        match difference(before, &self.before(path)?) {
            Some(how) => Err(Denied::Changed(how)),
            None => Ok(()),
        }
    }

    pub fn replace_file(&mut self, path: &Path, new: &NewFile<'_>, before: &Before) -> Result<(), Denied> {
        if let Some(locked) = new.attributes.and_then(Attributes::locked) {
            return Err(Denied::Words(Lost(vec![format!("the flag `{locked}`")]).to_string()));
        }
        self.confirm(path, before)?;
        let walked = self.walk(path, false)?;
        let mut node = Node::new(NodeKind::File(Content::from_bytes(new.content)), new.mode, new.owner.unwrap_or(self.me));
        node.attributes = new.attributes.cloned().unwrap_or_default();
        Ok(self.put(&walked, node)?)
    }

    pub fn replace_link(&mut self, path: &Path, target: &Path, owner: Option<Owner>, before: &Before) -> Result<(), Denied> {
        self.confirm(path, before)?;
        let walked = self.walk(path, false)?;
        Ok(self.put(&walked, Node::new(NodeKind::Link(target.to_path_buf()), 0o777, owner.unwrap_or(self.me)))?)
    }

    pub fn take_confirmed(&mut self, path: &Path, before: &Before) -> Result<(), Denied> {
        self.confirm(path, before)?;
        Ok(self.remove_file(path)?)
    }

    pub fn read_whole(&self, path: &Path, limit: u64) -> Result<Option<Whole>> {
        let Some(content) = self.read(path, limit)? else { return Ok(None) };
        let spot = self.spot(path, true)?;
        let metadata = self.tree(spot.file.tree)?.metadata(spot.file.ino)?;
        Ok(Some(Whole { metadata, content, attributes: self.node(spot.file)?.attributes.clone() }))
    }

    pub fn set_access(&mut self, path: &Path, seen: &Metadata, access: &Access<'_>) -> Result<(), Denied> {
        let there = self.metadata(path)?.ok_or(Refusal::Errno(Errno::ENOENT))?;
        let known = |one: &Metadata| (one.kind, one.device, one.inode, one.mode, one.uid, one.gid);
        if known(&there) != known(seen) {
            return Err(Denied::Changed("something else is there"));
        }
        if let Some(owner) = access.owner {
            self.set_owner(path, owner)?;
        }
        if let Some(attributes) = access.attributes {
            let spot = self.spot(path, false)?;
            self.writable(spot)?;
            self.node_mut(spot.file)?.attributes = attributes.clone();
        }
        Ok(access.mode.map_or(Ok(()), |mode| self.set_mode(path, mode))?)
    }

    pub fn attributes(&self, path: &Path) -> Result<Attributes> {
        Ok(self.node(self.spot(path, true)?.file)?.attributes.clone())
    }

    pub fn make_image(&mut self, path: &Path, len: u64, full: bool, mode: u32, owner: Option<Owner>) -> Result<()> {
        if i64::try_from(len).is_err() {
            return Err(Errno::EFBIG.into());
        }
        let walked = self.walk(path, false)?;
        if walked.found.is_some() {
            return Err(Errno::EEXIST.into());
        }
        let mut content = Content::default();
        content.set_len(len);
        if full {
            content.allocate(0, len);
        }
        let node = Node::new(NodeKind::File(content), mode, owner.unwrap_or(self.me));
        self.put(&walked, node)
    }

    pub fn set_len(&mut self, path: &Path, len: u64, full: bool) -> Result<()> {
        if i64::try_from(len).is_err() {
            return Err(Errno::EFBIG.into());
        }
        let spot = self.spot(path, true)?;
        self.writable(spot)?;
        let change = |content: &mut Content| {
            let before = content.len();
            content.set_len(len);
            if full {
                content.allocate(before, len);
            }
        };
        Ok(self.change_content(spot.file, change)?)
    }

    pub fn make_folder(&mut self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<()> {
        let walked = self.walk(path, false)?;
        if walked.found.is_some() {
            return match self.spot(path, true) {
                Ok(there) if self.node(there.file)?.is_folder() => Ok(()),
                Err(refusal @ Refusal::Link(_)) => Err(refusal),
                // A file, or a link that leads nowhere.
                _ => Err(Errno::ENOTDIR.into()),
            };
        }
        let node = Node::new(NodeKind::Directory(HashMap::new()), mode, owner.unwrap_or(self.me));
        self.put(&walked, node)
    }

    pub fn make_link(&mut self, path: &Path, target: &Path) -> Result<()> {
        let walked = self.walk(path, false)?;
        if let Some(found) = walked.found
            && !matches!(self.node(found.file)?.kind, NodeKind::Link(_))
        {
            return Err(Errno::EEXIST.into());
        }
        let node = Node::new(NodeKind::Link(target.to_path_buf()), 0o777, self.me);
        self.put(&walked, node)
    }

    pub fn set_mode(&mut self, path: &Path, mode: u32) -> Result<()> {
        let spot = self.spot(path, false)?;
        self.writable(spot)?;
        let node = self.node_mut(spot.file)?;
        if matches!(node.kind, NodeKind::Link(_)) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        node.mode = mode & 0o7777;
        Ok(())
    }

    pub fn set_owner(&mut self, path: &Path, owner: Owner) -> Result<()> {
        let spot = self.spot(path, false)?;
        self.writable(spot)?;
        let node = self.node_mut(spot.file)?;
        node.owner = owner;
        if matches!(node.kind, NodeKind::File(_)) {
            // As chown(2) does.
            node.mode &= !0o6000;
        }
        Ok(())
    }

    pub fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let (old, new) = (self.walk(from, false)?, self.walk(to, false)?);
        let moved = old.existing()?;
        if new.found.is_some() {
            return Err(Errno::EEXIST.into());
        }
        let (old_folder, new_folder) = (old.folder.file, new.folder.file);
        if old.folder.mount != new.folder.mount || old_folder.tree != new_folder.tree {
            return Err(Errno::EXDEV.into());
        }
        self.writable(old.folder)?;
        if moved.mount != old.folder.mount {
            return Err(Errno::EBUSY.into());
        }
        if new.path.starts_with(&old.path) {
            return Err(Errno::EINVAL.into());
        }
        if !self.node(new_folder)?.is_folder() {
            return Err(Errno::ENOTDIR.into());
        }
        let (old_name, new_name) = (old.entry()?, new.entry()?);
        let tree = self.tree_mut(old_folder.tree)?;
        let ino = tree.node_mut(old_folder.ino)?.names_mut()?.remove(old_name).ok_or(Errno::ENOENT)?;
        tree.node_mut(new_folder.ino)?.names_mut()?.insert(new_name.into(), ino);
        self.moved(&old.path, &new.path);
        Ok(())
    }

    /// The kernel names mounts and attached files by where they are now.
    fn moved(&mut self, from: &Path, to: &Path) {
        let rename = |path: &mut PathBuf| {
            if let Ok(rest) = path.strip_prefix(from) {
                *path = if rest.as_os_str().is_empty() { to.to_path_buf() } else { to.join(rest) };
            }
        };
        self.mounts.values_mut().for_each(|mount| rename(&mut mount.at));
        self.devices.values_mut().filter_map(|device| device.attached.as_mut()).for_each(|it| rename(&mut it.path));
    }

    fn take_away(&mut self, walked: &Walked) -> Result<()> {
        let folder = walked.folder.file;
        let name = walked.entry()?;
        Ok(self.tree_mut(folder.tree)?.remove(folder.ino, name)?)
    }

    pub fn remove_file(&mut self, path: &Path) -> Result<()> {
        let Some(walked) = unless_gone(self.walk(path, false))? else { return Ok(()) };
        let Some(found) = walked.found else { return Ok(()) };
        if found.mount != walked.folder.mount {
            return Err(Errno::EBUSY.into());
        }
        if self.node(found.file)?.is_folder() {
            return Err(Errno::EISDIR.into());
        }
        self.writable(walked.folder)?;
        self.take_away(&walked)
    }

    pub fn remove_folder(&mut self, path: &Path) -> Result<()> {
        let Some(walked) = unless_gone(self.walk(path, false))? else { return Ok(()) };
        let Some(found) = walked.found else { return Ok(()) };
        let node = self.node(found.file)?;
        if !node.is_folder() {
            return Err(Errno::ENOTDIR.into());
        }
        if found.mount != walked.folder.mount || node.mounts > 0 {
            return Err(Errno::EBUSY.into());
        }
        if !node.names()?.is_empty() {
            return Err(Errno::ENOTEMPTY.into());
        }
        self.writable(walked.folder)?;
        if found.file.tree != walked.folder.file.tree {
            // rmdir(2) of an empty subvolume removes it.
            return Ok(self.remove_subvolume(&walked, found)?);
        }
        self.take_away(&walked)
    }

    /// What is in the way of removing a tree, if anything: another file system, or a subvolume.
    fn crossing_below(&self, path: &Path) -> Result<Option<PathBuf>> {
        let Some(walked) = unless_gone(self.walk(path, false))? else { return Ok(None) };
        if let Some(mount) = self.mounts.values().find(|mount| mount.at.starts_with(&walked.path)) {
            return Ok(Some(mount.at.clone()));
        }
        let Some(found) = walked.found else { return Ok(None) };
        let mut left = vec![(found.file, walked.path)];
        while let Some((file, path)) = left.pop() {
            let NodeKind::Directory(names) = &self.node(file)?.kind else { continue };
            for (name, ino) in names {
                let below = FileRef { tree: file.tree, ino: *ino };
                let path = path.join(&**name);
                if matches!(self.node(below)?.kind, NodeKind::Subvolume(_)) {
                    return Ok(Some(path));
                }
                left.push((below, path));
            }
        }
        Ok(None)
    }

    pub fn remove_tree(&mut self, path: &Path) -> Result<(), Denied> {
        if let Some(crossing) = self.crossing_below(path)? {
            let hint = format!("another file system or subvolume is on {}: unmount or remove it first", crossing.display());
            return Err(Denied::Hinted(Errno::EBUSY, hint));
        }
        let Some(walked) = unless_gone(self.walk(path, false))? else { return Ok(()) };
        let Some(found) = walked.found else { return Ok(()) };
        if !self.node(found.file)?.is_folder() {
            return Err(Errno::ENOTDIR.into());
        }
        self.writable(found)?;
        self.writable(walked.folder)?;
        let mut left = vec![found.file.ino];
        let tree = self.tree_mut(found.file.tree)?;
        while let Some(folder) = left.pop() {
            let node = tree.node_mut(folder)?;
            if let NodeKind::Directory(names) = &mut node.kind {
                left.extend(std::mem::take(names).into_values());
            }
            if folder != found.file.ino {
                tree.forget_name(folder)?;
            }
        }
        if found.file.tree != walked.folder.file.tree {
            return Ok(self.remove_subvolume(&walked, found)?);
        }
        Ok(self.take_away(&walked)?)
    }

    pub fn size_of(&self, path: &Path) -> Result<Option<u64>> {
        let Some(spot) = unless_gone(self.spot(path, true))? else { return Ok(None) };
        Ok(Some(match &self.node(spot.file)?.kind {
            NodeKind::File(content) => content.len(),
            // A loop device without a file is there, and empty.
            NodeKind::Block(block) => self.extent_of(block).map_or(0, |extent| extent.len),
            _ => self.tree(spot.file.tree)?.metadata(spot.file.ino)?.len,
        }))
    }
}
