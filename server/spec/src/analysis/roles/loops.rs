//! What a loop is made for.

use std::collections::HashMap;
use std::sync::Arc;

use crate::analysis::reader::{At, Each, EachValue, Reader, Resolved};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::words;
use crate::shape::Shape;
use crate::tree::NodeKind;

/// The items of a loop, with their keys; none if they could not be read, which was told.
pub(super) fn items(reader: &mut Reader<'_>, at: At) -> Option<Vec<Each>> {
    let found = match reader.resolve(at) {
        Resolved::Collection(found) => found,
        Resolved::Broken => return None,
        Resolved::Typed { typed, at } => {
            if matches!(typed.value.data, crate::value::Data::Null) {
                return Some(Vec::new());
            }
            let Some(items) = typed.items() else {
                reader.misfit(at, &typed.shape, &Shape::List(Box::new(Shape::ANY)));
                return None;
            };
            let mut each: Vec<Each> = Vec::with_capacity(items.len());
            for (key, typed) in items {
                let twice = each.iter().any(|other| other.key == key);
                if twice || !is_key(&key) {
                    let what = if twice { "appears twice in this loop" } else { "is not a valid key for a loop" };
                    reader.error(at, Code::BadName, format!("`{key}` {what}"));
                } else {
                    each.push(Each { key, value: EachValue::Typed(typed) });
                }
            }
            return Some(each);
        }
        Resolved::Unknown { shape, at } => {
            let item = match &shape {
                Shape::List(_) | Shape::Map(_) => crate::analysis::composite::typed::inner(&shape, None).clone(),
                Shape::Any { .. } | Shape::Record(_) | Shape::OneOf(_) => Shape::ANY,
                other => {
                    reader.misfit(at, other, &Shape::List(Box::new(Shape::ANY)));
                    return None;
                }
            };
            return Some(vec![Each { key: "".into(), value: EachValue::Unknown(item) }]);
        }
        Resolved::Scalar { at, .. } | Resolved::Output { at, .. } | Resolved::Template { at, .. } => {
            let found = words(reader.world.tree(at.file), at.node);
            reader.error(at, Code::WrongType, format!("`for_each` must be a list or a mapping, found {found}"));
            return None;
        }
    };
    let tree = reader.world.tree(found.file);
    let mut all: Vec<(Arc<str>, At, At)> = Vec::new();
    match &tree.node(found.node).kind {
        NodeKind::List(list) => {
            for (number, item) in list.iter().enumerate() {
                let place = Reader::below(found, *item);
                match reader.resolve(place) {
                    Resolved::Scalar { text, .. } => all.push((text, place, place)),
                    Resolved::Typed { typed, .. } => {
                        let key = match typed.parts().as_deref() {
                            Some([crate::value::Part::Text(text)]) => text.clone(),
                            _ => number.to_string().into(),
                        };
                        all.push((key, place, place));
                    }
                    Resolved::Collection(_) => all.push((number.to_string().into(), place, place)),
                    Resolved::Unknown { .. } => all.push((number.to_string().into(), place, place)),
                    _ => {}
                }
            }
        }
        _ => {
            for (key, value) in tree.pairs(found.node).iter() {
                let place = Reader::below(found, *key);
                if let Resolved::Scalar { text, .. } = reader.resolve(place) {
                    all.push((text, place, Reader::below(found, *value)));
                }
            }
        }
    }
    let mut seen: HashMap<Arc<str>, At> = HashMap::new();
    let mut items = Vec::with_capacity(all.len());
    for (key, place, value) in all {
        if !is_key(&key) {
            let diagnostic = Diagnostic::error(Code::BadName, reader.span(place), "this is not a valid key for a loop")
                .help("a key must not be empty, and cannot contain brackets or line breaks");
            reader.tell(place, diagnostic);
        } else if let Some(first) = seen.get(&key).copied() {
            let other = reader.span(first);
            let diagnostic =
                Diagnostic::error(Code::DuplicateKey, reader.span(place), format!("`{key}` appears twice in this loop"));
            reader.tell(place, diagnostic.related(other, "also defined here"));
        } else {
            seen.insert(key.clone(), place);
            items.push(Each { key, value: EachValue::At(value) });
        }
    }
    Some(items)
}

/// Whether a text can stand between the brackets of a role of a loop.
fn is_key(text: &str) -> bool {
    !text.is_empty() && !text.contains(['[', ']']) && !text.chars().any(char::is_control)
}
