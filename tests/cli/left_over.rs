//! Subvolumes and snapshots that left the spec are orphans, like roles.

use std::fs;
use std::process::Command;

use crate::sandbox::{Ran, Sandbox, is_root};

const SPEC: &str = "name.seed.yaml";
const ALL: &str =
    "  subvolumes: {root: {}, home: {}, home/ada: {}, blank: {}}\n  snapshots: {before: {of: root, read_only: true}}\n";
const FEW: &str = "  subvolumes: {root: {}}\n";
const PRUNE: &[&str] = &["apply", "--yes", "--prune", "--destroy-data", SPEC];

fn pool(rest: &str) -> String {
    format!(
        "image: {{is: storage.file_block_image, path: ./lab.img, size: 200 MiB}}\nloop: {{is: storage.loopback_device, backing: image}}\n\
         pool:\n  is: storage.btrfs\n  devices: [loop]\n  mount: ./volume\n{rest}"
    )
}

/// A pool with subvolumes, data in some of them, and a spec that names only one.
fn few() -> Sandbox {
    let (sandbox, spec) = Sandbox::with_spec(&pool(FEW));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("volume/root/letter", "root");
    sandbox.write_spec(&pool(ALL));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    ["home", "home/ada"].iter().for_each(|name| sandbox.write(&format!("volume/{name}/letter"), name));
    sandbox.write_spec(&pool(FEW));
    sandbox
}

fn btrfs(args: &[&str]) {
    Ran::of(Command::new("btrfs").args(args)).exits(0);
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(sandbox.at("volume")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_left_the_spec_stays_until_it_is_pruned_and_then_has_a_backup() {
    if !is_root() {
        return;
    }
    let sandbox = few();
    btrfs(&["subvolume", "create", sandbox.at("volume/theirs").to_str().unwrap()]);
    sandbox.seed(&["plan", SPEC]).exits(0).says("no longer in the spec; --prune removes").says("`home/ada`");
    // Other changes in between take away nothing of what is known.
    sandbox.write_spec(&pool(&format!("  label: lab\n{FEW}")));
    sandbox.seed(&["apply", "--yes", SPEC]).exits(0);
    assert_eq!(names(&sandbox), ["before", "blank", "home", "root", "theirs"]);
    let plan = sandbox
        .seed(&["plan", "--prune", SPEC])
        .exits(2)
        .says("destroys the subvolumes `home`, `home/ada`, `before` and all in them");
    let plan = plan.says("backup volume/seed-backup-4, kept for 7 days");
    plan.never_says("`blank`").never_says("theirs");
    sandbox.seed(&["apply", "--yes", "--prune", SPEC]).exits(3).says("it would destroy data");
    sandbox.seed(PRUNE).exits(0).says("Backup until ").says("volume/seed-backup-4");
    assert_eq!(names(&sandbox), ["root", "seed-backup-4", "theirs"]);
    sandbox.seed(&["plan", "--prune", SPEC]).exits(0).never_says("no longer");

    sandbox.seed(&["undo", "--yes", SPEC]).exits(0);
    assert_eq!(names(&sandbox), ["before", "blank", "home", "root", "theirs"]);
    assert_eq!(sandbox.read("volume/home/ada/letter"), "home/ada");
    assert!(fs::write(sandbox.at("volume/before/x"), "").is_err(), "a read-only snapshot is one again");
    sandbox.seed(&["plan", SPEC]).exits(0).says("no longer in the spec");

    sandbox.seed(PRUNE).exits(0);
    sandbox.seed(&["backups", "--purge", "--yes"]).exits(0);
    assert_eq!(names(&sandbox), ["root", "theirs"]);
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", SPEC]).exits(0);
    sandbox.assert_nothing_leaks();
}

#[test]
fn what_seed_did_not_make_is_never_left_over() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(&pool(FEW));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    btrfs(&["subvolume", "create", sandbox.at("volume/theirs").to_str().unwrap()]);
    sandbox.write_spec(&pool("  label: lab\n  subvolumes: {root: {}, theirs: {}}\n"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec(&pool(FEW));
    sandbox.seed(&["plan", "--prune", spec]).exits(0).never_says("theirs");
}

#[test]
fn pruning_survives_a_kill_at_every_record() {
    if !is_root() {
        return;
    }
    let mut kills = 0;
    for record in 1.. {
        let sandbox = few();
        let ran = sandbox.seed_killed_at(record, PRUNE);
        if !ran.was_killed() {
            ran.exits(0);
            break;
        }
        kills += 1;
        sandbox.seed(PRUNE).exits(0);
        assert!(
            names(&sandbox).iter().all(|name| name == "root" || name.starts_with("seed-backup-")),
            "{record}: {:?}",
            names(&sandbox)
        );
        sandbox.seed(&["undo", "--yes", SPEC]).exits(0);
        // A run that was killed behind its backup leaves that one, too, and it is kept for as long as any other.
        let without_backups: Vec<String> = names(&sandbox).into_iter().filter(|name| !name.starts_with("seed-backup-")).collect();
        assert_eq!(without_backups, ["before", "blank", "home", "root"], "{record}");
        assert_eq!(sandbox.read("volume/home/letter"), "home", "{record}");
    }
    assert!(kills >= 4, "{kills}");
}
