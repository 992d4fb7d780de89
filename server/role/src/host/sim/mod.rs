//! A machine in memory: for tests of what roles promise, and for trying a spec without touching anything.
//!
//! It keeps files, block devices, mounts and Btrfs file systems, and has the programs that roles start. Superblocks
//! and partition tables are bytes on its devices, in the real formats. The same steps make the same machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seed_spec::value::Secret;

use super::attributes::Attributes;
use super::before::{Before, NewFile};
use super::refusal::Told;
use super::{
    Access, BtrfsFileSystem, Command, FileKind, Host, LoopConfig, LoopDevice, Metadata, Mount, MountRequest, Outcome, Owner,
    Seal, Subvolume, Whole, temporary_of,
};
use crate::trouble::{Kind, Result, Trouble};

mod btrfs;
mod btrfs_command;
mod content;
mod denied;
mod devices;
mod faults;
mod files;
mod machine;
mod mkfs;
mod mounts;
mod people;
mod programs;
mod qemu;
mod state;
mod superblock;
mod tree;
mod volume;
mod walk;

pub use faults::{Calls, Target, When};
use faults::{Faults, Verdict};
use machine::Machine;
pub use state::SimState;

/// A program that a test brings along. It may use the machine, and change it.
pub type Program = dyn Fn(&SimHost, &Command) -> Outcome + Send + Sync;

/// A machine in memory. A clone is another machine that looks the same.
pub struct SimHost(Mutex<Inner>);

#[derive(Clone)]
struct Inner {
    machine: Machine,
    faults: Faults,
    programs: BTreeMap<String, Arc<Program>>,
}

impl Clone for SimHost {
    fn clone(&self) -> Self {
        SimHost(Mutex::new(self.lock().clone()))
    }
}

impl Default for SimHost {
    fn default() -> Self {
        SimHost::new()
    }
}

