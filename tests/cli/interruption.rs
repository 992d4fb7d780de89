//! Law 7: whenever the process is stopped, the same command run again reaches the same end, and nothing leaks.

use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::sandbox::{Ran, Sandbox, is_root};

const SPEC: &str = "name.seed.yaml";
const PRESENT: &[&str] = &["apply", "--yes", SPEC];
const ABSENT: &[&str] = &["apply", "--yes", "--state", "absent", SPEC];
const UNDO: &[&str] = &["undo", "--yes", SPEC];

/// More records than any of these runs writes: the search must end by itself.
const MOST_RECORDS: usize = 500;

/// Commands one after the other that leave `started-N`, wait for a file `go`, and leave `done-N`: they end when the test
/// says so, however slow the machine is.
pub fn slow_roles(count: usize) -> String {
    let role = |number: usize| {
        let needs = if number == 0 { String::new() } else { format!("  needs: [step{}]\n", number - 1) };
        format!(
            "step{number}:\n  is: task.command\n  folder: .\n{needs}  \
             present: [sh, -c, \"touch started-{number}; while [ ! -e go ]; do sleep 0.05; done; touch done-{number}\"]\n  \
             absent: [rm, -f, started-{number}, done-{number}]\n  info: [test, -e, done-{number}]\n\n"
        )
    };
    (0..count).map(role).collect()
}

/// Roles of files over what is there before: replaced, changed, made, in folders that are missing.
fn files() -> Sandbox {
    let (sandbox, _) = Sandbox::with_spec(
        "\
top:
  is: file.directory
  path: ./new/top
  mode: \"0750\"
  disposable: true

replaced:
  is: file.text
  path: ./replaced
  content: |
    what the spec says

deep:
  is: file.text
  path: ./new/top/a/b/deep
  content: deep
  needs: [replaced]

page:
  is: file.template
  path: ./page
  from: ./page.j2
  with: {name: lab}
  mode: \"0600\"

opened:
  is: file.directory
  path: ./there
  mode: \"0755\"
  disposable: true

current:
  is: file.link
  path: ./current
  to: new/top
",
    );
    sandbox.write("replaced", &"what stood here before\n".repeat(50));
    sandbox.write("page.j2", "<h1>{{ name }}</h1>\n");
    sandbox.write("there/letter", "dear\n");
    std::os::unix::fs::symlink("old", sandbox.at("current")).unwrap();
    sandbox
}

/// The portable Btrfs volume, with a file on it.
fn volume() -> Sandbox {
    let (sandbox, _) = Sandbox::with_spec(
        "\
image:
  is: storage.file_block_image
  path: ./disks/volume.img
  size: 128 MiB
  disposable: true

loop:
  is: storage.loopback_device
  backing: image

pool:
  is: storage.btrfs
  devices: [loop]
  label: law7
  mount: ./volume
  disposable: true
  subvolumes:
    home: {}
    work: {quota: 32 MiB}
  snapshots:
    home.first: {of: home, read_only: true}
    work.first: {of: work}

note:
  is: file.text
  path: ./volume/home/note
  content: |
    On the volume.
",
    );
    sandbox
}

/// Stops a run behind each record of its journal in turn and runs it again, sometimes stopped a second time on the way.
/// Gives the number of kills.
fn killed_at_every_record(set_up: fn() -> Sandbox, direction: &[&str]) -> usize {
    let sandbox = set_up();
    let seed = sandbox.tree();
    sandbox.seed(PRESENT).exits(0);
    let grown = sandbox.tree();
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(sandbox.tree(), seed, "without any stop");
    drop(sandbox);

    let mut kills = 0;
    for record in 1..MOST_RECORDS {
        let sandbox = set_up();
        if direction == ABSENT {
            sandbox.seed(PRESENT).exits(0);
        }
        let ran = sandbox.seed_killed_at(record, direction);
        if !ran.was_killed() {
            ran.exits(0);
            assert!(kills >= 5, "a run writes more than {kills} records");
            return kills;
        }
        kills += 1;
        // The way back from a stop can be stopped too.
        kills += usize::from(sandbox.seed_killed_at(record % 7 + 1, direction).was_killed());

        sandbox.seed(direction).exits(0);
        if direction == PRESENT {
            assert_eq!(sandbox.tree(), grown, "killed behind record {record}, applied again");
            sandbox.seed(&["info", SPEC]).exits(0);
            let summary = sandbox.seed(&["apply", "--yes", "--json", SPEC]).exits(0).summary();
            assert_eq!(summary["changed"], 0, "killed behind record {record}");
            sandbox.seed(ABSENT).exits(0);
        }
        assert_eq!(sandbox.tree(), seed, "killed behind record {record}, taken back");
        sandbox.assert_nothing_leaks();
        sandbox.seed(&["plan", "--state", "absent", SPEC]).exits(0);
    }
    panic!("a run of more than {MOST_RECORDS} records");
}

fn tell(what: &str, kills: usize) {
    eprintln!("law 7: {kills} kills, {what}");
}

#[test]
fn files_survive_a_kill_at_every_record_of_present() {
    tell("files, present", killed_at_every_record(files, PRESENT));
}

#[test]
fn files_survive_a_kill_at_every_record_of_absent() {
    tell("files, absent", killed_at_every_record(files, ABSENT));
}

