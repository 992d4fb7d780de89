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
fn an_undo_that_failed_can_be_run_again() {
    let (sandbox, spec) = Sandbox::with_spec(&many(FILES, "one"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec(&many(FILES, "two"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    fs::remove_file(sandbox.at("tree/r7")).unwrap();
    sandbox.write("tree/r7/obstacle", "x");
    let undo = ["undo", "--yes", "--destroy-data", spec];
    sandbox.seed(&undo).exits(1);
    fs::remove_dir_all(sandbox.at("tree/r7")).unwrap();
    sandbox.seed(&undo).exits(0);
    assert!(sandbox.read("tree/r7").starts_with("one"));
}

#[test]
fn runs_that_fail_before_they_begin_do_not_pile_up() {
    let (sandbox, spec) = Sandbox::with_spec("note: {is: file.text, path: ./note, content: ours}\n");
    sandbox.write("note/inside", "x");
    for _ in 0..70 {
        sandbox.seed(&["apply", "--yes", spec]).exits(1);
    }
    let log = sandbox.seed(&["log", "--json", "--last", "0", spec]).exits(0).json();
    assert!((1..=64).contains(&log["runs"].as_array().unwrap().len()), "{}", log["runs"]);
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

/// Replaces what stands at the place of the backup; then its time is over.
fn expires_after(change: impl FnOnce(&Sandbox)) -> Sandbox {
    let sandbox = with_backup();
    change(&sandbox);
    seed_at(&sandbox, 8 * DAY, APPLY).exits(0);
    sandbox
}

const LEFT: &str = "no longer belongs to Seed";

#[test]
fn what_somebody_put_in_the_place_of_a_backup_stays_and_is_reported_once() {
    let sandbox = expires_after(|sandbox| {
        fs::rename(sandbox.at(".box.seed-backup-2/box"), sandbox.at("rescued")).unwrap();
        sandbox.write(KEPT, "precious, too");
    });
    seed_at(&sandbox, 8 * DAY + 3700, APPLY).exits(0).says("something else is there").says(".box.seed-backup-2").says(LEFT);
    assert_eq!(sandbox.read(KEPT), "precious, too");
    seed_at(&sandbox, 9 * DAY, APPLY).exits(0).never_says(LEFT);
    assert_eq!(sandbox.read("rescued/letter"), "precious");
    let list = sandbox.seed(&["list", "--json"]).exits(0).json();
    assert_eq!(list["specs"][0]["backups"], serde_json::json!([]), "{list}");
}

#[test]
fn a_backup_that_somebody_changed_stays() {
    let changes: [fn(&Sandbox); 3] = [
        |sandbox| sandbox.write(".box.seed-backup-2/box/reply", "precious, too"),
        |sandbox| sandbox.write(KEPT, "changed in place"),
        |sandbox| sandbox.write(".box.seed-backup-2/box/deep/down/reply", "precious, too"),
    ];
    for change in changes {
        let sandbox = expires_after(|sandbox| {
            // Some file systems tell the time of a change by ticks of some milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(30));
            change(sandbox);
        });
        let before = sandbox.tree();
        seed_at(&sandbox, 8 * DAY + 3700, APPLY).exits(0).says("was changed since it was made").says(LEFT);
        assert_eq!(sandbox.tree(), before);
    }
}

#[test]
fn a_kept_file_goes_only_if_it_is_still_the_same() {
    for is_replaced in [false, true] {
        let image = "image: {is: storage.file_block_image, path: ./a.img, size: 1 MiB}\n";
        let (sandbox, spec) = Sandbox::with_spec(image);
        sandbox.seed(APPLY).exits(0);
        let mut bytes = fs::read(sandbox.at("a.img")).unwrap();
        bytes[..8].copy_from_slice(b"precious");
        fs::write(sandbox.at("a.img"), &bytes).unwrap();
        sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", spec]).exits(0);
        if is_replaced {
            fs::remove_file(sandbox.at(".a.img.seed-backup-2/a.img")).unwrap();
            sandbox.write(".a.img.seed-backup-2/a.img", "somebody's");
        }
        for ahead in [8 * DAY, 8 * DAY + 3700] {
            seed_at(&sandbox, ahead, APPLY).exits(0);
        }
        assert_eq!(sandbox.at(".a.img.seed-backup-2/a.img").exists(), is_replaced);
    }
}

#[test]
fn a_kept_subvolume_goes_only_if_it_is_still_the_same() {
    if !crate::sandbox::is_root() {
        return;
    }
    let pool = |subvolumes: &str| {
        format!(
            "image: {{is: storage.file_block_image, path: ./a.img, size: 200 MiB}}\n\
             loop: {{is: storage.loopback_device, backing: image}}\n\
             pool: {{is: storage.btrfs, devices: [loop], mount: ./pool, subvolumes: {subvolumes}}}\n"
        )
    };
    for is_replaced in [false, true] {
        let (sandbox, spec) = Sandbox::with_spec(&pool("{a: {}}"));
        sandbox.seed(APPLY).exits(0);
        sandbox.write_spec(&pool("{a: {}, b: {}}"));
        sandbox.seed(APPLY).exits(0);
        sandbox.write("pool/b/letter", "precious");
        sandbox.seed(&["undo", "--yes", "--destroy-data", spec]).exits(0);
        let kept = sandbox.at("pool/seed-backup-3/b");
        assert!(kept.join("letter").exists());
        if is_replaced {
            let btrfs = |args: &[&str]| {
                let ran = sandbox.command("btrfs").args(args).arg(&kept).output().unwrap();
                assert!(ran.status.success(), "{ran:?}");
            };
            btrfs(&["subvolume", "delete"]);
            btrfs(&["subvolume", "create"]);
            fs::write(kept.join("mine"), "precious").unwrap();
        }
        for ahead in [8 * DAY, 8 * DAY + 3700] {
            seed_at(&sandbox, ahead, APPLY).exits(0);
        }
        assert_eq!(kept.exists(), is_replaced);
    }
}

#[test]
fn a_removal_of_a_backup_that_was_killed_is_ended_by_the_next_run() {
    let sandbox = with_backup();
    seed_at(&sandbox, 8 * DAY, APPLY).exits(0);
    let killed = Ran::of(
        sandbox.seed_command(APPLY).env("SEED_TEST_CLOCK", (8 * DAY + 3700).to_string()).env("SEED_FAILPOINT", "journal:1"),
    );
    assert!(killed.was_killed(), "{}", killed.told());
    // As far as it may have come.
    fs::remove_file(sandbox.at(KEPT)).unwrap();
    seed_at(&sandbox, 8 * DAY + 3800, APPLY).exits(0).never_says(LEFT);
    assert!(!sandbox.at(".box.seed-backup-2").exists());
}

#[test]
fn a_shorter_time_does_not_shorten_what_was_announced_and_a_longer_one_extends_it() {
    let spec_with = |keep: &str| format!("seed: 1\nname: name\n{keep}roles:\n  box: {{is: file.directory, path: ./box}}\n");
    let until = |sandbox: &Sandbox| {
        let list = sandbox.seed(&["list", "--json"]).exits(0).json();
        let backup = &list["specs"][0]["backups"][0];
        i64::try_from(backup["until"].as_u64().unwrap() - backup["time"].as_u64().unwrap()).unwrap()
    };
    let sandbox = Sandbox::new();
    sandbox.write(SPEC, &spec_with("keep: 20 d\n"));
    sandbox.seed(APPLY).exits(0);
    sandbox.write("box/letter", "precious");
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", SPEC]).exits(0);
    assert_eq!(until(&sandbox), 20 * DAY);
    // The default is shorter, and so is an hour.
    for keep in ["", "keep: 1 h\n"] {
        sandbox.write(SPEC, &spec_with(keep));
        for ahead in [12 * DAY, 12 * DAY + 3700] {
            seed_at(&sandbox, ahead, APPLY).exits(0);
        }
        assert!(sandbox.at(KEPT).exists(), "{keep}");
        assert_eq!(until(&sandbox), 20 * DAY, "{keep}");
    }
    sandbox.write(SPEC, &spec_with("keep: 30 d\n"));
    seed_at(&sandbox, 13 * DAY, APPLY).exits(0);
    assert_eq!(until(&sandbox), 30 * DAY);
    // What was announced then holds as well.
    sandbox.write(SPEC, &spec_with("keep: 1 d\n"));
    for ahead in [25 * DAY, 25 * DAY + 3700] {
        seed_at(&sandbox, ahead, APPLY).exits(0);
    }
    assert!(sandbox.at(KEPT).exists());
    for ahead in [31 * DAY, 31 * DAY + 3700] {
        seed_at(&sandbox, ahead, APPLY).exits(0);
    }
    assert!(!sandbox.at(KEPT).exists());
}

#[test]
fn how_long_backups_are_kept_and_the_name_are_part_of_what_is_confirmed() {
    let spec_with = |header: &str| format!("seed: 1\n{header}\nroles:\n  box: {{is: file.directory, path: ./box}}\n");
    let sandbox = Sandbox::new();
    sandbox.write(SPEC, &spec_with("name: name\nkeep: 20 d"));
    let digest = sandbox.seed(&["plan", "--json", SPEC]).json()["digest"].as_str().unwrap().to_string();
    for header in ["name: name\nkeep: 1 d", "name: other\nkeep: 20 d"] {
        sandbox.write(SPEC, &spec_with(header));
        sandbox.seed(&["apply", "--plan-digest", &digest, SPEC]).exits(3);
    }
    sandbox.write(SPEC, &spec_with("name: name\nkeep: 20 d"));
    sandbox.seed(&["apply", "--plan-digest", &digest, SPEC]).exits(0);
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
