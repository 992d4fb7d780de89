//! The folders of a project, each opened once for all files in it that follow one another; and work on many files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use seed_role::Trouble;
use seed_role::host::folder::{Folder, from_errno};
use seed_role::trouble::{Kind, Result};

use crate::place;

/// Up to how many files each is synced on its own; more are synced with their whole file system.
pub(crate) const FEW: usize = 32;

/// Opens the project at a folder.
///
/// # Errors
///
/// As [`Folder::open`], and when there is none.
pub(crate) fn open(root: &Path) -> Result<Folder> {
    let gone = || from_errno(format!("open the project {}", root.display()), nix::errno::Errno::ENOENT);
    Folder::open(root)?.ok_or_else(gone)
}

/// Opens the folders of files in a project.
pub(crate) struct Folders<'a> {
    root: &'a Folder,
    last: Option<(PathBuf, Arc<Folder>)>,
}

impl<'a> Folders<'a> {
    pub(crate) fn new(root: &'a Folder) -> Folders<'a> {
        Folders { root, last: None }
    }

    /// The folder of a file, given by a path as found in a file of the project, and the file's name in it. A link on the way is
    /// followed where it stays in the project, and for root where only root can have made it.
    ///
    /// # Errors
    ///
    /// [`Kind::Unsafe`] where the path leads out of the project, by its words or by links; and what the system says.
    pub(crate) fn of<'f>(&mut self, file: &'f Path) -> Result<(Arc<Folder>, &'f Path)> {
        let is_plain = file.components().all(|part| matches!(part, Component::Normal(_)));
        let (Some(above), Some(name), true) = (file.parent(), file.file_name(), is_plain) else {
            return Err(Trouble::new(format!("use {}", file.display()), "it leads outside the project").kind(Kind::Unsafe));
        };
        if let Some((_, folder)) = self.last.as_ref().filter(|(last, _)| *last == above) {
            return Ok((folder.clone(), Path::new(name)));
        }
        let there = match self.root.find(above) {
            Err(trouble) if trouble.kind == Kind::Unsafe => {
                let real = place::inside(self.root.path(), &self.root.path().join(above))?;
                self.root.find(real)?
            }
            there => there?,
        };
        let gone = || from_errno(format!("open {}", self.root.path().join(above).display()), nix::errno::Errno::ENOENT);
        let folder = Arc::new(there.ok_or_else(gone)?);
        self.last = Some((above.to_path_buf(), folder.clone()));
        Ok((folder, Path::new(name)))
    }
}

/// Does the same with all of them, a piece of them on each core. Gives what came of each, in their order, or the first trouble.
pub(crate) fn on_all_cores<I: Sync, T: Send>(
    items: &[I],
    root: &Folder,
    work: impl Fn(&mut Folders<'_>, &I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let work_on = |some: &[I]| -> Result<Vec<T>> {
        let mut folders = Folders::new(root);
        some.iter().map(|item| work(&mut folders, item)).collect()
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

/// Folders of a project that are to be brought to the disk, each with the number of its device.
#[derive(Debug, Default)]
pub(crate) struct Changed(BTreeMap<PathBuf, u64>);

impl Changed {
    /// Those of files, each given with the number of its device.
    pub(crate) fn of<'f>(files: impl Iterator<Item = (&'f Path, u64)>) -> Changed {
        Changed(files.map(|(file, device)| (file.parent().unwrap_or(Path::new("")).to_path_buf(), device)).collect())
    }

    pub(crate) fn are_few(&self) -> bool {
        self.0.len() <= FEW
    }

    /// Brings their names to the disk.
    pub(crate) fn sync(&self, root: &Folder) -> Result<()> {
        let mut folders = Folders::new(root);
        self.0.keys().try_for_each(|folder| folders.of(&folder.join("-"))?.0.sync())
    }

    /// Brings all that is on their file systems to the disk, and on that of one more folder.
    pub(crate) fn sync_file_systems(&self, root: &Folder, more: Option<&Folder>) -> Result<()> {
        let mut devices = BTreeSet::new();
        if let Some(more) = more {
            more.sync_file_system()?;
            devices.insert(more.device()?);
        }
        let mut folders = Folders::new(root);
        for (folder, device) in &self.0 {
            if devices.insert(*device) {
                folders.of(&folder.join("-"))?.0.sync_file_system()?;
            }
        }
        Ok(())
    }
}
