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
fn the_matrix_names_tests_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let matrix = std::fs::read_to_string(root.join("doc/features.md")).unwrap();
    let mut sources = String::new();
    let mut folders = ["server/seed/tests/lsp", "server/ide/src", "tests/cli"].map(|folder| root.join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => sources.push_str(&format!(
                    "mod {};\n{}",
                    path.file_stem().unwrap().display(),
                    std::fs::read_to_string(&path).unwrap()
                )),
            }
        }
    }
    let rows: Vec<_> = matrix.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 15, "{matrix}");
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap();
        assert!(tests.contains('`'), "no test shows: {row}");
        for name in tests.split('`').skip(1).step_by(2).flat_map(|test| test.split("::")) {
            let known = sources.contains(&format!("fn {name}()")) || sources.contains(&format!("mod {name};"));
            assert!(known, "there is no {name}, as in: {row}");
        }
    }
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
