//! What lies in a folder, to be compared before and after.

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::fmt;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

/// Every path below a folder, with what it is: kind, mode, owner, extended attributes (ACLs and capabilities among them), and content or
/// target.
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
            let attributes: String = attributes(&path).iter().map(|(name, value)| format!("{name}={value} ")).collect();
            let owner = format!("{:04o} {}:{}", metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
            entries.insert(name, format!("{owner} {attributes}{what}"));
        }
        Tree(entries)
    }

    /// Whether a path is in it.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(Path::new(path))
    }

    /// The paths in it.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// Where it is not as another: a line for each path that only one of them has, and two where both have another.
    pub fn differences(&self, other: &Tree) -> Vec<String> {
        let only = |sign: char, these: &Tree, those: &Tree| -> Vec<String> {
            let unlike = these.0.iter().filter(|(path, what)| those.0.get(*path) != Some(*what));
            unlike.map(|(path, what)| format!("  {sign} {} {what}", path.display())).collect()
        };
        let mut found = [only('-', other, self), only('+', self, other)].concat();
        found.sort_by_key(|line| line.split(' ').nth(3).unwrap_or_default().to_string());
        found
    }

    /// The same with other words for what is there.
    pub fn with_words(&self, words: impl Fn(&str) -> String) -> Tree {
        Tree(self.0.iter().map(|(path, what)| (path.clone(), words(what))).collect())
    }

    /// The same with other names, or without some of them. Where several get one name, all that differ are in it.
    pub fn renamed(&self, name: impl Fn(&Path) -> Option<PathBuf>) -> Tree {
        let mut entries: BTreeMap<PathBuf, String> = BTreeMap::new();
        for (path, what) in &self.0 {
            let Some(path) = name(path) else { continue };
            let add = |known: &mut String| {
                if !known.split(" and ").any(|one| one == what) {
                    *known = format!("{known} and {what}");
                }
            };
            entries.entry(path).and_modify(add).or_insert_with(|| what.clone());
        }
        Tree(entries)
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\n")?;
        self.0.iter().try_for_each(|(path, what)| writeln!(formatter, "  {} {what}", path.display()))
    }
}

/// The extended attributes of a file, not of what a link leads to (xattr(7)): names and values in hexadecimal digits. None where the file
/// system has no such thing.
fn attributes(path: &Path) -> BTreeMap<String, String> {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    let mut names = vec![0u8; 1 << 12];
    // SAFETY: the name ends with a zero, and no more is written than the buffer holds.
    let length = unsafe { libc::llistxattr(name.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    let length = match Errno::result(length) {
        Ok(length) => usize::try_from(length).unwrap(),
        Err(Errno::EOPNOTSUPP) => 0,
        Err(errno) => panic!("the extended attributes of {}: {errno}", path.display()),
    };
    let all = names[..length].split(|byte| *byte == 0).filter(|one| !one.is_empty());
    all.map(|attribute| {
        let key = CString::new(attribute).unwrap();
        let mut value = vec![0u8; 1 << 12];
        // SAFETY: as above.
        let length = unsafe { libc::lgetxattr(name.as_ptr(), key.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
        let length = usize::try_from(Errno::result(length).unwrap()).unwrap();
        let digits = value[..length].iter().map(|byte| format!("{byte:02x}")).collect();
        (OsString::from_vec(attribute.to_vec()).to_string_lossy().into_owned(), digits)
    })
    .collect()
}
