//! Mounts of the simulated machine.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::MsFlags;

use super::btrfs::TOP_SUBVOLUME;
use super::denied::Denied;
use super::machine::{Machine, ROOT_MOUNT};
use super::superblock;
use super::tree::{FileRef, FsId, NodeKind};
use super::volume::Extent;
use super::walk::Spot;
use crate::host::options::{self, Options};
use crate::host::{Mount, MountRequest, Owner};

type Result<T, E = Denied> = std::result::Result<T, E>;

/// The flags that a mount has; the others are the file system's.
const OF_MOUNT: [(MsFlags, &str); 6] = [
    (MsFlags::MS_NOSUID, "nosuid"),
    (MsFlags::MS_NODEV, "nodev"),
    (MsFlags::MS_NOEXEC, "noexec"),
    (MsFlags::MS_NOATIME, "noatime"),
    (MsFlags::MS_NODIRATIME, "nodiratime"),
    (MsFlags::MS_RELATIME, "relatime"),
];
const OF_FILE_SYSTEM: [(MsFlags, &str); 3] =
    [(MsFlags::MS_SYNCHRONOUS, "sync"), (MsFlags::MS_DIRSYNC, "dirsync"), (MsFlags::MS_LAZYTIME, "lazytime")];

/// The flags of a new mount: without a word on it, times of access are written seldom (mount(8)).
fn of_mount(flags: MsFlags) -> MsFlags {
    let mut kept = flags & (MsFlags::MS_RDONLY | OF_MOUNT.iter().map(|(flag, _)| *flag).collect::<MsFlags>());
    if !flags.intersects(MsFlags::MS_NOATIME | MsFlags::MS_STRICTATIME) {
        kept.insert(MsFlags::MS_RELATIME);
    }
    kept
}

fn words(flags: MsFlags, of: &[(MsFlags, &str)]) -> Vec<String> {
    of.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, word)| word.to_string()).collect()
}

fn read_only_word(read_only: bool) -> String {
    if read_only { "ro" } else { "rw" }.to_string()
}

/// What a file system shows besides the options it was given.
fn defaults(fs_type: &str) -> &'static [&'static str] {
    match fs_type {
        "tmpfs" => &["inode64"],
        "xfs" => &["attr2", "inode64", "logbufs=8", "logbsize=32k", "noquota"],
        "vfat" => &["fmask=0022", "dmask=0022", "codepage=437", "iocharset=ascii", "shortname=mixed", "errors=remount-ro"],
        "btrfs" => &["discard=async", "space_cache=v2"],
        _ => &[],
    }
}

fn name_of(option: &str) -> &str {
    option.split('=').next().unwrap_or(option)
}

/// Puts options over others of the same names.
fn merge(into: &mut Vec<String>, options: impl IntoIterator<Item = String>) {
    for option in options {
        into.retain(|known| name_of(known) != name_of(&option));
        into.push(option);
    }
}

/// A size as tmpfs(5) takes it: with `k`, `m` or `g`.
fn tmpfs_size(text: &str) -> Result<u64, Errno> {
    let text = text.to_ascii_lowercase();
    let (digits, unit) = match text.strip_suffix(['k', 'm', 'g']) {
        Some(digits) => (digits, text.as_bytes()[digits.len()]),
        None => (text.as_str(), b' '),
    };
    let factor = match unit {
        b'k' => 1 << 10,
        b'm' => 1 << 20,
        b'g' => 1 << 30,
        _ => 1,
    };
    let size: u64 = digits.parse().map_err(|_| Errno::EINVAL)?;
    Ok((size * factor).div_ceil(4096) * 4096)
}

/// An option as the kernel shows it.
fn shown(fs_type: &str, option: &str) -> String {
    match (fs_type, option) {
        ("btrfs", "compress" | "compress=zlib") => "compress=zlib:3".into(),
        ("btrfs", "compress=zstd") => "compress=zstd:3".into(),
        ("btrfs", "compress-force=zstd") => "compress-force=zstd:3".into(),
        _ => option.to_string(),
    }
}

impl Machine {
    pub fn mount_table(&self) -> Vec<Mount> {
        let entry = |(id, mount): (&u32, &super::machine::MountEntry)| {
            let file_system = self.file_systems.get(&mount.fs)?;
            let mut options = vec![read_only_word(mount.is_read_only())];
            options.extend(words(mount.flags, &OF_MOUNT));
            let mut super_options = vec![read_only_word(file_system.read_only)];
            super_options.extend(file_system.options.iter().cloned());
            if let Some(btrfs) = &file_system.btrfs {
                let mounted = btrfs.subvolumes.iter().find(|(_, subvolume)| subvolume.tree == mount.root.tree);
                let id = mounted.map_or(TOP_SUBVOLUME, |(id, _)| *id);
                let path = self.subvolume_path(mount.root.tree).unwrap_or_default();
                super_options.push(format!("subvolid={id}"));
                super_options.push(format!("subvol=/{}", path.display()));
            }
            Some(Mount {
                id: u64::from(*id),
                parent: u64::from(mount.parent.unwrap_or(*id)),
                at: mount.at.clone(),
                source: mount.source.clone(),
                fs_type: file_system.fs_type.clone(),
                root: mount.root_path.clone(),
                options,
                super_options,
                device: file_system.device,
            })
        };
        self.mounts.iter().filter_map(entry).collect()
    }

