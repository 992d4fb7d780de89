//! Block devices of the simulated machine: loop devices, disks and partitions.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::content::Content;
use super::denied::Denied;
use super::machine::{FIRST_LOOPS, Machine, node_name};
use super::tree::{BlockId, FileRef, Node, NodeKind};
use super::volume::{Attached, Device, Extent};
use crate::host::refusal::Refusal;
use crate::host::{LoopConfig, LoopDevice, gpt};

type Result<T, E = Refusal> = std::result::Result<T, E>;

/// A device as something to read from.
#[derive(Debug)]
struct Cursor<'m> {
    content: &'m Content,
    extent: Extent,
    at: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.extent.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let bytes = self.content.read(self.extent.start + self.at, buffer.len().min(left));
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.extent.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Write for Cursor<'_> {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn loop_number(name: &str) -> Option<u32> {
    name.strip_prefix("loop")?.parse().ok()
}

impl Machine {
    /// The bytes of a device or partition.
    pub fn extent_of(&self, block: &BlockId) -> Result<Extent, Errno> {
        let device = self.devices.get(&block.device).ok_or(Errno::ENXIO)?;
        if block.partition == 0 {
            return Ok(device.extent);
        }
        let partition = device.partitions.iter().find(|it| it.number == block.partition).ok_or(Errno::ENXIO)?;
        Ok(Extent { start: device.extent.start + partition.start, len: partition.len, ..device.extent })
    }

    /// The device or partition at a path.
    pub fn block(&self, path: &Path) -> Result<BlockId> {
        let spot = self.spot(path, true)?;
        match &self.node(spot.file)?.kind {
            NodeKind::Block(block) => Ok(block.clone()),
            _ => Err(Errno::ENOTBLK.into()),
        }
    }

    /// The bytes of a device, or of an image.
    pub fn extent_at(&self, path: &Path) -> Result<Extent> {
        let spot = self.spot(path, true)?;
        match &self.node(spot.file)?.kind {
            NodeKind::Block(block) => Ok(self.extent_of(block)?),
            NodeKind::File(content) => {
                let read_only = self.writable(spot).is_err();
                Ok(Extent { file: spot.file, start: 0, len: content.len(), read_only })
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn bytes_behind(&self, extent: &Extent) -> Result<&Content, Errno> {
        match &self.node(extent.file)?.kind {
            NodeKind::File(content) => Ok(content),
            _ => Err(Errno::EIO),
        }
    }

    pub fn read_device(&self, extent: &Extent, offset: u64, len: usize) -> Result<Vec<u8>, Errno> {
        let left = usize::try_from(extent.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        Ok(self.bytes_behind(extent)?.read(extent.start + offset, len.min(left)))
    }

    /// Where the first byte other than zero is in a range of a device or file.
    pub fn first_data(&self, path: &Path, offset: u64, len: u64) -> Result<Option<u64>> {
        let extent = self.extent_at(path)?;
        let end = offset.saturating_add(len).min(extent.len);
        let found = self.bytes_behind(&extent)?.first_data(extent.start + offset, extent.start + end);
        Ok(found.map(|at| at - extent.start))
    }

    pub fn erase(&mut self, path: &Path, offset: u64, len: u64) -> Result<()> {
        let extent = self.extent_at(path)?;
        if extent.read_only {
            return Err(Errno::EPERM.into());
        }
        let end = offset.saturating_add(len).min(extent.len);
        Ok(self.change_content(extent.file, |content| content.erase(extent.start + offset, extent.start + end))?)
    }

    pub fn write_device(&mut self, extent: &Extent, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        if extent.read_only {
            return Err(Errno::EPERM);
        }
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > extent.len) {
            return Err(Errno::ENOSPC);
        }
        let start = extent.start + offset;
        self.change_content(extent.file, |content| content.write(start, bytes))
    }

    pub fn loops(&self) -> Vec<LoopDevice> {
        let mut found: Vec<(u32, LoopDevice)> = Vec::new();
        for (name, device) in &self.devices {
            let (Some(number), Some(attached)) = (loop_number(name), &device.attached) else { continue };
            let entry = LoopDevice {
                device: Path::new("/dev").join(name),
                backing: attached.path.clone(),
                offset: attached.offset,
                size_limit: 0,
                size: device.extent.len,
                sector_size: device.sector_size,
                read_only: device.extent.read_only,
                partscan: attached.partscan,
                deleted: self.node(device.extent.file).is_ok_and(|node| !node.named),
            };
            found.push((number, entry));
        }
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, entry)| entry).collect()
    }

    pub fn attach_loop(&mut self, config: &LoopConfig) -> Result<PathBuf> {
        let walked = self.walk(&config.backing, true)?;
        let spot = walked.existing()?;
        let base = match &self.node(spot.file)?.kind {
            NodeKind::File(_) | NodeKind::Block(_) => self.extent_at(&config.backing)?,
            NodeKind::Directory(_) | NodeKind::Subvolume(_) => return Err(Errno::EISDIR.into()),
            NodeKind::Link(_) => return Err(Errno::EINVAL.into()),
        };
        if base.read_only && !config.read_only {
            return Err(Errno::EROFS.into());
        }
        for (name, device) in &self.devices {
            let Some(attached) = &device.attached else { continue };
            let same = device.extent.file == base.file
                && attached.offset == config.offset
                && device.extent.start == base.start + config.offset
                && device.extent.read_only == config.read_only
                && attached.partscan == config.partscan
                && config.sector_size.is_none_or(|size| size == device.sector_size);
            if same {
                return Ok(Path::new("/dev").join(name));
            }
        }
        let free = (0..).find(|number| !self.devices.contains_key(&format!("loop{number}"))).unwrap_or_default();
        let name = format!("loop{free}");
        let sector = u64::from(config.sector_size.unwrap_or(512));
        if !matches!(sector, 512 | 1024 | 2048 | 4096) {
            return Err(Errno::EINVAL.into());
        }
        let extent = Extent {
            file: base.file,
            start: base.start + config.offset,
            len: base.len.saturating_sub(config.offset) / 512 * 512,
            read_only: config.read_only,
        };
        self.node_mut(base.file)?.holds += 1;
        let attached = Attached { path: walked.path, offset: config.offset, partscan: config.partscan };
        let device = Device {
            number: (7, free),
            extent,
            sector_size: config.sector_size.unwrap_or(512),
            partitions: Vec::new(),
            attached: Some(attached),
        };
        self.devices.insert(name.clone(), device);
        self.show_device(&name, 0);
        if config.partscan {
            self.read_table(&name)?;
        }
        Ok(Path::new("/dev").join(name))
    }

    /// What uses a device or a partition of it, in words.
    fn user_of(&self, name: &str) -> Option<String> {
        let own = |source: &str| {
            let rest = source.strip_prefix("/dev/").and_then(|source| source.strip_prefix(name));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('p'))
        };
        if let Some(mount) = self.mounts.values().find(|mount| own(&mount.source)) {
            return Some(format!("unmount {} first", mount.at.display()));
        }
        let extent = self.devices.get(name)?.extent;
        let end = extent.start + extent.len;
        let inside = |it: &Extent| it.file == extent.file && it.start >= extent.start && it.start < end;
        let used = self.file_systems.iter().find(|(fs, file_system)| {
            let mounted = self.mounts.values().any(|mount| mount.fs == **fs);
            mounted && file_system.homes.iter().any(|(id, home)| file_system.is_present(*id) && inside(home))
        });
        used.map(|(_, file_system)| format!("the mounted Btrfs file system {} is on it", file_system.uuid))
    }

