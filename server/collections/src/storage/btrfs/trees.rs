//! A Btrfs file system that is not mounted, read from its trees: which subvolumes it has, and how it is spread.
//!
//! The format is that of `linux/btrfs_tree.h` and of the *On-disk Format* page of the Btrfs documentation. Only what a plan needs
//! is read, and nothing is trusted: what does not fit together counts as not to be seen.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use seed_role::Result;
use seed_role::host::{BtrfsFileSystem, Host, Subvolume, btrfs_format as format};
use uuid::Uuid;

use crate::storage::device::Window;
use crate::storage::signature::{BTRFS_SUPERBLOCKS, le16, le32, le64, text};

/// What is read at most: a file system with more is looked at only while it is mounted.
const MOST_NODES: usize = 2048;

const HEADER: usize = 101;
const LEAF_ITEM: usize = 25;
const NODE_ITEM: usize = 33;

type Key = (u64, u8, u64);

/// What the trees tell.
#[derive(Debug)]
pub struct Unmounted {
    /// What is known of the file system; its devices are left out.
    pub file_system: BtrfsFileSystem,
    /// Its subvolumes.
    pub subvolumes: Vec<Subvolume>,
    /// Whether there are files in any of them.
    pub holds_files: bool,
}

/// What the trees on these devices tell; none where they cannot be followed.
///
/// # Errors
///
/// When a device cannot be read.
pub fn read(host: &dyn Host, devices: &[&Window]) -> Result<Option<Unmounted>> {
    let Some(mut reader) = Reader::open(host, devices)? else { return Ok(None) };
    match reader.read_all() {
        Ok(all) => Ok(Some(all)),
        Err(Stop::NotToBeSeen) => Ok(None),
        Err(Stop::Trouble(trouble)) => Err(trouble),
    }
}

/// Why reading stops.
enum Stop {
    NotToBeSeen,
    Trouble(seed_role::Trouble),
}

impl From<seed_role::Trouble> for Stop {
    fn from(trouble: seed_role::Trouble) -> Self {
        Stop::Trouble(trouble)
    }
}

type Read<T> = std::result::Result<T, Stop>;

fn seen<T>(value: Option<T>) -> Read<T> {
    value.ok_or(Stop::NotToBeSeen)
}

struct Chunk {
    len: u64,
    kind: u64,
    stripe_len: u64,
    sub_stripes: u64,
    /// The number of a device, and where on it.
    stripes: Vec<(u64, u64)>,
}

impl Chunk {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let count = usize::from(le16(bytes, 44)?);
        let stripe = |number: usize| Some((le64(bytes, 48 + number * 32)?, le64(bytes, 56 + number * 32)?));
        Some(Chunk {
            len: le64(bytes, 0)?,
            stripe_len: le64(bytes, 16)?,
            kind: le64(bytes, 24)?,
            sub_stripes: u64::from(le16(bytes, 46)?),
            stripes: (0..count).map(stripe).collect::<Option<_>>()?,
        })
    }

    fn size(bytes: &[u8]) -> Option<usize> {
        Some(48 + usize::from(le16(bytes, 44)?) * 32)
    }

    fn profile(&self) -> &'static str {
        format::profile(self.kind)
    }

    /// Where on which devices the bytes at an offset in the chunk stand; none where that takes parity to tell.
    fn places(&self, offset: u64) -> Vec<(u64, u64)> {
        let count = self.stripes.len() as u64;
        let in_stripe = |index: u64, row: u64| {
            let (device, start) = *self.stripes.get(usize::try_from(index).ok()?)?;
            Some((device, start.checked_add(row.checked_mul(self.stripe_len)?)?.checked_add(offset % self.stripe_len)?))
        };
        match self.profile() {
            "raid5" | "raid6" => Vec::new(),
            "raid0" | "raid10" => {
                let copies = if self.profile() == "raid0" { 1 } else { self.sub_stripes };
                if self.stripe_len == 0 || copies == 0 || count < copies {
                    return Vec::new();
                }
                let (number, columns) = (offset / self.stripe_len, count / copies);
                let first = number % columns * copies;
                (first..first + copies).filter_map(|index| in_stripe(index, number / columns)).collect()
            }
            _ => self.stripes.iter().filter_map(|(device, start)| Some((*device, start.checked_add(offset)?))).collect(),
        }
    }
}

struct Root {
    node: u64,
    level: u8,
    read_only: bool,
    uuid: Uuid,
    parent: Uuid,
}

impl Root {
    fn parse(item: &[u8]) -> Option<Self> {
        let uuid = |at: usize| item.get(at..at + 16).and_then(|bytes| Uuid::from_slice(bytes).ok()).unwrap_or_default();
        // A subvolume that is being removed has no references left.
        (le32(item, 216)? > 0).then_some(())?;
        Some(Root {
            node: le64(item, 176)?,
            level: *item.get(238)?,
            read_only: le64(item, 208)? & 1 != 0,
            uuid: uuid(247),
            parent: uuid(263),
        })
    }
}

