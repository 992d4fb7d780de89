//! One block in one text, without a project around it: for a machine's own files, whose blocks are to be just as a spec says.

use crate::embed::{Comment, insert, markers};
use crate::marker::{self, Key};
use crate::merge::same_lines;
use crate::normal::{self, line_end_of, normals, prefix_of, text_of};
use crate::tree::{self, Block, Part};

/// A block as it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The parameters on its begin line.
    pub params: Vec<(String, String)>,
    /// What it holds, de-indented, lines ending in line feeds.
    pub content: String,
    /// All of it to the byte, markers included.
    pub raw: String,
}

/// The block in a text; none if there is none.
///
/// # Errors
///
/// When markers of the text are wrong, or the block stands there twice.
pub fn find(text: &str, key: &Key) -> Result<Option<Found>, String> {
    let (parts, problems) = tree::parse(text);
    if let Some(problem) = problems.first() {
        return Err(format!("line {}: {}", problem.line, problem.message));
    }
    let all = tree::all_blocks(&parts);
    let mut blocks = all.into_iter().filter(|block| block.key == *key);
    let Some(block) = blocks.next() else { return Ok(None) };
    if let Some(other) = blocks.next() {
        return Err(format!("line {}: `{key}` already exists on line {}", other.line, block.line));
    }
    let mut raw = String::new();
    block.write(&mut raw);
    let units = normal::units(&block.inside, &prefix_of(block, &[]));
    Ok(Some(Found { params: block.params.clone(), content: text_of(&normals(&units)), raw }))
}

/// What a rendered text comes to in a block: as [`Found::content`].
///
/// # Errors
///
/// When it holds markers: what fragments embed is merged level by level, which takes a project.
pub fn content_of(rendered: &str) -> Result<String, String> {
    let (parts, problems) = tree::parse(rendered);
    if !problems.is_empty() || tree::blocks(&parts).next().is_some() {
        return Err("it embeds other fragments, which a role cannot manage".into());
    }
    Ok(text_of(&normals(&normal::units(&parts, ""))))
}

