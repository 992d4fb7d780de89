//! Mounts.

use std::path::Path;

use seed_role::host::{Host, Mount};
use seed_role::trouble::Kind;

use super::{Question, device, loop_config, mount_request, run, text};

/// All of them.
pub const ALL: &[Question] = &[("tmpfs", tmpfs), ("ext4", ext4), ("binds", binds), ("stacked", stacked), ("others", other_types)];

pub fn mounted(host: &dyn Host, at: &Path) -> Option<Mount> {
    host.refresh();
    host.mounts().unwrap().iter().rev().find(|mount| mount.at == at).cloned()
}

fn has(words: &[String], word: &str) -> bool {
    words.iter().any(|it| it == word)
}

/// A file system in memory is fresh each time, and hides what lies under it.
fn tmpfs(host: &dyn Host, folder: &Path) {
    let at = folder.join("a b");
    host.make_folder(&at, 0o755).unwrap();
    host.write_file(&at.join("under"), b"", 0o644, None).unwrap();
    let request = mount_request(Path::new("work"), &at, "tmpfs", &["size=1m", "mode=0750", "nosuid", "noatime"]);
    host.mount(&request).unwrap();
    let seen = mounted(host, &at).unwrap();
    assert_eq!((seen.source.as_str(), seen.fs_type.as_str(), seen.root.as_path()), ("work", "tmpfs", Path::new("/")));
    assert!(has(&seen.options, "rw") && has(&seen.options, "nosuid") && has(&seen.options, "noatime"), "{seen:?}");
    assert!(has(&seen.super_options, "size=1024k") && has(&seen.super_options, "mode=750"), "{seen:?}");
    assert_eq!(host.list(&at).unwrap(), [""; 0]);
    assert_eq!(host.metadata(&at).unwrap().unwrap().mode, 0o750);
    assert_ne!(host.metadata(&at).unwrap().unwrap().device, host.metadata(folder).unwrap().unwrap().device);
    host.write_file(&at.join("file"), b"x", 0o644, None).unwrap();
    let full = host.write_file(&at.join("large"), &vec![1; 2 << 20], 0o644, None).unwrap_err();
    assert_eq!(full.kind, Kind::NoSpace, "{full}");
    let image = at.join("image");
    assert_eq!(host.make_image(&image, 2 << 20, true, 0o600).unwrap_err().kind, Kind::NoSpace);
    assert_eq!(host.list(&at).unwrap(), ["file"]);
    host.make_image(&image, 512 << 10, true, 0o600).unwrap();
    assert_eq!(host.set_len(&image, 2 << 20, true).unwrap_err().kind, Kind::NoSpace);
    assert_eq!(host.size_of(&image).unwrap(), Some(512 << 10));
    host.remove_file(&image).unwrap();
    assert!(host.rename(&at.join("file"), &folder.join("file")).is_err());
    assert_eq!(host.remove_folder(&at).unwrap_err().kind, Kind::Busy);
    assert_eq!(host.remove_tree(folder).unwrap_err().kind, Kind::Busy);
    assert_eq!(host.list(&at).unwrap(), ["file"]);
    // Options change in place; those not named stay.
    host.remount(&mount_request(Path::new("work"), &at, "tmpfs", &["ro", "size=2m"])).unwrap();
    let seen = mounted(host, &at).unwrap();
    assert!(has(&seen.options, "ro") && has(&seen.options, "nosuid") && has(&seen.super_options, "size=2048k"), "{seen:?}");
    assert_eq!(host.write_file(&at.join("file"), b"y", 0o644, None).unwrap_err().kind, Kind::ReadOnly);
    host.remount(&mount_request(Path::new("work"), &at, "tmpfs", &["rw", "suid"])).unwrap();
    let seen = mounted(host, &at).unwrap();
    assert!(has(&seen.options, "rw") && !has(&seen.options, "nosuid"), "{seen:?}");
    host.unmount(&at).unwrap();
    assert_eq!(mounted(host, &at), None);
    assert_eq!(host.list(&at).unwrap(), ["under"]);
    host.unmount(&at).unwrap();
    host.unmount(&folder.join("no")).unwrap();
    assert_eq!(host.remount(&request).unwrap_err().kind, Kind::Gone);
    host.mount(&request).unwrap();
    assert_eq!(host.list(&at).unwrap(), [""; 0]);
    assert!(host.mount(&mount_request(Path::new("work"), &folder.join("no"), "tmpfs", &[])).is_err());
    assert!(host.mount(&mount_request(Path::new("work"), &at, "no-such-type", &[])).is_err());
}

