//! Manual pages as Markdown, by their headings and the entries of their lists of options: enough of roff for what `docbook2man` and
//! `rst2man` write. The pages that are looked through by [`super::recall`].

use std::path::Path;
use std::process::Command;

use crate::Result;

/// A piece of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Its headings, the outermost first, without the page's own.
    pub headings: Vec<String>,
    /// What stands below them, up to the next.
    pub text: String,
}

/// The page in a file packed by gzip.
///
/// # Errors
///
/// When it cannot be unpacked.
pub fn read(path: &Path) -> Result<Vec<Piece>> {
    let output = Command::new("gzip").arg("-dc").arg(path).output()?;
    if !output.status.success() {
        return Err(format!("{} cannot be unpacked: {}", path.display(), String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    Ok(pieces(&String::from_utf8_lossy(&output.stdout)))
}

/// The page as Markdown, its name as the first heading.
pub fn markdown(name: &str, pieces: &[Piece]) -> String {
    let mut text = format!("# {name}\n\n");
    for piece in pieces {
        if let Some(heading) = piece.headings.last() {
            text.push_str(&format!("{} {heading}\n\n", "#".repeat(piece.headings.len() + 1)));
        }
        for line in piece.text.lines() {
            // No line of a text is a heading or underlines one.
            let is_rule =
                !line.is_empty() && line.chars().all(|letter| matches!(letter, '-' | '=' | '+' | '|' | ' ' | '`' | '~'));
            if !is_rule {
                text.push_str(if line.starts_with(['#', '`', '~']) { "\\" } else { "" });
                text.push_str(line);
                text.push('\n');
            }
        }
        text.push('\n');
    }
    text
}

/// Reads a page.
fn pieces(source: &str) -> Vec<Piece> {
    let mut page = Page::default();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let Some(request) = line.strip_prefix(['.', '\'']) else {
            page.line(&plain(line));
            continue;
        };
        let request = request.trim();
        let (name, rest) = request.split_once([' ', '\t']).unwrap_or((request, ""));
        match name {
            // A macro's own lines are no text.
            "de" | "de1" => while lines.next().is_some_and(|line| line != "..") {},
            "SH" | "SS" => {
                let words = if rest.is_empty() { lines.next().unwrap_or_default() } else { rest };
                page.heading(usize::from(name == "SS"), plain(words).trim_matches('"').to_string());
            }
            "PP" | "P" | "LP" | "sp" | "IP" => page.paragraph(),
            "TP" => {
                let term = lines.next().unwrap_or_default();
                let term = [".B ", ".I "].iter().find_map(|font| term.strip_prefix(font)).unwrap_or(term);
                page.term(plain(term).trim_matches('"').to_string());
            }
            "RS" => page.indent(true),
            "INDENT" => page.indent(false),
            "RE" | "UNINDENT" => page.outdent(),
            "B" | "I" | "BR" | "IR" | "BI" | "RB" => page.line(&plain(rest).replace('"', "")),
            _ => {}
        }
    }
    page.paragraph();
    let is_worth = |piece: &Piece| match piece.headings.len() {
        0 => false,
        1 | 2 => true,
        _ => !piece.text.trim().is_empty(),
    };
    page.pieces.into_iter().filter(is_worth).collect()
}

/// A page as far as it is read.
#[derive(Default)]
struct Page {
    pieces: Vec<Piece>,
    paragraph: String,
    depth: usize,
    /// The entry that is open: how deep what belongs to it stands, and the piece that goes on after it.
    entry: Option<(usize, usize)>,
    /// The piece that text goes to.
    at: usize,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.paragraph.push_str(text);
        self.paragraph.push('\n');
    }

    fn paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        if let Some(piece) = self.pieces.get_mut(self.at).filter(|_| !paragraph.trim().is_empty()) {
            piece.text.push_str(&paragraph);
            piece.text.push('\n');
        }
    }

    fn heading(&mut self, level: usize, words: String) {
        self.paragraph();
        (self.depth, self.entry) = (0, None);
        let above = self.pieces.last().map(|piece| piece.headings.iter().take(level).cloned().collect()).unwrap_or_default();
        self.begin(above, words);
    }

    /// An entry of a list, if it stands in no other entry.
    fn term(&mut self, words: String) {
        if self.entry.is_some_and(|(depth, _)| self.depth > depth) || words.trim().is_empty() {
            self.paragraph();
            self.line(&words);
            return;
        }
        self.paragraph();
        let parent = self.entry.map_or(self.at, |(_, parent)| parent);
        let above = self.pieces.get(parent).map(|piece| piece.headings.clone()).unwrap_or_default();
        self.entry = Some((self.depth, parent));
        self.begin(above, words.split_whitespace().collect::<Vec<_>>().join(" "));
    }

    /// More indented from here on; what stands directly before it is a term where `docbook2man` wrote it.
    fn indent(&mut self, is_of_term: bool) {
        if is_of_term && self.entry.is_none() && !self.paragraph.trim().is_empty() {
            let term = std::mem::take(&mut self.paragraph);
            self.depth += 1;
            self.term(term);
            return;
        }
        self.depth += 1;
    }

    fn outdent(&mut self) {
        self.paragraph();
        self.depth = self.depth.saturating_sub(1);
        if let Some((depth, parent)) = self.entry.filter(|(depth, _)| self.depth < *depth) {
            let _ = depth;
            self.entry = None;
            self.at = parent;
        }
    }

    fn begin(&mut self, mut headings: Vec<String>, words: String) {
        headings.push(words);
        self.at = self.pieces.len();
        self.pieces.push(Piece { headings, text: String::new() });
    }
}

