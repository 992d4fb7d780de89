//! Exit statuses and JSON of each command, as `doc/` and `--help` promise them.

use std::fs;

use serde_json::{Value as Json, json};

use crate::sandbox::{Ran, Sandbox};

/// Three roles that need no rights.
pub const FILES: &str = "\
top:
  is: file.directory
  path: ./tree
  disposable: true

note:
  is: file.text
  path: ./tree/note
  mode: \"0640\"
  content: |
    Hello.

current:
  is: file.link
  path: ./tree/current
  to: note
";

/// A key, and whether its value is of the right kind.
type Key<'a> = (&'a str, fn(&Json) -> bool);

/// Asserts that an object has these keys, and what is behind them.
#[track_caller]
fn has_keys(value: &Json, keys: &[Key<'_>]) {
    for (key, fits) in keys {
        let found = value.get(key).unwrap_or_else(|| panic!("no `{key}` in {value}"));
        assert!(fits(found), "`{key}` is not what it should be in {value}");
    }
}

fn is_text(value: &Json) -> bool {
    value.is_string()
}

fn is_count(value: &Json) -> bool {
    value.is_u64()
}

fn is_list(value: &Json) -> bool {
    value.is_array()
}

fn is_flag(value: &Json) -> bool {
    value.is_boolean()
}

fn is_any(_: &Json) -> bool {
    true
}

/// A list in a value.
#[track_caller]
pub fn list<'a>(value: &'a Json, key: &str) -> &'a Vec<Json> {
    value[key].as_array().unwrap_or_else(|| panic!("`{key}` is no list in {value}"))
}

#[test]
fn check_says_what_is_wrong_and_where() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["check", spec]).exits(0).says("No mistakes found");
    assert_eq!(sandbox.seed(&["check", "--json", spec]).exits(0).json(), json!({"diagnostics": []}));

    sandbox.write_spec("note: {is: file.text, path: \"./𝄞\", contents: x, content: y}\n");
    let found = sandbox.seed(&["check", "--json", spec]).exits(1).json();
    let diagnostics = list(&found, "diagnostics");
    assert!(!diagnostics.is_empty());
    for diagnostic in diagnostics {
        has_keys(diagnostic, &[("path", is_text), ("range", Json::is_object), ("code", is_text), ("message", is_text)]);
        has_keys(&diagnostic["range"]["start"], &[("line", is_count), ("character", is_count)]);
        has_keys(&diagnostic["range"]["end"], &[("line", is_count), ("character", is_count)]);
        assert!(["error", "warning", "info"].contains(&diagnostic["severity"].as_str().unwrap()), "{diagnostic}");
    }
    // 𝄞 is one character and two UTF-16 code units.
    let unknown = diagnostics.iter().find(|diagnostic| diagnostic["code"] == "unknown-key").unwrap();
    assert_eq!(unknown["range"]["start"], json!({"line": 5, "character": 38}), "{unknown}");
    assert_eq!(unknown["range"]["end"], json!({"line": 5, "character": 46}), "{unknown}");
}

#[test]
fn check_looks_through_folders_and_reads_standard_input() {
    let (sandbox, _) = Sandbox::with_spec(FILES);
    sandbox.write("deep/er/other.seed.yml", "seed: 1\nname: other\nwhy: Another.\nroles:\n  a: {is: file.nothing, path: ./a}\n");
    let found = sandbox.seed(&["check", "--json"]).exits(1).json();
    assert!(list(&found, "diagnostics").iter().all(|one| one["path"] == "deep/er/other.seed.yml"), "{found}");

    let text = sandbox.read("name.seed.yaml");
    sandbox.seed_with_input(&["check", "-"], &text).exits(0);
    let broken = text.replace("file.link", "file.lnik");
    let found = sandbox.seed_with_input(&["check", "--json", "-", "--path", "name.seed.yaml"], &broken).exits(1).json();
    assert_eq!(list(&found, "diagnostics")[0]["path"], "name.seed.yaml");
}

