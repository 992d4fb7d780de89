//! What stands on the line of a marker: explained, and followed to the fragment.

use std::ops::Range;
use std::path::PathBuf;

use seed_fragment::Key;
use seed_fragment::marker::{self, Mark};
use seed_fragment::tree;

use super::{Open, line_at, range_of_line};

/// Whether an offset is on a line that may be a marker.
pub fn is_marker_line(text: &str, offset: usize) -> bool {
    super::has_markers(&text[line_at(text, offset).1])
}

/// The block whose marker is meant.
struct Marked {
    key: Key,
    params: Vec<(String, String)>,
    /// The bytes of the line.
    range: Range<usize>,
}

/// The block whose marker an offset is on.
fn marked(open: &Open<'_>, offset: usize) -> Option<Marked> {
    let (number, line) = line_at(open.text, offset);
    let mark = marker::read(&open.text[line])?.ok()?;
    let range = range_of_line(open.text, number);
    match mark {
        Mark::Begin(key, params) => Some(Marked { key, params, range }),
        Mark::End(key) => {
            let parts = tree::parse(open.text).0;
            let params = tree::all_blocks(&parts).into_iter().find(|block| block.key == key).map(|block| block.params.clone());
            Some(Marked { key, params: params.unwrap_or_default(), range })
        }
    }
}

/// Explains the fragment of the marker that an offset is on, in Markdown: what it is about, its parameters, and what it renders to.
pub fn hover(open: &Open<'_>, offset: usize) -> Option<(String, Range<usize>)> {
    let Marked { key, params, range } = marked(open, offset)?;
    let fragment = match open.project.library.get(&key.fragment) {
        Ok(Some(fragment)) => fragment,
        Ok(None) => return Some((format!("**{key}**\n\nThere is no fragment `{}`.", key.fragment), range)),
        Err(trouble) => return Some((format!("**{key}**\n\n{trouble}"), range)),
    };
    let path = fragment.path.strip_prefix(&open.project.root).unwrap_or(&fragment.path).display();
    let mut text = format!("**{key}** from `{path}`\n");
    if !fragment.about.is_empty() {
        text.push_str(&format!("\n{}\n", fragment.about));
    }
    if !fragment.parameters.is_empty() {
        text.push_str("\n| parameter | value | |\n| --- | --- | --- |\n");
        for (name, param) in &fragment.parameters {
            let given = params.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            let default = param.default.as_ref().map(|value| format!("{value} (default)"));
            let value = given.or(default).unwrap_or_else(|| "required".into());
            let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
            text.push_str(&format!("| `{name}` | {} | {} |\n", cell(&value), cell(&param.doc)));
        }
    }
    match fragment.render(&key.instance, &params) {
        Ok(rendered) => {
            let fence = if rendered.contains("```") { "`````" } else { "```" };
            let language = open.file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            let language = if language.chars().all(char::is_alphanumeric) { language } else { "" };
            text.push_str(&format!("\n{fence}{language}\n{}\n{fence}\n", rendered.trim_end_matches('\n')));
        }
        Err(said) => text.push_str(&format!("\nCannot render it: {said}\n")),
    }
    Some((text, range))
}

/// The file of the fragment whose marker an offset is on, and the bytes of the marker's line.
pub fn definition(open: &Open<'_>, offset: usize) -> Option<(Range<usize>, PathBuf)> {
    let Marked { key, range, .. } = marked(open, offset)?;
    let fragment = open.project.library.get(&key.fragment).ok()??;
    Some((range, fragment.path.clone()))
}
