//! The commands, specs and keys in a document, so that what it says is what is tried.

use std::fs;

use crate::Result;
use crate::layout;

/// A fenced block below a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the fence: `sh`, `yaml hello.seed.yaml`.
    pub info: String,
    /// The lines in it.
    pub text: String,
}

/// The blocks of one section, without those of the sections below it.
///
/// # Errors
///
/// When the document cannot be read, or has no such heading.
pub fn section(path: &str, heading: &str) -> Result<Vec<Block>> {
    let text = fs::read_to_string(layout::root().join(path)).map_err(|error| format!("{path}: {error}"))?;
    blocks(&text, heading).ok_or_else(|| format!("{path} has no heading `{heading}`").into())
}

/// The lines of a section's only block of a kind: commands (`sh`), or what is typed in Neovim (`vim`).
///
/// # Errors
///
/// When there is none, or more than one.
pub fn lines(blocks: &[Block], info: &str) -> Result<Vec<String>> {
    let mut found = blocks.iter().filter(|block| block.info == info);
    match (found.next(), found.next()) {
        (Some(block), None) => Ok(block.text.lines().map(str::to_string).collect()),
        (None, _) => Err(format!("the section has no block `{info}`").into()),
        _ => Err(format!("the section has several blocks `{info}`").into()),
    }
}

fn blocks(text: &str, heading: &str) -> Option<Vec<Block>> {
    let mut lines = text.lines();
    lines.find(|line| is_heading(line) && line.trim_start_matches('#').trim() == heading)?;
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if is_heading(line) {
            break;
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let text = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        found.push(Block { info: info.to_string(), text });
    }
    Some(found)
}

fn is_heading(line: &str) -> bool {
    line.trim_start_matches('#').starts_with(' ') && line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::{Block, blocks};

    #[test]
    fn a_section_ends_with_the_next_heading() {
        let text = "# A\n```sh\nno\n```\n## B\ntext\n```sh\n# not a heading\ntwo\n```\n```vim\n:q\n```\n### C\n```sh\nno\n```\n";
        let block = |info: &str, text: &str| Block { info: info.into(), text: text.into() };
        assert_eq!(blocks(text, "B"), Some(vec![block("sh", "# not a heading\ntwo\n"), block("vim", ":q\n")]));
        assert_eq!(blocks(text, "D"), None);
    }
}
