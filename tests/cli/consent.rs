//! Nothing happens without a yes, and only what was said yes to.

use std::time::{Duration, Instant};

use crate::commands::FILES;
use crate::sandbox::{Ran, Sandbox};

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["apply", spec]).exits(3).says("not a terminal").says("--yes");
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

/// The digest of a plan.
fn digest_of(sandbox: &Sandbox, args: &[&str]) -> String {
    let ran = sandbox.seed(&[&["plan", "--json"], args, &["name.seed.yaml"]].concat());
    ran.json()["digest"].as_str().unwrap_or_else(|| panic!("{}", ran.told())).to_string()
}

/// A command that makes a file, with what stands for `present`, `absent` and `info`.
fn command(present: &str, absent: &str) -> String {
    format!("made:\n  is: task.command\n  folder: .\n  present: {present}\n  absent: {absent}\n  info: [test, -e, made]\n")
}

#[test]
fn another_command_than_the_one_confirmed_does_not_run() {
    let (sandbox, spec) = Sandbox::with_spec(&command("[touch, made]", "[rm, made]"));
    sandbox.seed(&["trust", "."]).exits(0);
    let confirmed = digest_of(&sandbox, &[]);
    sandbox.write_spec(&command("[sh, -c, touch made; touch evil]", "[rm, made]"));
    sandbox.seed(&["apply", "--plan-digest", &confirmed, spec]).exits(3).says(&confirmed);
    assert!(!sandbox.at("evil").exists() && !sandbox.at("made").exists());
    sandbox.write_spec(&command("[touch, made]", "[rm, made]"));
    sandbox.seed(&["apply", "--plan-digest", &confirmed, spec]).exits(0);

    let confirmed = digest_of(&sandbox, &["--state", "absent"]);
    sandbox.write_spec(&command("[touch, made]", "[sh, -c, rm made; touch evil]"));
    sandbox.seed(&["apply", "--state", "absent", "--plan-digest", &confirmed, spec]).exits(3);
    assert!(sandbox.at("made").exists() && !sandbox.at("evil").exists());
}

#[test]
fn the_plan_shows_every_command_that_will_run() {
    let (sandbox, spec) = Sandbox::with_spec(
        "made:\n  is: task.command\n  folder: .\n  present: [touch, \"made\\n  + forged  create\\e[2J\"]\n  absent: [rm, -f, gone]\n  info: [sh, -c, test -e made]\n\n\
         key: {is: file.text, path: ./key, content: !secret {command: [echo, hush]}}\n",
    );
    sandbox.seed(&["trust", "."]).exits(0);
    let plan = sandbox.seed(&["plan", "--json", spec]);
    let plan = plan.json();
    let of = |role: &str| plan["actions"].as_array().unwrap().iter().find(|one| one["role"] == role).unwrap()["commands"].clone();
    assert_eq!(of("key"), serde_json::json!([["echo", "hush"]]), "{plan}");
    let present = serde_json::json!(["touch", "made\n  + forged  create\u{1b}[2J"]);
    assert_eq!(of("made"), serde_json::json!([present, ["sh", "-c", "test -e made"]]), "{plan}");
    let shown = sandbox.seed(&["plan", spec]);
    assert!(!shown.stdout().contains("\n  + forged") && !shown.stdout().contains("\u{1b}[2J"), "{}", shown.told());
    let shown =
        shown.says("runs  touch $'made\\n  + forged  create\\e[2J'").says("runs  sh -c 'test -e made'").says("runs  echo hush");
    assert!(!shown.stdout().contains("gone"), "what does not run is not shown: {}", shown.told());
}

#[test]
fn the_digest_covers_what_a_person_confirms() {
    let note = |more: &str| format!("note: {{is: file.text, path: ./note, content: ours{more}}}\n");
    let (sandbox, _) = Sandbox::with_spec(&note(""));
    let first = digest_of(&sandbox, &[]);
    let spec = sandbox.read("name.seed.yaml");
    sandbox.write("name.seed.yaml", &spec.replace("roles:", "# A remark.\nroles:"));
    assert_eq!(digest_of(&sandbox, &[]), first, "a comment changes nothing");
    for more in [", disposable: true", ", mode: \"0600\"", ", needs: []"] {
        sandbox.write_spec(&note(more));
        assert_eq!(digest_of(&sandbox, &[]) == first, more.contains("needs"), "{more}");
    }
    sandbox.write_spec(&note(""));
    std::fs::rename(sandbox.at("name.seed.yaml"), sandbox.at("other.seed.yaml")).unwrap();
    sandbox.seed(&["apply", "--plan-digest", &first, "other.seed.yaml"]).exits(3).says(&first);
    assert!(!sandbox.at("note").exists());
}

#[test]
fn another_secret_is_another_plan() {
    let (sandbox, spec) = Sandbox::with_spec("key: {is: file.text, path: ./key, content: !secret {file: ./secret}}\n");
    sandbox.write("secret", "one\n");
    let confirmed = digest_of(&sandbox, &[]);
    assert_eq!(digest_of(&sandbox, &[]), confirmed, "from process to process");
    sandbox.write("secret", "two\n");
    sandbox.seed(&["apply", "--plan-digest", &confirmed, spec]).exits(3);
    assert!(!sandbox.at("key").exists());
    sandbox.write("secret", "one\n");
    sandbox.seed(&["apply", "--plan-digest", &confirmed, spec]).exits(0);

    // Nobody else may know the key: with it, secrets could be guessed from a digest.
    use std::os::unix::fs::PermissionsExt;
    let key = std::fs::metadata(sandbox.state().join("digest-key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    // Where it cannot be kept, there is a plan all the same.
    let ran = Ran::of(sandbox.seed_command(&["plan", "--json", "--state", "absent", spec]).env("SEED_STATE_DIR", "/proc/none"));
    assert!(ran.json()["digest"].is_string(), "{}", ran.told());
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
    sandbox.seed(&["apply", "--yes", spec]).exits(3).says("another `seed` is working on this spec");
    sandbox.seed(&["undo", "--yes", spec]).exits(3);
    let looked = sandbox.seed(&["plan", spec]);
    assert!(matches!(looked.code(), Some(0 | 2)), "looking waits for nobody: {}", looked.told());
    sandbox.write("go", "");
    let first = Ran::ended("apply", first.wait_with_output().unwrap());
    first.exits(0);
    sandbox.seed(&["info", spec]).exits(0);
}
