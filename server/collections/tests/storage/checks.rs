//! Mistakes that are seen before anything runs.

use seed_collections::REGISTRY;
use seed_role::Finding;
use serde_json::{Value as Json, json};

fn findings(is: &str, params: &Json) -> Vec<Finding> {
    REGISTRY.get(is).unwrap().build(params).unwrap().check()
}

/// A device of another role, that will have so many bytes.
fn device(len: u64) -> Json {
    json!({"of": "loop.device", "path": null, "bytes": {"file": "/lab.img", "offset": 0, "len": len, "fresh": true}})
}

#[test]
fn each_mistake_is_found_and_says_what_to_do() {
    let mib = 1 << 20;
    let two = json!([device(512 * mib), {"of": "other.device", "path": null, "bytes": null}]);
    let cases = [
        ("storage.file_block_image", json!({"path": "/a.img", "size": 0}), "size wrong-value"),
        ("storage.file_block_image", json!({"path": "/a.img", "size": 1000}), "size wrong-value"),
        ("storage.file_block_image", json!({"path": "/", "size": 512}), "path wrong-value"),
        ("storage.file_block_image", json!({"path": "/a.img", "size": 512, "over": "/base.img"}), "over wrong-value"),
        (
            "storage.file_block_image",
            json!({"path": "/a", "size": 512, "format": "qcow2", "allocate": "full"}),
            "allocate wrong-value",
        ),
        (
            "storage.file_block_image",
            json!({"path": "/a", "size": 512, "format": "qcow2", "over": device(1024)}),
            "size too-small",
        ),
        ("storage.loopback_device", json!({"backing": device(mib), "offset": 100}), "offset wrong-value"),
        ("storage.loopback_device", json!({"backing": device(mib), "offset": mib}), "offset too-small"),
        ("storage.loopback_device", json!({"backing": device(mib), "sector_size": 1000}), "sector_size wrong-value"),
        ("storage.btrfs", json!({"devices": []}), "devices wrong-value"),
        ("storage.btrfs", json!({"devices": [device(64 * mib)]}), "devices too-small"),
        ("storage.btrfs", json!({"devices": ["/dev/sda", "/dev/sda"]}), "devices wrong-value"),
        ("storage.btrfs", json!({"devices": ["/dev/sda"], "data": "raid1"}), "data wrong-value"),
        ("storage.btrfs", json!({"devices": two, "metadata": "raid1c3"}), "metadata wrong-value"),
        ("storage.btrfs", json!({"devices": two, "data": "raid10"}), "data wrong-value"),
        ("storage.btrfs", json!({"devices": ["/dev/sda"], "label": "x".repeat(256)}), "label wrong-value"),
        ("storage.btrfs", json!({"devices": ["/dev/sda"], "subvolumes": {"a": {}}}), "subvolumes missing-key"),
        ("storage.btrfs", json!({"devices": ["/dev/sda"], "options": ["ro"]}), "options missing-key"),
        ("storage.btrfs", json!({"devices": ["/dev/sda"], "mount": "/a", "options": ["subvol=b"]}), "options wrong-value"),
        (
            "storage.btrfs",
            json!({"devices": ["/dev/sda"], "mount": "/a", "subvolumes": {"../b": {}}}),
            "subvolumes.../b bad-name",
        ),
        (
            "storage.btrfs",
            json!({"devices": ["/dev/sda"], "mount": "/a", "subvolumes": {"b/c": {}}}),
            "subvolumes.b/c unknown-reference",
        ),
        (
            "storage.btrfs",
            json!({"devices": [device(512 * mib)], "mount": "/a", "subvolumes": {"b": {"quota": 513 * mib}}}),
            "subvolumes.b.quota too-small",
        ),
        (
            "storage.btrfs",
            json!({"devices": ["/dev/sda"], "mount": "/a", "subvolumes": {"b": {}}, "snapshots": {"s": {"of": "c"}}}),
            "snapshots.s.of unknown-reference",
        ),
        (
            "storage.btrfs",
            json!({"devices": ["/dev/sda"], "mount": "/a", "subvolumes": {"b": {}}, "snapshots": {"b": {"of": "b"}}}),
            "snapshots.b conflict",
        ),
        ("storage.filesystem", json!({"device": device(299 * mib), "type": "xfs"}), "device too-small"),
        ("storage.filesystem", json!({"device": "/dev/sda", "type": "xfs", "label": "thirteen bytes"}), "label wrong-value"),
        ("storage.filesystem", json!({"device": "/dev/sda", "type": "ext4", "label": "seventeen bytes.."}), "label wrong-value"),
        ("storage.filesystem", json!({"device": "/dev/sda", "type": "vfat", "label": "lower"}), "label wrong-value"),
        (
            "storage.filesystem",
            json!({"device": "/dev/sda", "type": "vfat", "uuid": "0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f"}),
            "uuid wrong-value",
        ),
        ("storage.filesystem", json!({"device": "/dev/sda", "type": "ext4", "uuid": "1A2B-3C4D"}), "uuid wrong-value"),
        ("storage.filesystem", json!({"device": "/dev/sda", "type": "swap", "mount": "/a"}), "mount wrong-value"),
        ("storage.filesystem", json!({"device": "/dev/sda", "type": "ext4", "options": ["ro"]}), "options missing-key"),
        ("storage.tmpfs", json!({"mount": "/a", "size": 0}), "size wrong-value"),
        ("storage.mount", json!({"device": "/dev/sda", "at": "/a", "options": ["ro,noatime"]}), "options wrong-value"),
        ("storage.mount", json!({"device": "/dev/sda", "at": "/a", "type": "ext4 "}), "type wrong-value"),
        ("storage.partition_table", json!({"device": "/dev/sda", "partitions": {}}), "partitions wrong-value"),
        ("storage.partition_table", json!({"device": "/dev/sda", "partitions": {"a": {}}}), "partitions.a missing-key"),
        (
            "storage.partition_table",
            json!({"device": "/dev/sda", "partitions": {"a": {"size": 512, "rest": true}}}),
            "partitions.a wrong-value",
        ),
        (
            "storage.partition_table",
            json!({"device": "/dev/sda", "partitions": {"a": {"size": 100}}}),
            "partitions.a.size wrong-value",
        ),
        (
            "storage.partition_table",
            json!({"device": "/dev/sda", "partitions": {"a": {"rest": true}, "b": {"size": 512}}}),
            "partitions.a.rest wrong-value",
        ),
        (
            "storage.partition_table",
            json!({"device": "/dev/sda", "partitions": {"a": {"rest": true, "type": "windows"}}}),
            "partitions.a.type wrong-value",
        ),
        (
            "storage.partition_table",
            json!({"device": "/dev/sda", "partitions": {"a": {"rest": true, "label": "x".repeat(37)}}}),
            "partitions.a.label wrong-value",
        ),
        (
            "storage.partition_table",
            json!({"device": device(64 * mib), "partitions": {"a": {"size": 40 * mib}, "b": {"size": 40 * mib}}}),
            "partitions too-small",
        ),
    ];
    for (is, params, expected) in cases {
        let found = findings(is, &params);
        let words: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.param, finding.code.name())).collect();
        assert_eq!(words, [expected], "{is} {params}: {found:?}");
        assert!(found[0].help.is_some(), "{is} {params}");
    }
}

#[test]
fn a_device_that_is_large_enough_is_really_so() {
    // What the checks let through is made by the programs: the least sizes are tried on files.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    for (program, args, least) in [
        ("mkfs.btrfs", &["-q"][..], 109u64 << 20),
        ("mkfs.xfs", &["-q"], 300 << 20),
        ("mkfs.ext4", &["-q", "-F"], 256 << 10),
        ("mkfs.vfat", &[], 64 << 10),
        ("mkswap", &["-q"], 40 << 10),
    ] {
        std::fs::File::create(&path).unwrap().set_len(least).unwrap();
        let Ok(made) = std::process::Command::new(program).args(args).arg(&path).output() else {
            assert!(std::env::var_os("CI").is_none(), "{program} is not installed");
            continue;
        };
        assert!(made.status.success(), "{program}: {}", String::from_utf8_lossy(&made.stderr));
    }
}
