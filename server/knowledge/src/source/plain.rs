//! Plain text, by its paragraphs.

use crate::section::{Kind, Section, front};

/// How long a section is at least before a paragraph ends it, in bytes.
const ENOUGH: usize = 600;
/// How much of the first line is the title, in bytes.
const TITLE: usize = 72;

/// The sections of a text: some paragraphs each.
pub fn sections(text: &str) -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    let mut is_open = false;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let is_empty = line.trim().is_empty();
        match found.last_mut().filter(|_| is_open) {
            Some(last) => {
                last.text.push_str(line);
                is_open = !(is_empty && last.text.len() >= ENOUGH);
            }
            None if is_empty => {}
            None => {
                let title = front(line.trim(), TITLE).to_string();
                let (names, links, needs) = (Vec::new(), Vec::new(), Vec::new());
                found.push(Section { line: number, kind: Kind::Doc, title, names, links, needs, text: line.into() });
                is_open = true;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_make_sections_of_some_size() {
        let text = format!("\nFirst.\n\n{}\n\nSecond.\n", "word ".repeat(200));
        let found = sections(&text);
        assert_eq!(found.iter().map(|one| (one.line, one.title.as_str())).collect::<Vec<_>>(), [(2, "First."), (6, "Second.")]);
    }
}
