//! The inside of `${…}`: variables, outputs of roles, the environment.

use std::ops::Range;

use super::{Completion, Kind, Typing, known, replace};
use crate::describe;

/// What can stand between the braces.
pub fn completions(typing: &Typing<'_>, range: Range<usize>, closed: bool) -> Vec<Completion> {
    let snapshot = typing.snapshot;
    let mut found = Vec::new();
    let mut offer = |label: String, kind, detail: String, doc: &str, rank, closing: bool| {
        let text = if closing && !closed { format!("{label}}}") } else { label.clone() };
        found.push(Completion {
            edit: replace(&range, text),
            label,
            kind,
            detail,
            doc: doc.into(),
            indent: None,
            filter: None,
            rank,
        });
    };
    if typing.cursor.words.looped {
        offer("each.key".into(), Kind::Variable, "of the loop".into(), "", 0, true);
        offer("each.value".into(), Kind::Variable, "of the loop".into(), "", 0, true);
    }
    for (name, doc) in known::parameters(snapshot) {
        offer(name, Kind::Variable, "a parameter".into(), &doc, 0, true);
    }
    for name in known::vars(snapshot) {
        let value = snapshot.analysis.vars.iter().find(|var| *var.name == *name).map(|var| &var.value);
        let value = value.and_then(|value| describe::value(value, &seed_spec::Shape::ANY)).unwrap_or_default();
        offer(format!("vars.{name}"), Kind::Variable, value, "", 0, true);
    }
    for role in known::roles(snapshot).iter().filter(|role| Some(role.name.as_str()) != typing.role()) {
        for (output, info) in role.outputs(snapshot) {
            offer(format!("{}.{output}", role.name), Kind::Output, role.is.clone(), &info.doc, 1, true);
        }
    }
    // Its names are the user's own; what they hold is not looked at.
    offer("env.".into(), Kind::Variable, "an environment variable".into(), "", 2, false);
    found
}
