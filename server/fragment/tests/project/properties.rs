//! For any base, user's text and new rendering: nothing of the user's is lost, and an update that has nothing to do does nothing.

use std::path::Path;

use proptest::prelude::*;
use seed_fragment::buffer::{Edits, between};
use seed_fragment::{State, Wishes, tree};

use crate::world::{END, World};

/// A line as people write them, and as they do not.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0u8..8).prop_map(|number| format!("line {number}")),
        1 => Just(String::new()),
        1 => (0u8..4).prop_map(|number| format!("  inner {number}")),
        1 => Just("\tü {{ x }".to_string()),
        1 => "[ -~]{0,12}".prop_map(|text| text.replace("seed:", "seed")),
    ]
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(line(), 0..12)
}

/// What a user makes of lines: some go, some come, whole blocks move to the right, line ends change.
#[derive(Clone, Debug)]
struct Edited {
    edits: Vec<(usize, bool, Option<String>)>,
    indent: String,
    crlf: Vec<bool>,
    no_end: bool,
}

fn edited() -> impl Strategy<Value = Edited> {
    let edits = prop::collection::vec((0usize..12, any::<bool>(), prop::option::of(line())), 0..4);
    let indent = prop_oneof![Just(String::new()), Just("    ".to_string()), Just("\t".to_string())];
    let crlf = prop_oneof![Just(vec![false]), Just(vec![true]), prop::collection::vec(any::<bool>(), 1..6)];
    (edits, indent, crlf, any::<bool>()).prop_map(|(edits, indent, crlf, no_end)| Edited { edits, indent, crlf, no_end })
}

impl Edited {
    fn of(&self, text: &str) -> String {
        let mut lines: Vec<String> = text.lines().map(String::from).collect();
        for (at, goes, comes) in &self.edits {
            // Between the markers, which are the second line and the last but one.
            let at = 2 + at % (lines.len() - 3);
            if *goes && at < lines.len() - 2 {
                lines.remove(at);
            }
            lines.splice(at..at, comes.clone());
        }
        let mut out = String::new();
        for (number, line) in lines.iter().enumerate() {
            let indent = if line.trim().is_empty() { "" } else { &self.indent };
            let end = if self.crlf[number % self.crlf.len()] { "\r\n" } else { "\n" };
            out.push_str(&format!("{indent}{line}{end}"));
        }
        if self.no_end { out.trim_end().to_string() } else { out }
    }
}

