//! Values that were read by the type of a parameter, used where another shape may be wanted.

use std::sync::Arc;

use super::super::reader::{At, Reader};
use super::super::typed_scalar::short;
use crate::diagnostic::{Code, Diagnostic};
use crate::shape::{RefKind, Shape};
use crate::unit::{Duration, Size};
use crate::value::{Data, Part, Value};

/// A value with the shape that it was read by.
#[derive(Clone, Debug)]
pub(in super::super) struct Typed {
    pub value: Value,
    pub shape: Arc<Shape>,
}

impl Typed {
    /// The value of a key or place within it.
    pub fn get(&self, key: &str) -> Option<Typed> {
        let value = match &self.value.data {
            Data::List(items) => items.get(key.parse::<usize>().ok()?)?,
            _ => self.value.get(key)?,
        };
        let shape = inner(&self.shape, Some(key)).clone();
        Some(Typed { value: value.clone(), shape: shape.into() })
    }

    /// What a loop over it gives: keys and values. None if it is neither list nor mapping.
    pub fn items(&self) -> Option<Vec<(Arc<str>, Arc<Typed>)>> {
        let typed = |value: &Value, key| Arc::new(Typed { value: value.clone(), shape: inner(&self.shape, key).clone().into() });
        match &self.value.data {
            Data::List(items) => {
                let key = |(number, item): (usize, &Value)| {
                    let shape = inner(&self.shape, None);
                    let text = text(&item.data, shape).unwrap_or_else(|| number.to_string());
                    (text.into(), typed(item, None))
                };
                Some(items.iter().enumerate().map(key).collect())
            }
            Data::Map(entries) => Some(entries.iter().map(|(key, value)| (key.clone(), typed(value, Some(key)))).collect()),
            _ => None,
        }
    }

    /// The pieces of text that it stands for; none if it is no single value.
    pub fn parts(&self) -> Option<Vec<Part>> {
        match &self.value.data {
            Data::Output(output) => Some(vec![Part::Output(output.clone())]),
            Data::Template(parts) => Some(parts.clone()),
            data => text(data, &self.shape).map(|text| vec![Part::Text(text.into())]),
        }
    }
}

/// A single value as text, in the notation of the spec.
fn text(data: &Data, shape: &Shape) -> Option<String> {
    Some(match data {
        Data::Bool(value) => value.to_string(),
        Data::Int(number) => match shape {
            Shape::Size => Size(u64::try_from(*number).unwrap_or_default()).to_string(),
            Shape::Duration => Duration(u64::try_from(*number).unwrap_or_default()).to_string(),
            _ => number.to_string(),
        },
        Data::Float(number) => number.to_string(),
        Data::Text(text) => text.to_string(),
        _ => return None,
    })
}

/// The shape of what a list or mapping holds.
pub(in super::super) fn inner<'s>(shape: &'s Shape, key: Option<&str>) -> &'s Shape {
    match shape {
        Shape::List(inner) | Shape::Map(inner) => inner,
        Shape::Record(record) => key.and_then(|key| record.field(key)).map_or(&Shape::ANY, |field| &field.shape),
        Shape::OneOf(shapes) => {
            let holds = |shape: &&Shape| matches!(shape, Shape::List(_) | Shape::Map(_) | Shape::Record(_));
            shapes.iter().find(holds).map_or(&Shape::ANY, |shape| inner(shape, key))
        }
        _ => &Shape::ANY,
    }
}

fn is_text(shape: &Shape) -> bool {
    matches!(shape, Shape::Text { .. } | Shape::Any { .. })
}

/// Whether values that were read as `declared` can stand where `wanted` is. What only a value itself can tell is let
/// through here, and told where it is used.
pub(in super::super) fn accepts(declared: &Shape, wanted: &Shape) -> bool {
    match (declared, wanted) {
        (Shape::Text { secret: true }, Shape::Any { secret }) => *secret,
        (Shape::Any { .. }, _) | (_, Shape::Any { .. }) => true,
        (Shape::OneOf(shapes), wanted) => shapes.iter().any(|declared| accepts(declared, wanted)),
        (declared, Shape::OneOf(shapes)) => shapes.iter().any(|wanted| accepts(declared, wanted)),
        (Shape::Text { secret }, Shape::Text { secret: takes }) => *takes || !*secret,
        (Shape::Text { secret }, Shape::Choice(_) | Shape::Uuid) => !*secret,
        (Shape::Choice(words), Shape::Choice(known)) => {
            words.iter().all(|(word, _)| known.iter().any(|(other, _)| other == word))
        }
        (Shape::Choice(_) | Shape::Mode | Shape::Uuid | Shape::Path, Shape::Text { .. }) => true,
        (Shape::Bool | Shape::Int { .. } | Shape::Size | Shape::Duration | Shape::Reference(_), Shape::Text { .. }) => true,
        (Shape::Int { .. }, Shape::Int { .. }) => true,
        (Shape::Path, Shape::Reference(kind)) => *kind != RefKind::Text,
        (Shape::Reference(_), Shape::Path) => true,
        (Shape::Reference(declared), Shape::Reference(wanted)) => wanted.accepts(*declared),
        (Shape::List(declared), Shape::List(wanted)) | (Shape::Map(declared), Shape::Map(wanted)) => accepts(declared, wanted),
        (Shape::Map(declared), Shape::Record(record)) => record.fields.iter().any(|field| accepts(declared, &field.shape)),
        (Shape::Record(record), Shape::Map(wanted)) => record.fields.iter().all(|field| accepts(&field.shape, wanted)),
        (Shape::Record(declared), Shape::Record(wanted)) => {
            let known = |name: &str| wanted.field(name);
            declared.fields.iter().all(|field| known(&field.name).is_some_and(|wanted| accepts(&field.shape, &wanted.shape)))
        }
        (declared, wanted) => std::mem::discriminant(declared) == std::mem::discriminant(wanted),
    }
}