/// A file system on a device holds what was written to it, until its signature goes.
fn ext4(host: &dyn Host, folder: &Path) {
    let (at, other) = (folder.join("at"), folder.join("other"));
    host.make_folder(&at, 0o755).unwrap();
    host.make_folder(&other, 0o755).unwrap();
    let device = device(host, folder, "image", 32 << 20);
    let request = mount_request(&device, &at, "ext4", &["noatime"]);
    assert!(host.mount(&request).is_err());
    run(host, &["mkfs.ext4", "-q", "-F", "-L", "lab", text(&device)]);
    assert_eq!(host.read_at(&device, 1024 + 0x38, 2).unwrap(), [0x53, 0xEF]);
    assert_eq!(host.read_at(&device, 1024 + 0x78, 4).unwrap(), b"lab\0");
    host.mount(&request).unwrap();
    let seen = mounted(host, &at).unwrap();
    assert_eq!((seen.source.as_str(), seen.fs_type.as_str()), (text(&device), "ext4"));
    assert!(has(&seen.options, "noatime"), "{seen:?}");
    host.write_file(&at.join("file"), b"stays", 0o600, None).unwrap();
    host.sync(std::slice::from_ref(&at)).unwrap();
    // What is mounted cannot be taken away.
    let busy = host.detach_loop(&device).unwrap_err();
    assert_eq!(busy.kind, Kind::Busy);
    assert!(busy.to_string().contains(text(&at)), "{busy}");
    // At another place it is the same file system.
    host.mount(&mount_request(&device, &other, "ext4", &[])).unwrap();
    assert_eq!(host.read(&other.join("file"), 10).unwrap().unwrap(), b"stays");
    host.unmount(&other).unwrap();
    host.unmount(&at).unwrap();
    assert_eq!(host.list(&at).unwrap(), [""; 0]);
    host.detach_loop(&device).unwrap();
    let device = host.attach_loop(&loop_config(&folder.join("image"))).unwrap();
    host.mount(&mount_request(&device, &at, "ext4", &["ro"])).unwrap();
    assert_eq!(host.read(&at.join("file"), 10).unwrap().unwrap(), b"stays");
    assert_eq!(host.metadata(&at.join("file")).unwrap().unwrap().mode, 0o600);
    assert_eq!(host.write_file(&at.join("file"), b"no", 0o600, None).unwrap_err().kind, Kind::ReadOnly);
    host.unmount(&at).unwrap();
    // It grows with its device.
    host.set_len(&folder.join("image"), 64 << 20, false).unwrap();
    host.refresh_loop(&device).unwrap();
    run(host, &["e2fsck", "-f", "-p", text(&device)]);
    run(host, &["resize2fs", text(&device)]);
    run(host, &["tune2fs", "-L", "bench", text(&device)]);
    assert_eq!(host.read_at(&device, 1024 + 0x78, 6).unwrap(), b"bench\0");
    let blocks = u32::from_le_bytes(host.read_at(&device, 1024 + 4, 4).unwrap().try_into().unwrap());
    let log_size = u32::from_le_bytes(host.read_at(&device, 1024 + 0x18, 4).unwrap().try_into().unwrap());
    assert_eq!(u64::from(blocks) * (1024 << log_size), 64 << 20);
    host.write_at(&device, 1024, &[0; 1024]).unwrap();
    assert!(host.mount(&request).is_err());
    host.detach_loop(&device).unwrap();
}

