//! Numbers of Btrfs's on-disk format (`linux/btrfs_tree.h`), which the kernel's answers and the bytes of a device share.

/// The tree of all trees.
pub const ROOT_TREE: u64 = 1;
/// The subvolume that is the top of all others.
pub const FS_TREE: u64 = 5;
/// The tree of the quotas.
pub const QUOTA_TREE: u64 = 8;
/// The first number that a subvolume or an inode can have; of an inode, the top folder.
pub const FIRST_FREE_OBJECT: u64 = 256;
/// The last one.
pub const LAST_FREE_OBJECT: u64 = u64::MAX - 255;

/// The kind of an item: an inode.
pub const INODE_ITEM: u8 = 1;
/// A name of an inode, and the folder it is in.
pub const INODE_REF: u8 = 12;
/// A tree.
pub const ROOT_ITEM: u8 = 132;
/// The subvolume and folder that a subvolume is in.
pub const ROOT_BACKREF: u8 = 144;
/// A chunk: a piece of the file system, spread over devices.
pub const CHUNK_ITEM: u8 = 228;
/// Whether quotas are counted.
pub const QGROUP_STATUS: u8 = 240;
/// The limits of a quota group.
pub const QGROUP_LIMIT: u8 = 244;

/// The flag of a chunk that holds data.
pub const BLOCK_GROUP_DATA: u64 = 1 << 0;
/// The flag of a chunk that holds metadata.
pub const BLOCK_GROUP_METADATA: u64 = 1 << 2;

/// The name of the profile that the flags of a chunk tell, as mkfs.btrfs(8) has it.
pub fn profile(flags: u64) -> &'static str {
    const PROFILES: [(u64, &str); 8] = [
        (1 << 3, "raid0"),
        (1 << 4, "raid1"),
        (1 << 5, "dup"),
        (1 << 6, "raid10"),
        (1 << 7, "raid5"),
        (1 << 8, "raid6"),
        (1 << 9, "raid1c3"),
        (1 << 10, "raid1c4"),
    ];
    PROFILES.iter().find(|(flag, _)| flags & flag != 0).map_or("single", |(_, name)| name)
}
