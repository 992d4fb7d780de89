//! Btrfs on loop devices.

use std::time::Instant;

use serde_json::{Map, Value as Json, json};

use crate::lab::{Entry, Lab, lab};

const CHAIN: [&str; 3] = ["create image", "create loop", "create pool"];

pub fn pool(params: Json) -> Vec<Entry> {
    vec![
        ("image", "storage.file_block_image", json!({"path": "./lab.img", "size": "512 MiB"})),
        ("loop", "storage.loopback_device", json!({"backing": "@image.path"})),
        ("pool", "storage.btrfs", params),
    ]
}

pub fn many() -> Json {
    let subvolumes: Map<String, Json> = (0..10).map(|number| (format!("sub{number}"), json!({}))).collect();
    let snapshots: Map<String, Json> =
        (0..10).map(|number| (format!("snap{number}"), json!({"of": format!("sub{number}"), "read_only": true}))).collect();
    json!({"devices": ["@loop.device"], "label": "lab", "mount": "./mnt/lab", "subvolumes": subvolumes, "snapshots": snapshots})
}

#[test]
fn a_pool_comes_and_goes() {
    let Some(mut lab) = lab(pool(many())) else { return };
    assert_eq!(lab.plan(), CHAIN);
    let start = Instant::now();
    assert_eq!(lab.up().unwrap(), CHAIN);
    eprintln!("made in {:?}", start.elapsed());
    let start = Instant::now();
    assert!(lab.plan().is_empty());
    eprintln!("looked at in {:?}", start.elapsed());
    assert_eq!(lab.role("pool").loses(lab.host(), lab.seen("pool").attrs().unwrap(), None), None, "it holds no file");
    lab.down().unwrap();
    lab.assert_clean(&[]);
    assert_eq!(lab.plan(), CHAIN);
}

/// Images and loop devices `a`, `b`, …, and a pool on them.
pub fn on_many(count: usize, params: Json) -> Vec<Entry> {
    const NAMES: [(&str, &str, &str); 4] =
        [("image-a", "a", "./a.img"), ("image-b", "b", "./b.img"), ("image-c", "c", "./c.img"), ("image-d", "d", "./d.img")];
    let below = NAMES.iter().take(count).flat_map(|(image, name, path)| {
        [
            (*image, "storage.file_block_image", json!({"path": path, "size": "256 MiB"})),
            (*name, "storage.loopback_device", json!({"backing": format!("@{image}.path")})),
        ]
    });
    below.chain([("pool", "storage.btrfs", params)]).collect()
}

pub fn mirrored() -> Json {
    json!({"devices": ["@a.device", "@b.device"], "data": "raid1", "metadata": "raid1", "mount": "./mnt", "subvolumes": {"home": {}}})
}

