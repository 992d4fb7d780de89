//! One broken line in the middle of 2,000 must not hide the others, nor be told ten times.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod world;

use std::path::Path;

use seed_spec::analysis::{Analysis, Request, analyse};
use seed_spec::value::{Data, Value};
use world::{Memory, PATH, catalog, show_all};

fn role(number: usize) -> Vec<String> {
    [
        format!("  role-{number}:"),
        "    is: storage.btrfs".into(),
        format!("    why: \"because of {number}\""),
        "    devices: [/dev/sda, /dev/sdb]".into(),
        format!("    label: lab-{number}"),
        format!("    mount: /srv/lab/{number}"),
        "    subvolumes:".into(),
        "      root: {}".into(),
        "      home: {quota: 1 GiB}".into(),
        "    options: ['noatime', \"compress\"]".into(),
    ]
    .into()
}

/// A damage: what it is, the line of the role that it is done to, and the text in its place.
const DAMAGES: &[(&str, usize, &str)] = &[
    ("double quote not closed", 4, "    label: \"lab"),
    ("single quote not closed", 4, "    label: 'lab"),
    ("bracket not closed", 3, "    devices: [/dev/sda, /dev/sdb"),
    ("brace not closed", 8, "      home: {quota: 1 GiB"),
    ("bracket of the last key not closed", 9, "    options: ['noatime'"),
    ("quote in a list not closed", 9, "    options: ['noatime', \"compress]"),
    ("colon of the role missing", 0, "  role-100"),
    ("colon of a key missing", 1, "    is storage.btrfs"),
    ("blank behind a colon missing", 4, "    label:lab"),
    ("half a key", 4, "    lab"),
    ("half a key at the end", 9, "    op"),
    ("half a role", 0, "  role"),
    ("indented with a tab", 4, "\tlabel: lab"),
    ("a tab behind blanks", 4, "  \tlabel: lab"),
    ("indented too deep", 4, "      label: lab"),
    ("indented too little", 4, "   label: lab"),
    ("indented as a role", 4, "  label: lab"),
    ("not indented", 4, "label: lab"),
    ("two colons", 4, "    label: lab: x"),
    ("stray bracket", 4, "    ]"),
    ("stray brace", 8, "      home: {quota: 1 GiB}}"),
    ("list item among keys", 4, "    - label"),
    ("value begins with @", 4, "    label: @lab"),
    ("value begins with a backtick", 4, "    label: `lab`"),
    ("value begins with %", 4, "    label: %lab"),
    ("alias without a name", 4, "    label: *"),
    ("alias of nothing", 4, "    label: *nothing"),
    ("text behind a quote", 4, "    label: \"a\" b"),
    ("bad escape", 4, "    label: \"\\q\""),
    ("bad block header", 4, "    label: |x"),
    ("merge conflict", 4, "<<<<<<< HEAD\n    label: a\n=======\n    label: b\n>>>>>>> other"),
    ("document in the middle", 4, "---"),
    ("tag that is none", 4, "    label: !<x lab"),
    ("control character", 4, "    label: a\u{1}b"),
    ("NUL", 4, "    label: a\0b"),
    ("bare variable in a list", 3, "    devices: [${vars.a}, /dev/sdb]"),
    ("explicit key", 4, "    ? label"),
    ("role that cannot be read", 0, "  @role:"),
    ("block key that cannot be read", 6, "    @subvolumes:"),
    ("question mark and a list", 4, "    ? [a"),
];

/// A spec of some roles, the one of a number damaged; with the line of the damage.
fn spec(roles: usize, broken: usize, damage: Option<(usize, &str)>) -> (String, usize) {
    let mut lines: Vec<String> = vec!["seed: 1".into(), "name: lab".into(), "vars: {a: /dev/sda}".into(), "roles:".into()];
    let mut at = 0;
    for number in 0..roles {
        let mut role = role(number);
        if number == broken
            && let Some((line, text)) = damage
        {
            at = lines.len() + line;
            role[line] = text.to_owned();
        }
        lines.extend(role);
    }
    (lines.join("\n") + "\n", at)
}

fn read(text: &str, edited_line: Option<usize>) -> Analysis {
    analyse(&Request { path: Path::new(PATH), text, edited_line }, &catalog(), &Memory::default())
}

/// What a role holds, with the text that each of its spans covers, so that a span that slipped shows.
fn signature(analysis: &Analysis) -> Vec<String> {
    let source = &analysis.documents[0].source;
    let value = |(name, value): &(std::sync::Arc<str>, Value)| {
        let inner: Vec<&str> = match &value.data {
            Data::List(items) => items.iter().map(|item| source.slice(item.span)).collect(),
            Data::Map(entries) => entries.iter().map(|(_, value)| source.slice(value.span)).collect(),
            _ => Vec::new(),
        };
        format!("{name}={} {inner:?}", source.slice(value.span))
    };
    let role = |role: &seed_spec::RoleInstance| {
        let params: Vec<String> = role.params.iter().map(value).collect();
        format!("{} {:?} {:?} {params:?}", role.name, source.slice(role.name_span), role.why)
    };
    analysis.roles.iter().map(role).collect()
}

/// Does a damage to one role, and tells what is wrong with what came of it.
fn damaged(
    roles: usize,
    broken: usize,
    whole: &[String],
    (name, line, text): &(&str, usize, &str),
    edited: bool,
) -> Option<String> {
    let (spec, at) = spec(roles, broken, Some((*line, text)));
    let analysis = read(&spec, edited.then_some(at));
    let got = signature(&analysis);
    // In order, so that each is looked for from where the last was found.
    let mut rest = got.iter();
    let kept = whole.iter().enumerate().filter(|(number, role)| *number != broken && rest.any(|other| other == *role)).count();
    // The damaged role itself keeps most of its keys, unless its name is what was damaged.
    let own = analysis.roles.iter().find(|role| *role.name == *format!("role-{broken}")).map_or(0, |role| role.params.len());
    let told = analysis.diagnostics.len();
    let good = kept == roles - 1 && told <= 2 && analysis.has_errors() && (*line == 0 || own >= 4);
    (!good)
        .then(|| format!("{name} (edited line known: {edited}): kept {kept}, own {own}, told {told}\n{}\n", show_all(&analysis)))
}

#[test]
fn damage_in_the_middle_leaves_the_other_roles() {
    let whole = signature(&read(&spec(200, 0, None).0, None));
    assert_eq!(whole.len(), 200);
    let both = DAMAGES.iter().flat_map(|damage| [(damage, true), (damage, false)]);
    let failures: String = both.filter_map(|(damage, edited)| damaged(200, 100, &whole, damage, edited)).collect();
    assert!(failures.is_empty(), "{failures}");
}

/// So long a text is read in pieces.
#[test]
fn damage_anywhere_in_a_long_spec_leaves_the_other_roles() {
    let whole = signature(&read(&spec(1_500, 0, None).0, None));
    let mut failures = String::new();
    for (number, damage) in DAMAGES.iter().enumerate() {
        let broken = 1 + number * 1_498 / DAMAGES.len();
        // The name of the role is part of some damages; some of the others will do.
        if damage.1 != 0 && number % 3 == 0 {
            failures.extend(damaged(1_500, broken, &whole, damage, number % 2 == 0));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
