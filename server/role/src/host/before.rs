//! What a change expects at a path: what was confirmed, and is compared once more with what the change takes away.

use std::path::{Path, PathBuf};

use super::attributes::Attributes;
use super::{FileKind, Host, Metadata, Owner, Whole};
use crate::trouble::{Kind, Result, Trouble};

/// The length and hash of a content. Of what is secret nothing else is held in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Its length in bytes.
    pub len: u64,
    /// Its BLAKE3 hash.
    pub hash: blake3::Hash,
}

impl Digest {
    /// That of these bytes.
    pub fn of(content: &[u8]) -> Self {
        Digest { len: content.len() as u64, hash: blake3::hash(content) }
    }

    /// That of what is read piece by piece, at most `MOST` bytes of it at once.
    ///
    /// # Errors
    ///
    /// Those of `read`, which is given an offset and a length, and gives fewer bytes only at the end.
    pub fn read<E>(mut read: impl FnMut(u64, usize) -> Result<Vec<u8>, E>) -> Result<Self, E> {
        const MOST: usize = 1 << 20;
        let mut hasher = blake3::Hasher::new();
        let mut len: u64 = 0;
        loop {
            let piece = read(len, MOST)?;
            hasher.update(&piece);
            len += piece.len() as u64;
            if piece.len() < MOST {
                return Ok(Digest { len, hash: hasher.finalize() });
            }
        }
    }
}

/// What is at a path before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// A regular file.
    File {
        /// What it holds.
        content: Digest,
        /// Its permission bits.
        mode: u32,
        /// Whose it is.
        owner: Owner,
        /// What else it has.
        attributes: Attributes,
    },
    /// A symbolic link.
    Link {
        /// Where it points.
        target: PathBuf,
        /// Whose it is.
        owner: Owner,
    },
}

impl Before {
    /// What is there now.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is neither file nor link.
    pub fn look(host: &dyn Host, path: &Path) -> Result<Before> {
        let Some(there) = host.metadata(path)? else { return Ok(Before::Nothing) };
        match there.kind {
            FileKind::File => {
                let content = Digest::read(|offset, len| host.read_at(path, offset, len))?;
                let attributes = host.attributes(path)?;
                Ok(Before::File { content, mode: there.mode, owner: owner_of(&there), attributes })
            }
            FileKind::Link => Ok(Before::Link { target: host.read_link(path)?, owner: owner_of(&there) }),
            _ => Err(Trouble::new(format!("look at {}", path.display()), "it is neither a file nor a link")),
        }
    }

    /// A file that was read.
    pub fn of_file(Whole { metadata, content, attributes }: &Whole) -> Before {
        let attributes = attributes.clone();
        Before::File { content: Digest::of(content), mode: metadata.mode, owner: owner_of(metadata), attributes }
    }

    /// The file to put in its place for another content: all else stays as it is. A new one has mode 0644, and is `owner`'s.
    pub fn with_content<'a>(&'a self, content: &'a [u8], owner: Option<Owner>) -> NewFile<'a> {
        match self {
            Before::File { mode, owner, attributes, .. } => {
                NewFile { content, mode: *mode, owner: Some(*owner), attributes: Some(attributes) }
            }
            Before::Nothing | Before::Link { .. } => NewFile { content, mode: 0o644, owner, attributes: None },
        }
    }
}

fn owner_of(there: &Metadata) -> Owner {
    Owner { uid: there.uid, gid: there.gid }
}

/// A file to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewFile<'a> {
    /// What it holds.
    pub content: &'a [u8],
    /// Its permission bits.
    pub mode: u32,
    /// Whose it is; this process's where it is left open.
    pub owner: Option<Owner>,
    /// What else it has, exactly; where it is left open, what the folder gives to every new file.
    pub attributes: Option<&'a Attributes>,
}

/// What is said when something is not as it was confirmed. `what` tells what it is instead.
pub(crate) fn changed(attempted: String, what: &str) -> Trouble {
    Trouble::new(attempted, format!("it changed since the plan was made: {what}"))
        .kind(Kind::Changed)
        .hint("it was left as it is; look at the new plan and apply again")
}

/// What differs between what was confirmed and what is there, in words; none if nothing does.
pub(crate) fn difference(confirmed: &Before, there: &Before) -> Option<&'static str> {
    match (confirmed, there) {
        (Before::Nothing, Before::Nothing) => None,
        (Before::Nothing, _) => Some("something was created there meanwhile"),
        (_, Before::Nothing) => Some("it is gone"),
        (
            Before::File { content, mode, owner, attributes },
            Before::File { content: now, mode: mode_now, owner: owner_now, attributes: attributes_now },
        ) => {
            let parts = [
                (content == now, "its content is another"),
                (mode == mode_now, "its mode is another"),
                (owner == owner_now, "its owner is another"),
                (attributes == attributes_now, "its access list, extended attributes or flags are others"),
            ];
            parts.into_iter().find(|(same, _)| !same).map(|(_, words)| words)
        }
        (Before::Link { target, owner }, Before::Link { target: now, owner: owner_now }) => {
            match (target == now, owner == owner_now) {
                (false, _) => Some("it points elsewhere"),
                (true, false) => Some("its owner is another"),
                (true, true) => None,
            }
        }
        (Before::File { .. } | Before::Link { .. }, _) => Some("something else is there"),
    }
}

/// The path that a name of [`super::temporary_of`] stands beside; none if it is none.
pub fn path_of_temporary(temporary: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let name = temporary.file_name()?.as_bytes().strip_prefix(b".")?.strip_suffix(b".seed-new")?;
    (!name.is_empty()).then(|| temporary.with_file_name(std::ffi::OsString::from_vec(name.to_vec())))
}

/// Where a version of a file is kept that has lost its name to a later one, so that none is lost: visible, and numbered from 1.
pub fn spare_of(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".saved-{number}"));
    path.with_file_name(name)
}
