//! What is read out of the trees of a Btrfs: subvolumes, and their limits (`linux/btrfs_tree.h`).

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use nix::errno::Errno;

use super::btrfs::{until_zero, uuid_text};
use super::btrfs_ioctl as ioctl;
use crate::host::Subvolume;
use crate::host::btrfs_format as format;

/// An item that a search found.
struct Item<'a> {
    objectid: u64,
    offset: u64,
    kind: u8,
    data: &'a [u8],
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn uuid_at(bytes: &[u8], at: usize) -> Option<[u8; 16]> {
    bytes.get(at..at + 16)?.try_into().ok()
}

/// Searches a tree for the items between two keys, each (object, type, offset), and gives each to `found`.
fn search(
    fd: BorrowedFd<'_>,
    tree: u64,
    from: (u64, u8, u64),
    to: (u64, u8, u64),
    mut found: impl FnMut(Item<'_>),
) -> nix::Result<()> {
    // SAFETY: the structure is plain numbers, for which all zeros are valid.
    let mut args: Box<ioctl::SearchArgsV2> = Box::new(unsafe { std::mem::zeroed() });
    let mut key = ioctl::SearchKey {
        tree_id: tree,
        min_objectid: from.0,
        min_type: u32::from(from.1),
        min_offset: from.2,
        max_objectid: to.0,
        max_type: u32::from(to.1),
        max_offset: to.2,
        max_transid: u64::MAX,
        ..ioctl::SearchKey::default()
    };
    loop {
        key.nr_items = u32::MAX;
        args.key = key;
        args.buf_size = ioctl::SEARCH_ROOM as u64;
        // SAFETY: the kernel reads the key and fills at most `buf_size` bytes behind it, which are there.
        unsafe { ioctl::tree_search(fd.as_raw_fd(), (&raw mut *args).cast()) }?;
        if args.key.nr_items == 0 {
            return Ok(());
        }
        let mut rest = &args.buf[..];
        let mut last = (key.min_objectid, key.min_type, key.min_offset);
        for _ in 0..args.key.nr_items {
            // The header is in the machine's byte order, as the kernel's structures are; the items are little-endian.
            let number = |at: usize| Some(u64::from_ne_bytes(rest.get(at..at + 8)?.try_into().ok()?));
            let small = |at: usize| Some(u32::from_ne_bytes(rest.get(at..at + 4)?.try_into().ok()?));
            let (Some(objectid), Some(offset), Some(kind), Some(len)) = (number(8), number(16), small(24), small(28)) else {
                return Err(Errno::EIO);
            };
            let end = ioctl::SEARCH_HEADER + len as usize;
            let data = rest.get(ioctl::SEARCH_HEADER..end).ok_or(Errno::EIO)?;
            found(Item { objectid, offset, kind: u8::try_from(kind).map_err(|_| Errno::EIO)?, data });
            last = (objectid, kind, offset);
            rest = &rest[end..];
        }
        // On with the key behind the last one.
        let (objectid, kind, offset) = last;
        (key.min_objectid, key.min_type, key.min_offset) = match (offset.checked_add(1), kind) {
            (Some(offset), kind) => (objectid, kind, offset),
            (None, 0..=254) => (objectid, kind + 1, 0),
            (None, _) => match objectid.checked_add(1) {
                Some(objectid) => (objectid, 0, 0),
                None => return Ok(()),
            },
        };
        if (key.min_objectid, key.min_type, key.min_offset) > (to.0, u32::from(to.1), to.2) {
            return Ok(());
        }
    }
}

/// What the root tree tells of a subvolume.
#[derive(Default)]
struct Root {
    flags: u64,
    uuid: [u8; 16],
    parent_uuid: [u8; 16],
    /// The subvolume it is in, the folder there, and its name in that; none once it was deleted.
    at: Option<(u64, u64, OsString)>,
}

// Offsets in `struct btrfs_root_item`, which is packed and begins with a `struct btrfs_inode_item` of 160 bytes.
const ROOT_ITEM_FLAGS: usize = 160 + 6 * 8;
const ROOT_ITEM_UUID: usize = ROOT_ITEM_FLAGS + 8 + 4 + 17 + 1 + 1 + 8;
const ROOT_ITEM_PARENT_UUID: usize = ROOT_ITEM_UUID + 16;
// Offsets in `struct btrfs_root_ref`.
const ROOT_REF_NAME_LEN: usize = 16;
const ROOT_REF_NAME: usize = 18;

fn roots(fd: BorrowedFd<'_>) -> nix::Result<HashMap<u64, Root>> {
    let mut roots: HashMap<u64, Root> = HashMap::new();
    let from = (format::FIRST_FREE_OBJECT, format::ROOT_ITEM, 0);
    let to = (format::LAST_FREE_OBJECT, format::ROOT_BACKREF, u64::MAX);
    search(fd, format::ROOT_TREE, from, to, |item| match item.kind {
        format::ROOT_ITEM => {
            let root = roots.entry(item.objectid).or_default();
            root.flags = u64_at(item.data, ROOT_ITEM_FLAGS).unwrap_or(0);
            // Not there on file systems made before Linux 3.6.
            root.uuid = uuid_at(item.data, ROOT_ITEM_UUID).unwrap_or_default();
            root.parent_uuid = uuid_at(item.data, ROOT_ITEM_PARENT_UUID).unwrap_or_default();
        }
        format::ROOT_BACKREF => {
            let len = item.data.get(ROOT_REF_NAME_LEN..ROOT_REF_NAME).and_then(|len| len.try_into().ok());
            let len = usize::from(u16::from_le_bytes(len.unwrap_or_default()));
            let name = item.data.get(ROOT_REF_NAME..ROOT_REF_NAME + len);
            if let (Some(folder), Some(name)) = (u64_at(item.data, 0), name) {
                let at = (item.offset, folder, OsString::from_vec(name.to_vec()));
                roots.entry(item.objectid).or_default().at = Some(at);
            }
        }
        _ => {}
    })?;
    Ok(roots)
}

/// The limits of subvolumes, by number; none at all if quotas are off.
fn limits(fd: BorrowedFd<'_>) -> nix::Result<HashMap<u64, u64>> {
    let mut limits = HashMap::new();
    let from = (0, format::QGROUP_LIMIT, 0);
    let to = (0, format::QGROUP_LIMIT, u64::MAX);
    let found = search(fd, format::QUOTA_TREE, from, to, |item| {
        if item.kind == format::QGROUP_LIMIT
            && let (Some(flags), Some(bytes)) = (u64_at(item.data, 0), u64_at(item.data, 8))
            && flags & ioctl::QGROUP_LIMIT_MAX_RFER != 0
        {
            limits.insert(item.offset, bytes);
        }
    });
    match found {
        Ok(()) | Err(Errno::ENOENT) => Ok(limits),
        Err(errno) => Err(errno),
    }
}

/// Whether quotas are on.
pub fn quota_is_on(fd: BorrowedFd<'_>) -> nix::Result<bool> {
    let mut on = false;
    let key = (0, format::QGROUP_STATUS, 0);
    // `struct btrfs_qgroup_status_item`: version, generation, flags.
    let found = search(fd, format::QUOTA_TREE, key, key, |item| {
        on |= u64_at(item.data, 16).unwrap_or(0) & ioctl::QGROUP_STATUS_FLAG_ON != 0;
    });
    match found {
        Ok(()) => Ok(on),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The path of a folder in a subvolume, with a slash at its end.
fn folder_path(fd: BorrowedFd<'_>, subvolume: u64, folder: u64) -> nix::Result<PathBuf> {
    let mut args = Box::new(ioctl::InoLookup { treeid: subvolume, objectid: folder, name: [0; 4080] });
    // SAFETY: the descriptor is open, and the kernel fills a structure of that size.
    unsafe { ioctl::ino_lookup(fd.as_raw_fd(), &raw mut *args) }?;
    Ok(PathBuf::from(OsStr::from_bytes(until_zero(&args.name))))
}

/// The path of a subvolume from the top; none if it, or one it is in, was deleted.
fn path_of(fd: BorrowedFd<'_>, roots: &HashMap<u64, Root>, id: u64) -> nix::Result<Option<PathBuf>> {
    let mut parts = Vec::new();
    let mut at = id;
    while at != format::FS_TREE {
        let Some((above, folder, name)) = roots.get(&at).and_then(|root| root.at.as_ref()) else { return Ok(None) };
        parts.push(PathBuf::from(name));
        if *folder != format::FIRST_FREE_OBJECT {
            match folder_path(fd, *above, *folder) {
                Ok(path) => parts.push(path),
                Err(Errno::ENOENT) => return Ok(None),
                Err(errno) => return Err(errno),
            }
        }
        // A damaged tree could go round.
        if parts.len() > 2 * roots.len() + 2 {
            return Err(Errno::ELOOP);
        }
        at = *above;
    }
    Ok(Some(parts.into_iter().rev().collect()))
}

/// The subvolumes, in the order of their numbers.
pub fn read_subvolumes(fd: BorrowedFd<'_>) -> nix::Result<Vec<Subvolume>> {
    let roots = roots(fd)?;
    let limits = limits(fd)?;
    let mut found = Vec::with_capacity(roots.len());
    for (id, root) in &roots {
        let Some(path) = path_of(fd, &roots, *id)? else { continue };
        found.push(Subvolume {
            id: *id,
            path,
            read_only: root.flags & 1 != 0,
            uuid: uuid_text(&root.uuid),
            parent_uuid: (root.parent_uuid != [0; 16]).then(|| uuid_text(&root.parent_uuid)),
            limit: limits.get(id).copied(),
        });
    }
    found.sort_by_key(|subvolume| subvolume.id);
    Ok(found)
}
