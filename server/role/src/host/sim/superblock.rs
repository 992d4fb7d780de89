//! Superblocks as the programs that make file systems write them. The offsets are those of the formats' own
//! descriptions: the kernel's `filesystems/ext4/super.rst`, `xfs_format.h`, `linux/swap.h`, `linux/btrfs_tree.h`, and
//! Microsoft's *FAT: General Overview of On-Disk Format*.

use uuid::Uuid;

/// Where the superblocks of Btrfs stand (`btrfs_sb_offset`).
pub const BTRFS_COPIES: [u64; 3] = [0x1_0000, 0x400_0000, 0x40_0000_0000];
/// The bytes of a Btrfs superblock.
pub const BTRFS_BLOCK: usize = 4096;

/// Bytes to write at an offset.
pub type Patch = (u64, Vec<u8>);

/// What a superblock tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub fs_type: &'static str,
    pub uuid: String,
    /// For Btrfs, the number of the device.
    pub device: u64,
}

struct Block(Vec<u8>);

impl Block {
    fn new(len: usize) -> Self {
        Block(vec![0; len])
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn le16(&mut self, at: usize, value: u16) -> &mut Self {
        self.put(at, &value.to_le_bytes())
    }

    fn le32(&mut self, at: usize, value: u32) -> &mut Self {
        self.put(at, &value.to_le_bytes())
    }

    fn le64(&mut self, at: usize, value: u64) -> &mut Self {
        self.put(at, &value.to_le_bytes())
    }

    fn be32(&mut self, at: usize, value: u32) -> &mut Self {
        self.put(at, &value.to_be_bytes())
    }

    fn be64(&mut self, at: usize, value: u64) -> &mut Self {
        self.put(at, &value.to_be_bytes())
    }

    /// Text in a field, cut off where it does not fit, the rest filled.
    fn text(&mut self, at: usize, len: usize, text: &str, fill: u8) -> &mut Self {
        let mut field = vec![fill; len];
        let bytes = &text.as_bytes()[..text.len().min(len)];
        field[..bytes.len()].copy_from_slice(bytes);
        self.put(at, &field)
    }
}

fn low32(value: u64) -> u32 {
    (value & 0xFFFF_FFFF) as u32
}

/// The size of a block of ext4 on a device of that size: small ones have small blocks (mke2fs.conf(5)).
fn ext4_block_size(len: u64) -> u64 {
    if len < 512 << 20 { 1024 } else { 4096 }
}

/// How many inodes a new ext4 file system has.
fn ext4_inodes(len: u64) -> u64 {
    let ratio = if len < 512 << 20 { 4096 } else { 16384 };
    (len / ratio).max(16) / 8 * 8
}

/// A new ext4.
pub fn ext4(len: u64, label: &str, uuid: Uuid) -> Vec<Patch> {
    let size = ext4_block_size(len);
    let (blocks, inodes) = (len / size, ext4_inodes(len));
    let per_group = 8 * size;
    let groups = blocks.div_ceil(per_group).max(1);
    let mut block = Block::new(1024);
    block.le32(0x0, low32(inodes)).le32(0x4, low32(blocks)).le32(0xC, low32(blocks / 2)).le32(0x10, low32(inodes - 11));
    block.le32(0x14, u32::from(size == 1024)).le32(0x18, size.ilog2() - 10).le32(0x1C, size.ilog2() - 10);
    block.le32(0x20, low32(per_group)).le32(0x24, low32(per_group)).le32(0x28, low32(inodes / groups));
    block.le16(0x36, 0xFFFF).le16(0x38, 0xEF53).le16(0x3A, 1).le16(0x3C, 1).le32(0x4C, 1).le32(0x54, 11).le16(0x58, 256);
    // has_journal, ext_attr, resize_inode, dir_index; filetype, extents, 64bit, flex_bg;
    // sparse_super, large_file, huge_file, dir_nlink, extra_isize.
    block.le32(0x5C, 0x3C).le32(0x60, 0x2C2).le32(0x64, 0x6B);
    block.put(0x68, uuid.as_bytes()).text(0x78, 16, label, 0).le16(0xCE, 64).le16(0xFE, 64).le32(0x150, (blocks >> 32) as u32);
    vec![(1024, block.0)]
}

/// The size that an ext4 is grown to.
pub fn ext4_resized(superblock: &[u8], len: u64) -> Vec<Patch> {
    let mut block = Block(superblock.to_vec());
    let shift = u32::from_le_bytes([superblock[0x18], superblock[0x19], superblock[0x1A], superblock[0x1B]]);
    let blocks = len / 1024_u64.checked_shl(shift).unwrap_or(1024).max(1024);
    block.le32(0x4, low32(blocks)).le32(0x150, (blocks >> 32) as u32);
    vec![(1024, block.0)]
}

/// The numbers of inodes, after so many files were made beside the root folder and `lost+found`.
pub fn ext4_files(superblock: &[u8], files: u64) -> Vec<Patch> {
    let inodes = u64::from(u32::from_le_bytes([superblock[0], superblock[1], superblock[2], superblock[3]]));
    vec![(1024 + 0x10, low32(inodes.saturating_sub(11 + files)).to_le_bytes().to_vec())]
}

/// A new XFS, of four allocation groups.
pub fn xfs(len: u64, label: &str, uuid: Uuid) -> Vec<Patch> {
    let blocks = len / 4096;
    let mut block = Block::new(512);
    block.put(0, b"XFSB").be32(4, 4096).be64(8, blocks).put(32, uuid.as_bytes()).be64(48, blocks / 4).be64(56, 128);
    block.be64(64, 129).be64(72, 130).be32(80, 1).be32(84, low32(blocks / 4)).be32(88, 4).be32(96, 2560);
    block.put(100, &0xB4A5_u16.to_be_bytes()).put(102, &512_u16.to_be_bytes()).put(104, &512_u16.to_be_bytes());
    block.put(106, &8_u16.to_be_bytes()).text(108, 12, label, 0).put(120, &[12, 9, 9, 3]);
    block.put(124, &[(blocks / 4).max(1).ilog2() as u8 + 1]).be64(128, 64).be64(136, 61).be64(144, blocks - 2570);
    vec![(0, block.0)]
}

/// Bytes of the free count of XFS, after so many files were made.
pub fn xfs_files(files: u64) -> Vec<Patch> {
    let inodes = (files + 3).div_ceil(64).max(1) * 64;
    let mut counts = inodes.to_be_bytes().to_vec();
    counts.extend_from_slice(&(inodes - 3 - files).to_be_bytes());
    vec![(128, counts)]
}

/// Where the parts of a FAT are.
struct Fat {
    bits: u64,
    reserved: u64,
    table: u64,
    root_entries: u64,
    cluster: u64,
    /// Sectors in all, which end with a whole track.
    sectors: u64,
    track: u64,
    heads: u16,
}

impl Fat {
    /// As mkfs.fat 4.2 lays it out: FAT32 from 512 MiB on, FAT12 up to 8 MiB, with the geometry of the SD card
    /// specification where the device has none of its own.
    fn of(len: u64) -> Self {
        let mib = len.div_ceil(1 << 20);
        let (heads, track) = match mib {
            0..=2 => (2, 16),
            3..=16 => (2, 32),
            17..=32 => (4, 32),
            33..=128 => (8, 32),
            129..=256 => (16, 32),
            257..=504 => (16, 63),
            505..=1008 => (32, 63),
            1009..=2016 => (64, 63),
            2017..=4032 => (128, 63),
            _ => (255, 63),
        };
        let (bits, reserved, cluster) = match mib {
            0..=4 => (12, 1, 4),
            5..=8 => (12, 4, 4),
            9..=128 => (16, 4, 4),
            129..=256 => (16, 8, 8),
            257..=511 => (16, 16, 16),
            512..=8192 => (32, 32, 8),
            8193..=16384 => (32, 32, 16),
            16385..=32768 => (32, 32, 32),
            _ => (32, 32, 64),
        };
        let sectors = len / 512 / track * track;
        let table = (sectors / cluster + 2) * bits / 8;
        let root_entries = if bits == 32 { 0 } else { 512 };
        Fat { bits, reserved, table: table.div_ceil(512), root_entries, cluster, sectors, track, heads }
    }

