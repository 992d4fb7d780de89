//! What was backed up from a file system lies on the device below it, and counts as data of that device.

use std::fs::File;

use crate::sandbox::{Ran, Sandbox, is_root};

const SPEC: &str = "name.seed.yaml";
const ABSENT: &[&str] = &["apply", "--yes", "--state", "absent", SPEC];
const ABSENT_WITH_DATA: &[&str] = &["apply", "--yes", "--destroy-data", "--state", "absent", SPEC];
const UNDO: &[&str] = &["undo", "--yes", SPEC];

const DISK: &str = "\
image:
  is: storage.file_block_image
  path: ./volume.img
  size: 128 MiB

loop:
  is: storage.loopback_device
  backing: image

";

const EXT4: &str = "disk:\n  is: storage.filesystem\n  device: loop\n  type: ext4\n  mount: ./volume\n";
const BTRFS: &str = "disk:\n  is: storage.btrfs\n  devices: [loop]\n  mount: ./volume\n  subvolumes: {home: {}}\n";
const FILE_SYSTEMS: [&str; 2] = [EXT4, BTRFS];

/// A volume that is not disposable, with a file of its user's on it.
fn with_data(file_system: &str) -> Sandbox {
    let (sandbox, spec) = Sandbox::with_spec(&format!("{DISK}{file_system}"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("volume/data", "dear\n");
    sandbox
}

fn is_back(sandbox: &Sandbox) -> bool {
    std::fs::read_to_string(sandbox.at("volume/data")).is_ok_and(|text| text == "dear\n")
}

/// Takes runs back until the data is there again.
#[track_caller]
fn undo_until_it_is_back(sandbox: &Sandbox, when: &str) {
    for _ in 0..4 {
        if is_back(sandbox) {
            return;
        }
        sandbox.seed(UNDO).exits(0);
    }
    assert!(is_back(sandbox), "the data does not come back: {when}");
}

/// What a refusal has to name: the image, and what lies in it.
#[track_caller]
fn is_refused(ran: Ran, when: &str) {
    assert_eq!(ran.code(), Some(3), "{when}: {}", ran.told());
    drop(
        ran.says("it would destroy data: image (")
            .says("the data that belongs to the backup of the file system on loop.device from run 2)"),
    );
}

#[test]
fn a_failure_half_way_skips_no_consent() {
    if !is_root() {
        return;
    }
    for file_system in FILE_SYSTEMS {
        let sandbox = with_data(file_system);
        let held = File::open(&sandbox.loops()[0]).unwrap();
        sandbox.seed(ABSENT_WITH_DATA).exits(1);
        drop(held);
        is_refused(sandbox.seed(ABSENT), "after a failure");
        assert!(sandbox.at("volume.img").exists());
        sandbox.seed(ABSENT_WITH_DATA).exits(0);
        assert!(!sandbox.at("volume.img").exists());
        sandbox.assert_nothing_leaks();
        undo_until_it_is_back(&sandbox, "after a failure");
        sandbox.seed(&["plan", SPEC]).exits(0);
    }
}

#[test]
fn what_lies_below_a_role_that_left_the_spec_is_still_data() {
    if !is_root() {
        return;
    }
    let sandbox = with_data(EXT4);
    let held = File::open(&sandbox.loops()[0]).unwrap();
    sandbox.seed(ABSENT_WITH_DATA).exits(1);
    drop(held);
    sandbox.write_spec(DISK);
    is_refused(sandbox.seed(ABSENT), "without the role");
    // Nor is anything else made on it unasked.
    sandbox.write_spec(&format!("{DISK}{}", BTRFS.replace("disk:", "other:")));
    sandbox
        .seed(&["apply", "--yes", SPEC])
        .exits(3)
        .says("other (the data that belongs to the backup of the file system on loop.device from run 2)");
    sandbox.write_spec(&format!("{DISK}{EXT4}"));
    sandbox
        .seed(&["apply", "--yes", SPEC])
        .exits(3)
        .says("disk (the data that belongs to the backup of the file system on loop.device from run 2)");
    undo_until_it_is_back(&sandbox, "without the role");
}

#[test]
fn what_was_made_anew_with_consent_needs_none_later() {
    if !is_root() {
        return;
    }
    for disposable in ["", "  disposable: true\n"] {
        let sandbox = with_data(EXT4);
        sandbox.write_spec(&format!("{}{EXT4}", DISK.replace("\nloop:", &format!("{disposable}\nloop:"))));
        sandbox.seed(ABSENT_WITH_DATA).exits(0);
        sandbox.seed(&["apply", "--yes", SPEC]).exits(0);
        assert!(!is_back(&sandbox));
        sandbox.seed(ABSENT).exits(0);
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn a_kill_at_any_record_of_absent_skips_no_consent() {
    if !is_root() {
        return;
    }
    let mut kills = 0;
    for file_system in FILE_SYSTEMS {
        for record in 1.. {
            let sandbox = with_data(file_system);
            let ran = sandbox.seed_killed_at(record, ABSENT_WITH_DATA);
            if !ran.was_killed() {
                ran.exits(0);
                break;
            }
            kills += 1;
            let when = format!("killed behind record {record} of\n{file_system}");
            let ran = sandbox.seed(ABSENT);
            match ran.code() {
                // The image itself had its backup before the kill.
                Some(0) => assert!(!sandbox.at("volume.img").exists(), "{when}"),
                _ => drop(ran.exits(3).says("it would destroy data")),
            }
            sandbox.seed(ABSENT_WITH_DATA).exits(0);
            assert!(!sandbox.at("volume.img").exists(), "{when}");
            sandbox.assert_nothing_leaks();
            undo_until_it_is_back(&sandbox, &when);
            sandbox.seed(&["plan", SPEC]).exits(0);
        }
    }
    assert!(kills >= 20, "{kills}");
    eprintln!("law 7: {kills} kills, volumes with data, absent");
}

#[test]
fn a_killed_undo_makes_nothing_over_what_it_brought_back() {
    if !is_root() {
        return;
    }
    let mut kills = 0;
    for file_system in FILE_SYSTEMS {
        for record in 1.. {
            let sandbox = with_data(file_system);
            sandbox.seed(ABSENT_WITH_DATA).exits(0);
            let ran = sandbox.seed_killed_at(record, UNDO);
            if !ran.was_killed() {
                ran.exits(0);
                break;
            }
            kills += 1;
            let when = format!("killed behind record {record} of\n{file_system}");
            sandbox.seed(UNDO).exits(0);
            assert!(is_back(&sandbox), "{when}");
            sandbox.seed(&["plan", SPEC]).exits(0);
            // What came back is data as it was before.
            sandbox.seed(ABSENT).exits(3);
        }
    }
    assert!(kills >= 20, "{kills}");
    eprintln!("law 7: {kills} kills, volumes with data, undo");
}

#[test]
fn bytes_that_nobody_knows_are_data_of_the_image() {
    if !is_root() {
        return;
    }
    let text = b"raw data of a person".repeat(100);
    let headers: [&[u8]; 2] = [b"LUKS\xba\xbe\x00\x02", &text];
    let image = "image: {is: storage.file_block_image, path: ./volume.img, size: 64 MiB}\n";
    for loop_device in ["", "loop: {is: storage.loopback_device, backing: image}\n"] {
        // At its beginning, where signatures lie, and far behind.
        for (header, at) in
            headers.iter().flat_map(|header| [(header, 0), (header, 4096), (header, 20 << 20), (header, (64 << 20) - 4096)])
        {
            for taken_back in [ABSENT, UNDO] {
                let (sandbox, spec) = Sandbox::with_spec(&format!("{image}{loop_device}"));
                sandbox.seed(&["apply", "--yes", spec]).exits(0);
                let target = sandbox.loops().pop().unwrap_or_else(|| sandbox.at("volume.img"));
                let file = File::options().write(true).open(&target).unwrap();
                std::os::unix::fs::FileExt::write_all_at(&file, header, at).unwrap();
                file.sync_all().unwrap();
                drop(file);
                let before = sandbox.tree();
                let when = format!("{:?} at {at}, {loop_device:?}, {taken_back:?}", &header[..8]);
                let refused = sandbox.seed(taken_back);
                assert_eq!(refused.code(), Some(3), "{when}: {}", refused.told());
                assert_eq!(sandbox.tree(), before, "{when}");
                let with_data: Vec<&str> = taken_back.iter().copied().chain(["--destroy-data"]).collect();
                sandbox.seed(&with_data).exits(0);
                assert!(!sandbox.at("volume.img").exists(), "{when}");
                let backups = sandbox.seed(&["log", spec]);
                let kept: Vec<_> = sandbox
                    .tree()
                    .paths()
                    .filter(|path| path.ends_with(".volume.img.seed-backup-2/volume.img"))
                    .map(std::path::PathBuf::from)
                    .collect();
                assert_eq!(kept.len(), 1, "{when}: {}", backups.told());
                sandbox.assert_nothing_leaks();
            }
        }
    }
}

#[test]
fn what_seeds_own_file_systems_leave_behind_is_no_data() {
    if !is_root() {
        return;
    }
    for file_system in FILE_SYSTEMS {
        let (sandbox, spec) = Sandbox::with_spec(&format!("{DISK}{file_system}"));
        let seed = sandbox.tree();
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        // In one run, and in two.
        sandbox.seed(ABSENT).exits(0);
        assert_eq!(sandbox.tree(), seed);
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        sandbox.write_spec(DISK);
        sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0);
        sandbox.seed(ABSENT).exits(0);
        sandbox.assert_nothing_leaks();
        assert!(!sandbox.at("volume.img").exists());
    }
}

#[test]
fn a_file_system_that_was_put_back_in_part_is_put_back_again() {
    if !is_root() {
        return;
    }
    const PUT_BACK: &str = "restore the file system";
    for file_system in FILE_SYSTEMS {
        for written in 0.. {
            let sandbox = with_data(file_system);
            sandbox.write_spec(DISK);
            sandbox.seed(&["apply", "--yes", "--prune", "--destroy-data", SPEC]).exits(0);
            // Killed in the midst of its step: some of what it writes is there.
            let is_in_it = |sandbox: &Sandbox| {
                let journal = std::fs::read_to_string(sandbox.journal().join("journal")).unwrap();
                journal.lines().next_back().is_some_and(|line| line.contains(PUT_BACK))
            };
            for record in 1.. {
                let ran = sandbox.seed_killed_at(record, UNDO);
                assert!(ran.was_killed(), "{}", ran.told());
                if is_in_it(&sandbox) {
                    break;
                }
            }
            let backups = seed_engine::journal::read(&sandbox.journal()).unwrap().put_aside;
            let backup = backups.iter().rev().find_map(|backup| backup.kept.data.as_deref()).unwrap();
            let pieces: serde_json::Value = serde_json::from_str(backup).unwrap();
            let pieces = if pieces[0].is_array() { &pieces[0] } else { &pieces };
            let pieces = pieces.as_array().unwrap();
            if written > pieces.len() {
                break;
            }
            let device = File::options().write(true).open(&sandbox.loops()[0]).unwrap();
            for piece in &pieces[..written] {
                let hex = piece["hex"].as_str().unwrap();
                let bytes: Vec<u8> =
                    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
                std::os::unix::fs::FileExt::write_all_at(&device, &bytes, piece["at"].as_u64().unwrap()).unwrap();
            }
            device.sync_all().unwrap();
            drop(device);
            let ran = sandbox.seed(UNDO);
            let when = format!("{written} of {} pieces of\n{file_system}{}", pieces.len(), ran.told());
            assert_eq!(ran.code(), Some(0), "{when}");
            assert!(is_back(&sandbox), "{when}");
            sandbox.write_spec(&format!("{DISK}{file_system}"));
            sandbox.seed(&["plan", SPEC]).exits(0);
        }
    }
}
