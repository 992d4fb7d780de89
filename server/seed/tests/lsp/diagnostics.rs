//! Mistakes: pushed with their version, asked for, of included files, never stale.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::client::Client;

const WRONG: &str = "seed: 1\nname: a\nroles:\n  d: {why: ä🐚, is: file.directry, path: ./d}\n";
const RIGHT: &str = "seed: 1\nname: a\nroles:\n  d: {is: file.directory, path: ./d}\n";

#[test]
fn they_come_with_range_code_and_version() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", WRONG);
    let found = client.diagnostics(&uri, 1);
    let unknown = found.iter().find(|one| one["code"] == "unknown-role-type").unwrap();
    // `ä` is one UTF-16 unit, the shell is two.
    assert_eq!(unknown["range"], json!({"start": {"line": 3, "character": 20}, "end": {"line": 3, "character": 33}}));
    assert_eq!(unknown["severity"], 1);
    assert_eq!(unknown["source"], "seed");
    assert!(unknown["message"].as_str().unwrap().contains("file.directory"), "{unknown}");
    client.change_all(&uri, 2, RIGHT);
    assert_eq!(client.diagnostics(&uri, 2), Vec::<Json>::new());
}

#[test]
fn all_mistakes_come_at_once() {
    let mut client = Client::start();
    let text = "seed: 1\nname: a\nroles:\n  one: {is: file.nothing}\n  two: {is: file.directory}\n  three: {is: file.directory, path: ./d, needs: [four]}\n";
    let uri = client.open("a.seed.yaml", text);
    let codes: Vec<_> = client.diagnostics(&uri, 1).iter().map(|one| one["code"].as_str().unwrap().to_string()).collect();
    assert_eq!(codes, ["unknown-role-type", "missing-key", "unknown-reference"]);
}

#[test]
fn what_roles_read_is_looked_at() {
    let mut client = Client::start();
    client.write("bad.j2", "{% if %}");
    let spec = |from: &str| format!("seed: 1\nname: a\nroles:\n  t: {{is: file.template, path: ./t, from: {from}}}\n");
    let uri = client.open("a.seed.yaml", &spec("./bad.j2"));
    let found = client.diagnostics(&uri, 1);
    assert_eq!((&found[0]["code"], &found[0]["severity"]), (&json!("template"), &json!(1)), "{found:?}");
    client.change_all(&uri, 2, &spec("./none.j2"));
    let found = client.diagnostics(&uri, 2);
    assert_eq!((&found[0]["code"], &found[0]["severity"]), (&json!("not-there"), &json!(2)), "{found:?}");
}

#[test]
fn none_is_stale() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", RIGHT);
    for version in 2..300 {
        let text = if version % 2 == 0 { WRONG } else { RIGHT };
        client.change_all(&uri, version, text);
    }
    assert_eq!(client.diagnostics(&uri, 299), Vec::<Json>::new());
    client.gather(Duration::from_millis(200));
    let mut last = 0;
    for message in client.waiting.iter().filter(|message| message["method"] == "textDocument/publishDiagnostics") {
        let version = message["params"]["version"].as_i64().unwrap();
        assert!(version > last, "version {version} after {last}");
        last = version;
        let wrong = !message["params"]["diagnostics"].as_array().unwrap().is_empty();
        assert_eq!(wrong, version % 2 == 0, "what belongs to version {version}");
    }
}

#[test]
fn they_go_when_the_text_is_closed() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", WRONG);
    assert!(!client.diagnostics(&uri, 1).is_empty());
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    let gone = client.wait_for("empty diagnostics", |message| {
        message["method"] == "textDocument/publishDiagnostics" && message["params"]["diagnostics"] == json!([])
    });
    assert_eq!(gone["params"]["uri"], json!(uri));
}

#[test]
fn an_editor_that_asks_is_answered_and_not_told() {
    let mut client = Client::start_with(json!({"textDocument": {"diagnostic": {}}}), &[]);
    let uri = client.open("a.seed.yaml", WRONG);
    let report = client.request("textDocument/diagnostic", json!({"textDocument": {"uri": uri}})).unwrap();
    assert_eq!(report["kind"], "full");
    assert_eq!(report["items"][0]["code"], "unknown-role-type");
    let again = json!({"textDocument": {"uri": uri}, "previousResultId": report["resultId"]});
    assert_eq!(client.request("textDocument/diagnostic", again.clone()).unwrap()["kind"], "unchanged");
    client.change_all(&uri, 2, RIGHT);
    assert_eq!(client.request("textDocument/diagnostic", again).unwrap()["items"], json!([]));
    client.gather(Duration::from_millis(100));
    assert!(client.waiting.iter().all(|message| message["method"] != "textDocument/publishDiagnostics"));
}

