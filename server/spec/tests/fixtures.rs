//! Every mistake of the language, as it is told: `fixtures/NAME.seed.yaml` gives `fixtures/NAME.snap`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod world;

use std::collections::BTreeSet;
use std::path::Path;

use seed_spec::{Code, Severity};
use world::{check, codes, show_all};

fn fixtures() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut fixtures: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".seed.yaml")?.to_owned();
            Some((name, std::fs::read_to_string(path).unwrap()))
        })
        .collect();
    fixtures.sort();
    fixtures
}

#[test]
fn mistakes_are_told_as_recorded() {
    let settings = || {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("fixtures");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings
    };
    for (name, text) in fixtures() {
        let analysis = check(&text);
        settings().bind(|| insta::assert_snapshot!(name, show_all(&analysis)));
    }
}

#[test]
fn every_code_is_told_by_a_fixture() {
    let told: BTreeSet<&str> = fixtures().iter().flat_map(|(_, text)| codes(&check(text))).collect();
    // Found in bytes, before there is a text; found by the crates above.
    let elsewhere = [
        Code::NotUtf8,
        Code::TooLarge,
        Code::Conflict,
        Code::TooSmall,
        Code::MissingTool,
        Code::NotThere,
        Code::Template,
        Code::Untrusted,
        Code::CollectionChanged,
    ];
    let missing: Vec<&str> = Code::ALL
        .iter()
        .filter(|code| !elsewhere.contains(code))
        .map(|code| code.name())
        .filter(|name| !told.contains(name))
        .collect();
    assert!(missing.is_empty(), "no fixture tells of {missing:?}");
}

#[test]
fn fixes_mend_what_they_say() {
    for (name, text) in fixtures() {
        let analysis = check(&text);
        for diagnostic in analysis.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
            for fix in &diagnostic.fixes {
                let file = diagnostic.span.file.0 as usize;
                let source = &analysis.documents[file].source;
                let mut mended = source.text().to_string();
                for edit in fix.edits.iter().rev() {
                    assert_eq!(edit.span.file, diagnostic.span.file);
                    mended.replace_range(edit.span.range(), &edit.text);
                }
                // The same mistake does not stand at the same place any more.
                let whole = match file {
                    0 => text.replacen(&**source.text(), &mended, 1),
                    _ => text.replacen(&**source.text(), &mended, 1),
                };
                let again = check(&whole);
                let same = again.diagnostics.iter().any(|other| {
                    (other.span.file, other.span.start, other.code, &other.message)
                        == (diagnostic.span.file, diagnostic.span.start, diagnostic.code, &diagnostic.message)
                });
                assert!(!same, "{name}: “{}” does not mend “{}”", fix.title, diagnostic.message);
            }
        }
    }
}
