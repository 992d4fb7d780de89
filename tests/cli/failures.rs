//! A failure is told on its role, what is independent of it is finished, nothing is lost, and the next run goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};

use nix::mount::{MsFlags, mount};
use serde_json::json;

use crate::sandbox::{Ran, Sandbox, is_root};

const NO_SOURCE: Option<&str> = Some("tmpfs");

/// Mounts a tmpfs in a sandbox, whose end unmounts it.
fn tmpfs(sandbox: &Sandbox, path: &str, size: &str) {
    fs::create_dir_all(sandbox.at(path)).unwrap();
    mount(NO_SOURCE, &sandbox.at(path), Some("tmpfs"), MsFlags::empty(), Some(format!("size={size}").as_str())).unwrap();
}

fn remount(sandbox: &Sandbox, path: &str, flags: MsFlags, options: &str) {
    mount(NO_SOURCE, &sandbox.at(path), None::<&str>, MsFlags::MS_REMOUNT | flags, Some(options)).unwrap();
}

/// The message of the failed event of a role.
#[track_caller]
fn failure(ran: &Ran, role: &str) -> String {
    let events = ran.json_lines();
    let failed = events.iter().find(|event| event["event"] == "failed" && event["role"] == role);
    failed.unwrap_or_else(|| panic!("{role} did not fail: {}", ran.told()))["message"].as_str().unwrap().to_string()
}

#[test]
fn a_full_disk_fails_its_role_alone_and_loses_nothing() {
    if !is_root() {
        return;
    }
    let big = "x".repeat(400 << 10);
    let (sandbox, spec) = Sandbox::with_spec(&format!(
        "big:\n  is: file.text\n  path: ./small/big\n  content: {big}\n\nbeside:\n  is: file.text\n  path: ./beside\n  content: x\n\n\
         after:\n  is: file.text\n  path: ./after\n  content: x\n  needs: [big]\n"
    ));
    tmpfs(&sandbox, "small", "128k");
    sandbox.write("small/big", "the old content");
    let ran = sandbox.seed(&["apply", "--yes", "--json", spec]).exits(1);
    let message = failure(&ran, "big");
    assert!(message.contains("No space left") && message.contains("make room"), "{message}");
    let summary = ran.summary();
    assert_eq!((&summary["changed"], &summary["failed"], &summary["skipped"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(sandbox.read("beside"), "x");
    assert_eq!(sandbox.read("small/big"), "the old content");
    assert_eq!(fs::read_dir(sandbox.at("small")).unwrap().count(), 1, "no half file is left");

    remount(&sandbox, "small", MsFlags::empty(), "size=1m");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("small/big"), big);
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert_eq!(sandbox.read("small/big"), "the old content");
}

#[test]
fn a_full_disk_under_the_journal_stops_before_anything_is_done() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec("note:\n  is: file.text\n  path: ./note\n  content: x\n");
    tmpfs(&sandbox, "state", "16k");
    sandbox.write("state/filler", "");
    let fill = fs::write(sandbox.at("state/filler"), vec![0; 64 << 10]);
    assert!(fill.is_err(), "the tmpfs is full");
    let ran = Ran::of(sandbox.seed_command(&["apply", "--yes", spec]).env("SEED_STATE_DIR", sandbox.at("state/seed")));
    ran.exits(1).says("No space left").says("journal");
    assert!(!sandbox.at("note").exists(), "nothing is done that is not written down first");
}

#[test]
fn a_read_only_file_system_is_told_as_such() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(
        "fixed:\n  is: file.text\n  path: ./fixed/note\n  content: x\n\nbeside:\n  is: file.text\n  path: ./beside\n  content: x\n",
    );
    tmpfs(&sandbox, "fixed", "128k");
    remount(&sandbox, "fixed", MsFlags::MS_RDONLY, "size=128k");
    let ran = sandbox.seed(&["apply", "--yes", "--json", spec]).exits(1);
    assert!(failure(&ran, "fixed").to_lowercase().contains("read-only"), "{}", ran.told());
    assert_eq!(sandbox.read("beside"), "x");
    remount(&sandbox, "fixed", MsFlags::empty(), "size=128k");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
}

#[test]
fn a_missing_tool_is_named_with_the_package_that_brings_it() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) =
        Sandbox::with_spec("disk:\n  is: storage.file_block_image\n  path: ./disk.qcow2\n  size: 64 MiB\n  format: qcow2\n");
    for args in [&["check", spec][..], &["apply", "--yes", spec]] {
        sandbox.seed_without("qemu-img", args).says("qemu-img").says("qemu-utils");
    }
    assert!(!sandbox.at("disk.qcow2").exists());
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
}

