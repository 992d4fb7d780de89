//! The machine that this process runs on.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::fcntl::OFlag;
use seed_spec::value::Secret;

use super::before::{Before, NewFile};
use super::{
    Access, BtrfsFileSystem, Command, Host, LoopConfig, LoopDevice, Metadata, Mount, MountRequest, Outcome, Owner, Seal,
    Subvolume, Whole,
};
use crate::host::refusal::Told;
use crate::trouble::Result;

pub(in crate::host) mod access;
pub mod attributes;
mod btrfs;
mod btrfs_ioctl;
mod btrfs_tree;
pub(in crate::host) mod exchange;
pub(in crate::host) mod files;
mod loops;
mod mounts;
mod partitions;
mod people;
mod programs;
pub(in crate::host) mod safety;
mod sealed;
pub(in crate::host) mod trees;

/// The machine that this process runs on, through its system calls.
///
/// What it reads of the loop devices, the folders that others can write and the names of users is kept until [`Host::refresh`], or until
/// it changes them itself; the mount table also until the kernel tells of a change to it.
pub struct RealHost {
    safety: safety::Safety,
    mounts: Table<Mount>,
    mount_changes: mounts::Changes,
    loops: Table<LoopDevice>,
    people: people::People,
}

/// Whether nobody but root can change what is in a folder, nor the way to it, links on it included.
///
/// # Errors
///
/// What the system says. A folder that is not there counts as the one that it would be in.
pub fn only_root_changes(folder: &Path) -> Result<bool> {
    safety::only_root_changes(folder).told(|| format!("look at {}", folder.display()))
}

/// A table that is read once and kept until it may have changed.
struct Table<T>(Mutex<Option<Arc<Vec<T>>>>);

impl<T> Table<T> {
    fn new() -> Self {
        Table(Mutex::new(None))
    }

