//! The door to the machine: everything that touches it goes through a [`Host`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use seed_spec::value::Secret;

use crate::tool::Tool;
use crate::trouble::Result;

pub mod before;
pub mod block;
pub mod btrfs;
pub mod btrfs_format;
pub mod folder;
pub mod gpt;
pub mod mount;
pub(crate) mod options;
pub mod others;
pub(crate) mod people;
pub mod real;
pub(crate) mod refusal;
pub mod seal;
pub mod sim;

pub use before::{Before, Digest, NewFile};
pub use block::{LoopConfig, LoopDevice};
pub use btrfs::{BtrfsDevice, BtrfsFileSystem, Subvolume};
pub use mount::{Mount, MountRequest};
pub use real::{RealHost, attributes};
pub use seal::Seal;
pub use sim::SimHost;

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Link,
    /// A block device.
    Block,
    /// Anything else: a socket, a pipe, a character device.
    Other,
}

/// What lstat(2) tells of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// The permission bits, without the file type.
    pub mode: u32,
    /// The number of its owner.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// Its length in bytes.
    pub len: u64,
    /// The bytes it takes on the disk.
    pub allocated: u64,
    /// The number of the device it is on.
    pub device: u64,
    /// The number of its inode there.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
}

/// A regular file, read as a whole: all of it of one open file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// What fstat(2) tells of it.
    pub metadata: Metadata,
    /// What it holds, as far as was asked for.
    pub content: Vec<u8>,
    /// What else it has.
    pub attributes: attributes::Attributes,
}

/// What is to be set of a file, folder or link; what is none stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access<'a> {
    /// Owner and group.
    pub owner: Option<Owner>,
    /// The permission bits.
    pub mode: Option<u32>,
    /// What else it has, exactly.
    pub attributes: Option<&'a attributes::Attributes>,
}

impl Access<'_> {
    /// What is set, in words.
    pub fn words(&self) -> String {
        let owner = self.owner.map(|_| "the owner");
        let attributes = self.attributes.map(|_| "the extended attributes");
        let mode = self.mode.map(|_| "the mode");
        owner.into_iter().chain(attributes).chain(mode).collect::<Vec<_>>().join(" and ")
    }
}

/// A program to run. Never a shell: the arguments reach the program as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The program: a name, or an absolute path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder it runs in; reached as every path is, and entered by the descriptor.
    pub folder: Option<PathBuf>,
    /// What it reads on standard input; nothing if none.
    pub input: Option<Vec<u8>>,
    /// After how long it is stopped.
    pub limit: Option<std::time::Duration>,
}

impl Command {
    /// A program with arguments.
    pub fn new<A: Into<String>>(program: impl Into<String>, args: impl IntoIterator<Item = A>) -> Self {
        Command { program: program.into(), args: args.into_iter().map(Into::into).collect(), ..Command::default() }
    }
}

/// What a program did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit status; 128 and the signal's number if a signal ended it.
    pub status: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Who owns a file, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// A machine: the real one, or a simulated one.
///
/// Methods that look change nothing. Methods that change are each atomic, or say how they can be left half-done.
/// A path is refused ([`crate::trouble::Kind::Unsafe`]) when, as root, it leads through a symbolic link in a
/// folder that another user can write.
pub trait Host: Send + Sync {
    // Files.

