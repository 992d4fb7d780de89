//! Root runs a command in a user's folder, and the user exchanges folders and files there with links to what is root's alone. It is never
//! changed, and not a byte of it is told.

use std::fs;
use std::time::Duration;

use super::Trials;
use super::draw::{Draw, is_all};
use super::world::files_below;
use crate::collections::Desk;
use crate::racer::{NOBODY, Pace, Raced, Racer, SECRET, Victim, Watch};
use crate::sandbox::{Ran, Sandbox, is_root, own};

const SPEC: &str = "name.seed.yaml";

/// A command of root's in a project of the user.
struct Race {
    /// The words behind `seed`.
    args: &'static [&'static str],
    /// The roles of the spec.
    roles: &'static str,
    /// Commands before it, as root, while nobody races.
    first: &'static [&'static [&'static str]],
    /// What the user exchanges, one at a time.
    targets: &'static [&'static str],
}

const TEXT: &str = "note:\n  is: file.text\n  path: ./way/note\n  content: new\n  mode: \"0644\"\n";
const TEMPLATE: &str = "page:\n  is: file.template\n  path: ./way/page\n  from: ./in/page.j2\n";
const LINK: &str = "link:\n  is: file.link\n  path: ./way/link\n  to: elsewhere\n";
const DIRECTORY: &str = "folder:\n  is: file.directory\n  path: ./way/folder\n  mode: \"0777\"\n";
const META: &str = "skeleton:\n  is: meta.template\n  roles: ./roles\n  except: [desk]\n";
const COMPOSITE: &str = "desk:\n  is: desk\n";
const SKELETONS: &[&[&str]] = &[&["new", "role", "lamp"]];

/// What changes files.
const WRITING: &[Race] = &[
    Race { args: &["apply", "--yes", "--destroy-data", SPEC], roles: TEXT, first: &[], targets: &["way", "way/note"] },
    Race {
        args: &["apply", "--yes", "--destroy-data", "--state", "absent", SPEC],
        roles: TEXT,
        first: &[&["apply", "--yes", "--destroy-data", SPEC]],
        targets: &["way", "way/note"],
    },
    Race {
        args: &["undo", "--yes", "--destroy-data", SPEC],
        roles: TEXT,
        first: &[&["apply", "--yes", "--destroy-data", SPEC]],
        targets: &["way", "way/note"],
    },
    Race {
        args: &["apply", "--yes", "--destroy-data", SPEC],
        roles: TEMPLATE,
        first: &[],
        targets: &["way", "way/page", "in", "in/page.j2"],
    },
    Race { args: &["apply", "--yes", SPEC], roles: LINK, first: &[], targets: &["way"] },
    Race { args: &["apply", "--yes", SPEC], roles: DIRECTORY, first: &[], targets: &["way", "way/folder"] },
    Race {
        args: &["apply", "--yes", SPEC],
        roles: META,
        first: SKELETONS,
        targets: &["roles", "roles/lamp", "roles/lamp/README.md"],
    },
    Race {
        args: &["fragment", "update"],
        roles: TEXT,
        first: &[],
        targets: &["etc", "etc/config", "fragments", "fragments/base"],
    },
    Race {
        args: &["fragment", "update"],
        roles: TEXT,
        first: &[&["fragment", "update"], &["fragment", "resolve", "--mine", "."]],
        targets: &[".seed", ".seed/base", ".seed/fragments.lock"],
    },
    Race {
        args: &["fragment", "add", "base", "way/note", "--comment", "# %s"],
        roles: TEXT,
        first: &[],
        targets: &["way", "way/note"],
    },
    Race {
        args: &["fragment", "detach", "etc/config"],
        roles: TEXT,
        first: &[&["fragment", "update"]],
        targets: &["etc", "etc/config"],
    },
    Race { args: &["new", "role", "shelf"], roles: TEXT, first: &[], targets: &["roles"] },
    Race { args: &["new", "meta"], roles: TEXT, first: &[], targets: &["fragments"] },
    Race { args: &["new", "spec", "lab"], roles: TEXT, first: &[], targets: &[SPEC] },
    Race {
        args: &["note", "--spec", SPEC, "--role", "note", "why it is so"],
        roles: TEXT,
        first: &[&["note", "first"]],
        targets: &["notes", SPEC],
    },
    Race { args: &["collection", "add", "desk", "../desk.git"], roles: TEXT, first: &[], targets: &[SPEC] },
    Race { args: &["collection", "add", "shared", "./shared"], roles: TEXT, first: &[], targets: &[SPEC, "shared"] },
    Race {
        args: &["collection", "update"],
        roles: TEXT,
        first: &[&["collection", "add", "desk", "../desk.git"]],
        targets: &[SPEC, "seed.lock"],
    },
    Race {
        args: &["collection", "vendor"],
        roles: TEXT,
        first: &[&["collection", "add", "desk", "../desk.git"]],
        targets: &[SPEC, "collections", "seed.lock"],
    },
    Race { args: &["fmt", "way/odd.seed.yaml"], roles: TEXT, first: &[], targets: &["way", "way/odd.seed.yaml"] },
    Race { args: &["graph", "-o", "way/picture.svg", SPEC], roles: TEXT, first: &[], targets: &["way", "way/picture.svg", SPEC] },
    Race { args: &["trust", "way"], roles: TEXT, first: &[], targets: &["way"] },
    Race { args: &["index"], roles: TEXT, first: &[&["note", "first"]], targets: &["notes", SPEC] },
];

