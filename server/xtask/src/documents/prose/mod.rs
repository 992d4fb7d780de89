//! The prose check: finds words and phrases that make English hard to read in everything that a user reads.

mod rules;
mod text;

use std::fs;
use std::path::Path;

use crate::layout::Profile;
use crate::process::{build_seed, command, output};
use crate::{Result, layout};

use super::{book, files, has_extension, rust, shown};
use rules::Rules;
use text::{Passage, help_file, lua, manual, markdown, plain};

/// Paths whose texts are not rewritten yet.
const TO_DO: &[&str] = &[];

/// Where no text for users stands: the rules themselves, tests, what only tests use, and lists of words.
const NO_PROSE: &[&str] = &[
    "server/xtask/src/documents/",
    "server/duck/src/lexicon",
    "/tests/",
    "/tests.rs",
    "/sim/",
    "/mock/",
    "/examples/",
    "hostile.rs",
    "any_bytes.rs",
    "odd_names.rs",
];

/// A sentence with more words is reported, and is no failure.
const LONG: usize = 35;

/// Checks all texts. Gives the long sentences in documents.
///
/// # Errors
///
/// With every place and what to write instead.
pub fn check() -> Result<Vec<String>> {
    let rules = Rules::new()?;
    // The names in `{name}` are not shown.
    let placeholders = regex::Regex::new(r"\{[^{}]*\}")?;
    let mut wrong = Vec::new();
    let mut long = Vec::new();
    let mut words = 0;
    let mut look = |place: &str, passages: Vec<Passage>, is_document: bool| {
        for passage in passages {
            words += passage.text.split_whitespace().count();
            let slips = rules.slips(&passage.text);
            wrong.extend(slips.into_iter().map(|slip| format!("{place}:{}: {slip}", passage.line)));
            if is_document {
                let sentences = passage.sentences().filter(|sentence| sentence.split_whitespace().count() > LONG);
                long.extend(sentences.map(|sentence| format!("{place}:{}: long: {sentence}", passage.line)));
            }
        }
    };
    for path in book::documents()?.iter().filter(|path| is_checked(path)) {
        look(&shown(path), markdown(&read(path)?), true);
    }
    for path in ["server/prompt/prompts", "server/fragment/meta"] {
        for path in files(path, &|path| has_extension(path, "md") && is_checked(path))? {
            look(&shown(&path), markdown(&read(&path)?), false);
        }
    }
    for path in files("examples", &|path| has_extension(path, "yaml"))? {
        look(&shown(&path), plain(&read(&path)?), false);
    }
    for path in files("doc", &|path| has_extension(path, "txt") && is_checked(path))? {
        look(&shown(&path), help_file(&read(&path)?), true);
    }
    for path in files("server", &|path| has_extension(path, "rs") && is_checked(path))? {
        let literals = rust::literals(&read(&path)?);
        let sentences = literals.into_iter().filter(|literal| literal.text.contains(' '));
        let passage =
            |literal: rust::Literal| Passage { line: literal.line, text: placeholders.replace_all(&literal.text, "x").into() };
        look(&shown(&path), sentences.map(passage).collect(), false);
    }
    for folder in ["lua", "plugin", "ftplugin", "lsp"] {
        for path in files(folder, &|path| has_extension(path, "lua") && is_checked(path))? {
            look(&shown(&path), lua(&read(&path)?), false);
        }
    }
    if !TO_DO.contains(&"man") {
        for (name, page) in manual_pages()? {
            look(&name, manual(&page), false);
        }
    }
    if words < 10_000 {
        wrong.push(format!("only {words} words were found"));
    }
    if wrong.is_empty() { Ok(long) } else { Err(wrong.join("\n").into()) }
}

fn read(path: &Path) -> Result<String> {
    Ok(fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn is_checked(path: &Path) -> bool {
    let place = shown(path);
    !NO_PROSE.iter().any(|part| place.contains(part)) && !TO_DO.iter().any(|start| place.starts_with(start))
}

/// The manual pages, which hold the help of every command.
fn manual_pages() -> Result<Vec<(String, String)>> {
    let folder = tempfile::tempdir()?;
    let seed = build_seed(Profile::Debug)?;
    output(command(seed, &["man"]).arg(folder.path()).current_dir(layout::root()))?;
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder.path())? {
        let path = entry?.path();
        pages.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), read(&path)?));
    }
    pages.sort();
    if pages.len() < 20 {
        return Err(format!("only {} manual pages were written", pages.len()).into());
    }
    Ok(pages)
}