    /// The table, read by `read` if it is not there.
    fn get(&self, read: impl FnOnce() -> Result<Vec<T>>) -> Result<Arc<Vec<T>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = kept.as_ref() {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(read()?);
        *kept = Some(Arc::clone(&table));
        Ok(table)
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Default for RealHost {
    fn default() -> Self {
        RealHost::new()
    }
}

impl RealHost {
    /// The machine, with nothing read of it yet.
    pub fn new() -> Self {
        RealHost {
            safety: safety::Safety::new(nix::unistd::geteuid().is_root()),
            mounts: Table::new(),
            mount_changes: mounts::Changes::default(),
            loops: Table::new(),
            people: people::People::default(),
        }
    }

    /// The folder that a program runs in, opened.
    fn folder_of(&self, command: &Command) -> Result<Option<OwnedFd>> {
        let Some(folder) = &command.folder else { return Ok(None) };
        let opened = self.safety.open(folder, OFlag::O_PATH | OFlag::O_DIRECTORY);
        opened.told(|| format!("run {} in {}", command.program, folder.display())).map(Some)
    }

    /// Forgets all that a program, or a change to mounts and loop devices, may have changed.
    fn forget_tables(&self) {
        self.mounts.forget();
        self.loops.forget();
        self.safety.forget();
    }
}

impl Host for RealHost {
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        self.look_at(path)
    }
    fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        self.read_file(path, limit)
    }
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.read_range(path, offset, len)
    }
    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
        self.write_range(path, offset, bytes)
    }
    fn first_data(&self, path: &Path, offset: u64, len: u64) -> Result<Option<u64>> {
        self.first_byte(path, offset, len)
    }
    fn erase(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.erase_range(path, offset, len)
    }
    fn read_link(&self, path: &Path) -> Result<PathBuf> {
        self.link_target(path)
    }
    fn list(&self, path: &Path) -> Result<Vec<String>> {
        self.names_in(path)
    }
    fn write_file(&self, path: &Path, content: &[u8], mode: u32, owner: Option<Owner>) -> Result<()> {
        self.write_whole(path, content, mode, owner)
    }
    fn read_whole(&self, path: &Path, limit: u64) -> Result<Option<Whole>> {
        self.read_with_attributes(path, limit)
    }
    fn attributes(&self, path: &Path) -> Result<attributes::Attributes> {
        self.attributes_of(path)
    }
    fn replace_file(&self, path: &Path, new: &NewFile<'_>, before: &Before) -> Result<()> {
        self.replace_confirmed(path, new, before)
    }
    fn replace_link(&self, path: &Path, target: &Path, owner: Option<Owner>, before: &Before) -> Result<()> {
        self.replace_link_confirmed(path, target, owner, before)
    }
    fn take_away(&self, path: &Path, before: &Before) -> Result<()> {
        self.take_confirmed(path, before)
    }
    fn settle(&self, temporary: &Path) -> Result<Option<PathBuf>> {
        self.settle_temporary(temporary)
    }
    fn make_image_for(&self, path: &Path, len: u64, full: bool, mode: u32, owner: Option<Owner>) -> Result<()> {
        self.new_image(path, len, full, mode, owner)
    }
    fn set_len(&self, path: &Path, len: u64, full: bool) -> Result<()> {
        self.resize_file(path, len, full)
    }
    fn make_folder_for(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<()> {
        self.new_folder(path, mode, owner)
    }
    fn make_link(&self, path: &Path, target: &Path) -> Result<()> {
        self.new_link(path, target)
    }
    fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        self.change_access(path, None, &Access { mode: Some(mode), ..Access::default() })
    }
    fn set_owner(&self, path: &Path, owner: Owner) -> Result<()> {
        self.change_access(path, None, &Access { owner: Some(owner), ..Access::default() })
    }
    fn set_access(&self, path: &Path, seen: &Metadata, access: &Access<'_>) -> Result<()> {
        self.change_access(path, Some(seen), access)
    }
    fn others_can_replace(&self, path: &Path) -> Result<bool> {
        self.safety.is_guarded(path).told(|| format!("look at {}", path.display()))
    }
    fn users_can_replace(&self, path: &Path) -> Result<bool> {
        self.safety.for_root(|safety| safety.is_guarded(path)).told(|| format!("look at {}", path.display()))
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.move_file(from, to)
    }
    fn remove_file(&self, path: &Path) -> Result<()> {
        self.unlink_file(path)
    }
    fn remove_folder(&self, path: &Path) -> Result<()> {
        self.unlink_folder(path)
    }
    fn remove_tree(&self, path: &Path) -> Result<()> {
        self.unlink_tree(path)
    }
    fn sync(&self, paths: &[PathBuf]) -> Result<()> {
        self.sync_file_systems(paths)
    }
    fn sync_names(&self, folders: &[PathBuf]) -> Result<()> {
        self.sync_folders(folders)
    }

    fn size_of(&self, path: &Path) -> Result<Option<u64>> {
        self.bytes_of(path)
    }
    fn loops(&self) -> Result<Arc<Vec<LoopDevice>>> {
        self.loops.get(loops::read_table)
    }
    fn attach_loop(&self, config: &LoopConfig) -> Result<PathBuf> {
        self.attach(config)
    }
    fn detach_loop(&self, device: &Path) -> Result<()> {
        self.detach(device)
    }
    fn refresh_loop(&self, device: &Path) -> Result<()> {
        self.grow_loop(device)
    }
    fn reread_partitions(&self, device: &Path) -> Result<()> {
        partitions::reread(device)
    }

    fn mounts(&self) -> Result<Arc<Vec<Mount>>> {
        if self.mount_changes.came() {
            self.mounts.forget();
        }
        self.mounts.get(mounts::read_table)
    }
    fn mount(&self, request: &MountRequest) -> Result<()> {
        self.mount_new(request)
    }
    fn remount(&self, request: &MountRequest) -> Result<()> {
        self.mount_again(request)
    }
    fn unmount(&self, at: &Path) -> Result<()> {
        self.unmount_top(at)
    }
    fn capacity(&self, mounted: &Path) -> Result<Option<u64>> {
        self.mounted_capacity(mounted)
    }

    fn btrfs(&self, mounted: &Path) -> Result<BtrfsFileSystem> {
        self.btrfs_info(mounted)
    }
    fn btrfs_subvolumes(&self, mounted: &Path) -> Result<Vec<Subvolume>> {
        self.subvolumes(mounted)
    }
    fn btrfs_create(&self, path: &Path) -> Result<()> {
        self.create_subvolume(path)
    }
    fn btrfs_snapshot(&self, of: &Path, path: &Path, read_only: bool) -> Result<()> {
        self.snapshot(of, path, read_only)
    }
    fn btrfs_delete(&self, path: &Path) -> Result<()> {
        self.delete_subvolume(path)
    }
    fn btrfs_set_read_only(&self, path: &Path, read_only: bool) -> Result<()> {
        self.set_subvolume_read_only(path, read_only)
    }
    fn btrfs_enable_quota(&self, mounted: &Path) -> Result<()> {
        self.enable_quota(mounted)
    }
    fn btrfs_limit(&self, path: &Path, bytes: Option<u64>) -> Result<()> {
        self.limit_subvolume(path, bytes)
    }
    fn btrfs_set_label(&self, mounted: &Path, label: &str) -> Result<()> {
        self.set_label(mounted, label)
    }
    fn btrfs_grow(&self, mounted: &Path, device_id: u64) -> Result<()> {
        self.grow_device(mounted, device_id)
    }

    fn seal(&self, path: &Path) -> Result<Option<Seal>> {
        self.seal_of(path)
    }
    fn remove_sealed(&self, path: &Path, seal: &Seal, was_begun: bool) -> Result<()> {
        self.unlink_sealed(path, seal, was_begun)
    }

    fn execute(&self, command: &Command) -> Result<Outcome> {
        let done = programs::execute(command, self.folder_of(command)?);
        // A program may have mounted, attached or changed anything.
        self.forget_tables();
        done
    }
    fn find_program(&self, name: &str) -> Option<PathBuf> {
        programs::find(name)
    }
    fn owner(&self, text: &str) -> Result<Owner> {
        self.people.owner(text)
    }
    fn owner_name(&self, owner: Owner) -> String {
        self.people.name(owner)
    }
    fn whoami(&self) -> Owner {
        Owner { uid: nix::unistd::geteuid().as_raw(), gid: nix::unistd::getegid().as_raw() }
    }
    fn may_write(&self, path: &Path) -> bool {
        use nix::unistd::{AccessFlags, faccessat};
        // Groups and access lists have a say, too: only the kernel knows.
        faccessat(nix::fcntl::AT_FDCWD, path, AccessFlags::W_OK, nix::fcntl::AtFlags::AT_EACCESS).is_ok()
    }
    fn secret(&self, secret: &Secret) -> Result<String> {
        super::people::reveal(self, secret)
    }

    fn refresh(&self) {
        self.forget_tables();
        self.people.forget();
    }
}
