//! Backups as a person meets them: announced, listed, out of git's way, and removed.

use std::fs;
use std::process::Command;

use crate::sandbox::{Ran, Sandbox};

const SPEC: &str = "name.seed.yaml";
const REMOVE: &[&str] = &["apply", "--yes", "--destroy-data", "--state", "absent", SPEC];
const BACKUP: &str = ".box.seed-backup-2/box";

/// A folder that Seed made, and a letter that somebody put into it.
fn with_letter(roles: &str) -> Sandbox {
    let (sandbox, spec) = Sandbox::with_spec(roles);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("box/letter", "precious");
    sandbox
}

#[test]
fn a_backup_is_announced_by_plan_result_and_log() {
    let sandbox = with_letter("box: {is: file.directory, path: ./box}\n");
    let plan = ["plan", "--state", "absent", SPEC];
    sandbox.seed(&plan).exits(2).says("destroys the folder").says(&format!("backup {BACKUP}, kept for 7 days"));
    let action = sandbox.seed(&["plan", "--json", "--state", "absent", SPEC]).json()["actions"][0].clone();
    assert_eq!(action["backup"]["path"], sandbox.at(BACKUP).to_str().unwrap(), "{action}");
    assert!(action["backup"]["until"].as_u64().unwrap() > 7 * 24 * 3600, "{action}");
    sandbox.seed(REMOVE).exits(0).says("Backup until ").says(BACKUP);
    assert_eq!(sandbox.read(&format!("{BACKUP}/letter")), "precious");
    sandbox.seed(&["log", SPEC]).exits(0).says("backup of the folder").says(BACKUP).says("until ");
    sandbox.seed(&["undo", "--yes", SPEC]).exits(0);
    assert_eq!(sandbox.read("box/letter"), "precious");
    assert!(!sandbox.at(".box.seed-backup-2").exists(), "the folder of the backup goes with it");
    sandbox.seed(&["log", SPEC]).exits(0).says("restored");
}

#[test]
fn the_time_of_the_spec_is_the_time_that_is_announced() {
    let sandbox = with_letter("box: {is: file.directory, path: ./box}\n");
    let text = sandbox.read(SPEC).replace("why:", "keep: 2 d\nwhy:");
    sandbox.write(SPEC, &text);
    sandbox.seed(&["plan", "--state", "absent", SPEC]).exits(2).says("kept for 2 days");
}

#[test]
fn what_is_disposable_has_no_backup_and_the_plan_says_so() {
    let sandbox = with_letter("box: {is: file.directory, path: ./box, disposable: true}\n");
    let ran = sandbox.seed(&["plan", "--state", "absent", SPEC]).exits(2);
    ran.says("(disposable: no backup, no question)").never_says("kept for");
    sandbox.seed(&["apply", "--yes", "--state", "absent", SPEC]).exits(0).never_says("Backup");
    sandbox.seed(&["backups"]).exits(0).says("There are no backups.");
}

#[test]
fn a_backup_in_a_work_tree_is_not_added_to_git() {
    let sandbox = with_letter("box: {is: file.directory, path: ./box}\n");
    let git = |args: &[&str]| Ran::of(Command::new("git").args(args).current_dir(sandbox.path())).exits(0).stdout();
    git(&["init", "--quiet"]);
    sandbox.seed(REMOVE).exits(0);
    assert!(sandbox.at(BACKUP).exists());
    git(&["add", "."]);
    assert_eq!(git(&["ls-files"]), "name.seed.yaml\n");
}

#[test]
fn backups_are_listed_for_all_specs_and_for_one() {
    let sandbox = with_letter("box: {is: file.directory, path: ./box}\n");
    sandbox.seed(REMOVE).exits(0);
    sandbox.write("other.seed.yaml", "seed: 1\nname: other\nroles:\n  a: {is: file.text, path: ./a, content: x}\n");
    sandbox.seed(&["apply", "--yes", "other.seed.yaml"]).exits(0);
    for args in [&["backups"][..], &["backups", SPEC]] {
        sandbox.seed(args).exits(0).says(SPEC).says("box  the folder").says(BACKUP).says("since ").says("until ");
    }
    sandbox.seed(&["backups", "other.seed.yaml"]).exits(0).says("There are no backups.");
    let listed = sandbox.seed(&["backups", "--json"]).exits(0).json();
    let backup = &listed["backups"][0];
    assert_eq!(backup["role"], "box");
    assert_eq!(backup["spec"], sandbox.at(SPEC).to_str().unwrap());
    assert!(backup["size"].as_u64().unwrap() > 0, "{backup}");
    assert_eq!(backup["until"].as_u64().unwrap() - backup["time"].as_u64().unwrap(), 7 * 24 * 3600);
    fs::remove_file(sandbox.at(SPEC)).unwrap();
    sandbox.seed(&["backups", SPEC]).exits(0).says(BACKUP);
}

#[test]
fn purge_asks_and_removes_the_backups() {
    let sandbox = with_letter("box: {is: file.directory, path: ./box}\n");
    sandbox.seed(REMOVE).exits(0);
    sandbox.seed(&["backups", "--purge"]).exits(3);
    assert!(sandbox.at(BACKUP).exists(), "nobody has confirmed it");
    sandbox.seed(&["backups", "--purge", "--yes", SPEC]).exits(0);
    assert!(!sandbox.at(".box.seed-backup-2").exists());
    sandbox.seed(&["backups"]).exits(0).says("There are no backups.");
    sandbox.seed(&["log", SPEC]).exits(0).says("removed");
    sandbox.seed(&["undo", "--dry-run", SPEC]).exits(2).says("which has no backup");
}