impl SimHost {
    /// A machine as it is after a minimal installation, with root acting on it.
    pub fn new() -> Self {
        let inner = Inner { machine: Machine::new(), faults: Faults::default(), programs: BTreeMap::new() };
        SimHost(Mutex::new(inner))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that can be seen of it, to compare with another time or another machine.
    pub fn state(&self) -> SimState {
        SimState::of(&self.lock().machine)
    }

    /// How often it was asked, since it was made or [`SimHost::reset_calls`].
    pub fn calls(&self) -> Calls {
        self.lock().faults.calls.clone()
    }

    /// Counts from zero again.
    pub fn reset_calls(&self) {
        self.lock().faults.calls = Calls::default();
    }

    /// Stops the process at the `number`-th call from now that changes something, counted from 1: that call and all
    /// changes after it fail with [`Kind::Interrupted`], until [`SimHost::resume`].
    pub fn stop_after(&self, number: u64, when: When) {
        self.lock().faults.stop_after(number, when);
    }

    /// Makes the next call fail that touches a path, or has a name: `mount`, `write_file`, `mkfs.ext4`.
    pub fn fail(&self, target: impl Into<Target>, kind: Kind) {
        self.lock().faults.fail(target.into(), kind);
    }

    /// Takes all faults away.
    pub fn resume(&self) {
        self.lock().faults.resume();
    }

    /// Brings a program along, in place of one of that name.
    pub fn program(&self, name: &str, run: impl Fn(&SimHost, &Command) -> Outcome + Send + Sync + 'static) {
        self.lock().programs.insert(name.to_string(), Arc::new(run));
    }

    /// Takes a program away.
    pub fn without_program(&self, name: &str) {
        let mut inner = self.lock();
        inner.programs.remove(name);
        inner.machine.missing.insert(name.to_string());
    }

    /// Adds a user, with a group of the same name and number.
    pub fn add_user(&self, name: &str, uid: u32) {
        let machine = &mut self.lock().machine;
        machine.users.insert(name.to_string(), Owner { uid, gid: uid });
        machine.groups.insert(name.to_string(), uid);
    }

    /// Sets an environment variable of the process.
    pub fn set_env(&self, name: &str, value: &str) {
        self.lock().machine.environment.insert(name.to_string(), value.to_string());
    }

    /// Gives the process a systemd credential.
    pub fn add_credential(&self, name: &str, value: &str) {
        self.lock().machine.credentials.insert(name.to_string(), value.to_string());
    }

    /// Adds a disk with nothing on it: `/dev/NAME`.
    pub fn add_disk(&self, name: &str, bytes: u64) {
        self.lock().machine.add_disk(name, bytes, 512);
    }

    /// Limits how much the file system that holds a path can hold in all.
    ///
    /// # Errors
    ///
    /// When there is no such path.
    pub fn limit_space(&self, path: &Path, bytes: u64) -> Result<()> {
        let machine = &mut self.lock().machine;
        let limit = |machine: &mut Machine| {
            let spot = machine.spot(path, true)?;
            let fs = machine.tree(spot.file.tree)?.fs;
            if let Some(file_system) = machine.file_systems.get_mut(&fs) {
                file_system.limit = Some(bytes);
            }
            Ok::<(), super::refusal::Refusal>(())
        };
        limit(machine).told(|| format!("limit the space on {}", path.display()))
    }

    /// Looks at the machine.
    fn look<T, E>(
        &self,
        name: &'static str,
        paths: &[&Path],
        attempted: impl Fn() -> String,
        look: impl FnOnce(&Machine) -> std::result::Result<T, E>,
    ) -> Result<T>
    where
        std::result::Result<T, E>: Told<T>,
    {
        let mut inner = self.lock();
        match inner.faults.ask(name, None, paths, false) {
            Verdict::Fail(kind) => Err(faults::trouble(attempted(), kind)),
            Verdict::Stop(_) => Err(faults::trouble(attempted(), Kind::Interrupted)),
            Verdict::Go => look(&inner.machine).told(attempted),
        }
    }

    /// Changes the machine.
    fn change<T, E>(
        &self,
        name: &'static str,
        paths: &[&Path],
        attempted: impl Fn() -> String,
        change: impl FnOnce(&mut Machine) -> std::result::Result<T, E>,
    ) -> Result<T>
    where
        std::result::Result<T, E>: Told<T>,
    {
        self.change_with_midst(name, paths, attempted, |_| (), change)
    }

    /// The same, with what is there when it is stopped in its midst.
    fn change_with_midst<T, E>(
        &self,
        name: &'static str,
        paths: &[&Path],
        attempted: impl Fn() -> String,
        midst: impl FnOnce(&mut Machine),
        change: impl FnOnce(&mut Machine) -> std::result::Result<T, E>,
    ) -> Result<T>
    where
        std::result::Result<T, E>: Told<T>,
    {
        let mut inner = self.lock();
        let stopped = |attempted: String| Err(faults::trouble(attempted, Kind::Interrupted));
        match inner.faults.ask(name, None, paths, true) {
            Verdict::Fail(kind) => Err(faults::trouble(attempted(), kind)),
            Verdict::Stop(When::Before) => stopped(attempted()),
            Verdict::Stop(When::Midway) => {
                midst(&mut inner.machine);
                stopped(attempted())
            }
            Verdict::Stop(When::After) => {
                change(&mut inner.machine).told(&attempted)?;
                stopped(attempted())
            }
            Verdict::Go => change(&mut inner.machine).told(attempted),
        }
    }
}

/// What is attempted on a path.
fn on<'a>(words: &'a str, path: &'a Path) -> impl Fn() -> String + 'a {
    move || format!("{words} {}", path.display())
}

impl Host for SimHost {
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        self.look("metadata", &[path], on("look at", path), |machine| machine.metadata(path))
    }
    fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        self.look("read", &[path], on("read", path), |machine| machine.read(path, limit))
    }
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.look("read_at", &[path], on("read bytes of", path), |machine| machine.read_at(path, offset, len))
    }
    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
        self.change("write_at", &[path], on("write bytes of", path), |machine| machine.write_at(path, offset, bytes))
    }
    fn first_data(&self, path: &Path, offset: u64, len: u64) -> Result<Option<u64>> {
        self.look("first_data", &[path], on("look for data in", path), |machine| machine.first_data(path, offset, len))
    }
    fn erase(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        self.change("erase", &[path], on("erase bytes of", path), |machine| machine.erase(path, offset, len))
    }
    fn read_link(&self, path: &Path) -> Result<PathBuf> {
        self.look("read_link", &[path], on("read the link", path), |machine| machine.read_link(path))
    }
    fn list(&self, path: &Path) -> Result<Vec<String>> {
        self.look("list", &[path], on("list", path), |machine| machine.list(path))
    }
    fn write_file(&self, path: &Path, content: &[u8], mode: u32, owner: Option<Owner>) -> Result<()> {
        let midst = |machine: &mut Machine| drop(machine.write_file(&temporary_of(path), content, 0o600, None));
        self.change_with_midst("write_file", &[path], on("write", path), midst, |machine| {
            // What an interrupted run left, or a folder in the way.
            machine.remove_file(&temporary_of(path))?;
            machine.write_file(path, content, mode, owner)
        })
    }
    fn read_whole(&self, path: &Path, limit: u64) -> Result<Option<Whole>> {
        self.look("read", &[path], on("read", path), |machine| machine.read_whole(path, limit))
    }
    fn attributes(&self, path: &Path) -> Result<Attributes> {
        self.look("attributes", &[path], on("read the extended attributes of", path), |machine| machine.attributes(path))
    }
    fn replace_file(&self, path: &Path, new: &NewFile<'_>, before: &Before) -> Result<()> {
        let midst = |machine: &mut Machine| drop(machine.write_file(&temporary_of(path), new.content, 0o600, None));
        self.change_with_midst("write_file", &[path], on("write", path), midst, |machine| {
            machine.remove_file(&temporary_of(path))?;
            machine.replace_file(path, new, before)
        })
    }
    fn replace_link(&self, path: &Path, target: &Path, owner: Option<Owner>, before: &Before) -> Result<()> {
        let attempted = on("make the link", path);
        self.change("make_link", &[path], attempted, |machine| machine.replace_link(path, target, owner, before))
    }
    fn take_away(&self, path: &Path, before: &Before) -> Result<()> {
        self.change("remove_file", &[path], on("remove", path), |machine| machine.take_confirmed(path, before))
    }
    fn settle(&self, temporary: &Path) -> Result<Option<PathBuf>> {
        // Here nothing can be stopped between two names.
        self.remove_file(temporary).map(|()| None)
    }
    fn make_image_for(&self, path: &Path, len: u64, full: bool, mode: u32, owner: Option<Owner>) -> Result<()> {
        let midst = |machine: &mut Machine| drop(machine.make_image(&temporary_of(path), len, full, mode, None));
        self.change_with_midst("make_image", &[path], on("make the image", path), midst, |machine| {
            machine.remove_file(&temporary_of(path))?;
            machine.make_image(path, len, full, mode, owner)
        })
    }
    fn set_len(&self, path: &Path, len: u64, full: bool) -> Result<()> {
        self.change("set_len", &[path], on("change the length of", path), |machine| machine.set_len(path, len, full))
    }
    fn make_folder_for(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<()> {
        self.change("make_folder", &[path], on("make the folder", path), |machine| machine.make_folder(path, mode, owner))
    }
    fn make_link(&self, path: &Path, target: &Path) -> Result<()> {
        self.change("make_link", &[path], on("make the link", path), |machine| machine.make_link(path, target))
    }
    fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        self.change("set_mode", &[path], on("set the mode of", path), |machine| machine.set_mode(path, mode))
    }
    fn set_owner(&self, path: &Path, owner: Owner) -> Result<()> {
        self.change("set_owner", &[path], on("set the owner of", path), |machine| machine.set_owner(path, owner))
    }
    fn set_access(&self, path: &Path, seen: &Metadata, access: &Access<'_>) -> Result<()> {
        let attempted = || format!("set {} of {}", access.words(), path.display());
        self.change("set_access", &[path], attempted, |machine| machine.set_access(path, seen, access))
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let attempted = || format!("rename {} to {}", from.display(), to.display());
        self.change("rename", &[from, to], attempted, |machine| machine.rename(from, to))
    }
    fn remove_file(&self, path: &Path) -> Result<()> {
        self.change("remove_file", &[path], on("remove", path), |machine| machine.remove_file(path))
    }
    fn remove_folder(&self, path: &Path) -> Result<()> {
        self.change("remove_folder", &[path], on("remove the folder", path), |machine| machine.remove_folder(path))
    }
    fn remove_tree(&self, path: &Path) -> Result<()> {
        self.change("remove_tree", &[path], on("remove and everything in it", path), |machine| machine.remove_tree(path))
    }
    fn sync(&self, paths: &[PathBuf]) -> Result<()> {
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        self.change("sync", &paths, || "write to disk".to_string(), Machine::sync)
    }
    fn sync_names(&self, folders: &[PathBuf]) -> Result<()> {
        self.sync(folders)
    }

    fn size_of(&self, path: &Path) -> Result<Option<u64>> {
        self.look("size_of", &[path], on("find the size of", path), |machine| machine.size_of(path))
    }
    fn loops(&self) -> Result<Arc<Vec<LoopDevice>>> {
        let look = |machine: &Machine| Ok::<_, nix::errno::Errno>(Arc::new(machine.loops()));
        self.look("loops", &[], || "list the loop devices".to_string(), look)
    }
    fn attach_loop(&self, config: &LoopConfig) -> Result<PathBuf> {
        let attempted = || format!("attach {} to a loop device", config.backing.display());
        self.change("attach_loop", &[&config.backing], attempted, |machine| machine.attach_loop(config))
    }
    fn detach_loop(&self, device: &Path) -> Result<()> {
        self.change("detach_loop", &[device], on("detach the loop device", device), |machine| machine.detach_loop(device))
    }
    fn refresh_loop(&self, device: &Path) -> Result<()> {
        let attempted = || format!("make {} as large as its backing file", device.display());
        self.change("refresh_loop", &[device], attempted, |machine| machine.refresh_loop(device))
    }
    fn reread_partitions(&self, device: &Path) -> Result<()> {
        let attempted = on("read the partition table of", device);
        self.change("reread_partitions", &[device], attempted, |machine| machine.reread_partitions(device))
    }

    fn mounts(&self) -> Result<Arc<Vec<Mount>>> {
        let look = |machine: &Machine| Ok::<_, nix::errno::Errno>(Arc::new(machine.mount_table()));
        self.look("mounts", &[], || "read the mount table".to_string(), look)
    }
    fn mount(&self, request: &MountRequest) -> Result<()> {
        let attempted = || format!("mount {} on {}", request.source, request.at.display());
        self.change("mount", &[&request.at, Path::new(&request.source)], attempted, |machine| machine.mount(request))
    }
    fn remount(&self, request: &MountRequest) -> Result<()> {
        let attempted = on("change the options of the mount on", &request.at);
        self.change("remount", &[&request.at], attempted, |machine| machine.remount(request))
    }
    fn unmount(&self, at: &Path) -> Result<()> {
        self.change("unmount", &[at], on("unmount", at), |machine| machine.unmount(at))
    }

    fn btrfs(&self, mounted: &Path) -> Result<BtrfsFileSystem> {
        let attempted = on("look at the Btrfs file system on", mounted);
        self.look("btrfs", &[mounted], attempted, |machine| machine.btrfs(mounted))
    }
    fn btrfs_subvolumes(&self, mounted: &Path) -> Result<Vec<Subvolume>> {
        let attempted = on("list the subvolumes on", mounted);
        self.look("btrfs_subvolumes", &[mounted], attempted, |machine| machine.subvolumes(mounted))
    }
    fn btrfs_create(&self, path: &Path) -> Result<()> {
        self.change("btrfs_create", &[path], on("make the subvolume", path), |machine| machine.create_subvolume(path))
    }
    fn btrfs_snapshot(&self, of: &Path, path: &Path, read_only: bool) -> Result<()> {
        let attempted = || format!("make {}, a snapshot of {}", path.display(), of.display());
        self.change("btrfs_snapshot", &[path, of], attempted, |machine| machine.snapshot(of, path, read_only))
    }
    fn btrfs_delete(&self, path: &Path) -> Result<()> {
        self.change("btrfs_delete", &[path], on("remove the subvolume", path), |machine| machine.delete_subvolume(path))
    }
    fn btrfs_set_read_only(&self, path: &Path, read_only: bool) -> Result<()> {
        let attempted = on("make read-only or writable the subvolume", path);
        self.change("btrfs_set_read_only", &[path], attempted, |machine| machine.set_read_only(path, read_only))
    }
    fn btrfs_enable_quota(&self, mounted: &Path) -> Result<()> {
        let attempted = on("turn on quotas on", mounted);
        self.change("btrfs_enable_quota", &[mounted], attempted, |machine| machine.enable_quota(mounted))
    }
    fn btrfs_limit(&self, path: &Path, bytes: Option<u64>) -> Result<()> {
        let attempted = on("limit the subvolume", path);
        self.change("btrfs_limit", &[path], attempted, |machine| machine.limit_subvolume(path, bytes))
    }
    fn btrfs_set_label(&self, mounted: &Path, label: &str) -> Result<()> {
        let attempted = on("label the Btrfs file system on", mounted);
        self.change("btrfs_set_label", &[mounted], attempted, |machine| machine.set_label(mounted, label))
    }
    fn btrfs_grow(&self, mounted: &Path, device_id: u64) -> Result<()> {
        let attempted = on("grow the Btrfs file system on", mounted);
        self.change("btrfs_grow", &[mounted], attempted, |machine| machine.grow_device(mounted, device_id))
    }

    /// Of what is changed in it nothing is noticed: only what it is.
    fn seal(&self, path: &Path) -> Result<Option<Seal>> {
        let still = (0, 0);
        let seal = |there: Metadata| Seal::Tree { inode: there.inode, born: None, changed: still, sealed: still };
        Ok(self.metadata(path)?.map(seal))
    }
    fn remove_sealed(&self, path: &Path, seal: &Seal, _: bool) -> Result<()> {
        let (Some(metadata), Some(there)) = (self.metadata(path)?, self.seal(path)?) else { return Ok(()) };
        if !there.is_of_the_same(seal) {
            let attempted = format!("remove {}", path.display());
            return Err(Trouble::new(attempted, "something else is there").kind(Kind::Changed));
        }
        match metadata.kind {
            FileKind::Directory => self.btrfs_delete(path).or_else(|_| self.remove_tree(path)),
            _ => self.remove_file(path),
        }
    }

    fn execute(&self, command: &Command) -> Result<Outcome> {
        self.run_program(command)
    }
    fn find_program(&self, name: &str) -> Option<PathBuf> {
        self.locate(name)
    }
    fn owner(&self, text: &str) -> Result<Owner> {
        super::people::owner(&self.lock().machine, text)
    }
    fn owner_name(&self, owner: Owner) -> String {
        self.lock().machine.owner_name(owner)
    }
    fn whoami(&self) -> Owner {
        self.lock().machine.me
    }
    fn secret(&self, secret: &Secret) -> Result<String> {
        super::people::reveal(self, secret)
    }

    fn refresh(&self) {}
}

