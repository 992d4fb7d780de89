//! What somebody saves while Seed changes files: never lost, wherever it falls.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::sandbox::{Ran, Sandbox};

const SPEC: &str = "name.seed.yaml";
const PRESENT: &[&str] = &["apply", "--yes", SPEC];
const ABSENT: &[&str] = &["apply", "--yes", "--destroy-data", "--state", "absent", SPEC];

/// Saves as most editors do: a new file, renamed over the old one.
fn save_by_rename(path: &Path, content: &str) {
    let new = path.with_extension("saving");
    fs::write(&new, content).unwrap();
    fs::rename(&new, path).unwrap();
}

/// Saves as others do: the file is emptied and written anew.
fn save_in_place(path: &Path, content: &str) {
    let mut file = fs::File::options().write(true).truncate(true).open(path).unwrap();
    file.write_all(content.as_bytes()).unwrap();
}

#[test]
fn edits_while_many_files_are_changed_are_never_lost() {
    const FILES: usize = 300;
    const EDITS: usize = 60;
    let spec: String =
        (0..FILES).map(|n| format!("f{n}:\n  is: file.text\n  path: ./file{n}\n  content: after {n}\n\n")).collect();
    let (sandbox, _) = Sandbox::with_spec(&spec);
    for n in 0..FILES {
        sandbox.write(&format!("file{n}"), &format!("before {n}"));
    }
    let mut seed = sandbox.seed_command(&["apply", "--yes", "--json", SPEC]).spawn().unwrap();
    let mut events = BufReader::new(seed.stdout.take().unwrap());
    let mut first = String::new();
    // Only once the plan is made: what was saved before it is part of it.
    events.read_line(&mut first).unwrap();
    assert!(first.contains("started"), "{first}");
    let edits = std::thread::scope(|scope| {
        let editor = scope.spawn(|| {
            let edit = |n: usize| {
                let number = n * 97 % FILES;
                let path = sandbox.at(&format!("file{number}"));
                let content = format!("saved by a person {n}");
                if n.is_multiple_of(2) {
                    save_by_rename(&path, &content)
                } else {
                    save_in_place(&path, &content)
                }
                std::thread::sleep(Duration::from_micros(300));
                (path, content)
            };
            (0..EDITS).map(edit).collect::<Vec<_>>()
        });
        let mut rest = String::new();
        events.read_to_string(&mut rest).unwrap();
        editor.join().unwrap()
    });
    let status = seed.wait().unwrap();
    let lost: Vec<_> = edits.iter().filter(|(path, content)| fs::read_to_string(path).unwrap() != *content).collect();
    assert!(lost.is_empty(), "{} of {EDITS} edits are lost: {lost:?}", lost.len());
    assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    // Nothing of the work is left beside them.
    assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), FILES + 1);
}

/// Starts `seed`, and waits until it stands between the comparison and the exchange.
fn held(sandbox: &Sandbox, failpoint: &str, args: &[&str]) -> Child {
    let child = sandbox.seed_command(args).env("SEED_FAILPOINT", failpoint).spawn().unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    match waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap() {
        WaitStatus::Stopped(..) => child,
        other => panic!("it did not come to an exchange: {other:?}"),
    }
}

/// Lets it go on, to its end.
fn released(child: Child) -> Ran {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGCONT).unwrap();
    Ran::ended("apply, held before an exchange", child.wait_with_output().unwrap())
}

/// What a person can do to a file, and how to tell that it is still so.
type Edit = (&'static str, fn(&Path), fn(&Path) -> bool);

const EDITS: &[Edit] = &[
    ("saved by rename", |path| save_by_rename(path, "edited"), |path| fs::read(path).unwrap() == b"edited"),
    ("saved in place", |path| save_in_place(path, "edited"), |path| fs::read(path).unwrap() == b"edited"),
    ("removed", |path| fs::remove_file(path).unwrap(), |path| !path.exists()),
    ("made private", |path| chmod(path, 0o600), |path| fs::metadata(path).unwrap().permissions().mode() & 0o7777 == 0o600),
    (
        "replaced by a folder",
        |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        },
        Path::is_dir,
    ),
];

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A file that was there before and is changed, and put back by `absent`.
fn changed() -> Sandbox {
    let (sandbox, _) = Sandbox::with_spec("note:\n  is: file.text\n  path: ./note\n  content: from the spec\n");
    sandbox.write("note", "from before");
    sandbox
}

/// A file that was not there, so that `absent` removes it.
fn made() -> Sandbox {
    Sandbox::with_spec("note:\n  is: file.text\n  path: ./note\n  content: from the spec\n").0
}

