//! Seed takes away what it made, puts back what it replaced, and leaves alone what is not its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::commands::FILES;
use crate::sandbox::Sandbox;

const NOTE: &str = "note:\n  is: file.text\n  path: ./note\n  content: |\n    ours\n";

fn absent(sandbox: &Sandbox) -> crate::sandbox::Ran {
    sandbox.seed(&["apply", "--yes", "--state", "absent", "name.seed.yaml"])
}

#[test]
fn absent_leaves_everything_as_it_was() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    let before = sandbox.tree();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert!(sandbox.tree().has("tree/note"));
    absent(&sandbox).exits(0);
    assert_eq!(sandbox.tree(), before);
    sandbox.seed(&["plan", "--state", "absent", spec]).exits(0);
}

#[test]
fn what_was_replaced_is_put_back() {
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    let old = "what stood here before, in many words\n".repeat(100);
    sandbox.write("note", &old);
    fs::set_permissions(sandbox.at("note"), fs::Permissions::from_mode(0o604)).unwrap();
    let before = sandbox.tree();
    sandbox.seed(&["plan", spec]).exits(2).says("- what stood here before").says("+ ours");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("note"), "ours\n");
    sandbox.write_spec(&NOTE.replace("ours", "ours again"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    absent(&sandbox).exits(0);
    sandbox.write_spec(NOTE);
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn what_fits_already_is_adopted_and_stays_when_it_is_not_ours() {
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    sandbox.write("note", "ours\n");
    let before = sandbox.tree();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    absent(&sandbox).exits(0);
    assert_eq!(sandbox.tree(), before, "Seed did not make it");
}

#[test]
fn a_volume_that_is_not_ours_is_mounted_and_unmounted_and_nothing_else() {
    if !crate::sandbox::is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(
        "\
image:
  is: storage.file_block_image
  path: ./disk.img
  size: 128 MiB

loop:
  is: storage.loopback_device
  backing: image

pool:
  is: storage.btrfs
  devices: [loop]
  mount: ./pool
",
    );
    sandbox.write("photos/summer", "precious");
    fs::File::create(sandbox.at("disk.img")).unwrap().set_len(128 << 20).unwrap();
    let made = std::process::Command::new("mkfs.btrfs")
        .arg("-q")
        .arg("--rootdir")
        .arg(sandbox.at("photos"))
        .arg(sandbox.at("disk.img"))
        .status();
    assert!(made.unwrap().success());
    let before = sandbox.tree();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("pool/summer"), "precious");
    let plan = sandbox.seed(&["plan", "--json", "--state", "absent", spec]).exits(2).json();
    assert!(plan["actions"].as_array().unwrap().iter().all(|action| action["destructive"] == false), "{plan}");
    absent(&sandbox).exits(0);
    sandbox.assert_nothing_leaks();
    assert_eq!(sandbox.tree(), before);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("pool/summer"), "precious", "it is still there");
    absent(&sandbox).exits(0);
}

#[test]
fn a_role_that_left_the_spec_is_an_orphan_until_it_is_pruned() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let without_link = FILES.split("\n\ncurrent:").next().unwrap().to_string() + "\n";
    sandbox.write_spec(&without_link);

    sandbox.seed(&["plan", spec]).exits(0).says("current").says("--prune");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert!(sandbox.at("tree/current").is_symlink(), "nothing is pruned without --prune");

    let plan = sandbox.seed(&["plan", "--json", "--prune", spec]).exits(2).json();
    assert_eq!(plan["summary"]["remove"], 1, "{plan}");
    sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0);
    assert!(!sandbox.at("tree/current").is_symlink());
    sandbox.seed(&["plan", "--prune", spec]).exits(0).never_says("current");
}

