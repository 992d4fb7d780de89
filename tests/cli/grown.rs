//! What was there before and has been grown: nothing shrinks it safely, so it stays, and is told to.

use std::fs;
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::sandbox::{Sandbox, is_root};

const SPEC: &str = "name.seed.yaml";
const PRESENT: &[&str] = &["apply", "--yes", SPEC];
const ABSENT: &[&str] = &["apply", "--yes", "--state", "absent", SPEC];

fn actions(sandbox: &Sandbox, args: &[&str]) -> Json {
    sandbox.seed(args).json()["actions"].clone()
}

fn reason(actions: &Json, role: &str) -> String {
    let one = actions.as_array().unwrap().iter().find(|one| one["role"] == role).unwrap();
    one["reason"].as_str().unwrap_or_default().to_string()
}

#[test]
fn an_image_that_was_there_and_has_grown_stays_so() {
    for (image, format) in [("raw", ""), ("qcow2", ", format: qcow2")] {
        let (sandbox, _) =
            Sandbox::with_spec(&format!("disk: {{is: storage.file_block_image, path: ./disk.img, size: 2 MiB{format}}}\n"));
        let path = sandbox.at("disk.img");
        let made = Command::new("qemu-img").args(["create", "-q", "-f", image]).arg(&path).arg("1M").status().unwrap();
        assert!(made.success());
        // In advance.
        assert!(reason(&actions(&sandbox, &["plan", "--json", SPEC]), "disk").contains("cannot be undone"), "{image}");
        sandbox.seed(PRESENT).exits(0);
        let grown = fs::metadata(&path).unwrap().len();
        let plan = actions(&sandbox, &["plan", "--json", "--state", "absent", SPEC]);
        assert_eq!(plan[0]["action"], "none", "{image}: {plan}");
        assert!(reason(&plan, "disk").contains("stays 2 MiB, grown from 1 MiB"), "{image}: {plan}");
        sandbox.seed(ABSENT).exits(0).says("stays 2 MiB");
        assert_eq!(fs::metadata(&path).unwrap().len(), grown);
        // Law 1: nothing is left to do, now as before.
        let again = sandbox.seed(&["plan", "--json", "--state", "absent", SPEC]).exits(0).json();
        assert_eq!(again["actions"][0]["action"], json!("none"));
        sandbox.seed(ABSENT).exits(0);
    }
}

#[test]
fn an_image_that_was_there_is_not_seeds_once_it_has_grown() {
    let (sandbox, _) = Sandbox::with_spec("");
    let path = sandbox.at("disk.img");
    fs::write(&path, "precious").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(2 << 20).unwrap();
    let spec = |size: u32, more: &str| {
        sandbox.write_spec(&format!("disk: {{is: storage.file_block_image, path: ./disk.img, size: {size} MiB{more}}}\n"));
    };
    let is_refused = || {
        for more in ["", ", disposable: true"] {
            spec(1, more);
            sandbox.seed(&["apply", "--yes", "--destroy-data", SPEC]).exits(1).says("was not made by Seed and differs in size");
            assert!(fs::read(&path).unwrap().starts_with(b"precious"));
        }
    };
    is_refused();
    spec(3, "");
    sandbox.seed(PRESENT).exits(0);
    is_refused();
    // What Seed made in its place is Seed's.
    fs::remove_file(&path).unwrap();
    spec(3, "");
    sandbox.seed(PRESENT).exits(0);
    spec(1, "");
    sandbox.seed(PRESENT).exits(0);
    assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 20);
}

#[test]
fn undoing_a_growth_leaves_it_grown_and_says_so() {
    let spec = |size: &str| format!("disk: {{is: storage.file_block_image, path: ./disk.img, size: {size}, mode: \"MODE\"}}\n");
    let (sandbox, _) = Sandbox::with_spec(&spec("1 MiB").replace("MODE", "0600"));
    sandbox.seed(PRESENT).exits(0);
    sandbox.write_spec(&spec("2 MiB").replace("MODE", "0640"));
    sandbox.seed(PRESENT).exits(0);
    sandbox.seed(&["undo", "--yes", SPEC]).exits(0).says("stays 2 MiB, grown from 1 MiB");
    let there = fs::metadata(sandbox.at("disk.img")).unwrap();
    assert_eq!((there.len(), std::os::unix::fs::MetadataExt::mode(&there) & 0o7777), (2 << 20, 0o600));
    // What Seed made goes as a whole.
    sandbox.seed(ABSENT).exits(0);
    assert!(!sandbox.at("disk.img").exists());
}

#[test]
fn undoing_nothing_but_a_growth_succeeds() {
    let spec = |size: &str| format!("disk: {{is: storage.file_block_image, path: ./disk.img, size: {size}}}\n");
    let (sandbox, _) = Sandbox::with_spec(&spec("1 MiB"));
    sandbox.seed(PRESENT).exits(0);
    sandbox.write_spec(&spec("2 MiB"));
    sandbox.seed(PRESENT).exits(0);
    sandbox.seed(&["undo", "--yes", SPEC]).exits(0).says("stays 2 MiB, grown from 1 MiB");
    assert_eq!(fs::metadata(sandbox.at("disk.img")).unwrap().len(), 2 << 20);
}

#[test]
fn a_file_system_that_was_there_and_has_grown_stays_so_with_its_image() {
    if !is_root() {
        return;
    }
    for (kind, len, role) in [
        ("ext4", 16_u64 << 20, "{is: storage.filesystem, device: loop, type: ext4, mount: ./lab}"),
        ("btrfs", 128 << 20, "{is: storage.btrfs, devices: [loop], mount: ./lab}"),
    ] {
        let size = format!("{} MiB", len >> 19);
        let (sandbox, _) = Sandbox::with_spec(&format!(
            "disk: {{is: storage.file_block_image, path: ./disk.img, size: {size}}}\n\
             loop: {{is: storage.loopback_device, backing: disk}}\n\
             lab: {role}\n"
        ));
        let path = sandbox.at("disk.img");
        fs::File::create(&path).unwrap().set_len(len).unwrap();
        let made = Command::new(format!("mkfs.{kind}")).arg("-q").arg(&path).status().unwrap();
        assert!(made.success());
        sandbox.seed(PRESENT).exits(0);
        sandbox.write("lab/letter", "dear");
        sandbox.seed(ABSENT).exits(0).says("stays");
        sandbox.assert_nothing_leaks();
        assert_eq!(fs::metadata(&path).unwrap().len(), len * 2);
        sandbox.seed(ABSENT).exits(0);
        sandbox.seed(PRESENT).exits(0);
        assert_eq!(sandbox.read("lab/letter"), "dear", "{kind}");
        sandbox.seed(ABSENT).exits(0);
    }
}
