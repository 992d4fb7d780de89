//! Fragments in open texts of any language.

use std::process::Command;

use serde_json::{Value as Json, json};

use crate::client::Client;

const PORT: &str = "---\nabout: Where it listens.\nparameters:\n  port: {type: int, default: 22}\n---\nPort {{ port }}\nUsePAM yes\n\
                    LogLevel INFO\n";

/// An editor with a project: the fragments `port` and `plain`.
fn project() -> Client {
    let client = Client::start();
    std::fs::create_dir(client.path("fragments")).unwrap();
    client.write("fragments/port.conf", PORT);
    client.write("fragments/plain", "one\ntwo\n");
    client
}

/// Opens a file that is on the disk.
fn open(client: &mut Client, name: &str, language: &str, text: &str) -> String {
    let uri = client.write(name, text);
    client.open_as(&uri, language, text);
    uri
}

fn codes(diagnostics: &[Json]) -> Vec<(u64, &str)> {
    diagnostics.iter().map(|one| (one["range"]["start"]["line"].as_u64().unwrap(), one["code"].as_str().unwrap())).collect()
}

fn execute(client: &mut Client, command: &str, argument: Json) -> Result<Json, Json> {
    client.request("workspace/executeCommand", json!({"command": format!("seed.fragment.{command}"), "arguments": [argument]}))
}

/// The text after the edits of a document; they are for one version of it.
fn edited(text: &str, edit: &Json, version: i64) -> String {
    let change = &edit["documentChanges"][0];
    assert_eq!(change["textDocument"]["version"], version, "{edit}");
    let offset = |position: &Json| {
        let line = position["line"].as_u64().unwrap() as usize;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        start + position["character"].as_u64().unwrap() as usize
    };
    let mut edits = change["edits"].as_array().unwrap().clone();
    edits.sort_by_key(|edit| std::cmp::Reverse(offset(&edit["range"]["start"])));
    let mut text = text.to_string();
    for edit in edits {
        text.replace_range(offset(&edit["range"]["start"])..offset(&edit["range"]["end"]), edit["newText"].as_str().unwrap());
    }
    text
}

/// What an editor is asked to make of a text.
fn asked_edit(client: &mut Client) -> Json {
    client.notification("workspace/applyEdit")["edit"].clone()
}

fn save(client: &mut Client, uri: &str, name: &str, text: &str) {
    client.write(name, text);
    client.notify("textDocument/didSave", json!({"textDocument": {"uri": uri}}));
}

/// What the command line says of the project: file and state of each block.
fn on_the_disk(client: &Client) -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_seed"))
        .args(["fragment", "status", "--json"])
        .current_dir(client.folder.path())
        .env("SEED_STATE_DIR", client.path("state"))
        .output()
        .unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let word = |item: &Json, key: &str| item[key].as_str().unwrap().to_string();
    report["items"].as_array().unwrap().iter().map(|item| (word(item, "file"), word(item, "state"))).collect()
}

fn lock(client: &Client) -> String {
    std::fs::read_to_string(client.path(".seed/fragments.lock")).unwrap_or_default()
}

#[test]
fn other_languages_are_looked_at_for_fragments_and_nothing_else() {
    let mut client = project();
    let text =
        "a: [\nroles: {x: {is: nothing}}\n# seed:begin plain#1\n# seed:end plain#1\n# seed:begin gone#1\n# seed:end gone#1\n";
    let uri = open(&mut client, "other.yaml", "yaml", text);
    assert_eq!(codes(&client.diagnostics(&uri, 1)), [(2, "fragment-outdated"), (4, "fragment-orphan")]);
    for (method, params) in [
        ("codeLens", json!({})),
        ("documentSymbol", json!({})),
        ("formatting", json!({"options": {"tabSize": 2, "insertSpaces": true}})),
        ("semanticTokens/full", json!({})),
        ("hover", json!({"position": {"line": 1, "character": 2}})),
        ("prepareRename", json!({"position": {"line": 1, "character": 9}})),
        ("completion", json!({"position": {"line": 1, "character": 9}})),
    ] {
        let mut params = params;
        params["textDocument"] = json!({"uri": uri});
        let answer = client.request(&format!("textDocument/{method}"), params).unwrap();
        let list = answer.get("items").or(answer.get("data")).unwrap_or(&answer);
        assert!(list.is_null() || list.as_array().is_some_and(Vec::is_empty), "{method}: {answer}");
    }
    client.change_all(&uri, 2, "nothing: here\n");
    assert_eq!(client.diagnostics(&uri, 2), Vec::<Json>::new());
}

