//! Every example in the documents is run: the sessions say what they say there, and each spec is grown and taken back.
//!
//! In a document, a block marked `yaml NAME.seed.yaml` (or any language and a path) is a file, and a block marked `console`
//! is a session: each line that begins with `$ ` is run as it stands, without a shell, and what follows is what it says. A page
//! of the book is one story; in the README each `##` section is. `SEED_UPDATE_DOCUMENTS=1` writes what the commands say into the
//! documents.

mod markdown;
mod session;

use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::{Sandbox, is_root};
use markdown::{Block, blocks, sections};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// The pages of the book.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = fs::read_dir(root().join("doc/book/src")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages
}

/// Runs the sessions of a document, then takes each spec of its stories through its life.
fn try_document(path: &Path, stories: impl Fn(&str) -> Vec<Vec<Block>>) {
    let shown = path.strip_prefix(root()).unwrap_or(path).display();
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let mut updated = text.clone();
    for story in stories(&text) {
        let sandbox = Sandbox::new();
        for block in &story {
            match block {
                Block::File { path, content } => sandbox.write(path, content),
                Block::Session { text: session } => {
                    let said = session::run(&sandbox, session);
                    if !session::is_same(session, &said) {
                        assert!(
                            std::env::var_os("SEED_UPDATE_DOCUMENTS").is_some(),
                            "{shown}: is\n{said}\nand stands there as\n{session}"
                        );
                        let fenced = |text: &str| format!("```console\n{text}```\n");
                        updated = updated.replacen(&fenced(session), &fenced(&said), 1);
                    }
                }
            }
        }
        sandbox.seed(&["trust", "."]).exits(0);
        for block in story.iter().filter(|block| block.is_spec()) {
            let Block::File { path, .. } = block else { continue };
            if sandbox.at(path).exists() {
                sandbox.seed(&["apply", "--yes", "--destroy-data", "--prune", "--state", "absent", path]).exits(0);
            }
        }
        sandbox.assert_nothing_leaks();
        drop(sandbox);
        for end in 0..story.len() {
            if story[end].is_spec() {
                live(&story[..=end]);
            }
        }
    }
    if updated != text {
        fs::write(path, updated).unwrap();
    }
}

/// The life of the last spec among some files: without mistakes, grown, as it says, nothing more to do, and back.
fn live(files: &[Block]) {
    let sandbox = Sandbox::new();
    let mut spec = "";
    for block in files {
        if let Block::File { path, content } = block {
            sandbox.write(path, content);
            spec = path;
        }
    }
    let before = sandbox.tree();
    sandbox.seed(&["trust", "."]).exits(0);
    sandbox.seed(&["check", spec]).exits(0).says("No mistakes found");
    sandbox.seed(&["fmt", "--check", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["info", spec]).exits(0);
    let again = sandbox.seed(&["apply", "--yes", "--json", spec]).exits(0).summary();
    assert_eq!(again["changed"], 0, "{spec}");
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert_eq!(sandbox.tree(), before, "{spec}");
    sandbox.assert_nothing_leaks();
}

#[test]
fn the_book() {
    if is_root() {
        let pages = pages();
        assert!(pages.len() > 20, "{pages:?}");
        pages.iter().for_each(|page| try_document(page, |text| vec![blocks(text)]));
    }
}

#[test]
fn the_readme() {
    if is_root() {
        try_document(&root().join("README.md"), sections);
    }
}

#[test]
fn the_examples() {
    if !is_root() {
        return;
    }
    let folder = root().join("examples");
    let mut specs = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".seed.yaml") {
            let content = fs::read_to_string(folder.join(&name)).unwrap();
            live(&[Block::File { path: name, content }]);
            specs += 1;
        }
    }
    assert!(specs > 0, "there are examples");
}

#[test]
fn the_documents_show_the_examples_as_they_are() {
    let mut shown = 0;
    for page in pages().into_iter().chain([root().join("README.md")]) {
        for block in blocks(&fs::read_to_string(&page).unwrap()) {
            if let Block::File { path, content } = block
                && let Ok(example) = fs::read_to_string(root().join("examples").join(&path))
            {
                // The tutorial goes on with its example.
                if content != example && page.ends_with("tutorial.md") {
                    continue;
                }
                assert_eq!(content, example, "{path} differs between {} and examples/", page.display());
                shown += 1;
            }
        }
    }
    assert!(shown >= 5, "{shown}");
}
