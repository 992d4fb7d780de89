//! Loop devices and partitions.

use std::path::{Path, PathBuf};

use seed_role::host::{FileKind, Host, LoopConfig, LoopDevice};
use seed_role::trouble::Kind;

use super::{Question, device, loop_config, mount_request, run, text};

/// All of them.
pub const ALL: &[Question] =
    &[("attached", attached), ("kinds", kinds), ("partitions", partitions), ("removed", removed), ("nested", nested)];

pub fn entry(host: &dyn Host, device: &Path) -> Option<LoopDevice> {
    host.refresh();
    host.loops().unwrap().iter().find(|entry| entry.device == device).cloned()
}

/// An attached file is seen, once, as what it is; its bytes are the device's.
fn attached(host: &dyn Host, folder: &Path) {
    let image = folder.join("image");
    host.make_image(&image, 16 << 20, false, 0o600).unwrap();
    let device = host.attach_loop(&loop_config(&image)).unwrap();
    let seen = entry(host, &device).unwrap();
    let expected = LoopDevice {
        device: device.clone(),
        backing: image.clone(),
        offset: 0,
        size_limit: 0,
        size: 16 << 20,
        sector_size: 512,
        read_only: false,
        partscan: false,
        deleted: false,
    };
    assert_eq!(seen, expected);
    assert_eq!(host.metadata(&device).unwrap().unwrap().kind, FileKind::Block);
    assert_eq!(host.size_of(&device).unwrap(), Some(16 << 20));
    // Once more is the same one.
    assert_eq!(host.attach_loop(&loop_config(&image)).unwrap(), device);
    host.write_at(&device, 4096, b"through the device").unwrap();
    assert_eq!(host.read_at(&device, 4096, 11).unwrap(), b"through the");
    host.sync(std::slice::from_ref(&image)).unwrap();
    assert_eq!(host.read_at(&image, 4104, 10).unwrap(), b"the device");
    // It grows when it is told to.
    host.set_len(&image, 24 << 20, false).unwrap();
    assert_eq!(host.size_of(&device).unwrap(), Some(16 << 20));
    host.refresh_loop(&device).unwrap();
    assert_eq!(host.size_of(&device).unwrap(), Some(24 << 20));
    assert_eq!(entry(host, &device).unwrap().size, 24 << 20);
    host.detach_loop(&device).unwrap();
    assert_eq!(entry(host, &device), None);
    host.detach_loop(&device).unwrap();
    assert!(host.refresh_loop(&device).is_err());
    let missing = host.attach_loop(&loop_config(&folder.join("no"))).unwrap_err();
    assert_eq!(missing.kind, Kind::Gone);
    assert!(missing.to_string().contains("to a loop device"), "{missing}");
    assert!(host.attach_loop(&loop_config(folder)).is_err());
}

/// Read-only, with an offset, with large sectors.
fn kinds(host: &dyn Host, folder: &Path) {
    let image = folder.join("image");
    host.make_image(&image, 8 << 20, false, 0o600).unwrap();
    host.write_at(&image, 1 << 20, b"here").unwrap();
    let config = LoopConfig { offset: 1 << 20, read_only: true, sector_size: Some(4096), ..loop_config(&image) };
    let device = host.attach_loop(&config).unwrap();
    let seen = entry(host, &device).unwrap();
    assert_eq!((seen.offset, seen.read_only, seen.sector_size, seen.size), (1 << 20, true, 4096, 7 << 20));
    assert_eq!(host.read_at(&device, 0, 4).unwrap(), b"here");
    assert!(host.write_at(&device, 0, b"no").is_err());
    let other = host.attach_loop(&loop_config(&image)).unwrap();
    assert_ne!(other, device);
    host.detach_loop(&other).unwrap();
    host.detach_loop(&device).unwrap();
}

/// Lays a table with partitions of these sizes in MiB onto a device, the first at 1 MiB, and all in a row.
pub fn lay_table(host: &dyn Host, device: &Path, sizes: &[u64]) {
    let len = host.size_of(device).unwrap().unwrap();
    let mut bytes = std::io::Cursor::new(vec![0; usize::try_from(len).unwrap()]);
    let sectors = u32::try_from(len / 512 - 1).unwrap();
    gpt::mbr::ProtectiveMBR::with_lb_size(sectors).overwrite_lba0(&mut bytes).unwrap();
    let mut table = gpt::GptConfig::new().writable(true).create_from_device(bytes, None).unwrap();
    for (index, size) in sizes.iter().enumerate() {
        table.add_partition(&format!("p{index}"), size << 20, gpt::partition_types::LINUX_FS, 0, Some(2048)).unwrap();
    }
    let bytes = table.write().unwrap().into_inner();
    host.write_at(device, 0, &bytes[..34 * 512]).unwrap();
    host.write_at(device, len - 33 * 512, &bytes[bytes.len() - 33 * 512..]).unwrap();
}

pub fn partition(device: &Path, number: u32) -> PathBuf {
    PathBuf::from(format!("{}p{number}", text(device)))
}

