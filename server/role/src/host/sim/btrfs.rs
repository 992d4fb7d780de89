//! Btrfs on the simulated machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::MsFlags;
use uuid::Uuid;

use super::denied::Denied;
use super::machine::Machine;
use super::superblock::{self, Found};
use super::tree::{BlockId, FileRef, FsId, Node, NodeKind, Tree, TreeId};
use super::volume::{Btrfs, Extent, FileSystem, SubvolumeEntry};
use super::walk::{Spot, Walked};
use crate::host::options::Options;
use crate::host::{BtrfsDevice, BtrfsFileSystem, Subvolume};

type Result<T, E = Denied> = std::result::Result<T, E>;

/// The first number of a subvolume that is not the top, and of the root folder of each.
const FIRST: u64 = 256;

/// The number of the top.
pub const TOP_SUBVOLUME: u64 = 5;

fn subvolume_uuid(fs_uuid: &str, id: u64) -> String {
    Uuid::from_u128(made_from(&[fs_uuid, &id.to_string()])).to_string()
}

/// How many devices a profile can do without.
pub fn spare(profile: &str) -> usize {
    match profile {
        "raid1" | "raid10" | "raid5" => 1,
        "raid6" | "raid1c3" => 2,
        "raid1c4" => 3,
        _ => 0,
    }
}

/// How many devices a profile needs (mkfs.btrfs(8)); none for what is no profile.
pub fn least_devices(profile: &str) -> Option<usize> {
    Some(match profile {
        "single" | "dup" | "raid0" => 1,
        "raid1" | "raid10" | "raid5" => 2,
        "raid1c3" | "raid6" => 3,
        "raid1c4" => 4,
        _ => return None,
    })
}

impl FileSystem {
    /// Whether a device of it is there: those that were missing when it was mounted are not.
    pub fn is_present(&self, device: u64) -> bool {
        match self.btrfs.as_ref().and_then(|btrfs| btrfs.present.as_ref()) {
            Some(present) => present.contains(&device),
            None => self.homes.contains_key(&device),
        }
    }
}

impl Machine {
    fn btrfs_of(&self, spot: Spot) -> Result<(FsId, &Btrfs)> {
        let fs = self.tree(spot.file.tree)?.fs;
        let file_system = self.file_systems.get(&fs).ok_or(Errno::ESTALE)?;
        match &file_system.btrfs {
            Some(btrfs) => Ok((fs, btrfs)),
            None => Err(Denied::Words("it is not on a Btrfs file system".into())),
        }
    }

    fn btrfs_mut(&mut self, fs: FsId) -> Result<&mut Btrfs> {
        let btrfs = self.file_systems.get_mut(&fs).and_then(|file_system| file_system.btrfs.as_mut());
        Ok(btrfs.ok_or(Errno::ESTALE)?)
    }

    /// Lays out an empty file system on devices that have its superblocks already.
    pub fn format(&mut self, found: &Found, homes: &[(u64, Extent)]) -> Result<FsId> {
        // What was on these devices before is gone; of a Btrfs, the other devices keep their part.
        let covered = |home: &Extent| homes.iter().any(|(_, new)| new.file == home.file && new.start == home.start);
        let mut lost = Vec::new();
        for (fs, file_system) in &mut self.file_systems {
            if file_system.homes.values().any(covered) {
                file_system.homes.retain(|_, home| !covered(home));
                if file_system.homes.is_empty() {
                    lost.push(*fs);
                }
            }
        }
        lost.into_iter().for_each(|fs| self.remove_file_system(fs));
        let device = self.anonymous_device();
        let root = match found.fs_type {
            "btrfs" => FIRST,
            "vfat" => 1,
            "xfs" => 128,
            _ => 2,
        };
        let (fs, top) = self.add_file_system(found.fs_type, device, root, 0o755);
        if found.fs_type == "ext4" {
            let folder = Node::new(NodeKind::Directory(Default::default()), 0o700, self.me);
            self.tree_mut(top.tree)?.add(top.ino, "lost+found", folder)?;
        }
        let file_system = self.file_systems.get_mut(&fs).ok_or(Errno::ESTALE)?;
        file_system.uuid.clone_from(&found.uuid);
        file_system.homes = homes.iter().copied().collect();
        if found.fs_type == "btrfs" {
            file_system.btrfs = Some(Btrfs {
                label: String::new(),
                data: "single".into(),
                metadata: if homes.len() > 1 { "raid1" } else { "dup" }.into(),
                quota: false,
                sizes: homes.iter().map(|(id, home)| (*id, home.len)).collect(),
                subvolumes: BTreeMap::new(),
                next_subvolume: FIRST,
                next_device: homes.iter().map(|(id, _)| id + 1).max().unwrap_or(1),
                present: None,
            });
        } else {
            file_system.limit = homes.first().map(|(_, home)| home.len);
        }
        Ok(fs)
    }

