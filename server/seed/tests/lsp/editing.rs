//! The server's view of a text equals the editor's, after any edits.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};

use crate::client::Client;

/// An edit by positions, as an editor sends it, and the editor's own text kept beside it.
#[derive(Clone, Debug)]
struct Edit {
    /// Where, in thousandths of the text.
    from: usize,
    to: usize,
    new: String,
}

fn edit() -> impl Strategy<Value = Edit> {
    let pieces = ["a", "ä", "🐚", "\n", "\r\n", "  ", "key: ", "- ", "#", "{", "]", "${vars.x}", "\u{2028}", "\u{200d}", ""];
    let new = proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..6).prop_map(|parts| parts.concat());
    // Most edits are small, as when typing.
    let reach = prop_oneof![4 => 0..8_usize, 1 => 0..400_usize];
    (0..1000_usize, reach, new).prop_map(|(from, reach, new)| Edit { from, to: from + reach, new })
}

/// The position of a byte offset, counted as an editor does: lines end at `\n`, `\r\n` and `\r`.
fn position(text: &str, offset: usize, utf8: bool) -> Json {
    let (mut line, mut start) = (0, 0);
    let bytes = text.as_bytes();
    for at in 0..offset {
        if bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
            line += 1;
            start = at + 1;
        }
    }
    let before = &text[start..offset];
    let character = if utf8 { before.len() } else { before.encode_utf16().count() };
    json!({"line": line, "character": character})
}

fn boundary(text: &str, mut offset: usize) -> usize {
    offset = offset.min(text.len());
    // An editor has no place between the two characters of a line's end.
    while !text.is_char_boundary(offset) || (offset > 0 && text[..offset].ends_with('\r') && text[offset..].starts_with('\n')) {
        offset -= 1;
    }
    offset
}

fn run(utf8: bool) {
    let mut client = Client::spawn(&[]);
    let encodings = if utf8 { json!(["utf-8", "utf-16"]) } else { json!(["utf-16"]) };
    let capabilities = json!({"general": {"positionEncodings": encodings}, "textDocument": {"publishDiagnostics": {}}});
    client.initialize(capabilities, Json::Null);
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let client = std::cell::RefCell::new(client);
    let number = std::cell::Cell::new(0);
    let batches = proptest::collection::vec(proptest::collection::vec(edit(), 1..5), 1..25);
    let outcome = runner.run(&batches, |batches| {
        let mut client = client.borrow_mut();
        number.set(number.get() + 1);
        let mut text = "seed: 1\r\nname: ä\nroles:\n  🐚: {is: file.directory, path: ./d}\n".repeat(3);
        let uri = client.open(&format!("{}.seed.yaml", number.get()), &text);
        let mut version = 1;
        for batch in batches {
            let mut changes = Vec::new();
            for edit in batch {
                let from = boundary(&text, text.len() * edit.from / 1000);
                let to = boundary(&text, from + edit.to - edit.from).max(from);
                let range = json!({"start": position(&text, from, utf8), "end": position(&text, to, utf8)});
                changes.push(json!({"range": range, "text": edit.new}));
                text.replace_range(from..to, &edit.new);
            }
            version += 1;
            let params = json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": changes});
            client.notify("textDocument/didChange", params);
            // Requests in between must not change the order.
            client.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": uri}}));
        }
        let seen = client.request("seed/text", json!({"uri": uri})).unwrap();
        prop_assert_eq!(seen["text"].as_str(), Some(text.as_str()));
        prop_assert_eq!(&seen["version"], &json!(version));
        // And what is said about it is about this state: its diagnostics lie within the text.
        let lines = text.matches('\n').count() + text.matches('\r').count() + 1;
        for diagnostic in client.diagnostics(&uri, version) {
            let end = diagnostic["range"]["end"]["line"].as_u64().unwrap() as usize;
            prop_assert!(end < lines, "{} behind line {}", diagnostic, lines);
        }
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
        client.waiting.clear();
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert_eq!(client.into_inner().end(), 0);
}

#[test]
fn any_edits_in_utf16_units_give_the_editors_text() {
    run(false);
}

#[test]
fn any_edits_in_bytes_give_the_editors_text() {
    run(true);
}

#[test]
fn a_thousand_edits_without_a_pause_arrive_in_order() {
    let mut client = Client::start();
    let uri = client.open("a.seed.yaml", "");
    let mut text = String::new();
    for version in 2..1002 {
        let piece = format!("{version} ");
        let at = json!({"line": 0, "character": text.len()});
        let change = json!({"range": {"start": at, "end": at}, "text": piece});
        client.notify(
            "textDocument/didChange",
            json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]}),
        );
        text.push_str(&piece);
        if version % 10 == 0 {
            client.ask("textDocument/hover", json!({"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}));
        }
    }
    assert_eq!(client.request("seed/text", json!({"uri": uri})).unwrap()["text"], json!(text));
}
