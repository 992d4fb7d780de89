//! Removing a backup, unless something else is in its place.

use std::fs::File;
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::RealHost;
use super::files::unless_gone;
use super::safety::Place;
use super::trees;
use crate::host::refusal::Told;
use crate::host::seal::Seal;
use crate::trouble::{Kind, Result, Trouble};

/// The inode number of a subvolume's top folder (btrfs(5)).
const SUBVOLUME_INODE: u64 = 256;

impl RealHost {
    pub(super) fn seal_of(&self, path: &Path) -> Result<Option<Seal>> {
        let attempted = || format!("look at {}", path.display());
        if self.is_subvolume(path)? {
            return self.subvolume_seal(path).map(Some);
        }
        let Some(place) = unless_gone(self.safety.place(path)).told(attempted)? else { return Ok(None) };
        let Some(there) = unless_gone(open(&place, OFlag::O_PATH).map_err(Into::into)).told(attempted)? else { return Ok(None) };
        Ok(Some(Seal::of(&there.metadata().map_err(|error| Trouble::from_io(attempted(), &error))?)))
    }

    pub(super) fn unlink_sealed(&self, path: &Path, seal: &Seal, was_begun: bool) -> Result<()> {
        let attempted = || format!("remove {}", path.display());
        self.refuse_mounts_below(path)?;
        if self.is_subvolume(path)? {
            let is_it = self.subvolume_seal(path)?.is_of_the_same(seal);
            return if is_it { self.delete_subvolume(path) } else { Err(changed(path, "another subvolume is there")) };
        }
        let Some(place) = unless_gone(self.safety.place(path)).told(attempted)? else { return Ok(()) };
        let Some(there) = unless_gone(open(&place, OFlag::O_PATH).map_err(Into::into)).told(attempted)? else { return Ok(()) };
        let metadata = there.metadata().map_err(|error| Trouble::from_io(attempted(), &error))?;
        let now = Seal::of(&metadata);
        if !now.is_of_the_same(seal) {
            return Err(changed(path, "something else is there"));
        }
        if !was_begun && !now.is_unchanged(seal) {
            return Err(changed(path, "it was changed since it was made"));
        }
        self.safety.forget_below(path);
        if !metadata.is_dir() {
            return unlinkat(place.folder(), place.name(), UnlinkatFlags::NoRemoveDir).told(attempted);
        }
        let folder =
            openat(&there, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).told(attempted)?;
        if let (Seal::Tree { sealed, .. }, false) = (seal, was_begun)
            && let Some(later) = trees::changed_since(&folder, path, *sealed)?
        {
            return Err(changed(path, &format!("{} in it was changed since it was made", later.display())));
        }
        trees::empty(folder, path)?;
        unlinkat(place.folder(), place.name(), UnlinkatFlags::RemoveDir).told(attempted)
    }

    fn is_subvolume(&self, path: &Path) -> Result<bool> {
        let there = self.look_at(path)?;
        // Other file systems have an inode of this number as well.
        Ok(there.is_some_and(|there| there.kind == crate::host::FileKind::Directory && there.inode == SUBVOLUME_INODE)
            && path.parent().is_some_and(|parent| self.subvolumes(parent).is_ok()))
    }

    /// The seal of a subvolume at the top of its file system.
    fn subvolume_seal(&self, path: &Path) -> Result<Seal> {
        let attempted = || format!("look at the subvolume {}", path.display());
        let (Some(top), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Trouble::new(attempted(), "its path has no name"));
        };
        let found = self.subvolumes(top)?.into_iter().find(|subvolume| subvolume.path.as_os_str() == name);
        found
            .map(|subvolume| Seal::Subvolume(subvolume.uuid))
            .ok_or_else(|| Trouble::new(attempted(), "it is not a subvolume there"))
    }
}

/// Opens what is at a place, without following a link.
fn open(place: &Place<'_>, how: OFlag) -> nix::Result<File> {
    openat(place.folder(), place.name(), how | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty()).map(File::from)
}

fn changed(path: &Path, how: &str) -> Trouble {
    Trouble::new(format!("remove {}", path.display()), how).kind(Kind::Changed)
}
