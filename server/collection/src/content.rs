//! What a collection holds: walked, hashed, and copied.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use seed_role::host::folder::Folder;
use seed_role::trouble::{Kind, Result, Trouble};
use serde::{Deserialize, Serialize};

/// The most files and links that a collection has.
pub const MOST_FILES: usize = 10_000;
/// The most bytes that its files have together.
pub const MOST_BYTES: u64 = 256 << 20;
/// How deep its folders are nested.
pub const DEEPEST: usize = 32;
const FRONT: &str = "blake3:";

/// The hash over all that a collection holds: paths, modes and bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(String);

impl Hash {
    /// Reads `blake3:` with 64 hexadecimal digits. Nothing else is one, so that it can name a folder.
    ///
    /// # Errors
    ///
    /// In words.
    pub fn parse(text: &str) -> Result<Hash, String> {
        let digits = text.strip_prefix(FRONT).filter(|digits| digits.len() == 64);
        let fits = digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
        if fits { Ok(Hash(text.to_owned())) } else { Err(format!("`{text}` is not a hash: `{FRONT}` and 64 hexadecimal digits")) }
    }

    /// Its digits alone.
    pub fn digits(&self) -> &str {
        self.0.strip_prefix(FRONT).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for Hash {
    type Error = String;

    fn try_from(text: String) -> Result<Hash, String> {
        Hash::parse(&text)
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.0
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a file is to the hash, with git's words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A file.
    File,
    /// A file that can be run.
    Program,
    /// A symbolic link.
    Link,
}

impl Mode {
    fn octal(self) -> &'static [u8] {
        match self {
            Mode::File => b"100644",
            Mode::Program => b"100755",
            Mode::Link => b"120000",
        }
    }

    /// The permission bits of a new file.
    fn bits(self) -> u32 {
        if self == Mode::Program { 0o755 } else { 0o644 }
    }
}

/// A file or link of a collection on the disk.
struct Entry {
    /// From the top of the collection.
    path: PathBuf,
    mode: Mode,
    about: fs::Metadata,
}

/// All files and links below a folder, sorted by their paths. Whatever a collection cannot hold is an error.
fn walk(top: &Path) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    let mut folders = vec![(PathBuf::new(), 0)];
    while let Some((inner, depth)) = folders.pop() {
        let folder = top.join(&inner);
        let io = |error: std::io::Error| Trouble::from_io(format!("read {}", folder.display()), &error);
        for entry in fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let path = inner.join(entry.file_name());
            let refuse = |reason: &str| Trouble::new(format!("read {}", top.join(&path).display()), reason).kind(Kind::Unsafe);
            let about = entry.metadata().map_err(io)?;
            let kind = about.file_type();
            if kind.is_dir() {
                if depth == DEEPEST {
                    return Err(refuse("its folders are nested too deeply"));
                }
                folders.push((path, depth + 1));
                continue;
            }
            let mode = match () {
                () if kind.is_symlink() => Mode::Link,
                () if !kind.is_file() => return Err(refuse("it is neither a file nor a folder nor a symbolic link")),
                () if about.mode() & 0o100 != 0 => Mode::Program,
                () => Mode::File,
            };
            found.push(Entry { path, mode, about });
            if found.len() > MOST_FILES {
                return Err(Trouble::new(format!("read {}", top.display()), format!("it has more than {MOST_FILES} files")));
            }
        }
    }
    found.sort_by(|one, other| one.path.as_os_str().as_bytes().cmp(other.path.as_os_str().as_bytes()));
    Ok(found)
}

/// The hash over all below a folder.
///
/// # Errors
///
/// When something there cannot be read, or is nothing that a collection holds.
pub fn hash(top: &Path) -> Result<Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    let mut total = 0;
    for Entry { path, mode, .. } in walk(top)? {
        let whole = top.join(&path);
        field(path.as_os_str().as_bytes());
        field(mode.octal());
        let bytes = read(&whole, mode)?;
        total += bytes.len() as u64;
        if total > MOST_BYTES {
            return Err(Trouble::new(format!("read {}", top.display()), format!("it contains more than {MOST_BYTES} bytes")));
        }
        field(&bytes);
    }
    Ok(Hash(format!("{FRONT}{}", hasher.finalize().to_hex())))
}

fn read(path: &Path, mode: Mode) -> Result<Vec<u8>> {
    let io = |error: std::io::Error| Trouble::from_io(format!("read {}", path.display()), &error);
    if mode == Mode::Link {
        return Ok(fs::read_link(path).map_err(io)?.into_os_string().as_bytes().to_vec());
    }
    let mut options = fs::OpenOptions::new();
    let file = options.read(true).custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits()).open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// What tells, without a look into the files, that they are as they were: sizes, modes, times and numbers of all of them.
