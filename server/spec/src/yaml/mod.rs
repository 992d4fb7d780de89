//! YAML text to [`Tree`], with recovery while typing. The only module that knows the parser.
//!
//! The parser stops at the first error. So that one broken line does not hide the rest of a file, the
//! line is mended or blanked out and reading goes on from the last role before it ([`repair`]).

mod builder;
mod lint;
mod message;
mod parallel;
mod repair;
mod report;

use crate::diagnostic::{Code, Diagnostic};
use crate::text::{FileId, Source, Span};
use crate::tree::Tree;

/// The most bytes of a file that are read.
pub const MAX_BYTES: usize = 8 << 20;
/// The most nodes that a file may have.
pub const MAX_NODES: u64 = 1_000_000;
/// The most nodes that its aliases may stand for.
pub const MAX_ALIASED: u64 = 300_000;
/// How deep lists and mappings may be nested, aliases followed.
pub const MAX_DEPTH: usize = 128;

/// Reads the bytes of a file as text.
///
/// # Errors
///
/// A diagnostic at the first byte that is not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, Diagnostic> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let help = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16; save it as UTF-8",
            _ => "save it as UTF-8",
        };
        let message =
            format!("the file is not UTF-8 text: byte 0x{:02x} in line {line} is not part of a valid character", bytes[at]);
        Diagnostic::error(Code::NotUtf8, Span::new(FileId(0), at, at + 1), message).help(help)
    })
}

/// Reads YAML. `edited_line` (from 0) is where recovery looks first when the text is broken.
///
/// The tree holds all that could be read; what was left out for recovery is in [`Tree::damaged`].
/// Nothing here takes more than about a second, whatever the text.
pub fn parse(source: &Source, file: FileId, edited_line: Option<usize>) -> (Tree, Vec<Diagnostic>) {
    if source.text().len() > MAX_BYTES {
        let message = format!("the file is {} MiB long; Seed reads up to {} MiB", source.text().len() >> 20, MAX_BYTES >> 20);
        let end = source.line_start(1).min(80);
        return (Tree::default(), vec![Diagnostic::error(Code::TooLarge, Span::new(file, 0, end), message)]);
    }
    let (tree, mut diagnostics) = repair::read(source, file, edited_line);
    if tree.root.is_none() && diagnostics.is_empty() {
        let message = "the file contains no spec";
        let help = "a spec begins with `seed: 1`, `name:` and `roles:`";
        diagnostics.push(Diagnostic::error(Code::EmptySpec, Span::new(file, 0, 0), message).help(help));
    }
    (tree, diagnostics)
}