#[test]
fn a_spec_has_the_mistakes_of_both() {
    let mut client = project();
    let text = "seed: 1\nname: a\nroles: {}\nrols: {}\n# seed:begin plain#1\n# seed:end plain\n";
    let uri = open(&mut client, "a.seed.yaml", "yaml.seed", text);
    let found = client.diagnostics(&uri, 1);
    assert_eq!(codes(&found), [(3, "unknown-key"), (4, "fragment-marker"), (5, "fragment-marker")], "{found:?}");
    let pulled = {
        let mut capabilities = Client::capabilities();
        capabilities["textDocument"]["diagnostic"] = json!({});
        let mut client = Client::spawn(&[]);
        client.initialize(capabilities, json!({"diagnostics": "pull"}));
        let uri = open(&mut client, "x.lua", "lua", "-- seed:begin gone#1\n-- seed:end gone#1\n");
        client.request("textDocument/diagnostic", json!({"textDocument": {"uri": uri}})).unwrap()
    };
    assert_eq!(pulled["items"][0]["code"], "fragment-orphan", "{pulled}");
}

#[test]
fn completion_hover_and_definition_on_markers() {
    let mut client = project();
    let text = "<!-- seed:begin p -->\n# seed:begin port#1 port=23 \n# seed:end port#1\n";
    let uri = open(&mut client, "page.html", "html", text);
    let labels = |found: &Json| -> Vec<String> {
        found["items"].as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap().into()).collect()
    };
    let found = client.at("textDocument/completion", &uri, &json!({"line": 0, "character": 17}));
    assert_eq!(labels(&found), ["plain#1", "port#2"]);
    assert_eq!(found["items"][0]["textEdit"]["range"]["start"], json!({"line": 0, "character": 16}));
    assert_eq!(found["items"][1]["documentation"]["value"], "Where it listens.");
    let hover = client.at("textDocument/hover", &uri, &json!({"line": 2, "character": 0}));
    assert!(hover["contents"]["value"].as_str().unwrap().contains("Port 23\nUsePAM yes"), "{hover}");
    let found = client.at("textDocument/definition", &uri, &json!({"line": 1, "character": 5}));
    assert!(found["uri"].as_str().unwrap().ends_with("/fragments/port.conf"), "{found}");
}