impl SimHost {
    fn run_program(&self, command: &Command) -> Result<Outcome> {
        let attempted = || format!("run {}", command.program);
        let name = command.program.rsplit('/').next().unwrap_or_default();
        let folder = command.folder.as_deref();
        let mut inner = self.lock();
        let changes = !(name == "qemu-img" && command.args.first().is_some_and(|word| word == "info"));
        let paths: Vec<&Path> = command.args.iter().map(Path::new).chain(folder).collect();
        let verdict = inner.faults.ask("execute", Some(name), &paths, changes);
        let stopped = match verdict {
            Verdict::Go => false,
            Verdict::Stop(When::After) => true,
            Verdict::Stop(When::Before | When::Midway) => return Err(faults::trouble(attempted(), Kind::Interrupted)),
            Verdict::Fail(kind) => return Err(faults::trouble(attempted(), kind)),
        };
        let outcome = match inner.programs.get(name).cloned() {
            Some(program) => {
                drop(inner);
                Some(program(self, command))
            }
            None => inner.machine.run(command),
        };
        if stopped {
            return Err(faults::trouble(attempted(), Kind::Interrupted));
        }
        outcome.ok_or_else(|| Trouble::new(attempted(), format!("{} is not installed", command.program)).kind(Kind::MissingTool))
    }

    fn locate(&self, name: &str) -> Option<PathBuf> {
        let inner = self.lock();
        let short = name.rsplit('/').next().unwrap_or_default();
        if name.contains('/') && !name.starts_with('/') {
            return None;
        }
        if inner.programs.contains_key(short) {
            return Some(Path::new("/usr/bin").join(short));
        }
        if inner.machine.missing.contains(short) {
            return None;
        }
        let emulated = programs::EMULATED.iter().find(|(known, _)| *known == short);
        emulated.map(|(known, folder)| Path::new(folder).join(known))
    }
}