/// Partitions are there as the table says, after it was read again and after attaching.
fn partitions(host: &dyn Host, folder: &Path) {
    let image = folder.join("image");
    host.make_image(&image, 32 << 20, false, 0o600).unwrap();
    let config = LoopConfig { partscan: true, ..loop_config(&image) };
    let device = host.attach_loop(&config).unwrap();
    assert!(entry(host, &device).unwrap().partscan);
    assert_eq!(host.metadata(&partition(&device, 1)).unwrap(), None);
    lay_table(host, &device, &[4, 8]);
    host.reread_partitions(&device).unwrap();
    let (first, second) = (partition(&device, 1), partition(&device, 2));
    assert_eq!(host.metadata(&first).unwrap().unwrap().kind, FileKind::Block);
    assert_eq!(host.size_of(&first).unwrap(), Some(4 << 20));
    assert_eq!(host.size_of(&second).unwrap(), Some(8 << 20));
    host.write_at(&second, 512, b"in the second").unwrap();
    let start = 5 << 20;
    assert_eq!(host.read_at(&device, start + 512, 13).unwrap(), b"in the second");
    // One grows, one goes, one comes.
    lay_table(host, &device, &[4, 9, 2]);
    host.reread_partitions(&device).unwrap();
    assert_eq!(host.size_of(&second).unwrap(), Some(9 << 20));
    assert_eq!(host.size_of(&partition(&device, 3)).unwrap(), Some(2 << 20));
    lay_table(host, &device, &[4]);
    host.reread_partitions(&device).unwrap();
    assert_eq!(host.metadata(&second).unwrap(), None);
    // They go with the device, and come with it.
    host.detach_loop(&device).unwrap();
    assert_eq!(host.metadata(&first).unwrap(), None);
    let device = host.attach_loop(&config).unwrap();
    assert_eq!(host.size_of(&partition(&device, 1)).unwrap(), Some(4 << 20));
    // Without a table there are none.
    host.write_at(&device, 0, &[0; 34 * 512]).unwrap();
    host.reread_partitions(&device).unwrap();
    assert_eq!(host.metadata(&partition(&device, 1)).unwrap(), None);
    host.detach_loop(&device).unwrap();
}

/// A file that was removed while it is attached is known as such, and another of its name is another.
fn removed(host: &dyn Host, folder: &Path) {
    let image = folder.join("image");
    let first = device(host, folder, "image", 1 << 20);
    host.remove_file(&image).unwrap();
    let seen = entry(host, &first).unwrap();
    assert!(seen.deleted);
    assert_eq!(seen.backing, image);
    let second = device(host, folder, "image", 2 << 20);
    assert_ne!(first, second);
    host.detach_loop(&first).unwrap();
    assert_eq!(entry(host, &second).unwrap().size, 2 << 20);
    host.detach_loop(&second).unwrap();
}

/// A file system on a partition, and a loop device over a partition.
fn nested(host: &dyn Host, folder: &Path) {
    let at = folder.join("at");
    host.make_folder(&at, 0o755).unwrap();
    let image = folder.join("image");
    host.make_image(&image, 64 << 20, false, 0o600).unwrap();
    let device = host.attach_loop(&LoopConfig { partscan: true, ..loop_config(&image) }).unwrap();
    lay_table(host, &device, &[16, 32]);
    host.reread_partitions(&device).unwrap();
    let second = partition(&device, 2);
    run(host, &["mkfs.ext4", "-q", "-F", text(&second)]);
    host.mount(&mount_request(&second, &at, "ext4", &[])).unwrap();
    host.write_file(&at.join("file"), b"inside", 0o644, None).unwrap();
    let seen = super::mounts::mounted(host, &at).unwrap();
    assert_eq!(seen.source, text(&second));
    assert_eq!(host.detach_loop(&device).unwrap_err().kind, Kind::Busy);
    // What is mounted does not go, and what stays is not touched.
    lay_table(host, &device, &[16]);
    assert_eq!(host.reread_partitions(&device).unwrap_err().kind, Kind::Busy);
    assert_eq!(host.read(&at.join("file"), 10).unwrap().unwrap(), b"inside");
    lay_table(host, &device, &[16, 32]);
    host.reread_partitions(&device).unwrap();
    host.unmount(&at).unwrap();
    // The same bytes through another device.
    let over = host.attach_loop(&loop_config(&second)).unwrap();
    assert_eq!(host.size_of(&over).unwrap(), Some(32 << 20));
    host.mount(&mount_request(&over, &at, "ext4", &["ro"])).unwrap();
    assert_eq!(host.read(&at.join("file"), 10).unwrap().unwrap(), b"inside");
    host.unmount(&at).unwrap();
    host.detach_loop(&over).unwrap();
    // And through an offset into the file.
    host.detach_loop(&device).unwrap();
    let start = 17 << 20;
    let over = host.attach_loop(&LoopConfig { offset: start, ..loop_config(&image) }).unwrap();
    host.mount(&mount_request(&over, &at, "ext4", &[])).unwrap();
    assert_eq!(host.read(&at.join("file"), 10).unwrap().unwrap(), b"inside");
    host.unmount(&at).unwrap();
    host.detach_loop(&over).unwrap();
    assert!(host.reread_partitions(&image).is_err());
}
