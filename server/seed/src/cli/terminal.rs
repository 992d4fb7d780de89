//! Text from elsewhere on a terminal: nothing in it moves the cursor, hides or reverses what stands beside it, or begins a line that
//! Seed did not write.
//!
//! [`line`] and [`text`] are for what is shown; every stream of this program goes through a [`Guard`] too, so that what a renderer
//! forgets does no harm.

use std::borrow::Cow;
use std::io::Write;

use seed_role::terminal::acts;

/// What a [`Guard`] holds back at most until it knows what it is: longer than any sequence of the palette.
const LONGEST_SEQUENCE: usize = 16;

/// The character that stands for one on a terminal: itself, if it does no harm.
pub fn shown(letter: char) -> char {
    match letter {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(letter)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        letter if acts(letter) => '\u{fffd}',
        letter => letter,
    }
}

/// A text of one line, to be shown: it stays one line.
pub fn line(text: &str) -> Cow<'_, str> {
    replaced(text, |letter| if letter == '\n' { '⏎' } else { shown(letter) })
}

/// A text of several lines, to be shown.
pub fn text(text: &str) -> Cow<'_, str> {
    let shown = replaced(text, |letter| if matches!(letter, '\n' | '\t') { letter } else { shown(letter) });
    if shown.contains("␍\n") { shown.replace("␍\n", "\n").into() } else { shown }
}

/// A text of perhaps several lines, shown as one entry: the lines behind its first begin with `indent`, as no entry does.
pub fn entry(text: &str, indent: &str) -> String {
    self::text(text.trim_end()).replace('\n', &format!("\n{indent}"))
}

fn replaced(text: &str, by: impl Fn(char) -> char) -> Cow<'_, str> {
    match text.chars().any(|letter| by(letter) != letter) {
        true => text.chars().map(by).collect::<String>().into(),
        false => text.into(),
    }
}

/// Lets through to a terminal what does no harm there: text, ends of lines, tabs, and the colours that this program uses. Everything
/// else becomes `\u001b` and the like, which in JSON means the same as before.
pub struct Guard<W: Write> {
    inner: W,
    /// The front of a character or of a colour whose end was not written yet.
    open: Vec<u8>,
}

impl<W: Write> Guard<W> {
    /// Guards a stream.
    pub fn new(inner: W) -> Self {
        Guard { inner, open: Vec::new() }
    }

    /// What can be let through of what is open; all of it, if nothing follows.
    fn take(&mut self, is_end: bool) -> Vec<u8> {
        let open = std::mem::take(&mut self.open);
        let mut safe = Vec::with_capacity(open.len());
        let mut rest = &open[..];
        while !rest.is_empty() {
            let (len, known) = first(rest);
            match known {
                First::Unfinished if !is_end => {
                    self.open = rest.to_vec();
                    break;
                }
                First::Safe => safe.extend_from_slice(&rest[..len]),
                First::Acts(letter) => {
                    let mut units = [0; 2];
                    for unit in letter.encode_utf16(&mut units) {
                        safe.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                    }
                }
                First::Unfinished | First::NoText => safe.extend_from_slice("\u{fffd}".as_bytes()),
            }
            rest = &rest[len..];
        }
        safe
    }
}

/// What a text begins with.
enum First {
    /// A character, or a colour, that does no harm.
    Safe,
    /// A character that does.
    Acts(char),
    /// The front of a character or of a sequence.
    Unfinished,
    /// A byte of no character.
    NoText,
}

/// What bytes begin with, and how many of them that is.
fn first(bytes: &[u8]) -> (usize, First) {
    let front = &bytes[..bytes.len().min(4)];
    let letter = match std::str::from_utf8(front) {
        Ok(text) => text.chars().next(),
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&front[..error.valid_up_to()]).ok().and_then(|text| text.chars().next())
        }
        Err(error) => return (1, if error.error_len().is_none() { First::Unfinished } else { First::NoText }),
    };
    match letter {
        Some('\x1b') => match colour(bytes) {
            Ok(len) => (len, First::Safe),
            Err(true) => (1, First::Unfinished),
            Err(false) => (1, First::Acts('\x1b')),
        },
        Some(letter) if acts(letter) && !matches!(letter, '\n' | '\t') => (letter.len_utf8(), First::Acts(letter)),
        Some(letter) => (letter.len_utf8(), First::Safe),
        None => (1, First::NoText),
    }
}