#[test]
fn commands_that_are_not_trusted_are_told_before_they_are_asked_for() {
    let mut client = Client::start();
    let text = "seed: 1\nname: a\nroles:\n  run:\n    is: task.command\n    present: [/bin/true]\n    absent: [/bin/true]\n    info: [/bin/true]\n";
    let uri = client.open("a.seed.yaml", text);
    let told = client.diagnostics(&uri, 1);
    assert_eq!((&told[0]["code"], &told[0]["severity"], told.len()), (&json!("untrusted"), &json!(2), 1), "{told:?}");
    let folder = client.folder.path();
    let mut trust = std::process::Command::new(env!("CARGO_BIN_EXE_seed"));
    assert!(trust.arg("trust").arg(folder).env("SEED_STATE_DIR", folder.join("state")).output().unwrap().status.success());
    client.change_all(&uri, 2, text);
    assert_eq!(client.diagnostics(&uri, 2), Vec::<Json>::new());
}

#[test]
fn mistakes_of_included_files_show_in_these() {
    let mut client = Client::start();
    let included = client.write("part.seed.yaml", "seed: 1\nname: part\nroles:\n  d: {is: file.directry, path: ./d}\n");
    let main = "seed: 1\nname: a\ninclude: [./part.seed.yaml]\nroles:\n  f: {is: file.directory, path: ./f}\n";
    let uri = client.open("a.seed.yaml", main);
    client.diagnostics(&uri, 1);
    let found = client.wait_for("diagnostics of the included file", |message| message["params"]["uri"] == json!(included));
    assert_eq!(found["params"]["diagnostics"][0]["code"], "unknown-role-type");
}

#[test]
fn an_edit_of_an_included_file_is_seen_at_once() {
    let mut client = Client::start();
    client.write("part.seed.yaml", "seed: 1\nname: part\nroles:\n  d: {is: file.directory, path: ./d}\n");
    let main = "seed: 1\nname: a\ninclude: [./part.seed.yaml]\nroles:\n  f: {is: file.directory, path: ./f, needs: [d]}\n";
    let uri = client.open("a.seed.yaml", main);
    assert_eq!(client.diagnostics(&uri, 1), Vec::<Json>::new());
    // What the editor shows counts, not what is on disk.
    client.open("part.seed.yaml", "seed: 1\nname: part\nroles:\n  e: {is: file.directory, path: ./d}\n");
    let found = client.wait_for("a new mistake", |message| {
        message["params"]["uri"] == json!(uri) && message["params"]["diagnostics"][0]["code"] == "unknown-reference"
    });
    assert_eq!(found["params"]["version"], 1);
}

#[test]
fn a_change_on_disk_is_seen_when_the_editor_tells() {
    let mut client = Client::start();
    let main = "seed: 1\nname: a\ninclude: [./part.seed.yaml]\nroles:\n  f: {is: file.directory, path: ./f, needs: [d]}\n";
    let uri = client.open("a.seed.yaml", main);
    assert!(client.diagnostics(&uri, 1).iter().any(|one| one["code"] == "include"));
    let included = client.write("part.seed.yaml", "seed: 1\nname: part\nroles:\n  d: {is: file.directory, path: ./d}\n");
    client.notify("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": included, "type": 1}]}));
    assert_eq!(client.diagnostics(&uri, 1), Vec::<Json>::new());
}

#[test]
fn a_pipe_in_the_place_of_an_included_file_holds_nothing_up() {
    let mut client = Client::start();
    nix::unistd::mkfifo(&client.path("pipe.seed.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let uri = client.open("a.seed.yaml", "seed: 1\nname: a\ninclude: [./pipe.seed.yaml]\nroles: {}\n");
    let found = client.diagnostics(&uri, 1);
    assert_eq!(found[0]["code"], "include", "{found:?}");
}

#[test]
fn opening_a_spec_runs_nothing() {
    let mut client = Client::start();
    let trace = client.path("it-ran");
    let touch = format!("[/usr/bin/touch, {}]", trace.display());
    let text = format!(
        "seed: 1\nname: a\nvars:\n  s: !secret {{command: {touch}}}\nroles:\n  t:\n    is: task.command\n    present: {touch}\n    absent: {touch}\n    info: {touch}\n  f:\n    is: file.text\n    path: ./f\n    content: !secret {{command: {touch}}}\n",
    );
    let uri = client.open("a.seed.yaml", &text);
    client.diagnostics(&uri, 1);
    for method in ["textDocument/hover", "textDocument/completion", "textDocument/definition"] {
        for line in 0..15 {
            client.at(method, &uri, &json!({"line": line, "character": 8}));
        }
    }
    client.request("textDocument/codeLens", json!({"textDocument": {"uri": uri}})).unwrap();
    assert!(!trace.exists());
}
