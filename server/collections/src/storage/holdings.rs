//! What data would be lost with a device: told cheaply, and in doubt told as data.

use std::path::{Path, PathBuf};

use seed_role::Result;
use seed_role::host::Host;

use super::device::Window;
use super::mounts::Source;
use super::signature::{Kind, Signature, probe};

/// What on a device is worth keeping, in words; none if it is blank, or holds only what was made anew and never used.
/// `device` is where it can be mounted from, if it is a device.
///
/// # Errors
///
/// When it cannot be read.
pub fn on_device(host: &dyn Host, window: &Window, device: Option<&Path>) -> Result<Option<String>> {
    let Some(found) = probe(host, window)? else { return Ok(None) };
    match found.kind {
        Kind::Swap => Ok(None),
        Kind::Gpt => super::gpt_table::holdings(host, window, device),
        Kind::Btrfs => in_btrfs(host, &found, &[window], &source(device, Some(found.uuid.clone()))),
        Kind::Ext2 | Kind::Ext3 | Kind::Ext4 | Kind::Xfs | Kind::Vfat => in_file_system(host, &found, &source(device, None)),
        _ => Ok(Some(found.words())),
    }
}

fn source(device: Option<&Path>, btrfs: Option<String>) -> Source {
    Source { devices: device.into_iter().map(Path::to_path_buf).collect(), btrfs }
}

/// What in a file system is worth keeping, in words.
fn in_file_system(host: &dyn Host, found: &Signature, source: &Source) -> Result<Option<String>> {
    let holds_files = match source.top(host)? {
        Some(mount) => under(host, &mount.at, &[])?,
        None => found.holds_files.unwrap_or(true),
    };
    Ok(holds_files.then(|| format!("{} and all in it", found.words())))
}

/// The same in a Btrfs file system, on those of its devices whose bytes can be read.
///
/// # Errors
///
/// When it cannot be looked at.
pub fn in_btrfs(host: &dyn Host, found: &Signature, windows: &[&Window], source: &Source) -> Result<Option<String>> {
    let holds_files = match source.top(host)? {
        Some(mount) => {
            let subvolumes = host.btrfs_subvolumes(&mount.at)?.into_iter().map(|subvolume| mount.at.join(subvolume.path));
            under(host, &mount.at, &subvolumes.collect::<Vec<_>>())?
        }
        None => super::btrfs::trees::read(host, windows)?.is_none_or(|read| read.holds_files),
    };
    Ok(holds_files.then(|| format!("{} and all in it", found.words())))
}

/// Whether there are files under a folder, beside subvolumes that hold none, and `lost+found`.
///
/// # Errors
///
/// When it cannot be listed.
pub fn under(host: &dyn Host, folder: &Path, subvolumes: &[PathBuf]) -> Result<bool> {
    for name in host.list(folder)? {
        let path = folder.join(&name);
        let is_empty = if subvolumes.contains(&path) { !under(host, &path, subvolumes)? } else { name == "lost+found" };
        if !is_empty {
            return Ok(true);
        }
    }
    Ok(false)
}