#[test]
fn an_action_updates_the_text_and_saving_notes_it() {
    let mut client = project();
    let text = "# seed:begin port#1\n# seed:end port#1\n";
    let uri = open(&mut client, "sshd_config", "sshdconfig", text);
    client.diagnostics(&uri, 1);
    let at = json!({"line": 0, "character": 4});
    let params = json!({"textDocument": {"uri": uri}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}});
    let actions = client.request("textDocument/codeAction", params).unwrap();
    let titles: Vec<_> = actions.as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Seed: update port#1", "Seed: detach port#1"]);
    assert_eq!((&actions[0]["kind"], &actions[0]["diagnostics"][0]["code"]), (&json!("quickfix"), &json!("fragment-outdated")));
    let command = &actions[0]["command"];
    client
        .request("workspace/executeCommand", json!({"command": command["command"], "arguments": command["arguments"]}))
        .unwrap();
    let rendered = edited(text, &asked_edit(&mut client), 1);
    assert_eq!(rendered, "# seed:begin port#1\nPort 22\nUsePAM yes\nLogLevel INFO\n# seed:end port#1\n");
    // The file is the editor's: neither it nor what is noted of it changes before it is saved.
    assert_eq!(std::fs::read_to_string(client.path("sshd_config")).unwrap(), text);
    client.change_all(&uri, 2, &rendered);
    assert_eq!((client.diagnostics(&uri, 2), lock(&client).as_str()), (Vec::new(), ""));
    let mine = rendered.replace("UsePAM yes", "UsePAM no");
    client.change_all(&uri, 3, &mine);
    // Without a base, an edit would be a clash; it is known that it comes from the update.
    save(&mut client, &uri, "sshd_config", &mine);
    let status = execute(&mut client, "status", json!({"uri": uri})).unwrap();
    assert_eq!(status["items"][0]["state"], "edited", "{status}");
    assert!(lock(&client).contains("port#1"), "{}", lock(&client));
    assert_eq!(on_the_disk(&client), [("sshd_config".to_string(), "edited".to_string())]);
}

#[test]
fn what_is_undone_or_not_saved_is_not_noted() {
    let mut client = project();
    let text = "# seed:begin plain#1\n# seed:end plain#1\n";
    let uri = open(&mut client, "a", "text", text);
    let answer = execute(&mut client, "update", json!({"uri": uri, "apply": false})).unwrap();
    let rendered = edited(text, &answer["edit"], 1);
    client.change_all(&uri, 2, &rendered);
    client.change_all(&uri, 3, text);
    save(&mut client, &uri, "a", text);
    execute(&mut client, "status", json!({"uri": uri})).unwrap();
    assert_eq!(lock(&client), "");
    // Redone, it counts again.
    client.change_all(&uri, 4, &rendered);
    save(&mut client, &uri, "a", &rendered);
    execute(&mut client, "status", json!({"uri": uri})).unwrap();
    assert!(lock(&client).contains("plain#1"));
}

#[test]
fn a_stale_version_is_refused_in_words() {
    let mut client = project();
    let uri = open(&mut client, "a", "text", "# seed:begin plain#1\n# seed:end plain#1\n");
    client.change_all(&uri, 2, "x\n# seed:begin plain#1\n# seed:end plain#1\n");
    let error = execute(&mut client, "update", json!({"uri": uri, "version": 1})).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("it is at version 2, but the request is for version 1"), "{error}");
    for (command, argument, words) in [
        ("update", json!({"uri": client.uri("other")}), "is not open in the editor"),
        ("update", json!({"uri": "untitled:x"}), "is not a file"),
        ("update", json!({"uri": uri, "block": "x"}), "is not NAME#INSTANCE"),
        ("resolve", json!({"uri": uri, "block": "plain#1"}), "take must be mine"),
        ("detach", json!({"uri": uri, "lines": [0, 0]}), "no fragment is embedded at line 1"),
        ("add", json!({"uri": uri}), "give either fragment or new"),
        ("add", json!({"uri": uri, "fragment": "gone"}), "there is no fragment of that name"),
        ("add", json!({"uri": uri, "fragment": "plain", "parameters": [["a", "b"]]}), "has no parameter `a`"),
        ("add", json!({"uri": uri, "fragment": "plain", "comment": "x"}), "has no %s"),
        ("status", json!({"uri": uri, "what": 1}), "unknown field"),
    ] {
        let error = execute(&mut client, command, argument.clone()).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(words), "{command} {argument}: {error}");
    }
}

