//! What stands under the cursor, explained.

use std::fmt::Write as _;

use seed_spec::diagnostic::{Code, Diagnostic};
use seed_spec::shape::Shape;
use seed_spec::tree::NodeKind;
use seed_spec::{FileId, RoleInstance, Span};

use crate::Snapshot;
use crate::describe;
use crate::explanations::explanation;
use crate::interpolation;
use crate::locate::{self, Located};
use crate::names::{self, Name};
use crate::place::{Place, RoleTypes, RoleWords};

/// An explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// What it explains.
    pub span: Span,
    /// The explanation, Markdown.
    pub text: String,
}

/// Explains what stands at an offset of the spec's text. None where there is nothing to say, or where the text
/// has changed since it was analysed.
pub fn hover(snapshot: &Snapshot, offset: usize) -> Option<Hover> {
    let mut parts = Vec::new();
    let mut span = None;
    if let Some((at, text)) = mistakes(snapshot, offset) {
        span = Some(at);
        parts.push(text);
    }
    if let Some((at, text)) = snapshot.is_current().then(|| thing(snapshot, offset)).flatten() {
        span = Some(at);
        parts.push(text);
    }
    Some(Hover { span: span?, text: parts.join("\n\n---\n\n") })
}

/// The mistakes at an offset: the message and help of each, and once for each code its explanation.
fn mistakes(snapshot: &Snapshot, offset: usize) -> Option<(Span, String)> {
    if !snapshot.is_current() {
        return None;
    }
    let touches = |one: &&Diagnostic| one.span.file == FileId(0) && one.span.touches(offset);
    let here: Vec<&Diagnostic> = snapshot.analysis.diagnostics.iter().filter(touches).collect();
    let mut codes: Vec<Code> = Vec::new();
    here.iter().for_each(|one| {
        if !codes.contains(&one.code) {
            codes.push(one.code);
        }
    });
    let text = codes.iter().map(|code| {
        let messages = here.iter().filter(|one| one.code == *code).map(|one| {
            let help = one.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
            format!("**{}**: {}{help}", code.name(), one.message)
        });
        let explained = explanation(code.name()).unwrap_or(code.about()).to_string();
        messages.chain([explained]).collect::<Vec<_>>().join("\n\n")
    });
    Some((here.first()?.span, text.collect::<Vec<_>>().join("\n\n")))
}

fn thing(snapshot: &Snapshot, offset: usize) -> Option<(Span, String)> {
    if let Some(occurrence) = names::at(snapshot, FileId(0), offset)
        && !occurrence.definition
    {
        let text = match &occurrence.name {
            Name::Role(name) => role(snapshot, name)?,
            Name::Var(name) => variable(snapshot, name)?,
        };
        return Some((occurrence.span, text));
    }
    let spec = snapshot.spec()?;
    let located = locate::locate(spec, offset)?;
    let (key, node) = located.nodes.last().copied()?;
    if located.on_key {
        let span = spec.tree.node(key?).span;
        return Some((span, on_key(snapshot, &located)?));
    }
    let NodeKind::Scalar(text, _) = &spec.tree.node(node).kind else { return None };
    let span = spec.tree.node(node).span;
    Some((span, on_value(snapshot, &located, text, span)?))
}

fn on_key(snapshot: &Snapshot, located: &Located) -> Option<String> {
    let key = located.key()?;
    match located.outer_place(snapshot.source.path(), &snapshot.catalog) {
        Place::Roles => role(snapshot, key),
        outer => match outer.field(key) {
            Some(field) => Some(format!("**{key}**\n\n{}", describe::field(&field))),
            None if located.path.len() == 2 && located.path[0].key() == Some("vars") => variable(snapshot, key),
            None => None,
        },
    }
}

fn on_value(snapshot: &Snapshot, located: &Located, text: &str, span: Span) -> Option<String> {
    match located.place(snapshot.source.path(), &snapshot.catalog) {
        Place::RoleType => role_type(snapshot, text),
        Place::Kind(collection) => role_type(snapshot, &format!("{collection}.{text}")),
        Place::Value(shape) => {
            let word = match &shape {
                Shape::Choice(words) => words.iter().find(|(word, _)| word == text).filter(|(_, doc)| !doc.is_empty()),
                _ => None,
            };
            match word {
                Some((word, doc)) => Some(format!("`{word}`: {doc}")),
                None => {
                    let instances = instances_around(snapshot, span);
                    resolved(snapshot, &instances, span, &shape).map(|value| format!("→ `{value}`"))
                }
            }
        }
        _ => None,
    }
}

