//! `seed undo` of replacements: what was written since is kept as a whole, and what the plan promises is made.

use crate::sandbox::{Sandbox, is_root};

const SPEC: &str = "name.seed.yaml";
const APPLY: &[&str] = &["apply", "--yes", "--prune", "--destroy-data", SPEC];
const UNDO: &[&str] = &["undo", "--yes", "--destroy-data", SPEC];

/// Another UUID each time: mkfs.btrfs refuses one that any device has.
fn uuid() -> String {
    let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
    format!(", uuid: {}", random.trim())
}

fn image(size: &str) -> String {
    format!(
        "image: {{is: storage.file_block_image, path: ./v.img, size: {size}}}\nloop: {{is: storage.loopback_device, backing: image}}\n"
    )
}

fn ext4(size: &str, rest: &str) -> String {
    format!("{}fs: {{is: storage.filesystem, device: loop, type: ext4, label: one, mount: ./m{rest}}}\n", image(size))
}

fn btrfs(rest: &str) -> String {
    format!(
        "{}fs: {{is: storage.btrfs, devices: [loop], mount: ./m, subvolumes: {{home: {{}}, work: {{}}}}{rest}}}\n",
        image("160 MiB")
    )
}

/// One to which these were applied, one after the other.
fn applied(specs: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    for spec in specs {
        sandbox.write_spec(spec);
        sandbox.seed(APPLY).exits(0);
    }
    sandbox
}

/// Whether a backup beside the image holds these words.
fn is_kept(sandbox: &Sandbox, words: &str) -> bool {
    let beside = std::fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().path());
    let backups = beside.filter(|path| path.file_name().unwrap().to_string_lossy().contains(".v.img.seed-backup-"));
    let files = backups.flat_map(|backup| std::fs::read_dir(backup).unwrap()).map(|entry| entry.unwrap().path());
    files.into_iter().any(|file| {
        let bytes = std::fs::read(file).unwrap();
        bytes.windows(words.len()).any(|window| window == words.as_bytes())
    })
}

/// Writes into the volume, through to the image.
fn write(sandbox: &Sandbox) {
    sandbox.write("m/x", &"PRECIOUS".repeat(1000));
    nix::unistd::sync();
}

#[test]
fn undo_keeps_the_image_of_what_it_replaces() {
    if !is_root() {
        return;
    }
    for (before, after) in [
        (ext4("64 MiB", ""), ext4("64 MiB", &uuid())),
        (ext4("160 MiB", ""), ext4("160 MiB", &uuid())),
        (btrfs(""), btrfs(&uuid())),
        (btrfs(""), ext4("160 MiB", "")),
        (ext4("160 MiB", ""), btrfs("")),
        (ext4("64 MiB", ""), ext4("48 MiB", "")),
    ] {
        let sandbox = applied(&[&before, &after]);
        write(&sandbox);
        sandbox.seed(UNDO).exits(0);
        assert!(!sandbox.at("m/x").exists());
        assert!(is_kept(&sandbox, "PRECIOUS"), "{before}→ {after}");
        sandbox.write_spec(&before);
        sandbox.seed(&["plan", SPEC]).exits(0);
        // The undo of the first run leaves the backup where it is.
        sandbox.seed(UNDO).exits(0);
        assert!(is_kept(&sandbox, "PRECIOUS"), "{before}→ {after}");
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn undo_of_a_smaller_image_restores_what_lies_in_it_from_the_bottom_up() {
    if !is_root() {
        return;
    }
    let table = |size: &str| {
        let below = image(size).replace("backing: image", "backing: image, partscan: true");
        format!("{below}table: {{is: storage.partition_table, device: loop, partitions: {{one: {{size: 20 MiB}}}}}}\n")
    };
    for (before, after) in [
        (image("64 MiB"), image("48 MiB")),
        (table("64 MiB"), table("48 MiB")),
        (btrfs(""), btrfs("").replace("160 MiB", "140 MiB")),
        (ext4("64 MiB", ""), ext4("48 MiB", "")),
    ] {
        let sandbox = applied(&[&before, &after]);
        sandbox.seed(UNDO).exits(0);
        sandbox.write_spec(&before);
        sandbox.seed(&["plan", SPEC]).exits(0);
        sandbox.seed(UNDO).exits(0);
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn an_undo_that_moves_the_image_to_a_backup_survives_a_kill_at_every_record() {
    if !is_root() {
        return;
    }
    for (before, after) in [(ext4("160 MiB", ""), btrfs("")), (ext4("64 MiB", ""), ext4("64 MiB", &uuid()))] {
        let mut kills = 0;
        for record in 1.. {
            let sandbox = applied(&[&before, &after]);
            write(&sandbox);
            let ran = sandbox.seed_killed_at(record, UNDO);
            if !ran.was_killed() {
                ran.exits(0);
                break;
            }
            kills += 1;
            sandbox.seed(UNDO).exits(0);
            assert!(!sandbox.at("m/x").exists());
            assert!(is_kept(&sandbox, "PRECIOUS"), "killed behind record {record} of {before}→ {after}");
            sandbox.write_spec(&before);
            sandbox.seed(&["plan", SPEC]).exits(0);
            sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", SPEC]).exits(0);
            sandbox.assert_nothing_leaks();
        }
        assert!(kills >= 5, "{kills}");
    }
}

#[test]
fn the_mount_folder_goes_with_the_last_role_that_was_mounted_on_it() {
    if !is_root() {
        return;
    }
    let small = ext4("64 MiB", "");
    for (before, after) in [(ext4("160 MiB", ""), btrfs("")), (small.clone(), small.replace("v.img", "w.img"))] {
        let sandbox = applied(&[&before, &after]);
        sandbox.seed(&["apply", "--yes", "--state", "absent", SPEC]).exits(0);
        assert!(!sandbox.at("m").exists(), "{before}→ {after}");
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn a_mount_that_the_spec_no_longer_names_is_unmounted() {
    if !is_root() {
        return;
    }
    let mounted = [ext4("64 MiB", ""), btrfs("").replace(", subvolumes: {home: {}, work: {}}", "")];
    for before in mounted {
        let after = before.replace(", mount: ./m", "");
        let sandbox = applied(&[&before, &after]);
        assert!(sandbox.mounts().is_empty());
        assert!(!sandbox.at("m").exists());
        sandbox.seed(&["plan", SPEC]).exits(0).says("Nothing to do");
        sandbox.seed(&["apply", "--yes", "--state", "absent", SPEC]).exits(0);
        sandbox.assert_nothing_leaks();
        // `absent` at once goes by what was made.
        let sandbox = applied(&[&before]);
        sandbox.write_spec(&after);
        sandbox.seed(&["apply", "--yes", "--state", "absent", SPEC]).exits(0);
        assert!(!sandbox.at("m").exists());
        sandbox.assert_nothing_leaks();
    }
}