#[test]
fn a_clash_is_told_with_its_sides_and_settled() {
    let mut client = project();
    let text = "# seed:begin plain#1\n# seed:end plain#1\n";
    let uri = open(&mut client, "a", "text", text);
    let answer = execute(&mut client, "update", json!({"uri": uri, "apply": false})).unwrap();
    let mine = edited(text, &answer["edit"], 1);
    client.change_all(&uri, 2, &mine);
    save(&mut client, &uri, "a", &mine);
    let mine = mine.replace("two", "my two");
    client.change_all(&uri, 3, &mine);
    save(&mut client, &uri, "a", &mine);
    client.write("fragments/plain", "one\nTWO\n");
    client.notify("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": client.uri("fragments/plain"), "type": 2}]}));
    // Of an earlier version one may come, too: the fragment may have changed before that was looked at.
    client.wait_for("the clash", |message| {
        message["params"]["version"] == 3 && message["params"]["diagnostics"][0]["code"] == "fragment-clash"
    });
    let status = execute(&mut client, "status", json!({"uri": uri, "block": "plain#1"})).unwrap();
    assert_eq!(status["sides"], json!({"base": "one\ntwo\n", "mine": "one\nmy two\n", "theirs": "one\nTWO\n"}));
    let held = execute(&mut client, "update", json!({"uri": uri})).unwrap();
    assert_eq!((&held["changed"], &held["items"][0]["state"]), (&json!(false), &json!("clash")));
    let markers = json!({"uri": uri, "block": "plain#1", "take": "markers", "apply": false});
    let markers = execute(&mut client, "resolve", markers).unwrap();
    assert!(edited(&mine, &markers["edit"], 3).contains("<<<<<<< mine\nmy two\n=======\nTWO\n>>>>>>> fragment plain\n"));
    // What only the editor can show is offered to one that says it can.
    let here = json!({"textDocument": {"uri": uri}, "range": {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 0}},
        "context": {"diagnostics": []}});
    let offers = client.request("textDocument/codeAction", here).unwrap();
    let titles: Vec<&str> = offers.as_array().unwrap().iter().map(|offer| offer["title"].as_str().unwrap()).collect();
    assert!(titles.contains(&"Seed: write both into plain#1, with conflict markers"), "{titles:?}");
    assert!(!titles.iter().any(|title| title.contains("compare")), "{titles:?}");
    let theirs = json!({"uri": uri, "block": "plain#1", "take": "theirs", "apply": false});
    let theirs = execute(&mut client, "resolve", theirs).unwrap();
    assert_eq!(edited(&mine, &theirs["edit"], 3), mine.replace("my two", "TWO"));
    // Mine changes nothing in the text, which is saved: it is noted at once.
    let kept = execute(&mut client, "resolve", json!({"uri": uri, "version": 3, "block": "plain#1", "take": "mine"})).unwrap();
    assert_eq!(kept["changed"], false);
    assert_eq!(on_the_disk(&client), [("a".to_string(), "edited".to_string())]);
    let found = client.wait_for("the end of the clash", |message| message["params"]["diagnostics"] == json!([]));
    assert_eq!(found["params"]["uri"], uri);
}

#[test]
fn mine_is_noted_when_the_text_is_saved_and_no_clash_until_then() {
    let mut client = project();
    let text = "# seed:begin plain#1\nmine\n# seed:end plain#1\n";
    let uri = open(&mut client, "a", "text", text);
    assert_eq!(codes(&client.diagnostics(&uri, 1)), [(0, "fragment-clash")]);
    let text = format!("{text}more\n");
    client.change_all(&uri, 2, &text);
    client.diagnostics(&uri, 2);
    execute(&mut client, "resolve", json!({"uri": uri, "lines": [1, 1], "take": "mine"})).unwrap();
    client.wait_for("no clash", |message| message["params"]["diagnostics"] == json!([]));
    assert_eq!((lock(&client).as_str(), on_the_disk(&client)[0].1.as_str()), ("", "clash"));
    save(&mut client, &uri, "a", &text);
    execute(&mut client, "status", json!({"uri": uri})).unwrap();
    assert_eq!(on_the_disk(&client)[0].1, "edited");
}

