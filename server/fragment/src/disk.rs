//! Files of a project on the disk: written beside their places, renamed, and synced.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use seed_role::Trouble;
use seed_role::host::temporary_of;
use seed_role::trouble::{Kind, Result};

use crate::place;
use crate::words::{from_errno, from_io};

/// Up to how many files each is synced on its own; more are synced with their whole file system.
pub(crate) const FEW: usize = 32;

/// Paths of a project. Whether a folder leads out of it is asked once for all files in it that follow one another.
pub(crate) struct Places<'a> {
    root: &'a Path,
    last: Option<(PathBuf, PathBuf)>,
}

impl Places<'_> {
    /// As [`place::resolve`].
    pub(crate) fn resolve(&mut self, file: &Path) -> Result<PathBuf> {
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let last = self.last.as_ref().filter(|(last, _)| *last == folder);
        if let (Some((_, path)), Some(Component::Normal(name))) = (last, file.components().next_back()) {
            return Ok(path.join(name));
        }
        let path = place::resolve(self.root, file)?;
        self.last = path.parent().map(|parent| (folder, parent.to_path_buf()));
        Ok(path)
    }
}

/// Does the same with all of them, a piece of them on each core. Gives what came of each, in their order, or the first trouble.
pub(crate) fn on_all_cores<I: Sync, T: Send>(
    items: &[I],
    root: &Path,
    work: impl Fn(&mut Places<'_>, &I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let work_on = |some: &[I]| -> Result<Vec<T>> {
        let mut places = Places { root, last: None };
        some.iter().map(|item| work(&mut places, item)).collect()
    };
    if items.len() <= FEW {
        return work_on(items);
    }
    let pieces: Vec<Result<Vec<T>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = items.chunks(items.len().div_ceil(cores)).map(|some| scope.spawn(|| work_on(some))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut all = Vec::with_capacity(items.len());
    for piece in pieces {
        all.extend(piece?);
    }
    Ok(all)
}

/// Writes a text beside its file, with the file's mode and owner.
pub(crate) fn write_beside(path: &Path, content: &[u8], durable: bool) -> Result<()> {
    let io = |error: std::io::Error| from_io(format!("write {}", path.display()), &error);
    let there = fs::symlink_metadata(path).map_err(io)?;
    if !there.is_file() {
        return Err(Trouble::new(format!("write {}", path.display()), "it is no regular file").kind(Kind::Unsafe));
    }
    let temporary = temporary_of(path);
    remove(&temporary)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(io)?;
    file.write_all(content).map_err(io)?;
    let ours = file.metadata().map_err(io)?;
    if (ours.uid(), ours.gid()) != (there.uid(), there.gid()) {
        std::os::unix::fs::fchown(&file, Some(there.uid()), Some(there.gid())).map_err(io)?;
    }
    file.set_permissions(fs::Permissions::from_mode(there.mode() & 0o7777)).map_err(io)?;
    if durable { file.sync_all().map_err(io) } else { Ok(()) }
}

pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(from_io(format!("remove {}", path.display()), &error)),
        _ => Ok(()),
    }
}

/// Brings the file systems that these folders are on to the disk.
pub(crate) fn sync_file_systems(folders: &BTreeSet<PathBuf>) -> Result<()> {
    let io = |error: std::io::Error| from_io("write folders to the disk", &error);
    let mut devices = BTreeSet::new();
    for folder in folders {
        if devices.insert(fs::metadata(folder).map_err(io)?.dev()) {
            sync_file_system(folder)?;
        }
    }
    Ok(())
}

/// Brings all of a file system to the disk: faster than one file after the other where they are many.
fn sync_file_system(folder: &Path) -> Result<()> {
    let attempted = || format!("write the file system of {} to the disk", folder.display());
    let file = File::open(folder).map_err(|error| from_io(attempted(), &error))?;
    nix::unistd::syncfs(&file).map_err(|errno| from_errno(attempted(), errno))
}

pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    let io = |error: std::io::Error| from_io(format!("write the folder {} to the disk", folder.display()), &error);
    File::open(folder).and_then(|file| file.sync_all()).map_err(io)
}
