//! Fragments in an open text of any language: how its blocks stand, what can be typed on their markers and done about them.
//!
//! A text and a version in, answers and edits out: nothing here writes to the file, which is the editor's while it is open.

pub mod actions;
mod change;
mod completion;
mod findings;
mod marker;
mod sides;

use std::path::{Path, PathBuf};

use seed_fragment::{Project, root_of};
use seed_role::trouble::Result;

pub use change::{Change, NewFragment, Replace, Wish, change, noted};
pub use completion::{Kind, Suggestion, completions};
pub use findings::{Code, Finding, findings, items};
pub use marker::{definition, hover, is_marker_line};
pub use sides::sides;

/// An open text in its project.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    /// Its project.
    pub project: &'a Project,
    /// Its path, relative to the project.
    pub file: &'a Path,
    /// The text, as the editor shows it.
    pub text: &'a str,
}

/// Whether a text may hold markers; most do not, and cost nothing more.
pub fn has_markers(text: &str) -> bool {
    text.contains("seed:begin") || text.contains("seed:end")
}

/// The project that a file belongs to, and its path in there. It need not be on the disk yet.
///
/// # Errors
///
/// When neither it nor its folder is there.
pub fn home_of(path: &Path) -> Result<(PathBuf, PathBuf)> {
    let real = match (path.canonicalize(), path.parent().map(Path::canonicalize), path.file_name()) {
        (Ok(real), ..) => real,
        (Err(_), Some(Ok(folder)), Some(name)) => folder.join(name),
        (Err(error), ..) => {
            return Err(seed_role::Trouble::from_io(format!("find the project of {}", path.display()), &error));
        }
    };
    let root = root_of(if real.exists() { &real } else { real.parent().unwrap_or(&real) })?;
    let file = real.strip_prefix(&root).map(Path::to_path_buf).unwrap_or(real);
    Ok((root, file))
}

/// The bytes of a line, counted from 1, without the blank space around it.
fn range_of_line(text: &str, line: usize) -> std::ops::Range<usize> {
    let mut start = 0;
    for (number, one) in (1..).zip(text.split_inclusive('\n')) {
        if number == line {
            let from = start + (one.len() - one.trim_start_matches([' ', '\t', '\u{feff}']).len());
            return from..from.max(start + one.trim_end().len());
        }
        start += one.len();
    }
    start..start
}

/// The number of the line that an offset lies in, counted from 1, and the bytes of it without its end.
fn line_at(text: &str, offset: usize) -> (usize, std::ops::Range<usize>) {
    let offset = offset.min(text.len());
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
    (text[..start].matches('\n').count() + 1, start..start + text[start..end].trim_end_matches('\r').len())
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
