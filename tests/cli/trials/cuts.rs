//! Power cuts: a kill behind a record, of whose last line not all bytes reached the disk. The same command again comes to the same end.

use std::fs;
use std::path::{Path, PathBuf};

use super::Trials;
use super::commands::{Command, SPEC, Scene};
use super::draw::{Draw, is_all};
use super::kills::{Between, continue_and_compare};
use super::things::{BTRFS, EXT4, FILES, Thing};
use super::world::journals;
use crate::sandbox::{Sandbox, is_root};

/// How many bytes of a line are tried at each of its ends, and how many between, unless all are.
const AT_THE_ENDS: usize = 2;
const BETWEEN: usize = 1;

fn journal(sandbox: &Sandbox) -> PathBuf {
    let all = journals(sandbox);
    assert_eq!(all.len(), 1, "{SPEC} has one journal: {all:?}");
    all[0].join("journal")
}

/// Where the last line of a journal begins and ends, in bytes from its start; the end is behind the line break.
fn last_line(journal: &PathBuf) -> std::ops::Range<usize> {
    let bytes = fs::read(journal).unwrap();
    let before = &bytes[..bytes.len().saturating_sub(1)];
    before.iter().rposition(|byte| *byte == b'\n').map_or(0, |line_break| line_break + 1)..bytes.len()
}

/// Whether the snapshot of the ledger covers all of a journal.
fn is_in_the_snapshot(journal: &Path) -> bool {
    let bytes = fs::metadata(journal).unwrap().len();
    let snapshot = fs::read_to_string(journal.with_file_name("ledger")).unwrap_or_default();
    snapshot.lines().next().is_some_and(|extent| extent.contains(&format!("\"bytes\":{bytes},")))
}

/// How many bytes of a line of this length are left, each in a trial of its own. Half a line is always among them, and all but its break.
fn lengths(line: usize, draw: &mut Draw) -> Vec<usize> {
    if is_all() || line <= 2 * AT_THE_ENDS + BETWEEN {
        return (0..line).collect();
    }
    let inner = (0..BETWEEN).map(|_| AT_THE_ENDS + draw.below(line - 2 * AT_THE_ENDS));
    let mut lengths: Vec<usize> = (0..AT_THE_ENDS).chain(inner.collect::<Vec<_>>()).chain(line - AT_THE_ENDS..line).collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

/// Cuts the journal of a scene behind each record.
fn cut(trials: &mut Trials, scene: &Scene<'_>) {
    let what = format!("{}, {:?}", scene.thing.name, scene.command);
    let mut draw = Draw::of(&format!("cuts of {what}"));
    let Some(reference) = trials.attempt(format!("{what}, without a kill"), || scene.reference()) else { return };
    trials.discount();
    for record in 1.. {
        let killed = |sandbox: &Sandbox| {
            let ran = sandbox.seed_killed_at(record, &scene.args());
            ran.was_killed() || {
                ran.exits(0);
                false
            }
        };
        let sandbox = scene.set_up();
        if !killed(&sandbox) {
            return;
        }
        let line = last_line(&journal(&sandbox));
        drop(sandbox);
        for length in lengths(line.len(), &mut draw) {
            trials.attempt(format!("{what}, record {record}, {length} of {} bytes", line.len()), || {
                let sandbox = scene.set_up();
                assert!(killed(&sandbox));
                let journal = journal(&sandbox);
                // Roles run side by side: the record may be another one than before.
                let line = last_line(&journal);
                let file = fs::File::options().write(true).open(&journal).unwrap();
                // What a snapshot has taken in was on the disk before that: nothing of the next record was.
                let length = if is_in_the_snapshot(&journal) { line.len() } else { length.min(line.len() - 1) };
                file.set_len(u64::try_from(line.start + length).unwrap()).unwrap();
                continue_and_compare(scene, &reference, &sandbox, Between::Nothing, &mut draw);
            });
        }
    }
}

fn trial(what: &'static str, thing: &Thing, commands: &[Command]) {
    if !is_root() {
        return;
    }
    let mut trials = Trials::of(what);
    for command in commands {
        cut(&mut trials, &Scene { thing, command: *command, disposable: false });
    }
    trials.end(20);
}

#[test]
fn of_files() {
    trial("power cuts, files with ACLs, apply", &FILES, &[Command::Present, Command::Absent, Command::Change]);
}

#[test]
fn of_files_taken_back() {
    let commands = [Command::Repair, Command::UndoOfChange, Command::UndoOfAbsent];
    trial("power cuts, files with ACLs, undo and repair", &FILES, &commands);
}

#[test]
fn of_an_ext4_volume() {
    trial("power cuts, ext4 volume, absent", &EXT4, &[Command::Absent]);
}

#[test]
fn of_an_ext4_volume_replaced() {
    trial("power cuts, ext4 volume, replace", &EXT4, &[Command::Replace]);
}

#[test]
fn of_an_ext4_volume_taken_back() {
    trial("power cuts, ext4 volume, undo", &EXT4, &[Command::UndoOfPresent, Command::UndoOfAbsent]);
}

#[test]
fn of_a_btrfs_volume() {
    trial("power cuts, Btrfs volume, absent", &BTRFS, &[Command::Absent]);
}

#[test]
fn of_a_btrfs_volume_taken_back() {
    trial("power cuts, Btrfs volume, undo", &BTRFS, &[Command::UndoOfChange]);
}