#[test]
fn a_mirror_that_lost_a_device_is_made_whole() {
    let Some(mut lab) = lab(on_many(2, mirrored())) else { return };
    lab.up().unwrap();
    std::fs::write(lab.at("mnt/home/letter"), "dear".repeat(100_000)).unwrap();
    lab.down_to("pool");
    lab.shell("losetup", &["-d", lab.attr("b", "device").as_str().unwrap()]);
    std::fs::remove_file(lab.at("b.img")).unwrap();

    let changes = ["create image-b", "create b", "change pool: devices, mount, size"];
    let plan = lab.plan();
    assert_eq!(plan[..2], changes[..2]);
    assert!(plan[2].starts_with("change pool: ") && plan[2].contains("devices"), "{plan:?}");
    assert_eq!(lab.up().unwrap().len(), 3);
    assert!(lab.plan().is_empty());
    assert_eq!(lab.attr("pool", "data"), json!("raid1"));
    assert_eq!(lab.attr("pool", "devices"), json!(["a.device", "b.device"]));
    lab.shell("btrfs", &["scrub", "start", "-B", lab.at("mnt").to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(lab.at("mnt/home/letter")).unwrap(), "dear".repeat(100_000));
    std::fs::remove_file(lab.at("mnt/home/letter")).unwrap();
    lab.down().unwrap();
    lab.assert_clean(&[]);
}

#[test]
fn a_mirror_that_is_mounted_degraded_is_made_whole() {
    let Some(mut lab) = lab(on_many(2, mirrored())) else { return };
    lab.up().unwrap();
    lab.down_to("pool");
    lab.shell("losetup", &["-d", lab.attr("b", "device").as_str().unwrap()]);
    std::fs::remove_file(lab.at("b.img")).unwrap();
    let device = lab.attr("a", "device");
    lab.shell("btrfs", &["device", "scan", "--forget"]);
    lab.shell("mount", &["-o", "degraded", device.as_str().unwrap(), lab.at("mnt").to_str().unwrap()]);
    // Written while a device was missing: in chunks that are not mirrored.
    std::fs::write(lab.at("mnt/home/letter"), vec![7; 60 << 20]).unwrap();
    lab.shell("sync", &[]);
    assert_eq!(lab.attr("pool", "devices"), json!(["a.device", "missing"]));
    lab.up().unwrap();
    assert!(lab.plan().is_empty());
    assert_eq!((lab.attr("pool", "data"), lab.attr("pool", "metadata")), (json!("raid1"), json!("raid1")));
    assert_eq!(std::fs::read(lab.at("mnt/home/letter")).unwrap(), vec![7; 60 << 20]);
}

#[test]
fn devices_and_profiles_change_in_place() {
    let params = json!({"devices": ["@a.device"], "mount": "./mnt", "data": "single", "metadata": "dup"});
    let Some(mut lab) = lab(on_many(3, params)) else { return };
    lab.up().unwrap();
    std::fs::write(lab.at("mnt/letter"), "dear").unwrap();
    lab.set("pool", "devices", json!(["@a.device", "@b.device", "@c.device"]));
    lab.set("pool", "data", json!("raid1"));
    lab.set("pool", "metadata", json!("raid1c3"));
    assert_eq!(lab.plan(), ["change pool: data, devices, metadata, size"]);
    lab.up().unwrap();
    assert!(lab.plan().is_empty());
    lab.set("pool", "devices", json!(["@a.device", "@c.device"]));
    lab.set("pool", "metadata", json!("raid1"));
    assert_eq!(lab.plan(), ["change pool: devices, metadata, size"]);
    lab.up().unwrap();
    lab.set("pool", "devices", json!(["@c.device"]));
    lab.set("pool", "data", json!("single"));
    lab.set("pool", "metadata", json!("dup"));
    lab.up().unwrap();
    assert!(lab.plan().is_empty());
    assert_eq!(std::fs::read_to_string(lab.at("mnt/letter")).unwrap(), "dear");
    std::fs::remove_file(lab.at("mnt/letter")).unwrap();
    lab.down().unwrap();
    lab.assert_clean(&[]);
}

#[test]
fn each_attribute_is_mended_in_place() {
    let Some(mut lab) = lab(pool(json!({
        "devices": ["@loop.device"], "label": "lab", "mount": "./mnt", "options": ["noatime", "compress=zstd"],
        "subvolumes": {"a": {"quota": "64 MiB"}, "a/in": {}, "b": {"read_only": true}, "c": {}},
        "snapshots": {"of-a": {"of": "a"}, "of-b": {"of": "b", "read_only": true}},
    }))) else {
        return;
    };
    lab.up().unwrap();
    assert!(lab.plan().is_empty());
    let at = |lab: &Lab, name: &str| lab.at("mnt").join(name).display().to_string();

    lab.shell("btrfs", &["filesystem", "label", &at(&lab, ""), "other"]);
    assert_eq!(lab.up().unwrap(), ["change pool: label"]);
    lab.shell("btrfs", &["property", "set", &at(&lab, "b"), "ro", "false"]);
    assert_eq!(lab.up().unwrap(), ["change pool: subvolumes"]);
    lab.shell("btrfs", &["property", "set", &at(&lab, "of-a"), "ro", "true"]);
    assert_eq!(lab.up().unwrap(), ["change pool: snapshots"]);
    lab.shell("btrfs", &["qgroup", "limit", "1g", &at(&lab, "c")]);
    assert_eq!(lab.up().unwrap(), ["change pool: subvolumes"]);
    lab.shell("btrfs", &["qgroup", "limit", "none", &at(&lab, "a")]);
    assert_eq!(lab.up().unwrap(), ["change pool: subvolumes"]);
    lab.shell("btrfs", &["subvolume", "delete", &at(&lab, "of-b"), &at(&lab, "c")]);
    assert_eq!(lab.up().unwrap(), ["change pool: snapshots, subvolumes"]);
    lab.shell("mount", &["-o", "remount,atime,nosuid", &at(&lab, "")]);
    assert_eq!(lab.up().unwrap(), ["change pool: options"]);
    lab.shell("umount", &[&at(&lab, "")]);
    lab.up().unwrap();
    assert!(lab.plan().is_empty());
    lab.set("pool", "mount", json!("./elsewhere"));
    assert_eq!(lab.up().unwrap(), ["change pool: mount"]);
    // What the spec does not name is left alone.
    lab.shell("btrfs", &["subvolume", "create", &lab.at("elsewhere/theirs").display().to_string()]);
    assert!(lab.plan().is_empty());
    lab.down().unwrap();
    lab.assert_clean(&[]);
}

#[test]
fn what_somebody_else_made_is_put_back_as_it_was() {
    let params = json!({"devices": ["@loop.device"], "label": "lab", "mount": "./mnt", "subvolumes": {"mine": {}, "theirs": {"read_only": true}},
        "snapshots": {"of-mine": {"of": "mine"}}});
    let Some(mut lab) = lab(pool(params)) else { return };
    let image = lab.at("lab.img");
    std::fs::File::create(&image).unwrap().set_len(512 << 20).unwrap();
    lab.shell("mkfs.btrfs", &["-q", "-L", "theirs", image.to_str().unwrap()]);
    std::fs::create_dir(lab.at("x")).unwrap();
    lab.shell("mount", &["-o", "loop", image.to_str().unwrap(), lab.at("x").to_str().unwrap()]);
    lab.shell("btrfs", &["subvolume", "create", lab.at("x/theirs").to_str().unwrap()]);
    lab.shell("umount", &[lab.at("x").to_str().unwrap()]);
    std::fs::remove_dir(lab.at("x")).unwrap();
    assert_eq!(lab.plan(), ["create loop", "change pool: label, mount, snapshots, subvolumes"]);
    lab.up().unwrap();
    assert!(lab.plan().is_empty());
    lab.down().unwrap();
    lab.assert_clean(&["lab.img"]);
    std::fs::create_dir(lab.at("x")).unwrap();
    lab.shell("mount", &["-o", "loop", image.to_str().unwrap(), lab.at("x").to_str().unwrap()]);
    let top = lab.at("x");
    assert_eq!(lab.host().list(&top).unwrap(), ["theirs"]);
    assert_eq!(lab.host().btrfs(&top).unwrap().label, "theirs");
    assert!(!lab.host().btrfs_subvolumes(&top).unwrap()[0].read_only);
}

#[test]
fn a_device_that_holds_something_else_is_left_alone() {
    let Some(mut lab) = lab(on_many(2, json!({"devices": ["@a.device"], "mount": "./mnt"}))) else { return };
    lab.up().unwrap();
    let device = lab.attr("b", "device");
    lab.shell("mkfs.ext4", &["-q", "-L", "photos", device.as_str().unwrap()]);
    lab.set("pool", "devices", json!(["@a.device", "@b.device"]));
    let plan = lab.plan();
    assert!(plan[0].starts_with("refuse pool: b.device contains an ext4 file system `photos`"), "{plan:?}");
    lab.set("pool", "devices", json!(["@b.device"]));
    assert_eq!(lab.plan(), ["replace pool: devices, mount, size, type"]);
}

#[test]
fn what_was_kept_brings_a_pool_back() {
    let Some(mut lab) = lab(on_many(2, mirrored())) else { return };
    lab.up().unwrap();
    std::fs::write(lab.at("mnt/home/letter"), "dear").unwrap();
    let before = lab.seen("pool");
    lab.keep = true;
    lab.remove("pool");
    assert_eq!(lab.plan(), ["create pool"]);
    lab.put_back("pool", &before);
    assert_eq!(lab.seen("pool"), before);
    assert_eq!(std::fs::read_to_string(lab.at("mnt/home/letter")).unwrap(), "dear");
}

#[test]
fn a_pool_in_use_elsewhere_is_not_taken_away() {
    let Some(mut lab) = lab(pool(json!({"devices": ["@loop.device"], "mount": "./mnt"}))) else { return };
    lab.up().unwrap();
    std::fs::create_dir(lab.at("second")).unwrap();
    let device = lab.attr("loop", "device");
    lab.shell("mount", &[device.as_str().unwrap(), lab.at("second").to_str().unwrap()]);
    let trouble = lab.try_remove("pool").unwrap_err();
    assert_eq!(trouble.kind, seed_role::trouble::Kind::Busy);
    assert!(trouble.to_string().contains("second"), "{trouble}");
    let trouble = lab.try_remove("loop").unwrap_err();
    assert_eq!(trouble.kind, seed_role::trouble::Kind::Busy);
    lab.shell("umount", &[lab.at("second").to_str().unwrap()]);
    std::fs::remove_dir(lab.at("second")).unwrap();
    lab.down().unwrap();
    lab.assert_clean(&[]);
}
