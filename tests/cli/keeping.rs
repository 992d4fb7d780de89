//! How long the journal keeps what: runs, blobs, backups.

use std::fs;

use crate::sandbox::{Ran, Sandbox};

const FILES: usize = 60;
const DAY: i64 = 24 * 3600;
const SPEC: &str = "name.seed.yaml";

/// `seed` run by a clock that is so many seconds ahead.
fn seed_at(sandbox: &Sandbox, ahead: i64, args: &[&str]) -> Ran {
    Ran::of(sandbox.seed_command(args).env("SEED_TEST_CLOCK", ahead.to_string()))
}

/// So many files that two applies of them make the journal too long.
fn many(count: usize, word: &str) -> String {
    let filler = "x".repeat((8 << 20) / count * 2 / 3);
    (0..count).map(|at| format!("r{at}: {{is: file.text, path: ./tree/r{at}, content: \"{word} {filler}\"}}\n")).collect()
}

#[test]
fn undo_and_log_know_the_run_that_made_the_journal_too_long() {
    let (sandbox, spec) = Sandbox::with_spec(&many(FILES, "one"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec(&many(FILES, "two"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let length = fs::metadata(sandbox.journal().join("journal")).unwrap().len();
    let log = sandbox.seed(&["log", "--json", spec]).exits(0).json();
    let last = log["runs"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["command"], "apply present", "after {length} bytes");
    assert_eq!(last["roles"].as_array().unwrap().len(), FILES);
    sandbox.seed(&["undo", "--yes", spec]).exits(0);
    assert!(sandbox.read("tree/r7").starts_with("one"));
    // Runs that no longer fit are dropped, the oldest first, and what they made is still known.
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert!(!sandbox.at("tree").exists());
}

#[test]
fn three_hundred_repairs_leave_a_bounded_journal() {
    for (disposable, repairs) in [(false, 300), (true, 30)] {
        let (sandbox, spec) =
            Sandbox::with_spec(&format!("note: {{is: file.text, path: ./note, content: ours, disposable: {disposable}}}\n"));
        sandbox.write("note", &"before\n".repeat(100));
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        for round in 0..repairs {
            sandbox.write("note", &format!("drifted {round}\n").repeat(100));
            sandbox.seed(&["repair", "--yes", spec]).exits(0);
        }
        let blobs = fs::read_dir(sandbox.journal().join("blobs")).unwrap().count();
        let most = if disposable { 3 } else { 70 };
        assert!(blobs <= most, "{blobs} blobs, disposable: {disposable}");
        assert!(fs::metadata(sandbox.journal().join("journal")).unwrap().len() < 1 << 20);
        sandbox.seed(&["undo", "--yes", spec]).exits(0);
        assert!(sandbox.read("note").starts_with(&format!("drifted {}\n", repairs - 1)));
        sandbox.seed(&["repair", "--yes", spec]).exits(0);
        sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
        assert_eq!(sandbox.read("note"), "before\n".repeat(100));
    }
}

#[test]
fn what_an_interrupted_write_left_in_the_state_folder_goes() {
    let (sandbox, spec) = Sandbox::with_spec("note: {is: file.text, path: ./note, content: ours}\n");
    sandbox.write("note", &"before\n".repeat(100));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let folder = sandbox.journal();
    for left in [".journal.seed-new", ".ledger.seed-new", "blobs/.abc.seed-new", "blobs/abc"] {
        fs::write(folder.join(left), "half").unwrap();
    }
    sandbox.write("note", &"drifted\n".repeat(100));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    for left in [".journal.seed-new", ".ledger.seed-new", "blobs/.abc.seed-new", "blobs/abc"] {
        assert!(!folder.join(left).exists(), "{left}");
    }
}

/// A folder with a letter in it was taken away, kept, and made anew.
fn with_backup() -> Sandbox {
    let (sandbox, spec) = Sandbox::with_spec("box: {is: file.directory, path: ./box}\n");
    sandbox.seed(APPLY).exits(0);
    sandbox.write("box/letter", "precious");
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", spec]).exits(0);
    assert!(sandbox.at(KEPT).exists());
    sandbox.seed(APPLY).exits(0);
    sandbox
}

const KEPT: &str = ".box.seed-backup-2/box/letter";
const APPLY: &[&str] = &["apply", "--yes", SPEC];

#[test]
fn a_backup_goes_an_hour_after_it_was_found_expired() {
    let sandbox = with_backup();
    seed_at(&sandbox, 6 * DAY, APPLY).exits(0);
    seed_at(&sandbox, 8 * DAY, APPLY).exits(0);
    assert!(sandbox.at(KEPT).exists(), "found expired, and no more");
    seed_at(&sandbox, 8 * DAY + 1800, APPLY).exits(0);
    assert!(sandbox.at(KEPT).exists(), "not an hour yet");
    seed_at(&sandbox, 8 * DAY + 3700, APPLY).exits(0);
    assert!(!sandbox.at(KEPT).exists());
}

#[test]
fn a_clock_that_was_ahead_for_a_moment_removes_no_backup() {
    let sandbox = with_backup();
    seed_at(&sandbox, 8 * DAY, APPLY).exits(0);
    // The clock is right again: the mark goes.
    seed_at(&sandbox, 3700, APPLY).exits(0);
    seed_at(&sandbox, 8 * DAY + 7200, APPLY).exits(0);
    assert!(sandbox.at(KEPT).exists(), "it was only found expired now");
    seed_at(&sandbox, 8 * DAY + 3 * 3600 + 100, APPLY).exits(0);
    assert!(!sandbox.at(KEPT).exists());
}

#[test]
fn a_backup_that_cannot_be_removed_is_told_of_and_stops_nothing() {
    if !crate::sandbox::is_root() {
        return;
    }
    let sandbox = with_backup();
    seed_at(&sandbox, 8 * DAY, APPLY).exits(0);
    let kept = sandbox.at(".box.seed-backup-2/box");
    nix::mount::mount(Some("tmpfs"), &kept, Some("tmpfs"), nix::mount::MsFlags::empty(), None::<&str>).unwrap();
    fs::remove_dir(sandbox.at("box")).unwrap();
    seed_at(&sandbox, 8 * DAY + 3700, APPLY).exits(0).says("backup").says("seed-backup-2");
    assert!(sandbox.at("box").is_dir());
    nix::mount::umount(&kept).unwrap();
    seed_at(&sandbox, 8 * DAY + 3800, APPLY).exits(0);
    assert!(!kept.exists());
}

#[test]
fn an_empty_journal_of_a_spec_that_is_gone_vanishes_after_a_week() {
    let (sandbox, spec) = Sandbox::with_spec("note: {is: file.text, path: ./note, content: ours}\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    fs::remove_file(sandbox.at(spec)).unwrap();
    sandbox.write("other.seed.yaml", "seed: 1\nname: other\nroles:\n  a: {is: file.text, path: ./a, content: x}\n");
    seed_at(&sandbox, 6 * DAY, &["apply", "--yes", "other.seed.yaml"]).exits(0);
    assert_eq!(fs::read_dir(sandbox.state().join("specs")).unwrap().count(), 2);
    sandbox.write("third.seed.yaml", "seed: 1\nname: third\nroles:\n  b: {is: file.text, path: ./b, content: x}\n");
    seed_at(&sandbox, 8 * DAY, &["apply", "--yes", "third.seed.yaml"]).exits(0);
    assert_eq!(fs::read_dir(sandbox.state().join("specs")).unwrap().count(), 2, "the empty one is gone");
}