#[test]
fn copies_detaching_and_embedding() {
    let mut client = project();
    let block = "# seed:begin plain#1\none\ntwo\n# seed:end plain#1\n";
    let text = format!("{block}{block}");
    let uri = open(&mut client, "a", "text", &text);
    assert_eq!(codes(&client.diagnostics(&uri, 1)), [(0, "fragment-copy"), (4, "fragment-copy")]);
    let renewed = json!({"uri": uri, "lines": [4, 4], "take": "newInstance"});
    execute(&mut client, "resolve", renewed).unwrap();
    let text = edited(&text, &asked_edit(&mut client), 1);
    assert_eq!(text, format!("{block}{}", block.replace("plain#1", "plain#2")));
    client.change_all(&uri, 2, &text);
    execute(&mut client, "detach", json!({"uri": uri, "block": "plain#1"})).unwrap();
    let text = edited(&text, &asked_edit(&mut client), 2);
    assert_eq!(text, format!("one\ntwo\n{}", block.replace("plain#1", "plain#2")));
    client.change_all(&uri, 3, &text);
    let embed = json!({"uri": uri, "lines": [0, 0], "fragment": "port", "parameters": [["port", "24"]], "comment": "/* %s */"});
    execute(&mut client, "add", embed).unwrap();
    let text = edited(&text, &asked_edit(&mut client), 3);
    assert!(text.starts_with("/* seed:begin port#1 port=24 */\nPort 24\n"), "{text}");
    client.change_all(&uri, 4, &text);
    save(&mut client, &uri, "a", &text);
    let status = execute(&mut client, "status", json!({"uri": uri, "all": true})).unwrap();
    let states: Vec<_> = status["items"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["current", "current"], "{status}");
    for instance in ["plain#2", "port#1"] {
        assert!(lock(&client).contains(instance), "{instance} is not in {}", lock(&client));
    }
}

#[test]
fn lines_become_a_fragment() {
    let mut client = project();
    let text = "<p>\n  <b>x</b>\n</p>\n";
    let uri = open(&mut client, "a.html", "html", text);
    let argument = json!({"uri": uri, "lines": [1, 1], "new": "bold.html", "comment": "<!-- %s -->"});
    let answer = execute(&mut client, "add", argument.clone()).unwrap();
    assert_eq!(answer["notes"], json!(["new fragment fragments/bold.html"]));
    let made = edited(text, &asked_edit(&mut client), 1);
    assert_eq!(made, "<p>\n  <!-- seed:begin bold#1 -->\n  <b>x</b>\n  <!-- seed:end bold#1 -->\n</p>\n");
    assert_eq!(std::fs::read_to_string(client.path("fragments/bold.html")).unwrap(), "<b>x</b>\n");
    let error = execute(&mut client, "add", argument).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("already"), "{error}");
    client.change_all(&uri, 2, &made);
    save(&mut client, &uri, "a.html", &made);
    execute(&mut client, "status", json!({"uri": uri})).unwrap();
    assert_eq!(on_the_disk(&client), [("a.html".to_string(), "current".to_string())]);
    assert!(lock(&client).contains("bold#1"));
}

#[test]
fn an_edit_that_the_editor_refuses_is_told() {
    // This editor answers null to what it is asked, which is no answer.
    let mut client = project();
    let uri = open(&mut client, "a", "text", "# seed:begin plain#1\n# seed:end plain#1\n");
    execute(&mut client, "update", json!({"uri": uri})).unwrap();
    asked_edit(&mut client);
    let said = client.notification("window/showMessage");
    assert!(said["message"].as_str().unwrap().contains("refused the edit"), "{said}");
}

#[test]
fn a_server_for_fragments_alone_offers_nothing_else() {
    let mut client = Client::spawn(&[]);
    let answer = client.initialize(Client::capabilities(), json!({"only": "fragments"}));
    let offered = &answer["capabilities"];
    for feature in
        ["documentFormattingProvider", "renameProvider", "codeLensProvider", "semanticTokensProvider", "referencesProvider"]
    {
        assert!(offered[feature].is_null(), "{feature}");
    }
    for feature in ["completionProvider", "hoverProvider", "definitionProvider", "codeActionProvider"] {
        assert!(!offered[feature].is_null(), "{feature}");
    }
    let commands = offered["executeCommandProvider"]["commands"].as_array().unwrap();
    assert!(commands.iter().all(|name| name.as_str().unwrap().starts_with("seed.fragment.")), "{commands:?}");
}

