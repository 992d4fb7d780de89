//! Files that must never be half-written: the lists and blobs of the state folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a folder that only its owner may read, with those above it.
///
/// # Errors
///
/// As the system gives them.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Puts a file in place as a whole: temporary file, fsync, rename, fsync of the folder.
///
/// # Errors
///
/// As the system gives them; the file that was there is then untouched.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    put(path, content, true)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The same without waiting for the disk, for what can be made anew and tells itself whether it is whole: a power failure may leave the
/// old file, or a part of the new.
///
/// # Errors
///
/// As the system gives them; the file that was there is then untouched.
pub fn replace_soon(path: &Path, content: &[u8]) -> io::Result<()> {
    put(path, content, false)
}

fn put(path: &Path, content: &[u8], durable: bool) -> io::Result<()> {
    private_folder(path.parent().unwrap_or(Path::new(".")))?;
    let temporary = seed_role::host::temporary_of(path);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    if durable {
        file.sync_all()?;
    }
    fs::rename(&temporary, path)
}

/// Removes what interrupted writes of these files have left.
pub fn remove_temporary(folder: &Path, names: &[&str]) {
    for name in names {
        // One that stays is overwritten by the next write.
        let _ = fs::remove_file(seed_role::host::temporary_of(&folder.join(name)));
    }
}
