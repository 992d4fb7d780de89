//! The structures and requests of `linux/btrfs.h`.

use nix::{ioctl_read, ioctl_readwrite, ioctl_write_ptr};

/// `BTRFS_IOCTL_MAGIC`.
const MAGIC: u8 = 0x94;

pub const VOL_NAME_MAX: usize = 255;
pub const SUBVOL_NAME_MAX: usize = 4039;
pub const PATH_NAME_MAX: usize = 4087;
pub const LABEL_SIZE: usize = 256;

pub const SUBVOL_RDONLY: u64 = 1 << 1;
pub const QUOTA_CTL_ENABLE: u64 = 1;
pub const QGROUP_LIMIT_MAX_RFER: u64 = 1 << 0;
pub const QGROUP_STATUS_FLAG_ON: u64 = 1 << 0;

/// `BTRFS_SPACE_INFO_GLOBAL_RSV`: no chunks, but room that is kept free.
pub const SPACE_INFO_GLOBAL_RESERVE: u64 = 1 << 49;

/// `struct btrfs_ioctl_vol_args`.
#[repr(C)]
pub struct VolArgs {
    pub fd: i64,
    pub name: [u8; PATH_NAME_MAX + 1],
}

/// `struct btrfs_ioctl_vol_args_v2`.
#[repr(C)]
pub struct VolArgsV2 {
    pub fd: i64,
    pub transid: u64,
    pub flags: u64,
    pub unused: [u64; 4],
    pub name: [u8; SUBVOL_NAME_MAX + 1],
}

/// `struct btrfs_ioctl_fs_info_args`.
#[repr(C)]
pub struct FsInfo {
    pub max_id: u64,
    pub num_devices: u64,
    pub fsid: [u8; 16],
    pub nodesize: u32,
    pub sectorsize: u32,
    pub clone_alignment: u32,
    pub csum_type: u16,
    pub csum_size: u16,
    pub flags: u64,
    pub generation: u64,
    pub metadata_uuid: [u8; 16],
    pub reserved: [u8; 944],
}

/// `struct btrfs_ioctl_dev_info_args`.
#[repr(C)]
pub struct DevInfo {
    pub devid: u64,
    pub uuid: [u8; 16],
    pub bytes_used: u64,
    pub total_bytes: u64,
    pub unused: [u64; 379],
    pub path: [u8; 1024],
}

/// `struct btrfs_ioctl_search_key`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct SearchKey {
    pub tree_id: u64,
    pub min_objectid: u64,
    pub max_objectid: u64,
    pub min_offset: u64,
    pub max_offset: u64,
    pub min_transid: u64,
    pub max_transid: u64,
    pub min_type: u32,
    pub max_type: u32,
    pub nr_items: u32,
    pub unused: u32,
    pub unused_more: [u64; 4],
}

/// The bytes of `struct btrfs_ioctl_search_header`.
pub const SEARCH_HEADER: usize = 32;
/// Room for the items that a search finds.
pub const SEARCH_ROOM: usize = 64 << 10;

/// `struct btrfs_ioctl_search_args_v2`, with its room.
#[repr(C)]
pub struct SearchArgsV2 {
    pub key: SearchKey,
    pub buf_size: u64,
    pub buf: [u8; SEARCH_ROOM],
}

/// The part of it that the number of the request is made from.
#[repr(C)]
pub struct SearchArgsHead {
    key: SearchKey,
    buf_size: u64,
}

/// `struct btrfs_ioctl_ino_lookup_args`.
#[repr(C)]
pub struct InoLookup {
    pub treeid: u64,
    pub objectid: u64,
    pub name: [u8; 4080],
}

/// `struct btrfs_ioctl_space_info`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct SpaceInfo {
    pub flags: u64,
    pub total_bytes: u64,
    pub used_bytes: u64,
}

/// How many kinds of space there can be: three types in nine profiles, and the reserve.
pub const MOST_SPACES: usize = 32;

/// `struct btrfs_ioctl_space_args`, with room for all there can be.
#[repr(C)]
pub struct SpaceArgs {
    pub space_slots: u64,
    pub total_spaces: u64,
    pub spaces: [SpaceInfo; MOST_SPACES],
}

/// The part of it that the number of the request is made from.
#[repr(C)]
pub struct SpaceArgsHead {
    space_slots: u64,
    total_spaces: u64,
}

/// `struct btrfs_ioctl_quota_ctl_args`.
#[repr(C)]
pub struct QuotaCtl {
    pub cmd: u64,
    pub status: u64,
}

/// `struct btrfs_ioctl_qgroup_limit_args`, its limit taken apart.
#[repr(C)]
#[derive(Default)]
pub struct QgroupLimit {
    pub qgroupid: u64,
    pub flags: u64,
    pub max_rfer: u64,
    pub max_excl: u64,
    pub rsv_rfer: u64,
    pub rsv_excl: u64,
}

ioctl_write_ptr!(resize, MAGIC, 3, VolArgs);
ioctl_readwrite!(tree_search, MAGIC, 17, SearchArgsHead);
ioctl_readwrite!(ino_lookup, MAGIC, 18, InoLookup);
ioctl_readwrite!(space_info, MAGIC, 20, SpaceArgsHead);
ioctl_write_ptr!(snap_create, MAGIC, 23, VolArgsV2);
ioctl_write_ptr!(subvol_create, MAGIC, 24, VolArgsV2);
ioctl_read!(subvol_get_flags, MAGIC, 25, u64);
ioctl_write_ptr!(subvol_set_flags, MAGIC, 26, u64);
ioctl_readwrite!(dev_info, MAGIC, 30, DevInfo);
ioctl_read!(fs_info, MAGIC, 31, FsInfo);
ioctl_readwrite!(quota_ctl, MAGIC, 40, QuotaCtl);
ioctl_read!(qgroup_limit, MAGIC, 43, QgroupLimit);
ioctl_read!(get_label, MAGIC, 49, [u8; LABEL_SIZE]);
ioctl_write_ptr!(set_label, MAGIC, 50, [u8; LABEL_SIZE]);
ioctl_write_ptr!(snap_destroy, MAGIC, 63, VolArgsV2);

// The sizes that the kernel has, or the numbers of the requests would be others.
const _: () = {
    assert!(size_of::<VolArgs>() == 4096);
    assert!(size_of::<VolArgsV2>() == 4096);
    assert!(size_of::<FsInfo>() == 1024);
    assert!(size_of::<DevInfo>() == 4096);
    assert!(size_of::<SearchKey>() == 104);
    assert!(size_of::<SearchArgsHead>() == 112);
    assert!(size_of::<InoLookup>() == 4096);
    assert!(size_of::<QgroupLimit>() == 48);
};