    fn root(&self) -> u64 {
        (self.reserved + 2 * self.table) * 512
    }
}

/// A label as FAT writes it.
fn fat_name(label: &str) -> [u8; 11] {
    let mut name = [b' '; 11];
    for (place, byte) in name.iter_mut().zip(label.bytes()) {
        *place = byte.to_ascii_uppercase();
    }
    name
}

/// A new FAT.
pub fn vfat(len: u64, label: &str, id: u32) -> Vec<Patch> {
    let fat = Fat::of(len);
    let sectors = fat.sectors;
    let mut block = Block::new(512);
    block.put(0, if fat.bits == 32 { &[0xEB, 0x58, 0x90] } else { &[0xEB, 0x3C, 0x90] }).put(3, b"mkfs.fat");
    block.le16(11, 512).put(13, &[fat.cluster as u8]).le16(14, fat.reserved as u16).put(16, &[2]);
    block
        .le16(17, fat.root_entries as u16)
        .put(21, &[0xF8])
        .le16(24, fat.track as u16)
        .le16(26, fat.heads)
        .put(510, &[0x55, 0xAA]);
    match u16::try_from(sectors) {
        Ok(sectors) if fat.bits != 32 => block.le16(19, sectors),
        _ => block.le32(32, low32(sectors)),
    };
    let name = if label.is_empty() { fat_name("NO NAME") } else { fat_name(label) };
    if fat.bits == 32 {
        block.le32(36, low32(fat.table)).le32(44, 2).le16(48, 1).le16(50, 6);
        block.put(64, &[0x80, 0, 0x29]).le32(67, id).put(71, &name).put(82, b"FAT32   ");
    } else {
        block.le16(22, fat.table as u16).put(36, &[0x80, 0, 0x29]).le32(39, id).put(43, &name);
        block.put(54, if fat.bits == 16 { b"FAT16   " } else { b"FAT12   " });
    }
    let mut patches = vec![(0, block.0)];
    patches.extend(vfat_root(len, label, &[]));
    patches
}

/// The root folder of a FAT: its label, and the names in it as far as they fit into the short form.
pub fn vfat_root(len: u64, label: &str, names: &[String]) -> Vec<Patch> {
    let fat = Fat::of(len);
    let mut entries = Vec::new();
    let mut add = |name: [u8; 11], attributes: u8| {
        entries.extend_from_slice(&name);
        entries.push(attributes);
        entries.extend_from_slice(&[0; 20]);
    };
    if !label.is_empty() {
        add(fat_name(label), 0x08);
    }
    for name in names {
        add(fat_name(&name.replace('.', "")), 0x20);
    }
    let room = if fat.bits == 32 { fat.cluster * 512 } else { fat.root_entries * 32 };
    entries.resize(usize::try_from(room).unwrap_or(0), 0);
    vec![(fat.root(), entries)]
}

/// The boot sector's copy of a new label.
pub fn vfat_label(len: u64, label: &str) -> Vec<Patch> {
    let at = if Fat::of(len).bits == 32 { 71 } else { 43 };
    let name = if label.is_empty() { fat_name("NO NAME") } else { fat_name(label) };
    vec![(at, name.to_vec())]
}

/// The label of a FAT.
pub fn vfat_label_of(boot: &[u8]) -> String {
    let at = if boot.get(82..87) == Some(b"FAT32") { 71 } else { 43 };
    let name = String::from_utf8_lossy(boot.get(at..at + 11).unwrap_or_default()).trim_end().to_string();
    if name == "NO NAME" { String::new() } else { name }
}

/// A new swap space.
pub fn swap(len: u64, label: &str, uuid: Uuid) -> Vec<Patch> {
    let mut page = Block::new(4096);
    page.le32(1024, 1).le32(1028, low32(len / 4096).saturating_sub(1)).put(1036, uuid.as_bytes());
    page.text(1052, 16, label, 0).put(4086, b"SWAPSPACE2");
    vec![(0, page.0)]
}

/// A device of a Btrfs.
pub struct BtrfsMember<'a> {
    pub uuid: Uuid,
    pub label: &'a str,
    pub device: u64,
    pub device_size: u64,
    pub devices: u64,
    pub total: u64,
    pub generation: u64,
}