/// A line without what only says how it looks.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('f' | 'm') => drop(name(&mut letters)),
            Some('(') => text.push_str(special(&letters.by_ref().take(2).collect::<String>())),
            Some('[') => text.push_str(special(&letters.by_ref().take_while(|letter| *letter != ']').collect::<String>())),
            Some('*') => text.push_str(special(&name(&mut letters))),
            Some('h' | 'v' | 'w') => {
                letters.next();
                letters.by_ref().take_while(|letter| *letter != '\'').for_each(drop);
            }
            Some('s') => drop(letters.by_ref().nth(1)),
            Some('e' | '\\') => text.push('\\'),
            Some('-') => text.push('-'),
            Some(' ' | '~' | '0') => text.push(' '),
            Some('"') => break,
            _ => {}
        }
    }
    text
}

/// A name as it is written behind `\f` or `\*`: a letter, two behind `(`, or what stands in brackets.
fn name(letters: &mut std::str::Chars<'_>) -> String {
    match letters.next() {
        Some('(') => letters.by_ref().take(2).collect(),
        Some('[') => letters.by_ref().take_while(|letter| *letter != ']').collect(),
        letter => letter.into_iter().collect(),
    }
}

/// What stands for itself by a name.
fn special(name: &str) -> &'static str {
    match name {
        "aq" | "Aq" | "cq" | "oq" => "'",
        "lq" | "rq" | "dq" => "\"",
        "bu" => "*",
        "em" | "en" | "hy" => "-",
        "ti" => "~",
        "ha" => "^",
        "rs" => "\\",
        "->" => "->",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(String, String)> {
        pieces(source).into_iter().map(|piece| (piece.headings.join(" / "), piece.text.trim().to_string())).collect()
    }

    fn pair(headings: &str, text: &str) -> (String, String) {
        (headings.into(), text.into())
    }

    #[test]
    fn entries_of_docbook_are_pieces_and_what_is_in_them_is_not() {
        let source = ".SH \"OPTIONS\"\n.PP\nThey are\\&.\n.PP\n\\fIUnit=\\fR,\n\\fIB=\\fR\n.RS 4\nWhat it\\*(Aqs for\\&.\n.sp\n.RS 4\n\\(bu\nOne\n.RE\n.RE\n\
                      .PP\nAfter\\&.\n.SS \"More\"\nText\n";
        let expected = [pair("OPTIONS", "They are.\n\nAfter."), pair("OPTIONS / Unit=, B=", "What it's for.\n\n*\nOne")];
        assert_eq!(found(source), [expected.as_slice(), &[pair("OPTIONS / More", "Text")]].concat());
    }

    #[test]
    fn entries_of_restructured_text_end_where_the_next_begins() {
        let source = ".de1 X\nno text\n..\n.SH SUB\n.INDENT 0.0\n.TP\n.B cancel <path>\nEnds it.\n.INDENT 7.0\n.TP\n.B \\-q\nquiet\n.UNINDENT\n\
                      .TP\n.B status\nTells.\n.UNINDENT\n.sp\nLast.\n";
        let expected =
            [pair("SUB", "Last."), pair("SUB / cancel <path>", "Ends it.\n\n-q\nquiet"), pair("SUB / status", "Tells.")];
        assert_eq!(found(source), expected);
    }

    #[test]
    fn no_line_of_a_text_becomes_a_heading() {
        let piece = Piece { headings: vec!["A".into()], text: "# no\nyes\n---\n".into() };
        assert_eq!(markdown("p(1)", &[piece]), "# p(1)\n\n## A\n\n\\# no\nyes\n\n");
    }
}
