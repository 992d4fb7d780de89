//! Whole new roles: a name, the type, and the keys that it requires.

use std::ops::Range;

use seed_spec::diagnostic::Edit;
use seed_spec::shape::{Shape, TypeInfo};

use super::{Completion, Kind, Typing, replace};
use crate::describe;

/// A new role of each type. `mend` is how the line is going to be indented.
pub fn completions(typing: &Typing<'_>, range: Range<usize>, mend: Option<&Edit>) -> Vec<Completion> {
    let source = &typing.snapshot.source;
    let line = source.line_start(source.line_of(range.start));
    let column = mend.map_or(range.start - line, |mend| mend.text.len());
    let typed = &source.text()[range.clone()];
    let inner = " ".repeat(column + 2);
    typing
        .snapshot
        .catalog
        .types()
        .map(|info| {
            let name = if typed.is_empty() { free_name(info, &typing.cursor.siblings) } else { typed.to_string() };
            let mut text = format!("{name}:\n{inner}is: {}", info.name);
            for field in info.record.fields.iter().filter(|field| field.required) {
                text.push_str(&format!("\n{inner}{}:{}", field.name, placeholder(&field.shape)));
            }
            Completion {
                label: format!("new {}", info.name),
                kind: Kind::NewRole,
                detail: String::new(),
                doc: describe::role_type(info),
                edit: replace(&range, text),
                indent: None,
                filter: Some(if typed.is_empty() { info.name.to_string() } else { format!("{typed} {}", info.name) }),
                rank: 3,
            }
        })
        .collect()
}

/// A name that no role has yet, after the role type.
fn free_name(info: &TypeInfo, taken: &[String]) -> String {
    let base = info.kind();
    std::iter::once(base.to_string())
        .chain((2..).map(|number| format!("{base}{number}")))
        .find(|name| !taken.contains(name))
        .unwrap_or_else(|| base.to_string())
}

/// What stands behind a required key until the user fills it in.
fn placeholder(shape: &Shape) -> &'static str {
    match shape {
        Shape::List(_) => " []",
        Shape::Map(_) | Shape::Record(_) => " {}",
        _ => "",
    }
}