/// The superblocks of a device of a Btrfs: the first, and its copies where there is room.
pub fn btrfs(member: &BtrfsMember<'_>, len: u64) -> Vec<Patch> {
    let copies = BTRFS_COPIES.iter().filter(|at| **at + BTRFS_BLOCK as u64 <= len);
    copies.map(|at| (*at, btrfs_block(member, *at))).collect()
}

fn btrfs_block(member: &BtrfsMember<'_>, at: u64) -> Vec<u8> {
    let mut block = Block::new(BTRFS_BLOCK);
    block.put(0x20, member.uuid.as_bytes()).le64(0x30, at).le64(0x38, 1).put(0x40, b"_BHRfS_M");
    block.le64(0x48, member.generation).le64(0x70, member.total).le64(0x78, 147_456).le64(0x80, 6).le64(0x88, member.devices);
    // mixed_backref, big_metadata, extended_iref, skinny_metadata, no_holes.
    block.le32(0x90, 4096).le32(0x94, 16384).le32(0x98, 16384).le32(0x9C, 4096).le64(0xBC, 0x361);
    block.le64(0xC9, member.device).le64(0xD1, member.device_size).le32(0xE1, 4096).le32(0xE5, 4096).le32(0xE9, 4096);
    let own = Uuid::from_u128(member.uuid.as_u128().wrapping_add(u128::from(member.device)));
    block.put(0x10B, own.as_bytes()).put(0x11B, member.uuid.as_bytes()).text(0x12B, 256, member.label, 0);
    let sum = crc32c(&block.0[0x20..]);
    block.le32(0, sum);
    block.0
}

