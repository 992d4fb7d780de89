//! Keys: those of the spec, of every role, of the role's type, and of mappings inside.

use std::ops::Range;

use seed_spec::shape::{Field, Shape};

use super::{Completion, Kind, Typing, replace};
use crate::place::{Place, Segment};
use crate::{describe, language};

/// The keys that are not written yet. `colon` tells that one follows the cursor already.
pub fn completions(typing: &Typing<'_>, range: Range<usize>, colon: bool, flow: bool) -> Vec<Completion> {
    let typed = &typing.snapshot.source.text()[range.clone()];
    typing
        .place
        .fields()
        .into_iter()
        .filter(|field| field.name == typed || !typing.cursor.siblings.contains(&field.name))
        // It may come by a merge key, and then is not among the lines around.
        .filter(|field| field.name == typed || field.name != "is" || typing.cursor.words.is.is_none())
        .map(|field| completion(typing, &field, &range, colon, flow))
        .collect()
}

fn completion(typing: &Typing<'_>, field: &Field, range: &Range<usize>, colon: bool, flow: bool) -> Completion {
    let text = match (colon, flow || !is_block(typing, field)) {
        (true, _) => field.name.clone(),
        (false, true) => format!("{}: ", field.name),
        (false, false) => format!("{}:", field.name),
    };
    let common = matches!(typing.place, Place::Role(_)) && language::ROLE.field(&field.name).is_some();
    Completion {
        label: field.name.clone(),
        kind: Kind::Key,
        detail: if field.required { "required".into() } else { String::new() },
        doc: describe::field(field),
        edit: replace(range, text),
        indent: None,
        filter: None,
        rank: match (field.required, common) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => 2,
        },
    }
}

/// Whether the value of a key is usually written on the lines below it.
fn is_block(typing: &Typing<'_>, field: &Field) -> bool {
    fn holds_keys(shape: &Shape) -> bool {
        match shape {
            Shape::Record(_) | Shape::Map(_) => true,
            Shape::List(inner) => holds_keys(inner),
            Shape::OneOf(shapes) => shapes.iter().all(holds_keys),
            _ => false,
        }
    }
    let segment = Segment::Key(field.name.clone());
    match typing.place.inside(&segment, &typing.cursor.words, &typing.snapshot.catalog) {
        Place::Roles => true,
        _ => holds_keys(&field.shape),
    }
}