/// What only looks.
const READING: &[Race] = &[
    Race { args: &["check", SPEC], roles: COMPOSITE, first: &[], targets: READ },
    Race { args: &["check", "."], roles: COMPOSITE, first: &[], targets: READ },
    Race { args: &["plan", "-v", SPEC], roles: COMPOSITE, first: &[], targets: READ },
    Race { args: &["info", "--json", SPEC], roles: COMPOSITE, first: &[], targets: READ },
    Race { args: &["plan", "-v", SPEC], roles: TEXT, first: &[], targets: &["way", "way/note"] },
    Race { args: &["plan", "-v", SPEC], roles: TEMPLATE, first: &[], targets: &["in", "in/page.j2", "way/page"] },
    Race { args: &["graph", "--format", "json", SPEC], roles: COMPOSITE, first: &[], targets: READ },
    Race { args: &["fragment", "status"], roles: TEXT, first: &[], targets: &["etc", "etc/config", "fragments/base"] },
    Race { args: &["recall", "root"], roles: TEXT, first: &[&["note", "first"]], targets: &["notes", SPEC] },
    Race { args: &["fmt", "--check", SPEC], roles: TEXT, first: &[], targets: &[SPEC] },
];

const READ: &[&str] =
    &[SPEC, "parts", "parts/part.seed.yaml", "roles", "roles/desk", "roles/desk/role.yml", "roles/desk/tasks/main.yml"];

