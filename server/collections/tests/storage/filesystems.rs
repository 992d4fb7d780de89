//! ext4, XFS, FAT and swap; tmpfs; mounts.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value as Json, json};

use crate::lab::{Entry, Lab, everywhere, lab};

pub fn on_loop(size: &str, params: Json) -> Vec<Entry> {
    vec![
        ("image", "storage.file_block_image", json!({"path": "./data.img", "size": size})),
        ("loop", "storage.loopback_device", json!({"backing": "@image.path"})),
        ("data", "storage.filesystem", params),
    ]
}

pub fn types() -> Vec<(&'static str, &'static str, Json)> {
    // XFS is not mounted twice by the same UUID, and tests run side by side.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let device = "@loop.device";
    let long = format!("0a1b2c3d-0a1b-4c2d-8e3f-{:012x}", COUNT.fetch_add(1, Ordering::Relaxed));
    vec![
        ("ext4", "64 MiB", json!({"device": device, "type": "ext4", "label": "data", "uuid": long, "mount": "./mnt"})),
        ("ext4 that is not mounted", "64 MiB", json!({"device": device, "type": "ext4"})),
        (
            "xfs",
            "320 MiB",
            json!({"device": device, "type": "xfs", "label": "data", "uuid": long, "mount": "./mnt", "options": ["noatime", "nosuid"]}),
        ),
        ("vfat", "64 MiB", json!({"device": device, "type": "vfat", "label": "DATA", "uuid": "1A2B-3C4D"})),
        ("swap", "64 MiB", json!({"device": device, "type": "swap", "label": "swap", "uuid": long})),
    ]
}

#[test]
fn a_label_changes_in_place() {
    for (what, size, params) in types() {
        for mut lab in everywhere(on_loop(size, params)) {
            lab.up().unwrap();
            lab.set("data", "label", json!(if what == "vfat" { "OTHER" } else { "other" }));
            assert_eq!(lab.plan(), ["change data: label"], "{what}");
            assert_eq!(lab.up().unwrap(), ["change data: label"], "{what}");
            assert!(lab.plan().is_empty(), "{what}");
        }
    }
}

#[test]
fn what_holds_files_says_so_and_another_type_replaces_it() {
    let params = json!({"device": "@loop.device", "type": "ext4", "label": "data", "mount": "./mnt"});
    let Some(mut lab) = lab(on_loop("320 MiB", params)) else { return };
    lab.up().unwrap();
    std::fs::write(lab.at("mnt/letter"), "dear").unwrap();
    let lost = |lab: &Lab, name: &str| {
        let seen = lab.seen(name);
        lab.role(name).loses(lab.host(), seen.attrs().unwrap(), None).unwrap_or_default()
    };
    assert_eq!(lost(&lab, "data"), "an ext4 file system `data` and everything in it");
    let image = lab.at("data.img");
    assert_eq!(
        lost(&lab, "image"),
        format!("the image {} with an ext4 file system `data` and everything in it", image.display())
    );

    lab.keep = true;
    lab.set("data", "type", json!("xfs"));
    assert_eq!(lab.plan(), ["replace data: type"]);
    assert_eq!(lab.up().unwrap(), ["replace data: type"]);
    assert!(!lab.at("mnt/letter").exists());
    assert!(lab.plan().is_empty());

    // What was put aside can come back only where nothing was written since; here it was, so only its form is tried.
    let kept = lab.kept.get("data").unwrap();
    assert!(kept.data.as_ref().unwrap().contains("\"at\":0"), "{kept:?}");
}

#[test]
fn what_was_kept_of_a_file_system_brings_it_back() {
    for (what, size, params) in types() {
        let Some(mut lab) = lab(on_loop(size, params)) else { return };
        lab.up().unwrap();
        let is_mounted = lab.at("mnt").exists();
        if is_mounted {
            std::fs::write(lab.at("mnt/letter"), "dear").unwrap();
        }
        let before = lab.seen("data");
        lab.keep = true;
        lab.remove("data");
        lab.keep = false;
        assert_eq!(lab.plan(), ["create data"], "{what}");
        lab.put_back("data", &before);
        assert_eq!(lab.seen("data"), before, "{what}");
        if is_mounted {
            assert_eq!(std::fs::read_to_string(lab.at("mnt/letter")).unwrap(), "dear", "{what}");
        }
    }
}

