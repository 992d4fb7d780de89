//! What can be typed behind `seed:begin` and `seed:end`.

use std::ops::Range;

use seed_fragment::Key;
use seed_fragment::embed::free_instance;
use seed_fragment::marker::{self, Mark};
use seed_fragment::template::{Fragment, Kind as ParamKind};
use seed_fragment::tree;

use super::{Open, line_at};

/// What is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A fragment, with an instance that is free; or a block that is still open.
    Fragment,
    /// The name of a parameter.
    Parameter,
    /// A value of a parameter.
    Value,
}

/// One thing that can be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// What is shown, and put in the place of `range`.
    pub text: String,
    /// What it is.
    pub kind: Kind,
    /// A word or two beside it.
    pub detail: String,
    /// What it is for.
    pub doc: String,
    /// The bytes that it replaces.
    pub range: Range<usize>,
}

/// What can be typed at an offset; none where it is not behind the word of a marker.
pub fn completions(open: &Open<'_>, offset: usize) -> Option<Vec<Suggestion>> {
    let (number, line) = line_at(open.text, offset);
    let before = open.text.get(line.start..offset.min(line.end))?;
    let word = |word: &str| before.rfind(word).map(|at| at + word.len());
    let (behind, is_end) = match (word("seed:begin"), word("seed:end")) {
        (begin, Some(end)) if begin.is_none_or(|begin| begin < end) => (end, true),
        (Some(begin), _) => (begin, false),
        (None, _) => return None,
    };
    let typed = &before[behind..];
    if !typed.starts_with([' ', '\t']) {
        return None;
    }
    let start = before.rfind([' ', '\t']).map_or(behind, |at| at + 1);
    // What is typed already of the word goes, also behind the cursor.
    let rest = open.text[offset..line.end].find(|one: char| !(one.is_alphanumeric() || "._-#/".contains(one)));
    let range = line.start + start..offset + rest.unwrap_or(line.end - offset);
    let mut words = typed.split_whitespace();
    let is_first = typed.trim_start().is_empty() || (words.clone().count() == 1 && !typed.ends_with([' ', '\t']));
    Some(match (is_first, is_end) {
        (true, true) => open_blocks(open, number, range),
        (true, false) => fragments(open, range),
        (false, true) => Vec::new(),
        (false, false) => {
            let name = words.next().unwrap_or_default().split('#').next().unwrap_or_default();
            let Ok(Some(fragment)) = open.project.library.get(name) else { return Some(Vec::new()) };
            let is_named = open.text[range.end..].starts_with('=');
            let range = range.start..range.end + usize::from(is_named);
            let others = [&before[behind..start.max(behind)], &open.text[range.end..line.end.max(range.end)]];
            parameters(&fragment, others, &before[start..], range)
        }
    })
}

fn fragments(open: &Open<'_>, range: Range<usize>) -> Vec<Suggestion> {
    let parts = tree::parse(open.text).0;
    let taken: Vec<Key> = tree::all_blocks(&parts)
        .into_iter()
        .map(|block| block.key.clone())
        .chain(open.text.split_inclusive('\n').filter_map(|line| match marker::read(line.trim_end()) {
            // One that is typed this moment has no end yet.
            Some(Ok(Mark::Begin(key, _))) => Some(key),
            _ => None,
        }))
        .chain(open.project.store.lock.keys().cloned())
        .collect();
    let one = |name: String| {
        let found = open.project.library.get(&name).ok().flatten();
        let about = found.as_ref().map(|fragment| fragment.about.clone()).unwrap_or_default();
        let needed: Vec<&str> = found
            .iter()
            .flat_map(|fragment| &fragment.parameters)
            .filter(|(_, param)| param.default.is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        let detail = if needed.is_empty() { "fragment".into() } else { format!("fragment, needs {}", needed.join(", ")) };
        let text = format!("{name}#{}", free_instance(&name, taken.iter()));
        Suggestion { text, kind: Kind::Fragment, detail, doc: about, range: range.clone() }
    };
    open.project.library.names().into_iter().map(one).collect()
}

/// The blocks that began above a line and have no end yet, the innermost first.
fn open_blocks(open: &Open<'_>, number: usize, range: Range<usize>) -> Vec<Suggestion> {
    let mut begun: Vec<Key> = Vec::new();
    for line in open.text.split_inclusive('\n').take(number - 1) {
        match marker::read(line.trim_end()) {
            Some(Ok(Mark::Begin(key, _))) => begun.push(key),
            Some(Ok(Mark::End(key))) => begun.retain(|known| *known != key),
            _ => {}
        }
    }
    let one = |key: Key| Suggestion {
        text: key.to_string(),
        kind: Kind::Fragment,
        detail: "begins above".into(),
        doc: String::new(),
        range: range.clone(),
    };
    begun.into_iter().rev().map(one).collect()
}

/// What fits in the place of a word, with what is written before and behind it.
fn parameters(fragment: &Fragment, others: [&str; 2], word: &str, range: Range<usize>) -> Vec<Suggestion> {
    if let Some((name, value)) = word.split_once('=') {
        let Some(param) = fragment.parameters.get(name) else { return Vec::new() };
        let choices: Vec<String> = match (param.choices.is_empty(), param.kind) {
            (false, _) => param.choices.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), String::from)).collect(),
            (true, ParamKind::Bool) => vec!["true".into(), "false".into()],
            (true, _) => Vec::new(),
        };
        let from = range.start + name.len() + 1;
        let is_plain = !value.starts_with(['"', '\'']);
        return choices
            .into_iter()
            .filter(|choice| is_plain && !choice.contains(char::is_whitespace))
            .map(|text| Suggestion {
                text,
                kind: Kind::Value,
                detail: param.kind.words().into(),
                doc: param.doc.clone(),
                range: from..range.end.max(from),
            })
            .collect();
    }
    let given = others.into_iter().flat_map(str::split_whitespace).filter_map(|one| Some(one.split_once('=')?.0));
    let given: Vec<&str> = given.collect();
    let one = |(name, param): (&String, &seed_fragment::template::Param)| {
        let default = param.default.as_ref().map(|value| format!(", default {value}"));
        Suggestion {
            text: format!("{name}="),
            kind: Kind::Parameter,
            detail: format!("{}{}", param.kind.words(), default.unwrap_or_else(|| ", required".into())),
            doc: param.doc.clone(),
            range: range.clone(),
        }
    };
    fragment.parameters.iter().filter(|(name, _)| !given.contains(&name.as_str())).map(one).collect()
}