    pub fn mount(&mut self, request: &MountRequest) -> Result<()> {
        let walked = self.walk(&request.at, true)?;
        let (on, at) = (walked.existing()?, walked.path);
        let options = options::split(&request.options, MsFlags::empty());
        if request.fs_type == "bind" {
            return self.bind(request, on, &at, &options);
        }
        if !self.node(on.file)?.is_folder() {
            return Err(Errno::ENOTDIR.into());
        }
        let (fs, root, root_path) = match request.fs_type.as_str() {
            "tmpfs" => self.new_tmpfs(&options)?,
            kind @ ("proc" | "sysfs" | "devpts" | "ramfs" | "cgroup2") => {
                let device = self.anonymous_device();
                let (fs, top) = self.add_file_system(kind, device, 1, 0o755);
                (fs, top, PathBuf::from("/"))
            }
            "ext2" | "ext3" | "ext4" | "xfs" | "vfat" | "btrfs" => self.open_file_system(request, &options)?,
            _ => return Err(Errno::ENODEV.into()),
        };
        let source = match request.source.starts_with('/') {
            true => self.walk(Path::new(&request.source), true)?.path.to_string_lossy().into_owned(),
            false => request.source.clone(),
        };
        let id = self.add_mount(Some(on.mount), on.file, root, fs, &at, &source, root_path);
        if let Some(mount) = self.mounts.get_mut(&id) {
            mount.flags = of_mount(options.flags);
        }
        let first = self.mounts.values().filter(|mount| mount.fs == fs).count() == 1;
        if let Some(file_system) = self.file_systems.get_mut(&fs)
            && first
        {
            file_system.read_only = options.flags.contains(MsFlags::MS_RDONLY);
            let kind = file_system.fs_type.clone();
            let given = options.data.split(',').filter(|it| !it.is_empty());
            let given = given.filter(|it| kind != "btrfs" || !matches!(name_of(it), "device" | "subvol" | "subvolid"));
            let given: Vec<String> = given.map(|option| shown(&kind, option)).collect();
            if kind == "tmpfs" {
                // Set by [`Machine::new_tmpfs`], as the kernel shows them.
                file_system.options.extend(words(options.flags, &OF_FILE_SYSTEM));
            } else {
                let mut all: Vec<String> = words(options.flags, &OF_FILE_SYSTEM);
                merge(&mut all, defaults(&kind).iter().map(ToString::to_string));
                merge(&mut all, given);
                file_system.options = all;
            }
        }
        Ok(())
    }

    fn new_tmpfs(&mut self, options: &Options) -> Result<(FsId, FileRef, PathBuf)> {
        let (mut mode, mut owner) = (0o1777, self.me);
        for option in options.data.split(',') {
            let number = |base| option.split_once('=').and_then(|(_, text)| u32::from_str_radix(text, base).ok());
            match name_of(option) {
                "mode" => mode = number(8).ok_or(Errno::EINVAL)?,
                "uid" => owner.uid = number(10).ok_or(Errno::EINVAL)?,
                "gid" => owner.gid = number(10).ok_or(Errno::EINVAL)?,
                "" | "size" | "nr_inodes" | "nr_blocks" | "huge" | "mpol" | "noswap" | "inode32" | "inode64" => {}
                _ => return Err(Denied::Hinted(Errno::EINVAL, format!("tmpfs does not know the option {option}"))),
            }
        }
        let device = self.anonymous_device();
        let (fs, top) = self.add_file_system("tmpfs", device, 1, mode);
        self.node_mut(top)?.owner = owner;
        let set = self.set_tmpfs_options(fs, options, mode, owner);
        if set.is_err() {
            self.remove_file_system(fs);
        }
        set.map(|()| (fs, top, PathBuf::from("/")))
    }

