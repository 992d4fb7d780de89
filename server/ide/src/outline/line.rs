//! One line of a spec, read by itself.

use std::ops::Range;

use seed_spec::Source;

/// A line: its indentation, its dashes, and its key if it has one.
#[derive(Debug)]
pub struct Line<'a> {
    /// The offset of its first byte.
    pub start: usize,
    /// The columns of the dashes that begin it.
    pub dashes: Vec<usize>,
    /// The column of what follows indentation and dashes.
    pub column: usize,
    /// The offset of what follows indentation and dashes.
    pub content: usize,
    /// The offset behind its last byte that is neither blank nor comment.
    pub end: usize,
    /// Its key, if it has one.
    pub key: Option<Key>,
    text: &'a str,
}

/// A key, and where its value stands.
#[derive(Debug)]
pub struct Key {
    /// Its name, without quotes.
    pub name: String,
    /// Its bytes.
    pub range: Range<usize>,
    /// The bytes of its value on the same line, without blanks and comment around.
    pub value: Range<usize>,
    first: Option<char>,
    held: bool,
}

impl<'a> Line<'a> {
    /// Reads a line by its number.
    pub fn read(source: &'a Source, number: usize) -> Self {
        let start = source.line_start(number);
        let text = source.line(number);
        let bytes = text.as_bytes();
        let mut column = bytes.iter().take_while(|byte| **byte == b' ').count();
        let mut dashes = Vec::new();
        while bytes.get(column) == Some(&b'-') && matches!(bytes.get(column + 1), None | Some(b' ')) {
            dashes.push(column);
            column += 1;
            column += bytes[column..].iter().take_while(|byte| **byte == b' ').count();
        }
        let end = column + length_without_comment(&text[column..]);
        let key = key(&text[column..end]).map(|(name, length)| {
            let behind = column + length + 1;
            let blanks = text[behind.min(end)..end].len() - text[behind.min(end)..end].trim_start().len();
            let value = (behind + blanks).min(end).max(behind);
            let shown = text.get(value..end).unwrap_or("");
            // Tags and anchors stand before the value itself.
            let itself = shown
                .split_whitespace()
                .position(|word| !word.starts_with(['&', '!']))
                .map_or("", |nth| shown.split_whitespace().nth(nth).unwrap_or(""));
            Key {
                name,
                range: start + column..start + column + length,
                // A blank behind the colon belongs to the colon.
                value: start + value.max((behind + 1).min(text.len()))..start + end.max((behind + 1).min(text.len())),
                first: itself.chars().next(),
                held: itself.is_empty(),
            }
        });
        Line { start, dashes, column, content: start + column, end: start + end, key, text }
    }

    /// Whether nothing stands on it.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Whether only a comment stands on it.
    pub fn is_comment(&self) -> bool {
        self.dashes.is_empty() && self.text.trim_start().starts_with('#')
    }

    /// Whether it is an element that holds no mapping.
    pub fn is_scalar_item(&self) -> bool {
        !self.dashes.is_empty() && self.key.is_none() && self.content < self.end && !self.opens_flow()
    }

    /// Whether its content begins with a bracket.
    pub fn opens_flow(&self) -> bool {
        self.text[self.content - self.start..].starts_with(['[', '{'])
    }

    /// Whether a comment begins before an offset.
    pub fn comment_before(&self, offset: usize) -> bool {
        self.comment_start().is_some_and(|at| self.start + at < offset)
    }

    /// Where a comment begins, from the start of the line.
    fn comment_start(&self) -> Option<usize> {
        let content = &self.text[self.content - self.start..];
        let length = length_without_comment(content);
        let rest = &content[length..];
        rest.find('#').map(|at| self.content - self.start + length + at)
    }
}

impl Key {
    /// Whether nothing but tag or anchor stands behind it, so that deeper lines are its value.
    pub fn can_hold_block(&self) -> bool {
        self.held
    }

    /// Whether its value begins with a bracket.
    pub fn opens_flow(&self) -> bool {
        matches!(self.first, Some('[' | '{'))
    }

    /// Whether its value is a literal or folded block.
    pub fn holds_block_text(&self) -> bool {
        matches!(self.first, Some('|' | '>'))
    }

    /// The text of its value, without quotes.
    pub fn scalar<'s>(&self, source: &'s Source) -> &'s str {
        source.text().get(self.value.clone()).unwrap_or("").trim_matches(['"', '\''])
    }

    /// The bytes of its value up to the end or the cursor, without quotes.
    pub fn unquoted(&self, source: &Source, offset: usize) -> Range<usize> {
        let text = source.text().get(self.value.clone()).unwrap_or("");
        let end = self.value.end.max(offset);
        match text.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let closed = text.len() > 1 && text.ends_with(quote) && offset < self.value.end;
                self.value.start + 1..if closed { self.value.end - 1 } else { end }
            }
            _ => self.value.start.min(offset)..end,
        }
    }
}

/// How much of a text comes before a comment and the blanks before it.
fn length_without_comment(text: &str) -> usize {
    let mut quote = None;
    let mut before = b' ';
    let mut end = text.len();
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'#') if matches!(before, b' ' | b'\t') => {
                end = at;
                break;
            }
            // A quote only opens where a scalar can begin; an apostrophe inside a word is a letter.
            (None, b'"' | b'\'') if matches!(before, b' ' | b'[' | b'{' | b',') => quote = Some(byte),
            (Some(open), byte) if byte == open && before != b'\\' => quote = None,
            _ => {}
        }
        before = byte;
    }
    text[..end].trim_end().len()
}

/// The key that a line's content begins with, and its length up to the colon.
fn key(content: &str) -> Option<(String, usize)> {
    match content.chars().next()? {
        quote @ ('"' | '\'') => {
            let close = content[1..].find(quote)? + 1;
            let rest = &content[close + 1..];
            let colon = rest.len() - rest.trim_start().len();
            let is_key = rest[colon..].starts_with(':');
            is_key.then(|| (content[1..close].to_string(), close + 1 + colon))
        }
        '[' | '{' | '#' | '|' | '>' | '%' | '@' | '`' | '*' | '!' => None,
        _ => {
            let bytes = content.as_bytes();
            let colon = (0..bytes.len()).find(|at| bytes[*at] == b':' && matches!(bytes.get(at + 1), None | Some(b' ')))?;
            Some((content[..colon].trim_end().to_string(), colon))
        }
    }
}
