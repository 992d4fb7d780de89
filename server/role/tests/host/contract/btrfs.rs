//! Btrfs.

use std::path::{Path, PathBuf};

use seed_role::host::{Host, Subvolume};
use seed_role::trouble::Kind;

use super::{Question, device, mount_request, run, text};

/// All of them.
pub const ALL: &[Question] =
    &[("subvolumes", subvolumes), ("quotas", quotas), ("whole", whole), ("edges", edges), ("devices", devices)];

const SMALL: u64 = 128 << 20;
/// Room enough to move chunks of one profile into another.
const LARGE: u64 = 1 << 30;

fn made(host: &dyn Host, folder: &Path) -> (PathBuf, PathBuf) {
    let at = folder.join("at");
    host.make_folder(&at, 0o755).unwrap();
    let device = device(host, folder, "image", SMALL);
    run(host, &["mkfs.btrfs", "-q", "-f", "-L", "lab", text(&device)]);
    assert_eq!(host.read_at(&device, 0x10040, 8).unwrap(), b"_BHRfS_M");
    host.mount(&mount_request(&device, &at, "btrfs", &[])).unwrap();
    (at, device)
}

fn find(host: &dyn Host, at: &Path, path: &str) -> Option<Subvolume> {
    host.btrfs_subvolumes(at).unwrap().into_iter().find(|subvolume| subvolume.path == Path::new(path))
}

/// Subvolumes and snapshots: made, seen, read-only and writable, removed.
fn subvolumes(host: &dyn Host, folder: &Path) {
    let (at, _) = made(host, folder);
    assert_eq!(host.btrfs_subvolumes(&at).unwrap(), []);
    let root = at.join("root");
    host.btrfs_create(&root).unwrap();
    assert!(host.btrfs_create(&root).is_err());
    host.write_file(&root.join("file"), b"one", 0o644, None).unwrap();
    host.make_folder(&root.join("folder"), 0o755).unwrap();
    host.btrfs_create(&root.join("folder/inner")).unwrap();
    host.btrfs_create(&root.join("inside")).unwrap();
    let seen = find(host, &at, "root").unwrap();
    assert_eq!((seen.read_only, &seen.parent_uuid, seen.limit), (false, &None, None));
    assert!(find(host, &at, "root/folder/inner").is_some() && find(host, &at, "root/inside").is_some());
    assert_eq!(host.btrfs_subvolumes(&root).unwrap().len(), 3);
    // A subvolume looks like a folder on a device of its own.
    assert_ne!(host.metadata(&root).unwrap().unwrap().device, host.metadata(&at).unwrap().unwrap().device);
    assert_eq!(host.metadata(&root).unwrap().unwrap().inode, 256);
    assert!(host.btrfs_delete(&root).is_err());
    assert_eq!(host.remove_tree(&root).unwrap_err().kind, Kind::Busy);
    host.btrfs_delete(&root.join("folder/inner")).unwrap();
    host.btrfs_delete(&root.join("inside")).unwrap();
    // A snapshot keeps what was there.
    let (snap, writable) = (at.join("snap"), at.join("writable"));
    host.write_file(&root.join("file"), b"one", 0o644, None).unwrap();
    host.btrfs_snapshot(&root, &snap, true).unwrap();
    host.btrfs_snapshot(&root, &writable, false).unwrap();
    host.write_file(&root.join("file"), b"two", 0o644, None).unwrap();
    assert_eq!(host.read(&snap.join("file"), 10).unwrap().unwrap(), b"one");
    let taken = find(host, &at, "snap").unwrap();
    assert!(taken.read_only);
    assert_eq!(taken.parent_uuid.as_deref(), Some(find(host, &at, "root").unwrap().uuid.as_str()));
    assert_eq!(host.write_file(&snap.join("file"), b"no", 0o644, None).unwrap_err().kind, Kind::ReadOnly);
    host.write_file(&writable.join("file"), b"three", 0o644, None).unwrap();
    assert_eq!(host.read(&root.join("file"), 10).unwrap().unwrap(), b"two");
    host.btrfs_set_read_only(&snap, false).unwrap();
    host.write_file(&snap.join("file"), b"four", 0o644, None).unwrap();
    host.btrfs_set_read_only(&writable, true).unwrap();
    assert!(!find(host, &at, "snap").unwrap().read_only && find(host, &at, "writable").unwrap().read_only);
    // A folder is no subvolume.
    assert!(host.btrfs_delete(&root.join("folder")).is_err());
    assert!(host.btrfs_set_read_only(&root.join("folder"), true).is_err());
    assert!(host.btrfs_snapshot(&root.join("folder"), &at.join("bad"), true).is_err());
    for path in [&writable, &snap, &root] {
        host.btrfs_delete(path).unwrap();
        host.btrfs_delete(path).unwrap();
        assert_eq!(host.metadata(path).unwrap(), None);
    }
    assert_eq!(host.btrfs_subvolumes(&at).unwrap(), []);
    let elsewhere = host.btrfs(folder).unwrap_err();
    assert!(elsewhere.to_string().contains("Btrfs"), "{elsewhere}");
}

