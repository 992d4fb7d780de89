//! Kills of the commands that change a project or what Seed knows: fragments, collections, trust.

use std::fs;
use std::time::Instant;

use super::Trials;
use super::draw::{Draw, is_all};
use super::kills::killed_after;
use super::world::assert_nothing_is_lost_sight_of;
use crate::collections::Desk;
use crate::sandbox::{Ran, Sandbox};
use crate::tree::Tree;

/// A command, and what must come before it.
struct Change {
    args: &'static [&'static str],
    set_up: fn() -> Sandbox,
}

fn project() -> Sandbox {
    let (sandbox, _) = Sandbox::with_spec("note: {is: file.text, path: ./note, content: x}\n");
    fs::create_dir(sandbox.at(".git")).unwrap();
    sandbox.write("fragments/base", "Port 22\none\ntwo\n");
    for number in 0..6 {
        let text = format!("# mine\n# seed:begin base#{number}\n# seed:end base#{number}\n");
        sandbox.write(&format!("etc/d{}/config{number}", number % 2), &text);
    }
    sandbox.write("README", &"Read me.\n".repeat(500));
    sandbox
}

/// One whose fragment has changed since it was rendered, and of whose blocks one was edited.
fn rendered() -> Sandbox {
    let sandbox = project();
    sandbox.seed(&["fragment", "update"]).exits(0);
    let edited = sandbox.read("etc/d0/config0").replace("two\n", "two\nmine\n");
    sandbox.write("etc/d0/config0", &edited);
    sandbox.write("fragments/base", "Port 2222\none\ntwo\n");
    sandbox
}

fn beside_a_repository() -> Sandbox {
    let sandbox = project();
    Desk::new(&sandbox);
    sandbox
}

fn with_collection() -> Sandbox {
    let sandbox = beside_a_repository();
    sandbox.seed(&["collection", "add", "desk", "../desk.git"]).exits(0);
    sandbox
}

const UPDATE: Change = Change { args: &["fragment", "update"], set_up: rendered };
const ADD: Change = Change { args: &["fragment", "add", "base", "README", "--comment", "# %s"], set_up: project };
const ADD_NAMED: Change =
    Change { args: &["fragment", "add", "base", "README", "--comment", "# %s", "--instance", "r"], set_up: project };

const OTHERS: &[Change] = &[
    Change { args: &["collection", "add", "desk", "../desk.git"], set_up: beside_a_repository },
    Change { args: &["collection", "vendor"], set_up: with_collection },
    Change { args: &["trust", "."], set_up: project },
    Change { args: &["fmt", "name.seed.yaml"], set_up: project },
    Change { args: &["new", "role", "lab"], set_up: project },
    Change { args: &["new", "spec", "lab"], set_up: project },
    Change { args: &["fragment", "add", "base", "README", "--comment", "# %s"], set_up: project },
];

/// What a command has to do with: the project, and what root's own configuration says (whom it trusts).
fn all(sandbox: &Sandbox) -> [Tree; 2] {
    let configured = sandbox.path().parent().unwrap().join("config");
    fs::create_dir_all(&configured).unwrap();
    let without_lock = |tree: Tree| tree.renamed(|path| (!path.ends_with(".seed/lock")).then(|| path.to_path_buf()));
    let here = sandbox.path().display().to_string();
    let without_place = |tree: Tree| tree.with_words(|words| words.replace(&here, ""));
    [without_lock(sandbox.tree()), without_place(Tree::of(&configured))]
}

#[track_caller]
fn assert_same(sandbox: &Sandbox, expected: &[Tree; 2]) {
    let found: Vec<String> = all(sandbox).iter().zip(expected).flat_map(|(now, expected)| now.differences(expected)).collect();
    assert!(found.is_empty(), "after the second run:\n{}", found.join("\n"));
}

impl Change {
    fn reference(&self) -> [Tree; 2] {
        let sandbox = (self.set_up)();
        sandbox.seed(self.args).exits(0);
        all(&sandbox)
    }

    fn again(&self, sandbox: &Sandbox, expected: &[Tree; 2]) {
        let ran = sandbox.seed(self.args);
        // What the killed run had finished is there already.
        assert!(matches!(ran.code(), Some(0 | 1)), "{}", ran.told());
        assert_same(sandbox, expected);
        assert_eq!(sandbox.processes(), Vec::<String>::new(), "processes left");
    }
}

#[test]
fn fragments_at_every_step() {
    let mut trials = Trials::of("kills, fragment update and add");
    for change in [UPDATE, ADD, ADD_NAMED] {
        let expected = change.reference();
        for step in 1.. {
            let mut killed = true;
            trials.attempt(format!("seed {}, step {step}", change.args.join(" ")), || {
                let sandbox = (change.set_up)();
                let ran = Ran::of(sandbox.seed_command(change.args).env("SEED_FAILPOINT", format!("fragment:{step}")));
                killed = ran.was_killed();
                if killed { change.again(&sandbox, &expected) } else { drop(ran.exits(0)) }
            });
            if !killed {
                trials.discount();
                break;
            }
        }
    }
    trials.end(20);
}

#[test]
fn the_others_at_any_moment() {
    let mut trials = Trials::of("kills, collection, trust and fmt");
    for change in OTHERS {
        let expected = change.reference();
        let mut draw = Draw::of(change.args[0]);
        let sandbox = (change.set_up)();
        let start = Instant::now();
        sandbox.seed(change.args).exits(0);
        let whole = start.elapsed();
        drop(sandbox);
        for _ in 0..if is_all() { 500 } else { 30 } {
            let moment = whole * u32::try_from(draw.below(1000)).unwrap() / 1000;
            let mut killed = true;
            trials.attempt(format!("seed {} after {} µs", change.args.join(" "), moment.as_micros()), || {
                let sandbox = (change.set_up)();
                killed = killed_after(&sandbox, change.args, moment).was_killed();
                if killed {
                    change.again(&sandbox, &expected);
                }
            });
            if !killed {
                trials.discount();
            }
        }
    }
    trials.end(60);
}

#[test]
fn forget_at_every_record() {
    const FORGET: &[&str] = &["forget", "--yes", "name.seed.yaml", "note", "other"];
    let mut trials = Trials::of("kills, forget");
    for record in 1.. {
        let mut killed = true;
        trials.attempt(format!("record {record}"), || {
            let roles = ["note", "other", "third"].map(|role| format!("{role}: {{is: file.text, path: ./{role}, content: x}}\n"));
            let (sandbox, spec) = Sandbox::with_spec(&roles.concat());
            sandbox.write("note", "of a person\n");
            sandbox.seed(&["apply", "--yes", spec]).exits(0);
            let applied = sandbox.tree();
            let ran = sandbox.seed_killed_at(record, FORGET);
            killed = ran.was_killed();
            if !killed {
                ran.exits(0);
            }
            let again = sandbox.seed(FORGET);
            assert!(matches!(again.code(), Some(0 | 1)), "{}", again.told());
            assert_eq!(sandbox.tree(), applied, "what was made stays as it is");
            sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
            let is_there = ["note", "other", "third"].map(|role| sandbox.at(role).exists());
            assert_eq!(is_there, [true, true, false], "absent leaves alone what was forgotten");
            assert_nothing_is_lost_sight_of(&sandbox);
        });
        if !killed {
            trials.discount();
            break;
        }
    }
    trials.end(2);
}
