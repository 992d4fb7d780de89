//! Facts of a program's text, whatever its language: what it defines, what its comments promise, the numbers it holds, and where it
//! can fail. They come from how lines look, not from a grammar, so that they are few and coarse.

use std::collections::HashSet;
use std::sync::Arc;

use seed_spec::{FileId, Span};

use crate::fact::{Claim, Expected, Fact, Facts, Idea, Ideas, Kind, Thing};
use crate::text::{stems, words};

/// Words before the name of something that is defined.
const DEFINES: &[&str] = &[
    "fn",
    "def",
    "function",
    "func",
    "class",
    "struct",
    "enum",
    "trait",
    "interface",
    "module",
    "sub",
    "proc",
    "macro_rules!",
    "type",
];

/// Signs of a place that can fail, each with how it is told.
const FAILS: &[(&str, &str)] = &[
    (".unwrap()", "ends the program where something was not there"),
    (".expect(", "ends the program where something was not there"),
    ("panic!", "ends the program"),
    ("raise ", "raises an error"),
    ("throw ", "throws an error"),
    ("except", "catches an error"),
    ("catch", "catches an error"),
    ("return Err", "gives an error back"),
    ("|| true", "goes on although a command has failed"),
    ("2>/dev/null", "hides what a command complains of"),
    ("exit 1", "ends with a failure"),
    ("sys.exit", "ends the program"),
    ("assert", "ends where something is not as it should be"),
    ("if err != nil", "looks whether something has failed"),
    ("TODO", "leaves something to be done"),
    ("FIXME", "leaves something to be fixed"),
];

/// The most facts of one text.
const MOST: usize = 60;

/// The facts of a text.
pub fn facts(text: &str) -> Facts {
    let source: Arc<str> = text.chars().take(crate::text::LONGEST).collect::<String>().into();
    let spec = Thing { name: "".into(), sort: Idea::default(), inside: None, handles: Vec::new() };
    let mut found = Facts { things: vec![spec], source: Arc::clone(&source), ..Facts::default() };
    let mut ids = HashSet::new();
    let mut start = 0;
    let mut last: Option<(usize, String)> = None;
    for line in source.split_inclusive('\n') {
        let span = Span::new(FileId(0), start, start + line.trim_end().len());
        start += line.len();
        let trimmed = line.trim();
        let number = source[..span.range().start].lines().count() + 1;
        if let Some(name) = defined(trimmed) {
            let thing = found.things.len();
            found.things.push(Thing { name: name.as_str().into(), sort: Idea::default(), inside: None, handles: Vec::new() });
            let ideas = Ideas { all: vec![Idea::of([name.as_str()])], ..Ideas::default() };
            let text = format!("line {number} defines `{name}`");
            let question = format!("What does `{name}` promise to who calls it, and what does it ask of them?");
            push(
                &mut found,
                &mut ids,
                Kind::Exists,
                format!("{name}:exists"),
                text,
                span,
                0.6,
                question,
                Claim::Ideas(ideas),
                thing,
            );
            last = Some((thing, name));
        }
        let (thing, within) = last.clone().map_or((0, String::new()), |(thing, name)| (thing, name));
        let whose = if within.is_empty() { "this text".to_owned() } else { format!("`{within}`") };
        if let Some(comment) = comment(trimmed).filter(|comment| comment.split_whitespace().count() >= 4) {
            let text = format!("a comment at line {number} says: {comment}");
            let question = format!("What does {whose} do that its code alone does not say?");
            push(
                &mut found,
                &mut ids,
                Kind::Purpose,
                format!("{within}:purpose:{}", key(comment)),
                text,
                span,
                0.5,
                question,
                Claim::Meaning(comment.to_owned()),
                0,
            );
            continue;
        }
        if let Some((sign, says)) = FAILS.iter().find(|(sign, _)| trimmed.contains(sign)) {
            let failure = Idea::of([
                "fail",
                "fails",
                "error",
                "errors",
                "panic",
                "panics",
                "crash",
                "crashes",
                "exception",
                "abort",
                "aborts",
                "missing",
                "not there",
                "unwrap",
                "exit",
                "exits",
                "stops",
                "ignored",
                "hidden",
                "swallowed",
                "invalid",
                "wrong",
            ]);
            let text = format!("{whose} {says} at line {number}");
            let question = format!("What happens in {whose} when something goes wrong, and who gets to know?");
            push(
                &mut found,
                &mut ids,
                Kind::Risk,
                format!("{within}:risk:{}", key(sign)),
                text,
                span,
                0.8,
                question,
                Claim::Ideas(Ideas { all: vec![failure], general: thing == 0, ..Ideas::default() }),
                thing,
            );
        }
        for value in constants(trimmed) {
            let text = format!("{whose} holds the number {value} at line {number}");
            let question = format!("Where do the numbers in {whose} come from, and what breaks with others?");
            let named: Vec<String> =
                words(trimmed).into_iter().map(|word| word.text).filter(|word| word.parse::<f64>().is_err()).collect();
            let topic = Idea::of(named.iter().map(String::as_str));
            let claim = Claim::Value { value: Expected::Number(value), topic };
            push(
                &mut found,
                &mut ids,
                Kind::Parameter,
                format!("{within}:parameter:{value}"),
                text,
                span,
                0.3,
                question,
                claim,
                thing,
            );
        }
        if found.facts.len() >= MOST {
            break;
        }
    }
    if found.facts.is_empty() && !source.trim().is_empty() {
        let span = Span::new(FileId(0), 0, 0);
        let claim = Claim::Meaning(source.chars().take(400).collect());
        push(
            &mut found,
            &mut ids,
            Kind::Purpose,
            ":purpose".into(),
            "this text does something".into(),
            span,
            1.0,
            "What is this text for, and who would notice if it were wrong?".into(),
            claim,
            0,
        );
    }
    found
}

