//! Nothing happens without a yes, and only what was said yes to.

use std::time::{Duration, Instant};

use crate::commands::FILES;
use crate::sandbox::{Ran, Sandbox};

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["apply", spec]).exits(3).says("no terminal").says("--yes");
    assert!(!sandbox.at("tree").exists());
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["apply", "--state", "absent", spec]).exits(3);
    sandbox.seed(&["undo", spec]).exits(3);
    assert!(sandbox.at("tree/note").exists());
    sandbox.seed(&["apply", spec]).exits(0).says("Nothing to do");
}

#[test]
fn on_a_terminal_the_plan_is_shown_and_the_answer_counts() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    // script(1) gives a program a terminal, and types what it reads.
    let on_terminal = |answer: &str| {
        std::fs::write(sandbox.at("../answer"), answer).unwrap();
        let mut command = sandbox.command("script");
        let line = format!("'{}' apply {spec}", crate::sandbox::SEED);
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        Ran::of(command.stdin(std::fs::File::open(sandbox.at("../answer")).unwrap()))
    };
    on_terminal("n\n").exits(3).says("3 to create").says("Apply this plan?");
    assert!(!sandbox.at("tree").exists());
    on_terminal("y\n").exits(0);
    assert!(sandbox.at("tree/note").exists());
}

#[test]
fn only_the_plan_that_was_confirmed_is_done() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    let digest = |ran: Ran| ran.json()["digest"].as_str().unwrap().to_string();
    let confirmed = digest(sandbox.seed(&["plan", "--json", spec]).exits(2));

    sandbox.write("tree/note", "someone was faster\n");
    sandbox.seed(&["apply", "--plan-digest", &confirmed, spec]).exits(3).says(&confirmed).says("changed");
    sandbox.seed(&["apply", "--yes", "--plan-digest", &confirmed, spec]).exits(3);
    assert_eq!(sandbox.read("tree/note"), "someone was faster\n");

    let confirmed = digest(sandbox.seed(&["plan", "--json", spec]).exits(2));
    sandbox.seed(&["apply", "--plan-digest", &confirmed, spec]).exits(0);
    assert_eq!(sandbox.read("tree/note"), "Hello.\n");
}

#[test]
fn the_digest_is_the_same_for_the_same_plan() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    let digest = || sandbox.seed(&["plan", "--json", spec]).json()["digest"].clone();
    let first = digest();
    assert_eq!(first, digest());
    let reordered: Vec<&str> = FILES.split("\n\n").collect();
    sandbox
        .write_spec(&reordered.into_iter().rev().map(|role| role.trim_end().to_string() + "\n").collect::<Vec<_>>().join("\n"));
    sandbox.seed(&["check", spec]).exits(0);
    sandbox.write_spec(&FILES.replace("Hello.", "Hello!"));
    assert_ne!(first, digest());
}

#[test]
fn what_destroys_data_needs_more_than_a_yes() {
    let (sandbox, spec) = Sandbox::with_spec("note:\n  is: file.text\n  path: ./note\n  content: ours\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("note", "edited by hand, and worth something\n");

    let plan = sandbox.seed(&["plan", "--json", "--state", "absent", spec]).exits(2).json();
    assert_eq!(plan["actions"][0]["destructive"], true, "{plan}");
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(3).says("--destroy-data").says("disposable");
    assert_eq!(sandbox.read("note"), "edited by hand, and worth something\n");
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", spec]).exits(0);
    assert!(!sandbox.at("note").exists());
}

#[test]
fn what_is_disposable_needs_no_more_than_a_yes() {
    let (sandbox, spec) = Sandbox::with_spec("note:\n  is: file.text\n  path: ./note\n  content: ours\n  disposable: true\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("note", "edited by hand\n");
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert!(!sandbox.at("note").exists());
}

#[test]
fn two_applies_of_one_spec_do_not_meet() {
    let (sandbox, spec) = Sandbox::with_spec(&crate::interruption::slow_roles(2));
    sandbox.seed(&["trust", "."]).exits(0);
    let first = sandbox.seed_command(&["apply", "--yes", spec]).spawn().unwrap();
    let begun = Instant::now();
    while !sandbox.at("started-0").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the first apply does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    sandbox.seed(&["apply", "--yes", spec]).exits(3).says("another seed is at work");
    sandbox.seed(&["undo", "--yes", spec]).exits(3);
    let looked = sandbox.seed(&["plan", spec]);
    assert!(matches!(looked.code(), Some(0 | 2)), "looking waits for nobody: {}", looked.told());
    sandbox.write("go", "");
    let first = Ran::ended("apply", first.wait_with_output().unwrap());
    first.exits(0);
    sandbox.seed(&["info", spec]).exits(0);
}