    /// All devices and partitions, as the kernel sees them.
    pub fn blocks(&self) -> Vec<BlockId> {
        let mut blocks = Vec::new();
        for (name, device) in &self.devices {
            blocks.push(BlockId { device: name.clone(), partition: 0 });
            blocks.extend(device.partitions.iter().map(|it| BlockId { device: name.clone(), partition: it.number }));
        }
        blocks
    }

    /// The devices on which a Btrfs is, by their numbers in it.
    fn members(&self, uuid: &str) -> BTreeMap<u64, Extent> {
        let mut members = BTreeMap::new();
        for block in self.blocks() {
            let Ok(extent) = self.extent_of(&block) else { continue };
            let head = self.read_device(&extent, 0, superblock::HEAD).unwrap_or_default();
            if let Some(found) = superblock::identify(&head)
                && found.fs_type == "btrfs"
                && found.uuid == uuid
            {
                members.insert(found.device, extent);
            }
        }
        members
    }

    pub fn open_btrfs(&mut self, found: &Found, options: &Options) -> Result<(FsId, FileRef, PathBuf)> {
        let members = self.members(&found.uuid);
        let known = self.file_systems.iter().find(|(_, it)| it.fs_type == "btrfs" && it.uuid == found.uuid);
        let fs = match known {
            Some((fs, _)) => *fs,
            None => {
                let members: Vec<(u64, Extent)> = members.iter().map(|(id, extent)| (*id, *extent)).collect();
                self.format(found, &members)?
            }
        };
        let mounted = self.mounts.values().any(|mount| mount.fs == fs);
        let file_system = self.file_systems.get_mut(&fs).ok_or(Errno::ESTALE)?;
        let top = file_system.top;
        let btrfs = file_system.btrfs.as_mut().ok_or(Errno::ESTALE)?;
        if !mounted {
            let present: Vec<u64> = btrfs.sizes.keys().filter(|id| members.contains_key(id)).copied().collect();
            let missing = btrfs.sizes.len() - present.len();
            let spare = spare(&btrfs.data).min(spare(&btrfs.metadata));
            let degraded = options.data.split(',').any(|option| option == "degraded");
            if missing > 0 && !(degraded && (missing <= spare || options.flags.contains(MsFlags::MS_RDONLY))) {
                let hint = format!("{missing} of its devices are missing");
                return Err(Denied::Hinted(Errno::EINVAL, hint));
            }
            for id in &present {
                if let Some(extent) = members.get(id) {
                    file_system.homes.insert(*id, *extent);
                }
            }
            btrfs.present = Some(present);
        }
        let chosen = options.data.split(',').filter_map(|option| option.split_once('='));
        let mut wanted = PathBuf::new();
        for (name, value) in chosen {
            match name {
                "subvol" => wanted = PathBuf::from(value.trim_start_matches('/')),
                "subvolid" if value != "5" && value != "0" => {
                    let id: u64 = value.parse().map_err(|_| Errno::EINVAL)?;
                    let entry = self.file_systems.get(&fs).and_then(|it| it.btrfs.as_ref()?.subvolumes.get(&id));
                    let tree = entry.ok_or(Errno::ENOENT)?.tree;
                    wanted = self.subvolume_path(tree).ok_or(Errno::ENOENT)?;
                }
                _ => {}
            }
        }
        let root = self.below(top, &wanted)?;
        Ok((fs, root, Path::new("/").join(wanted)))
    }