#[test]
fn what_another_process_holds_up_is_noted_behind_it() {
    let mut client = project();
    let text = "# seed:begin plain#1\n# seed:end plain#1\n";
    let uri = open(&mut client, "a", "text", text);
    let answer = execute(&mut client, "update", json!({"uri": uri, "apply": false})).unwrap();
    let rendered = edited(text, &answer["edit"], 1);
    client.change_all(&uri, 2, &rendered);
    std::fs::create_dir(client.path(".seed")).unwrap();
    let held = std::fs::File::create(client.path(".seed/lock")).unwrap();
    held.lock().unwrap();
    save(&mut client, &uri, "a", &rendered);
    // The text is taken up before the other process lets go.
    client.request("seed/text", json!({"uri": uri})).unwrap();
    assert_eq!(lock(&client), "");
    drop(held);
    execute(&mut client, "status", json!({"uri": uri})).unwrap();
    assert!(lock(&client).contains("plain#1"));
}

#[test]
fn what_was_saved_right_before_the_end_is_noted() {
    let mut client = project();
    let text = "# seed:begin plain#1\n# seed:end plain#1\n";
    let uri = open(&mut client, "a", "text", text);
    let answer = execute(&mut client, "update", json!({"uri": uri, "apply": false})).unwrap();
    let rendered = edited(text, &answer["edit"], 1);
    client.change_all(&uri, 2, &rendered);
    save(&mut client, &uri, "a", &rendered);
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    // The editor goes away without waiting for anything.
    drop(client.input.take());
    client.exit_status();
    assert!(lock(&client).contains("plain#1"));
}

#[test]
fn a_fragment_that_embeds_itself_is_an_error_before_it_is_rendered() {
    let mut client = project();
    client.write("fragments/t", "# seed:begin t#1\n# seed:end t#1\n# seed:begin t#2\n# seed:end t#2\n");
    let uri = open(&mut client, "a.conf", "conf", "# seed:begin t#9\n# seed:end t#9\n");
    let found = client.diagnostics(&uri, 1);
    assert_eq!(codes(&found), [(0, "fragment-broken")], "{found:?}");
    assert!(found[0]["message"].as_str().unwrap().contains("embeds itself"), "{found:?}");
}

#[test]
fn a_mistyped_block_is_refused_and_a_copy_is_all_that_was_wrong() {
    let mut client = project();
    let block = "# seed:begin plain#1\none\ntwo\n# seed:end plain#1\n";
    let text = format!("{block}{block}");
    let uri = open(&mut client, "a.conf", "conf", &text);
    for (command, argument) in [
        ("update", json!({"block": "pain#1"})),
        ("resolve", json!({"block": "pain#1", "take": "mine"})),
        ("detach", json!({"block": "pain#1"})),
    ] {
        let mut argument = argument;
        argument["uri"] = json!(uri);
        let refused = execute(&mut client, command, argument).unwrap_err().to_string();
        assert!(refused.contains("there is no block `pain#1` in the text; did you mean `plain#1`?"), "{command}: {refused}");
    }
    let answer =
        execute(&mut client, "resolve", json!({"uri": uri, "lines": [5, 5], "take": "newInstance", "apply": false})).unwrap();
    let states: Vec<&Json> = answer["items"].as_array().unwrap().iter().map(|item| &item["state"]).collect();
    assert_eq!(states, ["current"], "{answer}");
    assert_eq!(edited(&text, &answer["edit"], 1), format!("{block}{}", block.replace("#1", "#2")));
}