fn text_of(lines: &[String]) -> String {
    let raw: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // What looks like a template is text here.
    format!("---\nabout: x\n---\n{{% raw %}}\n{raw}{{% endraw %}}")
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_line_of_the_users_is_lost_and_two_updates_are_one(base in lines(), user in edited(), theirs in lines()) {
        let world = World::with(&text_of(&base));
        let rendered = world.read("file");
        prop_assert_eq!(rendered.lines().skip(2).take(base.len()).collect::<Vec<_>>(), base.iter().map(|line| if line.trim().is_empty() { "" } else { line }).collect::<Vec<_>>());
        let mine = user.of(&rendered);
        world.write("file", &mine);

        // Without a change in the fragment no byte changes.
        world.update();
        prop_assert_eq!(&world.read("file"), &mine);
        let states = world.states();
        prop_assert!(matches!(states[..], [State::Current | State::Edited]), "{:?}", states);

        world.write("fragments/f", text_of(&theirs));
        let report = world.update();
        let now = world.read("file");
        if world.states() == [State::Clash] {
            prop_assert_eq!(&now, &mine);
            prop_assert_eq!(report.written.len(), 0);
        } else {
            // What the user wrote is there: to the byte where the base had no such line, and as often as it was added where it had.
            let count = |text: &str, line: &str| text.lines().filter(|other| other.trim() == line.trim()).count();
            for line in mine.split_inclusive('\n') {
                let added = count(&mine, line).saturating_sub(count(&rendered, line));
                prop_assert!(count(&now, line) >= added, "lost {:?}\nmine {:?}\nnow {:?}", line, mine, now);
                if count(&rendered, line) == 0 {
                    prop_assert!(now.split_inclusive('\n').any(|other| other == line), "changed {:?}\nmine {:?}\nnow {:?}", line, mine, now);
                }
            }
        }
        let before = world.bytes();
        let again = world.update();
        prop_assert_eq!(again.written.len(), 0);
        prop_assert_eq!(world.bytes(), before);
    }

    #[test]
    fn an_open_text_comes_to_the_same_as_a_file(base in lines(), user in edited(), theirs in lines()) {
        let world = World::with(&text_of(&base));
        let mine = user.of(&world.read("file"));
        world.write("file", &mine);
        world.write("fragments/f", text_of(&theirs));
        let edits = Edits::of(&world.project(), Path::new("file"), &mine, 1, Wishes::default());
        let open = edits.apply(&mine, 1).unwrap();
        world.update();
        prop_assert_eq!(world.read("file"), open);
    }

    #[test]
    fn edits_lead_from_one_text_to_the_other(one in lines(), other in lines(), ends in any::<bool>()) {
        let (one, mut other) = (one.join("\n"), other.join("\n"));
        if ends { other.push('\n') }
        let lines: Vec<&str> = one.split_inclusive('\n').collect();
        let (mut out, mut at) = (String::new(), 0);
        for edit in between(&one, &other) {
            out.push_str(&lines[at..edit.start].concat());
            out.push_str(&edit.text);
            at = edit.end;
        }
        out.push_str(&lines[at..].concat());
        prop_assert_eq!(out, other);
    }

    #[test]
    fn any_text_is_read_and_written_back_to_the_byte(text in "([a-z# ]|seed:begin |seed:end |f#1|g#2|\n|\r\n|\u{feff}|\")*") {
        let (parts, problems) = tree::parse(&text);
        if problems.is_empty() {
            let mut again = String::new();
            tree::write(&parts, &mut again);
            prop_assert_eq!(again, text);
        }
    }

    #[test]
    fn any_bytes_of_a_file_a_fragment_and_a_lock_end_in_an_answer(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        fragment in "(---\n|about: |parameters:\n|  p: |\\{\\{|\\}\\}|\\{%|%\\}| for x in |endfor|seed:begin f#2|[a-z\n])*",
        lock in "(\\{|\\}|\"instance\"|:|f#1|,|\n)*",
    ) {
        let world = World::with("a\n");
        let text = [world.read("file").into_bytes(), bytes].concat();
        world.write("file", &text);
        world.write("fragments/f", fragment);
        let _ = seed_fragment::update(&world.root, &[]);
        world.write("file", &text);
        world.write(".seed/fragments.lock", lock);
        let _ = seed_fragment::update(&world.root, &[]);
        let written = String::from_utf8_lossy(&std::fs::read(world.at("file")).unwrap()).into_owned();
        prop_assert!(written.contains(END.trim_end()));
    }

    /// What `status` says of texts on the disk, most of which it only glances at, is what judging them says.
    #[test]
    fn a_look_at_files_says_what_judging_their_texts_says(
        base in lines(),
        user in edited(),
        indent in "[ \t]{0,2}",
        crlf in any::<bool>(),
        twice in any::<bool>(),
        tells in any::<bool>(),
        after in "(|own\n|# seed:end f#1\n|# seed:begin f#2\n|x \\\\seed:begin f#2\n|# seed:begin f#2\n# seed:end f#2\n)",
    ) {
        let own = if tells { "instance {{ instance }}\n" } else { "" };
        let world = World::with(&format!("{}\n{own}", text_of(&base)));
        let rendered = world.read("file");
        let mut text = if twice { user.of(&rendered) } else { rendered.clone() };
        text = text.split_inclusive('\n').map(|line| if line.trim().is_empty() { line.into() } else { format!("{indent}{line}") }).collect();
        text.push_str(&after);
        if crlf { text = text.replace('\n', "\r\n") }
        world.write("file", &text);
        world.write("other", rendered.replace("f#1", "f#3"));
        let project = world.project();
        let judged = project.judge_text(Path::new("file"), &text, Wishes::default()).items;
        let mut seen = project.status(&[]).unwrap().items;
        seen.retain(|item| item.file == Path::new("file"));
        let told = |items: &[seed_fragment::Item]| items.iter().map(|item| format!("{} {} {:?} {} {:?}", item.line, item.instance, item.state, item.message, item.actions)).collect::<Vec<_>>();
        prop_assert_eq!(told(&seen), told(&judged));
    }
}