    /// The size, and what the kernel shows of it all.
    fn set_tmpfs_options(&mut self, fs: FsId, options: &Options, mode: u32, owner: Owner) -> Result<()> {
        let used: u64 = self.trees_of(fs).map(|(_, tree)| tree.used).sum();
        let Some(file_system) = self.file_systems.get_mut(&fs) else { return Err(Errno::ESTALE.into()) };
        let given = options.data.split(',').filter_map(|option| option.strip_prefix("size=")).next_back();
        if let Some(text) = given {
            // A share of the memory: this machine has 8 GiB.
            let size = match text.strip_suffix('%') {
                Some(percent) => percent.parse::<u64>().map_err(|_| Errno::EINVAL)? * ((8 << 30) / 100) / 4096 * 4096,
                None => tmpfs_size(text)?,
            };
            if size < used {
                return Err(Denied::Hinted(Errno::EINVAL, "it holds more than that".into()));
            }
            file_system.limit = Some(size);
        }
        let mut shown = Vec::new();
        shown.extend(file_system.limit.map(|size| format!("size={}k", size / 1024)));
        let others = options.data.split(',').filter(|it| matches!(name_of(it), "nr_inodes" | "huge" | "noswap"));
        shown.extend(others.map(String::from));
        if mode != 0o1777 {
            shown.push(format!("mode={mode:o}"));
        }
        if owner.uid != 0 {
            shown.push(format!("uid={}", owner.uid));
        }
        if owner.gid != 0 {
            shown.push(format!("gid={}", owner.gid));
        }
        shown.push("inode64".into());
        file_system.options = shown;
        Ok(())
    }

    fn open_file_system(&mut self, request: &MountRequest, options: &Options) -> Result<(FsId, FileRef, PathBuf)> {
        let block = self.block(Path::new(&request.source))?;
        let extent = self.extent_of(&block)?;
        let head = self.read_device(&extent, 0, superblock::HEAD)?;
        let found = superblock::identify(&head).filter(|found| found.fs_type == request.fs_type);
        let Some(found) = found else {
            return Err(Denied::Hinted(Errno::EINVAL, format!("there is no {} on it", request.fs_type)));
        };
        if extent.read_only && !options.flags.contains(MsFlags::MS_RDONLY) {
            return Err(Denied::Hinted(Errno::EACCES, "the device is read-only: mount it with `ro`".into()));
        }
        let number = self.device_number(&block);
        if found.fs_type == "btrfs" {
            return self.open_btrfs(&found, options);
        }
        let known = self.file_systems.iter().find(|(_, it)| {
            let at_home = it.homes.values().any(|home| home.file == extent.file && home.start == extent.start);
            it.uuid == found.uuid && it.fs_type == found.fs_type && at_home
        });
        let fs = match known {
            Some((fs, _)) => *fs,
            // A superblock that was copied from elsewhere, without what it is the head of.
            None => self.format(&found, &[(1, extent)])?,
        };
        let file_system = self.file_systems.get_mut(&fs).ok_or(Errno::ESTALE)?;
        file_system.device = number;
        let top = file_system.top;
        self.tree_mut(top.tree)?.device = number;
        Ok((fs, top, PathBuf::from("/")))
    }

    pub fn device_number(&self, block: &super::tree::BlockId) -> (u32, u32) {
        let (major, minor) = self.devices.get(&block.device).map_or((0, 0), |device| device.number);
        if block.partition == 0 { (major, minor) } else { (259, major * 256 + minor * 16 + block.partition) }
    }

    fn bind(&mut self, request: &MountRequest, on: Spot, at: &Path, options: &Options) -> Result<()> {
        let walked = self.walk(Path::new(&request.source), true)?;
        let source = walked.existing()?;
        if self.node(source.file)?.is_folder() != self.node(on.file)?.is_folder() {
            return Err(Errno::ENOTDIR.into());
        }
        let from = self.mounts.get(&source.mount).ok_or(Errno::ESTALE)?;
        let inside = walked.path.strip_prefix(&from.at).unwrap_or(Path::new(""));
        let root_path = if inside.as_os_str().is_empty() { from.root_path.clone() } else { from.root_path.join(inside) };
        let (name, mut flags) = (from.source.clone(), from.flags);
        let rest = options.flags - MsFlags::MS_REC;
        if !rest.is_empty() {
            flags = of_mount(rest);
        }
        let fs = self.tree(source.file.tree)?.fs;
        let id = self.add_mount(Some(on.mount), on.file, source.file, fs, at, &name, root_path);
        if let Some(mount) = self.mounts.get_mut(&id) {
            mount.flags = flags;
        }
        Ok(())
    }

    /// The topmost mount at a path.
    fn mounted_at(&self, path: &Path) -> Result<Option<u32>> {
        let Some(walked) = super::files::unless_gone(self.walk(path, true))? else { return Ok(None) };
        let Some(spot) = walked.found else { return Ok(None) };
        let at_root = self.mounts.get(&spot.mount).is_some_and(|mount| mount.root == spot.file && mount.at == walked.path);
        Ok(at_root.then_some(spot.mount))
    }

