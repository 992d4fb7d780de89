//! Each feature, once, through the protocol. What each answers in detail is tested beside it, in the crate for editors.

use serde_json::{Value as Json, json};

use crate::client::Client;

const SPEC: &str = "seed: 1\nname: lab\nvars:\n  size: 64 MiB\nroles:\n  image:\n    is: storage.file_block_image\n    why: one file\n    \
                    path: ./lab.img\n    size: ${vars.size}\n  loop:\n    is: storage.loopback_device\n    backing: image\n    \
                    needs: [image]\n";

fn position(text: &str, what: &str) -> Json {
    let at = text.find(what).unwrap();
    let line = text[..at].matches('\n').count();
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    json!({"line": line, "character": at - start})
}

fn labels(list: &Json) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap().to_string()).collect()
}

#[test]
fn hover() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", SPEC);
    let hover = client.at("textDocument/hover", &uri, &position(SPEC, "storage.loopback"));
    let text = hover["contents"]["value"].as_str().unwrap();
    assert!(text.contains("**storage.loopback_device**") && text.contains("| `backing`\\* |"), "{text}");
    assert_eq!(hover["range"]["start"], json!({"line": 11, "character": 8}));
    let hover = client.at("textDocument/hover", &uri, &position(SPEC, "vars.size}"));
    assert!(hover["contents"]["value"].as_str().unwrap().contains("64 MiB"), "{hover}");
}

#[test]
fn completion() {
    let mut client = Client::start();
    let (uri, at) = client.open_at("a.seed.yaml", &SPEC.replace("backing: image", "backing: $0"));
    assert_eq!(labels(&client.at("textDocument/completion", &uri, &at)), ["image"]);
    let (uri, at) = client.open_at("b.seed.yaml", &SPEC.replace("    backing: image\n", "    re$0\n"));
    let items = client.at("textDocument/completion", &uri, &at);
    let one = items["items"].as_array().unwrap().iter().find(|one| one["label"] == "read_only").unwrap();
    assert_eq!(one["textEdit"]["newText"], "read_only: ");
    assert_eq!(one["filterText"], "read_only");
    assert_eq!(one["textEdit"]["range"], json!({"start": {"line": 12, "character": 4}, "end": {"line": 12, "character": 6}}));
    assert!(!one["documentation"]["value"].as_str().unwrap().is_empty());
    let (uri, at) = client.open_at("c.seed.yaml", "seed: 1\nname: a\nroles:\n  x:\n    is: $0\n");
    let types = labels(&client.at("textDocument/completion", &uri, &at));
    assert!(types.contains(&"storage.btrfs".into()) && types.contains(&"storage".into()), "{types:?}");
}

#[test]
fn a_long_list_is_cut_and_asked_for_again() {
    let mut client = Client::start();
    let roles: String = (0..1000).map(|n| format!("  d{n}: {{is: file.directory, path: ./d{n}}}\n")).collect();
    let (uri, at) = client.open_at("a.seed.yaml", &format!("seed: 1\nname: a\nroles:\n{roles}  x:\n    needs: [$0]\n"));
    let found = client.at("textDocument/completion", &uri, &at);
    assert_eq!((&found["isIncomplete"], labels(&found).len()), (&json!(true), 200));
    let (uri, at) = client.open_at("b.seed.yaml", &format!("seed: 1\nname: a\nroles:\n{roles}  x:\n    needs: [d99$0]\n"));
    let found = labels(&client.at("textDocument/completion", &uri, &at));
    assert!(found.contains(&"d99".into()) && found.contains(&"d999".into()) && !found.contains(&"d1".into()), "{found:?}");
}

#[test]
fn completion_of_a_text_that_was_typed_this_moment() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", SPEC);
    let at = json!({"line": 14, "character": 0});
    let new = "  more:\n    is: storage.loopback_device\n    b";
    let change = json!({"range": {"start": at, "end": at}, "text": new});
    client.notify("textDocument/didChange", json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]}));
    let found = client.at("textDocument/completion", &uri, &json!({"line": 16, "character": 5}));
    assert!(labels(&found).contains(&"backing".into()), "{found}");
}

