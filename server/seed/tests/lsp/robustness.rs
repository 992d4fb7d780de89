//! What no editor should send, and what no spec should hold.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::client::Client;

#[test]
fn malformed_messages_are_answered_and_survived() {
    let mut client = Client::start();
    client.raw(b"Content-Length: 9\r\n\r\n{\"json\": ");
    let error = client.wait_for("an error", |message| message.get("error").is_some());
    assert_eq!(error["error"]["code"], -32700);
    client.raw(b"nonsense without any header\r\n\r\n");
    client.raw(b"Content-Length: -5\r\n\r\n");
    client.raw(b"Content-Length: 2\r\nContent-Type: application/x; charset=klingon\r\n\r\n[]");
    client.raw(b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc");
    client.send(&json!({"jsonrpc": "2.0", "id": 900, "method": "no/suchMethod"}));
    assert_eq!(client.answer(900).unwrap_err()["code"], -32601);
    client.send(&json!({"jsonrpc": "2.0", "id": 901, "method": "textDocument/hover", "params": {"textDocument": 5}}));
    assert_eq!(client.answer(901).unwrap_err()["code"], -32602);
    client.notify("textDocument/didOpen", json!({"nothing": "of use"}));
    client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": "file:///not/open", "version": 7}, "contentChanges": []}),
    );
    client.send(&json!({"jsonrpc": "2.0", "id": 9999, "result": "of nothing that was asked"}));
    let uri = client.open("a.seed.yaml", "seed: 1\nname: a\nroles: {}\n");
    assert_eq!(client.diagnostics(&uri, 1), Vec::<Json>::new());
    assert_eq!(client.end(), 0);
}

#[test]
fn a_text_that_is_not_open_is_an_error_and_no_more() {
    let mut client = Client::start();
    let at = json!({"textDocument": {"uri": "file:///not/open.seed.yaml"}, "position": {"line": 0, "character": 0}});
    for method in ["textDocument/hover", "textDocument/completion", "textDocument/definition"] {
        assert!(client.request(method, at.clone()).unwrap_err()["message"].as_str().unwrap().contains("not open"));
    }
    assert_eq!(client.end(), 0);
}

#[test]
fn positions_outside_of_the_text_are_survived() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", "seed: 1\nname: ä🐚\nroles: {}\n");
    for position in [
        json!({"line": 99, "character": 0}),
        json!({"line": 1, "character": 4_294_967_295_u32}),
        json!({"line": 1, "character": 8}),
    ] {
        for method in ["textDocument/hover", "textDocument/completion", "textDocument/definition", "textDocument/prepareRename"] {
            client.at(method, &uri, &position);
        }
        let params = json!({"textDocument": {"uri": uri}, "range": {"start": position, "end": {"line": 0, "character": 0}}, "context": {"diagnostics": []}});
        client.request("textDocument/codeAction", params).unwrap();
    }
    assert_eq!(client.end(), 0);
}

#[test]
fn hostile_specs_are_answered_in_time() {
    let mut client = Client::start();
    let bomb = (0..24).fold("a0: &a0 [x, x]\n".to_string(), |text, n| format!("{text}a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1));
    let hostile = [
        "[".repeat(200_000),
        format!("seed: 1\nname: a\nvars:\n{}", "  ".repeat(2) + &"- ".repeat(100_000)),
        bomb,
        "a: ".repeat(50_000),
        format!("seed: 1\nname: {}\n", "x".repeat(5 << 20)),
        "\u{0}\u{1}\u{feff}\u{85}\t\r\r\n".repeat(1000),
        "${".repeat(100_000),
        String::new(),
    ];
    for (number, text) in hostile.iter().enumerate() {
        let uri = client.open(&format!("{number}.seed.yaml"), text);
        let begin = Instant::now();
        client.diagnostics(&uri, 1);
        let end = json!({"line": text.matches('\n').count(), "character": 9});
        client.at("textDocument/completion", &uri, &end);
        client.at("textDocument/hover", &uri, &end);
        // Generous: this is the unoptimized program on a machine with other work.
        assert!(begin.elapsed() < Duration::from_secs(15), "number {number} took {:?}", begin.elapsed());
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    }
    assert_eq!(client.end(), 0);
}

#[test]
fn a_cancelled_request_is_answered_as_such_and_others_go_on() {
    let mut client = Client::start();
    let roles: String = (0..3000).map(|n| format!("  d{n}: {{is: file.directory, path: ./d{n}}}\n")).collect();
    let uri = client.open("a.seed.yaml", &format!("seed: 1\nname: a\nroles:\n{roles}"));
    // It waits for the analysis, so there is time to cancel it.
    let asked = client.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": uri}}));
    client.notify("$/cancelRequest", json!({"id": asked}));
    assert_eq!(client.answer(asked).unwrap_err()["code"], -32800);
    let found = client.request("textDocument/documentSymbol", json!({"textDocument": {"uri": uri}})).unwrap();
    assert_eq!(found[0]["children"].as_array().unwrap().len(), 3000);
}

#[test]
fn a_question_about_a_text_that_changed_meanwhile_is_told_so() {
    let mut client = Client::start();
    let roles: String = (0..3000).map(|n| format!("  d{n}: {{is: file.directory, path: ./d{n}}}\n")).collect();
    let text = format!("seed: 1\nname: a\nroles:\n{roles}");
    let uri = client.open("a.seed.yaml", &text);
    let asked = client.ask("textDocument/codeLens", json!({"textDocument": {"uri": uri}}));
    let mut answers = vec![client.ask("textDocument/codeLens", json!({"textDocument": {"uri": uri}})), asked];
    for version in 2..6 {
        client.change_all(&uri, version, &format!("{text}# {version}\n"));
        answers.push(client.ask("textDocument/codeLens", json!({"textDocument": {"uri": uri}})));
    }
    let last = *answers.last().unwrap();
    for id in answers {
        match client.answer(id) {
            Ok(lenses) => assert_eq!(lenses.as_array().unwrap().len(), 2 + 3 * 3000),
            Err(error) => assert!(id != last && error["code"] == -32801, "{error}"),
        }
    }
}