/// CRC-32C (Castagnoli), as RFC 3720 has it.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// How many bytes [`identify`] needs.
pub const HEAD: usize = 0x1_0000 + BTRFS_BLOCK;

/// What is on a device, told from its first bytes.
pub fn identify(head: &[u8]) -> Option<Found> {
    let has = |at: usize, magic: &[u8]| head.get(at..at + magic.len()) == Some(magic);
    let uuid = |at: usize| Some(Uuid::from_bytes(head.get(at..at + 16)?.try_into().ok()?).to_string());
    let found = |fs_type, uuid| Some(Found { fs_type, uuid, device: 1 });
    if has(0x1_0040, b"_BHRfS_M") {
        let device = u64::from_le_bytes(head.get(0x1_00C9..0x1_00D1)?.try_into().ok()?);
        return Some(Found { fs_type: "btrfs", uuid: uuid(0x1_0020)?, device });
    }
    if has(0, b"XFSB") {
        return found("xfs", uuid(32)?);
    }
    if has(1024 + 0x38, &[0x53, 0xEF]) {
        return found("ext4", uuid(1024 + 0x68)?);
    }
    if has(4086, b"SWAPSPACE2") {
        return found("swap", uuid(1036)?);
    }
    let id_at = match () {
        () if has(82, b"FAT32   ") => 67,
        () if has(54, b"FAT16   ") || has(54, b"FAT12   ") => 39,
        () => return None,
    };
    let id = u32::from_le_bytes(head.get(id_at..id_at + 4)?.try_into().ok()?);
    found("vfat", format!("{:04X}-{:04X}", id >> 16, id & 0xFFFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_the_specification() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }
}
