//! `doc/book/src/diagnostics.md` has a section for each code, and its examples tell what they say.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod world;

use seed_spec::Code;
use world::{check, codes, show_all};

/// The sections: the code in the heading, and the examples, the wrong one first.
fn sections() -> Vec<(String, Vec<String>)> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../doc/book/src/diagnostics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut sections = Vec::new();
    for section in text.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap().trim_matches('`').to_owned();
        let examples = section.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect();
        sections.push((heading, examples));
    }
    sections
}

#[test]
fn every_code_has_a_section_in_order() {
    let headings: Vec<String> = sections().into_iter().map(|(heading, _)| heading).collect();
    let names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(headings, names);
}

#[test]
fn examples_have_the_mistake_and_lose_it_when_mended() {
    // Found by the crates above, or in bytes: nothing to show here.
    let elsewhere = [
        "not-utf8",
        "conflict",
        "too-small",
        "missing-tool",
        "not-there",
        "template",
        "untrusted",
        "collection-missing",
        "collection-changed",
    ];
    for (name, examples) in sections() {
        let whole = |piece: &str| match piece.contains("seed:") && !piece.starts_with("roles:") {
            true => piece.to_owned(),
            false => format!("seed: 1\nname: lab\n{piece}"),
        };
        for example in &examples[1.min(examples.len())..] {
            let analysis = check(&whole(example));
            assert!(analysis.diagnostics.is_empty(), "{name}, mended:\n{}", show_all(&analysis));
        }
        if elsewhere.contains(&name.as_str()) {
            continue;
        }
        assert_eq!(examples.len(), 2, "{name}");
        let analysis = check(&whole(&examples[0]));
        assert_eq!(codes(&analysis), [name.as_str()], "{}", show_all(&analysis));
    }
}