/// What is easily thought otherwise.
fn edges(host: &dyn Host, folder: &Path) {
    let (at, device) = made(host, folder);
    let other = folder.join("other");
    host.make_folder(&other, 0o755).unwrap();
    for name in ["a", "b", "c"] {
        host.btrfs_create(&at.join(name)).unwrap();
        host.write_file(&at.join(name).join("file"), name.as_bytes(), 0o644, None).unwrap();
    }
    // A subvolume is renamed like a folder.
    host.rename(&at.join("a"), &at.join("moved")).unwrap();
    assert!(find(host, &at, "moved").is_some() && find(host, &at, "a").is_none());
    // Files do not move from one to another.
    assert!(host.rename(&at.join("b/file"), &at.join("c/other")).is_err());
    // The folder of a subvolume is removed as a tree, when it is meant.
    host.remove_tree(&at.join("moved")).unwrap();
    assert_eq!(find(host, &at, "moved"), None);
    assert!(host.remove_folder(&at.join("b")).is_err());
    host.remove_file(&at.join("b/file")).unwrap();
    host.remove_folder(&at.join("b")).unwrap();
    assert_eq!(find(host, &at, "b"), None);
    // By the number, and what is below a mount of one is not seen through another.
    let id = find(host, &at, "c").unwrap().id;
    host.mount(&mount_request(&device, &other, "btrfs", &[&format!("subvolid={id}")])).unwrap();
    assert_eq!(host.read(&other.join("file"), 10).unwrap().unwrap(), b"c");
    assert_eq!(super::mounts::mounted(host, &other).unwrap().root, Path::new("/c"));
    assert_eq!(host.btrfs(&other).unwrap(), host.btrfs(&at).unwrap());
    host.btrfs_create(&other.join("inner")).unwrap();
    assert!(find(host, &at, "c/inner").is_some());
    host.btrfs_delete(&other.join("inner")).unwrap();
    assert!(host.btrfs_delete(&other).is_err());
    host.unmount(&other).unwrap();
    // A read-only one keeps what is in it, and can be removed.
    host.btrfs_set_read_only(&at.join("c"), true).unwrap();
    assert_eq!(host.remove_file(&at.join("c/file")).unwrap_err().kind, Kind::ReadOnly);
    assert_eq!(host.set_mode(&at.join("c/file"), 0o600).unwrap_err().kind, Kind::ReadOnly);
    assert_eq!(host.btrfs_create(&at.join("c/new")).unwrap_err().kind, Kind::ReadOnly);
    assert_eq!(host.remove_tree(&at.join("c")).unwrap_err().kind, Kind::ReadOnly);
    host.btrfs_delete(&at.join("c")).unwrap();
    assert!(host.btrfs_snapshot(&at, &folder.join("elsewhere"), true).is_err());
    host.btrfs_snapshot(&at, &at.join("top"), true).unwrap();
    assert!(find(host, &at, "top").unwrap().parent_uuid.is_some());
}

/// Quotas: a limit holds, changes, and goes.
fn quotas(host: &dyn Host, folder: &Path) {
    let (at, _) = made(host, folder);
    let home = at.join("home");
    host.btrfs_create(&home).unwrap();
    assert!(!host.btrfs(&at).unwrap().quota);
    assert!(host.btrfs_limit(&home, Some(8 << 20)).is_err());
    host.btrfs_limit(&home, None).unwrap();
    host.btrfs_enable_quota(&at).unwrap();
    host.btrfs_enable_quota(&at).unwrap();
    assert!(host.btrfs(&at).unwrap().quota);
    assert_eq!(find(host, &at, "home").unwrap().limit, None);
    for limit in [Some(8 << 20), Some(4 << 20)] {
        host.btrfs_limit(&home, limit).unwrap();
        assert_eq!(find(host, &at, "home").unwrap().limit, limit);
    }
    let full = host.write_file(&home.join("large"), &vec![1; 6 << 20], 0o644, None);
    assert_eq!(full.unwrap_err().kind, Kind::NoSpace);
    host.btrfs_limit(&home, None).unwrap();
    assert_eq!(find(host, &at, "home").unwrap().limit, None);
    host.write_file(&home.join("large"), &vec![1; 6 << 20], 0o644, None).unwrap();
    // One made while quotas are on can be limited at once.
    let later = at.join("later");
    host.btrfs_create(&later).unwrap();
    host.btrfs_limit(&later, Some(1 << 20)).unwrap();
    assert_eq!(find(host, &at, "later").unwrap().limit, Some(1 << 20));
}