impl Race {
    /// A project of the user in which the command comes next.
    fn set_up(&self) -> Sandbox {
        let (sandbox, _) = Sandbox::with_spec(self.roles);
        let spec = sandbox.read(SPEC).replacen("roles:", "include: [./parts/part.seed.yaml]\nroles:", 1);
        sandbox.write(SPEC, &spec);
        for (path, text) in [
            ("parts/part.seed.yaml", "seed: 1\nname: part\nwhy: A test.\nroles:\n  p: {is: file.directory, path: ./parts}\n"),
            ("way/note", "old\n"),
            ("way/page", "old\n"),
            ("way/picture.svg", "old\n"),
            ("way/odd.seed.yaml", "seed:   1\nname: odd\nwhy:   A test.\nroles: {}\n"),
            ("in/page.j2", "a page\n"),
            ("etc/config", "# seed:begin base#1\n# seed:end base#1\n"),
            ("fragments/base", "Port 22\n"),
            ("roles/desk/role.yml", "about: A desk.\n"),
            ("roles/desk/tasks/main.yml", "present:\n  top: {is: file.text, path: ./top, content: x}\n"),
            ("collections/other/README", "Nothing.\n"),
            ("shared/roles/chair/role.yml", "about: A chair.\n"),
            ("shared/roles/chair/tasks/main.yml", "present:\n  seat: {is: file.directory, path: ./seat}\n"),
            ("notes/old.md", "# old\n"),
        ] {
            sandbox.write(path, text);
        }
        for folder in [".git", "way/folder"] {
            fs::create_dir(sandbox.at(folder)).unwrap();
        }
        Desk::new(&sandbox);
        own(sandbox.path(), NOBODY);
        for args in self.first {
            let ran = run(&sandbox, args);
            assert!(ran.code().is_some_and(|code| code < 100), "{}", ran.told());
        }
        own(sandbox.path(), NOBODY);
        sandbox
    }

    /// Runs it once against a racer, and says what that one did.
    fn run(&self, target: &str, pace: Pace) -> Raced {
        let sandbox = self.set_up();
        let path = sandbox.at(target);
        let victim = Victim::of(&sandbox, target);
        let racer = Racer::start(Watch::of_project(sandbox.path()), &path, &victim.bait(pace), pace);
        let ran = run(&sandbox, self.args);
        let raced = racer.stop();
        // Without a race the command does what it is for; against one it may fail, and not die.
        let is_fine = |code| if matches!(pace, Pace::Never) { matches!(code, 0 | 2) } else { code < 100 };
        assert!(ran.code().is_some_and(is_fine), "{}", ran.told());
        victim.assert_is_unharmed();
        ran.never_says(SECRET);
        let told: Vec<_> = files_below(sandbox.path())
            .into_iter()
            .filter(|file| {
                !file.is_symlink() && fs::read(file).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(SECRET))
            })
            .collect();
        assert!(told.is_empty(), "what only root reads was written to {told:?}");
        raced
    }
}

/// As with sudo: root, for the user whose specs may be read.
fn run(sandbox: &Sandbox, args: &[&str]) -> Ran {
    Ran::of(sandbox.seed_command(args).env("SUDO_UID", NOBODY.to_string()).env("HOME", sandbox.path().parent().unwrap()))
}

fn all(what: &'static str, races: &[Race], at_least: usize) {
    if !is_root() {
        return;
    }
    let mut trials = Trials::of(what);
    let mut draw = Draw::of(what);
    let pairs: Vec<(&Race, &str)> =
        races.iter().flat_map(|race| race.targets.iter().map(move |target| (race, *target))).collect();
    let rounds = at_least.div_ceil(pairs.len()) * if is_all() { 10 } else { 1 };
    let mut exchanges = 0;
    for (race, target) in pairs {
        let events = race.run(target, Pace::Never).events;
        // Fragments are checked most often on the way, and so are hardest to get between.
        for round in 0..rounds * if race.args[0] == "fragment" { 3 } else { 1 } {
            let pace = match round % 6 {
                0 | 1 => Pace::Always,
                2 => Pace::Every(1 + draw.below(4)),
                3 => Pace::WhatIsNew,
                _ => Pace::Once {
                    events: 1 + draw.below(events),
                    and: Duration::from_micros(u64::try_from(draw.below(40)).unwrap()),
                },
            };
            let which = format!("seed {} against {target}, {pace:?} of {events}", race.args.join(" "));
            exchanges += trials.attempt(which, || race.run(target, pace)).unwrap_or_default().exchanges;
        }
    }
    assert!(exchanges > trials.tries(), "the racer was there {exchanges} times only");
    trials.end(at_least);
}

#[test]
fn none_that_changes_files_is_won() {
    all("races against commands that write", WRITING, 800);
}

#[test]
fn none_that_looks_is_won() {
    all("races against commands that read", READING, 400);
}
