//! How positions count characters: in UTF-16 code units, or in bytes where the editor can.

use seed_spec::Source;
use tower_lsp::ls_types::{Position, PositionEncodingKind, Range};

/// The unit of characters in a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units, which every editor can.
    #[default]
    Utf16,
}

impl Encoding {
    /// Picks from what the editor offers.
    pub fn pick(offered: Option<&[PositionEncodingKind]>) -> Self {
        let utf8 = offered.is_some_and(|offered| offered.contains(&PositionEncodingKind::UTF8));
        if utf8 { Encoding::Utf8 } else { Encoding::Utf16 }
    }

    /// Its name in the protocol.
    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
        }
    }

    /// The byte in a line at which a character stands; the end of the line for one behind it. A character in the
    /// middle of one counts as its start.
    pub fn byte(self, line: &str, character: u32) -> usize {
        let character = character as usize;
        if self == Encoding::Utf8 || line.is_ascii() {
            let mut byte = character.min(line.len());
            while !line.is_char_boundary(byte) {
                byte -= 1;
            }
            return byte;
        }
        let mut units = 0;
        for (at, one) in line.char_indices() {
            units += one.len_utf16();
            if units > character {
                return at;
            }
        }
        line.len()
    }

    /// The byte offset of a position.
    pub fn offset(self, source: &Source, position: Position) -> usize {
        let line = position.line as usize;
        if line >= source.line_count() {
            return source.text().len();
        }
        source.line_start(line) + self.byte(source.line(line), position.character)
    }

    /// The position of a byte offset.
    pub fn position(self, source: &Source, offset: usize) -> Position {
        let position = source.position(offset);
        match self {
            Encoding::Utf16 => Position { line: position.line, character: position.character },
            Encoding::Utf8 => {
                let start = source.line_start(position.line as usize);
                let mut offset = offset.min(source.text().len());
                while !source.text().is_char_boundary(offset) {
                    offset -= 1;
                }
                Position { line: position.line, character: u32::try_from(offset - start).unwrap_or(u32::MAX) }
            }
        }
    }

    /// The range of some bytes.
    pub fn range(self, source: &Source, bytes: std::ops::Range<usize>) -> Range {
        Range { start: self.position(source, bytes.start), end: self.position(source, bytes.end) }
    }
}
