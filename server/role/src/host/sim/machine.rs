//! The simulated machine as a whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::content::Content;
use super::tree::{BlockId, FileRef, FsId, Node, NodeKind, Tree, TreeId};
use super::volume::{Device, FileSystem};
use crate::host::Owner;

/// The mount that everything else is mounted in.
pub const ROOT_MOUNT: u32 = 1;

/// The major number of devices that are not backed by one block device.
const ANONYMOUS: u32 = 0;

/// The loop devices that the kernel makes by itself.
pub const FIRST_LOOPS: u32 = 8;

/// A mount.
#[derive(Clone, Debug)]
pub struct MountEntry {
    /// The mount that it is mounted in; none for the first.
    pub parent: Option<u32>,
    /// The file that it is mounted on.
    pub on: FileRef,
    /// What is seen there.
    pub root: FileRef,
    /// The path of that in its file system.
    pub root_path: PathBuf,
    pub fs: FsId,
    pub at: PathBuf,
    pub source: String,
    /// Flags of mount(2).
    pub flags: nix::mount::MsFlags,
}

impl MountEntry {
    pub fn is_read_only(&self) -> bool {
        self.flags.contains(nix::mount::MsFlags::MS_RDONLY)
    }
}

/// The machine.
#[derive(Clone)]
pub struct Machine {
    /// Who acts.
    pub me: Owner,
    /// The top of the first file system.
    pub root: FileRef,
    trees: Vec<Option<Tree>>,
    pub file_systems: BTreeMap<FsId, FileSystem>,
    pub mounts: BTreeMap<u32, MountEntry>,
    /// Block devices, by their names in `/dev`.
    pub devices: BTreeMap<String, Device>,
    pub users: BTreeMap<String, Owner>,
    pub groups: BTreeMap<String, u32>,
    pub environment: HashMap<String, String>,
    pub credentials: HashMap<String, String>,
    /// Programs that are not installed.
    pub missing: BTreeSet<String>,
    next_minor: u32,
    next_mount: u32,
    next_fs: FsId,
}

const ROOT: Owner = Owner { uid: 0, gid: 0 };
const NOBODY: Owner = Owner { uid: 65534, gid: 65534 };

impl Machine {
    /// A machine as it is after a minimal installation.
    pub fn new() -> Self {
        let mut machine = Machine {
            me: ROOT,
            root: FileRef { tree: 0, ino: 2 },
            trees: Vec::new(),
            file_systems: BTreeMap::new(),
            mounts: BTreeMap::new(),
            devices: BTreeMap::new(),
            users: BTreeMap::from([("root".into(), ROOT), ("nobody".into(), NOBODY)]),
            groups: BTreeMap::from([("root".into(), 0), ("nogroup".into(), 65534)]),
            environment: HashMap::new(),
            credentials: HashMap::new(),
            missing: BTreeSet::new(),
            next_minor: 20,
            next_mount: ROOT_MOUNT,
            next_fs: 1,
        };
        let (fs, top) = machine.add_file_system("ext4", (254, 1), 2, 0o755);
        machine.root = top;
        machine.add_mount(None, top, top, fs, Path::new("/"), "/dev/vda1", PathBuf::from("/"));
        for path in ["bin", "dev", "etc", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "usr", "var"]
        {
            machine.seed_folder(top, path, if path == "tmp" { 0o1777 } else { 0o755 });
        }
        let dev = machine.seed_folder(top, "dev", 0o755);
        let (devices, in_dev) = machine.add_file_system("devtmpfs", (ANONYMOUS, 6), 1, 0o755);
        machine.add_mount(Some(ROOT_MOUNT), dev, in_dev, devices, Path::new("/dev"), "devtmpfs", PathBuf::from("/"));
        for number in 0..FIRST_LOOPS {
            machine.show_device(&format!("loop{number}"), 0);
        }
        let etc = machine.seed_folder(top, "etc", 0o755);
        for (name, text) in [("hostname", "sim\n"), ("fstab", "")] {
            let node = Node::new(NodeKind::File(Content::from_bytes(text.as_bytes())), 0o644, ROOT);
            machine.seed(etc, name, node);
        }
        let var = machine.seed_folder(top, "var", 0o755);
        machine.seed_folder(var, "lib", 0o755);
        machine
    }

    /// Puts something into the first tree while it is made, when it cannot fail.
    fn seed(&mut self, folder: FileRef, name: &str, node: Node) -> FileRef {
        let known = self.node(folder).ok().and_then(|node| node.names().ok()?.get(name).copied());
        let ino = match known {
            Some(ino) => ino,
            None => {
                self.tree_mut(folder.tree).and_then(|tree| tree.add(folder.ino, name, node)).map_or(folder.ino, |(ino, _)| ino)
            }
        };
        FileRef { tree: folder.tree, ino }
    }

    fn seed_folder(&mut self, folder: FileRef, name: &str, mode: u32) -> FileRef {
        self.seed(folder, name, Node::new(NodeKind::Directory(HashMap::new()), mode, ROOT))
    }

    pub fn tree(&self, id: TreeId) -> Result<&Tree, Errno> {
        self.trees.get(id).and_then(Option::as_ref).ok_or(Errno::ESTALE)
    }

