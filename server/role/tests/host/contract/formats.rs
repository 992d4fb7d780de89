//! What the programs that make and change file systems leave on a device, at the offsets of the formats'
//! descriptions.

use std::path::Path;

use seed_role::host::{Command, Host};

use super::{Question, device, mount_request, run, text};

/// All of them.
pub const ALL: &[Question] =
    &[("ext4", ext4), ("xfs", xfs), ("vfat", vfat), ("swap", swap), ("btrfs", btrfs), ("refused", refused)];

const UUID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const RAW: [u8; 16] = [0x0F, 0x1E, 0x2D, 0x3C, 0x4B, 0x5A, 0x69, 0x78, 0x87, 0x96, 0xA5, 0xB4, 0xC3, 0xD2, 0xE1, 0xF0];

fn le32(host: &dyn Host, device: &Path, at: u64) -> u64 {
    u32::from_le_bytes(host.read_at(device, at, 4).unwrap().try_into().unwrap()).into()
}

fn be64(host: &dyn Host, device: &Path, at: u64) -> u64 {
    u64::from_be_bytes(host.read_at(device, at, 8).unwrap().try_into().unwrap())
}

/// Grows the image behind a device, and the device.
fn grow(host: &dyn Host, folder: &Path, device: &Path, len: u64) {
    host.set_len(&folder.join("image"), len, false).unwrap();
    host.refresh_loop(device).unwrap();
}

fn ext4(host: &dyn Host, folder: &Path) {
    let at = folder.join("at");
    host.make_folder(&at, 0o755).unwrap();
    let device = device(host, folder, "image", 32 << 20);
    run(host, &["mkfs.ext4", "-q", "-F", "-L", "one", "-U", UUID, text(&device)]);
    assert_eq!(host.read_at(&device, 1024 + 0x68, 16).unwrap(), RAW);
    assert_eq!(host.read_at(&device, 1024 + 0x78, 4).unwrap(), b"one\0");
    let block = 1024 << le32(host, &device, 1024 + 0x18);
    assert_eq!(le32(host, &device, 1024 + 4) * block, 32 << 20);
    // As many inodes are used as a new one needs: ten that are reserved, and `lost+found`.
    let used = |host: &dyn Host| le32(host, &device, 1024) - le32(host, &device, 1024 + 0x10);
    let features = le32(host, &device, 1024 + 0x5C);
    let orphan_file = u64::from(features & 0x1000 != 0);
    assert_eq!(used(host), 11 + orphan_file);
    host.mount(&mount_request(&device, &at, "ext4", &[])).unwrap();
    assert_eq!(host.list(&at).unwrap(), ["lost+found"]);
    host.write_file(&at.join("file"), b"x", 0o644, None).unwrap();
    // It is not checked while it is mounted.
    let checked = host.execute(&Command::new("e2fsck", ["-f", "-p", text(&device)])).unwrap();
    assert_ne!(checked.status, 0, "{checked:?}");
    host.unmount(&at).unwrap();
    assert_eq!(used(host), 12 + orphan_file);
    grow(host, folder, &device, 48 << 20);
    run(host, &["e2fsck", "-f", "-p", text(&device)]);
    run(host, &["resize2fs", text(&device)]);
    assert_eq!(le32(host, &device, 1024 + 4) * block, 48 << 20);
}

fn xfs(host: &dyn Host, folder: &Path) {
    let at = folder.join("at");
    host.make_folder(&at, 0o755).unwrap();
    let device = device(host, folder, "image", 320 << 20);
    run(host, &["mkfs.xfs", "-q", "-f", "-L", "one", "-m", &format!("uuid={UUID}"), text(&device)]);
    assert_eq!(host.read_at(&device, 32, 16).unwrap(), RAW);
    assert_eq!(host.read_at(&device, 4, 4).unwrap(), 4096_u32.to_be_bytes());
    assert_eq!(be64(host, &device, 8) * 4096, 320 << 20);
    assert_eq!(be64(host, &device, 128) - be64(host, &device, 136), 3);
    run(host, &["xfs_admin", "-L", "two", text(&device)]);
    assert_eq!(host.read_at(&device, 108, 4).unwrap(), b"two\0");
    host.mount(&mount_request(&device, &at, "xfs", &[])).unwrap();
    host.write_file(&at.join("file"), b"x", 0o644, None).unwrap();
    grow(host, folder, &device, 400 << 20);
    run(host, &["xfs_growfs", text(&at)]);
    host.unmount(&at).unwrap();
    assert_eq!(be64(host, &device, 8) * 4096, 400 << 20);
    assert_eq!(be64(host, &device, 128) - be64(host, &device, 136), 4);
    host.mount(&mount_request(&device, &at, "xfs", &[])).unwrap();
    assert_eq!(host.list(&at).unwrap(), ["file"]);
}