    /// A folder below another in the same file system.
    fn below(&self, top: FileRef, path: &Path) -> Result<FileRef> {
        let mut at = top;
        for name in path.iter() {
            let names = self.node(at)?.names()?;
            let ino = names.get(name.to_str().ok_or(Errno::EILSEQ)?).ok_or(Errno::ENOENT)?;
            at = FileRef { tree: at.tree, ino: *ino };
            if let NodeKind::Subvolume(tree) = self.node(at)?.kind {
                at = FileRef { tree, ino: self.tree(tree)?.root };
            }
        }
        Ok(at)
    }

    /// The path of a subvolume from the top; none if it is the top, or nowhere.
    pub fn subvolume_path(&self, wanted: TreeId) -> Option<PathBuf> {
        let fs = self.tree(wanted).ok()?.fs;
        let top = self.file_systems.get(&fs)?.top;
        self.subvolume_paths(top).into_iter().find(|(tree, _)| *tree == wanted).map(|(_, path)| path)
    }

    /// The paths of all subvolumes below a top.
    fn subvolume_paths(&self, top: FileRef) -> Vec<(TreeId, PathBuf)> {
        let mut found = Vec::new();
        let mut left = vec![(top, PathBuf::new())];
        while let Some((folder, path)) = left.pop() {
            let Ok(NodeKind::Directory(names)) = self.node(folder).map(|node| &node.kind) else { continue };
            for (name, ino) in names {
                let below = FileRef { tree: folder.tree, ino: *ino };
                match self.node(below).map(|node| &node.kind) {
                    Ok(NodeKind::Directory(_)) => left.push((below, path.join(&**name))),
                    Ok(NodeKind::Subvolume(tree)) => {
                        found.push((*tree, path.join(&**name)));
                        if let Ok(inside) = self.tree(*tree) {
                            left.push((FileRef { tree: *tree, ino: inside.root }, path.join(&**name)));
                        }
                    }
                    _ => {}
                }
            }
        }
        found
    }

    pub fn btrfs(&self, path: &Path) -> Result<BtrfsFileSystem> {
        let (fs, btrfs) = self.btrfs_of(self.spot(path, true)?)?;
        let file_system = self.file_systems.get(&fs).ok_or(Errno::ESTALE)?;
        let node_of = |extent: &Extent| {
            let block = self
                .blocks()
                .into_iter()
                .find(|block| self.extent_of(block).is_ok_and(|it| it.file == extent.file && it.start == extent.start))?;
            Some(Path::new("/dev").join(super::machine::node_name(&block.device, block.partition)))
        };
        let device = |(id, size): (&u64, &u64)| {
            let home = file_system.homes.get(id).filter(|_| file_system.is_present(*id));
            BtrfsDevice { id: *id, path: home.and_then(node_of), size: *size }
        };
        Ok(BtrfsFileSystem {
            uuid: file_system.uuid.clone(),
            label: btrfs.label.clone(),
            devices: btrfs.sizes.iter().map(device).collect(),
            data: btrfs.data.clone(),
            metadata: btrfs.metadata.clone(),
            quota: btrfs.quota,
        })
    }

    pub fn subvolumes(&self, path: &Path) -> Result<Vec<Subvolume>> {
        let (fs, btrfs) = self.btrfs_of(self.spot(path, true)?)?;
        let top = self.file_systems.get(&fs).ok_or(Errno::ESTALE)?.top;
        let paths: BTreeMap<TreeId, PathBuf> = self.subvolume_paths(top).into_iter().collect();
        let mut found = Vec::new();
        for (id, entry) in &btrfs.subvolumes {
            let Some(path) = paths.get(&entry.tree) else { continue };
            let tree = self.tree(entry.tree)?;
            found.push(Subvolume {
                id: *id,
                path: path.clone(),
                read_only: tree.read_only,
                uuid: entry.uuid.clone(),
                parent_uuid: entry.parent_uuid.clone(),
                limit: tree.limit.filter(|_| btrfs.quota),
            });
        }
        Ok(found)
    }

