//! What holds for every text.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod world;

use proptest::prelude::*;
use seed_spec::tree::NodeKind;
use seed_spec::{Analysis, FileId, Source, yaml};
use world::{check, source};

/// A spec that uses most of the language, to be damaged.
const SPEC: &str = r#"seed: 1
name: lab
why: "to be broken"
vars: {disk: 4 GiB, list: [a, 'b', "c"], yes: on}
include: ./other.seed.yaml
roles:
  image: &image
    is: storage.file_block_image # the disk
    path: ./lab.img
    size: ${vars.disk}
    mode: "0640"
  loop: {is: storage.loopback_device, backing: image, read_only: false}
  pool:
    <<: *image
    is: storage.btrfs
    devices:
    - loop
    - /dev/sda
    subvolumes:
      root: {}
      home: {quota: 1 GiB}
  text:
    is: file.text
    for_each: ${vars.list}
    when: each.key != "b"
    path: ${pool.mount}/${each.key}
    content: |
      #!/bin/sh
      echo "${pool.uuid}" $${HOME}

    with: >-
      folded
      text
    needs: [pool, 'text[a]']
  key: {is: storage.luks, device: loop, key: !secret {env: KEY}} # seed: ignore[unknown-key]
"#;

/// Pieces that mean something in YAML or in the language.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\r".to_owned()),
        Just("\t".to_owned()),
        Just("  ".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\0".to_owned()),
        Just("\u{85}".to_owned()),
        Just("---\n".to_owned()),
        Just("...\n".to_owned()),
        Just("${".to_owned()),
        Just("$${".to_owned()),
        Just("}".to_owned()),
        Just("<<: *image".to_owned()),
        Just("|2-\n".to_owned()),
        Just("\u{1F41A}".to_owned()),
        prop::sample::select(vec![
            "'", "\"", "[", "]", "{", "}", ":", ": ", "- ", "? ", "#", " #", "&a ", "*a ", "!x ", "!!int ", ",", "|", ">", "%",
            "@", "`", "\\"
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,4}",
        any::<char>().prop_map(String::from),
    ]
}

/// The spec with some of its bytes replaced by pieces.
fn damaged() -> impl Strategy<Value = String> {
    prop::collection::vec((0..SPEC.len(), 0usize..12, piece()), 1..5).prop_map(|damages| {
        let mut text = SPEC.to_owned();
        for (at, length, piece) in damages {
            let start = at.min(text.len());
            let end = (at + length).min(text.len());
            if text.is_char_boundary(start) && text.is_char_boundary(end) {
                text.replace_range(start..end, &piece);
            }
        }
        text
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![damaged(), prop::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat()), any::<String>()]
}

/// All spans lie within their file, at characters' edges, and the children of a node in order.
fn spans_hold(analysis: &Analysis) {
    for document in &analysis.documents {
        let text = document.source.text();
        let good = |span: seed_spec::Span| text.get(span.range()).is_some();
        for node in &document.tree.nodes {
            assert!(good(node.span), "{node:?}");
            let children: Vec<_> = match &node.kind {
                NodeKind::List(items) => items.clone(),
                NodeKind::Map(pairs) => pairs.iter().flat_map(|(key, value)| [*key, *value]).collect(),
                NodeKind::Alias(target) => {
                    assert!((target.0 as usize) < document.tree.nodes.len());
                    Vec::new()
                }
                NodeKind::Scalar(..) => Vec::new(),
            };
            for pair in children.windows(2) {
                let (first, second) = (document.tree.node(pair[0]).span, document.tree.node(pair[1]).span);
                assert!(first.end <= second.start, "{first:?} {second:?}");
            }
        }
        for entry in &document.entries {
            assert!(good(entry.span) && good(entry.name_span));
        }
    }
    for diagnostic in &analysis.diagnostics {
        let spans = diagnostic.related.iter().map(|(span, _)| span).chain([&diagnostic.span]);
        for span in spans.chain(diagnostic.fixes.iter().flat_map(|fix| fix.edits.iter().map(|edit| &edit.span))) {
            let text = analysis.documents[span.file.0 as usize].source.text();
            assert!(text.get(span.range()).is_some(), "{diagnostic:?}");
        }
        assert!(!diagnostic.message.is_empty());
    }
    for reference in &analysis.references {
        let source = &analysis.documents[reference.span.file.0 as usize].source;
        assert_eq!(source.slice(reference.span), &*reference.role);
    }
}

#[test]
fn texts_that_once_panicked_do_no_more() {
    for text in [
        "\u{1F41A}|2-\n\u{85}<<: *image",
        "X\u{3000}:\n",
        "vars: {a: \"\u{feff}${x}\"}",
        "seed: 1\nname: x\nroles:\n  a: {is: file.directory, path: /a, when: '\u{1F41A} x'}\n",
    ] {
        spans_hold(&check(text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_and_all_spans_hold(text in any_text()) {
        spans_hold(&check(&text));
    }

    #[test]
    fn the_line_edited_last_never_panics(text in damaged(), line in 0usize..60) {
        let source = source(&text);
        let (tree, _) = yaml::parse(&source, FileId(0), Some(line));
        prop_assert!(tree.nodes.len() < 10_000);
    }

    #[test]
    fn positions_round_trip(text in any_text()) {
        let source = Source::new("x", text.as_str());
        for (at, _) in text.char_indices() {
            // Between the two halves of a line end stands no cursor.
            let inside = at > 0 && text.as_bytes()[at - 1] == b'\r' && text.as_bytes()[at] == b'\n';
            if !inside {
                prop_assert_eq!(source.offset(source.position(at)), at);
            }
        }
    }

    #[test]
    fn what_is_clean_stays_clean_in_any_order(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        let roles = [
            "  a: {is: storage.file_block_image, path: /a, size: 1 MiB}\n",
            "  b: {is: storage.loopback_device, backing: a}\n",
            "  c: {is: storage.btrfs, devices: [b], mount: /c}\n",
            "  d: {is: file.text, path: '${c.mount}/d', content: '${a.path}'}\n",
            "  e: {is: file.directory, for_each: [x, y], path: '${c.mount}/${each.key}'}\n",
            "  f: {is: file.directory, path: /f, needs: [e, 'e[x]', d]}\n",
        ];
        let text: String = order.iter().map(|role| roles[*role]).collect();
        let analysis = check(&format!("seed: 1\nname: lab\nroles:\n{text}"));
        prop_assert!(analysis.diagnostics.is_empty(), "{:?}", analysis.diagnostics);
        prop_assert_eq!(analysis.roles.len(), 7);
    }
}
