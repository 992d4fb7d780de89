//! The text of an open document while edits are put into it.

use tower_lsp::ls_types::{Position, Range, TextDocumentContentChangeEvent};

use super::encoding::Encoding;

/// A text and the start of each of its lines, kept in step edit by edit: an editor may send thousands at once.
pub struct Text {
    text: String,
    /// Offsets of the first byte of each line, as [`seed_spec::Source`] counts lines.
    lines: Vec<usize>,
    /// The line that was edited last.
    edited: Option<usize>,
}

impl Text {
    /// Takes a text.
    pub fn new(text: String) -> Self {
        let mut lines = vec![0];
        lines.extend((1..=text.len()).filter(|at| starts_line(text.as_bytes(), *at)));
        Text { text, lines, edited: None }
    }

    /// Puts a change in, whole text or part.
    pub fn change(&mut self, change: TextDocumentContentChangeEvent, encoding: Encoding) {
        match change.range {
            Some(range) => self.replace(range, &change.text, encoding),
            None => *self = Text::new(change.text),
        }
    }

    /// The text, and the line that was edited last.
    pub fn finish(self) -> (String, Option<usize>) {
        (self.text, self.edited)
    }

    fn replace(&mut self, range: Range, new: &str, encoding: Encoding) {
        let start = self.offset(range.start, encoding);
        // An editor that sends the ends the wrong way round means the same range.
        let end = self.offset(range.end, encoding);
        let (start, end) = (start.min(end), start.max(end));
        self.text.replace_range(start..end, new);
        // Whether a line starts at an offset depends on the bytes on both sides of it: those before the change
        // stand, those in it and at its ends are looked at again, those behind it move.
        let kept = self.lines.partition_point(|line| *line < start);
        let behind = self.lines.partition_point(|line| *line <= end);
        let bytes = self.text.as_bytes();
        let found: Vec<usize> = (start..=start + new.len()).filter(|at| *at == 0 || starts_line(bytes, *at)).collect();
        for line in &mut self.lines[behind..] {
            *line = *line - end + start + new.len();
        }
        self.lines.splice(kept..behind, found);
        self.edited = Some(self.lines.partition_point(|line| *line <= start + new.len()).saturating_sub(1));
    }

    fn offset(&self, position: Position, encoding: Encoding) -> usize {
        let line = position.line as usize;
        let Some(start) = self.lines.get(line).copied() else { return self.text.len() };
        let end = self.lines.get(line + 1).copied().unwrap_or(self.text.len());
        start + in_line(&self.text[start..end], position.character, encoding)
    }
}

/// The byte in a line, given with its end, at which a character of an edit stands.
///
/// To Neovim the carriage returns of a file with both kinds of line ends are characters of their lines: there is a place right behind one.
/// Whatever is farther behind is the end of the line, as the protocol has it.
fn in_line(line: &str, character: u32, encoding: Encoding) -> usize {
    let bare = line.trim_end_matches(['\n', '\r']);
    let width = match encoding {
        Encoding::Utf8 => bare.len(),
        Encoding::Utf16 => bare.chars().map(char::len_utf16).sum(),
    };
    let is_behind_return = line[bare.len()..].starts_with("\r\n") && character as usize == width + 1;
    if is_behind_return { bare.len() + 1 } else { encoding.byte(bare, character) }
}

/// Whether a line starts at an offset above 0.
fn starts_line(bytes: &[u8], at: usize) -> bool {
    match bytes[at - 1] {
        b'\n' => true,
        b'\r' => bytes.get(at) != Some(&b'\n'),
        _ => false,
    }
}

/// Whether a name holds all letters of what is typed, in order, whatever their case.
pub fn letters_in_order(name: &str, typed: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    typed.chars().flat_map(char::to_lowercase).all(|wanted| letters.any(|letter| letter == wanted))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use seed_spec::Source;

    use super::*;

    /// Texts in which everything that makes counting hard is common.
    fn piece() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![Just("a"), Just("\n"), Just("\r\n"), Just("\r"), Just("ä"), Just("🐚"), Just("key: "), Just("  ")],
            0..8,
        )
        .prop_map(|parts| parts.concat())
    }

    #[test]
    fn an_edit_of_neovim_behind_a_carriage_return_is_put_there() {
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            let mut text = Text::new("a\r\nb\r\nc\n".into());
            let range = Range::new(Position::new(0, 2), Position::new(1, 2));
            text.change(
                TextDocumentContentChangeEvent { range: Some(range), range_length: None, text: "\nx\r".into() },
                encoding,
            );
            assert_eq!(text.text, "a\r\nx\r\nc\n");
        }
    }

    proptest! {
        #[test]
        fn edits_give_the_same_text_and_lines_as_reading_anew(
            start in piece(),
            edits in proptest::collection::vec((0..6u32, 0..9u32, 0..6u32, 0..9u32, piece()), 1..12),
            utf8 in any::<bool>(),
        ) {
            let encoding = if utf8 { Encoding::Utf8 } else { Encoding::Utf16 };
            let mut text = Text::new(start.clone());
            let mut plain = start;
            for (line, character, last, behind, new) in edits {
                let range = Range::new(Position::new(line, character), Position::new(last, behind));
                let source = Source::new("x", plain.as_str());
                let offset = |at: Position| {
                    let line = at.line as usize;
                    if line >= source.line_count() {
                        return plain.len();
                    }
                    let start = source.line_start(line);
                    start + in_line(&plain[start..source.line_start(line + 1)], at.character, encoding)
                };
                let (one, other) = (offset(range.start), offset(range.end));
                plain.replace_range(one.min(other)..one.max(other), &new);
                text.change(
                    TextDocumentContentChangeEvent { range: Some(range), range_length: None, text: new },
                    encoding,
                );
                prop_assert_eq!(&text.text, &plain);
                let source = Source::new("x", plain.as_str());
                let lines: Vec<_> = (0..source.line_count()).map(|line| source.line_start(line)).collect();
                prop_assert_eq!(&text.lines, &lines);
            }
        }
    }
}