#[test]
fn a_folder_without_specs_and_a_missing_file_are_errors() {
    let sandbox = Sandbox::new();
    sandbox.seed(&["check"]).exits(1).says("seed new spec");
    for command in ["check", "plan", "info", "log"] {
        sandbox.seed(&[command, "gone.seed.yaml"]).exits(1).says("gone.seed.yaml").says("No such file");
    }
    for command in ["apply", "undo"] {
        sandbox.seed(&[command, "--yes", "gone.seed.yaml"]).exits(1).says("gone.seed.yaml");
    }
    let failed = sandbox.seed(&["plan", "--json", "gone.seed.yaml"]).exits(1).json();
    assert!(failed["error"].as_str().unwrap().contains("gone.seed.yaml"), "{failed}");
}

#[test]
fn mistakes_in_a_spec_stop_every_command_before_it_touches_anything() {
    let (sandbox, spec) = Sandbox::with_spec("note:\n  is: file.text\n  path: ./note\n  content: 1\n  colour: red\n");
    for args in [&["plan", spec][..], &["apply", "--yes", spec], &["info", spec], &["undo", "--yes", spec]] {
        sandbox.seed(args).exits(1).says("colour");
    }
    assert!(!sandbox.at("note").exists());
    assert!(!sandbox.state().exists(), "a spec with mistakes has no journal");
}

#[test]
fn plan_tells_each_action() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    let plan = sandbox.seed(&["plan", "--json", spec]).exits(2).json();
    has_keys(&plan, &[("spec", is_text), ("state", is_text), ("digest", is_text), ("actions", is_list)]);
    assert_eq!(plan["state"], "present");
    assert_eq!(plan["summary"], json!({"create": 3, "change": 0, "replace": 0, "remove": 0, "none": 0, "unknown": 0}));
    for action in list(&plan, "actions") {
        has_keys(
            action,
            &[
                ("role", is_text),
                ("is", is_text),
                ("action", is_text),
                ("destructive", is_flag),
                ("changes", is_list),
                ("after", is_list),
                ("reason", is_any),
            ],
        );
        list(action, "changes")
            .iter()
            .for_each(|change| has_keys(change, &[("field", is_text), ("from", is_any), ("to", is_any)]));
    }
    assert!(!sandbox.at("tree").exists(), "a plan changes nothing");

    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let plan = sandbox.seed(&["plan", "--json", spec]).exits(0).json();
    assert_eq!(plan["summary"]["none"], 3);
    let plan = sandbox.seed(&["plan", "--json", "--state", "absent", spec]).exits(2).json();
    assert_eq!((&plan["state"], &plan["summary"]["remove"]), (&json!("absent"), &json!(3)));
}

#[test]
fn plan_only_takes_what_the_role_depends_on() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    let roles =
        |ran: Ran| list(&ran.json(), "actions").iter().map(|one| one["role"].as_str().unwrap().to_string()).collect::<Vec<_>>();
    assert_eq!(roles(sandbox.seed(&["plan", "--json", "--only", "note", spec]).exits(2)), ["top", "note"]);
    sandbox.seed(&["plan", "--only", "nobody", spec]).exits(1).says("nobody");
    sandbox.seed(&["apply", "--yes", "--only", "note", spec]).exits(0);
    assert!(sandbox.at("tree/note").exists());
    assert!(!sandbox.at("tree/current").is_symlink());
}

#[test]
fn apply_tells_events_and_a_summary() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    let ran = sandbox.seed(&["apply", "--yes", "--json", spec]).exits(0);
    let mut events = ran.json_lines();
    let summary = events.pop().unwrap();
    has_keys(
        &summary,
        &[
            ("changed", is_count),
            ("unchanged", is_count),
            ("failed", is_count),
            ("skipped", is_count),
            ("seconds", Json::is_number),
        ],
    );
    assert_eq!((&summary["event"], &summary["changed"]), (&json!("summary"), &json!(3)));
    for event in &events {
        has_keys(event, &[("event", is_text), ("role", is_text), ("action", is_text)]);
        assert!(["started", "progress", "done"].contains(&event["event"].as_str().unwrap()), "{event}");
    }
    let done = |role: &str| events.iter().position(|event| event["event"] == "done" && event["role"] == role).unwrap();
    assert!(done("top") < done("note"), "the folder comes before what is in it");

    let again = sandbox.seed(&["apply", "--yes", "--json", spec]).exits(0).summary();
    assert_eq!((&again["changed"], &again["unchanged"]), (&json!(0), &json!(3)));
}

