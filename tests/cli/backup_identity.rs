//! Which backup is meant: whatever its role is called by now, and whatever somebody put in its place.

use std::fs;
use std::os::unix::fs::symlink;

use crate::sandbox::{Ran, Sandbox};

const SPEC: &str = "name.seed.yaml";
const APPLY: &[&str] = &["apply", "--yes", "--destroy-data", SPEC];
const ABSENT: &[&str] = &["apply", "--yes", "--destroy-data", "--state", "absent", SPEC];

fn text(role: &str, path: &str, content: &str) -> String {
    format!("{role}: {{is: file.text, path: ./{path}, content: {content}}}\n")
}

/// A large file of the user, which a backup keeps whole.
fn large(sandbox: &Sandbox, path: &str, byte: u8) {
    fs::write(sandbox.at(path), vec![byte; 9 << 20]).unwrap();
}

/// A role `a` that was forgotten with its backup, and another with a backup from the same run that has its name now.
fn namesakes() -> Sandbox {
    let (sandbox, _) = Sandbox::with_spec(&(text("a", "a.txt", "x") + &text("b", "b.txt", "x")));
    large(&sandbox, "a.txt", b'a');
    large(&sandbox, "b.txt", b'b');
    sandbox.seed(APPLY).exits(0);
    sandbox.write_spec(&text("b", "b.txt", "x"));
    sandbox.seed(&["forget", "--yes", SPEC, "a"]).exits(0);
    sandbox.write_spec(&text("a", "b.txt", "x"));
    sandbox.seed(APPLY).exits(0);
    sandbox
}

#[test]
fn restoring_a_backup_drops_no_namesake() {
    let sandbox = namesakes();
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(fs::read(sandbox.at("b.txt")).unwrap()[0], b'b');
    sandbox.seed(&["backups", SPEC]).exits(0).says(".a.txt.seed-backup-1");
    sandbox.seed(&["backups", "--purge", "--yes", SPEC]).exits(0);
    assert!(!sandbox.at(".a.txt.seed-backup-1").exists());
}

#[test]
fn a_rotated_journal_still_tells_namesakes_apart() {
    let sandbox = namesakes();
    for round in 0..66 {
        sandbox.write_spec(&(text("a", "b.txt", "x") + &text("c", "c.txt", &format!("r{round}"))));
        sandbox.seed(APPLY).exits(0);
    }
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(fs::read(sandbox.at("b.txt")).unwrap()[0], b'b');
    sandbox.seed(&["backups", SPEC]).exits(0).says(".a.txt.seed-backup-1");
}

#[test]
fn undo_restores_only_what_seed_put_aside() {
    let plant: [fn(&Sandbox, &str); 3] = [
        |sandbox, backup| sandbox.write(backup, "X"),
        |sandbox, backup| {
            fs::remove_file(sandbox.at(backup)).unwrap();
            sandbox.write(backup, "X");
        },
        |sandbox, backup| {
            fs::remove_file(sandbox.at(backup)).unwrap();
            symlink("/etc/hostname", sandbox.at(backup)).unwrap();
        },
    ];
    for plant in plant {
        let (sandbox, _) = Sandbox::with_spec("v: {is: storage.file_block_image, path: ./v.img, size: 1 MiB}\n");
        sandbox.seed(APPLY).exits(0);
        let mut bytes = fs::read(sandbox.at("v.img")).unwrap();
        bytes[..8].copy_from_slice(b"precious");
        fs::write(sandbox.at("v.img"), bytes).unwrap();
        sandbox.seed(ABSENT).exits(0);
        std::thread::sleep(std::time::Duration::from_millis(30));
        plant(&sandbox, ".v.img.seed-backup-2/v.img");
        sandbox.seed(&["undo", "--yes", SPEC]).exits(1).says("is not what Seed put there");
        assert!(fs::symlink_metadata(sandbox.at("v.img")).is_err(), "nothing is restored");
        assert!(fs::symlink_metadata(sandbox.at(".v.img.seed-backup-2/v.img")).is_ok());
    }
}

