//! Beginning and end.

use serde_json::{Value as Json, json};

use crate::client::Client;

#[test]
fn it_offers_what_the_matrix_in_the_documents_says() {
    let mut client = Client::spawn(&[]);
    let answer = client.initialize(Client::capabilities(), Json::Null);
    let offered = &answer["capabilities"];
    for feature in [
        "completionProvider",
        "hoverProvider",
        "definitionProvider",
        "referencesProvider",
        "documentHighlightProvider",
        "documentSymbolProvider",
        "workspaceSymbolProvider",
        "renameProvider",
        "codeLensProvider",
        "codeActionProvider",
        "inlayHintProvider",
        "foldingRangeProvider",
        "selectionRangeProvider",
        "documentLinkProvider",
        "documentFormattingProvider",
        "semanticTokensProvider",
        "executeCommandProvider",
    ] {
        assert!(!offered[feature].is_null(), "{feature} is missing in {offered}");
    }
    assert_eq!(offered["textDocumentSync"]["change"], 2, "incremental");
    assert_eq!(offered["positionEncoding"], "utf-16");
    let fragments = ["status", "update", "resolve", "detach", "add"].map(|verb| format!("seed.fragment.{verb}"));
    let jobs = ["seed.plan", "seed.apply", "seed.info", "seed.repair"].map(String::from);
    assert_eq!(
        offered["executeCommandProvider"]["commands"],
        json!([&fragments[..], &jobs[..], &["seed.recall".to_owned(), "seed.duck".to_owned()]].concat())
    );
    assert!(offered.get("diagnosticProvider").is_none(), "who is told does not ask: it would show everything twice");
    assert_eq!(answer["serverInfo"]["name"], "seed");
    assert_eq!(client.end(), 0);
}

#[test]
fn the_documentation_names_every_request_that_the_server_answers() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../doc/features.md");
    let document = std::fs::read_to_string(path).unwrap();
    let mut client = Client::spawn(&[]);
    let answer = client.initialize(Client::capabilities(), json!({}));
    let offered = answer["capabilities"].as_object().unwrap();
    let providers =
        offered.iter().filter(|(_, offer)| **offer != json!(false)).filter_map(|(name, _)| name.strip_suffix("Provider"));
    let mut count = 0;
    for name in providers {
        let request = if name == "workspaceSymbol" { "workspace/symbol" } else { name };
        let request = request.strip_prefix("document").filter(|rest| *rest == "Formatting").map_or(request, |_| "formatting");
        assert!(document.contains(request), "doc/features.md does not name {request}");
        count += 1;
    }
    assert!(count > 12, "{offered:?}");
}

#[test]
fn bytes_are_counted_where_the_editor_can() {
    let mut client = Client::spawn(&[]);
    let answer = client.initialize(json!({"general": {"positionEncodings": ["utf-32", "utf-8", "utf-16"]}}), Json::Null);
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-8");
    let uri = client.open("a.seed.yaml", "seed: 1\nname: a\nroles:\n  d: {why: ä🐚, is: nothing}\n");
    let found = client.diagnostics(&uri, 1);
    let unknown = found.iter().find(|one| one["code"] == "unknown-role-type").unwrap();
    assert_eq!(unknown["range"]["start"], json!({"line": 3, "character": 23}));
}

#[test]
fn an_editor_that_goes_away_without_a_word_is_noticed() {
    let mut client = Client::start();
    drop(client.input.take());
    assert_eq!(client.exit_status(), 1);
    let mut client = Client::start();
    client.send(&json!({"jsonrpc": "2.0", "method": "exit"}));
    assert_eq!(client.exit_status(), 1);
}

#[test]
fn nothing_is_answered_before_the_greeting() {
    let mut client = Client::spawn(&[]);
    let error = client
        .request("textDocument/hover", json!({"textDocument": {"uri": "file:///a"}, "position": {"line": 0, "character": 0}}));
    assert_eq!(error.unwrap_err()["code"], -32002);
    client.initialize(Client::capabilities(), Json::Null);
    assert_eq!(client.end(), 0);
}

#[test]
fn nothing_is_answered_after_the_shutdown() {
    let mut client = Client::start();
    client.request("shutdown", Json::Null).unwrap();
    let error = client.request("seed/text", json!({"uri": "file:///a"}));
    assert_eq!(error.unwrap_err()["code"], -32600);
}

#[test]
fn files_are_watched_where_the_editor_can() {
    let mut client = Client::start();
    let asked = client.wait_for("the registration", |message| message["method"] == "client/registerCapability");
    let registration = &asked["params"]["registrations"][0];
    assert_eq!(registration["method"], "workspace/didChangeWatchedFiles");
    assert_eq!(registration["registerOptions"]["watchers"][0]["globPattern"], "**/*.seed.yaml");
}