#[test]
fn a_tool_that_fails_is_quoted_and_the_next_run_goes_on() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(
        "\
image:
  is: storage.file_block_image
  path: ./disk.img
  size: 128 MiB
  disposable: true

loop:
  is: storage.loopback_device
  backing: image

pool:
  is: storage.btrfs
  devices: [loop]
  mount: ./pool
  disposable: true

beside:
  is: file.text
  path: ./beside
  content: x
",
    );
    let before = sandbox.tree();
    let broken = sandbox.at("../broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("mkfs.btrfs"), "#!/bin/sh\necho 'the disk is haunted' >&2\nexit 1\n").unwrap();
    fs::set_permissions(broken.join("mkfs.btrfs"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", broken.display(), std::env::var("PATH").unwrap());
    let ran = Ran::of(sandbox.seed_command(&["apply", "--yes", "--json", spec]).env("PATH", path)).exits(1);
    assert!(failure(&ran, "pool").contains("the disk is haunted"), "{}", ran.told());
    assert_eq!(sandbox.read("beside"), "x");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["info", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    sandbox.assert_nothing_leaks();
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_command_that_hangs_is_stopped() {
    let (sandbox, spec) = Sandbox::with_spec(
        "\
slow:
  is: task.command
  folder: .
  limit: 300 ms
  present: [sleep, \"600\"]
  absent: [rm, done]
  info: [test, -e, done]

beside:
  is: file.text
  path: ./beside
  content: x
",
    );
    sandbox.seed(&["trust", "."]).exits(0);
    let start = std::time::Instant::now();
    let ran = sandbox.seed(&["apply", "--yes", "--json", spec]).exits(1);
    assert!(start.elapsed() < std::time::Duration::from_secs(20));
    assert!(failure(&ran, "slow").contains("longer than 300"), "{}", ran.told());
    assert_eq!(sandbox.read("beside"), "x");
}

/// A process that stands in a folder, until it is dropped.
struct Squatter(Child);

impl Drop for Squatter {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_busy_mount_stays_and_goes_once_it_is_free() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(
        "scratch:\n  is: storage.tmpfs\n  mount: ./scratch\n  size: 1 MiB\n  disposable: true\n\nbeside:\n  is: file.text\n  path: ./beside\n  content: x\n",
    );
    let before = sandbox.tree();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let squatter = Squatter(Command::new("sleep").arg("600").current_dir(sandbox.at("scratch")).spawn().unwrap());
    let ran = sandbox.seed(&["apply", "--yes", "--json", "--state", "absent", spec]).exits(1);
    let message = failure(&ran, "scratch");
    assert!(message.contains("busy") && message.contains("sleep"), "{message}");
    assert!(!sandbox.at("beside").exists(), "what is independent of it is gone");
    assert_eq!(sandbox.mounts(), [sandbox.at("scratch")], "and it is not half gone");
    drop(squatter);
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert_eq!(sandbox.tree(), before);
    sandbox.assert_nothing_leaks();
}

#[test]
fn a_device_that_is_not_there_fails_its_role_alone() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(
        "data:\n  is: storage.filesystem\n  device: /dev/no-such-device\n  type: ext4\n\nbeside:\n  is: file.text\n  path: ./beside\n  content: x\n",
    );
    let ran = sandbox.seed(&["apply", "--yes", spec]).exits(1);
    ran.says("/dev/no-such-device");
    assert_eq!(sandbox.read("beside"), "x");
}

#[test]
fn a_foreign_file_system_is_never_overwritten() {
    if !is_root() {
        return;
    }
    for content in [Some("precious"), None] {
        let (sandbox, spec) = Sandbox::with_spec(
            "image:\n  is: storage.file_block_image\n  path: ./disk.img\n  size: 64 MiB\n\nloop:\n  is: storage.loopback_device\n  \
             backing: image\n\ndata:\n  is: storage.filesystem\n  device: loop\n  type: vfat\n",
        );
        fs::File::create(sandbox.at("disk.img")).unwrap().set_len(64 << 20).unwrap();
        fs::create_dir(sandbox.at("photos")).unwrap();
        if let Some(content) = content {
            sandbox.write("photos/summer", content);
        }
        let made =
            Command::new("mkfs.ext4").arg("-q").arg("-d").arg(sandbox.at("photos")).arg(sandbox.at("disk.img")).status().unwrap();
        assert!(made.success());
        let bytes = fs::read(sandbox.at("disk.img")).unwrap();
        sandbox.seed(&["apply", "--yes", "--destroy-data", spec]).exits(1).says("not made by Seed");
        assert!(fs::read(sandbox.at("disk.img")).unwrap() == bytes, "not one byte of it changed");
    }
}

#[test]
fn an_image_that_is_removed_under_its_device_is_told_and_leaks_nothing() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(
        "image:\n  is: storage.file_block_image\n  path: ./disk.img\n  size: 64 MiB\n\nloop:\n  is: storage.loopback_device\n  \
         backing: image\n\ndata:\n  is: storage.filesystem\n  device: loop\n  type: ext4\n  mount: ./data\n",
    );
    for goal in
        [&["apply", "--yes", "--destroy-data", spec][..], &["apply", "--yes", "--destroy-data", "--state", "absent", spec]]
    {
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        sandbox.write("data/letter", "precious");
        fs::remove_file(sandbox.at("disk.img")).unwrap();

        let info = sandbox.seed(&["info", "--json", spec]).exits(2).json();
        assert_eq!(info["roles"][1]["drift"][0]["have"], "image.path (deleted)", "{info}");
        // What was in the image is there as long as the device shows it, and is lost with that.
        sandbox.seed(&["apply", "--yes", spec]).exits(3).says("--destroy-data");
        assert_eq!(sandbox.read("data/letter"), "precious");

        sandbox.seed(goal).exits(0);
        sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", spec]).exits(0);
        sandbox.assert_nothing_leaks();
        assert!(!sandbox.at("disk.img").exists() && !sandbox.at("data").exists());
    }
}

#[test]
fn a_damaged_journal_is_no_reason_to_stop() {
    let (sandbox, spec) = Sandbox::with_spec(crate::commands::FILES);
    let before = sandbox.tree();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let folder = fs::read_dir(sandbox.state().join("specs")).unwrap().next().unwrap().unwrap().path();
    // A line that the power failure cut off, and a cache that is gone.
    let mut journal = fs::read(folder.join("journal")).unwrap();
    journal.extend(b"{\"t\":\"begin\",\"role\":\"no");
    fs::write(folder.join("journal"), journal).unwrap();
    fs::remove_file(folder.join("ledger")).unwrap();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn roles_that_are_refused_hold_nobody_up() {
    let refused: String = (0..6).map(|number| format!("r{number}: {{is: file.directory, path: ./f{number}}}\n")).collect();
    for jobs in ["1", "2", "8"] {
        let (sandbox, spec) = Sandbox::with_spec(&format!("{refused}z: {{is: file.directory, path: ./good}}\n"));
        (0..6).for_each(|number| sandbox.write(&format!("f{number}"), "x"));
        sandbox.seed(&["apply", "--yes", "--jobs", jobs, spec]).exits(1).says("6 failed");
        assert!(sandbox.at("good").exists());
        sandbox.seed(&["log", spec]).exits(0).says("r5  file.directory  could not look at the folder");
    }
}

#[test]
fn an_image_that_was_moved_by_hand_leaves_nothing_attached_unnoticed() {
    if !is_root() {
        return;
    }
    for file_system in
        ["{is: storage.btrfs, devices: [loop], mount: ./lab}", "{is: storage.filesystem, device: loop, type: ext4, mount: ./lab}"]
    {
        let (sandbox, spec) = Sandbox::with_spec(&format!(
            "image: {{is: storage.file_block_image, path: ./v.img, size: 128 MiB}}\n\
             loop: {{is: storage.loopback_device, backing: image}}\n\
             disk: {file_system}\n"
        ));
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        for moved in ["disk.img", "elsewhere/v.img"] {
            fs::create_dir_all(sandbox.at(moved).parent().unwrap()).unwrap();
            fs::rename(sandbox.at("v.img"), sandbox.at(moved)).unwrap();
            sandbox.seed(&["plan", "--state", "absent", spec]).exits(1).says(moved).says("depends on loop");
            for _ in 0..2 {
                sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(1).says(moved);
                assert_eq!((sandbox.mounts().len(), sandbox.loops().len()), (1, 1));
            }
            fs::rename(sandbox.at(moved), sandbox.at("v.img")).unwrap();
            sandbox.seed(&["plan", spec]).exits(0);
        }
        sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
        sandbox.assert_nothing_leaks();
        assert!(!sandbox.at("v.img").exists());
    }
}
