//! The page "Where Seed keeps things" names every environment variable that the program reads.

use std::collections::BTreeSet;
use std::fs;

use super::{files, has_extension, rust, shown};
use crate::{Result, layout};

const PAGE: &str = "doc/book/src/places.md";
/// Words in capitals that are not variables which the program reads: git's names, marks in comments and skeletons, what is known when
/// the program is built, and what Seed sets for the programs that it starts.
const NOT_VARIABLES: &[&str] = &["HEAD", "TODO", "FIXME", "NAME", "CARGO_PKG_VERSION", "LC_ALL"];

/// Finds the variables that the page does not name.
///
/// # Errors
///
/// With these, and where they are read.
pub fn check() -> Result {
    let page = fs::read_to_string(layout::root().join(PAGE))?;
    let mut missing = BTreeSet::new();
    let mut known = BTreeSet::new();
    for path in files("server", &|path| has_extension(path, "rs"))? {
        let place = shown(&path);
        if place.contains("/xtask/")
            || place.contains("/tests")
            || place.contains("/sim/")
            || place.contains("/examples/")
            || place.ends_with("hostile.rs")
        {
            continue;
        }
        let source = fs::read_to_string(&path)?;
        for literal in rust::literals(&source).into_iter().filter(is_variable) {
            if !page.contains(&format!("`{}`", literal.text)) {
                missing.insert(format!("{place}:{}: {PAGE} does not name the variable {}", literal.line, literal.text));
            }
            known.insert(literal.text);
        }
    }
    // A check that finds nothing any more would pass, too.
    for expected in ["SEED_STATE_DIR", "SEED_MODEL", "XDG_CONFIG_HOME", "NVIM", "SUDO_UID", "CREDENTIALS_DIRECTORY"] {
        if !known.contains(expected) {
            missing.insert(format!("the variable {expected} was not found in the sources"));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.into_iter().collect::<Vec<_>>().join("\n").into()) }
}

/// Whether a literal is the name of a variable: one of Seed's anywhere, any other as the argument of a call.
fn is_variable(literal: &rust::Literal) -> bool {
    let is_name = |text: &str| {
        text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') && !text.starts_with('_')
    };
    is_name(&literal.text)
        && (literal.text.starts_with("SEED_") || literal.is_argument)
        && !NOT_VARIABLES.contains(&literal.text.as_str())
}
