//! A text as a tree of blocks: read from markers, and to the byte the same text again.

use crate::marker::{self, Key, Mark};

/// How deep blocks may lie in one another.
pub const DEEPEST: usize = 16;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A line of no block's, with its end.
    Line(String),
    /// A block.
    Block(Block),
}

/// What stands between a begin and an end marker, and the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Which it is.
    pub key: Key,
    /// The parameters on the begin line.
    pub params: Vec<(String, String)>,
    /// The line of the begin marker, counted from 1.
    pub line: usize,
    /// The begin line, with its end.
    pub begin: String,
    /// The end line, with its end if it has one.
    pub end: String,
    /// What is between.
    pub inside: Vec<Part>,
}

/// A mistake in the markers of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1.
    pub line: usize,
    /// The block it is about, where that is known.
    pub key: Option<Key>,
    /// What is wrong and what to do.
    pub message: String,
}

/// A line and what ends it: carriage returns and a line feed, or nothing at the end of a text.
pub fn split_end(line: &str) -> (&str, &str) {
    let text = line.strip_suffix('\n').map_or(line, |text| text.trim_end_matches('\r'));
    line.split_at(text.len())
}

/// The blank space before a line's first character; a byte order mark before it does not count.
pub fn indent_of(line: &str) -> &str {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// A rendered text whose last line has an end, as all lines of a block have.
pub(crate) fn with_last_end(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.into() } else { format!("{text}\n") }
}

/// A text as it was read: its parts, and the mistakes in its markers.
pub type Parsed = (Vec<Part>, Vec<Problem>);

/// Reads a text. With problems the tree is only what could be made of it, and must not be written back.
pub fn parse(text: &str) -> Parsed {
    let mut top = Vec::new();
    let mut open: Vec<Block> = Vec::new();
    let mut problems = Vec::new();
    // Begin lines that cannot be read: what they begin has an end somewhere, with which nothing is wrong.
    let mut broken: Vec<&str> = Vec::new();
    let mut problem = |line, key: Option<&Key>, message: String| problems.push(Problem { line, key: key.cloned(), message });
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let mark = match marker::read(split_end(line).0) {
            None => None,
            Some(Ok(mark)) => Some(mark),
            Some(Err(message)) => {
                problem(number, None, message);
                broken.extend(line.contains("seed:begin").then_some(line));
                None
            }
        };
        match mark {
            None => push(&mut open, &mut top, Part::Line(line.into())),
            Some(Mark::Begin(key, _)) if open.len() >= DEEPEST => {
                problem(number, Some(&key), format!("more than {DEEPEST} nested fragments"));
            }
            Some(Mark::Begin(key, params)) => {
                open.push(Block { key, params, line: number, begin: line.into(), end: String::new(), inside: Vec::new() });
            }
            Some(Mark::End(key)) => match open.iter().rposition(|block| block.key == key) {
                None if take_begin_of(&key, &mut broken) => {}
                None => problem(
                    number,
                    Some(&key),
                    format!("`{key}` ends here but does not begin above: write its seed:begin line, or remove this line"),
                ),
                Some(at) => {
                    let mut block = open.remove(at);
                    if let Some(inner) = open.get(at) {
                        let message = format!(
                            "`{key}` ends here, inside `{}`, which began on line {}: blocks must be nested",
                            inner.key, inner.line
                        );
                        problem(number, Some(&key), message);
                    }
                    block.end = line.into();
                    push(&mut open, &mut top, Part::Block(block));
                }
            },
        }
    }
    for block in open {
        problem(
            block.line,
            Some(&block.key),
            format!("`{0}` begins here but does not end: write the line `seed:end {0}` where its text ends", block.key),
        );
    }
    problems.sort_by_key(|problem| problem.line);
    (top, problems)
}

/// Takes the last of these lines that names the block, or its fragment without an instance. Tells whether there was one.
fn take_begin_of(key: &Key, broken: &mut Vec<&str>) -> bool {
    let name = key.to_string();
    let names = |line: &&str| line.split_whitespace().any(|word| word == name || word == key.fragment);
    broken.iter().rposition(names).map(|at| broken.remove(at)).is_some()
}

fn push(open: &mut [Block], top: &mut Vec<Part>, part: Part) {
    match open.last_mut() {
        Some(block) => block.inside.push(part),
        None => top.push(part),
    }
}

/// Appends the text of parts.
pub fn write(parts: &[Part], out: &mut String) {
    for part in parts {
        match part {
            Part::Line(line) => out.push_str(line),
            Part::Block(block) => block.write(out),
        }
    }
}

impl Block {
    /// Appends its text, markers included.
    pub fn write(&self, out: &mut String) {
        out.push_str(&self.begin);
        write(&self.inside, out);
        out.push_str(&self.end);
    }

    /// The same markers around something else.
    #[must_use]
    pub fn around(&self, inside: Vec<Part>) -> Block {
        let (key, params, line) = (self.key.clone(), self.params.clone(), self.line);
        Block { key, params, line, begin: self.begin.clone(), end: self.end.clone(), inside }
    }

    /// The blocks right inside of it.
    pub fn children(&self) -> impl Iterator<Item = &Block> {
        blocks(&self.inside)
    }
}

/// The blocks among parts.
pub fn blocks(parts: &[Part]) -> impl Iterator<Item = &Block> {
    parts.iter().filter_map(|part| match part {
        Part::Block(block) => Some(block),
        Part::Line(_) => None,
    })
}

/// All blocks, outer before inner.
pub fn all_blocks(parts: &[Part]) -> Vec<&Block> {
    let mut all = Vec::new();
    for block in blocks(parts) {
        all.push(block);
        all.extend(all_blocks(&block.inside));
    }
    all
}
