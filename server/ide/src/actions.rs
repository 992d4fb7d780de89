//! What can be done where the cursor is: fix mistakes, silence them, apply, remove and inspect a role.

use std::ops::Range;

use seed_spec::diagnostic::{Code, Diagnostic, Edit};
use seed_spec::tree::{NodeKind, Style};
use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::lenses::{self, Job};
use crate::locate;

/// Something that can be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// How it is shown.
    pub title: String,
    /// What it does.
    pub does: Does,
    /// The mistake that it mends or silences: its number in [`seed_spec::Analysis::diagnostics`].
    pub mends: Option<usize>,
    /// Whether it is what most would want.
    pub preferred: bool,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    /// Changes the files of the spec.
    Edits(Vec<Edit>),
    /// Starts a job.
    Job(Job),
}

/// What can be done at a range of the spec's text.
pub fn actions(snapshot: &Snapshot, range: Range<usize>) -> Vec<Action> {
    let Some(spec) = snapshot.spec().filter(|_| snapshot.is_current()) else { return Vec::new() };
    let meets = |span: Span| span.file == FileId(0) && span.start as usize <= range.end && range.start <= span.end as usize;
    let mut actions = Vec::new();
    let mut silencing = Vec::new();
    for (number, diagnostic) in snapshot.analysis.diagnostics.iter().enumerate().filter(|(_, one)| meets(one.span)) {
        for (nth, fix) in diagnostic.fixes.iter().enumerate() {
            actions.push(Action {
                title: fix.title.clone(),
                does: Does::Edits(fix.edits.clone()),
                mends: Some(number),
                preferred: nth == 0 && diagnostic.fixes.len() == 1,
            });
        }
        silencing.extend(silence(snapshot, diagnostic).map(|edit| Action {
            title: format!("Silence `{}` here", diagnostic.code.name()),
            does: Does::Edits(vec![edit]),
            mends: Some(number),
            preferred: false,
        }));
    }
    actions.append(&mut silencing);
    for entry in spec.entries.iter().filter(|entry| meets(entry.span) || meets(entry.name_span)) {
        for (verb, what) in lenses::verbs() {
            actions.push(Action {
                title: format!("Seed: {verb} {}", entry.name),
                does: Does::Job(Job { what, roles: vec![entry.name.to_string()] }),
                mends: None,
                preferred: false,
            });
        }
    }
    actions
}

/// A comment at the end of the line that silences a diagnostic, if one may.
fn silence(snapshot: &Snapshot, diagnostic: &Diagnostic) -> Option<Edit> {
    if !diagnostic.can_be_ignored() || diagnostic.code == Code::UnusedIgnore {
        return None;
    }
    let source = &snapshot.source;
    let spec = snapshot.spec()?;
    let mut at = diagnostic.span.start as usize;
    // Inside a block of text a comment would be text: it goes to the key.
    if let Some(located) = locate::locate(spec, at)
        && let Some((key, node)) = located.nodes.last()
        && matches!(spec.tree.node(*node).kind, NodeKind::Scalar(_, Style::Block))
    {
        at = spec.tree.node(key.unwrap_or(*node)).span.start as usize;
    }
    let line = source.line_of(at);
    let (text, start) = (source.line(line), source.line_start(line));
    let code = diagnostic.code.name();
    const MARK: &str = "seed: ignore[";
    if let Some(list) = text.find(MARK).map(|mark| mark + MARK.len())
        && let Some(close) = text[list..].find(']').map(|close| list + close)
    {
        return Some(Edit { span: Span::new(FileId(0), start + close, start + close), text: format!(", {code}") });
    }
    let end = start + text.trim_end().len();
    Some(Edit { span: Span::new(FileId(0), end, start + text.len()), text: format!("  # {MARK}{code}]") })
}

#[cfg(test)]
mod tests;