fn vfat(host: &dyn Host, folder: &Path) {
    // Of 12, 16 and 32 bits: where the number, the label and the kind stand.
    for (name, len, id_at, kind, track) in [
        ("12", 2 << 20, 39, "FAT12", 16),
        ("16", 64 << 20, 39, "FAT16", 32),
        ("long tracks", 300 << 20, 39, "FAT16", 63),
        ("32", 768 << 20, 67, "FAT32", 63),
    ] {
        let device = device(host, folder, name, len);
        run(host, &["mkfs.vfat", "-n", "ONE", "-i", "1a2b3c4d", text(&device)]);
        assert_eq!(le32(host, &device, id_at), 0x1A2B_3C4D);
        let label = |host: &dyn Host| host.read_at(&device, id_at + 4, 11).unwrap();
        assert_eq!(label(host), b"ONE        ");
        assert_eq!(host.read_at(&device, id_at + 15, 5).unwrap(), kind.as_bytes());
        run(host, &["fatlabel", text(&device), "TWO"]);
        assert_eq!(label(host), b"TWO        ");
        // The root folder has the label as well, behind the reserved sectors and two tables.
        let boot = host.read_at(&device, 0, 512).unwrap();
        let (reserved, small) = (u64::from(boot[14]) | u64::from(boot[15]) << 8, u64::from(boot[22]) | u64::from(boot[23]) << 8);
        let table = if small == 0 { le32(host, &device, 36) } else { small };
        let root = (reserved + 2 * table) * 512;
        assert_eq!(host.read_at(&device, root, 12).unwrap(), b"TWO        \x08");
        let sectors = match u64::from(boot[19]) | u64::from(boot[20]) << 8 {
            0 => le32(host, &device, 32),
            sectors => sectors,
        };
        // It ends with a whole track.
        assert_eq!(u64::from(boot[24]), track);
        assert_eq!(sectors, len / 512 / track * track);
    }
}

fn swap(host: &dyn Host, folder: &Path) {
    let device = device(host, folder, "image", 16 << 20);
    run(host, &["mkswap", "-q", "-L", "one", "-U", UUID, text(&device)]);
    assert_eq!(host.read_at(&device, 1036, 16).unwrap(), RAW);
    assert_eq!((le32(host, &device, 1024), le32(host, &device, 1028)), (1, (16 << 20) / 4096 - 1));
    run(host, &["swaplabel", "-L", "two", text(&device)]);
    assert_eq!(host.read_at(&device, 1052, 4).unwrap(), b"two\0");
}

fn btrfs(host: &dyn Host, folder: &Path) {
    let (first, second) = (device(host, folder, "image", 256 << 20), device(host, folder, "second", 200 << 20));
    run(host, &["mkfs.btrfs", "-q", "-f", "-L", "one", "-U", UUID, text(&first), text(&second)]);
    for (device, id, len) in [(&first, 1, 256 << 20), (&second, 2, 200 << 20)] {
        // The first superblock, and the copy at 64 MiB, which says where it is.
        for at in [0x1_0000, 0x400_0000] {
            let block = host.read_at(device, at, 4096).unwrap();
            let number = |at: usize| u64::from_le_bytes(block[at..at + 8].try_into().unwrap());
            assert_eq!(&block[0x20..0x30], RAW);
            assert_eq!(number(0x30), at);
            assert_eq!(number(0x70), 456 << 20);
            assert_eq!((number(0x88), number(0xC9), number(0xD1)), (2, id, len));
            assert_eq!(&block[0x12B..0x12F], b"one\0");
            assert_eq!(block[..4], crc32c(&block[0x20..]).to_le_bytes());
        }
    }
    // One that is made anew takes what the other was a part of away.
    run(host, &["mkfs.ext4", "-q", "-F", text(&second)]);
    let at = folder.join("at");
    host.make_folder(&at, 0o755).unwrap();
    host.execute(&Command::new("btrfs", ["device", "scan", "--forget"])).unwrap();
    assert!(host.mount(&mount_request(&first, &at, "btrfs", &[])).is_err());
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// What cannot be done is said, with a status.
fn refused(host: &dyn Host, folder: &Path) {
    let at = folder.join("at");
    host.make_folder(&at, 0o755).unwrap();
    let small = device(host, folder, "image", 16 << 20);
    let says_no = |words: &[&str]| {
        let done = host.execute(&Command::new(words[0], words[1..].iter().copied())).unwrap();
        assert!(done.status != 0 && !(done.stdout + &done.stderr).trim().is_empty(), "{words:?}");
    };
    says_no(&["mkfs.xfs", "-q", "-f", text(&small)]);
    says_no(&["mkfs.btrfs", "-q", "-f", text(&small)]);
    says_no(&["mkfs.btrfs", "-q", "-f", "-d", "raid1", text(&small)]);
    says_no(&["mkfs.ext4", "-q", "-F", "/dev/no-such-device"]);
    says_no(&["tune2fs", "-L", "x", text(&small)]);
    says_no(&["resize2fs", text(&small)]);
    says_no(&["xfs_growfs", text(&at)]);
    says_no(&["mkfs.ext4", "--no-such-option", text(&small)]);
    run(host, &["mkfs.ext4", "-q", "-F", text(&small)]);
    host.mount(&mount_request(&small, &at, "ext4", &[])).unwrap();
    says_no(&["mkfs.xfs", "-q", "-f", text(&small)]);
    says_no(&["mkfs.ext4", "-q", text(&small)]);
    says_no(&["mkswap", "-q", text(&small)]);
    says_no(&["btrfs", "device", "add", "-f", text(&small), text(&at)]);
}
