//! A report as an editor shows it: its lines, what is highlighted in them, what folds, and where each role is.
//!
//! The text is the one of the terminal: this reads the terminal's colours and turns them into names.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use crate::cli::style;
use crate::cli::terminal::{self, Guard};

/// Where a report is written. It is told which role the lines are about.
pub trait Canvas: Write {
    /// The next line is the heading of a role. Its block ends with the matching [`Canvas::leave`].
    fn enter(&mut self, _role: &str) {}
    /// The block of the role entered last ends.
    fn leave(&mut self) {}
}

impl<W: Write> Canvas for Guard<W> {}

#[cfg(test)]
impl Canvas for Vec<u8> {}

/// Data that a plan destroys.
#[derive(Serialize)]
pub struct Loss {
    /// The role.
    pub role: String,
    /// What is destroyed, in words.
    pub text: String,
    /// Whether it is destroyed without asking.
    pub disposable: bool,
}

/// A report for an editor. Rows count from 0, columns are bytes.
#[derive(Default, Serialize)]
pub struct Page {
    lines: Vec<String>,
    /// Row, first column, end column, name of the style.
    marks: Vec<(usize, usize, usize, &'static str)>,
    /// The row of each role's heading.
    rows: BTreeMap<String, usize>,
    /// First and last row of what folds; inner folds first.
    folds: Vec<(usize, usize)>,
    /// What the plan destroys.
    pub losses: Vec<Loss>,
    /// The report in one line.
    pub summary: String,
    /// The first rows of the blocks that have not ended.
    #[serde(skip)]
    open: Vec<usize>,
    /// A line that has not ended.
    #[serde(skip)]
    rest: Vec<u8>,
    /// The escape sequences since the last reset.
    #[serde(skip)]
    style: String,
}

impl Page {
    /// The page that a report writes.
    ///
    /// # Errors
    ///
    /// None but those of `write`.
    pub fn of(write: impl FnOnce(&mut Page) -> std::io::Result<()>) -> std::io::Result<Page> {
        let mut page = Page::default();
        write(&mut page)?;
        Ok(page)
    }

    /// The first line.
    pub fn first_line(&self) -> &str {
        self.lines.first().map_or("", String::as_str)
    }

    fn add_line(&mut self, line: &str) {
        let row = self.lines.len();
        let (mut text, mut begin) = (String::new(), 0);
        let mut rest = line;
        while let Some(at) = rest.find('\x1b') {
            text.push_str(&terminal::text(&rest[..at]));
            let sequence = rest[at..].split_inclusive('m').next().unwrap_or_default();
            self.mark(row, begin, text.len());
            begin = text.len();
            if sequence == RESET {
                self.style.clear()
            } else {
                self.style.push_str(sequence)
            }
            rest = &rest[at + sequence.len()..];
        }
        text.push_str(&terminal::text(rest));
        self.mark(row, begin, text.len());
        self.lines.push(text);
    }

    fn mark(&mut self, row: usize, from: usize, to: usize) {
        if from < to
            && let Some(name) = style::name_of(&self.style)
        {
            self.marks.push((row, from, to, name));
        }
    }
}

/// The end of a style.
const RESET: &str = "\x1b[0m";

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if self.rest.last() == Some(&b'\n') {
                self.rest.pop();
                let line = std::mem::take(&mut self.rest);
                self.add_line(&String::from_utf8_lossy(&line));
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Canvas for Page {
    fn enter(&mut self, role: &str) {
        self.rows.insert(role.to_string(), self.lines.len());
        self.open.push(self.lines.len());
    }

    fn leave(&mut self) {
        let (first, next) = (self.open.pop().unwrap_or_default(), self.lines.len());
        if next > first + 1 {
            self.folds.push((first, next - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_marks_and_blocks_become_folds() -> std::io::Result<()> {
        let page = Page::of(|out| {
            out.enter("whole");
            writeln!(out, "{}w{:#}", style::NAME, style::NAME)?;
            out.enter("whole/part");
            writeln!(out, "  {}-{:#} ä {}bad{:#}", style::GONE, style::GONE, style::BAD, style::BAD)?;
            writeln!(out, "    bell\u{7}")?;
            out.leave();
            out.leave();
            Ok(())
        })?;
        assert_eq!(page.lines, ["w", "  - ä bad", "    bell␇"]);
        assert_eq!(page.marks, [(0, 0, 1, "name"), (1, 2, 3, "gone"), (1, 7, 10, "bad")]);
        assert_eq!(page.folds, [(1, 2), (0, 2)]);
        assert_eq!(page.rows, BTreeMap::from([("whole".to_string(), 0), ("whole/part".to_string(), 1)]));
        Ok(())
    }
}
