#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::Path;

use seed_fragment::embed::Comment;
use seed_fragment::{Embedding, Key, Take};

use super::actions::{Work, actions};
use super::fixture::World;
use super::*;

fn codes(world: &World, text: &str) -> Vec<(usize, &'static str)> {
    world.ask(text, |open| findings(open, &HashMap::new()).iter().map(|one| (one.line, one.code.name())).collect())
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

/// What a wish makes of a text; its edits must come to the same.
fn changed(world: &World, text: &str, wish: Wish) -> Change {
    let change = world.ask(text, |open| change(open, &wish)).unwrap();
    let mut edited = text.to_string();
    for edit in change.edits.iter().rev() {
        edited.replace_range(edit.range.clone(), &edit.text);
    }
    assert_eq!(edited, change.text);
    change
}

#[test]
fn every_kind_of_finding_has_its_code_and_a_section() {
    let world = World::new();
    for (text, expected) in [
        ("no marker\n", vec![]),
        ("# seed:begin plain#1\none\ntwo\n# seed:end plain#1\n", vec![]),
        ("x\n# seed:begin plain#1\n# seed:end plain#1\n", vec![(2, "fragment-outdated")]),
        ("# seed:begin plain#1\nother\n# seed:end plain#1\n", vec![(1, "fragment-clash")]),
        ("# seed:begin nothing#1\n# seed:end nothing#1\n", vec![(1, "fragment-orphan")]),
        ("# seed:begin plain#1\n", vec![(1, "fragment-marker")]),
        ("# seed:end plain#1\n", vec![(1, "fragment-marker")]),
        ("# seed:begin plain\n", vec![(1, "fragment-marker")]),
        ("# seed:begin port#1\n# seed:end port#1\n", vec![(1, "fragment-broken")]),
        ("# seed:begin port#1 port=x\n# seed:end port#1\n", vec![(1, "fragment-broken")]),
        (
            "# seed:begin plain#1\n# seed:end plain#1\n# seed:begin plain#1\n# seed:end plain#1\n",
            vec![(1, "fragment-copy"), (3, "fragment-copy")],
        ),
    ] {
        assert_eq!(codes(&world, text), expected, "{text}");
    }
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../doc/book/src/diagnostics.md")).unwrap();
    for code in Code::ALL {
        assert!(text.contains(&format!("\n### `{}`\n", code.name())), "{} has no section", code.name());
    }
}

#[test]
fn a_finding_marks_the_marker_and_no_more() {
    let world = World::new();
    let text = "a\r\n\t<!-- seed:begin nothing#1 -->\r\n\t<!-- seed:end nothing#1 -->\r\n";
    let range = world.ask(text, |open| findings(open, &HashMap::new())[0].range.clone());
    assert_eq!(&text[range], "<!-- seed:begin nothing#1 -->");
}

#[test]
fn fragments_themselves_are_not_judged() {
    let world = World::new();
    let project = seed_fragment::Project::open(&world.root).unwrap();
    let open = Open { project: &project, file: Path::new("fragments/x"), text: "# seed:begin nothing#1\n# seed:end nothing#1\n" };
    assert!(findings(&open, &HashMap::new()).is_empty());
    assert!(actions(&open, 0..0, &HashMap::new()).is_empty());
    let error = change(&open, &Wish::Update(None)).unwrap_err().to_string();
    assert!(error.contains("is itself a fragment"), "{error}");
}

fn completed(world: &World, fixture: &str) -> Option<Vec<String>> {
    let at = fixture.find("$0").unwrap();
    let text = fixture.replacen("$0", "", 1);
    world.ask(&text, |open| {
        let found = completions(open, at)?;
        let put = |one: &Suggestion| format!("{}{}{}", &text[..one.range.start], one.text, &text[one.range.end..]);
        Some(found.iter().map(put).collect())
    })
}

#[test]
fn names_parameters_and_values_are_completed() {
    let world = World::new();
    let all = |fixture: &str| completed(&world, fixture).unwrap();
    assert_eq!(all("# seed:begin $0"), ["# seed:begin plain#1", "# seed:begin port#1"]);
    assert_eq!(all("<!-- seed:begin p$0 -->\n"), ["<!-- seed:begin plain#1 -->\n", "<!-- seed:begin port#1 -->\n"]);
    let second = "# seed:begin plain#1\n# seed:end plain#1\n# seed:begin $0\n";
    assert!(all(second)[0].contains("seed:begin plain#2\n"), "{:?}", all(second));
    assert_eq!(all("# seed:begin port#1 port=1\n# seed:end $0"), ["# seed:begin port#1 port=1\n# seed:end port#1"]);
    let params = all("# seed:begin port#1 $0");
    assert_eq!(params, ["# seed:begin port#1 level=", "# seed:begin port#1 loud=", "# seed:begin port#1 port="]);
    assert_eq!(all("# seed:begin port#1 port=1 loud=true l$0"), ["# seed:begin port#1 port=1 loud=true level="]);
    // The one under the cursor is replaced; those before and behind it are there.
    assert_eq!(
        all("# seed:begin port#1 lou$0d=true level=low"),
        ["# seed:begin port#1 loud=true level=low", "# seed:begin port#1 port=true level=low"]
    );
    assert_eq!(all("# seed:begin port#1 level=h$0"), ["# seed:begin port#1 level=low", "# seed:begin port#1 level=high"]);
    assert_eq!(all("# seed:begin port#1 loud=$0 x=1")[1], "# seed:begin port#1 loud=false x=1");
    assert!(all("# seed:begin nothing#1 $0").is_empty());
    assert!(all("# seed:begin plain#1\n# seed:end plain#1 $0").is_empty());
    for fixture in ["$0# seed:begin x", "# seed:beg$0in", "a $0", "# seed:begin x\n$0"] {
        assert_eq!(completed(&world, fixture), None, "{fixture}");
    }
}

#[test]
fn a_marker_is_explained_with_what_it_renders_to() {
    let world = World::new();
    let text = "# seed:begin port#1 port=22\n# seed:end port#1\n";
    for offset in [3, text.len() - 3] {
        let (said, range) = world.ask(text, |open| hover(open, offset)).unwrap();
        for part in [
            "**port#1** from `fragments/port.conf`",
            "Where it listens.",
            "| `port` | 22 | The port. |",
            "\"low\" (default)",
            "```\nPort 22\nLevel low\n```",
        ] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        assert!(range.contains(&offset));
        let (_, path) = world.ask(text, |open| definition(open, offset)).unwrap();
        assert_eq!(path, world.root.join("fragments/port.conf"));
    }
    let (said, _) = world.ask("# seed:begin port#1\n", |open| hover(open, 0)).unwrap();
    assert!(said.contains("required") && said.contains("Cannot render it"), "{said}");
    assert!(world.ask("# seed:begin none#1\n", |open| hover(open, 0)).unwrap().0.contains("There is no fragment"));
    assert_eq!(world.ask("text\n", |open| hover(open, 0)), None);
}

#[test]
fn what_can_be_done_fits_the_state_of_the_block() {
    let world = World::new();
    let titles = |text: &str, at: &str| -> Vec<String> {
        let at = text.find(at).unwrap();
        world.ask(text, |open| actions(open, at..at, &HashMap::new()).into_iter().map(|one| one.title).collect())
    };
    let outdated = "x\n# seed:begin plain#1\n# seed:end plain#1\n";
    assert_eq!(titles(outdated, "seed:end"), ["Seed: update plain#1", "Seed: detach plain#1"]);
    assert_eq!(titles(outdated, "x"), ["Seed: update all fragments of this file", "Seed: embed the fragment plain here"]);
    let clash = "# seed:begin plain#1\nother\n# seed:end plain#1\n";
    assert_eq!(
        titles(clash, "other"),
        [
            "Seed: keep my text of plain#1",
            "Seed: take the fragment's text of plain#1",
            "Seed: write both into plain#1, with conflict markers",
            "Seed: compare the three versions of plain#1",
            "Seed: detach plain#1"
        ]
    );
    let copy = "# seed:begin plain#1\n# seed:end plain#1\n# seed:begin plain#1\n# seed:end plain#1\n";
    let at = copy.rfind("begin").unwrap();
    let offers = world.ask(copy, |open| actions(open, at..at, &HashMap::new()));
    assert_eq!((&offers[0].work, offers[0].mends), (&Work::Renew(3), Some(3)));
    assert_eq!(titles("text\n", "text"), ["Seed: embed the fragment plain here"]);
}

#[test]
fn one_block_is_updated_and_the_others_are_not() {
    let world = World::new();
    let text = "# seed:begin plain#1\n# seed:end plain#1\n  # seed:begin plain#2\n  # seed:end plain#2\nend";
    let change = changed(&world, text, Wish::Update(Some(vec![key("plain#2")])));
    assert_eq!(change.text, text.replace("plain#2\n  #", "plain#2\n  one\n  two\n  #"));
    assert_eq!(change.records.len(), 1);
    assert_eq!((change.items.len(), change.items[0].message.as_str()), (1, "rendered"));
    let all = changed(&world, text, Wish::Update(None));
    assert_eq!((all.records.len(), all.text.matches("two").count()), (2, 2));
}

#[test]
fn what_comes_behind_the_last_line_is_put_at_its_end() {
    let world = World::new();
    for (text, expected) in [("a\n", 1..1), ("a\r\n", 1..1), ("a", 1..1), ("", 0..0)] {
        let embedding = Embedding { fragment: "plain".into(), ..Embedding::default() };
        let change = changed(&world, text, Wish::Embed(embedding));
        // A line without an end is replaced by one with it.
        let ranges: Vec<_> = change.edits.iter().map(|edit| edit.range.clone()).collect();
        assert!(ranges == [expected] || text == "a", "{text:?}: {ranges:?}");
        assert!(change.text.ends_with("seed:end plain#1") || text != "a", "{}", change.text);
    }
}

#[test]
fn a_clash_holds_an_update_of_all_back_and_is_settled_either_way() {
    let world = World::new();
    let text = "# seed:begin plain#1\nother\n# seed:end plain#1\n# seed:begin plain#2\n# seed:end plain#2\n";
    let held = changed(&world, text, Wish::Update(None));
    assert_eq!((held.text.as_str(), held.records.len()), (text, 0));
    assert!(held.items[1].message.contains("waiting for"), "{:?}", held.items);
    let mine = changed(&world, text, Wish::Take(vec![key("plain#1")], Take::Mine));
    assert_eq!((mine.text.as_str(), mine.records.len()), (text, 1));
    // It is decided, and no finding any more, before it is noted.
    assert_eq!(world.ask(text, |open| findings(open, &mine.taken).len()), 1);
    let theirs = changed(&world, text, Wish::Take(vec![key("plain#1")], Take::Theirs));
    assert_eq!(theirs.text, text.replace("other", "one\ntwo"));
}

#[test]
fn a_copy_gets_an_instance_and_a_block_is_detached() {
    let world = World::new();
    let text = "# seed:begin plain#1\none\ntwo\n# seed:end plain#1\n# seed:begin plain#1\none\ntwo\n# seed:end plain#1\n";
    let change = changed(&world, text, Wish::Renew(vec![5]));
    assert!(change.text.ends_with("# seed:begin plain#2\none\ntwo\n# seed:end plain#2\n"), "{}", change.text);
    assert!(change.text.starts_with("# seed:begin plain#1\n"));
    assert_eq!(change.records[0].instance, "plain#2");
    let detached = changed(&world, &change.text, Wish::Detach(vec![key("plain#1")]));
    assert_eq!(detached.text, "one\ntwo\n# seed:begin plain#2\none\ntwo\n# seed:end plain#2\n");
}

#[test]
fn a_fragment_is_embedded_in_the_comments_it_is_told() {
    let world = World::new();
    let embedding = Embedding {
        fragment: "port".into(),
        params: vec![("port".into(), "22".into())],
        line: Some(2),
        comment: Comment::from_pattern("/*%s*/"),
        ..Embedding::default()
    };
    let change = changed(&world, "a {\n  b\n}\n", Wish::Embed(embedding.clone()));
    let expected = "a {\n  /* seed:begin port#1 port=22 */\n  Port 22\n  Level low\n  /* seed:end port#1 */\n  b\n}\n";
    assert_eq!(change.text, expected);
    for (broken, words) in [
        (Embedding { params: Vec::new(), ..embedding.clone() }, "port"),
        (Embedding { fragment: "nothing".into(), ..embedding.clone() }, "there is no fragment of that name"),
    ] {
        let error = world.ask("a\n", |open| change_words(open, &Wish::Embed(broken)));
        assert!(error.contains(words), "{error}");
    }
}

fn change_words(open: &Open<'_>, wish: &Wish) -> String {
    change(open, wish).unwrap_err().to_string()
}

#[test]
fn some_lines_become_a_fragment_that_renders_to_them() {
    let world = World::new();
    for (number, text) in ["a\n  b {{ x }}\n    c\nd\n", "a\r\n  b\r\n    c\r\nd\r\n", "a\n  b\n    c"].into_iter().enumerate() {
        let new = NewFragment { file: format!("new{number}.txt"), lines: 1..3, comment: Comment::from_pattern("<!-- %s -->") };
        let change = changed(&world, text, Wish::Create(new.clone()));
        let plain: String = change.text.split_inclusive('\n').filter(|line| !line.contains("seed:")).collect();
        assert_eq!(plain.trim_end(), text.trim_end());
        assert!(change.text.contains(&format!("  <!-- seed:begin new{number}#1 -->")), "{}", change.text);
        assert_eq!(codes(&world, &change.text), [], "{}", change.text);
        assert_eq!(change.records.len(), 1);
        let error = world.ask(text, |open| change_words(open, &Wish::Create(new)));
        assert!(error.contains("already"), "{error}");
    }
    let half = "# seed:begin plain#1\none\n# seed:end plain#1\n";
    let new = NewFragment { file: "half".into(), lines: 1..3, comment: None };
    let error = world.ask(half, |open| change_words(open, &Wish::Create(new)));
    assert!(error.contains("markers would be misplaced"), "{error}");
    assert!(!world.root.join("fragments/half").exists());
}

#[test]
fn what_was_undone_is_not_noted() {
    let world = World::new();
    let text = "# seed:begin plain#1\n# seed:end plain#1\n";
    let change = changed(&world, text, Wish::Update(None));
    let left = |text: &str| world.ask(text, |open| noted(open, change.records.clone()).len());
    assert_eq!(left(&change.text), 1);
    assert_eq!(left(&change.text.replace("two", "mine")), 1);
    assert_eq!(left(text), 0);
    assert_eq!(left("gone\n"), 0);
    assert_eq!(left("# seed:begin plain#1\n"), 0);
}
