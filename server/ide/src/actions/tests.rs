use super::*;
use crate::fixture::{Fixture, check};

fn shown(fixture: &str) -> String {
    check(fixture, |Fixture { snapshot, offset }| {
        let shown = actions(snapshot, *offset..*offset).into_iter().map(|action| match action.does {
            Does::Edits(edits) => {
                let after = Fixture::apply(snapshot, &edits);
                let line = snapshot.source.line_of(edits[0].span.start as usize);
                format!("{} => {}", action.title, after.lines().nth(line).unwrap_or("").trim())
            }
            Does::Job(job) => format!("{} => {:?} {:?}", action.title, job.what, job.roles),
        });
        shown.collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn fixes_come_before_states() {
    let text = shown("seed: 1\nname: a\nroles:\n  image:\n    is: disk.image\n    pa$0h: ./a\n    size: 1 GiB\n");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("=> path: ./a"), "{text}");
    assert!(text.ends_with(
        "Seed: apply image => Apply(Present) [\"image\"]\nSeed: remove image => Apply(Absent) [\"image\"]\n\
         Seed: inspect image => Info [\"image\"]"
    ));
}

#[test]
fn only_what_may_be_silenced_offers_it() {
    let spec =
        |line: &str| format!("seed: 1\nname: a\nroles:\n  image:\n    is: disk.image\n    path: ./a\n    size: 1 GiB\n{line}\n");
    let silenced =
        |line: &str| shown(&spec(line)).lines().filter(|line| line.starts_with("Silence")).collect::<Vec<_>>().join("\n");
    let same = "Silence `unknown-key` here => ";
    assert_eq!(silenced("    colour$0: red"), format!("{same}colour: red  # seed: ignore[unknown-key]"));
    let known = "    colour$0: red # seed: ignore[conflict]";
    assert_eq!(silenced(known), format!("{same}colour: red # seed: ignore[conflict, unknown-key]"));
    let gone = shown("seed: 1\nname: a\nroles:\n  image: {is: disk.no$0thing}\n");
    assert!(!gone.contains("Silence"), "{gone}");
}

#[test]
fn what_is_silenced_is_silent() {
    let spec = "seed: 1\nname: a\nroles:\n  image:\n    is: disk.image\n    path: ./a\n    size: 1 GiB\n    colour$0: red\n";
    let after = check(spec, |Fixture { snapshot, offset }| {
        let all = actions(snapshot, *offset..*offset);
        let silence = all.iter().find(|action| action.title.starts_with("Silence"));
        match silence.map(|action| &action.does) {
            Some(Does::Edits(edits)) => Fixture::apply(snapshot, edits),
            _ => panic!("nothing silences it: {all:?}"),
        }
    });
    assert_eq!(check(&after, |fixture| fixture.snapshot.analysis.diagnostics.len().to_string()), "0");
}

#[test]
fn outside_of_roles_there_is_nothing_to_start() {
    assert_eq!(shown("seed: 1\nna$0me: a\nroles:\n  image: {is: disk.image, path: ./a, size: 1 GiB}\n"), "");
}
