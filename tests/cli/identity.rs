//! A role of the spec can come to mean another thing: by its type, by its path, or by what it rests on. What it meant before is taken down
//! from top to bottom, with consent and a backup where it holds data, and `undo` brings it back.

use std::fs;
use std::os::unix::fs::symlink;

use crate::sandbox::{Ran, Sandbox, is_root};
use crate::trials::world::World;

const SPEC: &str = "name.seed.yaml";
const PLAN: &[&str] = &["plan", "--prune", SPEC];
const PRUNE: &[&str] = &["apply", "--yes", "--prune", SPEC];
const PRUNE_WITH_DATA: &[&str] = &["apply", "--yes", "--prune", "--destroy-data", SPEC];
const UNDO: &[&str] = &["undo", "--yes", "--destroy-data", SPEC];
const ABSENT: &[&str] = &["apply", "--yes", "--prune", "--destroy-data", "--state", "absent", SPEC];

/// An image of that path, under that name, and a loop device on it.
fn disk(image: &str, path: &str) -> String {
    format!(
        "{image}: {{is: storage.file_block_image, path: {path}, size: 128 MiB}}\n\
         loop: {{is: storage.loopback_device, backing: {image}}}\n"
    )
}

fn ext4(name: &str) -> String {
    format!("{name}: {{is: storage.filesystem, device: loop, type: ext4, mount: ./volume}}\n")
}

fn btrfs(name: &str) -> String {
    format!("{name}: {{is: storage.btrfs, devices: [loop], mount: ./volume, subvolumes: {{home: {{}}}}}}\n")
}

/// A volume with a file of its user's on it.
fn with_data(roles: &str) -> Sandbox {
    let (sandbox, spec) = Sandbox::with_spec(roles);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("volume/data", "dear\n");
    sandbox
}

/// Takes runs back until all is as it was.
#[track_caller]
fn undo_until(sandbox: &Sandbox, before: &World, when: &str) {
    for _ in 0..4 {
        let ran = sandbox.seed(UNDO);
        assert_eq!(ran.code(), Some(0), "{when}: {}", ran.told());
        if World::of(sandbox).differences(before, false).is_empty() {
            return;
        }
    }
    World::of(sandbox).assert_is_but_for_backups(before, when);
}

/// From one file system to the other and back again, under another name and under the same.
fn changes_of_type() -> [(String, String); 4] {
    let image = disk("image", "./volume.img");
    let (disk, pool, same) =
        (format!("{image}{}", ext4("disk")), format!("{image}{}", btrfs("pool")), format!("{image}{}", btrfs("disk")));
    [(disk.clone(), pool.clone()), (disk.clone(), same.clone()), (pool, disk.clone()), (same, disk)]
}

#[test]
fn a_file_system_that_another_role_takes_the_place_of_is_kept_as_a_whole() {
    if !is_root() {
        return;
    }
    for (first, second) in changes_of_type() {
        let sandbox = with_data(&first);
        let before = World::of(&sandbox);
        sandbox.write_spec(&second);
        let expected = in_words(&first, &second);
        sandbox.seed(&["apply", "--yes", "--destroy-data", SPEC]).exits(1).says("--prune");
        assert_eq!(sandbox.read("volume/data"), "dear\n", "without --prune: {expected}");
        sandbox.seed(PRUNE).exits(3).says("it would destroy data");
        assert_eq!(sandbox.read("volume/data"), "dear\n", "without consent: {expected}");
        sandbox.seed(PRUNE_WITH_DATA).exits(0);
        assert!(!sandbox.at("volume/data").exists(), "{expected}");
        sandbox.seed(PLAN).exits(0);
        sandbox.write_spec(&first);
        undo_until(&sandbox, &before, &expected);
        sandbox.seed(PLAN).exits(0);
        sandbox.seed(ABSENT).exits(0);
        sandbox.assert_nothing_leaks();
    }
}

fn in_words(first: &str, second: &str) -> String {
    format!("from\n{first}to\n{second}")
}

#[test]
fn a_change_of_type_that_is_killed_at_any_record_loses_nothing() {
    if !is_root() {
        return;
    }
    let mut kills = 0;
    for (first, second) in changes_of_type() {
        for record in 1.. {
            let sandbox = with_data(&first);
            let before = World::of(&sandbox);
            sandbox.write_spec(&second);
            let ran = sandbox.seed_killed_at(record, PRUNE_WITH_DATA);
            if !ran.was_killed() {
                ran.exits(0);
                break;
            }
            kills += 1;
            let when = format!("killed behind record {record}, {}", in_words(&first, &second));
            settled(sandbox.seed(PRUNE_WITH_DATA), &when);
            settled(sandbox.seed(PLAN), &when);
            if record % 2 == 0 {
                sandbox.write_spec(&first);
                undo_until(&sandbox, &before, &when);
            }
            settled(sandbox.seed(ABSENT), &when);
            assert!(!sandbox.at("volume.img").exists(), "{when}");
            sandbox.assert_nothing_leaks();
        }
    }
    assert!(kills >= 40, "{kills}");
    eprintln!("law 7: {kills} kills, file systems that another role takes the place of");
}

