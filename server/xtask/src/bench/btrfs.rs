//! The Btrfs case: a 512 MiB image, a loop device, mkfs, a mount, 10 subvolumes and 10 snapshots.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Bench;
use super::table::{Amount, Budget, Row};
use super::timing::{folder, median, seed, time};
use super::workload::{btrfs_image, btrfs_mount, btrfs_spec};
use crate::Result;

const SPEC: &str = "volume.seed.yaml";
const RUNS: usize = 9;
const RUNS_UNCHANGED: usize = 5;

/// Times of the three parts.
#[derive(Default)]
struct Times {
    create: Vec<Duration>,
    unchanged: Vec<Duration>,
    absent: Vec<Duration>,
}

/// Takes what a run that failed left behind off the machine.
struct Cleared<'a>(&'a Path);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        if !btrfs_image(self.0).exists() {
            return;
        }
        // Nothing can be done about a failure here, and the error that led here is the one to tell.
        let _ = Command::new("umount").arg(btrfs_mount(self.0)).output();
        let _ = Command::new("losetup").arg("--associated").arg(btrfs_image(self.0)).output().map(|found| {
            let found = String::from_utf8_lossy(&found.stdout).into_owned();
            found.lines().filter_map(|line| line.split(':').next()).for_each(|device| {
                let _ = Command::new("losetup").args(["--detach", device]).output();
            });
        });
    }
}

/// All three parts.
pub fn run(bench: &Bench) -> Result<Vec<Row>> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("  left out: loop devices and mounts need root");
        return Ok(Vec::new());
    }
    let (mut by_hand, mut by_seed) = (Times::default(), Times::default());
    for _ in 0..RUNS {
        let here = folder()?;
        let _cleared = Cleared(here.path());
        let floor = |part: &str| {
            let mut command = Command::new(&bench.floor);
            command.args(["floor", part]).arg(here.path());
            command
        };
        measure(&mut by_hand, || floor("btrfs-create"), || floor("btrfs-unchanged"), || floor("btrfs-absent"))?;

        let here = folder()?;
        let _cleared = Cleared(here.path());
        fs::write(here.path().join(SPEC), btrfs_spec())?;
        let apply = || seed(&bench.seed, here.path(), &["apply", "--yes", SPEC]);
        let absent = || seed(&bench.seed, here.path(), &["apply", "--yes", "--state", "absent", SPEC]);
        measure(&mut by_seed, apply, apply, absent)?;
    }
    let row = |work: &str, floor: Vec<Duration>, seed: Vec<Duration>, budget| Row {
        work: work.into(),
        floor: Some(Amount::Time(median(floor))),
        seed: Amount::Time(median(seed)),
        budget,
    };
    Ok(vec![
        row("create a Btrfs volume with 10 subvolumes and 10 snapshots", by_hand.create, by_seed.create, Budget::Floors(1.5)),
        row(
            "apply it again, no changes",
            by_hand.unchanged,
            by_seed.unchanged,
            Budget::At(Amount::Time(Duration::from_millis(10))),
        ),
        row("remove it", by_hand.absent, by_seed.absent, Budget::Floors(2.0)),
    ])
}

fn measure(
    times: &mut Times,
    create: impl Fn() -> Command,
    unchanged: impl Fn() -> Command,
    absent: impl Fn() -> Command,
) -> Result {
    times.create.push(time(&mut create(), &[0])?);
    for _ in 0..RUNS_UNCHANGED {
        times.unchanged.push(time(&mut unchanged(), &[0])?);
    }
    times.absent.push(time(&mut absent(), &[0])?);
    Ok(())
}