#[test]
fn a_volume_survives_a_kill_at_every_record_of_present() {
    if is_root() {
        tell("Btrfs volume, present", killed_at_every_record(volume, PRESENT));
    }
}

#[test]
fn a_volume_survives_a_kill_at_every_record_of_absent() {
    if is_root() {
        tell("Btrfs volume, absent", killed_at_every_record(volume, ABSENT));
    }
}

#[test]
fn a_volume_survives_kills_at_any_moment() {
    if !is_root() {
        return;
    }
    let sandbox = volume();
    let seed = sandbox.tree();
    let start = Instant::now();
    sandbox.seed(PRESENT).exits(0);
    let whole = start.elapsed();
    let grown = sandbox.tree();
    let mut kills = 0;
    for round in 0..20u32 {
        let direction = if round % 2 == 0 { ABSENT } else { PRESENT };
        let mut child = sandbox.seed_command(direction).spawn().unwrap();
        // Moments spread over the run, never the same twice.
        std::thread::sleep(whole * (round * 7 % 20) / 20);
        child.kill().unwrap();
        kills += usize::from(Ran::ended("apply", child.wait_with_output().unwrap()).was_killed());
        sandbox.seed(direction).exits(0);
        assert_eq!(sandbox.tree(), if round % 2 == 0 { seed.clone() } else { grown.clone() }, "round {round}");
    }
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(sandbox.tree(), seed);
    sandbox.assert_nothing_leaks();
    tell("Btrfs volume, any moment", kills);
}

#[test]
fn undo_survives_a_kill_at_every_record() {
    let mut kills = 0;
    for record in 1..MOST_RECORDS {
        let sandbox = files();
        let seed = sandbox.tree();
        sandbox.seed(PRESENT).exits(0);
        let ran = sandbox.seed_killed_at(record, UNDO);
        if !ran.was_killed() {
            ran.exits(0);
            break;
        }
        kills += 1;
        sandbox.seed(UNDO).exits(0);
        assert_eq!(sandbox.tree(), seed, "killed behind record {record}");
    }
    assert!(kills >= 5, "{kills}");
    tell("files, undo", kills);
}

#[test]
fn an_undo_that_was_killed_takes_one_run_back_and_no_more() {
    let spec = |content: &str| {
        format!("a: {{is: file.text, path: ./a, content: {content}}}\nb: {{is: file.text, path: ./b, content: {content}}}\n")
    };
    let mut kills = 0;
    for record in 1..MOST_RECORDS {
        let (sandbox, _) = Sandbox::with_spec(&spec("first"));
        sandbox.seed(PRESENT).exits(0);
        sandbox.write_spec(&spec("second"));
        let before = sandbox.tree();
        sandbox.seed(PRESENT).exits(0);
        if !sandbox.seed_killed_at(record, UNDO).was_killed() {
            break;
        }
        kills += 1;
        // Sometimes the second one is killed too.
        let again = sandbox.seed_killed_at(record % 3 + 1, UNDO);
        if again.was_killed() {
            kills += 1;
            sandbox.seed(UNDO).exits(0);
        } else {
            again.exits(0);
        }
        assert_eq!(sandbox.tree(), before, "killed behind record {record}");
        // Now it is over, and another one is another one.
        sandbox.seed(UNDO).exits(0);
        assert!(!sandbox.at("a").exists() && !sandbox.at("b").exists(), "killed behind record {record}");
        sandbox.seed(UNDO).exits(1).says("the journal of this spec has no apply to undo");
    }
    assert!(kills >= 10, "{kills}");
    tell("two runs, undo", kills);
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

fn wait_for(sandbox: &Sandbox, path: &str) {
    let begun = Instant::now();
    while !sandbox.at(path).exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{path} does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_c_ends_at_the_next_safe_point() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (sandbox, spec) = Sandbox::with_spec(&slow_roles(3));
        sandbox.seed(&["trust", "."]).exits(0);
        let child = sandbox.seed_command(&["apply", "--yes", "--json", spec]).spawn().unwrap();
        wait_for(&sandbox, "started-0");
        send(&child, signal);
        sandbox.write("go", "");
        let ran = Ran::ended("apply", child.wait_with_output().unwrap()).exits(130);
        let summary = ran.summary();
        assert_eq!((&summary["interrupted"], &summary["skipped"]), (&json!(true), &json!(2)), "{summary}");
        assert!(sandbox.at("done-0").exists(), "what had begun was ended");
        assert!(!sandbox.at("started-1").exists());
        let log = sandbox.seed(&["log", "--json", spec]).exits(0).json();
        assert_eq!(log["runs"][0]["status"], "interrupted");
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        assert!(sandbox.at("done-2").exists());
    }
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_the_next_run_goes_on() {
    let (sandbox, spec) = Sandbox::with_spec(&slow_roles(2));
    sandbox.seed(&["trust", "."]).exits(0);
    let child = sandbox.seed_command(&["apply", "--yes", spec]).spawn().unwrap();
    wait_for(&sandbox, "started-0");
    send(&child, Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(200));
    send(&child, Signal::SIGINT);
    let ran = Ran::ended("apply", child.wait_with_output().unwrap());
    assert_eq!(ran.code(), None, "{}", ran.told());
    assert!(ran.stderr().contains("stopping after step0; press Ctrl-C again to stop at once"), "{}", ran.told());
    sandbox.write("go", "");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["info", spec]).exits(0);
}