    /// Puts a new subvolume into a folder.
    fn place(&mut self, walked: &Walked, fs: FsId, tree: Tree, parent_uuid: Option<String>) -> Result<()> {
        let folder = walked.folder.file;
        let name = walked.entry()?.to_string();
        let me = self.me;
        let tree = self.add_tree(tree);
        let node = Node::new(NodeKind::Subvolume(tree), 0o755, me);
        self.tree_mut(folder.tree)?.add(folder.ino, &name, node)?;
        let fs_uuid = self.file_systems.get(&fs).map(|it| it.uuid.clone()).unwrap_or_default();
        let btrfs = self.btrfs_mut(fs)?;
        let id = btrfs.next_subvolume;
        btrfs.next_subvolume += 1;
        let uuid = subvolume_uuid(&fs_uuid, id);
        btrfs.subvolumes.insert(id, SubvolumeEntry { tree, uuid, parent_uuid });
        Ok(())
    }

    pub fn create_subvolume(&mut self, path: &Path) -> Result<()> {
        let walked = self.walk(path, false)?;
        if walked.found.is_some() {
            return Err(Errno::EEXIST.into());
        }
        let (fs, _) = self.btrfs_of(walked.folder)?;
        self.writable(walked.folder)?;
        let device = self.anonymous_device();
        let tree = Tree::new(fs, device, FIRST, 0o755, self.me);
        self.place(&walked, fs, tree, None)
    }

    /// The subvolume whose root is at a path.
    fn subvolume_at(&self, path: &Path) -> Result<(Spot, FsId)> {
        let spot = self.spot(path, true)?;
        let (fs, _) = self.btrfs_of(spot)?;
        if spot.file.ino != self.tree(spot.file.tree)?.root {
            return Err(Denied::Words("it is not a subvolume".into()));
        }
        Ok((spot, fs))
    }

    pub fn snapshot(&mut self, of: &Path, path: &Path, read_only: bool) -> Result<()> {
        let (source, fs) = self.subvolume_at(of)?;
        let walked = self.walk(path, false)?;
        if walked.found.is_some() {
            return Err(Errno::EEXIST.into());
        }
        if self.btrfs_of(walked.folder)?.0 != fs {
            return Err(Errno::EXDEV.into());
        }
        self.writable(walked.folder)?;
        let device = self.anonymous_device();
        let tree = self.tree(source.file.tree)?.snapshot(device, read_only);
        let (_, btrfs) = self.btrfs_of(source)?;
        let parent = btrfs.subvolumes.values().find(|entry| entry.tree == source.file.tree);
        let fs_uuid = self.file_systems.get(&fs).map(|it| it.uuid.as_str()).unwrap_or_default();
        let parent = Some(parent.map_or_else(|| subvolume_uuid(fs_uuid, TOP_SUBVOLUME), |entry| entry.uuid.clone()));
        self.place(&walked, fs, tree, parent)
    }

    pub fn delete_subvolume(&mut self, path: &Path) -> Result<()> {
        let Some(walked) = super::files::unless_gone(self.walk(path, false))? else { return Ok(()) };
        let Some(found) = walked.found else { return Ok(()) };
        self.btrfs_of(found)?;
        let in_place = found.mount == walked.folder.mount && found.file.tree != walked.folder.file.tree;
        if !in_place && self.mounts.get(&found.mount).is_some_and(|mount| mount.root == found.file) {
            return Err(Errno::EBUSY.into());
        }
        if !in_place {
            return Err(Denied::Words("it is not a subvolume".into()));
        }
        self.writable(walked.folder)?;
        let inside = !self.subvolume_paths(found.file).is_empty();
        if inside {
            return Err(Denied::Hinted(Errno::ENOTEMPTY, "other subvolumes are in it: remove them first".into()));
        }
        if self.mounts.values().any(|mount| mount.root.tree == found.file.tree) {
            return Err(Errno::EBUSY.into());
        }
        Ok(self.remove_subvolume(&walked, found)?)
    }