/// The length of the sequence that bytes begin with, if it sets a colour of the palette (ECMA-48 §8.3.117, SGR); else whether more
/// bytes could make it one.
fn colour(bytes: &[u8]) -> Result<usize, bool> {
    let is_inner = |byte: &u8| byte.is_ascii_digit() || *byte == b';';
    let Some(rest) = bytes.strip_prefix(b"\x1b[") else { return Err(bytes == b"\x1b") };
    let Some(end) = rest.iter().position(|byte| !is_inner(byte)) else { return Err(bytes.len() < LONGEST_SEQUENCE) };
    let numbers = &rest[..end];
    // What hides (8), reverses (7) or paints the ground is no part of it; of the fixed colours those that frame diagnostics are.
    let is_of_palette = |number: &[u8]| {
        matches!(number, b"" | b"0" | b"1" | b"2" | b"4" | b"22" | b"24" | b"39") || matches!(number, [b'3' | b'9', b'1'..=b'6'])
    };
    let is_fixed = matches!(numbers, b"38;5;115" | b"38;5;147" | b"38;5;240" | b"38;5;246" | b"38;5;249");
    match rest[end] == b'm' && (is_fixed || numbers.split(|byte| *byte == b';').all(is_of_palette)) {
        true => Ok(end + 3),
        false => Err(false),
    }
}

impl<W: Write> Write for Guard<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.open.is_empty() && bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
            return self.inner.write(bytes);
        }
        self.open.extend_from_slice(bytes);
        let safe = self.take(false);
        self.inner.write_all(&safe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for Guard<W> {
    fn drop(&mut self) {
        let rest = self.take(true);
        // Nobody is left to be told.
        let _ = self.inner.write_all(&rest);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
pub mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::style;

    fn guarded(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut guard = Guard::new(&mut out);
        pieces.iter().for_each(|piece| guard.write_all(piece).unwrap());
        drop(guard);
        String::from_utf8(out).unwrap()
    }

    /// Whether nothing in a text does harm on a terminal.
    pub fn is_harmless(text: &str) -> bool {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (len, First::Safe) = first(rest) else { return false };
            rest = &rest[len..];
        }
        true
    }

    #[test]
    fn colours_and_text_pass_and_what_acts_is_spelled_out() {
        let (bad, dim) = (style::BAD, style::DIM);
        let own = format!("{bad}lost{bad:#} {dim}später{dim:#}\t→\n\x1b[38;5;246m│\x1b[0m");
        assert_eq!(guarded(&[own.as_bytes()]), own);
        for (hostile, safe) in [
            ("\x1b[2J", r"\u001b[2J"),
            ("\x1b]0;title\x07", r"\u001b]0;title\u0007"),
            ("\x1b[8mhidden", r"\u001b[8mhidden"),
            ("\x1b[38;5;0mblack", r"\u001b[38;5;0mblack"),
            ("100%\rDone", r"100%\u000dDone"),
            ("a\u{202e}b\u{9b}2J\u{7f}", r"a\u202eb\u009b2J\u007f"),
            ("\u{e0041}", r"\udb40\udc41"),
        ] {
            assert_eq!(guarded(&[hostile.as_bytes()]), safe);
            let single: Vec<&[u8]> = hostile.as_bytes().chunks(1).collect();
            assert_eq!(guarded(&single), safe, "byte by byte");
        }
        assert_eq!(guarded(&[b"a\xffb\xc3"]), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(line("a\nerror: b\r\x1b[31m\u{202e}"), "a⏎error: b␍␛[31m\u{fffd}");
        assert_eq!(text("a\n\tb\x1b"), "a\n\tb␛");
        assert_eq!(text("a\r\nb"), "a\nb");
        assert_eq!(entry("a\nerror: b\n", "    "), "a\n    error: b");
        assert_eq!(text("plain"), "plain");
    }

    proptest! {
        #[test]
        fn what_a_guard_lets_through_is_harmless_however_it_is_cut(bytes in prop::collection::vec(prop_oneof![
            any::<u8>(), Just(0x1b), Just(b'['), Just(b'm'), Just(b';'), b'0'..=b'9'], 0..80), cut in 1usize..9) {
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            let out = guarded(&pieces);
            prop_assert!(is_harmless(&out), "{out:?}");
            prop_assert_eq!(out, guarded(&[&bytes]));
        }
    }
}
