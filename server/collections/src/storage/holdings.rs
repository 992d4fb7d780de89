//! What data would be lost with a device: told cheaply, and in doubt told as data.

use std::path::{Path, PathBuf};

use seed_role::host::{FileKind, Host};
use seed_role::{Result, Trouble};

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
    let Some(found) = probe(host, window)? else { return unknown_bytes(host, window) };
    match found.kind {
        Kind::Swap => Ok(None),
        Kind::Gpt => super::gpt_table::holdings(host, window, device),
        Kind::Btrfs => in_btrfs(host, &found, &[window], &source(device, Some(found.uuid.clone()))),
        Kind::Ext2 | Kind::Ext3 | Kind::Ext4 | Kind::Xfs | Kind::Vfat => in_file_system(host, &found, &source(device, None)),
        _ => Ok(Some(found.words())),
    }
}

/// Data behind the bytes that would tell what it is: told of files, whose holes need not be read.
fn unknown_bytes(host: &dyn Host, window: &Window) -> Result<Option<String>> {
    if host.metadata(&window.file)?.is_none_or(|there| there.kind != FileKind::File) {
        return Ok(None);
    }
    let found = host.first_data(&window.file, window.offset, window.len)?;
    Ok(found.map(|_| Kind::Unrecognised.words()))
}

/// Refuses to make something where anything is by now: whoever put it there was faster.
///
/// # Errors
///
/// That it is there, with what it is; or when the device cannot be read.
pub fn must_be_blank(host: &dyn Host, window: &Window) -> Result<()> {
    match probe(host, window)? {
        None => Ok(()),
        Some(found) => Err(Trouble::new(format!("write to {}", window.file.display()), format!("{} is there", found.words()))
            .hint("look at the new plan and apply again")),
    }
}

/// Refuses to take away what an interrupted mkfs left if somebody has used it since: it holds files, or is mounted. What such a
/// file system holds is in doubt nothing: it may be half-made.
///
/// # Errors
///
/// That it is used, with what it is; or when the device cannot be read.
pub fn must_be_unused(host: &dyn Host, window: &Window, device: Option<&Path>) -> Result<()> {
    let Some(found) = probe(host, window)? else { return Ok(()) };
    let source = source(device, (found.kind == Kind::Btrfs).then(|| found.uuid.clone()));
    let holds_files = match found.kind {
        Kind::Btrfs => super::btrfs::trees::read(host, &[window])?.is_some_and(|read| read.holds_files),
        _ => found.holds_files.unwrap_or(false),
    };
    if !holds_files && source.mounts(host)?.is_empty() {
        return Ok(());
    }
    let attempt = format!("remove what an interrupted run left on {}", window.file.display());
    Err(Trouble::new(attempt, format!("{} is in use", found.words()))
        .hint("check what it is; if nobody needs it, remove it with `wipefs -a`"))
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
    Ok(holds_files.then(|| format!("{} and everything in it", found.words())))
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
    Ok(holds_files.then(|| format!("{} and everything in it", found.words())))
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