#[test]
fn a_folder_that_was_made_on_the_way_goes_with_the_last_that_lies_in_it() {
    let (sandbox, spec) = Sandbox::with_spec("second:\n  is: file.text\n  path: ./on/the/way/second\n  content: x\n");
    let before = {
        sandbox.write_spec("");
        sandbox.tree()
    };
    let role = |name: &str| format!("{name}:\n  is: file.text\n  path: ./on/the/way/{name}\n  content: x\n");
    sandbox.write_spec(&role("second"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec(&format!("{}\n{}", role("first"), role("second")));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", "--state", "absent", "--jobs", "1", "--only", "second", spec]).exits(0);
    assert!(sandbox.at("on/the/way/first").exists());
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    sandbox.write_spec("");
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn absent_takes_orphans_back_too() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec(FILES.split("\n\ncurrent:").next().unwrap());
    sandbox.seed(&["apply", "--yes", "--prune", "--state", "absent", spec]).exits(0);
    assert!(!sandbox.at("tree").exists());
}

#[test]
fn a_role_with_another_name_is_the_same_thing() {
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec(&NOTE.replace("note:\n", "letter:\n"));
    sandbox.seed(&["plan", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0);
    assert_eq!(sandbox.read("note"), "ours\n", "it is not an orphan");
    absent(&sandbox).exits(0);
    assert!(!sandbox.at("note").exists(), "and still ours");
}

#[test]
fn undo_takes_the_last_apply_back_and_only_that() {
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    sandbox.seed(&["undo", "--yes", spec]).exits(1).says("seed log");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let first = sandbox.tree();
    sandbox.write_spec(&(NOTE.replace("ours", "second") + "\nmore:\n  is: file.text\n  path: ./more\n  content: x\n"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["undo", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("note"), "ours\n");
    assert!(!sandbox.at("more").exists());
    sandbox.write_spec(NOTE);
    assert_eq!(sandbox.tree(), first);
    sandbox.seed(&["plan", spec]).exits(0);

    sandbox.seed(&["undo", "--yes", spec]).exits(0);
    assert!(!sandbox.at("note").exists(), "the one before it comes next");
    let log = sandbox.seed(&["log", "--json", spec]).exits(0).json();
    let commands: Vec<_> = log["runs"].as_array().unwrap().iter().map(|run| run["command"].clone()).collect();
    assert_eq!(commands, [json!("apply present"), json!("apply present"), json!("undo 2"), json!("undo 1")]);
}

#[test]
fn undo_brings_back_what_an_absent_took() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let before = sandbox.tree();
    absent(&sandbox).exits(0);
    assert!(!sandbox.at("tree").exists());
    sandbox.seed(&["undo", "--yes", spec]).exits(0);
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn drift_is_mended_and_what_someone_added_stays() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let before = sandbox.tree();
    sandbox.write("tree/note", "drifted\n");
    fs::remove_file(sandbox.at("tree/current")).unwrap();
    sandbox.seed(&["info", spec]).exits(2);
    let summary = sandbox.seed(&["apply", "--yes", "--json", spec]).exits(0).summary();
    assert_eq!(summary["changed"], 2);
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn looking_alone_changes_nothing() {
    let (sandbox, spec) = Sandbox::with_spec(&NOTE.replace("  content", "  state: info\n  content"));
    sandbox.write("note", "someone's\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("note"), "someone's\n");
    absent(&sandbox).exits(0);
    assert_eq!(sandbox.read("note"), "someone's\n");
}

#[test]
fn a_mode_goes_back_without_a_word_about_data() {
    let (sandbox, spec) = Sandbox::with_spec(
        "folder:\n  is: file.directory\n  path: ./folder\n  mode: \"0750\"\n\nnote:\n  is: file.text\n  path: ./note\n  mode: \"0600\"\n  \
         content: |\n    someone's\n",
    );
    sandbox.write("folder/letter", "dear\n");
    sandbox.write("note", "someone's\n");
    let before = sandbox.tree();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_ne!(sandbox.tree(), before);
    absent(&sandbox).exits(0);
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn what_the_spec_still_wants_is_not_pruned_under_another_name() {
    let swapped = |one: &str, two: &str| {
        format!("a: {{is: file.text, content: h, path: ./{one}}}\nb: {{is: file.text, content: h, path: ./{two}}}\n")
    };
    let (sandbox, spec) = Sandbox::with_spec(&swapped("x", "y"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec(&swapped("y", "x"));
    sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0);
    assert!(sandbox.at("x").exists() && sandbox.at("y").exists());
    absent(&sandbox).exits(0);
    assert!(!sandbox.at("x").exists() && !sandbox.at("y").exists(), "and both are still Seed's");

    // There and back again, and then by another type.
    let one = |path: &str| sandbox.write_spec(&format!("r: {{is: file.text, content: h, path: ./{path}}}\n"));
    for path in ["x", "y"] {
        one(path);
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
    }
    one("x");
    sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0);
    assert!(sandbox.at("x").exists() && !sandbox.at("y").exists());
    sandbox.write("h.j2", "h");
    sandbox.write_spec("r: {is: file.template, from: ./h.j2, path: ./x}\n");
    sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0).says("`r` has taken its place");
    assert_eq!(sandbox.read("x"), "h");
}

#[test]
fn a_folder_goes_with_what_was_put_aside_in_it_and_comes_back_with_it() {
    let (sandbox, spec) = Sandbox::with_spec(
        "d: {is: file.directory, path: ./o}\nimg: {is: storage.file_block_image, path: ./o/sub/i.img, size: 5 MiB}\n",
    );
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let image = std::fs::File::options().write(true).open(sandbox.at("o/sub/i.img")).unwrap();
    std::os::unix::fs::FileExt::write_at(&image, b"data", 0).unwrap();
    let before = sandbox.tree();
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", spec]).exits(0);
    assert!(!sandbox.at("o").exists());
    sandbox.seed(&["undo", "--yes", spec]).exits(0);
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_secret_that_was_changed_leaves_no_copy() {
    let (sandbox, spec) = Sandbox::with_spec(
        "d: {is: file.directory, path: ./o}\ns: {is: file.text, path: ./o/s, content: !secret {file: ./key}}\n",
    );
    sandbox.write("key", "one");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("key", "two");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(std::fs::read_dir(sandbox.at("o")).unwrap().count(), 1);
    sandbox.seed(&["undo", "--yes", spec]).exits(1).says("its previous content was secret and has no backup");
    assert_eq!(sandbox.read("o/s"), "two");
    absent(&sandbox).exits(0);
    assert!(!sandbox.at("o").exists());
}

#[test]
fn several_roles_have_blocks_in_one_file_and_each_its_own() {
    let block = |name: &str, instance: &str| {
        format!("{name}: {{is: file.fragment, path: ./config, fragment: ./port.conf, instance: {instance}}}\n")
    };
    let (sandbox, spec) = Sandbox::with_spec(&(block("one", "1") + &block("two", "2")));
    sandbox.write("port.conf", "Port 22\n");
    sandbox.write("config", "mine\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("config").matches("Port 22").count(), 2);
    sandbox.seed(&["plan", spec]).exits(0);
    // Under another instance it is another block, and the old one an orphan.
    sandbox.write_spec(&(block("one", "first") + &block("two", "2")));
    sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0);
    let text = sandbox.read("config");
    assert!(text.contains("port#first") && text.contains("port#2") && !text.contains("port#1"), "{text}");
    absent(&sandbox).exits(0);
    assert_eq!(sandbox.read("config"), "mine\n");
    sandbox.write_spec(&(block("one", "1") + &block("two", "1")));
    sandbox.seed(&["check", spec]).exits(1).says("`port#1` in").says("and so does `one`");
    sandbox.write_spec(&(block("one", "1") + "two: {is: file.text, path: ./config, content: x}\n"));
    sandbox.seed(&["check", spec]).exits(1).says("and so does `one`");
}

#[test]
fn what_is_only_looked_at_is_taken_as_it_is() {
    let (sandbox, spec) = Sandbox::with_spec(
        "disk: {is: storage.file_block_image, path: ./disk.img, size: 6 MiB, state: info}\n\
         gone: {is: file.directory, path: ./gone, state: info}\nnote: {is: file.text, path: \"${gone.path}/note\", content: x}\n",
    );
    std::fs::File::create(sandbox.at("disk.img")).unwrap().set_len(5 << 20).unwrap();
    let info = sandbox.seed(&["info", "--json", spec]).json();
    let disk = info["roles"].as_array().unwrap().iter().find(|role| role["role"] == "disk").unwrap();
    assert_eq!((&disk["state"], &disk["drift"][0]["have"]), (&json!("drifted"), &json!("5 MiB")));
    sandbox.seed(&["info", "--as-spec", spec]).says("size: 5 MiB");
    sandbox.seed(&["apply", "--yes", spec]).exits(1).says("is inside gone, which does not exist and has `state: info`");
    assert!(!sandbox.at("gone").exists());
    std::fs::create_dir(sandbox.at("gone")).unwrap();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
}

#[test]
fn a_mount_point_goes_with_the_mount_if_it_was_made_for_it() {
    if !crate::sandbox::is_root() {
        return;
    }
    let volume = |mount: &str| {
        format!(
            "image: {{is: storage.file_block_image, path: ./disk.img, size: 16 MiB}}\n\
             loop: {{is: storage.loopback_device, backing: image}}\n\
             disk: {{is: storage.filesystem, device: loop, type: ext4, mount: {mount}}}\n"
        )
    };
    for was_there in [false, true] {
        let (sandbox, spec) = Sandbox::with_spec(&volume("./first"));
        if was_there {
            fs::create_dir(sandbox.at("first")).unwrap();
            fs::create_dir_all(sandbox.at("second/place")).unwrap();
        }
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        sandbox.write_spec(&volume("./second/place"));
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        assert_eq!(sandbox.at("first").exists(), was_there);
        sandbox.seed(&["undo", "--yes", spec]).exits(0);
        assert_eq!((sandbox.at("first").exists(), sandbox.at("second/place").exists()), (true, was_there));
        // What somebody makes in its place is not Seed's.
        if !was_there {
            assert!(!sandbox.at("second").exists());
            fs::create_dir_all(sandbox.at("second/place")).unwrap();
        }
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
        assert_eq!((sandbox.at("first").exists(), sandbox.at("second/place").exists()), (was_there, true));
        sandbox.assert_nothing_leaks();
    }
}
