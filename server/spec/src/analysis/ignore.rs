//! `# seed: ignore[code]` comments: what they cover, and what they silence.

use super::Document;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::nearest::nearest;
use crate::text::Span;
use crate::tree::NodeKind;

/// Codes that only crates above this one find; whether a comment silences one of them is not known here.
const FOUND_LATER: [Code; 4] = [Code::Conflict, Code::TooSmall, Code::MissingTool, Code::Untrusted];

/// A comment that silences diagnostics.
#[derive(Clone, Debug)]
pub struct Ignore {
    /// The comment.
    pub span: Span,
    /// The codes it names.
    pub codes: Vec<Code>,
    /// What it holds for: its line, or the role or line below it.
    pub covers: Span,
}

impl Ignore {
    /// Whether it silences a diagnostic.
    pub fn silences(&self, diagnostic: &Diagnostic) -> bool {
        let place = diagnostic.span;
        diagnostic.can_be_ignored()
            && place.file == self.covers.file
            && (self.covers.start..=self.covers.end).contains(&place.start)
            && self.codes.contains(&diagnostic.code)
    }
}

/// Finds the comments of a file. Codes that are not known are told.
pub(super) fn find(document: &Document, diagnostics: &mut Vec<Diagnostic>) -> Vec<Ignore> {
    const MARK: &str = "ignore[";
    /// More comments than these in one file are not read.
    const MOST: usize = 1_000;
    let source = &document.source;
    let text = source.text();
    let mut ignores = Vec::new();
    for (at, _) in text.match_indices(MARK) {
        if ignores.len() >= MOST {
            break;
        }
        let line = source.line_of(at);
        let start = source.line_start(line);
        let front = text[start..at].trim_end();
        let Some(hash) = front.strip_suffix("seed:").map(str::trim_end).and_then(|front| front.strip_suffix('#')) else {
            continue;
        };
        if !hash.is_empty() && !hash.ends_with([' ', '\t']) {
            continue;
        }
        let comment = start + hash.len();
        if in_scalar(document, comment) {
            continue;
        }
        let inside = at + MARK.len();
        let end = start + source.line(line).len();
        let Some(close) = text[inside..end].find(']').map(|close| inside + close) else { continue };
        let mut codes = Vec::new();
        let mut from = inside;
        for name in text[inside..close].split(',') {
            let blanks = name.len() - name.trim_start().len();
            let span = Span::new(document.file, from + blanks, from + blanks + name.trim().len());
            from += name.len() + 1;
            match Code::ALL.iter().find(|code| code.name() == name.trim()) {
                Some(code) => codes.push(*code),
                None => {
                    let message = format!("`{}` is not the code of a diagnostic", name.trim());
                    let diagnostic = Diagnostic::warning(Code::UnusedIgnore, span, message);
                    diagnostics.push(match nearest(name.trim(), Code::ALL.iter().map(|code| code.name())) {
                        Some(near) => {
                            diagnostic.help(format!("did you mean `{near}`?")).fix(format!("Change to `{near}`"), span, near)
                        }
                        None => diagnostic,
                    });
                }
            }
        }
        let covers = match hash.trim().is_empty() {
            true => below(document, line),
            false => Span::new(document.file, start, end),
        };
        ignores.push(Ignore { span: Span::new(document.file, comment, close + 1), codes, covers });
    }
    ignores
}

/// How far below a comment what it holds for may stand.
const REACH: usize = 200;

/// The role or the line that follows a comment.
fn below(document: &Document, line: usize) -> Span {
    let source = &document.source;
    let is_content = |line: &usize| !matches!(source.line(*line).trim_start().as_bytes().first(), None | Some(b'#'));
    let Some(line) = (line + 1..source.line_count()).take(REACH).find(is_content) else { return Span::new(document.file, 0, 0) };
    let range = source.line_start(line)..source.line_start(line) + source.line(line).len();
    let begins_here = |span: Span| range.contains(&(span.start as usize));
    match document.entries.iter().find(|entry| begins_here(entry.name_span)) {
        Some(entry) => entry.span,
        None => Span::new(document.file, range.start, range.end),
    }
}

/// Whether a place is within a scalar, where `#` begins no comment.
fn in_scalar(document: &Document, at: usize) -> bool {
    // Nodes stand in the order of the text, and nothing stands within a scalar.
    let nodes = &document.tree.nodes;
    let behind = nodes.partition_point(|node| (node.span.start as usize) < at);
    nodes[..behind].last().is_some_and(|node| matches!(node.kind, NodeKind::Scalar(..)) && at < node.span.end as usize)
}

/// Takes out what is silenced, and tells of comments that silence nothing.
pub(super) fn apply(ignores: &[Ignore], diagnostics: &mut Vec<Diagnostic>) {
    let mut used = vec![false; ignores.len()];
    diagnostics.retain(|diagnostic| {
        let mut silenced = false;
        for (ignore, used) in ignores.iter().zip(&mut used) {
            if ignore.silences(diagnostic) {
                *used = true;
                silenced = true;
            }
        }
        !silenced
    });
    for (ignore, _) in ignores.iter().zip(used).filter(|(_, used)| !used) {
        let known_here = ignore.codes.iter().all(|code| !FOUND_LATER.contains(code));
        if known_here && !ignore.codes.is_empty() {
            let names: Vec<&str> = ignore.codes.iter().map(|code| code.name()).collect();
            let kept = diagnostics.iter().any(|diagnostic| {
                let place = diagnostic.span;
                let here = place.file == ignore.covers.file && (ignore.covers.start..=ignore.covers.end).contains(&place.start);
                here && ignore.codes.contains(&diagnostic.code)
            });
            let message = match kept {
                true => format!("{} is an error and cannot be ignored", names.join(" or ")),
                false => format!("there is no {} here to ignore", names.join(" or ")),
            };
            let diagnostic =
                Diagnostic { severity: Severity::Info, ..Diagnostic::warning(Code::UnusedIgnore, ignore.span, message) };
            diagnostics.push(diagnostic.fix("Remove the comment", ignore.span, ""));
        }
    }
}
