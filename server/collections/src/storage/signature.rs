//! What a device holds, told from its bytes alone: no program is started and nothing is mounted.
//!
//! Offsets are from the start of the device. Formats: ext2, 3 and 4 from the kernel's
//! `filesystems/ext4/super.rst`; XFS from `xfs_format.h`; FAT from Microsoft's *FAT: General Overview of On-Disk
//! Format* 1.03; swap from `linux/swap.h`; Btrfs from `linux/btrfs_tree.h`; LUKS from its *On-Disk Format
//! Specification* 1 and 2; GPT from the UEFI Specification 2.10, §5.3. What is only recognised, so that it is never
//! overwritten, is recognised as libblkid does it.

use std::fmt::Write as _;

use seed_role::Result;
use seed_role::host::Host;

use super::device::Window;

/// How many bytes from the start of a device tell what it holds: up to the end of the Btrfs superblock. A device
/// on which all of them are zero is blank.
pub const HEAD: usize = 0x11000;

/// Where the first superblock of Btrfs stands, and its two copies (`btrfs_sb_offset`).
pub const BTRFS_SUPERBLOCKS: [u64; 3] = [0x1_0000, 0x400_0000, 0x40_0000_0000];

/// What a device holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file system of the ext family without a journal.
    Ext2,
    /// The same with a journal, and without what ext4 added.
    Ext3,
    /// A file system.
    Ext4,
    /// A file system.
    Xfs,
    /// A file system of the FAT family.
    Vfat,
    /// Swap space.
    Swap,
    /// A file system, or a part of one on many devices.
    Btrfs,
    /// An encrypted device.
    Luks,
    /// A partition table.
    Gpt,
    /// A partition table of the old kind.
    Mbr,
    /// A physical volume of LVM.
    Lvm,
    /// A member of a software RAID.
    Raid,
    /// A file system of a CD.
    Iso9660,
    /// A compressed file system.
    Squashfs,
    /// A file system.
    Ntfs,
    /// A file system.
    Exfat,
    /// A file system.
    F2fs,
    /// A disk image in QEMU's own format.
    Qcow2,
    /// Bytes other than zero that mean nothing to Seed.
    Unrecognised,
}

impl Kind {
    /// Its name, as `type` in a spec has it where it can stand there.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Ext2 => "ext2",
            Kind::Ext3 => "ext3",
            Kind::Ext4 => "ext4",
            Kind::Xfs => "xfs",
            Kind::Vfat => "vfat",
            Kind::Swap => "swap",
            Kind::Btrfs => "btrfs",
            Kind::Luks => "luks",
            Kind::Gpt => "gpt",
            Kind::Mbr => "mbr",
            Kind::Lvm => "lvm",
            Kind::Raid => "raid member",
            Kind::Iso9660 => "iso9660",
            Kind::Squashfs => "squashfs",
            Kind::Ntfs => "ntfs",
            Kind::Exfat => "exfat",
            Kind::F2fs => "f2fs",
            Kind::Qcow2 => "qcow2",
            Kind::Unrecognised => "unrecognised data",
        }
    }

    /// What it is, in words: "an ext4 file system".
    pub fn words(self) -> String {
        match self {
            Kind::Swap => "swap space".into(),
            Kind::Luks => "an encrypted LUKS device".into(),
            Kind::Gpt | Kind::Mbr => format!("a partition table ({})", self.word()),
            Kind::Lvm => "a physical volume of LVM".into(),
            Kind::Raid => "a member of a software RAID".into(),
            Kind::Qcow2 => "a qcow2 image".into(),
            Kind::Unrecognised => "data that Seed does not know".into(),
            Kind::Xfs => "an XFS file system".into(),
            Kind::Btrfs => "a Btrfs file system".into(),
            Kind::Ext2 | Kind::Ext3 | Kind::Ext4 | Kind::Iso9660 | Kind::Exfat | Kind::F2fs => {
                format!("an {} file system", self.word())
            }
            Kind::Vfat | Kind::Squashfs | Kind::Ntfs => format!("a {} file system", self.word()),
        }
    }
}