    pub fn remount(&mut self, request: &MountRequest) -> Result<()> {
        let Some(id) = self.mounted_at(&request.at)? else { return Err(Errno::ENOENT.into()) };
        let mount = self.mounts.get(&id).ok_or(Errno::ESTALE)?;
        let (fs, kept) = (mount.fs, mount.flags);
        let wanted = options::split(&request.options, kept);
        if request.fs_type != "bind" {
            let file_system = self.file_systems.get(&fs).ok_or(Errno::ESTALE)?;
            if file_system.fs_type == "tmpfs" {
                let (mode, owner) = (self.node(file_system.top)?.mode, self.node(file_system.top)?.owner);
                self.set_tmpfs_options(fs, &wanted, mode, owner)?;
            } else if let Some(file_system) = self.file_systems.get_mut(&fs) {
                let kind = file_system.fs_type.clone();
                let given = wanted.data.split(',').filter(|it| !it.is_empty() && !matches!(name_of(it), "subvol" | "subvolid"));
                merge(&mut file_system.options, given.map(|option| shown(&kind, option)));
            }
            if let Some(file_system) = self.file_systems.get_mut(&fs) {
                file_system.read_only = wanted.flags.contains(MsFlags::MS_RDONLY);
                let flags = options::split(&request.options, MsFlags::empty()).flags;
                merge(&mut file_system.options, words(flags, &OF_FILE_SYSTEM));
            }
        }
        if let Some(mount) = self.mounts.get_mut(&id) {
            mount.flags = of_mount(wanted.flags);
        }
        Ok(())
    }

    pub fn unmount(&mut self, at: &Path) -> Result<()> {
        let Some(id) = self.mounted_at(at)? else { return Ok(()) };
        if id == ROOT_MOUNT {
            return Err(Errno::EBUSY.into());
        }
        if let Some(below) = self.mounts.values().find(|mount| mount.parent == Some(id)) {
            let hint = format!("{} is mounted below it: unmount that first", below.at.display());
            return Err(Denied::Hinted(Errno::EBUSY, hint));
        }
        let mount = self.mounts.get(&id).ok_or(Errno::ESTALE)?;
        let (fs, on) = (mount.fs, mount.on);
        for (name, device) in &self.devices {
            let inside = device.attached.as_ref().is_some_and(|attached| attached.path.starts_with(&mount.at));
            if inside && self.tree(device.extent.file.tree)?.fs == fs {
                return Err(Denied::Hinted(Errno::EBUSY, format!("/dev/{name} is attached to a file on it")));
            }
        }
        self.write_back(fs)?;
        self.mounts.remove(&id);
        self.node_mut(on)?.mounts -= 1;
        if self.mounts.values().any(|mount| mount.fs == fs) {
            return Ok(());
        }
        if let Some(file_system) = self.file_systems.get_mut(&fs) {
            file_system.read_only = false;
            file_system.options.clear();
            if let Some(btrfs) = &mut file_system.btrfs {
                btrfs.present = None;
            }
            if file_system.is_volatile() || file_system.homes.is_empty() {
                self.remove_file_system(fs);
            }
        }
        Ok(())
    }

    /// Writes to the device how many files there are, as a file system does in its own time.
    pub fn write_back(&mut self, fs: FsId) -> Result<()> {
        let Some(file_system) = self.file_systems.get(&fs) else { return Ok(()) };
        let Some(home) = file_system.homes.get(&1).copied().filter(|home| !home.read_only && !file_system.read_only) else {
            return Ok(());
        };
        let top = file_system.top;
        let names: Vec<String> = match &self.node(top)?.kind {
            NodeKind::Directory(names) => names.keys().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        let files = self.tree(top.tree)?.nodes().count() as u64 - 1;
        let patches = match file_system.fs_type.as_str() {
            "ext4" => superblock::ext4_files(&self.read_device(&home, 1024, 1024)?, files.saturating_sub(1)),
            "xfs" => superblock::xfs_files(files),
            "vfat" => {
                let label = superblock::vfat_label_of(&self.read_device(&home, 0, 512)?);
                let mut names = names;
                names.sort_unstable();
                superblock::vfat_root(home.len, &label, &names)
            }
            _ => return Ok(()),
        };
        self.apply(&home, &patches)
    }

    pub fn apply(&mut self, extent: &Extent, patches: &[superblock::Patch]) -> Result<()> {
        for (offset, bytes) in patches {
            self.write_device(extent, *offset, bytes)?;
        }
        Ok(())
    }

    pub fn sync(&mut self) -> Result<()> {
        let mounted: Vec<FsId> = self.mounts.values().map(|mount| mount.fs).collect();
        mounted.into_iter().try_for_each(|fs| self.write_back(fs))
    }
}