#[allow(clippy::too_many_arguments)]
fn push(
    found: &mut Facts,
    ids: &mut HashSet<String>,
    kind: Kind,
    id: String,
    text: String,
    span: Span,
    weight: f64,
    question: String,
    claim: Claim,
    thing: usize,
) {
    if ids.insert(id.clone()) {
        let role = found.things.get(thing).map_or_else(|| "".into(), |thing| thing.name.clone());
        found.facts.push(Fact { id, role, kind, text, span, weight, question, thing, claim });
    }
}

/// The name that a line defines.
fn defined(line: &str) -> Option<String> {
    let mut parts = line.split_whitespace().skip_while(|word| {
        matches!(
            *word,
            "pub"
                | "export"
                | "async"
                | "static"
                | "public"
                | "private"
                | "protected"
                | "final"
                | "default"
                | "unsafe"
                | "const"
                | "local"
                | "abstract"
        ) || word.starts_with("pub(")
    });
    let first = parts.next()?;
    let clean = |word: &str| {
        word.split(|character: char| {
            !(character.is_alphanumeric() || character == '_' || character == '-' || character == '.' || character == ':')
        })
        .next()
        .unwrap_or("")
        .trim_end_matches(':')
        .to_owned()
    };
    if DEFINES.contains(&first) {
        return parts.next().map(clean).filter(|name| !name.is_empty());
    }
    // A function of the shell: `name() {`.
    let (name, rest) = first.split_once("()")?;
    let is_name = !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '-'));
    (is_name && (rest.is_empty() || rest == "{")).then(|| name.to_owned())
}

/// What a comment says.
fn comment(line: &str) -> Option<&str> {
    const SIGNS: &[&str] = &["///", "//!", "//", "--", "#", "/**", "/*", "*", ";;", "\"\"\"", "%"];
    let sign = SIGNS
        .iter()
        .find(|sign| line.starts_with(**sign))
        .filter(|_| !line.starts_with("#!") && !line.starts_with("#[") && !line.starts_with("#include"))?;
    Some(line[sign.len()..].trim().trim_end_matches("*/").trim_end_matches("\"\"\"").trim())
}

/// The numbers of a line that somebody has chosen.
fn constants(line: &str) -> Vec<f64> {
    let numbers = line
        .split(|character: char| !(character.is_alphanumeric() || matches!(character, '.' | '_')))
        .filter(|word| word.starts_with(|character: char| character.is_ascii_digit()));
    let values = numbers.filter_map(|word| word.replace('_', "").trim_end_matches('.').parse::<f64>().ok());
    values.filter(|value| *value > 2.0).take(2).collect()
}

/// A short name for a text, which stays the same as long as it does.
fn key(text: &str) -> String {
    stems(text).into_iter().take(4).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "/// Reads the port from the file, and takes 8080 where there is none.\nfn port(path: &Path) -> u16 {\n    let text = read(path).unwrap();\n    text.parse().unwrap_or(8080)\n}\n";

    #[test]
    fn definitions_comments_numbers_and_failures_are_seen() {
        let facts = facts(CODE);
        let kinds: Vec<Kind> = facts.facts.iter().map(|fact| fact.kind).collect();
        assert_eq!(kinds, [Kind::Purpose, Kind::Exists, Kind::Risk, Kind::Parameter]);
        let reflection = crate::reflect(&facts, "port reads a number from a file, and it is 8080 if nothing stands there.");
        assert!(reflection.question.is_some_and(|(_, question)| question.contains("goes wrong")));
    }

    #[test]
    fn any_text_has_a_question() {
        for text in ["x", "\u{0}\u{ffff}", "hello there\n", "((((", "# a\n"] {
            assert!(!facts(text).facts.is_empty(), "{text:?}");
        }
        assert!(facts("").facts.is_empty());
    }
}