#[test]
fn purge_finds_the_backups_of_a_spec_that_moved() {
    let sandbox = Sandbox::new();
    sandbox.write("old/name.seed.yaml", &format!("seed: 1\nname: name\nroles:\n  {}", text("a", "a.txt", "x")));
    large(&sandbox, "old/a.txt", b'a');
    sandbox.seed(&["apply", "--yes", "--destroy-data", "old/name.seed.yaml"]).exits(0);
    fs::rename(sandbox.at("old"), sandbox.at("new")).unwrap();
    // By the list of all specs the new place is not known.
    sandbox.seed(&["backups", "--purge", "--yes"]).exits(1).says("cannot be found");
    assert!(sandbox.at("new/.a.txt.seed-backup-1").exists());
    sandbox.seed(&["backups", "new/name.seed.yaml"]).exits(0).says("new/.a.txt.seed-backup-1");
    sandbox.seed(&["backups", "--purge", "--yes", "new/name.seed.yaml"]).exits(0);
    assert!(!sandbox.at("new/.a.txt.seed-backup-1").exists());
    sandbox.seed(&["backups"]).exits(0).says("There are no backups.");
}

#[test]
fn a_backup_that_cannot_be_found_expires_only_once_it_is_reachable() {
    let (sandbox, _) = Sandbox::with_spec("box: {is: file.directory, path: ./box}\n");
    sandbox.seed(APPLY).exits(0);
    sandbox.write("box/letter", "precious");
    sandbox.seed(ABSENT).exits(0);
    let backup = sandbox.at(".box.seed-backup-2");
    fs::rename(&backup, sandbox.at("elsewhere")).unwrap();
    let at = |ahead: i64| Ran::of(sandbox.seed_command(APPLY).env("SEED_TEST_CLOCK", ahead.to_string()));
    at(8 * 86400).exits(0);
    at(8 * 86400 + 3700).exits(0).says("cannot be found");
    fs::rename(sandbox.at("elsewhere"), &backup).unwrap();
    at(8 * 86400 + 7400).exits(0);
    assert!(!backup.exists());
}

#[test]
fn undo_follows_a_role_that_was_renamed_since() {
    let (sandbox, _) = Sandbox::with_spec(&text("t", "a", "one"));
    sandbox.write("a", "MINE\n");
    sandbox.seed(APPLY).exits(0);
    sandbox.write_spec(&text("t", "a", "two"));
    sandbox.seed(APPLY).exits(0);
    sandbox.write_spec(&text("u", "a", "two"));
    sandbox.seed(APPLY).exits(0);
    sandbox.seed(&["undo", "--yes", "--destroy-data", SPEC]).exits(0);
    assert_eq!(sandbox.read("a"), "one");
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(sandbox.read("a"), "MINE\n");
}

#[test]
fn expired_backups_go_with_forget_and_backups_too() {
    for args in [&["forget", "--yes", SPEC, "other"][..], &["backups", "--purge", "--yes", SPEC]] {
        let (sandbox, _) = Sandbox::with_spec("box: {is: file.directory, path: ./box}\n");
        sandbox.seed(APPLY).exits(0);
        sandbox.write("box/letter", "precious");
        sandbox.seed(ABSENT).exits(0);
        sandbox.write_spec(&text("other", "other", "x"));
        let at = |ahead: i64, args: &[&str]| Ran::of(sandbox.seed_command(args).env("SEED_TEST_CLOCK", ahead.to_string()));
        at(8 * 86400, APPLY).exits(0);
        at(8 * 86400 + 3700, args).exits(0);
        assert!(!sandbox.at(".box.seed-backup-2").exists(), "{args:?}");
    }
}

#[test]
fn list_shows_the_other_specs_beside_a_journal_that_cannot_be_read() {
    let (sandbox, _) = Sandbox::with_spec(&text("t", "a", "one"));
    sandbox.seed(APPLY).exits(0);
    let journal = sandbox.journal().join("journal");
    sandbox.write("other.seed.yaml", "seed: 1\nname: other\nroles:\n  b: {is: file.text, path: ./b, content: x}\n");
    sandbox.seed(&["apply", "--yes", "other.seed.yaml"]).exits(0);
    fs::remove_file(&journal).unwrap();
    fs::create_dir(&journal).unwrap();
    let folder = journal.parent().unwrap().to_str().unwrap();
    sandbox.seed(&["list"]).exits(1).says("other.seed.yaml").says(folder).says("error");
    let listed = sandbox.seed(&["list", "--json"]).exits(1).json();
    assert_eq!(listed["specs"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed["specs"][1]["journal"], folder);
}
