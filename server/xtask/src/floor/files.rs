//! Folders and files by hand.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::Result;
use crate::bench::workload::{FILE_MODE, FOLDER_MODE, content, file_in, folder_in};

/// When what was written is made durable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// Each file and its folder before the next.
    Each,
    /// All of it by one syncfs(2).
    AtTheEnd,
}

/// Looks whether folders and files are as they should be.
pub fn compare(top: &Path, count: usize) -> Result {
    for number in 0..count {
        let folder = folder_in(top, number);
        let there = fs::symlink_metadata(&folder)?;
        if !there.is_dir() || there.mode() & 0o7777 != FOLDER_MODE {
            return Err(format!("{} differs", folder.display()).into());
        }
        let path = file_in(top, number);
        let there = fs::symlink_metadata(&path)?;
        let mut bytes = Vec::with_capacity(usize::try_from(there.len())? + 1);
        File::open(&path)?.read_to_end(&mut bytes)?;
        if !there.is_file() || there.mode() & 0o7777 != FILE_MODE || bytes != content(number).as_bytes() {
            return Err(format!("{} differs", path.display()).into());
        }
    }
    Ok(())
}

/// Makes them.
pub fn create(top: &Path, count: usize, durable: Durable) -> Result {
    for number in 0..count {
        let folder = folder_in(top, number);
        DirBuilder::new().mode(FOLDER_MODE).create(&folder)?;
        if durable == Durable::Each {
            File::open(top)?.sync_all()?;
        }
        let path = file_in(top, number);
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&temporary)?;
        file.write_all(content(number).as_bytes())?;
        if durable == Durable::Each {
            file.sync_all()?;
        }
        fs::rename(&temporary, &path)?;
        if durable == Durable::Each {
            File::open(path.parent().unwrap_or(top))?.sync_all()?;
        }
    }
    let top = File::open(top)?;
    // SAFETY: the descriptor is open as long as `top` lives.
    match durable == Durable::AtTheEnd && unsafe { libc::syncfs(top.as_raw_fd()) } != 0 {
        true => Err(std::io::Error::last_os_error().into()),
        false => Ok(()),
    }
}
