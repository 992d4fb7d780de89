//! Reading a spec by its indentation, without parsing it.
//!
//! While a line is typed the text is rarely well-formed, and what is known of it is a moment old. Where the
//! cursor stands, which keys stand around it and what roles there are can be told by the indentation
//! alone, also on a half-typed line with text below. Everything else is left to the parsed tree.

mod flow;
mod line;

use std::ops::Range;

use seed_spec::Source;

use crate::place::{ENTRIES, RoleWords, Segment, role_in};
use flow::Flow;
use line::{Key, Line};

/// Where the cursor stands, as far as completion has to know.
#[derive(Debug)]
pub struct Cursor {
    /// The keys that lead to what is typed: to the mapping for a key, to the value for a value.
    pub path: Vec<Segment>,
    /// What decides about the role that the path leads into, as written around the cursor.
    pub words: RoleWords,
    /// The other keys of the mapping in which the cursor stands.
    pub siblings: Vec<String>,
    /// What is typed.
    pub spot: Spot,
}

/// What is typed at the cursor.
#[derive(Debug)]
pub enum Spot {
    /// A word that begins a line or an element: a key that may still lack its colon, or a value.
    Word {
        /// The bytes of the word.
        range: Range<usize>,
        /// Whether a colon follows already.
        colon: bool,
        /// Where the line has to be indented to, if it is not: the bytes of its indentation, and the column.
        indent: Option<(Range<usize>, usize)>,
        /// Whether it stands in a `[…]` or `{…}`.
        flow: bool,
    },
    /// A value behind its key, on the same line.
    Value {
        /// The bytes of the value, without quotes.
        range: Range<usize>,
        /// Whether it stands in a `[…]` or `{…}`.
        flow: bool,
    },
    /// The inside of a `${…}`.
    Interpolation {
        /// The bytes between the braces.
        range: Range<usize>,
        /// Whether the closing brace is there.
        closed: bool,
    },
    /// Nothing that could be completed: a comment, a block of text.
    Nothing,
}

/// Reads the surroundings of a byte offset.
pub fn cursor(source: &Source, offset: usize) -> Cursor {
    let offset = offset.min(source.text().len());
    let number = source.line_of(offset);
    let line = Line::read(source, number);
    let mut around = walk(source, number, &line, offset);
    let spot = spot(source, &line, offset, &mut around);
    Cursor { path: around.path, words: around.words, siblings: around.siblings, spot }
}

/// What the lines around the cursor tell.
struct Around {
    path: Vec<Segment>,
    words: RoleWords,
    siblings: Vec<String>,
    /// The column at which the siblings stand, if there are any.
    column: Option<usize>,
    /// The flow collection around the cursor, if it begins on an earlier line.
    flow: Option<Flow>,
    /// Whether the cursor stands in a block of text.
    block_text: bool,
}

