//! Partition tables on loop devices.

use serde_json::{Value as Json, json};

use crate::lab::{Entry, lab};

pub fn disk(partitions: Json, rest: Vec<(&'static str, &'static str, Json)>) -> Vec<Entry> {
    let below = [
        ("image", "storage.file_block_image", json!({"path": "./disk.img", "size": "256 MiB"})),
        ("disk", "storage.loopback_device", json!({"backing": "@image.path", "partscan": true})),
        ("table", "storage.partition_table", json!({"device": "@disk.device", "partitions": partitions})),
    ];
    below.into_iter().chain(rest).collect()
}

pub fn two() -> Json {
    json!({"esp": {"size": "40 MiB", "type": "efi"}, "root": {"rest": true, "label": "Root file system"}})
}

pub fn systems() -> Vec<(&'static str, &'static str, Json)> {
    vec![
        ("esp", "storage.filesystem", json!({"device": "@table.partitions.esp", "type": "vfat"})),
        ("root", "storage.filesystem", json!({"device": "@table.partitions.root", "type": "ext4", "mount": "./mnt"})),
    ]
}

#[test]
fn the_rest_grows_with_the_disk() {
    let Some(mut lab) = lab(disk(two(), systems())) else { return };
    lab.up().unwrap();
    std::fs::write(lab.at("mnt/letter"), "dear").unwrap();
    lab.set("image", "size", json!("512 MiB"));
    let changes = ["change image: size", "change disk: size", "change table: size", "change root: size"];
    assert_eq!(lab.plan(), changes);
    assert_eq!(lab.up().unwrap(), changes);
    assert!(lab.plan().is_empty());
    assert_eq!(std::fs::read_to_string(lab.at("mnt/letter")).unwrap(), "dear");
    assert_eq!(lab.attr("root", "size"), json!("470 MiB"));
    lab.down().unwrap();
    lab.assert_clean(&[]);
}

#[test]
fn partitions_are_added_and_named_in_place() {
    let Some(mut lab) = lab(disk(json!({"one": {"size": "32 MiB"}}), Vec::new())) else { return };
    lab.up().unwrap();
    lab.set(
        "table",
        "partitions",
        json!({"one": {"size": "64 MiB", "label": "first"}, "two": {"size": "32 MiB", "type": "swap"}}),
    );
    assert_eq!(lab.plan(), ["change table: partitions"]);
    assert_eq!(lab.up().unwrap(), ["change table: partitions"]);
    assert!(lab.plan().is_empty());
    lab.set("table", "partitions", json!({"one": {"size": "16 MiB"}, "two": {"rest": true}}));
    assert_eq!(lab.plan(), ["replace table: partitions"]);
    assert_eq!(lab.up().unwrap(), ["replace table: partitions"]);
    lab.set("table", "partitions", json!({"one": {"size": "48 MiB"}, "two": {"rest": true}}));
    assert_eq!(lab.plan(), ["replace table: partitions"], "it would grow into the second");
    lab.down().unwrap();
    lab.assert_clean(&[]);
}

#[test]
fn other_tools_agree_on_the_table() {
    let Some(mut lab) = lab(disk(two(), Vec::new())) else { return };
    lab.up().unwrap();
    let image = lab.at("disk.img");
    let printed = std::process::Command::new("sfdisk").args(["--json", image.to_str().unwrap()]).output();
    let Ok(printed) = printed else {
        assert!(std::env::var_os("CI").is_none(), "sfdisk is not installed");
        eprintln!("skipped: sfdisk is not installed");
        return;
    };
    let printed: Json = serde_json::from_slice(&printed.stdout).unwrap();
    let parts = printed["partitiontable"]["partitions"].as_array().unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!((&parts[0]["start"], &parts[0]["size"], &parts[0]["name"]), (&json!(2048), &json!(81920), &json!("esp")));
    assert_eq!(parts[0]["type"], json!("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"));
    assert_eq!((&parts[1]["start"], &parts[1]["name"]), (&json!(83968), &json!("Root file system")));
    lab.shell("sfdisk", &["--verify", image.to_str().unwrap()]);
}

#[test]
fn a_table_of_another_tool_is_taken_over_and_put_back() {
    let Some(mut lab) = lab(disk(json!({"one": {"size": "32 MiB"}, "two": {"size": "16 MiB"}}), Vec::new())) else { return };
    let image = lab.at("disk.img");
    std::fs::File::create(&image).unwrap().set_len(256 << 20).unwrap();
    let script = lab.at("script");
    std::fs::write(&script, "label: gpt\nstart=2048, size=65536, name=one, type=linux\n").unwrap();
    let input = std::fs::File::open(&script).unwrap();
    let done = std::process::Command::new("sfdisk").args(["-q", image.to_str().unwrap()]).stdin(input).status();
    std::fs::remove_file(&script).unwrap();
    let Ok(done) = done else { return };
    assert!(done.success());
    assert_eq!(lab.plan(), ["create disk", "change table: partitions"]);
    let before = std::fs::read(&image).unwrap();
    lab.up().unwrap();
    assert!(lab.plan().is_empty());
    lab.down().unwrap();
    lab.assert_clean(&["disk.img"]);
    let after = std::fs::read(&image).unwrap();
    assert!(before == after, "the table is as it was, to the byte");
}
