//! The checks of what users read: links, the book, and the words.

pub mod book;
pub mod prose;
mod rust;
mod variables;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, layout};

/// The files under a path at the top of the repository that a condition is true for, sorted; the path itself if it is one.
fn files(under: &str, is_wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![layout::root().join(under)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path).map_err(|error| format!("{}: {error}", path.display()))? {
                open.push(entry?.path());
            }
        } else if is_wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// A path as it is shown: from the top of the repository.
fn shown(path: &Path) -> String {
    path.strip_prefix(layout::root()).unwrap_or(path).display().to_string()
}