#[test]
fn definition() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", SPEC);
    let found = client.at("textDocument/definition", &uri, &position(SPEC, "image\n    needs"));
    assert_eq!(found, json!({"uri": uri, "range": {"start": {"line": 5, "character": 2}, "end": {"line": 5, "character": 7}}}));
    let mut client = Client::start_with(json!({"textDocument": {"definition": {"linkSupport": true}}}), &[]);
    let uri = client.open("a.seed.yaml", SPEC);
    let found = client.at("textDocument/definition", &uri, &position(SPEC, "image]"));
    assert_eq!(found[0]["originSelectionRange"]["start"], json!({"line": 13, "character": 12}));
    assert_eq!(found[0]["targetUri"], json!(uri));
}

#[test]
fn definition_in_an_included_file() {
    let mut client = Client::start();
    let included = client.write("part.seed.yaml", "seed: 1\nname: part\nroles:\n  thing: {is: file.directory, path: ./t}\n");
    let (uri, at) = client.open_at(
        "a.seed.yaml",
        "seed: 1\nname: a\ninclude: [./part.seed.yaml]\nroles:\n  x: {is: file.directory, path: ./x, needs: [th$0ing]}\n",
    );
    let found = client.at("textDocument/definition", &uri, &at);
    assert_eq!(found["uri"], json!(included));
    assert_eq!(found["range"]["start"], json!({"line": 3, "character": 2}));
}

#[test]
fn references_and_highlights() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", SPEC);
    let at = position(SPEC, "image:\n");
    let params = json!({"textDocument": {"uri": uri}, "position": at, "context": {"includeDeclaration": false}});
    let found = client.request("textDocument/references", params).unwrap();
    let lines: Vec<_> = found.as_array().unwrap().iter().map(|one| one["range"]["start"]["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [12, 13]);
    let found = client.at("textDocument/documentHighlight", &uri, &at);
    assert_eq!(found.as_array().unwrap().len(), 3);
}

#[test]
fn rename() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", SPEC);
    let at = position(SPEC, "image]");
    let prepared = client.at("textDocument/prepareRename", &uri, &at);
    assert_eq!(prepared["placeholder"], "image");
    let params = json!({"textDocument": {"uri": uri}, "position": at, "newName": "disk"});
    let edit = client.request("textDocument/rename", params).unwrap();
    let change = &edit["documentChanges"][0];
    assert_eq!(change["textDocument"], json!({"uri": uri, "version": 1}));
    assert_eq!(change["edits"].as_array().unwrap().len(), 3);
    assert!(change["edits"].as_array().unwrap().iter().all(|edit| edit["newText"] == "disk"));
    let params = json!({"textDocument": {"uri": uri}, "position": at, "newName": "not a name"});
    let error = client.request("textDocument/rename", params).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("cannot name a role"), "{error}");
}

#[test]
fn rename_in_an_included_file_reaches_those_that_include_it() {
    let mut client = Client::start();
    let part = "seed: 1\nname: part\nroles:\n  thing: {is: file.directory, path: ./t}\n";
    let main = "seed: 1\nname: a\ninclude: [./part.seed.yaml]\nroles:\n  x: {is: file.directory, path: ./x, needs: [thing]}\n";
    client.write("part.seed.yaml", part);
    let main = client.open("a.seed.yaml", main);
    client.diagnostics(&main, 1);
    let part = client.open("part.seed.yaml", part);
    let at = json!({"line": 3, "character": 3});
    let params = json!({"textDocument": {"uri": part}, "position": at, "context": {"includeDeclaration": true}});
    assert_eq!(client.request("textDocument/references", params).unwrap().as_array().unwrap().len(), 2);
    let params = json!({"textDocument": {"uri": part}, "position": at, "newName": "other"});
    let edit = client.request("textDocument/rename", params).unwrap();
    let changes = edit["documentChanges"].as_array().unwrap();
    let files: Vec<_> = changes.iter().map(|change| change["textDocument"]["uri"].as_str().unwrap()).collect();
    assert_eq!(files, [&part, &main]);
    assert!(changes.iter().all(|change| change["edits"].as_array().unwrap().len() == 1), "{edit}");
}