impl Reader<'_> {
    /// Reads a typed value by the shape that is wanted where it is used. None if it does not fit, which was told.
    pub(in super::super) fn fit(&mut self, at: At, value: &Value, declared: &Shape, wanted: &Shape) -> Option<Value> {
        let span = self.span(at);
        if matches!(value.data, Data::Null) {
            self.omitted = true;
            return None;
        }
        if !self.step(at, 0) {
            return None;
        }
        if let Shape::OneOf(shapes) = wanted {
            let fitting = shapes.iter().find(|wanted| self.would_fit(at, value, declared, wanted));
            return match fitting {
                Some(wanted) => self.fit(at, value, declared, wanted),
                None => self.misfit(at, declared, wanted),
            };
        }
        if !accepts(declared, wanted) {
            return self.misfit(at, declared, wanted);
        }
        let same = |data: Data| Some(Value { data, span });
        match (&value.data, wanted) {
            (Data::Secret(_), Shape::Text { secret: true }) => same(value.data.clone()),
            (data, Shape::Any { secret }) if *secret || !value.holds_secret() => same(data.clone()),
            (Data::Secret(_), _) | (_, Shape::Any { .. }) => {
                self.error(at, Code::Secret, "a secret is not allowed here");
                None
            }
            (Data::List(items), Shape::List(wanted)) => {
                let declared = inner(declared, None);
                let items = items.iter().filter_map(|item| self.fit(at, item, declared, wanted)).collect();
                same(Data::List(items))
            }
            (Data::Map(entries), Shape::Map(_) | Shape::Record(_)) => self.fit_entries(at, entries, declared, wanted),
            (Data::Output(_), Shape::Reference(_) | Shape::Path | Shape::Text { .. } | Shape::Uuid) => same(value.data.clone()),
            (Data::Template(parts), _) if is_text(declared) => self.template(at, parts.clone(), None, wanted),
            (Data::Template(_), Shape::Reference(_) | Shape::Path | Shape::Text { .. }) => same(value.data.clone()),
            // What is a path already must not be read as the name of a role, nor moved to another folder.
            (Data::Text(_), Shape::Path | Shape::Reference(_)) if !is_text(declared) => same(value.data.clone()),
            (Data::Int(_), Shape::Size | Shape::Duration) if !is_text(declared) => same(value.data.clone()),
            (Data::List(_) | Data::Map(_) | Data::Output(_) | Data::Template(_), _) => self.misfit(at, declared, wanted),
            (data, wanted) => {
                let text: Arc<str> = text(data, declared)?.into();
                let plain = !matches!(data, Data::Text(_));
                self.scalar(at, &text, plain, wanted)
            }
        }
    }

    fn fit_entries(&mut self, at: At, entries: &[(Arc<str>, Value)], declared: &Shape, wanted: &Shape) -> Option<Value> {
        let span = self.span(at);
        let mut fitting = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let wanted = match wanted {
                Shape::Record(record) => match record.field(name) {
                    Some(field) => &field.shape,
                    None => {
                        self.error(at, Code::UnknownKey, format!("`{name}` is not a known key here"));
                        continue;
                    }
                },
                wanted => inner(wanted, Some(name)),
            };
            let value = self.fit(at, value, inner(declared, Some(name)), wanted);
            fitting.extend(value.map(|value| (name.clone(), value)));
        }
        if let Shape::Record(record) = wanted {
            let given = |name: &str| entries.iter().any(|(known, _)| **known == *name);
            for field in record.fields.iter().filter(|field| field.required && !given(&field.name)) {
                self.error(at, Code::MissingKey, format!("`{}` is missing in this value", field.name));
            }
        }
        Some(Value { data: Data::Map(fitting), span })
    }

    /// Whether a value can be read by a shape, without a word.
    fn would_fit(&mut self, at: At, value: &Value, declared: &Shape, wanted: &Shape) -> bool {
        let told = self.diagnostics.len();
        let fits = accepts(declared, wanted) && self.fit(at, value, declared, wanted).is_some();
        let silent = self.diagnostics.len() == told;
        self.diagnostics.truncate(told);
        fits && silent
    }

    /// Tells that what is declared cannot stand where another is wanted.
    pub(in super::super) fn misfit(&mut self, at: At, declared: &Shape, wanted: &Shape) -> Option<Value> {
        let written = short(self.world.document(self.span(at).file).source.slice(self.span(at))).to_owned();
        let message = format!("expected {}, but `{written}` is {}", wanted.words(), declared.words());
        let span = self.span(at);
        if declared.takes_secrets() && matches!(wanted, Shape::Any { .. }) {
            self.error(at, Code::Secret, "a secret is not allowed here");
            return None;
        }
        self.tell(at, Diagnostic::error(Code::WrongType, span, message).help("declare the parameter with the expected type"));
        None
    }
}