#[track_caller]
fn settled(ran: Ran, when: &str) {
    assert_eq!(ran.code(), Some(0), "{when}: {}", ran.told());
}

/// Stacks before and after the image below them was given another path, or the loop device another image.
fn changes_of_image() -> Vec<(String, String)> {
    let (old, new) = (disk("image", "./volume.img"), disk("image", "./other.img"));
    let both = |backing: &str| {
        format!(
            "i1: {{is: storage.file_block_image, path: ./one.img, size: 128 MiB}}\n\
             i2: {{is: storage.file_block_image, path: ./two.img, size: 128 MiB}}\n\
             loop: {{is: storage.loopback_device, backing: {backing}}}\n"
        )
    };
    let note = "note: {is: file.text, path: ./volume/note, content: hello}\n";
    vec![
        (old.clone(), new.clone()),
        (old.clone() + &ext4("disk"), new.clone() + &ext4("disk")),
        (old.clone() + &ext4("disk") + note, new.clone() + &ext4("disk") + note),
        (old + &btrfs("disk") + note, new + &btrfs("disk") + note),
        (both("i1") + &ext4("disk"), both("i2") + &ext4("disk")),
        (partitioned("./volume.img"), partitioned("./other.img")),
    ]
}

fn partitioned(path: &str) -> String {
    let disk = disk("image", path).replace("backing: image", "backing: image, partscan: true");
    format!(
        "{disk}table: {{is: storage.partition_table, device: loop, partitions: {{data: {{rest: true}}}}}}\n\
         disk: {{is: storage.filesystem, device: table.partitions.data, type: ext4, mount: ./volume}}\n"
    )
}

#[test]
fn the_whole_stack_on_an_image_of_another_path_is_another_one() {
    if !is_root() {
        return;
    }
    for (first, second) in changes_of_image() {
        let (sandbox, spec) = Sandbox::with_spec(&first);
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        let is_mounted = first.contains("./volume\"") || first.contains("mount: ./volume");
        if is_mounted {
            sandbox.write("volume/data", "dear\n");
        }
        let before = World::of(&sandbox);
        let when = in_words(&first, &second);
        sandbox.write_spec(&second);
        let without_prune = sandbox.seed(&["apply", "--yes", "--destroy-data", SPEC]);
        assert_eq!(without_prune.code(), Some(if is_mounted { 1 } else { 0 }), "{when}: {}", without_prune.told());
        if is_mounted {
            assert_eq!(sandbox.read("volume/data"), "dear\n", "{when}");
            let ran = sandbox.seed(PRUNE_WITH_DATA);
            // A mount namespace that another process made meanwhile holds the partition for a moment.
            if !ran.stdout().contains("one of its partitions is in use") {
                settled(ran, &when);
            }
            settled(sandbox.seed(PRUNE_WITH_DATA), &when);
            assert!(!sandbox.at("volume/data").exists(), "{when}");
        } else {
            settled(sandbox.seed(PRUNE_WITH_DATA), &when);
        }
        settled(sandbox.seed(PLAN), &when);
        assert_eq!(sandbox.loops().len(), 1, "{when}");
        assert_eq!(sandbox.mounts().len(), usize::from(is_mounted), "{when}");
        sandbox.write_spec(&first);
        undo_until(&sandbox, &before, &when);
        settled(sandbox.seed(PRUNE_WITH_DATA), &when);
        settled(sandbox.seed(ABSENT), &when);
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn what_a_role_meant_before_comes_back_with_undo() {
    let (sandbox, spec) = Sandbox::with_spec(
        "text: {is: file.text, path: ./old/text, content: hello}\n\
         link: {is: file.link, path: ./old/link, to: text}\n\
         page: {is: file.template, path: ./old/page, from: ./page.j2}\n\
         folder: {is: file.directory, path: ./old/folder}\n",
    );
    sandbox.write("page.j2", "page\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("old/text", "edited by its user\n");
    sandbox.write("old/page", "edited as well\n");
    fs::remove_file(sandbox.at("old/link")).unwrap();
    symlink("elsewhere", sandbox.at("old/link")).unwrap();
    let first = sandbox.read(SPEC);
    let before = World::of(&sandbox);
    sandbox.write(SPEC, &first.replace("./old/", "./new/"));
    sandbox.seed(PRUNE_WITH_DATA).exits(0);
    assert!(!sandbox.at("old").exists() && sandbox.at("new/folder").is_dir());
    sandbox.write(SPEC, &first);
    sandbox.seed(UNDO).exits(0).never_says("someone has removed it");
    World::of(&sandbox).assert_is_but_for_backups(&before, "undone");
    // They are the roles' own again.
    sandbox.seed(&["apply", "--yes", "--destroy-data", SPEC]).exits(0);
    sandbox.seed(PLAN).exits(0);
    sandbox.seed(ABSENT).exits(0);
    assert!(!sandbox.at("old").exists() && !sandbox.at("new").exists());
}
