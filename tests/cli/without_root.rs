//! What needs root is said before the first change.

use std::fs;

use crate::sandbox::{NOBODY, Ran, Sandbox, is_root};

const LAB: &str = "\
image: {is: storage.file_block_image, path: ./lab.img, size: 16 MiB}
loop: {is: storage.loopback_device, backing: image}
note: {is: file.text, path: ./note, content: hello}
";

#[test]
fn what_needs_root_is_planned_as_such_and_nothing_is_begun() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(LAB);
    let plan = sandbox.seed_as_nobody(&["plan", spec]).exits(2);
    let plan = plan.says("loop needs root").says("run sudo ").says(&format!("/seed apply {spec}"));
    assert_eq!(plan.stdout().matches("needs root").count(), 2, "on its line and in the summary: {}", plan.told());
    let json = sandbox.seed_as_nobody(&["plan", "--json", spec]).exits(2).json();
    let needs = |role: &str| {
        let actions = json["actions"].as_array().unwrap();
        actions.iter().find(|action| action["role"] == role).unwrap()["needs_root"].as_bool()
    };
    assert_eq!((needs("image"), needs("loop"), needs("note")), (None, Some(true), None));
    assert_eq!(json["needs_root"], true);

    let ran = sandbox.seed_as_nobody(&["apply", "--yes", spec]).exits(3);
    ran.says("loop needs root").says(&format!("/seed apply --yes {spec}"));
    assert!(!sandbox.at("lab.img").exists() && !sandbox.at("note").exists(), "something was made");
    // The command that was named works.
    let sudo = |args: &[&str]| Ran::of(sandbox.seed_command(args).env("SUDO_UID", NOBODY.to_string())).exits(0);
    sudo(&["apply", "--yes", spec]);
    sudo(&["apply", "--yes", "--state", "absent", spec]);
    sandbox.assert_nothing_leaks();
}

#[test]
fn what_needs_no_root_can_be_applied_alone() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(LAB);
    sandbox.seed_as_nobody(&["apply", "--yes", "--only", "note", spec]).exits(0);
    // Root does not act on the journal of a user, so sudo would not help.
    let ran = sandbox.seed_as_nobody(&["apply", "--yes", spec]).exits(3).says("loop needs root");
    ran.says("to a spec of their own").never_says("run sudo");
}

#[test]
fn files_of_others_need_root() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(
        "\
theirs: {is: file.text, path: ./theirs, content: new}
given: {is: file.text, path: ./given, content: new, owner: root}
closed: {is: file.text, path: ./closed/note, content: new}
shared: {is: file.text, path: ./shared/note, content: new}
ours: {is: file.text, path: ./ours, content: new}
",
    );
    // What the sandbox holds belongs to nobody from here on.
    sandbox.seed_as_nobody(&["check", spec]).exits(0);
    for (folder, mode) in [("closed", 0o755), ("shared", 0o777)] {
        fs::create_dir(sandbox.at(folder)).unwrap();
        fs::set_permissions(sandbox.at(folder), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    fs::write(sandbox.at("theirs"), "old").unwrap();
    let plan = sandbox.seed_as_nobody_now(&["plan", "--json", spec]).exits(2).json();
    let actions = plan["actions"].as_array().unwrap();
    let needs = actions.iter().filter(|action| action["needs_root"] == true).map(|action| action["role"].as_str().unwrap());
    let mut needs: Vec<&str> = needs.collect();
    needs.sort_unstable();
    assert_eq!(needs, ["closed", "given", "theirs"], "{plan}");
}

/// The volume of the README.
const VOLUME: &str = "\
image: {is: storage.file_block_image, path: ./lab.img, size: 512 MiB, disposable: true}
loop: {is: storage.loopback_device, backing: image}
pool: {is: storage.btrfs, devices: [loop], label: lab, mount: ./lab, disposable: true, subvolumes: {home: {}}}
note: {is: file.text, path: ./lab/home/README, content: Grown}
";

const EXT4: &str = "\
image: {is: storage.file_block_image, path: ./lab.img, size: 16 MiB}
loop: {is: storage.loopback_device, backing: image}
pool: {is: storage.filesystem, device: loop, type: ext4, mount: ./lab}
note: {is: file.text, path: ./lab/README, content: Grown}
";

#[test]
fn what_a_user_confirmed_is_what_root_applies() {
    if !is_root() {
        return;
    }
    for roles in [VOLUME, EXT4] {
        let (sandbox, spec) = Sandbox::with_spec(roles);
        let sudo = |args: &[&str]| {
            Ran::of(sandbox.seed_command(args).env("SUDO_UID", NOBODY.to_string()).env("SUDO_GID", NOBODY.to_string()))
        };
        let own = sandbox.seed_as_nobody(&["plan", "--json", spec]).exits(2).json();
        let roots = sudo(&["plan", "--json", spec]).exits(2).json();
        assert_eq!(own["digest"], roots["digest"], "{own}\n{roots}");
        let changes = |plan: &serde_json::Value| -> Vec<serde_json::Value> {
            plan["actions"].as_array().unwrap().iter().map(|action| action["changes"].clone()).collect()
        };
        assert_eq!(changes(&own), changes(&roots));
        sudo(&["apply", "--plan-digest", own["digest"].as_str().unwrap(), spec]).exits(0);
        sudo(&["apply", "--yes", "--destroy-data", "--state", "absent", spec]).exits(0);
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn a_path_that_is_not_utf8_is_named_in_the_command_for_root() {
    if !is_root() {
        return;
    }
    use std::os::unix::ffi::OsStrExt as _;
    let (sandbox, spec) = Sandbox::with_spec(LAB);
    let odd = std::ffi::OsStr::from_bytes(b"b\xff.seed.yaml");
    sandbox.seed_as_nobody(&["--version"]).exits(0);
    fs::rename(sandbox.at(spec), sandbox.path().join(odd)).unwrap();
    sandbox
        .seed_as_nobody_with(|command| command.args(["apply", "--yes"]).arg(odd))
        .exits(3)
        .says(r"apply --yes $'b\xff.seed.yaml'");
}