/// Finds the keys that lead to a line: the nearest lines above that are indented less and less.
fn walk(source: &Source, number: usize, line: &Line<'_>, offset: usize) -> Around {
    let mut inner: Vec<Segment> = Vec::new();
    // A blank line stands where the cursor stands in it.
    let mut limit = if line.is_blank() { offset - line.start } else { line.column };
    // A list may stand at the same column as the key that holds it.
    let mut at_limit = false;
    for dash in line.dashes.iter().rev() {
        inner.push(Segment::Item);
        limit = *dash;
        at_limit = true;
    }
    let mut near: Vec<(usize, String)> = Vec::new();
    let mut parent: Option<usize> = (!line.dashes.is_empty()).then_some(limit);
    let mut role: Option<(usize, usize)> = None;
    let (mut flow, mut block_text) = (None, false);
    let mut above = number;
    while above > 0 && (limit > 0 || at_limit || parent.is_none()) {
        above -= 1;
        let line = Line::read(source, above);
        if line.is_blank() || line.is_comment() {
            continue;
        }
        if let Some(key) = &line.key {
            let leads = line.column < limit || (at_limit && line.column == limit);
            if leads && key.holds_block_text() {
                block_text = true;
                inner.clear();
                limit = line.column;
                at_limit = false;
            } else if leads && key.opens_flow() {
                // Only a collection that is still open at the cursor holds it.
                match Flow::read(source, key.value.start, offset, line.column) {
                    Some(open) => {
                        inner = vec![Segment::Key(key.name.clone())];
                        near.clear();
                        parent = Some(line.column);
                        flow = Some(open);
                        limit = line.column;
                        at_limit = false;
                    }
                    None if parent.is_none() => {
                        near.push((line.column, key.name.clone()));
                        limit = line.column;
                    }
                    None => {}
                }
            } else if leads && key.can_hold_block() {
                parent.get_or_insert(line.column);
                inner.push(Segment::Key(key.name.clone()));
                role = Some((above, line.column)).filter(|_| line.column > 0).or(role);
                limit = line.column;
                at_limit = false;
            } else if parent.is_none() {
                near.push((line.column, key.name.clone()));
                if leads {
                    // It has a value of its own, so the cursor's line is beside it, indented too far.
                    limit = line.column;
                }
            }
        }
        for dash in line.dashes.iter().rev().filter(|_| !line.is_scalar_item()) {
            if *dash < limit {
                parent.get_or_insert(*dash);
                inner.push(Segment::Item);
                limit = *dash;
                at_limit = true;
            }
        }
    }
    inner.reverse();
    // The first key under `roles:` that was passed on the way up is the last that was stored.
    let in_role = role_in(&inner).is_some();
    let mut words = RoleWords::default();
    if in_role && let Some((line, column)) = role {
        words = role_words(source, line, column);
    }
    below(source, number, parent, line.dashes.is_empty(), &mut near);
    let column = near.iter().map(|(column, _)| *column).filter(|column| parent.is_none_or(|parent| *column > parent)).min();
    let siblings = near.into_iter().filter(|(at, _)| Some(*at) == column).map(|(_, name)| name).collect();
    Around { path: inner, words, siblings, column, flow, block_text }
}

/// Collects the keys below the cursor that are in the same mapping or deeper.
fn below(source: &Source, number: usize, parent: Option<usize>, plain: bool, near: &mut Vec<(usize, String)>) {
    for number in number + 1..source.line_count() {
        let line = Line::read(source, number);
        if line.is_blank() || line.is_comment() {
            continue;
        }
        let outer = line.dashes.first().copied().unwrap_or(line.column);
        // An element that begins below belongs to the list around, not to this mapping.
        if parent.is_some_and(|parent| outer <= parent) {
            break;
        }
        if line.dashes.is_empty() || !plain {
            near.extend(line.key.map(|key| (line.column, key.name)));
        }
    }
}

/// What stands behind `is:` and `kind:` in the entry whose name stands on a line.
fn role_words(source: &Source, number: usize, column: usize) -> RoleWords {
    let mut words = RoleWords::default();
    if let Some(key) = Line::read(source, number).key.filter(Key::opens_flow) {
        // Just behind its bracket it is open in any case.
        let inside = source.text()[key.value.start..].find('{').map_or(key.value.start, |at| key.value.start + at + 1);
        let flow = Flow::read(source, key.value.start, inside, column);
        return flow.and_then(|flow| flow_words(&flow, 0)).unwrap_or_default();
    }
    let mut child = None;
    for number in number + 1..source.line_count() {
        let line = Line::read(source, number);
        if line.is_blank() || line.is_comment() {
            continue;
        }
        if line.column <= column {
            break;
        }
        let child = *child.get_or_insert(line.column);
        if let Some(key) = line.key.as_ref().filter(|_| line.column == child && line.dashes.is_empty()) {
            let value = || Some(key.scalar(source).to_string()).filter(|value| !value.is_empty());
            match key.name.as_str() {
                "is" => words.is = value(),
                seed_spec::shape::KIND => words.kind = value(),
                "for_each" => words.looped = true,
                _ => {}
            }
        }
    }
    words
}