#[test]
fn symbols() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", SPEC);
    let found = client.request("textDocument/documentSymbol", json!({"textDocument": {"uri": uri}})).unwrap();
    assert_eq!(found[0]["children"][0]["name"], "size");
    assert_eq!(found[1]["children"][1]["name"], "loop");
    assert_eq!(found[1]["children"][1]["detail"], "storage.loopback_device");
    let found = client.request("workspace/symbol", json!({"query": "lp"})).unwrap();
    assert_eq!(found[0]["name"], "loop");
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[test]
fn code_lenses() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", SPEC);
    let found = client.request("textDocument/codeLens", json!({"textDocument": {"uri": uri}})).unwrap();
    let titles: Vec<_> = found.as_array().unwrap().iter().map(|lens| lens["command"]["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["▶ plan", "apply", "▶ apply", "remove", "inspect", "▶ apply", "remove", "inspect"]);
    let starts: Vec<_> = found.as_array().unwrap()[2..5].iter().map(|lens| lens["range"]["start"]["character"].clone()).collect();
    assert_eq!(starts, [2, 3, 4], "editors sort lenses by their start");
    assert_eq!(found[3]["command"]["command"], "seed.apply");
    assert_eq!(found[3]["command"]["arguments"], json!([{"uri": uri, "roles": ["image"], "state": "absent"}]));
}

#[test]
fn code_actions() {
    let mut client = Client::start();
    let text = SPEC.replace("backing: image", "backing: imag");
    let uri = client.open("a.seed.yaml", &text);
    let at = position(&text, "imag\n");
    let params = json!({"textDocument": {"uri": uri}, "range": {"start": at, "end": at}, "context": {"diagnostics": []}});
    let found = client.request("textDocument/codeAction", params.clone()).unwrap();
    let fix = &found[0];
    assert_eq!(fix["kind"], "quickfix");
    assert_eq!(fix["diagnostics"][0]["code"], "unknown-reference");
    assert_eq!(fix["edit"]["documentChanges"][0]["edits"][0]["newText"], "image");
    let titles: Vec<_> = found.as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap()).collect();
    assert!(titles.ends_with(&["Seed: apply loop", "Seed: remove loop", "Seed: inspect loop"]), "{titles:?}");
    let mut only = params;
    only["context"]["only"] = json!(["quickfix"]);
    let found = client.request("textDocument/codeAction", only).unwrap();
    assert!(found.as_array().unwrap().iter().all(|one| one["kind"] == "quickfix"));
}

#[test]
fn inlay_hints() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", SPEC);
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}});
    let found = client.request("textDocument/inlayHint", json!({"textDocument": {"uri": uri}, "range": range})).unwrap();
    assert_eq!(found[0]["label"], "= 64 MiB");
    assert_eq!(found[0]["position"], json!({"line": 9, "character": 22}));
}

#[test]
fn folding_and_selection() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", SPEC);
    let found = client.request("textDocument/foldingRange", json!({"textDocument": {"uri": uri}})).unwrap();
    let folds: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["startLine"].as_u64().unwrap(), one["endLine"].as_u64().unwrap()))
        .collect();
    assert_eq!(folds, [(2, 3), (4, 13), (5, 9), (10, 13)]);
    let params = json!({"textDocument": {"uri": uri}, "positions": [{"line": 6, "character": 10}, {"line": 0, "character": 0}]});
    let found = client.request("textDocument/selectionRange", params).unwrap();
    assert_eq!(found[0]["range"]["start"], json!({"line": 6, "character": 8}));
    assert_eq!(found[0]["parent"]["range"]["start"], json!({"line": 6, "character": 4}));
    assert_eq!(found.as_array().unwrap().len(), 2);
}

#[test]
fn document_links() {
    let mut client = Client::start();
    let included = client.write("part.seed.yaml", "seed: 1\nname: part\nroles: {}\n");
    let uri = client.open("a.seed.yaml", "seed: 1\nname: a\ninclude: [./part.seed.yaml]\nroles: {}\n");
    let found = client.request("textDocument/documentLink", json!({"textDocument": {"uri": uri}})).unwrap();
    assert_eq!(found[0]["target"], json!(included));
    assert_eq!(found[0]["range"]["start"], json!({"line": 2, "character": 10}));
}

#[test]
fn semantic_tokens() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", "seed: 1\nname: a\nroles:\n  🐚x: {}\n  d: {is: file.directory, needs: [d]}\n");
    let found = client.request("textDocument/semanticTokens/full", json!({"textDocument": {"uri": uri}})).unwrap();
    let data: Vec<u64> = found["data"].as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect();
    assert_eq!(data.len() % 5, 0);
    // seed, name and roles are keywords; the shell with x is three units long.
    assert_eq!(&data[..20], [0, 0, 4, 4, 0, 1, 0, 4, 4, 0, 1, 0, 5, 4, 0, 1, 2, 3, 0, 1]);
}

