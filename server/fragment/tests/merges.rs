//! The merge against git's own: whatever `git merge-file` merges, this merges to the same, and what clashes there clashes here.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use seed_fragment::merge::{Chunk, merge};

/// The merged lines; none if it clashes.
fn merged(base: &[&str], mine: &[&str], theirs: &[&str]) -> Option<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for chunk in merge(base, mine, theirs) {
        let some = match chunk {
            Chunk::Mine(range) => &mine[range],
            Chunk::Theirs(range, _) => &theirs[range],
            Chunk::Clash { .. } => return None,
        };
        lines.extend(some.iter().map(|line| line.to_string()));
    }
    Some(lines)
}

/// An edit of a text: where, whether a line goes there, and which comes.
type Edit = (usize, bool, Option<u8>);

fn edited(base: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut lines = base.to_vec();
    for (at, goes, comes) in edits {
        let at = at % (lines.len() + 1);
        if *goes && at < lines.len() {
            lines.remove(at);
        }
        lines.splice(at..at, *comes);
    }
    lines
}

fn three_texts() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, Vec<u8>)> {
    // Few different lines make the diffs that can be placed in more than one way.
    (2u8..40).prop_flat_map(|lines| {
        let edits = || prop::collection::vec((0usize..30, any::<bool>(), prop::option::of(0..lines)), 0..5);
        (prop::collection::vec(0..lines, 0..20), edits(), edits())
            .prop_map(|(base, left, right)| (base.clone(), edited(&base, &left), edited(&base, &right)))
    })
}

#[test]
fn three_thousand_merges_come_out_as_in_git() {
    let folder = tempfile::tempdir().unwrap();
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let strategy = three_texts();
    let (mut clean, mut clashes) = (0, 0);
    for _ in 0..3000 {
        let (base, mine, theirs) = strategy.new_tree(&mut runner).unwrap().current();
        let texts = [("mine", &mine), ("base", &base), ("theirs", &theirs)];
        let lines = texts.map(|(name, numbers)| {
            let lines: Vec<String> = numbers.iter().map(|number| format!("line {number}")).collect();
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            fs::write(folder.path().join(name), text).unwrap();
            lines
        });
        let args = ["merge-file", "--stdout", "mine", "base", "theirs"];
        let git = Command::new("git").args(args).current_dir(folder.path()).output().unwrap();
        let git_lines: Vec<String> = String::from_utf8(git.stdout).unwrap().lines().map(String::from).collect();
        let [mine, base, theirs] = lines.each_ref().map(|lines| lines.iter().map(String::as_str).collect::<Vec<_>>());
        let ours = merged(&base, &mine, &theirs);
        assert_eq!(ours, git.status.success().then_some(git_lines), "base {base:?}\nmine {mine:?}\ntheirs {theirs:?}");
        if ours.is_some() { clean += 1 } else { clashes += 1 }
    }
    assert!(clean > 500 && clashes > 500, "{clean} clean, {clashes} clashes");
}

#[test]
fn adjacent_lines_clash_and_lines_apart_do_not() {
    let base = ["a", "b", "c", "d"];
    assert_eq!(merged(&base, &["a", "B", "c", "d"], &["a", "b", "C", "d"]), None);
    let apart = merged(&base, &["A", "b", "c", "d"], &["a", "b", "c", "D"]);
    assert_eq!(apart.unwrap(), ["A", "b", "c", "D"]);
}
