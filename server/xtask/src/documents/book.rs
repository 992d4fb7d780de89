//! The book and the other documents: it builds, links lead somewhere, every page is in the contents, and the version is documented.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{files, has_extension, shown, variables};
use crate::process::{command, run};
use crate::{Result, layout, tools};

const BOOK: &str = "doc/book";
const CONTENTS: &str = "doc/book/src/SUMMARY.md";
/// Documents beside those in `doc/`.
const AT_THE_TOP: &[&str] = &["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// Builds the book.
///
/// # Errors
///
/// When mdBook cannot be had, or the book does not build.
pub fn build() -> Result {
    run(&mut command(tools::mdbook()?, &["build", BOOK]))
}

/// All other checks. Each looks at everything before it fails.
///
/// # Errors
///
/// With all that is wrong.
pub fn check() -> Result {
    let mut wrong = Vec::new();
    let mut links = 0;
    for path in documents()? {
        let document = Document::read(&path)?;
        links += document.links.len();
        wrong.extend(document.links.iter().filter_map(|link| broken(&path, link)));
    }
    wrong.extend(missing_pages()?);
    wrong.extend(version().err().map(|error| error.to_string()));
    wrong.extend(variables::check().err().map(|error| error.to_string()));
    if links < 50 {
        wrong.push(format!("only {links} links were found"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// All documents in Markdown.
pub fn documents() -> Result<Vec<PathBuf>> {
    let mut all: Vec<PathBuf> = AT_THE_TOP.iter().map(|path| layout::root().join(path)).collect();
    all.extend(files("doc", &|path| has_extension(path, "md"))?);
    Ok(all)
}

/// The links of a document, and the anchors of its headings.
struct Document {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

impl Document {
    fn read(path: &Path) -> Result<Document> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Document::parse(&text))
    }

    fn parse(text: &str) -> Document {
        let (mut links, mut anchors) = (Vec::new(), BTreeSet::new());
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => drop(heading.take().map(|heading| anchors.insert(anchor(&heading)))),
                Event::Text(text) | Event::Code(text) => heading.iter_mut().for_each(|heading| heading.push_str(&text)),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => links.push(dest_url.to_string()),
                _ => {}
            }
        }
        Document { links, anchors }
    }
}

/// The anchor that mdBook and forges make from a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|character| character.is_alphanumeric() || matches!(character, '-' | '_' | ' '));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// What is wrong with a link. Addresses on the web are not followed: the checks need no network.
fn broken(from: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let says = |what: &str| Some(format!("{}: the link {link} {what}", shown(from)));
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { from.to_path_buf() } else { from.with_file_name(path) };
    if !target.exists() {
        return says("leads nowhere");
    }
    let book = layout::root().join(BOOK);
    let outside = |path: &Path| path.components().any(|part| part.as_os_str() == "..");
    if from.starts_with(&book) && outside(Path::new(path)) {
        return says("leads out of the book");
    }
    let anchor = anchor?;
    match Document::read(&target) {
        Ok(document) if document.anchors.contains(anchor) => None,
        _ => says("names a heading that does not exist"),
    }
}

/// Pages that the table of contents does not name.
fn missing_pages() -> Result<Vec<String>> {
    let contents = Document::read(&layout::root().join(CONTENTS))?;
    let pages = files("doc/book/src", &|path| has_extension(path, "md") && !path.ends_with("SUMMARY.md"))?;
    let is_named = |page: &Path| contents.links.iter().any(|link| page.ends_with(link));
    Ok(pages.iter().filter(|page| !is_named(page)).map(|page| format!("{CONTENTS} does not name {}", shown(page))).collect())
}

/// The changelog has a section about the version in `Cargo.toml`.
fn version() -> Result {
    let changelog = fs::read_to_string(layout::root().join("CHANGELOG.md"))?;
    let version = env!("CARGO_PKG_VERSION");
    match changelog.contains(&format!("\n## [{version}] - ")) {
        true => Ok(()),
        false => Err(format!("CHANGELOG.md has no section about version {version}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, anchor, broken};
    use crate::layout;

    #[test]
    fn anchors_are_those_of_mdbook() {
        assert_eq!(anchor("Where the `bases` are"), "where-the-bases-are");
        assert_eq!(anchor("file.text"), "filetext");
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let page = layout::root().join("doc/book/src/places.md");
        let document = Document::parse("[a](files.md#edits-during-an-apply) [b](nothing.md) ![c](#backups)\n\n    [d](code)\n");
        let wrong: Vec<bool> = document.links.iter().map(|link| broken(&page, link).is_some()).collect();
        assert_eq!(wrong, [false, true, false]);
        assert!(broken(&page, "files.md#nothing").is_some());
        assert!(broken(&page, "../../../README.md").is_some());
    }
}