///
/// # Errors
///
/// As [`hash`].
pub fn outside(top: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    for Entry { path, about, .. } in walk(top)? {
        hasher.update(path.as_os_str().as_bytes());
        let times = [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()];
        let numbers = [about.ino() as i64, about.size() as i64, i64::from(about.mode())];
        for number in times.into_iter().chain(numbers) {
            hasher.update(&number.to_le_bytes());
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Why a symbolic link would lead out of a collection; none if it stays within. All `..` come first, so that no other link on
/// the way can change what they mean.
pub fn leads_out(link: &Path, target: &Path) -> Option<&'static str> {
    let depth = link.components().count().saturating_sub(1);
    let mut up = 0;
    let mut down = 0;
    for part in target.components() {
        match part {
            Component::RootDir | Component::Prefix(_) => return Some("a symbolic link to an absolute path"),
            Component::ParentDir if down > 0 => return Some("a symbolic link with `..` in the middle"),
            Component::ParentDir => up += 1,
            Component::Normal(_) => down += 1,
            Component::CurDir => {}
        }
    }
    (up > depth).then_some("a symbolic link that leads out of the collection")
}

/// Writes a file or link that must not be there yet.
///
/// # Errors
///
/// As the system gives them, also if something is there.
pub fn write(path: &Path, mode: Mode, bytes: &[u8]) -> std::io::Result<()> {
    if mode == Mode::Link {
        return std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(bytes), path);
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode.bits()).open(path)?;
    file.write_all(bytes)
}

/// Copies all below a folder into a new folder.
///
/// # Errors
///
/// When something cannot be read or written, or leads out.
pub fn copy(from: &Path, to: &Folder) -> Result<()> {
    for Entry { path, mode, .. } in walk(from)? {
        let bytes = read(&from.join(&path), mode)?;
        let folder = to.make_all(path.parent().unwrap_or(Path::new("")))?;
        let name = path.file_name().unwrap_or_default();
        if mode == Mode::Link {
            let target = Path::new(std::ffi::OsStr::from_bytes(&bytes));
            if let Some(reason) = leads_out(&path, target) {
                return Err(Trouble::new(format!("copy {}", from.join(&path).display()), reason).kind(Kind::Unsafe));
            }
            folder.link(name, target)?;
            continue;
        }
        let mut file = folder.create(name, mode.bits())?;
        file.write_all(&bytes).map_err(|error| Trouble::from_io(format!("write {}", to.path().join(&path).display()), &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_hash_is_of_paths_modes_and_bytes() {
        let files = [("roles/a/role.yml", "about: A"), ("b", "x")];
        let one = hash(folder(&files).path()).unwrap();
        let same = folder(&files);
        assert_eq!(hash(same.path()).unwrap(), one);
        fs::set_permissions(same.path().join("b"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(hash(same.path()).unwrap(), one);
        assert_ne!(hash(folder(&[("roles/a/role.yml", "about: A"), ("b", "y")]).path()).unwrap(), one);
        assert_ne!(hash(folder(&[("roles/a/role.yml", "about: A"), ("c", "x")]).path()).unwrap(), one);
        // Where one file ends and the next begins is a part of it.
        assert_ne!(
            hash(folder(&[("a", "b"), ("c", "")]).path()).unwrap(),
            hash(folder(&[("a", ""), ("c", "b")]).path()).unwrap()
        );
    }

    #[test]
    fn a_copy_has_the_hash_of_what_was_copied() {
        let from = folder(&[("roles/a/role.yml", "about: A"), ("x/run", "#!")]);
        fs::set_permissions(from.path().join("x/run"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("../x/run", from.path().join("roles/run")).unwrap();
        let to = tempfile::tempdir().unwrap();
        copy(from.path(), &Folder::made(&to.path().join("copy")).unwrap()).unwrap();
        assert_eq!(hash(&to.path().join("copy")).unwrap(), hash(from.path()).unwrap());
    }

    proptest! {
        /// Links that are taken never lead out, also not by way of one another.
        #[test]
        fn links_never_lead_out(
            links in proptest::collection::vec(("[ab](/[ab]){0,2}", "(\\.\\./){0,3}([ab]|\\.|\\.\\.)(/([ab]|\\.\\.)){0,3}"), 1..6)
        ) {
            let folder = tempfile::tempdir().unwrap();
            let top = folder.path().canonicalize().unwrap().join("one/two/three/top");
            fs::create_dir_all(&top).unwrap();
            for (link, target) in &links {
                let (link, target) = (Path::new(link), Path::new(target));
                let real = link.parent().unwrap().ancestors().all(|above| {
                    let whole = top.join(above);
                    !whole.is_symlink() && (whole.is_dir() || !whole.exists())
                });
                if real && leads_out(link, target).is_none() {
                    fs::create_dir_all(top.join(link).parent().unwrap()).unwrap();
                    let _ = std::os::unix::fs::symlink(target, top.join(link));
                }
            }
            for entry in walk(&top).unwrap() {
                if let Ok(real) = top.join(&entry.path).canonicalize() {
                    prop_assert!(real.starts_with(&top), "{} leads to {}", entry.path.display(), real.display());
                }
            }
        }
    }
}
