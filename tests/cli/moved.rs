//! A spec that was moved or renamed keeps its journal; `seed list` and `seed forget`.

use std::fs;

use crate::sandbox::{Sandbox, is_root};
use crate::tree::Tree;

const NOTE: &str = "note:\n  is: file.text\n  path: ./note\n  content: ours\n";

fn applied() -> Sandbox {
    let (sandbox, _) = Sandbox::with_spec("");
    sandbox.write("lab/name.seed.yaml", &spec(NOTE));
    sandbox.write("lab/note", &"what stood here before\n".repeat(40));
    sandbox.seed(&["apply", "--yes", "lab/name.seed.yaml"]).exits(0);
    sandbox
}

fn spec(roles: &str) -> String {
    let roles: String = roles.lines().map(|line| format!("  {line}\n")).collect();
    format!("seed: 1\nname: lab\nwhy: A test.\nroles:\n{roles}")
}

#[test]
fn a_folder_that_was_moved_with_all_in_it_needs_nothing() {
    let sandbox = applied();
    fs::rename(sandbox.at("lab"), sandbox.at("other")).unwrap();
    let journal = sandbox.journal();
    let ran = sandbox.seed(&["plan", "other/name.seed.yaml"]).exits(0);
    ran.says("lab/name.seed.yaml").says("continues").never_says("not made by Seed");
    sandbox.seed(&["info", "other/name.seed.yaml"]).exits(0);
    sandbox.seed(&["log", "other/name.seed.yaml"]).exits(0).says("#1 apply present");
    assert_eq!(sandbox.journal(), journal, "who only looks takes nothing over");
    sandbox.seed(&["apply", "--yes", "--state", "absent", "other/name.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("other/note"), "what stood here before\n".repeat(40));
    assert!(!sandbox.at("lab").exists());
    sandbox.journal();
    sandbox.seed(&["plan", "other/name.seed.yaml"]).exits(2).never_says("continues");
}

#[test]
fn undo_finds_what_moved_along_and_so_do_backups() {
    let sandbox = applied();
    // A folder that is no longer asked for is put aside.
    sandbox.write("lab/name.seed.yaml", &spec(&NOTE.replace("ours", "changed")));
    sandbox.seed(&["apply", "--yes", "lab/name.seed.yaml"]).exits(0);
    fs::rename(sandbox.at("lab"), sandbox.at("other")).unwrap();
    sandbox.seed(&["undo", "--yes", "other/name.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("other/note"), "ours");
    sandbox.seed(&["undo", "--yes", "other/name.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("other/note"), "what stood here before\n".repeat(40));
    assert!(!sandbox.at("lab").exists(), "nothing is made in the old place");
}

#[test]
fn undo_brings_what_is_absent_back_in_the_new_place_and_leaves_strangers_alone() {
    let (sandbox, _) = Sandbox::with_spec("");
    let roles = format!(
        "{NOTE}deep:\n  is: file.text\n  path: ./sub/deep/file\n  content: deep\nbox: {{is: file.directory, path: ./box}}\n"
    );
    sandbox.write("lab/name.seed.yaml", &spec(&roles));
    sandbox.seed(&["apply", "--yes", "lab/name.seed.yaml"]).exits(0);
    sandbox.write("lab/box/letter", "precious");
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", "lab/name.seed.yaml"]).exits(0);
    fs::rename(sandbox.at("lab"), sandbox.at("other")).unwrap();
    // Somebody else's, by now.
    sandbox.write("lab/theirs", "theirs");
    let lab = Tree::of(&sandbox.at("lab"));
    let planned = sandbox.seed(&["undo", "--dry-run", "--json", "other/name.seed.yaml"]).exits(2).json();
    let digest = planned["digest"].as_str().unwrap();
    // What was confirmed by who only looked is what runs.
    sandbox.seed(&["undo", "--plan-digest", digest, "other/name.seed.yaml"]).exits(0);
    assert_eq!(Tree::of(&sandbox.at("lab")), lab, "nothing is made in the old place");
    assert_eq!(sandbox.read("other/note"), "ours");
    assert_eq!(sandbox.read("other/sub/deep/file"), "deep");
    assert_eq!(sandbox.read("other/box/letter"), "precious");
    sandbox.seed(&["plan", "other/name.seed.yaml"]).exits(0);
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", "other/name.seed.yaml"]).exits(0);
    assert!(!sandbox.at("other/note").exists() && !sandbox.at("other/sub").exists());
}

#[test]
fn undo_of_what_is_absent_overwrites_nothing_of_the_user_in_the_new_place() {
    let sandbox = applied();
    sandbox.seed(&["apply", "--yes", "--state", "absent", "lab/name.seed.yaml"]).exits(0);
    fs::remove_file(sandbox.at("lab/note")).unwrap();
    sandbox.write("other/note", "precious");
    fs::rename(sandbox.at("lab/name.seed.yaml"), sandbox.at("other/name.seed.yaml")).unwrap();
    fs::remove_dir_all(sandbox.at("lab")).unwrap();
    sandbox.seed(&["undo", "--yes", "other/name.seed.yaml"]);
    assert!(!sandbox.at("lab").exists());
    assert_eq!(sandbox.read("other/note"), "precious");
}

#[test]
fn what_a_stranger_puts_into_the_old_place_is_not_taken_for_seeds() {
    let sandbox = applied();
    fs::rename(sandbox.at("lab"), sandbox.at("other")).unwrap();
    sandbox.write("lab/note", "theirs");
    sandbox.seed(&["plan", "other/name.seed.yaml"]).exits(0);
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", "other/name.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("lab/note"), "theirs");
    assert_eq!(sandbox.read("other/note"), "what stood here before\n".repeat(40));
}

#[test]
fn a_volume_that_moved_along_is_known_and_its_backup_is_found() {
    if !is_root() {
        return;
    }
    let volume = |size: &str| {
        spec(&format!(
            "image: {{is: storage.file_block_image, path: ./lab.img, size: {size}}}\n\
             loop: {{is: storage.loopback_device, backing: image}}\n\
             disk: {{is: storage.filesystem, device: loop, type: ext4, label: lab, mount: ./data}}\n\
             note: {{is: file.text, path: ./data/note, content: hello}}\n"
        ))
    };
    let (sandbox, _) = Sandbox::with_spec("");
    sandbox.write("lab/name.seed.yaml", &volume("300 MiB"));
    sandbox.seed(&["apply", "--yes", "lab/name.seed.yaml"]).exits(0);
    sandbox.write("lab/data/precious", "dear\n");
    sandbox.write("lab/name.seed.yaml", &volume("200 MiB"));
    sandbox.seed(&["apply", "--yes", "--destroy-data", "lab/name.seed.yaml"]).exits(0);
    fs::rename(sandbox.at("lab"), sandbox.at("other")).unwrap();
    sandbox.seed(&["plan", "other/name.seed.yaml"]).exits(0).never_says("not made by Seed");
    sandbox.seed(&["undo", "--yes", "--destroy-data", "other/name.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("other/data/precious"), "dear\n");
    sandbox.write("other/name.seed.yaml", &volume("300 MiB"));
    sandbox.seed(&["plan", "other/name.seed.yaml"]).exits(0);
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", "other/name.seed.yaml"]).exits(0);
    sandbox.assert_nothing_leaks();
    assert!(!sandbox.at("other/lab.img").exists());
}

#[test]
fn a_spec_that_moved_alone_still_knows_what_stayed() {
    let sandbox = applied();
    fs::create_dir(sandbox.at("other")).unwrap();
    fs::rename(sandbox.at("lab/name.seed.yaml"), sandbox.at("other/renamed.seed.yaml")).unwrap();
    let spec = "other/renamed.seed.yaml";
    sandbox.seed(&["plan", spec]).exits(2).says("continues").never_says("not made by Seed");
    sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0);
    assert_eq!(sandbox.read("other/note"), "ours");
    assert_eq!(sandbox.read("lab/note"), "what stood here before\n".repeat(40), "what was there before is back");
}

#[test]
fn a_file_of_the_user_beside_the_moved_spec_is_not_taken_for_seeds() {
    let sandbox = applied();
    sandbox.write("other/note", "precious");
    fs::rename(sandbox.at("lab/name.seed.yaml"), sandbox.at("other/name.seed.yaml")).unwrap();
    fs::remove_dir_all(sandbox.at("lab")).unwrap();
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", "other/name.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("other/note"), "precious");
}

#[test]
fn a_renamed_spec_with_other_content_is_known_by_its_inode_and_a_copy_steals_nothing() {
    let sandbox = applied();
    fs::copy(sandbox.at("lab/name.seed.yaml"), sandbox.at("lab/copy.seed.yaml")).unwrap();
    sandbox.seed(&["plan", "lab/copy.seed.yaml"]).never_says("continues");
    fs::rename(sandbox.at("lab/name.seed.yaml"), sandbox.at("lab/renamed.seed.yaml")).unwrap();
    // In place: the inode stays.
    sandbox.write("lab/renamed.seed.yaml", &spec(&NOTE.replace("ours", "changed")));
    sandbox.seed(&["plan", "lab/renamed.seed.yaml"]).exits(2).says("continues");
    sandbox.seed(&["apply", "--yes", "--state", "absent", "lab/renamed.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("lab/note"), "what stood here before\n".repeat(40));
}

#[test]
fn a_copy_beside_a_renamed_spec_does_not_take_its_journal() {
    for (renamed, copy) in [("lab/renamed.seed.yaml", "lab/copy.seed.yaml"), ("lab2/name.seed.yaml", "other/name.seed.yaml")] {
        let sandbox = applied();
        fs::create_dir_all(sandbox.at(copy).parent().unwrap()).unwrap();
        fs::copy(sandbox.at("lab/name.seed.yaml"), sandbox.at(copy)).unwrap();
        if renamed.starts_with("lab2") {
            fs::rename(sandbox.at("lab"), sandbox.at("lab2")).unwrap();
        } else {
            fs::rename(sandbox.at("lab/name.seed.yaml"), sandbox.at(renamed)).unwrap();
        }
        sandbox.seed(&["plan", copy]).never_says("continues");
        // Not even when it is applied first.
        sandbox.seed(&["apply", "--yes", "--state", "absent", copy]).exits(0).never_says("continues");
        sandbox.seed(&["plan", renamed]).exits(0).says("continues");
        sandbox.seed(&["apply", "--yes", "--state", "absent", renamed]).exits(0);
        let note = renamed.replace("renamed.seed.yaml", "note").replace("name.seed.yaml", "note");
        assert_eq!(sandbox.read(&note), "what stood here before\n".repeat(40));
    }
}

#[test]
fn two_copies_of_a_spec_that_is_gone_are_both_named_and_neither_takes_its_journal() {
    let sandbox = applied();
    for copy in ["lab/a.seed.yaml", "lab/b.seed.yaml"] {
        fs::copy(sandbox.at("lab/name.seed.yaml"), sandbox.at(copy)).unwrap();
    }
    fs::remove_file(sandbox.at("lab/name.seed.yaml")).unwrap();
    sandbox.seed(&["apply", "--yes", "lab/a.seed.yaml"]).exits(3).says("lab/a.seed.yaml").says("lab/b.seed.yaml");
    sandbox.seed(&["plan", "lab/b.seed.yaml"]).exits(1).says("lab/a.seed.yaml").says("lab/b.seed.yaml");
    fs::remove_file(sandbox.at("lab/b.seed.yaml")).unwrap();
    sandbox.seed(&["plan", "lab/a.seed.yaml"]).exits(0).says("continues");
}

#[test]
fn several_journals_that_fit_are_named_and_none_is_taken() {
    let (sandbox, _) = Sandbox::with_spec("");
    for folder in ["a", "b"] {
        sandbox.write(&format!("{folder}/name.seed.yaml"), &spec(NOTE));
        sandbox.seed(&["apply", "--yes", &format!("{folder}/name.seed.yaml")]).exits(0);
    }
    sandbox.write("c/name.seed.yaml", &spec(NOTE));
    for folder in ["a", "b"] {
        fs::remove_file(sandbox.at(&format!("{folder}/name.seed.yaml"))).unwrap();
    }
    sandbox.seed(&["plan", "c/name.seed.yaml"]).exits(1).says("a/name.seed.yaml").says("b/name.seed.yaml");
    sandbox.seed(&["apply", "--yes", "c/name.seed.yaml"]).exits(3).says("a/name.seed.yaml").says("seed forget");
    assert!(!sandbox.at("c/note").exists());
    let list = sandbox.seed(&["list", "--json"]).exits(0).json();
    let lost = list["specs"].as_array().unwrap().iter().find(|one| one["spec"].as_str().unwrap().contains("/a/")).unwrap();
    assert_eq!((&lost["gone"], &lost["roles"]), (&true.into(), &1.into()), "{list}");
    sandbox.seed(&["forget", "--yes", lost["journal"].as_str().unwrap(), "note"]).exits(0);
    sandbox.seed(&["plan", "c/name.seed.yaml"]).says("continues").says("b/name.seed.yaml");
    assert_eq!(sandbox.read("a/note"), "ours", "what is forgotten stays");
}

#[test]
fn a_kill_at_any_point_of_the_first_apply_in_the_new_place_loses_nothing() {
    for record in 1.. {
        let sandbox = applied();
        fs::rename(sandbox.at("lab"), sandbox.at("other")).unwrap();
        let args = ["apply", "--yes", "--state", "absent", "other/name.seed.yaml"];
        let killed = sandbox.seed_killed_at(record, &args);
        let was_killed = killed.was_killed();
        if was_killed {
            sandbox.seed(&args).exits(0);
        }
        assert_eq!(sandbox.read("other/note"), "what stood here before\n".repeat(40), "killed at {record}");
        sandbox.journal();
        if !was_killed {
            assert!(record > 3);
            break;
        }
    }
}

#[test]
fn list_shows_what_was_applied_and_what_is_gone() {
    let sandbox = applied();
    sandbox.seed(&["list"]).exits(0).says("lab/name.seed.yaml").says("1 role").says("apply present").never_says("gone");
    fs::remove_file(sandbox.at("lab/name.seed.yaml")).unwrap();
    sandbox.seed(&["list"]).exits(0).says("gone");
    let (empty, _) = Sandbox::with_spec("");
    empty.seed(&["list"]).exits(0).says("You have not applied");
}

#[test]
fn what_is_forgotten_stays_and_is_foreign() {
    let (sandbox, spec) = Sandbox::with_spec(
        "web:\n  is: file.text\n  for_each: [a, b]\n  path: ./${each.value}\n  content: ours\n\nnote:\n  is: file.text\n  path: ./note\n  content: ours\n",
    );
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["forget", spec, "web"]).exits(3).says("web[a]").says("web[b]");
    sandbox.seed(&["forget", "--yes", spec, "web"]).exits(0).says("web[a]");
    sandbox.seed(&["forget", "--yes", spec, "nobody"]).exits(1).says("nobody");
    sandbox.seed(&["log", spec]).exits(0).says("#2 forget web[a], web[b]");
    sandbox.seed(&["undo", "--yes", spec]).exits(0);
    assert!(!sandbox.at("note").exists() && sandbox.at("a").exists(), "undo leaves alone what was forgotten");
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0).says("was not made by Seed");
    assert_eq!(sandbox.read("a"), "ours");
    assert_eq!(sandbox.read("b"), "ours");
}

#[test]
fn names_that_are_not_known_are_told_and_the_others_are_forgotten() {
    let role = |name: &str| format!("{name}: {{is: file.text, path: ./{name}, content: ours}}\n");
    let (sandbox, spec) = Sandbox::with_spec(&["a", "b", "c"].map(role).concat());
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let ran = sandbox.seed(&["forget", "--yes", "--json", spec, "nobody", "a"]).exits(1);
    assert_eq!(ran.json()["forgotten"], serde_json::json!(["a"]));
    assert_eq!(ran.json()["unknown"], serde_json::json!(["nobody"]));
    assert!(ran.stderr().contains("nobody"), "{}", ran.told());
    // Run again, as after a kill in which the first of them was forgotten already.
    sandbox.seed(&["forget", "--yes", spec, "a", "b"]).exits(1).says("forget a:").never_says("forget a, b:");
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert_eq!(["a", "b", "c"].map(|file| sandbox.at(file).exists()), [true, true, false]);
}

#[test]
fn an_orphan_can_be_forgotten_and_its_backup_stays_until_it_expires() {
    let (sandbox, spec) = Sandbox::with_spec("box: {is: file.directory, path: ./box}\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("box/letter", "precious");
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec("note:\n  is: file.text\n  path: ./note\n  content: x\n");
    sandbox.seed(&["forget", "--yes", spec, "box"]).exits(0).says("backup");
    assert!(sandbox.at("box").is_dir());
    assert_eq!(sandbox.read(".box.seed-backup-2/box/letter"), "precious");
    let list = sandbox.seed(&["list", "--json"]).exits(0).json();
    assert!(list["specs"][0]["backups"][0]["path"].as_str().unwrap().ends_with(".box.seed-backup-2/box"), "{list}");
}