/// What was found on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What it is.
    pub kind: Kind,
    /// Its label; empty if it has none.
    pub label: String,
    /// Its UUID; empty if it has none.
    pub uuid: String,
    /// The bytes of the device that it covers, if it says so.
    pub size: Option<u64>,
    /// How many bytes at the end of a device it may leave unused because it cannot use them.
    pub slack: u64,
    /// How many bytes of `size` statfs(2) leaves out of the size of the mounted file system.
    pub hidden: u64,
    /// Whether it holds files, as its superblock has it; a file system that is mounted writes that late.
    pub holds_files: Option<bool>,
    /// For Btrfs, what it says of the device and its fellows.
    pub member: Option<Member>,
}

/// What a Btrfs superblock says of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The number of the device in the file system.
    pub id: u64,
    /// How many devices the file system is on.
    pub devices: u64,
    /// The number of the last transaction.
    pub generation: u64,
}

impl Signature {
    /// One of which no more is known than what it is.
    pub fn of(kind: Kind) -> Self {
        let (label, uuid) = (String::new(), String::new());
        Signature { kind, label, uuid, size: None, slack: 0, hidden: 0, holds_files: None, member: None }
    }

    /// What it is and what it is called, in words: "an ext4 file system `data`".
    pub fn words(&self) -> String {
        let mut words = self.kind.words();
        if !self.label.is_empty() {
            let _ = write!(words, " `{}`", self.label);
        }
        words
    }

    /// How much of a device of that size it covers: all of it, where it leaves only what it cannot use.
    pub fn covers(&self, device: u64) -> Option<u64> {
        self.size.map(|size| if size <= device && device - size <= self.slack { device } else { size })
    }
}

/// What a device holds; none if it is blank.
///
/// # Errors
///
/// When it cannot be read.
pub fn probe(host: &dyn Host, window: &Window) -> Result<Option<Signature>> {
    let head = window.read(host, 0, HEAD)?;
    if let Some(mut found) = recognise(&head) {
        if found.kind == Kind::Vfat {
            super::fat::look_into_root(host, window, &head, &mut found)?;
        }
        return Ok(Some(found));
    }
    // RAID metadata 0.90 and 1.0 stands at the end of the device, 64 KiB and 8 KiB before it (md.4).
    for before_end in [0x1_0000, 0x2000] {
        let at = (window.len & !(before_end - 1)).checked_sub(before_end);
        if let Some(at) = at.filter(|at| *at >= HEAD as u64)
            && window.read(host, at, 4)? == RAID_MAGIC
        {
            return Ok(Some(Signature::of(Kind::Raid)));
        }
    }
    Ok(head.iter().any(|byte| *byte != 0).then(|| Signature::of(Kind::Unrecognised)))
}

const RAID_MAGIC: [u8; 4] = 0xa92b_4efc_u32.to_le_bytes();

/// What the first bytes of a device tell.
pub fn recognise(head: &[u8]) -> Option<Signature> {
    // What lies deeper in the device comes first: Btrfs leaves the first 64 KiB alone, and a boot sector says less
    // than what follows it.
    btrfs(head)
        .or_else(|| luks(head))
        .or_else(|| gpt(head))
        .or_else(|| xfs(head))
        .or_else(|| ext(head))
        .or_else(|| swap(head))
        .or_else(|| only_recognised(head))
        .or_else(|| super::fat::boot_sector(head))
        .or_else(|| (has(head, 510, &[0x55, 0xaa])).then(|| Signature::of(Kind::Mbr)))
}

fn btrfs(head: &[u8]) -> Option<Signature> {
    let block = head.get(BTRFS_SUPERBLOCKS[0] as usize..)?;
    if !has(block, 0x40, b"_BHRfS_M") {
        return None;
    }
    // The device item of this device stands at 0xc9: its number, then its size.
    Some(Signature {
        label: text(block, 0x12b, 256),
        uuid: uuid(block, 0x20)?,
        size: le64(block, 0xd1),
        slack: u64::from(le32(block, 0x90)?).max(4096) - 1,
        member: Some(Member { id: le64(block, 0xc9)?, devices: le64(block, 0x88)?, generation: le64(block, 0x48)? }),
        ..Signature::of(Kind::Btrfs)
    })
}

fn luks(head: &[u8]) -> Option<Signature> {
    if !has(head, 0, b"LUKS\xba\xbe") {
        return None;
    }
    let label = if be16(head, 6) == Some(2) { text(head, 24, 48) } else { String::new() };
    Some(Signature { label, uuid: text(head, 168, 40), ..Signature::of(Kind::Luks) })
}

