//! Files that embed fragments, by hand: reading all of them, and writing all of them.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::Result;
use crate::bench::workload::{embedding, embedding_in};

/// Walks over a folder and reads all files in it.
pub fn read(top: &Path) -> Result {
    let mut open = vec![top.to_path_buf()];
    let mut bytes = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => open.push(entry.path()),
                false => bytes += fs::read(entry.path())?.len(),
            }
        }
    }
    if bytes == 0 { Err("there is nothing to read".into()) } else { Ok(()) }
}

/// Writes all files with the blocks of a version: each beside its place and renamed, and all of them durable by one syncfs(2).
pub fn write(top: &Path, count: usize, version: usize) -> Result {
    for number in 0..count {
        let path = embedding_in(top, number);
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(embedding(number, Some(version)).as_bytes())?;
        fs::rename(&temporary, &path)?;
    }
    let top = File::open(top)?;
    // SAFETY: the descriptor is open as long as `top` lives.
    match unsafe { libc::syncfs(top.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}
