//! The normal form in which texts of a block are compared: without indentation, line ends, and what blocks inside hold.

use std::collections::HashMap;

use crate::tree::{self, Block, Part, split_end};

/// A line or a whole block inside of a block, and how it is compared.
#[derive(Clone, Debug)]
pub struct Unit<'a> {
    /// What is compared. No text holds a NUL, so what begins with one stands for something else than a line of text.
    pub normal: String,
    /// The line or block itself.
    pub part: &'a Part,
}

/// Before a line that is indented less than its block.
const ASKEW: &str = "\0<";
/// Before, between and behind the markers of a block inside.
const INNER: &str = "\0";

/// The units of a text whose indentation is `prefix`.
pub fn units<'a>(parts: &'a [Part], prefix: &str) -> Vec<Unit<'a>> {
    let normal = |part: &Part| match part {
        Part::Block(block) => format!("{INNER}{}\n{}", words(&block.begin), words(&block.end)),
        Part::Line(line) => {
            let text = split_end(line).0;
            match text.strip_prefix(prefix) {
                _ if text.trim().is_empty() => String::new(),
                Some(text) => text.to_string(),
                None => format!("{ASKEW}{text}"),
            }
        }
    };
    parts.iter().map(|part| Unit { normal: normal(part), part }).collect()
}

fn words(marker: &str) -> &str {
    split_end(marker).0.trim()
}

/// What is compared, of all units.
pub fn normals<'a>(units: &'a [Unit<'_>]) -> Vec<&'a str> {
    units.iter().map(|unit| unit.normal.as_str()).collect()
}

/// Units as a text: what is stored as a base, and shown as a side.
pub fn text_of(normals: &[&str]) -> String {
    let mut text = String::new();
    for normal in normals {
        text.push_str(normal.strip_prefix(ASKEW).or_else(|| normal.strip_prefix(INNER)).unwrap_or(normal));
        text.push('\n');
    }
    text
}

/// The indentation of a block's text: that of its begin line; or where the text was indented on its own, what it has more than `like`.
pub fn prefix_of(block: &Block, like: &[&str]) -> String {
    let own = tree::indent_of(&block.begin).to_string();
    let margin = margin(&block.inside);
    let of_like = common(like.iter().filter(|line| !line.is_empty()).map(|line| tree::indent_of(line)));
    let Some(moved) = margin.strip_suffix(of_like.as_str()).filter(|moved| **moved != own) else { return own };
    if agreement(&block.inside, moved, like) > agreement(&block.inside, &own, like) { moved.to_string() } else { own }
}

/// The blank space that all lines of a text begin with.
fn margin(parts: &[Part]) -> String {
    let lines = parts.iter().map(|part| match part {
        Part::Line(line) => split_end(line).0,
        Part::Block(block) => split_end(&block.begin).0,
    });
    common(lines.filter(|line| !line.trim().is_empty()).map(tree::indent_of))
}

fn common<'a>(mut indents: impl Iterator<Item = &'a str>) -> String {
    let first = indents.next().unwrap_or_default();
    indents
        .fold(first, |common, indent| {
            let same = common.bytes().zip(indent.bytes()).take_while(|(one, other)| one == other).count();
            &common[..same]
        })
        .to_string()
}

/// How many lines are the same when the text is taken as indented by `prefix`.
fn agreement(parts: &[Part], prefix: &str, like: &[&str]) -> usize {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for line in like.iter().filter(|line| !line.is_empty()) {
        *left.entry(line).or_default() += 1;
    }
    let units = units(parts, prefix);
    let mut is_there = |unit: &&Unit<'_>| {
        left.get_mut(unit.normal.as_str()).is_some_and(|count| {
            let any = *count > 0;
            *count = count.saturating_sub(1);
            any
        })
    };
    units.iter().filter(&mut is_there).count()
}

/// The line end that new lines of a block get: the one most of its lines have, or else that of its begin line.
pub fn line_end_of(block: &Block) -> &str {
    let first = split_end(&block.begin).1;
    let lines = block.inside.iter().map(|part| match part {
        Part::Line(line) => split_end(line).1,
        Part::Block(inner) => split_end(&inner.begin).1,
    });
    let (same, other): (Vec<&str>, Vec<&str>) = lines.partition(|end| *end == first);
    match other.first() {
        Some(end) if other.len() > same.len() + 1 => end,
        _ => first,
    }
}
