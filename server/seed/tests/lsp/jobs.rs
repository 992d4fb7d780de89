//! Commands as jobs: started at once, told about as they go, stopped when asked.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::client::Client;

fn start(client: &mut Client, command: &str, argument: Json) -> i64 {
    let params = json!({"command": command, "arguments": [argument]});
    client.request("workspace/executeCommand", params).unwrap()["job"].as_i64().unwrap()
}

fn finished(client: &mut Client, job: i64) -> Json {
    let found = client.wait_for(&format!("the end of job {job}"), |message| {
        message["method"] == "seed/jobFinished" && message["params"]["job"] == job
    });
    found["params"].clone()
}

fn spec(folder: &str) -> String {
    format!("seed: 1\nname: jobs\nroles:\n  {folder}:\n    is: file.directory\n    path: ./{folder}\n")
}

#[test]
fn a_plan_comes_back_with_progress() {
    let mut client = Client::start();
    let uri = client.write("a.seed.yaml", &spec("made"));
    client.open("a.seed.yaml", &spec("made"));
    let job = start(&mut client, "seed.plan", json!({"uri": uri}));
    let ended = finished(&mut client, job);
    assert_eq!(ended["status"], 2, "{ended}");
    assert_eq!(ended["command"], "seed.plan");
    assert_eq!(ended["result"]["actions"][0]["role"], "made");
    assert_eq!(ended["result"]["actions"][0]["action"], "create");
    assert!(ended.get("message").is_none(), "changes are no failure: {ended}");
    let kinds: Vec<_> = client.waiting.iter().filter(|message| message["method"] == "$/progress").collect();
    assert_eq!(kinds.first().unwrap()["params"]["value"]["kind"], "begin");
    assert_eq!(kinds.first().unwrap()["params"]["value"]["cancellable"], true);
    assert_eq!(kinds.last().unwrap()["params"]["value"]["kind"], "end");
    assert!(!client.path("made").exists(), "a plan changes nothing");
}

#[test]
fn the_editors_own_token_is_used() {
    let mut client = Client::start();
    let uri = client.write("a.seed.yaml", &spec("made"));
    let params = json!({"command": "seed.plan", "arguments": [{"uri": uri}], "workDoneToken": "mine"});
    let job = client.request("workspace/executeCommand", params).unwrap()["job"].as_i64().unwrap();
    finished(&mut client, job);
    let progress: Vec<_> = client.waiting.iter().filter(|message| message["method"] == "$/progress").collect();
    assert!(!progress.is_empty() && progress.iter().all(|message| message["params"]["token"] == "mine"), "{progress:?}");
    assert!(client.waiting.iter().all(|message| message["method"] != "window/workDoneProgress/create"));
}

#[test]
fn apply_and_back() {
    let mut client = Client::start();
    let uri = client.write("a.seed.yaml", &spec("made"));
    client.open("a.seed.yaml", &spec("made"));
    let job = start(&mut client, "seed.apply", json!({"uri": uri, "yes": true}));
    let ended = finished(&mut client, job);
    assert_eq!(ended["status"], 0, "{ended}");
    assert_eq!(ended["result"]["summary"]["changed"], 1);
    assert_eq!(ended["result"]["events"][0]["role"], "made");
    assert!(client.path("made").is_dir());
    let reports = client.waiting.iter().filter(|message| message["params"]["value"]["kind"] == "report").count();
    assert!(reports > 0);
    let job = start(&mut client, "seed.info", json!({"uri": uri, "roles": ["made"]}));
    let ended = finished(&mut client, job);
    assert_eq!((&ended["status"], &ended["result"]["roles"][0]["state"]), (&json!(0), &json!("present")), "{ended}");
    let job = start(&mut client, "seed.apply", json!({"uri": uri, "state": "absent", "yes": true}));
    assert_eq!(finished(&mut client, job)["status"], 0);
    assert!(!client.path("made").exists());
}

#[test]
fn what_was_not_confirmed_is_not_done() {
    let mut client = Client::start();
    let uri = client.write("a.seed.yaml", &spec("made"));
    let job = start(&mut client, "seed.apply", json!({"uri": uri}));
    let ended = finished(&mut client, job);
    assert_eq!(ended["status"], 3, "{ended}");
    assert!(!client.path("made").exists());
    let shown = client.notification("window/showMessage");
    assert_eq!(shown["type"], 1);
    assert!(shown["message"].as_str().unwrap().starts_with("seed apply a.seed.yaml: "), "{shown}");
    let job = start(&mut client, "seed.apply", json!({"uri": uri, "digest": "of another plan"}));
    assert_eq!(finished(&mut client, job)["status"], 3);
    assert!(!client.path("made").exists());
}

