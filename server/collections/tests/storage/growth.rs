//! What grows: an image, and with it all that rests on it, foreseen by the plan.

use serde_json::{Value as Json, json};

use crate::lab::{Entry, Lab, everywhere, lab};

fn chain(format: Json, data: (&'static str, Json)) -> Vec<Entry> {
    let (is, params) = data;
    vec![
        ("image", "storage.file_block_image", format),
        ("loop", "storage.loopback_device", json!({"backing": "@image.path"})),
        ("data", is, params),
    ]
}

fn image(size: &str) -> Json {
    json!({"path": "./data.img", "size": size})
}

#[test]
fn an_image_grows_and_all_that_rests_on_it() {
    let device = "@loop.device";
    let cases = [
        ("storage.filesystem", json!({"device": device, "type": "ext4", "mount": "./mnt"})),
        ("storage.filesystem", json!({"device": device, "type": "ext4"})),
        ("storage.filesystem", json!({"device": device, "type": "xfs", "mount": "./mnt"})),
        ("storage.filesystem", json!({"device": device, "type": "xfs"})),
        ("storage.filesystem", json!({"device": device, "type": "swap", "label": "more"})),
        ("storage.btrfs", json!({"devices": [device], "mount": "./mnt"})),
        ("storage.btrfs", json!({"devices": [device]})),
    ];
    for data in cases {
        let what = data.1.to_string();
        for mut lab in everywhere(chain(image("320 MiB"), data)) {
            lab.up().unwrap();
            let uuid = lab.attr("data", "uuid");
            lab.set("image", "size", json!("512 MiB"));
            let changes = ["change image: size", "change loop: size", "change data: size"];
            assert_eq!(lab.plan(), changes, "{what}");
            assert_eq!(lab.up().unwrap(), changes, "{what}");
            assert!(lab.plan().is_empty(), "{what}");
            assert_eq!((lab.attr("data", "size"), lab.attr("data", "uuid")), (json!("512 MiB"), uuid), "{what}");
            lab.down().unwrap();
            lab.assert_clean(&[]);
        }
    }
}

#[test]
fn an_image_that_is_to_shrink_is_made_anew() {
    let Some(mut lab) = lab(chain(image("320 MiB"), ("storage.filesystem", json!({"device": "@loop.device", "type": "ext4"}))))
    else {
        return;
    };
    lab.up().unwrap();
    lab.set("image", "size", json!("64 MiB"));
    // The device below is made anew before, so the file system is foreseen as one to be made.
    assert_eq!(lab.plan(), ["replace image: size", "change loop: size", "create data"]);
}

#[test]
fn a_full_image_is_allocated_when_it_is_made_and_when_it_grows() {
    use std::os::unix::fs::MetadataExt;
    let params = json!({"path": "./data.img", "size": "8 MiB", "allocate": "full", "mode": "0640"});
    let Some(mut lab) = lab([("image", "storage.file_block_image", params)]) else { return };
    lab.up().unwrap();
    let blocks = |lab: &Lab| std::fs::metadata(lab.at("data.img")).unwrap().blocks() * 512;
    assert!(blocks(&lab) >= 8 << 20);
    lab.set("image", "size", json!("16 MiB"));
    assert_eq!(lab.up().unwrap(), ["change image: size"]);
    assert!(blocks(&lab) >= 16 << 20);
    let file = std::fs::File::options().write(true).open(lab.at("data.img")).unwrap();
    file.set_len(0).unwrap();
    file.set_len(16 << 20).unwrap();
    assert_eq!(lab.up().unwrap(), ["change image: allocate"]);
    assert!(blocks(&lab) >= 16 << 20);
    lab.down().unwrap();
    lab.assert_clean(&[]);
}

#[test]
fn qcow2_images_grow_and_lie_over_others() {
    if std::process::Command::new("qemu-img").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "qemu-img is not installed");
        eprintln!("skipped: qemu-img is not installed");
        return;
    }
    let roles = [
        ("base", "storage.file_block_image", json!({"path": "./base.qcow2", "size": "64 MiB", "format": "qcow2"})),
        (
            "over",
            "storage.file_block_image",
            json!({"path": "./over.qcow2", "size": "64 MiB", "format": "qcow2", "over": "@base.path"}),
        ),
        ("raw", "storage.file_block_image", json!({"path": "./raw.img", "size": "64 MiB"})),
        (
            "over-raw",
            "storage.file_block_image",
            json!({"path": "./over2.qcow2", "size": "128 MiB", "format": "qcow2", "over": "@raw.path"}),
        ),
    ];
    let Some(mut lab) = lab(roles) else { return };
    let all = ["create base", "create over", "create raw", "create over-raw"];
    assert_eq!(lab.plan(), all);
    assert_eq!(lab.up().unwrap(), all);
    assert!(lab.plan().is_empty());
    lab.set("over", "size", json!("80 MiB"));
    lab.set("over", "mode", json!("0644"));
    assert_eq!(lab.up().unwrap(), ["change over: mode, size"]);
    let over = lab.at("over.qcow2");
    lab.shell("qemu-img", &["check", "-q", over.to_str().unwrap()]);
    let lost = |lab: &Lab| lab.role("over").loses(lab.host(), lab.seen("over").attrs().unwrap(), None);
    assert_eq!(lost(&lab), None);
    lab.shell("qemu-io", &["-c", "write 0 4096", over.to_str().unwrap()]);
    assert_eq!(lost(&lab), Some(format!("the image {} with what was written to it", over.display())));
    lab.set("over", "over", json!("@raw.path"));
    lab.roles.swap(1, 2);
    assert_eq!(lab.plan(), ["replace over: over"]);
    lab.keep = true;
    lab.up().unwrap();
    assert!(lab.plan().is_empty());
    std::fs::remove_dir_all(lab.kept["over"].path.as_ref().unwrap().parent().unwrap()).unwrap();
    lab.keep = false;
    lab.down().unwrap();
    lab.assert_clean(&[]);
}
