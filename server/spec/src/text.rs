//! Texts, byte spans in them, and their translation to editor positions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names one of the files of an [`crate::Analysis`]; the spec itself is 0, included files follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A half-open range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file the bytes are in.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// A span over `start..end` of `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { file, start: clamp(start), end: clamp(end) }
    }

    /// The span as a range for slicing.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether the byte offset lies in the span or directly behind it, where a cursor stands after typing.
    pub fn touches(self, offset: usize) -> bool {
        self.start as usize <= offset && offset <= self.end as usize
    }
}

/// A position as editors count: line and UTF-16 code unit, both from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Position {
    /// The line, from 0.
    pub line: u32,
    /// The UTF-16 code unit in the line, from 0.
    pub character: u32,
}

/// A text with its path and the start of each of its lines.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    text: Arc<str>,
    lines: Vec<u32>,
}

impl Source {
    /// Takes a text, and the path it is shown under.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        let text: Arc<str> = text.into();
        let mut lines = Vec::with_capacity(text.len() / 24 + 1);
        lines.push(0);
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            // A lone carriage return ends a line too (YAML 1.2.2 §5.4; LSP "position encoding").
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                lines.push((at + 1) as u32);
            }
        }
        Source { path: path.into(), text, lines }
    }

    /// Where the text is from; `-` for standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// How many lines the text has; an empty text has one.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// The line, from 0, that holds a byte offset.
    pub fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start as usize <= offset).saturating_sub(1)
    }

    /// Where a line starts; the end of the text for a line behind the last.
    pub fn line_start(&self, line: usize) -> usize {
        self.lines.get(line).map_or(self.text.len(), |start| *start as usize)
    }

    /// The text of a line without its line end.
    pub fn line(&self, line: usize) -> &str {
        let text = &self.text[self.line_start(line)..self.line_start(line + 1)];
        text.trim_end_matches(['\n', '\r'])
    }

    /// A byte offset at the edge of a character: that of the character it lies in, and none behind the end of the text.
    pub fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// The editor position of a byte offset. An offset inside a character counts as that character's start.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.boundary(offset);
        let line = self.line_of(offset);
        let before = &self.text[self.line_start(line)..offset];
        let character = if before.is_ascii() { before.len() } else { before.encode_utf16().count() };
        Position { line: line as u32, character: character as u32 }
    }

    /// The byte offset of an editor position; positions behind a line's end mean its end.
    pub fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        if line >= self.lines.len() {
            return self.text.len();
        }
        let start = self.line_start(line);
        let text = self.line(line);
        if text.is_ascii() {
            return start + text.len().min(position.character as usize);
        }
        let mut units = 0;
        for (at, character) in text.char_indices() {
            if units >= position.character as usize {
                return start + at;
            }
            units += character.len_utf16();
        }
        start + text.len()
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_utf16_units_and_round_trip() {
        let source = Source::new("a", "a\r\nb: \u{1F41A}x\nä");
        assert_eq!(source.position(8 + 2), Position { line: 1, character: 5 });
        for offset in [0, 1, 3, 6, 10, 11, 12, 14] {
            assert_eq!(source.offset(source.position(offset)), offset, "offset {offset}");
        }
        assert_eq!(source.offset(Position { line: 9, character: 0 }), 14);
        assert_eq!(source.line(1), "b: \u{1F41A}x");
    }
}
