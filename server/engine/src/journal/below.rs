//! Where the rest of something lies of which a backup holds only a part.
//!
//! The backup of a file system that was wiped is its signatures; its blocks stay where they are. They are data of that device until
//! the file system is restored, something else is made there, or the time of the backup is over.

use std::path::{Path, PathBuf};

use seed_role::claim::Claim;
use serde::{Deserialize, Serialize};

/// The devices that a backup was taken from, and the files that hold their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Below {
    /// The devices, as [`Claim::Device`] names them.
    pub devices: Vec<String>,
    /// The files below these devices.
    pub files: Vec<Medium>,
}

/// A file that holds the bytes of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    /// Where it was when the backup was taken.
    pub was: PathBuf,
    /// Where it is now; another path once it was moved to a backup of its own.
    pub now: PathBuf,
}

impl Below {
    /// The same for devices and for files that are in their places.
    pub fn new(devices: Vec<String>, files: impl IntoIterator<Item = PathBuf>) -> Below {
        Below { devices, files: files.into_iter().map(|path| Medium { was: path.clone(), now: path }).collect() }
    }

    /// Whether all files are where they were.
    pub fn is_in_place(&self) -> bool {
        self.files.iter().all(|file| file.now == file.was)
    }

    /// Whether making something new on what is claimed writes over it.
    pub fn is_overwritten_with(&self, claims: &[Claim]) -> bool {
        let is_device = |claim: &Claim| matches!(claim, Claim::Device(device) if self.devices.contains(device));
        self.is_in_place() && claims.iter().any(is_device)
    }

    /// Whether removing what is claimed takes it away.
    pub fn is_removed_with(&self, claims: &[Claim]) -> bool {
        claims.iter().any(|claim| matches!(claim, Claim::Path(path) if self.files.iter().any(|file| file.now == *path)))
    }

    /// Whether any of its files is at a path or below it.
    pub fn lies_in(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file.now.starts_with(path))
    }

    /// Notes that a file or folder was moved.
    pub(super) fn moved(&mut self, from: &Path, to: &Path) {
        for file in &mut self.files {
            if let Ok(rest) = file.now.strip_prefix(from) {
                file.now = if rest.as_os_str().is_empty() { to.to_path_buf() } else { to.join(rest) };
            }
        }
    }

    /// Notes that a role has another name, by which its devices are named.
    pub(super) fn renamed(&mut self, from: &str, to: &str) {
        for device in &mut self.devices {
            if let Some(output) = device.strip_prefix(from).filter(|rest| rest.starts_with('.')) {
                *device = format!("{to}{output}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_where_its_file_goes_and_comes_back_with_it() {
        let image = Claim::Path("/srv/a.img".into());
        let device = Claim::Device("loop.device".into());
        let mut below = Below::new(vec!["loop.device".into()], [PathBuf::from("/srv/a.img")]);
        assert!(below.is_removed_with(std::slice::from_ref(&image)) && below.is_overwritten_with(std::slice::from_ref(&device)));
        below.moved(Path::new("/srv/a.img"), Path::new("/srv/.a.img.seed-backup-2"));
        below.moved(Path::new("/srv"), Path::new("/.srv.seed-backup-3"));
        assert!(below.lies_in(Path::new("/.srv.seed-backup-3")));
        assert!(
            !below.is_removed_with(std::slice::from_ref(&image)) && !below.is_overwritten_with(std::slice::from_ref(&device))
        );
        below.moved(Path::new("/.srv.seed-backup-3"), Path::new("/srv"));
        below.moved(Path::new("/srv/.a.img.seed-backup-2"), Path::new("/srv/a.img"));
        assert!(below.is_in_place() && below.is_removed_with(&[image]));
        below.renamed("loop", "other");
        assert!(!below.is_overwritten_with(&[device]) && below.is_overwritten_with(&[Claim::Device("other.device".into())]));
    }
}