struct Reader<'a> {
    host: &'a dyn Host,
    devices: BTreeMap<u64, &'a Window>,
    chunks: BTreeMap<u64, Chunk>,
    file_system: [u8; 16],
    node_size: usize,
    root_tree: (u64, u8),
    chunk_tree: (u64, u8),
    label: String,
    nodes_left: usize,
}

impl<'a> Reader<'a> {
    /// Reads the superblocks; the newest counts.
    fn open(host: &'a dyn Host, windows: &[&'a Window]) -> Result<Option<Self>> {
        let mut devices = BTreeMap::new();
        let mut newest: Option<(u64, Vec<u8>)> = None;
        for window in windows {
            let block = window.read(host, BTRFS_SUPERBLOCKS[0], 4096)?;
            let (Some(id), Some(generation)) = (le64(&block, 0xc9), le64(&block, 0x48)) else { return Ok(None) };
            devices.insert(id, *window);
            if newest.as_ref().is_none_or(|(known, _)| generation > *known) {
                newest = Some((generation, block));
            }
        }
        Ok(newest.and_then(|(_, block)| Reader::parse(host, devices, &block)))
    }

    fn parse(host: &'a dyn Host, devices: BTreeMap<u64, &'a Window>, block: &[u8]) -> Option<Self> {
        let node_size = le32(block, 0x94)? as usize;
        if !node_size.is_power_of_two() || !(4096..=65536).contains(&node_size) {
            return None;
        }
        let mut chunks = BTreeMap::new();
        let array = block.get(0x32b..0x32b + (le32(block, 0xa0)? as usize).min(2048))?;
        let mut at = 0;
        while at + 17 < array.len() {
            let item = &array[at + 17..];
            chunks.insert(le64(array, at + 9)?, Chunk::parse(item)?);
            at += 17 + Chunk::size(item)?;
        }
        Some(Reader {
            host,
            devices,
            chunks,
            file_system: block.get(0x20..0x30)?.try_into().ok()?,
            node_size,
            root_tree: (le64(block, 0x50)?, *block.get(0xc6)?),
            chunk_tree: (le64(block, 0x58)?, *block.get(0xc7)?),
            label: text(block, 0x12b, 256),
            nodes_left: MOST_NODES,
        })
    }

    /// The node at a logical address, from whichever device holds a copy that fits.
    fn node(&mut self, logical: u64, level: u8) -> Read<Vec<u8>> {
        self.nodes_left = seen(self.nodes_left.checked_sub(1))?;
        let (start, chunk) = seen(self.chunks.range(..=logical).next_back())?;
        let offset = logical - start;
        seen((offset < chunk.len).then_some(()))?;
        for (device, at) in chunk.places(offset) {
            let Some(window) = self.devices.get(&device) else { continue };
            let bytes = window.read(self.host, at, self.node_size)?;
            let fits = bytes.len() == self.node_size
                && bytes[0x20..0x30] == self.file_system
                && le64(&bytes, 0x30) == Some(logical)
                && bytes[0x64] == level;
            if fits {
                return Ok(bytes);
            }
        }
        Err(Stop::NotToBeSeen)
    }

    /// Gives each item between two keys to `visit`, until it breaks.
    fn search(&mut self, tree: (u64, u8), from: Key, to: Key, mut visit: impl FnMut(Key, &[u8]) -> ControlFlow<()>) -> Read<()> {
        self.descend(tree, from, to, &mut visit).map(drop)
    }

    fn descend(
        &mut self,
        tree: (u64, u8),
        from: Key,
        to: Key,
        visit: &mut dyn FnMut(Key, &[u8]) -> ControlFlow<()>,
    ) -> Read<ControlFlow<()>> {
        let (logical, level) = tree;
        let node = self.node(logical, level)?;
        let count = seen(le32(&node, 0x60))? as usize;
        let key = |at: usize| Some((le64(&node, at)?, *node.get(at + 8)?, le64(&node, at + 9)?));
        for number in 0..count {
            let at = HEADER + number * if level == 0 { LEAF_ITEM } else { NODE_ITEM };
            let here = seen(key(at))?;
            if here > to {
                break;
            }
            let done = if level == 0 {
                if here < from {
                    continue;
                }
                let start = HEADER + seen(le32(&node, at + 17))? as usize;
                let len = seen(le32(&node, at + 21))? as usize;
                visit(here, seen(node.get(start..start + len))?)
            } else {
                // The child holds keys from this one up to the next.
                let next = if number + 1 < count { key(at + NODE_ITEM) } else { None };
                if next.is_some_and(|next| next <= from) {
                    continue;
                }
                self.descend((seen(le64(&node, at + 17))?, level - 1), from, to, visit)?
            };
            if done.is_break() {
                return Ok(done);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn read_all(&mut self) -> Read<Unmounted> {
        self.read_chunks()?;
        let (mut roots, mut names) = (BTreeMap::new(), BTreeMap::new());
        self.search(self.root_tree, (0, 0, 0), (format::LAST_FREE_OBJECT, u8::MAX, u64::MAX), |(id, kind, offset), item| {
            match kind {
                format::ROOT_ITEM => drop(Root::parse(item).map(|root| roots.insert(id, root))),
                format::ROOT_BACKREF => {
                    let name_len = le16(item, 16).map_or(0, usize::from);
                    let folder = le64(item, 0).unwrap_or(0);
                    names.insert(id, (offset, folder, text(item, 18, name_len)));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        let limits = self.limits(&roots)?;
        let mut subvolumes = Vec::new();
        let mut holds_files = false;
        for (id, root) in roots.iter().filter(|(id, _)| **id == format::FS_TREE || **id >= format::FIRST_FREE_OBJECT) {
            holds_files = holds_files || self.holds_files(root)?;
            if *id == format::FS_TREE {
                continue;
            }
            subvolumes.push(Subvolume {
                id: *id,
                path: self.path_of(*id, &roots, &names)?.into(),
                read_only: root.read_only,
                uuid: root.uuid.to_string(),
                parent_uuid: (!root.parent.is_nil()).then(|| root.parent.to_string()),
                limit: limits.as_ref().and_then(|limits| limits.get(id).copied()),
            });
        }
        let file_system = BtrfsFileSystem {
            uuid: Uuid::from_bytes(self.file_system).to_string(),
            label: self.label.clone(),
            devices: Vec::new(),
            data: self.profiles(format::BLOCK_GROUP_DATA),
            metadata: self.profiles(format::BLOCK_GROUP_METADATA),
            quota: limits.is_some(),
        };
        Ok(Unmounted { file_system, subvolumes, holds_files })
    }

    fn read_chunks(&mut self) -> Read<()> {
        let mut found = Vec::new();
        self.search(
            self.chunk_tree,
            (format::FIRST_FREE_OBJECT, format::CHUNK_ITEM, 0),
            (format::FIRST_FREE_OBJECT, format::CHUNK_ITEM, u64::MAX),
            |(_, _, logical), item| {
                found.push(Chunk::parse(item).map(|chunk| (logical, chunk)));
                ControlFlow::Continue(())
            },
        )?;
        for chunk in found {
            let (logical, chunk) = seen(chunk)?;
            self.chunks.insert(logical, chunk);
        }
        Ok(())
    }

    fn profiles(&self, kind: u64) -> String {
        let mut names: Vec<&str> = self.chunks.values().filter(|chunk| chunk.kind & kind != 0).map(Chunk::profile).collect();
        names.sort_unstable();
        names.dedup();
        names.join("+")
    }

    /// The limits of subvolumes; none at all if quotas are off.
    fn limits(&mut self, roots: &BTreeMap<u64, Root>) -> Read<Option<BTreeMap<u64, u64>>> {
        const MAX_REFERENCED: u64 = 1;
        let Some(root) = roots.get(&format::QUOTA_TREE) else { return Ok(None) };
        let mut limits = BTreeMap::new();
        self.search(
            (root.node, root.level),
            (0, format::QGROUP_LIMIT, 0),
            (0, format::QGROUP_LIMIT, u64::MAX),
            |(_, _, group), item| {
                if let (Some(flags), Some(most)) = (le64(item, 0), le64(item, 8))
                    && flags & MAX_REFERENCED != 0
                {
                    limits.insert(group, most);
                }
                ControlFlow::Continue(())
            },
        )?;
        Ok(Some(limits))
    }

    /// Whether there is an inode beside that of the top folder.
    fn holds_files(&mut self, root: &Root) -> Read<bool> {
        let mut holds = false;
        let (from, to) = ((format::FIRST_FREE_OBJECT, format::INODE_ITEM, 0), (format::LAST_FREE_OBJECT, u8::MAX, u64::MAX));
        self.search((root.node, root.level), from, to, |(inode, kind, _), _| {
            holds = kind == format::INODE_ITEM && inode > format::FIRST_FREE_OBJECT;
            if holds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(holds)
    }

    /// The path of a subvolume from the top of the file system.
    fn path_of(&mut self, id: u64, roots: &BTreeMap<u64, Root>, names: &BTreeMap<u64, (u64, u64, String)>) -> Read<String> {
        let mut parts = Vec::new();
        let mut at = id;
        while at != format::FS_TREE {
            // A path is never deeper than it has bytes.
            seen((parts.len() < 4096).then_some(()))?;
            let (parent, mut folder, name) = seen(names.get(&at).cloned())?;
            parts.push(name);
            let tree = seen(roots.get(&parent).map(|root| (root.node, root.level)))?;
            while folder != format::FIRST_FREE_OBJECT {
                seen((parts.len() < 4096).then_some(()))?;
                let mut found = None;
                self.search(
                    tree,
                    (folder, format::INODE_REF, 0),
                    (folder, format::INODE_REF, u64::MAX),
                    |(_, _, above), item| {
                        found = le16(item, 8).map(|len| (above, text(item, 10, usize::from(len))));
                        ControlFlow::Break(())
                    },
                )?;
                let (above, name) = seen(found)?;
                parts.push(name);
                folder = above;
            }
            at = parent;
        }
        parts.reverse();
        Ok(parts.join("/"))
    }
}