    /// Takes a subvolume away that nothing uses.
    pub fn remove_subvolume(&mut self, walked: &Walked, found: Spot) -> Result<(), Errno> {
        let folder = walked.folder.file;
        let name = walked.entry()?;
        let fs = self.tree(found.file.tree)?.fs;
        self.tree_mut(folder.tree)?.remove(folder.ino, name)?;
        if let Some(btrfs) = self.file_systems.get_mut(&fs).and_then(|it| it.btrfs.as_mut()) {
            btrfs.subvolumes.retain(|_, entry| entry.tree != found.file.tree);
        }
        self.remove_tree_of(found.file.tree);
        Ok(())
    }

    pub fn set_read_only(&mut self, path: &Path, read_only: bool) -> Result<()> {
        let (spot, _) = self.subvolume_at(path)?;
        self.tree_mut(spot.file.tree)?.read_only = read_only;
        Ok(())
    }

    pub fn enable_quota(&mut self, path: &Path) -> Result<()> {
        let (fs, _) = self.btrfs_of(self.spot(path, true)?)?;
        self.btrfs_mut(fs)?.quota = true;
        Ok(())
    }

    pub fn limit_subvolume(&mut self, path: &Path, bytes: Option<u64>) -> Result<()> {
        let (spot, _) = self.subvolume_at(path)?;
        let (_, btrfs) = self.btrfs_of(spot)?;
        if !btrfs.quota && bytes.is_some() {
            return Err(Denied::Words("quotas are off on this file system".into()));
        }
        self.tree_mut(spot.file.tree)?.limit = bytes;
        Ok(())
    }

    pub fn set_label(&mut self, path: &Path, label: &str) -> Result<()> {
        if label.len() > 255 {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let (fs, _) = self.btrfs_of(self.spot(path, true)?)?;
        self.btrfs_mut(fs)?.label = label.to_string();
        self.write_superblocks(fs)
    }

    pub fn grow_device(&mut self, path: &Path, device: u64) -> Result<()> {
        let (fs, btrfs) = self.btrfs_of(self.spot(path, true)?)?;
        if !btrfs.sizes.contains_key(&device) {
            return Err(Errno::ENODEV.into());
        }
        let home = *self.file_systems.get(&fs).and_then(|it| it.homes.get(&device)).ok_or(Errno::ENODEV)?;
        let now = self
            .blocks()
            .iter()
            .filter_map(|block| self.extent_of(block).ok())
            .find(|it| it.file == home.file && it.start == home.start);
        let now = now.ok_or(Errno::ENODEV)?;
        if let Some(file_system) = self.file_systems.get_mut(&fs) {
            file_system.homes.insert(device, now);
        }
        self.btrfs_mut(fs)?.sizes.insert(device, now.len);
        self.write_superblocks(fs)
    }

    /// Writes what the file system knows of itself to each of its devices.
    pub fn write_superblocks(&mut self, fs: FsId) -> Result<()> {
        let Some(file_system) = self.file_systems.get(&fs) else { return Ok(()) };
        let Some(btrfs) = &file_system.btrfs else { return Ok(()) };
        let uuid = Uuid::parse_str(&file_system.uuid).map_err(|_| Errno::EINVAL)?;
        let mut writes = Vec::new();
        for (id, size) in &btrfs.sizes {
            let Some(home) = file_system.homes.get(id).filter(|_| file_system.is_present(*id)) else { continue };
            let member = superblock::BtrfsMember {
                uuid,
                label: &btrfs.label,
                device: *id,
                device_size: *size,
                devices: btrfs.sizes.len() as u64,
                total: btrfs.sizes.values().sum(),
                generation: 8,
            };
            writes.push((*home, superblock::btrfs(&member, home.len)));
        }
        writes.iter().try_for_each(|(home, patches)| self.apply(home, patches))
    }
}

/// A number made from texts: the same each time, and not the same for others.
pub fn made_from(texts: &[&str]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(text.as_bytes());
        hasher.update(&[0]);
    }
    let mut number = [0; 16];
    number.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    // The bits that say how it was made: at random.
    uuid::Builder::from_random_bytes(number).into_uuid().as_u128()
}
