//! A person saves files while an apply changes them. No edit is lost: it is in its place, or in a backup that the output names.

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;

use nix::poll::{PollFd, PollFlags};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::Trials;
use super::commands::SPEC;
use super::draw::{Draw, is_all};
use crate::sandbox::{Ran, Sandbox};

/// How many files an apply changes.
const FILES: usize = 300;
/// How many edits are made during one apply.
const EDITS: usize = 5;

fn roles(version: &str) -> String {
    let role = |number| format!("f{number}: {{is: file.text, path: ./d/f{number}, content: {version} {number}}}\n");
    (0..FILES).map(role).collect()
}

/// How an editor saves.
#[derive(Clone, Copy, Debug)]
enum Saving {
    /// A new file that takes the place of the old.
    ByRename,
    /// Into the file that is there.
    InPlace,
}

/// An edit that is made once so many files have been changed.
struct Edit {
    file: PathBuf,
    behind: usize,
    saving: Saving,
    text: String,
}

impl Edit {
    fn save(&self) {
        match self.saving {
            Saving::ByRename => {
                let beside = self.file.with_extension("of-the-editor");
                fs::write(&beside, &self.text).unwrap();
                fs::rename(&beside, &self.file).unwrap();
            }
            Saving::InPlace => {
                let mut file = fs::File::options().write(true).truncate(true).create(true).mode(0o644).open(&self.file).unwrap();
                file.write_all(self.text.as_bytes()).unwrap();
            }
        }
    }
}

/// Makes edits while a run replaces files in a folder, counted by what the kernel tells (inotify(7)).
fn make(edits: &[Edit], watch: &Inotify, run: &mut Child) {
    let mut replaced = 0;
    let mut edits = edits.iter().peekable();
    while edits.peek().is_some() {
        let mut ready = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
        if nix::poll::poll(&mut ready, 100u8).unwrap() == 0 {
            assert!(run.try_wait().unwrap().is_none(), "the apply ended behind {replaced} files");
            continue;
        }
        replaced += watch.read_events().unwrap().len();
        while let Some(edit) = edits.next_if(|edit| edit.behind <= replaced) {
            edit.save();
        }
    }
}

#[test]
fn none_made_during_an_apply_is_lost() {
    let mut trials = Trials::of("edits during an apply");
    let mut draw = Draw::of("edits");
    for round in 0..if is_all() { 100 } else { 14 } {
        let (sandbox, spec) = Sandbox::with_spec(&roles("first"));
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        sandbox.write_spec(&roles("second"));
        let mut edits: Vec<Edit> = (0..EDITS)
            .map(|number| {
                let behind = 1 + draw.below(FILES / 2);
                Edit {
                    file: sandbox.at(&format!("d/f{}", (draw.below(FILES / EDITS)) * EDITS + number)),
                    behind,
                    saving: *draw.one_of(&[Saving::ByRename, Saving::InPlace]),
                    text: format!("an edit of round {round}, number {number}\n"),
                }
            })
            .collect();
        edits.sort_by_key(|edit| edit.behind);

        let watch = Inotify::init(InitFlags::IN_CLOEXEC).unwrap();
        watch.add_watch(&sandbox.at("d"), AddWatchFlags::IN_MOVED_TO).unwrap();
        let mut child = sandbox.seed_command(&["apply", "--yes", SPEC]).spawn().unwrap();
        make(&edits, &watch, &mut child);
        let ran = Ran::ended("apply", child.wait_with_output().unwrap());
        assert_failures_are_edits(&edits, &ran);
        for edit in &edits {
            trials.attempt(format!("round {round}, {} {:?} behind {}", edit.file.display(), edit.saving, edit.behind), || {
                assert_is_there(edit, &ran);
            });
        }
    }
    trials.end(60);
}

/// Asserts that an edit is in its place, or in a backup that the output names.
fn assert_is_there(edit: &Edit, ran: &Ran) {
    let holds = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text == edit.text);
    if holds(&edit.file) {
        return;
    }
    let said = ran.stdout() + &ran.stderr();
    let words = said.split_whitespace().map(|word| Path::new(word.trim_matches(['(', ')', ',', ';', ':', '.', '`'])));
    let is_kept = words.into_iter().any(|path| path.is_absolute() && holds(path));
    assert!(is_kept, "the edit is lost; status {:?}: {}", ran.code(), ran.stderr());
}

/// Asserts that an apply failed only for files that were edited, and named each of them.
fn assert_failures_are_edits(edits: &[Edit], ran: &Ran) {
    assert!(matches!(ran.code(), Some(0 | 1)), "{}", ran.told());
    let edited: Vec<&str> = edits.iter().map(|edit| edit.file.file_name().unwrap().to_str().unwrap()).collect();
    let said = ran.stderr();
    let failed: Vec<&str> = said.lines().filter_map(|line| line.trim_start().strip_prefix("✗ ")?.split(' ').next()).collect();
    assert_eq!(ran.code() == Some(1), !failed.is_empty(), "{}", ran.told());
    assert!(failed.iter().all(|role| edited.contains(role)), "{failed:?} failed, and {edited:?} were edited: {}", ran.told());
}
