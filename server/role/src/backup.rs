//! Backups of files and folders: where they are, and how they get there and away.
//!
//! A backup of `lab.img` is `.lab.img.seed-backup-3/lab.img`: on the same file system, so that one rename makes it, and in a folder of its
//! own with a `.gitignore` that ignores all of it, so that `git add .` leaves it alone.

use std::path::{Path, PathBuf};

use crate::host::{FileKind, Host, temporary_of};
use crate::trouble::Result;

/// What the names of backups contain; the number of the run follows.
pub const MARK: &str = "seed-backup-";

/// The file that keeps a backup out of a git repository.
const IGNORE: &str = ".gitignore";

/// The name under which a run makes its backups.
pub fn name_of(run: u64) -> String {
    format!("{MARK}{run}")
}

/// Where the backup of a file or folder is.
pub fn place(path: &Path, name: &str) -> PathBuf {
    let own = path.file_name().unwrap_or_default();
    let mut folder = std::ffi::OsString::from(".");
    folder.push(own);
    folder.push(".");
    folder.push(name);
    path.with_file_name(folder).join(own)
}

/// The folder that holds nothing but a backup, if that is where the backup is.
fn folder_of(place: &Path) -> Option<&Path> {
    let folder = place.parent()?;
    folder.file_name()?.to_str().is_some_and(is_folder_of_one).then_some(folder)
}

/// Whether a name is that of a folder with a backup.
pub fn is_folder_of_one(name: &str) -> bool {
    let are = |text: &str, is_one: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(is_one);
    let Some((_, run)) = name.strip_prefix('.').and_then(|name| name.rsplit_once(&format!(".{MARK}"))) else { return false };
    // Where the name was taken, more follows that nobody can foresee.
    let (run, rest) = run.split_once('-').unwrap_or((run, "0"));
    are(run, u8::is_ascii_digit) && are(rest, u8::is_ascii_hexdigit)
}

/// Whether a backup is a folder of snapshots at the top of a file system.
pub fn holds_snapshots(place: &Path) -> bool {
    place.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(MARK))
}

/// Moves a file or folder to its backup.
///
/// # Errors
///
/// When it cannot be moved. Then nothing is left of the attempt.
pub fn make(host: &dyn Host, path: &Path, place: &Path) -> Result<()> {
    let moved = prepare(host, place).and_then(|()| host.rename(path, place));
    if moved.is_err() {
        // The first error says more than that this fails, too.
        let _ = clear(host, place);
    }
    moved
}

fn prepare(host: &dyn Host, place: &Path) -> Result<()> {
    let Some(folder) = folder_of(place) else { return Ok(()) };
    host.make_folder(folder, 0o755)?;
    host.write_file(&folder.join(IGNORE), b"*\n", 0o644, None)
}

/// Moves a backup back to its place.
///
/// # Errors
///
/// When it cannot be moved.
pub fn restore(host: &dyn Host, place: &Path, path: &Path) -> Result<()> {
    host.rename(place, path)?;
    clear(host, place)
}

/// Removes a backup.
///
/// # Errors
///
/// When it cannot be removed.
pub fn remove(host: &dyn Host, place: &Path) -> Result<()> {
    /// The inode number of a subvolume's top folder (btrfs(5)).
    const SUBVOLUME_INODE: u64 = 256;
    match host.metadata(place)? {
        Some(metadata) if metadata.kind == FileKind::Directory && metadata.inode == SUBVOLUME_INODE => host.btrfs_delete(place),
        Some(metadata) if metadata.kind == FileKind::Directory => {
            if holds_snapshots(place) {
                host.list(place)?.iter().try_for_each(|name| remove(host, &place.join(name)))?;
            }
            host.remove_tree(place)
        }
        Some(_) => host.remove_file(place),
        None => Ok(()),
    }?;
    clear(host, place)
}

/// Removes the folder of a backup that is no longer there. What somebody put into it stays.
///
/// # Errors
///
/// When it cannot be removed.
pub fn clear(host: &dyn Host, place: &Path) -> Result<()> {
    let Some(folder) = folder_of(place).filter(|folder| matches!(host.metadata(folder), Ok(Some(_)))) else { return Ok(()) };
    let ignore = folder.join(IGNORE);
    let ours = [temporary_of(&ignore), ignore];
    if host.list(folder)?.into_iter().any(|name| !ours.contains(&folder.join(name))) {
        return Ok(());
    }
    ours.iter().try_for_each(|path| host.remove_file(path))?;
    host.remove_folder(folder)
}

/// The bytes that a backup takes on the disk; none if it is gone.
///
/// # Errors
///
/// When it cannot be read.
pub fn size(host: &dyn Host, place: &Path) -> Result<Option<u64>> {
    let Some(metadata) = host.metadata(place)? else { return Ok(None) };
    let mut size = metadata.allocated;
    if metadata.kind == FileKind::Directory {
        for name in host.list(place)? {
            size = size.saturating_add(self::size(host, &place.join(name))?.unwrap_or(0));
        }
    }
    Ok(Some(size))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::host::RealHost;

    #[test]
    fn whatever_an_interruption_leaves_of_a_backup_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let (host, path) = (RealHost::new(), folder.path().canonicalize().unwrap().join("note"));
        let place = place(&path, &name_of(7));
        for interrupted_after in 0..=2 {
            if interrupted_after > 0 {
                host.make_folder(super::folder_of(&place).unwrap(), 0o755).unwrap();
            }
            if interrupted_after > 1 {
                std::fs::write(place.with_file_name("..gitignore.seed-new"), "").unwrap();
            }
            clear(&host, &place).unwrap();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "after {interrupted_after} steps");
        }
        std::fs::write(&path, "precious").unwrap();
        make(&host, &path, &place).unwrap();
        clear(&host, &place).unwrap();
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "precious");
        restore(&host, &place, &path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_put_beside_a_backup_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (host, path) = (RealHost::new(), folder.path().canonicalize().unwrap().join("note"));
        let place = place(&path, &name_of(7));
        std::fs::write(&path, "precious").unwrap();
        make(&host, &path, &place).unwrap();
        std::fs::write(place.with_file_name("theirs"), "").unwrap();
        remove(&host, &place).unwrap();
        assert!(!place.exists() && place.with_file_name("theirs").exists());
    }
}