#[test]
fn info_tells_what_is_there() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    let states = |ran: Ran| -> Vec<(String, String)> {
        let info = ran.json();
        let text = |one: &Json, key: &str| one[key].as_str().unwrap().to_string();
        list(&info, "roles").iter().map(|one| (text(one, "role"), text(one, "state"))).collect()
    };
    assert!(states(sandbox.seed(&["info", "--json", spec]).exits(2)).iter().all(|(_, state)| state == "absent"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert!(states(sandbox.seed(&["info", "--json", spec]).exits(0)).iter().all(|(_, state)| state == "present"));

    sandbox.write("tree/note", "Goodbye.\n");
    let info = sandbox.seed(&["info", "--json", spec]).exits(2).json();
    let note = list(&info, "roles").iter().find(|one| one["role"] == "note").unwrap();
    has_keys(note, &[("is", is_text), ("observed", Json::is_object)]);
    assert_eq!(note["state"], "drifted");
    assert_eq!(note["drift"], json!([{"field": "content", "want": "Hello.\n", "have": "Goodbye.\n"}]));
    sandbox.seed(&["info", "--only", "top", spec]).exits(0).never_says("note");
}

#[test]
fn info_as_a_spec_has_an_empty_plan() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("tree/note", "Goodbye.\n");
    let written = sandbox.seed(&["info", "--as-spec", spec]).exits(0).stdout();
    sandbox.write("live.seed.yaml", &written);
    sandbox.seed(&["check", "live.seed.yaml"]).exits(0);
    let plan = sandbox.seed(&["plan", "--json", "live.seed.yaml"]);
    let plan = plan.exits(0).json();
    assert_eq!(plan["summary"]["none"], 3, "{written}");
}

#[test]
fn info_as_a_spec_says_what_is_no_interpolation() {
    let (sandbox, spec) = Sandbox::with_spec(
        "note: {is: file.text, path: ./note, content: \"$${x} $$${y}\"}\n\
         drifted: {is: file.text, path: ./drifted, content: x}\n\
         link: {is: file.link, path: ./link, to: \"./$${z}\"}\n\
         filled: {is: file.template, path: ./filled, from: ./t.j2, with: {a: {\"$${k}\": \"$${v}\"}}}\n",
    );
    sandbox.write("t.j2", "{{ a }}");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("note"), "${x} $${y}");
    sandbox.write("drifted", "${env.HOME} ${");
    let written = sandbox.seed(&["info", "--as-spec", spec]).exits(0).stdout();
    sandbox.write("live.seed.yaml", &written);
    sandbox.seed(&["plan", "live.seed.yaml"]).exits(0);
}

#[test]
fn info_as_a_spec_keeps_a_secret_a_secret() {
    let (sandbox, spec) = Sandbox::with_spec("key: {is: file.text, path: ./key, content: !secret {file: \"./$${s}\"}}\n");
    sandbox.write("${s}", "one");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("key", "other");
    let written = sandbox.seed(&["info", "--as-spec", spec]).exits(0).never_says("other").stdout();
    assert!(written.contains("content: !secret"), "{written}");
    sandbox.write("live.seed.yaml", &written);
    sandbox.seed(&["info", "live.seed.yaml"]).exits(2).says("something else");
}

