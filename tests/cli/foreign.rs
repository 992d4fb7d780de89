//! File systems that somebody mounted over what Seed made: they are not Seed's, and nothing is written into them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use crate::sandbox::{Sandbox, is_root};

const SPEC: &str = "name.seed.yaml";
const PRESENT: &[&str] = &["apply", "--yes", SPEC];
const ABSENT: &[&str] = &["apply", "--yes", "--destroy-data", "--state", "absent", SPEC];

/// A file system of each kind that is mounted on `./lab`.
const KINDS: [(&str, &str); 4] = [
    (
        "btrfs",
        "image: {is: storage.file_block_image, path: ./disk.img, size: 128 MiB}\n\
         loop: {is: storage.loopback_device, backing: image}\n\
         lab: {is: storage.btrfs, devices: [loop], mount: ./lab}\n",
    ),
    (
        "ext4",
        "image: {is: storage.file_block_image, path: ./disk.img, size: 16 MiB}\n\
         loop: {is: storage.loopback_device, backing: image}\n\
         lab: {is: storage.filesystem, device: loop, type: ext4, mount: ./lab}\n",
    ),
    (
        "mount",
        "image: {is: storage.file_block_image, path: ./disk.img, size: 16 MiB}\n\
         loop: {is: storage.loopback_device, backing: image}\n\
         made: {is: storage.filesystem, device: loop, type: ext4}\n\
         lab: {is: storage.mount, device: made.device, at: ./lab}\n",
    ),
    ("tmpfs", "lab: {is: storage.tmpfs, mount: ./lab, size: 8 MiB}\n"),
];

/// A file in the mount, and one in a folder in it.
const FILES: &str = "note: {is: file.text, path: ./lab/note, content: from the spec}\n\
                     deep: {is: file.text, path: ./lab/in/deep/note, content: from the spec}\n";

fn mount(fs_type: &str, at: &Path) {
    let done = Command::new("mount").args(["-t", fs_type, "foreign"]).arg(at).status().unwrap();
    assert!(done.success());
}

fn unmount(at: &Path) {
    assert!(Command::new("umount").arg(at).status().unwrap().success());
}