/// Tells what is typed on the cursor's own line.
fn spot(source: &Source, line: &Line<'_>, offset: usize, around: &mut Around) -> Spot {
    if let Some(spot) = interpolation(source, line, offset) {
        return spot;
    }
    if around.block_text || line.comment_before(offset) {
        return Spot::Nothing;
    }
    if line.is_blank() {
        let indentation = line.start..offset;
        let typed = offset - line.start;
        let indent = around.column.filter(|column| *column != typed).map(|column| (indentation, column));
        if let Some(flow) = around.flow.take() {
            return in_flow(flow, offset, around);
        }
        return Spot::Word { range: offset..offset, colon: false, indent, flow: false };
    }
    if offset < line.content {
        return Spot::Nothing;
    }
    if let Some(flow) = around.flow.take() {
        return in_flow(flow, offset, around);
    }
    match &line.key {
        Some(key) if offset > key.range.end => {
            around.path.push(Segment::Key(key.name.clone()));
            if role_in(&around.path).is_some_and(|(_, steps)| steps == around.path.len()) {
                around.words = RoleWords::default();
            }
            if key.opens_flow()
                && let Some(flow) = Flow::read(source, key.value.start, offset, line.column)
            {
                return in_flow(flow, offset, around);
            }
            around.siblings.clear();
            if key.holds_block_text() || key.opens_flow() || offset < key.value.start {
                return Spot::Nothing;
            }
            Spot::Value { range: key.unquoted(source, offset), flow: false }
        }
        key => {
            if line.opens_flow()
                && let Some(flow) = Flow::read(source, line.content, offset, line.column)
            {
                return in_flow(flow, offset, around);
            }
            let indentation = line.start..line.content;
            let indent = around
                .column
                .filter(|column| *column != line.column && line.dashes.is_empty())
                .map(|column| (indentation, column));
            let end = key.as_ref().map_or(line.end, |key| key.range.end).max(offset);
            Spot::Word { range: line.content..end, colon: key.is_some(), indent, flow: false }
        }
    }
}

/// The inside of a `${` that is open at the cursor.
fn interpolation(source: &Source, line: &Line<'_>, offset: usize) -> Option<Spot> {
    let text = source.text();
    let before = text.get(line.start..offset)?;
    let open = before.rfind("${")?;
    let inside = &before[open + 2..];
    if inside.contains('}') {
        return None;
    }
    let after = &text[offset..];
    let is_name = |character: char| character.is_alphanumeric() || "_-.[]".contains(character);
    let rest = after.find(|character| !is_name(character)).unwrap_or(after.len());
    let closed = after[rest..].starts_with('}');
    // Without its brace, what follows may be other text.
    let end = if closed { offset + rest } else { offset };
    Some(Spot::Interpolation { range: line.start + open + 2..end, closed })
}

fn in_flow(flow: Flow, offset: usize, around: &mut Around) -> Spot {
    // The entry of a role may itself be written as `{…}`.
    if around.path.first().and_then(Segment::key).is_some_and(|key| ENTRIES.contains(&key))
        && let Some(at) = 2_usize.checked_sub(around.path.len())
        && let Some(words) = flow_words(&flow, at)
    {
        around.words = words;
    }
    around.path.extend(flow.path);
    around.siblings = flow.siblings;
    match flow.in_value {
        true => Spot::Value { range: flow.start..flow.end.max(offset), flow: true },
        false => Spot::Word { range: flow.start..flow.end.max(offset), colon: flow.colon, indent: None, flow: true },
    }
}

/// The words of an entry that is written as the mapping at a depth of a flow collection.
fn flow_words(flow: &Flow, depth: usize) -> Option<RoleWords> {
    let keys = flow.keys_at(depth)?;
    let value = |name: &str| keys.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Some(RoleWords { is: value("is"), kind: value(seed_spec::shape::KIND), looped: value("for_each").is_some() })
}

/// The names of the roles of a text, each with the words that decide about its type.
pub fn roles(source: &Source) -> Vec<(String, RoleWords)> {
    let entries = ENTRIES.iter().flat_map(|parent| children(source, parent));
    entries.map(|(name, line, column)| (name, role_words(source, line, column))).collect()
}

/// The names of the variables of a text.
pub fn vars(source: &Source) -> Vec<String> {
    children(source, "vars").into_iter().map(|(name, _, _)| name).collect()
}

/// The keys under a key of the spec, with the line and column of each.
fn children(source: &Source, parent: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let (mut inside, mut child) = (false, None);
    for number in 0..source.line_count() {
        // Most lines are deeper than what is looked for: told by their first bytes.
        if let Some(child) = child
            && source.line(number).bytes().take(child + 1).all(|byte| byte == b' ')
        {
            continue;
        }
        let line = Line::read(source, number);
        if line.is_blank() || line.is_comment() {
            continue;
        }
        if line.column == 0 {
            inside = line.key.is_some_and(|key| key.name == parent);
            child = None;
        } else if inside
            && line.column == *child.get_or_insert(line.column)
            && let Some(key) = line.key
        {
            found.push((key.name, number, line.column));
        }
    }
    found
}
