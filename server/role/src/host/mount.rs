//! Mounts.

use std::path::{Path, PathBuf};

/// A line of the mount table (proc_pid_mountinfo(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its number.
    pub id: u64,
    /// The number of the mount that it is mounted in, or over; that of none in the table for the first.
    pub parent: u64,
    /// Where it is mounted.
    pub at: PathBuf,
    /// What is mounted: a device, or the word the file system gives.
    pub source: String,
    /// The type of the file system.
    pub fs_type: String,
    /// The path in the file system that is the root of this mount.
    pub root: PathBuf,
    /// The options of the mount: `ro`, `nosuid`, `noatime`, …
    pub options: Vec<String>,
    /// The options of the file system: `compress=zstd:3`, `size=65536k`, …
    pub super_options: Vec<String>,
    /// The device number, major and minor.
    pub device: (u32, u32),
}

/// What to mount, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountRequest {
    /// What: a device, a folder to bind, or a word.
    pub source: String,
    /// Where; the folder must be there.
    pub at: PathBuf,
    /// The type of the file system; `bind` to show a folder at another place.
    pub fs_type: String,
    /// Options as mount(8) writes them; those that are flags of mount(2) are taken out of the data.
    pub options: Vec<String>,
}

/// The mount that a path without links lies in, as the kernel finds it from the root (path_resolution(7)): the topmost of those that are
/// mounted over each other. None where the table does not tell.
pub fn holding<'t>(table: &'t [Mount], path: &Path) -> Option<&'t Mount> {
    let is_first =
        |mount: &&Mount| mount.at == Path::new("/") && table.iter().all(|other| other.id != mount.parent || other.id == mount.id);
    let mut found = table.iter().find(is_first)?;
    loop {
        let inside = table.iter().filter(|mount| mount.parent == found.id && mount.id != found.id && path.starts_with(&mount.at));
        match inside.min_by_key(|mount| mount.at.as_os_str().len()) {
            Some(next) => found = next,
            None => return Some(found),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mount(id: u64, parent: u64, at: &str) -> Mount {
        Mount {
            id,
            parent,
            at: at.into(),
            source: String::new(),
            fs_type: "tmpfs".into(),
            root: "/".into(),
            options: Vec::new(),
            super_options: Vec::new(),
            device: (0, 0),
        }
    }

    #[test]
    fn the_mount_that_a_path_lies_in_is_the_topmost_on_the_way() {
        // Whatever the order of the table: it need not be that of mounting.
        let table = [
            mount(9, 4, "/srv/lab"),
            mount(4, 1, "/srv/lab"),
            mount(1, 0, "/"),
            mount(5, 9, "/srv/lab/in"),
            mount(7, 1, "/home/ada"),
            mount(8, 1, "/home"),
        ];
        let id = |path: &str| holding(&table, Path::new(path)).unwrap().id;
        assert_eq!([id("/"), id("/srv"), id("/srv/lab"), id("/srv/lab/x"), id("/srv/laboratory")], [1, 1, 9, 9, 1]);
        assert_eq!(id("/srv/lab/in/x"), 5);
        // The later one hides all below it.
        assert_eq!(id("/home/ada/x"), 8);
        assert_eq!(holding(&[], Path::new("/")), None);
    }
}