fn role<'j>(json: &'j Json, list: &str, name: &str) -> &'j Json {
    let found = json[list].as_array().unwrap().iter().find(|role| role["role"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {json}"))
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_file_system_mounted_over_that_of_a_role_is_told_and_left_alone() {
    if !is_root() {
        return;
    }
    for (kind, roles) in KINDS {
        for foreign in ["tmpfs", "ramfs"] {
            let (sandbox, _) = Sandbox::with_spec(&format!("{roles}{FILES}"));
            sandbox.seed(PRESENT).exits(0);
            let lab = sandbox.at("lab");
            mount(foreign, &lab);
            let info = sandbox.seed(&["info", "--json", SPEC]).json();
            assert_eq!(role(&info, "roles", "lab")["state"], "drifted", "{kind}: {info}");
            assert_eq!(role(&info, "roles", "note")["state"], "unknown", "{kind}: {info}");
            assert_eq!(role(&info, "roles", "deep")["state"], "unknown", "{kind}: {info}");
            let plan = sandbox.seed(&["plan", "--json", SPEC]).json();
            for name in ["lab", "note", "deep"] {
                let reason = role(&plan, "actions", name)["reason"].as_str().unwrap_or_default();
                assert!(reason.contains("another file system is mounted"), "{kind}, {name}: {plan}");
            }
            // Neither written to, nor unmounted.
            let mounts = sandbox.mounts();
            sandbox.write_spec(&format!("{roles}{}", FILES.replace("from the spec", "changed")));
            sandbox.seed(PRESENT).exits(1).says("another file system is mounted over it");
            assert_eq!(entries(&lab), 0, "{kind}");
            sandbox.seed(ABSENT).exits(1).says("another file system is mounted over it");
            assert_eq!((entries(&lab), sandbox.mounts()), (0, mounts), "{kind}");
            // Without it all is as before.
            unmount(&lab);
            assert_eq!(sandbox.read("lab/note"), "from the spec");
            sandbox.seed(PRESENT).exits(0);
            assert_eq!(sandbox.read("lab/in/deep/note"), "changed");
            sandbox.seed(ABSENT).exits(0);
            sandbox.assert_nothing_leaks();
        }
    }
}

#[test]
fn a_file_system_mounted_on_the_way_to_a_file_is_not_written_to() {
    if !is_root() {
        return;
    }
    for (kind, roles) in KINDS {
        let (sandbox, _) = Sandbox::with_spec(&format!("{roles}{FILES}"));
        sandbox.seed(PRESENT).exits(0);
        let folder = sandbox.at("lab/in");
        mount("tmpfs", &folder);
        let info = sandbox.seed(&["info", "--json", SPEC]).json();
        assert_eq!(role(&info, "roles", "deep")["state"], "unknown", "{kind}: {info}");
        assert_eq!(role(&info, "roles", "note")["state"], "present", "{kind}: {info}");
        sandbox.write_spec(&format!("{roles}{}", FILES.replace("from the spec", "changed")));
        sandbox.seed(PRESENT).exits(1).says("mounted in between");
        assert_eq!((entries(&folder), sandbox.read("lab/note").as_str()), (0, "changed"), "{kind}");
        sandbox.seed(ABSENT).exits(1);
        assert_eq!(entries(&folder), 0, "{kind}");
        unmount(&folder);
        assert_eq!(sandbox.read("lab/in/deep/note"), "from the spec");
        sandbox.seed(ABSENT).exits(0);
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn a_file_system_mounted_once_the_plan_is_made_is_not_written_to() {
    if !is_root() {
        return;
    }
    for (at, words) in [("lab", "another file system is mounted"), ("lab/in", "mounted in between")] {
        let (_, roles) = KINDS[1];
        // The plan is made, and the first role mounts, as somebody else might meanwhile.
        let slow = format!(
            "slow:\n  is: task.command\n  folder: .\n  present: [sh, -c, \"mount -t tmpfs foreign {at}; touch done\"]\n  \
             absent: [rm, -f, done]\n  info: [test, -e, done]\n"
        );
        let files = "deep: {is: file.text, path: ./lab/in/deep/note, content: CONTENT, needs: [slow]}\n";
        let (sandbox, _) = Sandbox::with_spec(&format!("{roles}{}", files.replace(", needs: [slow]", "")));
        sandbox.seed(PRESENT).exits(0);
        sandbox.write_spec(&format!("{roles}{slow}{}", files.replace("CONTENT", "changed")));
        sandbox.seed(&["trust", sandbox.path().to_str().unwrap()]).exits(0);
        sandbox.seed(PRESENT).exits(1).says(words);
        assert_eq!(entries(&sandbox.at(at)), 0);
        unmount(&sandbox.at(at));
        assert_eq!(sandbox.read("lab/in/deep/note"), "CONTENT");
    }
}

#[test]
fn mounts_of_roles_in_mounts_of_roles_are_no_strangers() {
    if !is_root() {
        return;
    }
    for (kind, roles) in KINDS {
        let (sandbox, _) = Sandbox::with_spec(&format!(
            "{roles}inner: {{is: storage.tmpfs, mount: ./lab/in, size: 4 MiB}}\n\
             folder: {{is: file.directory, path: ./lab/in/deep}}\n{FILES}"
        ));
        sandbox.seed(PRESENT).exits(0);
        assert_eq!(sandbox.read("lab/in/deep/note"), "from the spec", "{kind}");
        sandbox.seed(PRESENT).exits(0).says("Nothing to do");
        sandbox.seed(ABSENT).exits(0);
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn nothing_is_written_below_a_mount_point_where_nothing_is_mounted() {
    if !is_root() {
        return;
    }
    for (kind, roles) in KINDS {
        let (sandbox, _) = Sandbox::with_spec(&format!("{roles}{FILES}"));
        sandbox.seed(PRESENT).exits(0);
        unmount(&sandbox.at("lab"));
        // The role that would mount it is only looked at.
        let looked_at = roles.rsplit_once('}').map(|(roles, _)| format!("{roles}, state: info}}\n")).unwrap();
        sandbox.write_spec(&format!("{looked_at}{FILES}"));
        let refused = sandbox.seed(PRESENT).exits(1);
        assert_eq!(entries(&sandbox.at("lab")), 0, "{kind}: {}", refused.told());
        drop(refused.says("is inside lab, "));
        sandbox.write_spec(&format!("{roles}{FILES}"));
        sandbox.seed(PRESENT).exits(0);
        assert_eq!(sandbox.read("lab/note"), "from the spec", "{kind}");
        sandbox.seed(ABSENT).exits(0);
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn nothing_is_written_below_a_mount_point_whose_role_failed() {
    if !is_root() {
        return;
    }
    let disk = "image: {is: storage.file_block_image, path: ./disk.img, size: 128 MiB}\n\
                loop: {is: storage.loopback_device, backing: image}\n";
    let (sandbox, _) =
        Sandbox::with_spec(&format!("{disk}lab: {{is: storage.filesystem, device: loop, type: ext4, mount: ./lab}}\n{FILES}"));
    sandbox.seed(PRESENT).exits(0);
    // Another role has its place, and cannot be made as long as the first is there.
    let pool = format!("{disk}pool: {{is: storage.btrfs, devices: [loop], mount: ./lab}}\n{}", FILES.replace("from", "not from"));
    sandbox.write_spec(&pool);
    for unmounted in [false, true] {
        if unmounted {
            unmount(&sandbox.at("lab"));
        }
        sandbox.seed(PRESENT).exits(1).says("note  skipped: depends on pool, which failed");
        match unmounted {
            false => assert_eq!(sandbox.read("lab/note"), "from the spec"),
            true => assert_eq!(entries(&sandbox.at("lab")), 0),
        }
    }
    sandbox.seed(&["apply", "--yes", "--prune", "--destroy-data", SPEC]).exits(0);
    assert_eq!(sandbox.read("lab/note"), "not from the spec");
    sandbox.seed(ABSENT).exits(0);
    sandbox.assert_nothing_leaks();
}

#[test]
fn a_mount_point_behind_a_link_is_refused_before_anything_is_mounted() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec("memory: {is: storage.tmpfs, mount: ./link/memory}\n");
    fs::create_dir(sandbox.at("real")).unwrap();
    std::os::unix::fs::symlink("real", sandbox.at("link")).unwrap();
    for _ in 0..2 {
        sandbox.seed(&["apply", "--yes", spec]).exits(1).says("symbolic link").says("real/memory");
        assert_eq!(sandbox.mounts(), Vec::<std::path::PathBuf>::new());
    }
    sandbox.seed(ABSENT).exits(0);
    sandbox.assert_nothing_leaks();
}