#[test]
fn an_edit_at_the_last_moment_stays_and_fails_its_role() {
    for (what, edit, is_kept) in EDITS {
        for (sandbox, is_present) in [(changed(), true), (changed(), false), (made(), false)] {
            let args = if is_present { PRESENT } else { ABSENT };
            if !is_present {
                sandbox.seed(PRESENT).exits(0);
            }
            let path = sandbox.at("note");
            let child = held(&sandbox, "before-exchange:1", args);
            edit(&path);
            let ran = released(child).exits(1).says("it changed since the plan was made");
            assert!(is_kept(&path), "{what}: {}", ran.told());
            let mut names: Vec<_> = fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.retain(|name| *name != *"note");
            assert_eq!(names, [SPEC], "{what}: something is left");
        }
    }
}

#[test]
fn what_comes_to_be_at_the_last_moment_is_not_overwritten() {
    // The first file is exchanged after the second was found missing.
    let (sandbox, _) = Sandbox::with_spec(
        "first:\n  is: file.text\n  path: ./first\n  content: from the spec\n\n\
         second:\n  is: file.text\n  path: ./second\n  content: from the spec\n",
    );
    sandbox.write("first", "from before");
    let child = held(&sandbox, "before-exchange:1", &["apply", "--yes", "--jobs", "1", SPEC]);
    sandbox.write("second", "from a person");
    released(child).exits(1).says("something was created there meanwhile");
    assert_eq!((sandbox.read("first"), sandbox.read("second")), ("from the spec".into(), "from a person".into()));
}

#[test]
fn a_link_that_is_pointed_elsewhere_at_the_last_moment_stays() {
    for is_present in [true, false] {
        let (sandbox, _) = Sandbox::with_spec("current:\n  is: file.link\n  path: ./current\n  to: new\n");
        symlink("old", sandbox.at("current")).unwrap();
        if !is_present {
            sandbox.seed(PRESENT).exits(0);
        }
        let child = held(&sandbox, "before-exchange:1", if is_present { PRESENT } else { ABSENT });
        fs::remove_file(sandbox.at("current")).unwrap();
        symlink("theirs", sandbox.at("current")).unwrap();
        released(child).exits(1).says("it points elsewhere");
        assert_eq!(fs::read_link(sandbox.at("current")).unwrap(), Path::new("theirs"));
        assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), 2);
    }
}

#[test]
fn a_kill_between_exchange_and_comparison_loses_no_edit() {
    for (sandbox, is_present) in [(changed(), true), (changed(), false), (made(), false)] {
        let args = if is_present { PRESENT } else { ABSENT };
        if !is_present {
            sandbox.seed(PRESENT).exits(0);
        }
        let path = sandbox.at("note");
        let child = held(&sandbox, "before-exchange:1,exchange:1", args);
        save_by_rename(&path, "edited");
        assert!(released(child).was_killed());
        // What the plan saw is not what is there: somebody has to look at it.
        sandbox.seed(args).exits(1).says("changed since the plan was made");
        assert_eq!(sandbox.read("note"), "edited");
        assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), 2, "something is left");
        // The next plan shows it.
        sandbox.seed(args).exits(0);
    }
}

#[test]
fn a_kill_between_exchange_and_comparison_changes_nothing_of_the_end() {
    for (sandbox, is_present) in [(changed(), true), (changed(), false), (made(), false)] {
        let before = sandbox.tree();
        let args = if is_present { PRESENT } else { ABSENT };
        if !is_present {
            sandbox.seed(PRESENT).exits(0);
        }
        assert!(Ran::of(sandbox.seed_command(args).env("SEED_FAILPOINT", "exchange:1")).was_killed());
        sandbox.seed(args).exits(0);
        if is_present {
            assert_eq!(sandbox.read("note"), "from the spec");
            sandbox.seed(ABSENT).exits(0);
        }
        assert_eq!(sandbox.tree(), before);
    }
}

#[test]
fn of_two_edits_around_a_kill_both_are_kept_and_named() {
    let sandbox = changed();
    let path = sandbox.at("note");
    let child = held(&sandbox, "before-exchange:1,exchange:1", PRESENT);
    save_by_rename(&path, "edited");
    assert!(released(child).was_killed());
    save_in_place(&path, "edited once more");
    sandbox.seed(PRESENT).exits(1).says("note.saved-1");
    assert_eq!((sandbox.read("note"), sandbox.read("note.saved-1")), ("edited once more".into(), "edited".into()));
}

#[test]
fn who_is_in_the_midst_of_saving_is_waited_for() {
    let sandbox = changed();
    let path = sandbox.at("note");
    let child = held(&sandbox, "before-exchange:1", PRESENT);
    // Opened before the exchange, and written to after it.
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    let start = Instant::now();
    let ran = std::thread::scope(|scope| {
        let ran = scope.spawn(|| released(child));
        while fs::read(&path).unwrap() == b"from before" && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(1));
        }
        file.write_all(b"edited.....").unwrap();
        drop(file);
        ran.join().unwrap()
    });
    ran.exits(1);
    assert_eq!(sandbox.read("note"), "edited.....");
}