fn gpt(head: &[u8]) -> Option<Signature> {
    // The header stands in the second sector, whose size is that of the device.
    let sector = [512, 4096].into_iter().find(|sector| has(head, *sector, b"EFI PART"))?;
    let size = le64(head, sector + 32).and_then(|backup| backup.checked_add(1)?.checked_mul(sector as u64));
    Some(Signature { uuid: mixed_endian_uuid(head, sector + 56)?, size, ..Signature::of(Kind::Gpt) })
}

fn xfs(head: &[u8]) -> Option<Signature> {
    if !has(head, 0, b"XFSB") {
        return None;
    }
    let block = u64::from(be32(head, 4)?);
    let (inodes, free) = (be64(head, 128)?, be64(head, 136)?);
    Some(Signature {
        label: text(head, 108, 12),
        uuid: uuid(head, 32)?,
        size: be64(head, 8).and_then(|blocks| blocks.checked_mul(block)),
        // An allocation group of fewer than 64 blocks is not made (XFS_MIN_AG_BLOCKS).
        slack: 64 * block,
        // The log, where it is on the same device (xfs_fs_statfs).
        hidden: if be64(head, 48)? == 0 { 0 } else { u64::from(be32(head, 96)?) * block },
        // A new one has three inodes: the root folder, and two of the realtime section.
        holds_files: Some(inodes.saturating_sub(free) > 3),
        ..Signature::of(Kind::Xfs)
    })
}

fn ext(head: &[u8]) -> Option<Signature> {
    const JOURNAL: u32 = 0x4;
    const ORPHAN_FILE: u32 = 0x1000;
    const BIT64: u32 = 0x80;
    // What ext3 knows: filetype, recover, journal_dev, meta_bg; sparse_super, large_file, btree_dir.
    const EXT3_INCOMPATIBLE: u32 = 0x2 | 0x4 | 0x8 | 0x10;
    const EXT3_READ_ONLY: u32 = 0x7;

    let block = head.get(0x400..)?;
    if !has(block, 0x38, &[0x53, 0xef]) {
        return None;
    }
    let (compatible, incompatible, read_only) = (le32(block, 0x5c)?, le32(block, 0x60)?, le32(block, 0x64)?);
    let kind = if incompatible & !EXT3_INCOMPATIBLE != 0 || read_only & !EXT3_READ_ONLY != 0 {
        Kind::Ext4
    } else if compatible & JOURNAL != 0 {
        Kind::Ext3
    } else {
        Kind::Ext2
    };
    let block_size = 1024u64.checked_shl(le32(block, 0x18)?).filter(|size| *size <= 0x1_0000)?;
    let high = if incompatible & BIT64 != 0 { u64::from(le32(block, 0x150)?) << 32 } else { 0 };
    let blocks = high | u64::from(le32(block, 0x4)?);
    let reserved = if le32(block, 0x4c)? == 0 { 11 } else { le32(block, 0x54)? };
    let own = reserved + u32::from(compatible & ORPHAN_FILE != 0);
    let used = le32(block, 0)?.saturating_sub(le32(block, 0x10)?);
    // A last block group that holds little more than its own tables is left out (resize2fs, `adjust_fs_info`):
    // inode table, bitmaps, descriptors, and 50 blocks.
    let inode_table = u64::from(le32(block, 0x28)?) * u64::from(le16(block, 0x58)?) / block_size;
    let descriptors = u64::from(le16(block, 0xce)?) + blocks / (8 * block_size) * 64 / block_size + 1;
    Some(Signature {
        label: text(block, 0x78, 16),
        uuid: uuid(block, 0x68)?,
        size: blocks.checked_mul(block_size),
        slack: (inode_table + descriptors + 54) * block_size,
        holds_files: Some(used > own),
        ..Signature::of(kind)
    })
}

fn swap(head: &[u8]) -> Option<Signature> {
    // The signature ends the first page; pages are 4 KiB on most machines, 16 or 64 KiB on some.
    let page = [0x1000, 0x4000, 0x1_0000].into_iter().find(|page| has(head, page - 10, b"SWAPSPACE2"))?;
    let size = le32(head, 0x404).and_then(|last| (u64::from(last) + 1).checked_mul(page as u64));
    Some(Signature {
        label: text(head, 0x41c, 16),
        uuid: uuid(head, 0x40c)?,
        size,
        slack: page as u64 - 1,
        holds_files: Some(false),
        ..Signature::of(Kind::Swap)
    })
}