/// Where a block goes that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot<'a> {
    /// At the end.
    End,
    /// Behind the first line that holds this.
    After(&'a str),
    /// Before the first line that holds this.
    Before(&'a str),
}

/// The text with the block in it, holding this content. All around it stays as it is, to the byte.
/// `text` is none where there is no file yet.
///
/// # Errors
///
/// As [`find`], when there is no such spot, and when a parameter would end the comment.
pub fn put(
    text: Option<&str>,
    key: &Key,
    params: &[(String, String)],
    content: &str,
    comment: &Comment,
    spot: Spot<'_>,
) -> Result<String, String> {
    comment.can_hold(params)?;
    let there = text.unwrap_or_default();
    let with_block = match find(there, key)? {
        Some(_) => there.to_string(),
        None => {
            let line = line_of(there, spot)?;
            let inserted = insert(there, line, key, params, comment);
            // A file that was there and empty stays one whose last line has no end: that tells it from one that was not there.
            let is_empty = text == Some("");
            if is_empty { inserted.trim_end_matches(['\r', '\n']).to_string() } else { inserted }
        }
    };
    Ok(changed(&with_block, key, &|block| filled(block, params, content)))
}

/// The text with the block as it was, to the byte; at the end where there is none.
///
/// # Errors
///
/// As [`find`].
pub fn put_raw(text: Option<&str>, key: &Key, raw: &str) -> Result<String, String> {
    let there = text.unwrap_or_default();
    if find(there, key)?.is_none() {
        let gap = if there.is_empty() || there.ends_with('\n') { "" } else { "\n" };
        return Ok(format!("{there}{gap}{raw}"));
    }
    Ok(changed(there, key, &|_| Part::Line(raw.to_string())))
}

/// The text without the block and all it holds, as it was before [`put`]; none where nothing is left of a file that [`put`] made.
///
/// # Errors
///
/// As [`find`].
pub fn take_out(text: &str, key: &Key) -> Result<Option<String>, String> {
    let found = find(text, key)?;
    let is_all = found.is_some_and(|found| found.raw == text && text.ends_with('\n'));
    Ok((!is_all).then(|| crate::embed::remove(text, key)))
}

fn line_of(text: &str, spot: Spot<'_>) -> Result<usize, String> {
    let (words, offset) = match spot {
        Spot::End => return Ok(usize::MAX),
        Spot::After(words) => (words, 2),
        Spot::Before(words) => (words, 1),
    };
    let at = text.lines().position(|line| line.contains(words));
    at.map(|at| at + offset).ok_or_else(|| format!("no line contains `{words}`"))
}

/// The block with another content and other parameters. Lines that stay the same keep their bytes.
fn filled(block: &Block, params: &[(String, String)], content: &str) -> Part {
    let lines: Vec<&str> = content.lines().collect();
    let prefix = prefix_of(block, &lines);
    let units = normal::units(&block.inside, &prefix);
    let same = same_lines(&lines, &normals(&units));
    let mut same = same.into_iter().peekable();
    let line_end = line_end_of(block);
    let inside = lines.iter().enumerate().map(|(number, line)| match same.next_if(|(at, _)| *at == number) {
        Some((_, at)) => units[at].part.clone(),
        None if line.is_empty() => Part::Line(line_end.to_string()),
        None => Part::Line(format!("{prefix}{line}{line_end}")),
    });
    let begin = if block.params == params { block.begin.clone() } else { marker::with_params(&block.begin, &block.key, params) };
    Part::Block(Block { begin, params: params.to_vec(), inside: inside.collect(), ..block.clone() })
}

/// A text with one of its blocks replaced.
fn changed(text: &str, key: &Key, change: &dyn Fn(&Block) -> Part) -> String {
    fn walk(parts: &[Part], key: &Key, change: &dyn Fn(&Block) -> Part) -> Vec<Part> {
        let one = |part: &Part| match part {
            Part::Block(block) if block.key == *key => change(block),
            Part::Block(block) => Part::Block(Block { inside: walk(&block.inside, key, change), ..block.clone() }),
            Part::Line(line) => Part::Line(line.clone()),
        };
        parts.iter().map(one).collect()
    }
    let mut out = String::new();
    tree::write(&walk(&tree::parse(text).0, key, change), &mut out);
    out
}

/// The block alone, as [`put`] writes it at the end of a new file.
pub fn alone(key: &Key, params: &[(String, String)], content: &str, comment: &Comment) -> String {
    let (begin, end) = markers(key, params, comment);
    format!("{begin}\n{content}{end}\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_changes_and_goes_and_the_rest_stays_to_the_byte() {
        let key = Key::parse("f#1").unwrap();
        let comment = Comment { open: "/* ".into(), close: " */".into() };
        let params = [("port".to_string(), "22".to_string())];
        let other = [("port".to_string(), "a b".to_string())];
        let files =
            [None, Some(""), Some("a"), Some("a\nb\n"), Some("a\r\nb\r\n"), Some("\u{feff}a\nb"), Some("\n"), Some("  a\n  b\n")];
        for text in files {
            for spot in [Spot::End, Spot::After("a"), Spot::Before("a")] {
                let Ok(with) = put(text, &key, &params, "x\n\ny\n", &comment, spot) else {
                    assert!(!text.unwrap_or_default().contains('a'), "{text:?}");
                    continue;
                };
                let found = find(&with, &key).unwrap().unwrap();
                assert_eq!((found.content.as_str(), &found.params[..]), ("x\n\ny\n", &params[..]), "{with:?}");
                assert_eq!(put(Some(&with), &key, &params, "x\n\ny\n", &comment, Spot::End).unwrap(), with);
                let changed = put(Some(&with), &key, &other, "x\nz\n", &comment, Spot::End).unwrap();
                let second = find(&changed, &key).unwrap().unwrap();
                assert_eq!((second.content.as_str(), &second.params[..]), ("x\nz\n", &other[..]), "{changed:?}");
                assert_eq!(put_raw(Some(&changed), &key, &found.raw).unwrap(), with);
                assert_eq!(take_out(&changed, &key).unwrap().as_deref(), text);
            }
        }
        assert_eq!(put(None, &key, &params, "x\n", &comment, Spot::End).unwrap(), alone(&key, &params, "x\n", &comment));
    }
}