/// What a value is once its `${…}` are resolved, where that differs from what is written. `instances` are those of
/// the entry that it stands in.
pub(crate) fn resolved(snapshot: &Snapshot, instances: &[&RoleInstance], span: Span, shape: &Shape) -> Option<String> {
    let written = snapshot.slice(span);
    if interpolation::all(snapshot.file(span.file), span).is_empty() {
        return None;
    }
    let mut values = Vec::new();
    for (_, value) in instances.iter().flat_map(|role| &role.params) {
        find(value, span, &mut values);
    }
    // In a loop the same text stands for several values.
    let (first, rest) = values.split_first()?;
    if rest.iter().any(|other| other.data != first.data) {
        return None;
    }
    describe::value(first, shape).filter(|value| value != written)
}

/// The values that were written at a span, or are used by an expression within it.
fn find<'a>(value: &'a seed_spec::Value, span: Span, found: &mut Vec<&'a seed_spec::Value>) {
    if value.span.file == span.file && span.start <= value.span.start && value.span.end <= span.end {
        found.push(value);
        return;
    }
    match &value.data {
        seed_spec::Data::List(items) => items.iter().for_each(|item| find(item, span, found)),
        seed_spec::Data::Map(entries) => entries.iter().for_each(|(_, value)| find(value, span, found)),
        _ => {}
    }
}

/// The instances of the entry around a span.
fn instances_around(snapshot: &Snapshot, span: Span) -> Vec<&RoleInstance> {
    let Some(document) = snapshot.analysis.document(span.file) else { return Vec::new() };
    let around = |entry: &seed_spec::analysis::Entry| entry.span.start <= span.start && span.end <= entry.span.end;
    let Some(entry) = document.entries.iter().position(around) else { return Vec::new() };
    snapshot.analysis.roles.iter().filter(|role| role.entry == (span.file, entry)).collect()
}

/// A role: its why, its type, what it offers.
fn role(snapshot: &Snapshot, name: &str) -> Option<String> {
    let Some(entry) = snapshot.beside(FileId(0)).flat_map(|document| &document.entries).find(|entry| *entry.name == *name) else {
        return parameter(snapshot, name);
    };
    let is = entry.is.as_ref().map_or("?", |(is, _)| is);
    let mut text = format!("**{name}**: `{is}`");
    if let Some(info) = entry.info.as_ref().filter(|info| info.name != is) {
        let _ = write!(text, " → `{}`", info.name);
    }
    if let Some(why) = &entry.why {
        let _ = write!(text, "\n\n{why}");
    }
    let words = RoleWords { is: Some(is.to_string()), ..RoleWords::default() };
    let types = match &entry.info {
        Some(info) => vec![info.clone()],
        None => RoleTypes::of(&words, &snapshot.catalog).types,
    };
    if let [info] = types.as_slice() {
        let _ = write!(text, "\n\n{}", describe::summary(&info.about));
        let outputs: Vec<_> = info.outputs.iter().map(|output| format!("`{name}.{}`", output.name)).collect();
        if !outputs.is_empty() {
            let _ = write!(text, "\n\nOffers {}.", outputs.join(", "));
        }
    }
    Some(text)
}

/// A parameter of the composite role whose files are read.
fn parameter(snapshot: &Snapshot, name: &str) -> Option<String> {
    let document = snapshot.beside(FileId(0)).find(|document| names::declared(document, "parameters", name).is_some())?;
    let info = snapshot
        .analysis
        .catalogs
        .iter()
        .flat_map(|catalog| catalog.types())
        .find(|info| info.home.as_ref().is_some_and(|home| home.role == document.absolute))?;
    let field = info.record.field(name)?;
    Some(format!("**{name}**: a parameter\n\n{}", describe::field(field)))
}

fn variable(snapshot: &Snapshot, name: &str) -> Option<String> {
    let var = snapshot.analysis.vars.iter().find(|var| *var.name == *name)?;
    let value = describe::value(&var.value, &Shape::ANY)?;
    Some(format!("**vars.{name}** = `{value}`"))
}

fn role_type(snapshot: &Snapshot, name: &str) -> Option<String> {
    if let Some(info) = snapshot.catalog.get(name) {
        return Some(describe::role_type(info));
    }
    let types: Vec<_> = snapshot.catalog.of_collection(name).map(|info| &**info).collect();
    (!types.is_empty()).then(|| describe::collection(name, &types))
}

#[cfg(test)]
mod tests;
