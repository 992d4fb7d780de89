//! `seed repair` once: what it asks, how much it takes on, and what it leaves alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::sandbox::{Sandbox, is_root};

/// A folder with so many files, applied.
fn applied(files: usize) -> (Sandbox, &'static str) {
    let file = |index| format!("f{index}: {{is: file.text, path: ./d/f{index}, content: text {index}, mode: \"0644\"}}\n");
    let roles: String = (0..files).map(file).collect();
    let (sandbox, spec) = Sandbox::with_spec(&format!("dir: {{is: file.directory, path: ./d}}\n{roles}"));
    sandbox.seed(&["apply", spec, "--yes"]).exits(0);
    (sandbox, spec)
}

#[test]
fn each_drift_is_mended_in_its_way_and_a_repair_can_be_taken_back() {
    let (sandbox, spec) = applied(6);
    let untouched = fs::metadata(sandbox.at("d/f5")).unwrap().modified().unwrap();
    fs::remove_file(sandbox.at("d/f0")).unwrap();
    fs::write(sandbox.at("d/f1"), "other").unwrap();
    fs::set_permissions(sandbox.at("d/f2"), fs::Permissions::from_mode(0o600)).unwrap();
    let ran = sandbox.seed(&["repair", spec, "--yes", "--json"]).exits(0);
    let mut done: Vec<String> = ran
        .json_lines()
        .iter()
        .filter(|event| event["event"] == "done")
        .map(|event| format!("{} {}", event["action"].as_str().unwrap(), event["role"].as_str().unwrap()))
        .collect();
    done.sort();
    assert_eq!(done, ["change f1", "change f2", "create f0"]);
    assert_eq!(fs::metadata(sandbox.at("d/f5")).unwrap().modified().unwrap(), untouched);
    assert_eq!(sandbox.seed(&["repair", spec, "--json"]).exits(0).summary()["changed"], 0);
    sandbox.seed(&["undo", spec, "--yes"]).exits(0);
    assert_eq!(sandbox.read("d/f1"), "other");
}

#[test]
fn without_consent_nothing_is_mended() {
    let (sandbox, spec) = applied(2);
    fs::remove_file(sandbox.at("d/f0")).unwrap();
    sandbox.seed(&["repair", spec]).exits(3).says("not a terminal");
    sandbox.seed(&["repair", spec, "--watch"]).exits(3).says("not a terminal");
    assert!(!sandbox.at("d/f0").exists());
    let digest = sandbox.seed(&["plan", spec, "--json"]).json()["digest"].as_str().unwrap().to_string();
    fs::remove_file(sandbox.at("d/f1")).unwrap();
    sandbox.seed(&["repair", spec, "--plan-digest", &digest]).exits(3).says(&digest);
    sandbox.write("d/f1", "text 1");
    sandbox.seed(&["repair", spec, "--plan-digest", &digest]).exits(0);
    assert_eq!(sandbox.read("d/f0"), "text 0");
}

#[test]
fn too_much_at_once_is_for_a_person_to_look_at() {
    let (sandbox, spec) = applied(9);
    (0..6).for_each(|index| fs::remove_file(sandbox.at(&format!("d/f{index}"))).unwrap());
    sandbox.seed(&["repair", spec, "--yes"]).exits(3).says("6 of 10 roles have drifted at once (f0, f1, f2, f3, f4, …)");
    assert!(!sandbox.at("d/f0").exists());
    sandbox.seed(&["repair", spec, "--yes", "--max-drift", "59%"]).exits(3);
    sandbox.seed(&["repair", spec, "--yes", "--max-drift", "6"]).exits(0);
    assert_eq!(sandbox.read("d/f5"), "text 5");
    sandbox.seed(&["repair", spec, "--max-drift", "many"]).exits(1).says("neither a number of roles");
}

#[test]
fn what_a_killed_repair_had_taken_on_is_not_too_much_for_the_next() {
    if !is_root() {
        return;
    }
    let files: String =
        (0..5).map(|index| format!("f{index}: {{is: file.text, path: ./d/f{index}, content: text {index}}}\n")).collect();
    let mut kills = 0;
    for record in 1.. {
        let (sandbox, spec) = Sandbox::with_spec(&format!("d: {{is: storage.tmpfs, mount: ./d, size: 1 MiB}}\n{files}"));
        sandbox.seed(&["apply", spec, "--yes"]).exits(0);
        // One thing has happened: it is no longer mounted.
        nix::mount::umount(&sandbox.at("d")).unwrap();
        if !sandbox.seed_killed_at(record, &["repair", spec, "--yes"]).was_killed() {
            break;
        }
        kills += 1;
        kills += usize::from(sandbox.seed_killed_at(2, &["repair", spec, "--yes"]).was_killed());
        sandbox.seed(&["repair", spec, "--yes"]).exits(0);
        sandbox.seed(&["info", spec]).exits(0);
        // What drifts after it has ended counts again.
        (0..5).for_each(|index| fs::remove_file(sandbox.at(&format!("d/f{index}"))).unwrap());
        sandbox.seed(&["repair", spec, "--yes"]).exits(3).says("5 of 6 roles have drifted at once");
        sandbox.seed(&["apply", spec, "--yes", "--state", "absent"]).exits(0);
    }
    assert!(kills >= 10, "{kills}");
}

#[test]
fn one_role_alone_can_be_mended() {
    let (sandbox, spec) = applied(3);
    fs::remove_file(sandbox.at("d/f0")).unwrap();
    fs::remove_file(sandbox.at("d/f1")).unwrap();
    sandbox.seed(&["repair", spec, "--yes", "--only", "f1"]).exits(0);
    assert!(!sandbox.at("d/f0").exists());
    assert_eq!(sandbox.read("d/f1"), "text 1");
}