#[test]
fn a_spec_comes_from_standard_input_too() {
    let sandbox = Sandbox::new();
    let text = "seed: 1\nname: piped\nwhy: A test.\nroles:\n  a: {is: file.text, path: ./deep/a, content: x}\n";
    fs::create_dir(sandbox.at("elsewhere")).unwrap();
    let path = ["--path", "elsewhere/piped.seed.yaml"];
    sandbox.seed_with_input(&["plan", "-", path[0], path[1]], text).exits(2);
    sandbox.seed_with_input(&["apply", "--yes", "-", path[0], path[1]], text).exits(0);
    assert_eq!(sandbox.read("elsewhere/deep/a"), "x", "paths count from where the spec is said to be");
    sandbox.seed_with_input(&["info", "-", path[0], path[1]], text).exits(0);
    sandbox.seed_with_input(&["apply", "--yes", "--state", "absent", "-", path[0], path[1]], text).exits(0);
    assert!(!sandbox.at("elsewhere/deep").exists());
}

#[test]
fn log_tells_what_was_done() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["log", spec]).exits(0).says("has not been applied");
    assert_eq!(sandbox.seed(&["log", "--json", spec]).exits(0).json(), json!({"runs": []}));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let log = sandbox.seed(&["log", "--json", spec]).exits(0).json();
    let runs = list(&log, "runs");
    assert_eq!(runs.len(), 1, "an apply that had nothing to do leaves no trace: {log}");
    assert_eq!((&runs[0]["command"], &runs[0]["status"]), (&json!("apply present"), &json!("done")));
    assert_eq!(list(&runs[0], "roles").len(), 3);
    sandbox.seed(&["log", spec]).exits(0).says("apply present").says("note");
    sandbox.write("tree/note", "edited");
    sandbox.seed(&["repair", "--yes", spec]).exits(0);
    sandbox.seed(&["log", "--last", "1", spec]).exits(0).says("repair").never_says("apply present").says("and 1 earlier");
    sandbox.seed(&["log", "--last", "0", spec]).exits(0).says("apply present").never_says("earlier");
}

#[test]
fn new_writes_a_spec_that_is_right_and_never_over_another() {
    let sandbox = Sandbox::new();
    sandbox.seed(&["new", "spec", "lab"]).exits(0).says("seed plan lab.seed.yaml");
    sandbox.seed(&["check", "lab.seed.yaml"]).exits(0);
    sandbox.seed(&["fmt", "--check", "lab.seed.yaml"]).exits(0);
    sandbox.write("lab.seed.yaml", "mine");
    sandbox.seed(&["new", "spec", "lab"]).exits(1).says("exists");
    assert_eq!(sandbox.read("lab.seed.yaml"), "mine");
    sandbox.seed(&["new", "spec", "../lab"]).exits(1).says("letters");
}

#[test]
fn types_lists_the_catalogue_and_describes_one() {
    let sandbox = Sandbox::new();
    let types = sandbox.seed(&["types", "--json"]).exits(0).json();
    let names: Vec<&str> = list(&types, "types").iter().map(|one| one["name"].as_str().unwrap()).collect();
    let catalogue = [
        "storage.file_block_image",
        "storage.loopback_device",
        "storage.partition_table",
        "storage.filesystem",
        "storage.btrfs",
        "storage.tmpfs",
        "storage.mount",
        "file.text",
        "file.template",
        "file.directory",
        "file.link",
        "task.command",
    ];
    catalogue.iter().for_each(|name| assert!(names.contains(name), "{name} is missing in {names:?}"));
    for name in names {
        sandbox.seed(&["types", name]).exits(0).says("Parameters:").says("Example:");
        let one = sandbox.seed(&["types", "--json", name]).exits(0).json();
        has_keys(&one, &[("about", is_text), ("outputs", is_list), ("schema", Json::is_object), ("example", is_text)]);
    }
    sandbox.seed(&["types", "storage.nothing"]).exits(1).says("`seed types` lists");
}