#[test]
fn the_editors_text_counts_also_unsaved() {
    let mut client = Client::start();
    let uri = client.write("a.seed.yaml", &spec("saved"));
    client.open("a.seed.yaml", &spec("typed"));
    let job = start(&mut client, "seed.plan", json!({"uri": uri}));
    let ended = finished(&mut client, job);
    assert_eq!(ended["result"]["actions"][0]["role"], "typed", "{ended}");
    // Relative paths start at the spec's folder all the same.
    let job = start(&mut client, "seed.apply", json!({"uri": uri, "yes": true}));
    assert_eq!(finished(&mut client, job)["status"], 0);
    assert!(client.path("typed").is_dir());
}

#[test]
fn a_spec_with_mistakes_says_so() {
    let mut client = Client::start();
    let uri = client.write("a.seed.yaml", "seed: 1\nname: a\nroles:\n  x: {is: nothing}\n");
    let job = start(&mut client, "seed.plan", json!({"uri": uri}));
    let ended = finished(&mut client, job);
    assert_eq!(ended["status"], 1);
    assert_eq!(ended["message"], "the spec has an error");
    assert_eq!(ended["result"]["diagnostics"][0]["code"], "unknown-role-type");
}

/// A spec whose first role takes long, and whose second comes after it.
fn slow(client: &mut Client) -> String {
    let script = client.path("slow");
    let started = client.path("started");
    std::fs::write(&script, format!("#!/bin/sh\ntouch {}\nexec sleep 6\n", started.display())).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let text = format!(
        "seed: 1\nname: slow\nroles:\n  wait:\n    is: task.command\n    present: [{script}]\n    absent: [/bin/true]\n    info: [/bin/false]\n  \
         after: {{is: file.directory, path: ./after, needs: [wait]}}\n",
        script = script.display()
    );
    let uri = client.write("slow.seed.yaml", &text);
    let mut trust = std::process::Command::new(env!("CARGO_BIN_EXE_seed"));
    let folder = client.folder.path();
    assert!(trust.arg("trust").arg(folder).env("SEED_STATE_DIR", folder.join("state")).output().unwrap().status.success());
    uri
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + crate::client::PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_job_is_stopped_when_asked_and_holds_nothing_up_meanwhile() {
    let mut client = Client::start();
    let uri = slow(&mut client);
    let job = start(&mut client, "seed.apply", json!({"uri": uri, "yes": true}));
    let begin = client.wait_for("the beginning", |message| message["params"]["value"]["kind"] == "begin");
    let started = client.path("started");
    wait_until("the task starts", || started.exists());
    let text = client.open("other.seed.yaml", &spec("made"));
    let asked = Instant::now();
    client.at("textDocument/hover", &text, &json!({"line": 4, "character": 9}));
    assert!(asked.elapsed() < Duration::from_secs(5), "a job holds the server up: {:?}", asked.elapsed());
    client.notify("window/workDoneProgress/cancel", json!({"token": begin["params"]["token"]}));
    let ended = finished(&mut client, job);
    assert_eq!(ended["status"], 130, "{ended}");
    assert!(!client.path("after").exists(), "nothing is begun after the stop");
    assert_eq!(client.notification("window/showMessage")["type"], 2, "stopped is a warning, not an error");
    assert_eq!(client.end(), 0);
}

#[test]
fn arguments_that_make_no_sense_are_refused_with_words() {
    let mut client = Client::start();
    let mut refused = |command: &str, arguments: Json| {
        let error = client.request("workspace/executeCommand", json!({"command": command, "arguments": arguments}));
        error.unwrap_err()["message"].as_str().unwrap().to_string()
    };
    assert!(refused("seed.nothing", json!([])).contains("unknown command seed.nothing"));
    assert!(refused("seed.plan", json!([])).contains("needs an argument"));
    assert!(refused("seed.plan", json!([{"uri": "untitled:1"}])).contains("save it first"));
    assert!(refused("seed.plan", json!([{"uri": "file:///a", "rolls": []}])).contains("rolls"));
    assert!(refused("seed.plan", json!([{"uri": "file:///a", "state": "gone"}])).contains("gone"));
}

#[test]
fn names_that_look_like_options_are_names() {
    let mut client = Client::start();
    let uri = client.write("--help.seed.yaml", &spec("made"));
    let job = start(&mut client, "seed.plan", json!({"uri": uri, "roles": ["--state"]}));
    let ended = finished(&mut client, job);
    assert_eq!(ended["status"], 1, "{ended}");
    assert!(ended["message"].as_str().unwrap().contains("--state"), "{ended}");
}