    /// What is at a path, links not followed; none if there is nothing.
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>>;
    /// The content of a regular file, at most `limit` bytes of it; none if there is nothing. As root, a file in another user's folder
    /// that belongs to a third user and has more than one name is refused.
    fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>>;
    /// Bytes of a file or block device; fewer than asked for at its end.
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> Result<Vec<u8>>;
    /// Overwrites bytes of a file or block device in place, and syncs them.
    fn write_at(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Where the first byte other than zero is in a range of a file or block device; holes are not read.
    fn first_data(&self, path: &Path, offset: u64, len: u64) -> Result<Option<u64>>;
    /// Makes a range of a file or block device read as zeros, and gives back the room that it takes. An interruption leaves parts of it.
    fn erase(&self, path: &Path, offset: u64, len: u64) -> Result<()>;
    /// Where a symbolic link points.
    fn read_link(&self, path: &Path) -> Result<PathBuf>;
    /// The names in a folder, sorted.
    fn list(&self, path: &Path) -> Result<Vec<String>>;
    /// Writes a file as a whole: to [`temporary_of`] its path, then renamed over it, with mode and owner set before.
    /// Durable only after [`Host::sync`].
    fn write_file(&self, path: &Path, content: &[u8], mode: u32, owner: Option<Owner>) -> Result<()>;
    /// All of a regular file, of its content at most `limit` bytes; none if there is nothing.
    fn read_whole(&self, path: &Path, limit: u64) -> Result<Option<Whole>>;
    /// What a file or folder has beside content, owner and mode.
    fn attributes(&self, path: &Path) -> Result<attributes::Attributes>;
    /// Writes a file as a whole in place of what was confirmed. What somebody else put there since stays
    /// ([`crate::trouble::Kind::Changed`]), and so does all where the new file cannot have what it is to have. An interruption
    /// leaves what [`Host::settle`] sorts out. Durable only after [`Host::sync`].
    fn replace_file(&self, path: &Path, new: &NewFile<'_>, before: &Before) -> Result<()>;
    /// The same for a symbolic link. Its owner is this process where it is left open.
    fn replace_link(&self, path: &Path, target: &Path, owner: Option<Owner>, before: &Before) -> Result<()>;
    /// Removes what was confirmed, a file or link. What somebody else put there since stays ([`crate::trouble::Kind::Changed`]). An
    /// interruption leaves what [`Host::settle`] sorts out.
    fn take_away(&self, path: &Path, before: &Before) -> Result<()>;
    /// Sorts out what an interruption left under a name of [`temporary_of`], or another temporary name: what is this program's is removed,
    /// and what somebody saved while it was changed gets its name back. If that name is taken by now it stays beside it: then where.
    fn settle(&self, temporary: &Path) -> Result<Option<PathBuf>>;
    /// Makes a sparse file of that length, or with `full` one whose blocks are all allocated. Atomic as
    /// [`Host::write_file`] is; fails if there is something. Its owner is this process where it is left open.
    fn make_image_for(&self, path: &Path, len: u64, full: bool, mode: u32, owner: Option<Owner>) -> Result<()>;
    /// The same for this process itself.
    fn make_image(&self, path: &Path, len: u64, full: bool, mode: u32) -> Result<()> {
        self.make_image_for(path, len, full, mode, None)
    }
    /// Changes a file's length, and with `full` allocates what is added; at the same length, what is not allocated yet.
    fn set_len(&self, path: &Path, len: u64, full: bool) -> Result<()>;
    /// Makes a folder with exactly that mode and owner (this process where it is left open); an existing folder is no error, and keeps
    /// what it has.
    fn make_folder_for(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<()>;
    /// The same for this process itself.
    fn make_folder(&self, path: &Path, mode: u32) -> Result<()> {
        self.make_folder_for(path, mode, None)
    }
    /// Makes a symbolic link, in place of one that is there.
    fn make_link(&self, path: &Path, target: &Path) -> Result<()>;
    /// Sets the permission bits of whatever is there.
    fn set_mode(&self, path: &Path, mode: u32) -> Result<()>;
    /// Sets owner and group of whatever is there.
    fn set_owner(&self, path: &Path, owner: Owner) -> Result<()>;
    /// Sets owner, attributes and mode of what was seen there. Something else, or the same with another owner or mode, stays as it is
    /// ([`crate::trouble::Kind::Changed`]). As root, in a folder that another user can write, no file of another user becomes root's, and
    /// none gets a set-user-ID or set-group-ID bit, nor is a third user's changed by a second name ([`crate::trouble::Kind::Unsafe`]).
    fn set_access(&self, path: &Path, seen: &Metadata, access: &Access<'_>) -> Result<()>;
    /// Whether, for root, another user can put something else at a path from one moment to the next: they can write the folder that it
    /// is in, or change the way to it. Never for other users, who are as safe as their folders.
    fn others_can_replace(&self, path: &Path) -> Result<bool> {
        let _ = path;
        Ok(false)
    }
    /// Whether a user other than root can do so. It is the same whoever asks: what only root can do is planned as root would plan it.
    fn users_can_replace(&self, path: &Path) -> Result<bool> {
        self.others_can_replace(path)
    }
    /// Renames within one file system; fails if there is something at `to`.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Removes a file or link; nothing there is no error.
    fn remove_file(&self, path: &Path) -> Result<()>;
    /// Removes an empty folder; nothing there is no error.
    fn remove_folder(&self, path: &Path) -> Result<()>;
    /// Removes a folder with all in it, not crossing into other file systems or subvolumes. A mount below is noticed
    /// before anything is removed; what else fails leaves the rest there. Nothing there is no error.
    fn remove_tree(&self, path: &Path) -> Result<()>;
    /// Makes durable what was written to the file systems that these paths are on (syncfs(2), once each).
    fn sync(&self, paths: &[PathBuf]) -> Result<()>;
    /// Makes durable which names are in these folders, and not what those name (fsync(2) of each).
    fn sync_names(&self, folders: &[PathBuf]) -> Result<()>;

    // Block devices.

    /// The size of a block device, or the length of a file, in bytes; none if there is nothing.
    fn size_of(&self, path: &Path) -> Result<Option<u64>>;
    /// The loop devices that have something attached.
    fn loops(&self) -> Result<Arc<Vec<LoopDevice>>>;
    /// Attaches a file to a free loop device (or the one of the same configuration, if there is).
    fn attach_loop(&self, config: &LoopConfig) -> Result<PathBuf>;
    /// Detaches it, and waits until the kernel has let it go. Not attached is no error.
    fn detach_loop(&self, device: &Path) -> Result<()>;
    /// Makes the loop device as large as its backing file is now (`LOOP_SET_CAPACITY`).
    fn refresh_loop(&self, device: &Path) -> Result<()>;
    /// Makes the kernel read the partition table of a device again, and waits for the nodes of its partitions.
    fn reread_partitions(&self, device: &Path) -> Result<()>;

    // Mounts.

    /// The mount table of this process, in the order of mounting.
    fn mounts(&self) -> Result<Arc<Vec<Mount>>>;
    /// Mounts.
    fn mount(&self, request: &MountRequest) -> Result<()>;
    /// Changes the options of a mount. Those not named stay as they are.
    fn remount(&self, request: &MountRequest) -> Result<()>;
    /// Unmounts the topmost mount at a path. Not mounted is no error.
    fn unmount(&self, at: &Path) -> Result<()>;
    /// How many bytes the file system mounted at a path is large, used or not, as it tells it (statfs(2)); none on a host
    /// that does not know.
    fn capacity(&self, mounted: &Path) -> Result<Option<u64>> {
        let _ = mounted;
        Ok(None)
    }

    // Btrfs, by a path in the mounted file system.

    /// The file system.
    fn btrfs(&self, mounted: &Path) -> Result<BtrfsFileSystem>;
    /// Its subvolumes.
    fn btrfs_subvolumes(&self, mounted: &Path) -> Result<Vec<Subvolume>>;
    /// Makes an empty subvolume at a path.
    fn btrfs_create(&self, path: &Path) -> Result<()>;
    /// Makes a snapshot of `of` at `path`.
    fn btrfs_snapshot(&self, of: &Path, path: &Path, read_only: bool) -> Result<()>;
    /// Removes a subvolume, read-only or not. Nothing there is no error.
    fn btrfs_delete(&self, path: &Path) -> Result<()>;
    /// Makes a subvolume read-only or writable.
    fn btrfs_set_read_only(&self, path: &Path, read_only: bool) -> Result<()>;
    /// Turns quotas of the file system on.
    fn btrfs_enable_quota(&self, mounted: &Path) -> Result<()>;
    /// Limits what a subvolume may refer to, in bytes; none for no limit.
    fn btrfs_limit(&self, path: &Path, bytes: Option<u64>) -> Result<()>;
    /// Sets the label of the mounted file system.
    fn btrfs_set_label(&self, mounted: &Path, label: &str) -> Result<()>;
    /// Makes the file system use all of one of its devices.
    fn btrfs_grow(&self, mounted: &Path, device_id: u64) -> Result<()>;

    // Backups.

    /// What tells a backup from what somebody else puts in its place; none if nothing is there.
    fn seal(&self, path: &Path) -> Result<Option<Seal>>;
    /// Removes a backup with all in it, if it is as it was sealed; nothing to do if nothing is there. Where a removal was begun before,
    /// parts of it may be gone. An interruption leaves a part.
    ///
    /// # Errors
    ///
    /// [`crate::trouble::Kind::Changed`] when something else is there, or it was changed: then it stays.
    fn remove_sealed(&self, path: &Path, seal: &Seal, was_begun: bool) -> Result<()>;

    // Programs and people.

    /// Runs a program and waits for it.
    ///
    /// # Errors
    ///
    /// When it cannot be started or takes longer than its limit: then it is ended, with all that it started. A status
    /// other than 0 is no error here: see [`run`]. Of each of its outputs the first MiB is kept.
    fn execute(&self, command: &Command) -> Result<Outcome>;
    /// Where a program is; none if it is not installed.
    fn find_program(&self, name: &str) -> Option<PathBuf>;
    /// An owner from `user`, `user:group` or numbers.
    fn owner(&self, text: &str) -> Result<Owner>;
    /// The name of an owner as [`Host::owner`] reads it: `user:group`, numbers where there are no names.
    fn owner_name(&self, owner: Owner) -> String;
    /// Who this process acts as.
    fn whoami(&self) -> Owner;
    /// Whether this process may change a file, or which names are in a folder. False where there is nothing.
    fn may_write(&self, path: &Path) -> bool {
        let me = self.whoami();
        let metadata = self.metadata(path).ok().flatten();
        metadata.is_some_and(|there| {
            let bit = if there.uid == me.uid {
                0o200
            } else if there.gid == me.gid {
                0o020
            } else {
                0o002
            };
            me.uid == 0 || there.mode & bit != 0
        })
    }
    /// A secret. Never logged, never kept.
    fn secret(&self, secret: &Secret) -> Result<String>;

    /// Forgets what was read of tables that can change (mounts, loop devices): the next look is at the machine.
    fn refresh(&self);
}

/// Where a file is written before it takes its place: deterministic, so that what an interruption leaves can be
/// found, and in the same folder, so that the rename is atomic.
pub fn temporary_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".seed-new");
    path.with_file_name(name)
}

/// Sixteen digits that nobody can foresee, for a name that nobody else has taken beforehand.
pub fn unforeseen() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    // Every one of these has keys of its own, which come from the system's random numbers.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{random:016x}")
}

/// Runs a program that must succeed, and that is stopped when it hangs: after `SEED_PROGRAM_LIMIT` (a duration such as
/// `90 s`), or an hour.
///
/// # Errors
///
/// When it is not installed (with the package that brings it), cannot be started, takes too long, or says no.
pub fn run(host: &dyn Host, attempted: &str, tool: &Tool, args: &[&str]) -> Result<Outcome> {
    const AN_HOUR: Duration = Duration::from_secs(3600);
    let set = std::env::var("SEED_PROGRAM_LIMIT").ok().and_then(|text| seed_spec::unit::Duration::parse(&text).ok());
    run_within(host, attempted, tool, args, set.map_or(AN_HOUR, seed_spec::unit::Duration::std))
}

/// The same, for a program that may take as long as `limit`, such as one that moves all data of a file system.
///
/// # Errors
///
/// As [`run`].
pub fn run_within(host: &dyn Host, attempted: &str, tool: &Tool, args: &[&str], limit: Duration) -> Result<Outcome> {
    use crate::trouble::{Kind, Trouble};
    if host.find_program(tool.program).is_none() {
        let missing = format!("{} is not installed", tool.program);
        return Err(Trouble::new(attempted, missing).kind(Kind::MissingTool).hint(tool.hint()));
    }
    let outcome = host.execute(&Command { limit: Some(limit), ..Command::new(tool.program, args.iter().copied()) })?;
    if outcome.status == 0 {
        return Ok(outcome);
    }
    let said = if outcome.stderr.trim().is_empty() { outcome.stdout.trim() } else { outcome.stderr.trim() };
    Err(Trouble::new(attempted, format!("{} ended with status {}: {said}", tool.program, outcome.status)))
}
