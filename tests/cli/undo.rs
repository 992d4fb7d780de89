//! `seed undo`: what is brought back of what held data, and what the plan says beforehand cannot be.

use crate::sandbox::{Sandbox, is_root};

const SPEC: &str = "name.seed.yaml";
const UNDO: &[&str] = &["undo", "--yes", "--destroy-data", SPEC];

/// A volume with a file of the spec on it, as large and with the file system that is asked for.
fn volume(size: &str, file_system: &str) -> String {
    format!(
        "\
image:
  is: storage.file_block_image
  path: ./volume.img
  size: {size}

loop:
  is: storage.loopback_device
  backing: image

disk:
  is: storage.filesystem
  device: loop
  type: {file_system}
  label: undo
  mount: ./volume

note:
  is: file.text
  path: ./volume/note
  content: hello
"
    )
}

/// One of 300 MiB with ext4, and a file on it that somebody has put there.
fn with_data() -> Sandbox {
    let (sandbox, spec) = Sandbox::with_spec(&volume("300 MiB", "ext4"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("volume/data", "dear\n");
    sandbox
}

#[test]
fn a_volume_that_was_replaced_comes_back_with_its_data() {
    if !is_root() {
        return;
    }
    let sandbox = with_data();
    let before = sandbox.tree();
    sandbox.write_spec(&volume("200 MiB", "ext4"));
    sandbox.seed(&["apply", "--yes", "--destroy-data", SPEC]).exits(0).says("3 to replace");
    assert!(!sandbox.at("volume/data").exists());
    sandbox.write("volume/later", "also dear\n");
    sandbox.seed(&["undo", "--yes", SPEC]).exits(3).says("it would destroy data");
    sandbox.seed(UNDO).exits(0).says("3 to replace");
    assert_eq!(sandbox.read("volume/data"), "dear\n");
    assert!(!sandbox.at("volume/later").exists());
    sandbox.write_spec(&volume("300 MiB", "ext4"));
    sandbox.seed(&["plan", SPEC]).exits(0);
    // What the undo took away is beside it for a while, too.
    std::fs::remove_dir_all(sandbox.at(".volume.img.seed-backup-3")).unwrap();
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_file_system_that_was_made_anew_in_its_place_comes_back_with_its_data() {
    if !is_root() {
        return;
    }
    let sandbox = with_data();
    sandbox.write_spec(&volume("300 MiB", "xfs"));
    sandbox.seed(&["apply", "--yes", SPEC]).exits(3).says("it would destroy data");
    sandbox.seed(&["apply", "--yes", "--destroy-data", SPEC]).exits(0).says("is moved to a backup together with its content");
    assert!(!sandbox.at("volume/data").exists());
    sandbox.seed(UNDO).exits(0).says("xfs → ext4");
    assert_eq!(sandbox.read("volume/data"), "dear\n");
    sandbox.write_spec(&volume("300 MiB", "ext4"));
    sandbox.seed(&["plan", SPEC]).exits(0);
}

#[test]
fn what_cannot_be_kept_as_a_whole_is_told_to_come_back_empty() {
    if !is_root() {
        return;
    }
    // Another file system in the same image would go with it.
    let table = |rest: &str| {
        let whole = volume("300 MiB", "ext4");
        let disk = whole.split("\ndisk:").next().unwrap();
        format!(
            "{disk}\n  partscan: true\n
table: {{is: storage.partition_table, device: loop, partitions: {{one: {{size: 100 MiB}}, two: {{size: 100 MiB}}}}}}
disk: {{is: storage.filesystem, device: \"${{table.partitions.one}}\", type: ext4, mount: ./volume{rest}}}
other: {{is: storage.filesystem, device: \"${{table.partitions.two}}\", type: ext4, mount: ./other}}
"
        )
    };
    let (sandbox, spec) = Sandbox::with_spec(&table(""));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("volume/data", "dear\n");
    sandbox.write("other/data", "also dear\n");
    sandbox.write_spec(&table(", uuid: 11111111-1111-4111-8111-111111111111"));
    sandbox.seed(&["apply", "--yes", "--destroy-data", spec]).exits(0);
    assert_eq!(sandbox.read("other/data"), "also dear\n");
    sandbox.seed(UNDO).exits(0).says("comes back without an ext4 file system and everything in it, which has no backup");
    assert!(!sandbox.at("volume/data").exists());
    assert_eq!(sandbox.read("other/data"), "also dear\n");
}

#[test]
fn subvolumes_that_the_new_spec_does_not_name_come_back_too() {
    if !is_root() {
        return;
    }
    let pool = |rest: &str| {
        let disk = volume("200 MiB", "ext4").split("\ndisk:").next().unwrap().to_owned();
        format!("{disk}\npool:\n  is: storage.btrfs\n  devices: [loop]\n  mount: ./volume\n{rest}")
    };
    let first = pool("  subvolumes: {a: {}, b: {quota: 20 MiB}}\n  snapshots: {s: {of: a}}\n");
    let (sandbox, spec) = Sandbox::with_spec(&first);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec(&pool("  uuid: 11111111-1111-4111-8111-111111111111\n  subvolumes: {a: {}}\n"));
    sandbox.seed(&["apply", "--yes", "--destroy-data", spec]).exits(0);
    sandbox.seed(UNDO).exits(0);
    sandbox.write_spec(&first);
    sandbox.seed(&["plan", spec]).exits(0);
}

#[test]
fn nothing_is_left_beside_a_volume_that_held_nothing() {
    if !is_root() {
        return;
    }
    let empty = volume("300 MiB", "ext4").split("\nnote:").next().unwrap().to_owned();
    let (sandbox, spec) = Sandbox::with_spec(&empty);
    let seed = sandbox.tree();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert_eq!(sandbox.tree(), seed);
    sandbox.seed(&["undo", "--yes", spec]).exits(0);
    sandbox.seed(&["plan", spec]).exits(0);
}

#[test]
fn a_volume_that_is_replaced_survives_a_kill_at_every_record() {
    if !is_root() {
        return;
    }
    const REPLACE: &[&str] = &["apply", "--yes", "--destroy-data", SPEC];
    let mut kills = 0;
    for record in 1.. {
        let sandbox = with_data();
        sandbox.write_spec(&volume("250 MiB", "ext4").replace("label: undo", "label: other"));
        let ran = sandbox.seed_killed_at(record, REPLACE);
        if !ran.was_killed() {
            ran.exits(0);
            break;
        }
        kills += 1;
        kills += usize::from(sandbox.seed_killed_at(record % 7 + 1, REPLACE).was_killed());
        sandbox.seed(REPLACE).exits(0);
        sandbox.seed(&["info", SPEC]).exits(0);
        sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", SPEC]).exits(0);
        sandbox.assert_nothing_leaks();
    }
    assert!(kills >= 10, "{kills}");
    eprintln!("law 7: {kills} kills, ext4 volume replaced");
}

#[test]
fn an_undo_that_puts_a_volume_back_survives_a_kill_at_every_record() {
    if !is_root() {
        return;
    }
    let mut kills = 0;
    for record in 1.. {
        let sandbox = with_data();
        sandbox.write_spec(&volume("200 MiB", "ext4"));
        sandbox.seed(&["apply", "--yes", "--destroy-data", SPEC]).exits(0);
        let ran = sandbox.seed_killed_at(record, UNDO);
        if !ran.was_killed() {
            ran.exits(0);
            break;
        }
        kills += 1;
        sandbox.seed(UNDO).exits(0);
        assert_eq!(sandbox.read("volume/data"), "dear\n", "killed behind record {record}");
        sandbox.write_spec(&volume("300 MiB", "ext4"));
        sandbox.seed(&["plan", SPEC]).exits(0);
        sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", SPEC]).exits(0);
        sandbox.assert_nothing_leaks();
    }
    assert!(kills >= 10, "{kills}");
    eprintln!("law 7: {kills} kills, ext4 volume put back, undo");
}

fn note(content: &str) -> String {
    format!("note: {{is: file.text, path: ./note, content: {content}}}\n")
}

#[test]
fn a_run_that_was_killed_before_it_changed_anything_is_taken_back_by_itself() {
    const CHANGED_NOTHING: &str = "was interrupted before it changed anything";
    for kill in 0..4 {
        let (sandbox, spec) = Sandbox::with_spec(&note("one"));
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        sandbox.write_spec(&note("two"));
        assert!(sandbox.seed_killed_at(1, &["apply", "--yes", spec]).was_killed());
        sandbox.seed(&["undo", "--dry-run", spec]).exits(0).says(CHANGED_NOTHING);
        // The undo itself may be killed too: it is still about the same run.
        if kill > 0 {
            assert!(sandbox.seed_killed_at(kill, UNDO).was_killed(), "{kill}");
        }
        sandbox.seed(UNDO).exits(0).says("run 2");
        assert_eq!(sandbox.read("note"), "one", "undo killed at {kill}");
        sandbox.seed(UNDO).exits(0).never_says(CHANGED_NOTHING);
        assert!(!sandbox.at("note").exists(), "undo killed at {kill}");
    }
}

#[test]
fn an_undo_that_was_killed_at_its_very_end_takes_back_no_other_run() {
    let mut kills = 0;
    for record in 1.. {
        let (sandbox, spec) = Sandbox::with_spec(&note("one"));
        for content in ["one", "two", "three"] {
            sandbox.write_spec(&note(content));
            sandbox.seed(&["apply", "--yes", spec]).exits(0);
        }
        let ran = sandbox.seed_killed_at(record, UNDO);
        if !ran.was_killed() {
            ran.exits(0);
            break;
        }
        kills += 1;
        let had_reported = ran.stdout().contains("changed") && ran.stdout().contains("before run 3");
        sandbox.seed(UNDO).exits(0);
        assert_eq!(sandbox.read("note"), "two", "killed at record {record}, had reported: {had_reported}");
        sandbox.seed(UNDO).exits(0);
        assert_eq!(sandbox.read("note"), "one", "killed at record {record}");
    }
    // Run, beginning, step, end, close; and the moment behind the last word.
    assert_eq!(kills, 6);
}

#[test]
fn a_dry_run_shows_the_plan_of_the_undo_and_changes_nothing() {
    let (sandbox, spec) = Sandbox::with_spec("note: {is: file.text, path: ./note, content: hello}\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let before = sandbox.tree();
    sandbox.seed(&["undo", "--dry-run", spec]).exits(2).says("before run 1").says("1 to remove");
    sandbox.seed(&["repair", "--dry-run", spec]).exits(0).says("1 unchanged");
    sandbox.seed(&["apply", "--dry-run", "--state", "absent", spec]).exits(2).says("1 to remove");
    sandbox.seed(&["undo", "--dry-run", "--yes", spec]).exits(1).says("cannot be used with");
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn the_text_for_editors_is_that_of_the_terminal() {
    let (sandbox, spec) = Sandbox::with_spec("note: {is: file.text, path: ./note, content: hello}\n");
    for command in ["plan", "info"] {
        let text = sandbox.seed(&[command, spec]).stdout();
        let answer = sandbox.seed(&[command, "--json", "--page", spec]).json();
        let lines: Vec<&str> = answer["page"]["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        assert_eq!(lines, text.lines().collect::<Vec<_>>(), "{command}");
        let row = usize::try_from(answer["page"]["rows"]["note"].as_u64().unwrap()).unwrap();
        assert!(lines[row].contains("note  file.text"), "{lines:?}");
        assert!(!answer["page"]["marks"].as_array().unwrap().is_empty());
    }
}