/// A folder shown at another place, read-only where that is asked.
fn binds(host: &dyn Host, folder: &Path) {
    let (from, at) = (folder.join("from"), folder.join("at"));
    host.make_folder(&from, 0o755).unwrap();
    host.make_folder(&at, 0o755).unwrap();
    host.write_file(&from.join("file"), b"1", 0o644, None).unwrap();
    host.mount(&mount_request(&from, &at, "bind", &["ro", "nosuid"])).unwrap();
    let seen = mounted(host, &at).unwrap();
    assert!(has(&seen.options, "ro") && has(&seen.options, "nosuid"), "{seen:?}");
    assert!(seen.root.ends_with("from"), "{seen:?}");
    assert_eq!(host.read(&at.join("file"), 10).unwrap().unwrap(), b"1");
    assert_eq!(host.write_file(&at.join("file"), b"2", 0o644, None).unwrap_err().kind, Kind::ReadOnly);
    host.write_file(&from.join("file"), b"3", 0o644, None).unwrap();
    assert_eq!(host.read(&at.join("file"), 10).unwrap().unwrap(), b"3");
    host.remount(&mount_request(&from, &at, "bind", &["rw"])).unwrap();
    host.write_file(&at.join("file"), b"4", 0o644, None).unwrap();
    assert_eq!(host.read(&from.join("file"), 10).unwrap().unwrap(), b"4");
    assert_eq!(host.remove_tree(folder).unwrap_err().kind, Kind::Busy);
    assert_eq!(host.read(&from.join("file"), 10).unwrap().unwrap(), b"4");
    host.unmount(&at).unwrap();
}

/// The topmost of several mounts at one place is the one that is unmounted.
fn stacked(host: &dyn Host, folder: &Path) {
    let at = folder.join("at");
    host.make_folder(&at, 0o755).unwrap();
    for name in ["first", "second"] {
        host.mount(&mount_request(Path::new(name), &at, "tmpfs", &[])).unwrap();
        host.write_file(&at.join(name), b"", 0o644, None).unwrap();
    }
    assert_eq!(mounted(host, &at).unwrap().source, "second");
    let below = at.join("below");
    host.make_folder(&below, 0o755).unwrap();
    host.mount(&mount_request(Path::new("third"), &below, "tmpfs", &[])).unwrap();
    let busy = host.unmount(&at).unwrap_err();
    assert_eq!(busy.kind, Kind::Busy);
    assert!(busy.to_string().contains(text(&below)), "{busy}");
    host.unmount(&below).unwrap();
    host.unmount(&at).unwrap();
    assert_eq!(host.list(&at).unwrap(), ["first"]);
    host.unmount(&at).unwrap();
    assert_eq!(host.list(&at).unwrap(), [""; 0]);
}

/// The other types that can be made, with their signatures where the specifications say.
fn other_types(host: &dyn Host, folder: &Path) {
    let at = folder.join("at");
    host.make_folder(&at, 0o755).unwrap();
    let fat = device(host, folder, "fat", 64 << 20);
    run(host, &["mkfs.vfat", "-n", "LAB", "-i", "1a2b3c4d", text(&fat)]);
    assert_eq!(host.read_at(&fat, 510, 2).unwrap(), [0x55, 0xAA]);
    let swap = device(host, folder, "swap", 16 << 20);
    run(host, &["mkswap", "-q", "-L", "pages", text(&swap)]);
    assert_eq!(host.read_at(&swap, 4086, 10).unwrap(), b"SWAPSPACE2");
    assert_eq!(host.read_at(&swap, 1024 + 28, 6).unwrap(), b"pages\0");
    let xfs = device(host, folder, "xfs", 320 << 20);
    run(host, &["mkfs.xfs", "-q", "-f", "-L", "lab", text(&xfs)]);
    assert_eq!(host.read_at(&xfs, 0, 4).unwrap(), b"XFSB");
    assert_eq!(host.read_at(&xfs, 108, 4).unwrap(), b"lab\0");
    for (device, kind) in [(&fat, "vfat"), (&xfs, "xfs")] {
        match host.mount(&mount_request(device, &at, kind, &[])) {
            Ok(()) => {
                host.write_file(&at.join("file"), b"x", 0o755, None).unwrap();
                host.unmount(&at).unwrap();
                host.mount(&mount_request(device, &at, kind, &[])).unwrap();
                assert_eq!(host.read(&at.join("file"), 10).unwrap().unwrap(), b"x");
                host.unmount(&at).unwrap();
            }
            // A kernel without that type.
            Err(trouble) => assert_eq!(trouble.kind, Kind::Gone, "{trouble}"),
        }
    }
    assert!(host.mount(&mount_request(&xfs, &at, "ext4", &[])).is_err());
    assert!(host.mount(&mount_request(&folder.join("xfs"), &at, "xfs", &[])).is_err());
}