    pub fn tree_mut(&mut self, id: TreeId) -> Result<&mut Tree, Errno> {
        self.trees.get_mut(id).and_then(Option::as_mut).ok_or(Errno::ESTALE)
    }

    pub fn add_tree(&mut self, tree: Tree) -> TreeId {
        self.trees.push(Some(tree));
        self.trees.len() - 1
    }

    pub fn remove_tree_of(&mut self, id: TreeId) {
        if let Some(tree) = self.trees.get_mut(id) {
            *tree = None;
        }
    }

    /// The trees of a file system.
    pub fn trees_of(&self, fs: FsId) -> impl Iterator<Item = (TreeId, &Tree)> {
        let trees = self.trees.iter().enumerate();
        trees.filter_map(move |(id, tree)| Some((id, tree.as_ref().filter(|tree| tree.fs == fs)?)))
    }

    /// The number of a new device that is not backed by one block device.
    pub fn anonymous_device(&mut self) -> (u32, u32) {
        self.next_minor += 1;
        (ANONYMOUS, self.next_minor)
    }

    /// A new, empty file system, and its top folder.
    pub fn add_file_system(&mut self, fs_type: &str, device: (u32, u32), root: u64, mode: u32) -> (FsId, FileRef) {
        let fs = self.next_fs;
        self.next_fs += 1;
        let owner = self.me;
        let tree = self.add_tree(Tree::new(fs, device, root, mode, owner));
        let top = FileRef { tree, ino: root };
        self.file_systems.insert(fs, FileSystem::new(fs_type, device, top));
        (fs, top)
    }

    /// Forgets a file system and everything in it.
    pub fn remove_file_system(&mut self, fs: FsId) {
        self.file_systems.remove(&fs);
        for tree in self.trees.iter_mut().filter(|tree| tree.as_ref().is_some_and(|tree| tree.fs == fs)) {
            *tree = None;
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub fn add_mount(
        &mut self,
        parent: Option<u32>,
        on: FileRef,
        root: FileRef,
        fs: FsId,
        at: &Path,
        source: &str,
        root_path: PathBuf,
    ) -> u32 {
        let id = self.next_mount;
        self.next_mount += 1;
        if parent.is_some()
            && let Ok(node) = self.node_mut(on)
        {
            node.mounts += 1;
        }
        let flags = nix::mount::MsFlags::MS_RELATIME;
        let entry = MountEntry { parent, on, root, root_path, fs, at: at.to_path_buf(), source: source.to_string(), flags };
        self.mounts.insert(id, entry);
        id
    }

    /// The top folder of `/dev`.
    fn device_folder(&self) -> Option<FileRef> {
        let devtmpfs = self.file_systems.values().find(|it| it.fs_type == "devtmpfs")?;
        Some(devtmpfs.top)
    }

    /// Makes the node of a device, or of a partition of it.
    pub fn show_device(&mut self, device: &str, partition: u32) {
        let Some(folder) = self.device_folder() else { return };
        let node = NodeKind::Block(BlockId { device: device.to_string(), partition });
        self.seed(folder, &node_name(device, partition), Node::new(node, 0o660, ROOT));
    }

    /// Takes it away.
    pub fn hide_device(&mut self, device: &str, partition: u32) {
        let Some(folder) = self.device_folder() else { return };
        if let Ok(tree) = self.tree_mut(folder.tree) {
            // It may not be there, which is as good.
            let _ = tree.remove(folder.ino, &node_name(device, partition));
        }
    }

    /// Whether a tree has room for that many more bytes.
    pub fn room(&self, tree: TreeId, more: u64) -> Result<(), Errno> {
        let tree = self.tree(tree)?;
        if tree.limit.is_some_and(|limit| tree.used + more > limit) {
            return Err(Errno::EDQUOT);
        }
        let file_system = self.file_systems.get(&tree.fs).ok_or(Errno::ESTALE)?;
        if let Some(limit) = file_system.limit {
            let used: u64 = self.trees_of(tree.fs).map(|(_, tree)| tree.used).sum();
            if used + more > limit {
                return Err(Errno::ENOSPC);
            }
        }
        Ok(())
    }

    /// Changes what is in a file, if there is room for it.
    pub fn change_content(&mut self, file: FileRef, change: impl FnOnce(&mut Content)) -> Result<(), Errno> {
        let node = self.node(file)?;
        let NodeKind::File(content) = &node.kind else {
            return Err(if node.is_folder() { Errno::EISDIR } else { Errno::EINVAL });
        };
        let before = content.allocated();
        let mut changed = content.clone();
        change(&mut changed);
        let after = changed.allocated();
        if after > before {
            self.room(file.tree, after - before)?;
        }
        let tree = self.tree_mut(file.tree)?;
        tree.used = (tree.used + after).saturating_sub(before);
        tree.node_mut(file.ino)?.kind = NodeKind::File(changed);
        Ok(())
    }
}

/// What a device, or a partition of it, is called in `/dev`.
pub fn node_name(device: &str, partition: u32) -> String {
    if partition == 0 {
        return device.to_string();
    }
    let path = crate::host::gpt::partition_device(Path::new(device), partition);
    path.to_string_lossy().into_owned()
}