#[test]
fn the_example_of_each_type_is_a_spec_without_mistakes() {
    let sandbox = Sandbox::new();
    let types = sandbox.seed(&["types", "--json"]).exits(0).json();
    for one in list(&types, "types") {
        sandbox.write_spec(one["example"].as_str().unwrap());
        let found = sandbox.seed(&["check", "--json", "name.seed.yaml"]).json();
        let errors: Vec<_> = list(&found, "diagnostics").iter().filter(|one| one["severity"] == "error").collect();
        assert!(errors.is_empty(), "{}: {errors:?}", one["name"]);
    }
}

#[test]
fn graph_draws_what_depends_on_what() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["graph", "--format", "dot", spec]).exits(0).says("digraph").says("->");
    sandbox.seed(&["graph", "--format", "mermaid", spec]).exits(0).says("flowchart").says("n0 -");
    sandbox.seed(&["graph", "--format", "json", spec]).exits(0).json();
    let picture = sandbox.seed(&["graph", "--format", "svg", spec]).exits(0).stdout();
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"), "{picture}");
    ["top", "note", "current"].iter().for_each(|role| assert!(picture.contains(role), "{role} is not in the picture"));
    sandbox.seed(&["graph", "--output", "picture.svg", spec]).exits(0);
    assert_eq!(sandbox.read("picture.svg"), picture);
}

#[test]
fn the_laws_leave_out_what_runs_commands() {
    let (sandbox, spec) = Sandbox::with_spec(
        "c: {is: task.command, present: [touch, ./made], absent: [rm, ./made], info: [test, -e, ./made]}\n\
         after: {is: file.text, path: ./after, content: x, needs: [c]}\nf: {is: file.text, path: ./f, content: x}\n",
    );
    sandbox.seed(&["trust", "."]).exits(0);
    let laws = sandbox.seed(&["laws", "--json", spec]).exits(0).json();
    assert_eq!(laws["left_out"], serde_json::json!(["after", "c"]));
    sandbox.seed(&["laws", spec]).exits(0).says("Not tested").says("after, c");
    assert!(!sandbox.at("made").exists());
}

#[test]
fn laws_hold_for_these_roles_and_touch_nothing() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    let before = sandbox.tree();
    let laws = sandbox.seed(&["laws", "--json", spec]).exits(0).json();
    for law in list(&laws, "laws") {
        assert_eq!(law["holds"], true, "{law}");
        assert!(law["cases"].as_u64().unwrap() > 0, "{law}");
    }
    assert_eq!(sandbox.tree(), before);
    assert!(!sandbox.state().exists());
}

#[test]
fn trust_is_given_listed_and_taken_back() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.at("specs")).unwrap();
    assert_eq!(sandbox.seed(&["trust", "--json"]).exits(0).json(), json!({"trusted": [], "links": [], "collections": []}));
    sandbox.seed(&["trust", "specs"]).exits(0);
    assert_eq!(
        sandbox.seed(&["trust", "--json"]).exits(0).json(),
        json!({"trusted": [sandbox.at("specs")], "links": [], "collections": []})
    );
    sandbox.seed(&["trust", "--remove", "specs"]).exits(0);
    assert_eq!(sandbox.seed(&["trust", "--json"]).exits(0).json(), json!({"trusted": [], "links": [], "collections": []}));
    sandbox.seed(&["trust", "nowhere"]).exits(1).says("nowhere");
}

#[test]
fn completions_and_manual_pages_are_written() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        sandbox.seed(&["completions", shell]).exits(0).says("apply");
    }
    sandbox.seed(&["man", "pages"]).exits(0);
    let page = sandbox.read("pages/seed-apply.1");
    assert!(page.contains(".TH") && page.contains("destroy"), "{page}");
}

#[test]
fn help_teaches_and_mistakes_in_arguments_are_told() {
    let sandbox = Sandbox::new();
    sandbox.seed(&["--help"]).exits(0).says("seed new spec lab").says("Exit statuses");
    sandbox.seed(&["apply", "--help"]).exits(0).says("--destroy-data").says("130");
    sandbox.seed(&["aply", "x"]).exits(1).says("apply");
    sandbox.seed(&["plan", "--state", "gone", "x"]).exits(1).says("absent");
}

