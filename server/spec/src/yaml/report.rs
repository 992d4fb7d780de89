//! Errors of syntax as they are told: where, in which words, with which fix.

use std::ops::Range;

use granit_parser::ErrorKind;

use super::builder::Stop;
use super::lint::{Slip, SlipKind};
use super::message::words;
use super::repair::Reading;
use super::{MAX_DEPTH, MAX_NODES};
use crate::diagnostic::{Code, Diagnostic, Edit, Fix};

impl Reading<'_> {
    /// The place that a person would call the place of the error.
    pub(super) fn error_place(&self, at: usize, kind: &ErrorKind) -> usize {
        match kind {
            // Found at the end of the line before the tab.
            ErrorKind::TabInPlainScalar => {
                let line = self.source.line_of(at);
                let tabbed = |line: &usize| {
                    let text = self.source.line(*line);
                    text[..text.len() - text.trim_start_matches([' ', '\t']).len()].contains('\t')
                };
                (line..self.source.line_count()).take(3).find(tabbed).map_or(at, |line| self.source.line_start(line))
            }
            _ => at,
        }
    }

    /// Tells of an error, once, at its place.
    pub(super) fn report(&mut self, stop: &Stop) {
        let diagnostic = match stop {
            Stop::TooMany => {
                let message = format!("the file has more than {MAX_NODES} values; the rest is not read");
                Diagnostic::error(Code::TooLarge, self.span(0..0), message)
            }
            Stop::TooDeep(at) => {
                let message = format!("lists and mappings are nested deeper than {MAX_DEPTH} levels");
                if self.diagnostics.iter().any(|known| known.code == Code::TooLarge) {
                    return;
                }
                Diagnostic::error(Code::TooLarge, self.span(self.visible(*at)), message)
            }
            Stop::Document(at) => Diagnostic::error(
                Code::SeveralDocuments,
                self.span(self.visible(*at)),
                "a second YAML document begins here; a spec is a single document",
            )
            .help("move it to its own file, and add that file to `include:`"),
            Stop::Broken(at, kind) => {
                let at = self.error_place(*at, kind);
                let line = self.source.line_of(at);
                let behind =
                    self.source.text().get(self.source.line_start(line)..at).is_some_and(|front| !front.trim().is_empty());
                let (message, help) = words(kind, self.source.line(line), behind);
                let mut range = self.visible(at);
                if self.source.text()[range.clone()].starts_with(':') {
                    // The key, not its colon.
                    let front = &self.source.text()[self.source.line_start(self.source.line_of(range.start))..range.start];
                    range.start -= front.len() - front.rfind([' ', '\t']).map_or(0, |blank| blank + 1);
                }
                let mut diagnostic = Diagnostic::error(Code::Syntax, self.span(range), message);
                diagnostic.help = help.map(str::to_owned);
                diagnostic
            }
        };
        self.diagnostics.push(diagnostic);
    }

    /// What is told of a mistake that a line alone shows.
    pub(super) fn slipped(&self, line: usize, slip: &Slip) -> Diagnostic {
        let text = self.source.line(self.source.line_of(line));
        let word = || text[slip.at..slip.insert_at].trim_end_matches(':');
        let (message, end, title) = match slip.kind {
            SlipKind::Quote => {
                ("this quote is not closed".to_owned(), text.trim_end().len(), format!("Put `{}` at the end", slip.insert))
            }
            SlipKind::Bracket => {
                let open = &text[slip.at..slip.at + 1];
                (format!("this `{open}` is not closed"), text.trim_end().len(), format!("Put `{}` at the end", slip.insert))
            }
            SlipKind::BareVariable => {
                let message =
                    "inside brackets and braces a `${…}` needs quotes, because `{` and `}` have a meaning in YAML".to_owned();
                (message, slip.insert_at, "Put it in quotes".to_owned())
            }
            SlipKind::Colon => (format!("a `:` is missing after `{}`", word()), slip.insert_at, "Add `:` after it".to_owned()),
            SlipKind::Blank => {
                (format!("a space is missing after `{}:`", word()), slip.insert_at, "Add a space after it".to_owned())
            }
        };
        let span = self.span(line + slip.at..line + end.max(slip.at + 1));
        let edit = match slip.kind {
            SlipKind::BareVariable => Edit { span, text: slip.insert.clone() },
            _ => Edit { span: self.span(line + slip.insert_at..line + slip.insert_at), text: slip.insert.clone() },
        };
        let mut diagnostic = Diagnostic::error(Code::Syntax, span, message);
        diagnostic.fixes.push(Fix { title, edits: vec![edit] });
        diagnostic
    }

    /// The word at an offset, or the last character before it that can be seen.
    fn visible(&self, at: usize) -> Range<usize> {
        let text = self.source.text();
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let line_end = text[at..].find(['\n', '\r']).map_or(text.len(), |end| at + end);
        let rest = &text[at..line_end];
        let blanks = rest.len() - rest.trim_start().len();
        if blanks < rest.len() {
            let word = rest[blanks..].find(char::is_whitespace).map_or(line_end, |end| at + blanks + end);
            return at + blanks..word;
        }
        let before = text[..at].trim_end();
        let start = before.char_indices().next_back().map_or(0, |(start, _)| start);
        start..before.len()
    }
}