/// The file system as a whole: label, UUID, size; mounted by subvolume; and all of it is still there after.
fn whole(host: &dyn Host, folder: &Path) {
    let (at, device) = made(host, folder);
    let seen = host.btrfs(&at).unwrap();
    assert_eq!((seen.label.as_str(), seen.data.as_str(), seen.metadata.as_str()), ("lab", "single", "dup"));
    assert_eq!(seen.devices.len(), 1);
    assert_eq!((seen.devices[0].id, seen.devices[0].path.as_deref(), seen.devices[0].size), (1, Some(device.as_path()), SMALL));
    let raw = host.read_at(&device, 0x10020, 16).unwrap();
    let uuid: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(seen.uuid.replace('-', ""), uuid);
    assert_eq!(seen.uuid.len(), 36);
    host.btrfs_set_label(&at, "another").unwrap();
    assert_eq!(host.btrfs(&at).unwrap().label, "another");
    assert!(host.btrfs_set_label(&at, &"x".repeat(256)).is_err());
    host.set_len(&folder.join("image"), 2 * SMALL, false).unwrap();
    host.refresh_loop(&device).unwrap();
    assert_eq!(host.btrfs(&at).unwrap().devices[0].size, SMALL);
    host.btrfs_grow(&at, 1).unwrap();
    assert_eq!(host.btrfs(&at).unwrap().devices[0].size, 2 * SMALL);
    assert!(host.btrfs_grow(&at, 9).is_err());
    host.btrfs_create(&at.join("root")).unwrap();
    host.write_file(&at.join("root/file"), b"kept", 0o644, None).unwrap();
    host.unmount(&at).unwrap();
    assert_eq!(&host.read_at(&device, 0x1012B, 8).unwrap(), b"another\0");
    host.mount(&mount_request(&device, &at, "btrfs", &["subvol=root", "noatime"])).unwrap();
    let mount = super::mounts::mounted(host, &at).unwrap();
    assert_eq!(mount.root, Path::new("/root"));
    assert!(mount.super_options.iter().any(|option| option == "subvol=/root"), "{mount:?}");
    assert_eq!(host.list(&at).unwrap(), ["file"]);
    assert_eq!(host.btrfs_subvolumes(&at).unwrap().len(), 1);
    host.unmount(&at).unwrap();
    assert!(host.mount(&mount_request(&device, &at, "btrfs", &["subvol=no"])).is_err());
}

/// Two devices, profiles, one more, one less, and one that went missing.
fn devices(host: &dyn Host, folder: &Path) {
    let at = folder.join("at");
    host.make_folder(&at, 0o755).unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| device(host, folder, name, LARGE));
    run(host, &["mkfs.btrfs", "-q", "-f", "-d", "raid1", "-m", "raid1", text(&a), text(&b)]);
    host.mount(&mount_request(&b, &at, "btrfs", &[&format!("device={}", text(&a))])).unwrap();
    let seen = host.btrfs(&at).unwrap();
    assert_eq!((seen.data.as_str(), seen.metadata.as_str(), seen.label.as_str()), ("raid1", "raid1", ""));
    assert_eq!(seen.devices.iter().map(|it| (it.id, it.path.as_deref())).collect::<Vec<_>>(), [(1, Some(&*a)), (2, Some(&*b))]);
    assert_eq!(host.detach_loop(&a).unwrap_err().kind, Kind::Busy);
    host.write_file(&at.join("file"), b"twice", 0o644, None).unwrap();
    run(host, &["btrfs", "device", "add", "-f", text(&c), text(&at)]);
    assert_eq!(host.btrfs(&at).unwrap().devices.len(), 3);
    run(host, &["btrfs", "device", "remove", text(&b), text(&at)]);
    let left = host.btrfs(&at).unwrap().devices;
    assert_eq!(left.iter().map(|it| it.path.as_deref()).collect::<Vec<_>>(), [Some(&*a), Some(&*c)]);
    run(host, &["btrfs", "balance", "start", "-f", "-dconvert=single", "-mconvert=single", text(&at)]);
    let seen = host.btrfs(&at).unwrap();
    assert_eq!((seen.data.as_str(), seen.metadata.as_str()), ("single", "single"));
    run(host, &["btrfs", "balance", "start", "-dconvert=raid1", "-mconvert=raid1", text(&at)]);
    host.unmount(&at).unwrap();
    // One is lost: it mounts when it is asked to do without.
    host.detach_loop(&c).unwrap();
    host.remove_file(&folder.join("c")).unwrap();
    host.execute(&seed_role::host::Command::new("btrfs", ["device", "scan", "--forget"])).unwrap();
    assert!(host.mount(&mount_request(&a, &at, "btrfs", &[])).is_err());
    host.mount(&mount_request(&a, &at, "btrfs", &["degraded"])).unwrap();
    let seen = host.btrfs(&at).unwrap();
    assert_eq!(seen.devices.iter().map(|it| it.path.as_deref()).collect::<Vec<_>>(), [Some(&*a), None]);
    assert_eq!(host.read(&at.join("file"), 10).unwrap().unwrap(), b"twice");
    run(host, &["btrfs", "device", "add", "-f", text(&b), text(&at)]);
    run(host, &["btrfs", "device", "remove", "missing", text(&at)]);
    let seen = host.btrfs(&at).unwrap();
    assert_eq!(seen.devices.iter().map(|it| it.path.as_deref()).collect::<Vec<_>>(), [Some(&*a), Some(&*b)]);
    assert_eq!(host.read(&at.join("file"), 10).unwrap().unwrap(), b"twice");
}