#[test]
fn formatting_changes_the_layout_and_nothing_else() {
    let mut client = Client::start();
    let text = "seed: 1\nname: a # lab   \nroles:\n    d:\n        is: file.directory\n        path: ./d\n";
    let uri = client.open("a.seed.yaml", text);
    let options = json!({"tabSize": 8, "insertSpaces": false});
    let params = json!({"textDocument": {"uri": uri}, "options": options});
    let edits = client.request("textDocument/formatting", params).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    // Whole lines are replaced, the last first.
    let mut edits = edits.as_array().unwrap().clone();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit["range"]["start"]["line"].as_u64().unwrap()));
    for edit in edits {
        let (start, end) = (&edit["range"]["start"], &edit["range"]["end"]);
        assert_eq!((&start["character"], &end["character"]), (&json!(0), &json!(0)), "{edit}");
        let new = edit["newText"].as_str().unwrap().lines().map(String::from);
        lines.splice(start["line"].as_u64().unwrap() as usize..end["line"].as_u64().unwrap() as usize, new);
    }
    assert_eq!(lines.join("\n"), "seed: 1\nname: a # lab\nroles:\n  d:\n    is: file.directory\n    path: ./d");
}

/// A project with a composite role: the client, and the address of a spec that uses it.
fn with_composite_role(uses: &str) -> (Client, String, Json) {
    let mut client = Client::start();
    let role = client.folder.path().join("roles/desk");
    std::fs::create_dir_all(role.join("tasks")).unwrap();
    std::fs::write(role.join("role.yml"), DESK).unwrap();
    std::fs::write(role.join("tasks/main.yml"), DESK_TASKS).unwrap();
    let (uri, at) = client.open_at("a.seed.yaml", &format!("seed: 1\nname: a\nroles:\n{uses}"));
    // The roles of a project are known once its spec was read.
    client.diagnostics(&uri, 1);
    (client, uri, at)
}

const DESK: &str = "about: A desk to work at.\nparameters:\n  home: {type: path, doc: Where it stands.}\n  \
                    wood: {type: {choice: [oak, pine]}, default: oak}\noutputs:\n  top: {value: \"${folder.path}\", doc: Its top.}\n";
const DESK_TASKS: &str = "present:\n  folder: {is: file.directory, path: \"${home}\"}\n  \
                          note: {is: file.text, path: \"${home}/note\", content: \"${wood}\"}\n";

#[test]
fn a_composite_role_is_completed_and_explained_as_any_other() {
    let (mut client, uri, at) = with_composite_role("  mine:\n    is: de$0\n");
    let types = labels(&client.at("textDocument/completion", &uri, &at));
    assert!(types.contains(&"desk".into()), "{types:?}");
    let (mut client, uri, at) = with_composite_role("  mine:\n    is: desk\n    $0\n");
    let keys = labels(&client.at("textDocument/completion", &uri, &at));
    assert!(keys.contains(&"home".into()) && keys.contains(&"wood".into()) && keys.contains(&"state".into()), "{keys:?}");
    let (mut client, uri, at) = with_composite_role("  mine:\n    is: desk\n    wood: $0\n");
    assert_eq!(labels(&client.at("textDocument/completion", &uri, &at)), ["oak", "pine"]);
    let (mut client, uri, at) = with_composite_role(
        "  mine: {is: desk, home: ./m}\n  note:\n    is: file.text\n    path: ./n\n    content: ${mine.$0}\n",
    );
    assert!(labels(&client.at("textDocument/completion", &uri, &at)).contains(&"mine.top".into()));
    let (mut client, uri, at) = with_composite_role("  mine:\n    is: de$0sk\n    home: ./m\n");
    let hover = client.at("textDocument/hover", &uri, &at);
    let text = hover["contents"]["value"].as_str().unwrap();
    assert!(text.contains("A desk to work at.") && text.contains("| `home`\\* |"), "{text}");
}