#[test]
fn mount_point_and_options_change_in_place() {
    let params = json!({"device": "@loop.device", "type": "ext4", "mount": "./here", "options": ["noatime", "nodev"]});
    let Some(mut lab) = lab(on_loop("64 MiB", params)) else { return };
    lab.up().unwrap();
    lab.set("data", "options", json!(["nosuid"]));
    assert_eq!(lab.up().unwrap(), ["change data: options"]);
    assert_eq!(lab.attr("data", "options"), json!(["nosuid"]));
    lab.set("data", "mount", json!("./there"));
    assert_eq!(lab.up().unwrap(), ["change data: mount"]);
    lab.shell("umount", &[lab.at("there").to_str().unwrap()]);
    assert_eq!(lab.up().unwrap(), ["change data: mount, options"]);
    assert!(lab.plan().is_empty());
    lab.down().unwrap();
    lab.assert_clean(&[]);
}

#[test]
fn a_tmpfs_comes_changes_and_goes() {
    let params = json!({"mount": "./a/scratch", "size": "1000 kB", "mode": "0700", "owner": "0:0"});
    let Some(mut lab) = lab([("scratch", "storage.tmpfs", params)]) else { return };
    assert_eq!(lab.up().unwrap(), ["create scratch"]);
    assert!(lab.plan().is_empty());
    lab.set("scratch", "size", json!("2 MiB"));
    lab.set("scratch", "mode", json!("1770"));
    assert_eq!(lab.up().unwrap(), ["change scratch: mode, size"]);
    assert_eq!(lab.attr("scratch", "size"), json!("2 MiB"));
    let seen = lab.seen("scratch");
    assert_eq!(lab.role("scratch").loses(lab.host(), seen.attrs().unwrap(), None), None);
    std::fs::write(lab.at("a/scratch/note"), "x").unwrap();
    assert!(lab.role("scratch").loses(lab.host(), seen.attrs().unwrap(), None).is_some());
    std::fs::remove_file(lab.at("a/scratch/note")).unwrap();
    lab.down().unwrap();
    lab.assert_clean(&[]);
}

#[test]
fn another_mount_is_put_back_as_it_was() {
    let params = json!({"device": "@loop.device", "type": "ext4", "label": "data", "mount": "./mnt", "options": ["noatime"]});
    let Some(mut lab) = lab(on_loop("64 MiB", params)) else { return };
    // Somebody made it and mounted it elsewhere.
    let image = lab.at("data.img");
    std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    lab.shell("mkfs.ext4", &["-q", "-F", "-L", "theirs", image.to_str().unwrap()]);
    lab.up().unwrap();
    assert_eq!(lab.attr("data", "label"), json!("data"));
    lab.down().unwrap();
    lab.assert_clean(&["data.img"]);
    let label = std::process::Command::new("e2label").arg(&image).output().unwrap().stdout;
    assert_eq!(String::from_utf8(label).unwrap().trim(), "theirs");
}

#[test]
fn a_mount_of_a_file_system_and_of_a_subvolume() {
    let roles = [
        ("image", "storage.file_block_image", json!({"path": "./data.img", "size": "128 MiB"})),
        ("loop", "storage.loopback_device", json!({"backing": "@image.path"})),
        ("pool", "storage.btrfs", json!({"devices": ["@loop.device"], "mount": "./top", "subvolumes": {"home": {}}})),
        ("home", "storage.mount", json!({"device": "@pool.device", "at": "./home", "options": ["subvol=home", "noatime"]})),
    ];
    let Some(mut lab) = lab(roles) else { return };
    let all = ["create image", "create loop", "create pool", "create home"];
    assert_eq!(lab.plan(), all);
    assert_eq!(lab.up().unwrap(), all);
    assert!(lab.plan().is_empty());
    std::fs::write(lab.at("home/note"), "x").unwrap();
    assert_eq!(std::fs::read_to_string(lab.at("top/home/note")).unwrap(), "x");
    lab.set("home", "options", json!(["subvol=home", "ro"]));
    assert_eq!(lab.up().unwrap(), ["change home: options"]);
    assert!(lab.plan().is_empty());
    lab.down().unwrap();
    lab.assert_clean(&[]);
}
