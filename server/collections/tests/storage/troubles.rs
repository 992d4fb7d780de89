//! What goes wrong: each a clear error, with nothing left half-done, and the next run goes on from there.

use seed_role::trouble::Kind;
use serde_json::json;

use crate::btrfs::{many, pool};
use crate::lab::{everywhere, lab, simulated};

#[test]
fn a_full_disk_leaves_no_half_an_image() {
    let chain = [
        ("small", "storage.tmpfs", json!({"mount": "./small", "size": "1 MiB"})),
        ("image", "storage.file_block_image", json!({"path": "./small/disk.img", "size": "8 MiB", "allocate": "full"})),
    ];
    let Some(mut lab) = lab(chain) else { return };
    std::fs::create_dir(lab.at("small")).unwrap();
    let trouble = lab.try_up().unwrap_err();
    assert_eq!(trouble.kind, Kind::NoSpace, "{trouble}");
    assert_eq!(lab.host().list(&lab.at("small")).unwrap(), [""; 0]);
    lab.set("small", "size", json!("16 MiB"));
    lab.try_up().unwrap();
    assert!(lab.plan().is_empty());
    lab.set("image", "size", json!("32 MiB"));
    assert_eq!(lab.try_up().unwrap_err().kind, Kind::NoSpace);
    assert_eq!(lab.attr("image", "size"), json!("8 MiB"), "it is as large as it was");
}

#[test]
fn a_program_that_is_missing_is_named_with_its_package() {
    let mut lab = simulated(pool(many()));
    lab.sim().without_program("mkfs.btrfs");
    let trouble = lab.try_up().unwrap_err();
    assert_eq!(trouble.kind, Kind::MissingTool);
    assert!(trouble.hint.unwrap().contains("apt install btrfs-progs"));
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let roles = [
        ("storage.filesystem", json!({"device": "./none", "type": "ext4"})),
        ("storage.btrfs", json!({"devices": ["./none"]})),
        ("storage.partition_table", json!({"device": "./none", "partitions": {"a": {"rest": true}}})),
        ("storage.mount", json!({"device": "./none", "at": "./mnt", "type": "ext4"})),
        ("storage.loopback_device", json!({"backing": "./none"})),
    ];
    for (is, params) in roles {
        for mut lab in everywhere([("role", is, params.clone())]) {
            let trouble = lab.try_up().unwrap_err();
            assert_eq!(trouble.kind, Kind::Gone, "{is}: {trouble}");
            assert!(trouble.to_string().contains("there is no such device"), "{is}: {trouble}");
        }
    }
}

#[test]
fn a_call_that_fails_is_told_and_the_next_run_goes_on() {
    for call in ["attach_loop", "mkfs.btrfs", "mount", "btrfs_create", "btrfs_snapshot"] {
        let mut lab = simulated(pool(many()));
        // The engine makes the folders of a step, here they are there.
        lab.host().make_folder(&lab.at("mnt"), 0o755).unwrap();
        lab.host().make_folder(&lab.at("mnt/lab"), 0o755).unwrap();
        lab.sim().fail(call, Kind::Other);
        let trouble = lab.try_up().unwrap_err();
        assert!(trouble.to_string().starts_with("could not "), "{call}: {trouble}");
        lab.try_up().unwrap();
        assert!(lab.plan().is_empty(), "{call}");
    }
}