#[test]
fn a_role_of_a_collection_is_as_one_of_the_project() {
    let with = |uses: &str| {
        let mut client = Client::start();
        std::fs::create_dir_all(client.folder.path().join("shared/roles/desk/tasks")).unwrap();
        client.write("shared/roles/desk/role.yml", DESK);
        client.write("shared/roles/desk/tasks/main.yml", DESK_TASKS);
        let head =
            "seed: 1\nname: lab\ncollections:\n  shared: {path: ./shared}\n  far: {git: \"https://example.org/far.git\"}\n";
        client.write("lab.seed.yaml", &format!("{head}roles: {{}}\n"));
        let (uri, at) = client.open_at("lab.seed.yaml", &format!("{head}roles:\n{uses}"));
        client.diagnostics(&uri, 1);
        (client, uri, at)
    };
    let (mut client, uri, at) = with("  mine:\n    is: shared.$0\n");
    let types = labels(&client.at("textDocument/completion", &uri, &at));
    assert!(types.contains(&"shared.desk".into()), "{types:?}");
    let (mut client, uri, at) = with("  mine:\n    is: shared.desk\n    wood: $0\n");
    assert_eq!(labels(&client.at("textDocument/completion", &uri, &at)), ["oak", "pine"]);
    let (mut client, uri, at) = with("  mine:\n    is: shared.de$0sk\n    home: ./m\n  other: {is: far.away}\n");
    let found = client.at("textDocument/definition", &uri, &at);
    assert!(found["uri"].as_str().unwrap().ends_with("shared/roles/desk/role.yml"), "{found}");
    let hover = client.at("textDocument/hover", &uri, &at);
    assert!(hover["contents"]["value"].as_str().unwrap().contains("A desk to work at."), "{hover}");
    // What is not fetched is told once, with what fetches it, and fetched by nobody here.
    let found = client.request("textDocument/diagnostic", json!({"textDocument": {"uri": uri}})).unwrap();
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{found}");
    assert_eq!(items[0]["code"], "collection-missing");
    assert!(items[0]["message"].as_str().unwrap().contains("seed collection fetch"), "{found}");
    // A role of the project that is read by itself knows the collections of the spec beside it.
    std::fs::create_dir_all(client.folder.path().join("roles/own")).unwrap();
    client.write("roles/own/role.yml", "about: Mine.\n");
    let (uri, at) = client.open_at("roles/own/tasks/main.yml", "present:\n  part:\n    is: shared.$0\n");
    client.diagnostics(&uri, 1);
    assert!(labels(&client.at("textDocument/completion", &uri, &at)).contains(&"shared.desk".into()));
}

#[test]
fn a_composite_role_leads_into_its_files() {
    let target = |uses: &str| {
        let (mut client, uri, at) = with_composite_role(uses);
        let found = client.at("textDocument/definition", &uri, &at);
        let file = found["uri"].as_str().unwrap().rsplit('/').next().unwrap().to_string();
        (file, found["range"]["start"]["line"].as_u64().unwrap())
    };
    assert_eq!(target("  mine:\n    is: de$0sk\n    home: ./m\n"), ("role.yml".into(), 0));
    assert_eq!(target("  mine:\n    is: desk\n    wo$0od: pine\n    home: ./m\n"), ("role.yml".into(), 3));
    let output = "  mine: {is: desk, home: ./m}\n  note:\n    is: file.text\n    path: ./n\n    content: ${mine.to$0p}\n";
    assert_eq!(target(output), ("role.yml".into(), 5));
}

#[test]
fn the_files_of_a_composite_role_are_read_while_they_are_written() {
    let (mut client, _, _) = with_composite_role("  mine: {is: desk, home: ./m}$0\n");
    let text = DESK_TASKS.replace("content: \"${wood}\"", "content: \"${wod}\"");
    let uri = client.open("roles/desk/tasks/main.yml", &text);
    let found = client.request("textDocument/diagnostic", json!({"textDocument": {"uri": uri}})).unwrap();
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{found}");
    assert!(items[0]["message"].as_str().unwrap().contains("did you mean `wood`?"), "{found}");
    let found = client.at("textDocument/definition", &uri, &position(&text, "home}\"}"));
    assert!(found["uri"].as_str().unwrap().ends_with("role.yml"), "{found}");
    let (uri, at) = client.open_at("roles/desk/tasks/main.yml", "present:\n  folder: {is: file.directory, path: \"${$0\"}\n");
    let names = labels(&client.at("textDocument/completion", &uri, &at));
    assert!(names.contains(&"home".into()) && names.contains(&"wood".into()), "{names:?}");
    let (uri, at) = client.open_at("roles/desk/tasks/main.yml", "present:\n  folder:\n    is: file.te$0\n");
    assert!(labels(&client.at("textDocument/completion", &uri, &at)).contains(&"file.text".into()));
    let (uri, at) = client.open_at("roles/desk/role.yml", "about: A desk.\nparameters:\n  home:\n    type: $0\n");
    assert!(labels(&client.at("textDocument/completion", &uri, &at)).contains(&"size".into()));
}