    pub fn detach_loop(&mut self, path: &Path) -> Result<(), Denied> {
        let name = path.strip_prefix("/dev").ok().and_then(Path::to_str).unwrap_or_default().to_string();
        if loop_number(&name).is_none() {
            return Err(Denied::Words("it is not a loop device".into()));
        }
        if !self.devices.contains_key(&name) {
            return Ok(());
        }
        if let Some(user) = self.user_of(&name) {
            return Err(Denied::Hinted(Errno::EBUSY, user));
        }
        let Some(device) = self.devices.remove(&name) else { return Ok(()) };
        for partition in &device.partitions {
            self.hide_device(&name, partition.number);
        }
        if loop_number(&name).is_some_and(|number| number >= FIRST_LOOPS) {
            self.hide_device(&name, 0);
        }
        let file = device.extent.file;
        Ok(self.tree_mut(file.tree)?.release(file.ino)?)
    }

    pub fn refresh_loop(&mut self, path: &Path) -> Result<()> {
        let name = path.strip_prefix("/dev").ok().and_then(Path::to_str).unwrap_or_default().to_string();
        let device = self.devices.get(&name).ok_or(Errno::ENXIO)?;
        let len = self.bytes_behind(&device.extent)?.len();
        if let Some(device) = self.devices.get_mut(&name) {
            device.extent.len = len.saturating_sub(device.extent.start) / 512 * 512;
        }
        Ok(())
    }

    pub fn reread_partitions(&mut self, path: &Path) -> Result<()> {
        let block = self.block(path)?;
        if block.partition != 0 {
            return Err(Errno::EINVAL.into());
        }
        self.read_table(&block.device)
    }

    fn read_table(&mut self, name: &str) -> Result<()> {
        let device = self.devices.get(name).ok_or(Errno::ENXIO)?;
        let mut cursor = Cursor { content: self.bytes_behind(&device.extent)?, extent: device.extent, at: 0 };
        let found = gpt::partitions(&mut cursor, u64::from(device.sector_size)).map_err(|_| Errno::EIO)?;
        let wanted = found.unwrap_or_default();
        let before = device.partitions.clone();
        for old in &before {
            if wanted.iter().any(|new| new.number == old.number && new.start == old.start) {
                continue;
            }
            let source = format!("/dev/{}", node_name(name, old.number));
            if self.mounts.values().any(|mount| mount.source == source) {
                return Err(Errno::EBUSY.into());
            }
        }
        for old in &before {
            if !wanted.iter().any(|new| new.number == old.number) {
                self.hide_device(name, old.number);
            }
        }
        for new in &wanted {
            self.show_device(name, new.number);
        }
        if let Some(device) = self.devices.get_mut(name) {
            device.partitions = wanted;
        }
        Ok(())
    }

    /// Adds a disk with nothing on it, as it is found when the machine starts.
    pub fn add_disk(&mut self, name: &str, len: u64, sector_size: u32) {
        let (_, top) = self.add_file_system("disk", (8, 0), 1, 0o700);
        let mut content = Content::default();
        content.set_len(len);
        let me = self.me;
        let added =
            self.tree_mut(top.tree).and_then(|tree| tree.add(top.ino, name, Node::new(NodeKind::File(content), 0o600, me)));
        let Ok((ino, _)) = added else { return };
        let number = (8, u32::try_from(self.devices.len()).unwrap_or(0) * 16);
        let extent = Extent { file: FileRef { tree: top.tree, ino }, start: 0, len, read_only: false };
        self.devices.insert(name.to_string(), Device { number, extent, sector_size, partitions: Vec::new(), attached: None });
        self.show_device(name, 0);
    }
}
