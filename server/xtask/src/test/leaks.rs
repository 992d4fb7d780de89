//! What the tests leave on the machine: nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};

use crate::Result;

/// A folder that all temporary files of the tests are put into.
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// A new one. Like the usual one it is open to all users, since some tests act as another.
    pub fn new() -> Result<Scratch> {
        let folder = std::env::temp_dir().canonicalize()?.join(format!("seed-test-{}", std::process::id()));
        fs::create_dir(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777))?;
        Ok(Scratch { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// What is left of the tests: files, mounts, loop devices and processes, one a line.
    pub fn leftovers(&self) -> Result<Vec<String>> {
        let mut found: Vec<String> =
            mounts_below(&self.folder)?.into_iter().map(|at| format!("mounted: {}", at.display())).collect();
        found.extend(
            loops_below(&self.folder)?.into_iter().map(|(device, file)| format!("attached: {device} to {}", file.display())),
        );
        found.extend(processes_of(&self.folder).into_iter().map(|process| format!("running: {process}")));
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if !is_folder_of_neovim(&path) {
                found.push(format!("left behind: {}", path.display()));
            }
        }
        Ok(found)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Mounts go first, or removing the folder would remove what is in them.
        for at in mounts_below(&self.folder).unwrap_or_default().iter().rev() {
            let _ = umount2(at, MntFlags::MNT_DETACH);
        }
        for (device, _) in loops_below(&self.folder).unwrap_or_default() {
            let _ = std::process::Command::new("losetup").arg("--detach").arg(format!("/dev/{device}")).status();
        }
        if mounts_below(&self.folder).is_ok_and(|mounts| mounts.is_empty()) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Neovim keeps a folder in which each of its processes has one (`:help tempfile`), and leaves it.
fn is_folder_of_neovim(path: &Path) -> bool {
    path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("nvim."))
}

/// The mount points below a folder, in the order of mounting (proc_pid_mountinfo(5)).
fn mounts_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| PathBuf::from(point.replace("\\040", " ")));
    Ok(points.filter(|point| point.starts_with(folder)).collect())
}

/// The loop devices whose files lie, or lay, below a folder.
fn loops_below(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let Ok(devices) = fs::read_dir("/sys/block") else { return Ok(found) };
    for device in devices {
        let device = device?;
        let backing = fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
        let backing = PathBuf::from(backing.trim_end());
        if backing.starts_with(folder) {
            found.push((device.file_name().to_string_lossy().into_owned(), backing));
        }
    }
    Ok(found)
}

/// The processes that were started with the folder as their place for temporary files.
fn processes_of(folder: &Path) -> Vec<String> {
    let wanted = format!("TMPDIR={}", folder.display()).into_bytes();
    let own = std::process::id().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_ours =
        |path: &Path| fs::read(path.join("environ")).is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == wanted));
    entries
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|entry| *entry.file_name() != *own && is_ours(&entry.path()))
        .map(|entry| {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words: Vec<_> = words.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
            format!("{} {}", entry.file_name().to_string_lossy(), words.join(" "))
        })
        .collect()
}