fn only_recognised(head: &[u8]) -> Option<Signature> {
    const MAGIC: &[(usize, &[u8], Kind)] = &[
        (0, b"QFI\xfb", Kind::Qcow2),
        (0, b"hsqs", Kind::Squashfs),
        (3, b"NTFS    ", Kind::Ntfs),
        (3, b"EXFAT   ", Kind::Exfat),
        (0x400, &[0x10, 0x20, 0xf5, 0xf2], Kind::F2fs),
        (0x8001, b"CD001", Kind::Iso9660),
        (0, &RAID_MAGIC, Kind::Raid),
        (0x1000, &RAID_MAGIC, Kind::Raid),
        (0x000, b"LABELONE", Kind::Lvm),
        (0x200, b"LABELONE", Kind::Lvm),
        (0x400, b"LABELONE", Kind::Lvm),
        (0x600, b"LABELONE", Kind::Lvm),
    ];
    MAGIC.iter().find(|(at, magic, _)| has(head, *at, magic)).map(|(_, _, kind)| Signature::of(*kind))
}

/// Whether these bytes stand there.
pub fn has(bytes: &[u8], at: usize, magic: &[u8]) -> bool {
    bytes.get(at..at + magic.len()) == Some(magic)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// A little-endian number.
pub fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// A little-endian number.
pub fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// A little-endian number.
pub fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// A big-endian number.
pub fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// A big-endian number.
pub fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// Text that ends with a zero byte or fills its field.
pub fn text(bytes: &[u8], at: usize, len: usize) -> String {
    let field = bytes.get(at..at + len).unwrap_or_default();
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(len.min(field.len()));
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn uuid(bytes: &[u8], at: usize) -> Option<String> {
    array(bytes, at).map(|bytes| uuid::Uuid::from_bytes(bytes).to_string())
}

fn mixed_endian_uuid(bytes: &[u8], at: usize) -> Option<String> {
    array(bytes, at).map(|bytes| uuid::Uuid::from_bytes_le(bytes).to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Bytes, and where they stand.
    type Piece<'a> = (usize, &'a [u8]);

    fn head(pieces: &[Piece<'_>]) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        pieces.iter().for_each(|(at, bytes)| head[*at..at + bytes.len()].copy_from_slice(bytes));
        head
    }

    #[test]
    fn what_is_not_made_here_is_recognised_all_the_same() {
        let cases: &[(Kind, &[Piece<'_>])] = &[
            (Kind::Luks, &[(0, b"LUKS\xba\xbe\x00\x02"), (24, b"vault"), (168, b"0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f")]),
            (Kind::Lvm, &[(0x200, b"LABELONE")]),
            (Kind::Raid, &[(0x1000, &RAID_MAGIC)]),
            (Kind::Iso9660, &[(0x8001, b"CD001")]),
            (Kind::Squashfs, &[(0, b"hsqs")]),
            (Kind::Ntfs, &[(3, b"NTFS    "), (510, &[0x55, 0xaa])]),
            (Kind::Exfat, &[(3, b"EXFAT   "), (510, &[0x55, 0xaa])]),
            (Kind::F2fs, &[(0x400, &[0x10, 0x20, 0xf5, 0xf2])]),
            (Kind::Qcow2, &[(0, b"QFI\xfb")]),
            (Kind::Mbr, &[(510, &[0x55, 0xaa])]),
        ];
        for (kind, pieces) in cases {
            let found = recognise(&head(pieces)).unwrap();
            assert_eq!(found.kind, *kind);
            let label = if *kind == Kind::Luks { "vault" } else { "" };
            assert_eq!(found.label, label, "{kind:?}");
        }
        assert_eq!(recognise(&head(&[])), None);
    }

    #[test]
    fn what_uses_nearly_all_of_a_device_covers_it() {
        let found = Signature { size: Some(1000), slack: 24, ..Signature::of(Kind::Xfs) };
        assert_eq!(found.covers(1024), Some(1024));
        assert_eq!(found.covers(1025), Some(1000));
        assert_eq!(found.covers(900), Some(1000), "the device was cut short");
    }
}
