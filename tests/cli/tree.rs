//! What lies in a folder, to be compared before and after.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Every path below a folder, with what it is: kind, mode, owner, and content or target.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, String>);

impl Tree {
    /// What lies in a folder now.
    pub fn of(top: &Path) -> Tree {
        let mut entries = BTreeMap::new();
        let mut open = vec![top.to_path_buf()];
        while let Some(path) = open.pop() {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let kind = metadata.file_type();
            let what = if kind.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if kind.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                "/".to_string()
            } else if kind.is_block_device() || !kind.is_file() {
                "special".to_string()
            } else if metadata.len() > 1 << 20 {
                format!("{} bytes", metadata.len())
            } else {
                format!("{:?}", String::from_utf8_lossy(&fs::read(&path).unwrap()))
            };
            let name = path.strip_prefix(top).unwrap().to_path_buf();
            entries.insert(name, format!("{:04o} {}:{} {what}", metadata.mode() & 0o7777, metadata.uid(), metadata.gid()));
        }
        Tree(entries)
    }

    /// Whether a path is in it.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(Path::new(path))
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\n")?;
        self.0.iter().try_for_each(|(path, what)| writeln!(formatter, "  {} {what}", path.display()))
    }
}