#[test]
fn output_that_nobody_reads_is_no_error() {
    let (sandbox, _) = Sandbox::with_spec(FILES);
    let mut child = sandbox.seed_command(&["types", "--json"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let ran = Ran::ended("types --json", output).exits(0);
    assert_eq!(ran.stderr(), "");
}

#[test]
fn the_status_is_the_same_where_nobody_reads_the_output() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.write("bad.seed.yaml", "seed: 1\nname: bad\nwhy: A test.\nroles:\n  a: {is: nothing}\n");
    let unread = |args: &[&str], code: i32| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of(sandbox.seed_command(args).stdout(writer));
        assert_eq!(ran.exits(code).stderr(), "", "{args:?}");
    };
    unread(&["check", "--json", "bad.seed.yaml"], 1);
    unread(&["check", "bad.seed.yaml"], 1);
    unread(&["plan", spec], 2);
    unread(&["info", "--json", spec], 2);
    unread(&["apply", "--yes", "--json", spec], 0);
    assert_eq!(sandbox.read("tree/note"), "Hello.\n");
    unread(&["plan", "--json", spec], 0);
}

#[test]
fn colour_comes_only_when_it_is_asked_for() {
    let (sandbox, spec) = Sandbox::with_spec(FILES);
    sandbox.seed(&["plan", spec]).exits(2).never_says("\u{1b}[");
    sandbox.seed(&["plan", "--color", "always", spec]).exits(2).says("\u{1b}[");
    sandbox.seed(&["plan", "--color", "never", spec]).exits(2).never_says("\u{1b}[");
}

#[test]
fn info_shows_what_is_no_longer_in_the_spec() {
    let (sandbox, spec) =
        Sandbox::with_spec("a: {is: file.text, path: ./a, content: x}\nb: {is: file.text, path: ./b, content: x}\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write_spec("a: {is: file.text, path: ./a, content: x}\n");
    sandbox.seed(&["info", spec]).exits(2).says("b").says("is no longer in the spec; --prune removes it");
    let info = sandbox.seed(&["info", "--json", spec]).exits(2).json();
    assert_eq!(list(&info, "roles")[1]["reason"], "is no longer in the spec; --prune removes it", "{info:#}");
    sandbox.seed(&["info", "--as-spec", spec]).exits(0).never_says("b:");
    sandbox.seed(&["info", "--only", "a", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0);
    sandbox.seed(&["info", spec]).exits(0).never_says("no longer");
}

#[test]
fn a_circle_hides_no_other_mistake() {
    let sandbox = Sandbox::new();
    let folder =
        |name: &str, more: &str| format!("{name}:\n  is: file.directory\n  path: ./{}\n{more}", name.trim_end_matches('2'));
    sandbox.write_spec(
        &[
            folder("a", "  needs: [b]\n"),
            folder("b", "  needs: [a]\n"),
            folder("a2", ""),
            folder("c", "  needs: [b]\n"),
            folder("c2", ""),
        ]
        .concat(),
    );
    let answer = sandbox.seed(&["check", "--json", "name.seed.yaml"]).exits(1).json();
    let mut codes: Vec<_> = answer["diagnostics"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["conflict", "conflict", "cycle"], "{answer:#}");
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(1).says("[cycle]");
}

#[test]
fn a_state_without_its_option_is_explained() {
    let (sandbox, spec) = Sandbox::with_spec("note: {is: file.text, path: ./note, content: x}\n");
    sandbox.seed(&["apply", "absent", spec]).exits(1).says("the state is an option: seed apply --state absent SPEC");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("note", "edited");
    for (args, words) in [
        (&["apply", spec][..], "could not apply "),
        (&["apply", "--state", "absent", spec], "could not apply --state absent to "),
        (&["undo", spec], "could not undo run 1 of "),
        (&["repair", spec], "could not repair "),
    ] {
        sandbox.seed(args).exits(3).says(words).never_says("could not apply present").never_says("could not undo 1");
    }
}
