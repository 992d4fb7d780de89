//! Notes: links between pages and roles, in Markdown beside specs.

use serde_json::{Value as Json, json};

use crate::client::Client;

const SPEC: &str =
    "seed: 1\nname: lab\nroles:\n  pool: {is: file.directory, path: ./pool}\n  note: {is: file.text, path: ./a, content: x}\n";
const PAGE: &str = "# The bad cable\n\nSee [[pool]] and [[Second page]], and [it](other.md#second-page).\n";
const OTHER: &str = "# Second page\n\nBack to [[cable]] and [[the bad cable]].\n\n[[po\n";

/// An editor with a spec and two notes that link to each other, of which the second is open.
fn project() -> (Client, String) {
    let mut client = Client::start();
    std::fs::create_dir(client.path("notes")).unwrap();
    client.write("lab.seed.yaml", SPEC);
    client.write("notes/cable.md", PAGE);
    let uri = client.write("notes/other.md", OTHER);
    client.open_as(&uri, "markdown", OTHER);
    (client, uri)
}

fn position(text: &str, needle: &str) -> Json {
    let offset = text.find(needle).unwrap() + 1;
    let line = text[..offset].matches('\n').count();
    json!({"line": line, "character": offset - text[..offset].rfind('\n').map_or(0, |at| at + 1)})
}

fn places(found: &Json) -> Vec<(String, u64)> {
    let place = |one: &Json| {
        let uri = one["uri"].as_str().unwrap();
        (uri.rsplit('/').next().unwrap().to_string(), one["range"]["start"]["line"].as_u64().unwrap())
    };
    let mut all: Vec<_> = found.as_array().unwrap().iter().map(place).collect();
    all.sort();
    all
}

#[test]
fn links_are_completed_with_roles_and_headings() {
    let (mut client, uri) = project();
    let found = client.at("textDocument/completion", &uri, &json!({"line": 4, "character": 4}));
    let labels: Vec<_> = found["items"].as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["Second page", "The bad cable", "lab", "note", "pool"]);
    assert_eq!(found["items"][4]["textEdit"]["newText"], "pool]]");
    assert_eq!(found["items"][4]["textEdit"]["range"]["start"], json!({"line": 4, "character": 2}));
    let found = client.at("textDocument/completion", &uri, &json!({"line": 2, "character": 3}));
    assert_eq!(found["items"], json!([]));
}

#[test]
fn a_link_leads_to_its_role_or_heading() {
    let (mut client, uri) = project();
    let cable = client.uri("notes/cable.md");
    client.open_as(&cable, "markdown", PAGE);
    let found = client.at("textDocument/definition", &cable, &position(PAGE, "pool]]"));
    assert_eq!(places(&found), [("lab.seed.yaml".to_string(), 3)]);
    let found = client.at("textDocument/definition", &cable, &position(PAGE, "[it]"));
    assert_eq!(places(&found), [("other.md".to_string(), 0)]);
    let found = client.at("textDocument/definition", &uri, &position(OTHER, "cable]]"));
    assert_eq!(places(&found), [("cable.md".to_string(), 0)]);
}

#[test]
fn all_links_to_a_heading_are_its_references() {
    let (mut client, uri) = project();
    let mut params =
        json!({"textDocument": {"uri": uri}, "position": position(OTHER, "Second"), "context": {"includeDeclaration": true}});
    let found = client.request("textDocument/references", params.clone()).unwrap();
    assert_eq!(places(&found), [("cable.md".to_string(), 2), ("cable.md".to_string(), 2)]);
    // By the name of the file and by the heading, from either.
    params["position"] = position(OTHER, "the bad");
    let found = client.request("textDocument/references", params).unwrap();
    assert_eq!(places(&found), [("other.md".to_string(), 2), ("other.md".to_string(), 2)]);
}

#[test]
fn a_heading_is_renamed_with_the_links_to_it() {
    let (mut client, uri) = project();
    let at = position(OTHER, "Second");
    let params = json!({"textDocument": {"uri": uri}, "position": at});
    let prepared = client.request("textDocument/prepareRename", params).unwrap();
    assert_eq!(prepared["placeholder"], "Second page");
    let rename = |client: &mut Client, at: &Json, name: &str| {
        client.request("textDocument/rename", json!({"textDocument": {"uri": uri}, "position": at, "newName": name}))
    };
    let edit = rename(&mut client, &at, "Page two").unwrap();
    let mut texts: Vec<String> = edit["documentChanges"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|change| change["edits"].as_array().unwrap().clone())
        .map(|edit| edit["newText"].as_str().unwrap().to_string())
        .collect();
    texts.sort();
    assert_eq!(texts, ["Page two", "Page two", "page-two"]);
    // By a link to it; the link by the name of the file stays.
    let edit = rename(&mut client, &position(OTHER, "the bad"), "The good cable").unwrap();
    let count: usize =
        edit["documentChanges"].as_array().unwrap().iter().map(|change| change["edits"].as_array().unwrap().len()).sum();
    assert_eq!(count, 2, "{edit}");
    for (at, name, words) in [(&at, "a]b", "is not a valid heading"), (&position(OTHER, "Back"), "x", "only Markdown headings")] {
        let error = rename(&mut client, at, name).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
}

#[test]
fn a_server_for_notes_alone_offers_links_and_fragments() {
    let mut client = Client::spawn(&[]);
    let answer = client.initialize(Client::capabilities(), json!({"only": "notes"}));
    let offered = &answer["capabilities"];
    for feature in ["completionProvider", "definitionProvider", "referencesProvider", "renameProvider"] {
        assert!(!offered[feature].is_null(), "{feature}");
    }
    for feature in ["documentFormattingProvider", "codeLensProvider", "documentSymbolProvider"] {
        assert!(offered[feature].is_null(), "{feature}");
    }
}

#[test]
fn notes_show_at_their_role_and_are_found() {
    let (mut client, _) = project();
    let uri = client.open("lab.seed.yaml", SPEC);
    let lenses = client.request("textDocument/codeLens", json!({"textDocument": {"uri": uri}})).unwrap();
    let lens = lenses.as_array().unwrap().iter().filter(|lens| lens["command"]["command"] == "seed.recall").collect::<Vec<_>>();
    assert_eq!(lens.len(), 1, "{lenses}");
    assert_eq!((&lens[0]["command"]["title"], &lens[0]["range"]["start"]["line"]), (&json!("1 note"), &json!(3)));
    let command = &lens[0]["command"];
    let params = json!({"command": "seed.recall", "arguments": command["arguments"]});
    let found = client.request("workspace/executeCommand", params).unwrap();
    let titles: Vec<_> = found["hits"].as_array().unwrap().iter().map(|hit| hit["title"].as_str().unwrap()).collect();
    assert_eq!(titles[0], "pool: file.directory");
    assert!(titles.contains(&"The bad cable"), "{titles:?}");
    let error = client.request("workspace/executeCommand", json!({"command": "seed.recall", "arguments": [{}]})).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("seed.recall"), "{error}");
}
