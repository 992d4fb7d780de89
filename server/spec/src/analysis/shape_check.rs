//! Values read by the shape that is expected of them.

use std::path::Path;
use std::sync::Arc;

use super::composite::typed::accepts;
use super::path::{is_path, too_long};
use super::reader::{At, MAX_DEPTH, Reader, Resolved};
use super::scalar::{self, Plain};
use super::typed_scalar::{is_uuid, short};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{unknown_key, words};
use crate::nearest::nearest;
use crate::shape::{Record, RefKind, Shape};
use crate::text::{FileId, Span};
use crate::tree::{NodeId, NodeKind};
use crate::unit;
use crate::value::{Data, Part, Value};

impl Reader<'_> {
    /// Reads a value by its shape. None if it could not be read, which was told.
    pub fn read(&mut self, at: At, shape: &Shape) -> Option<Value> {
        if self.depth > MAX_DEPTH {
            self.error(at, Code::TooLarge, format!("values and variables are nested deeper than {MAX_DEPTH} levels"));
            return None;
        }
        if !self.step(at, 0) {
            return None;
        }
        self.depth += 1;
        let resolved = self.resolve(at);
        let value = self.check(resolved, shape);
        self.depth -= 1;
        value
    }

    pub(super) fn check(&mut self, resolved: Resolved, shape: &Shape) -> Option<Value> {
        match resolved {
            Resolved::Typed { typed, at } => return self.fit(at, &typed.value, &typed.shape, shape),
            Resolved::Unknown { shape: declared, at } => {
                return if accepts(&declared, shape) { None } else { self.misfit(at, &declared, shape) };
            }
            _ => {}
        }
        if let Shape::OneOf(shapes) = shape {
            return match self.choose(&resolved, shapes) {
                Some(shape) => self.check(resolved, shape),
                None => self.mismatch(&resolved, shape.words()),
            };
        }
        match resolved {
            Resolved::Broken | Resolved::Typed { .. } | Resolved::Unknown { .. } => None,
            Resolved::Collection(at) if self.is_secret(at) => self.secret(at, shape),
            Resolved::Scalar { at, .. } if self.is_secret(at) => self.secret(at, shape),
            Resolved::Collection(at) => self.collection(at, shape),
            Resolved::Scalar { text, plain, at } => self.scalar(at, &text, plain, shape),
            Resolved::Output { output, kind, at } => {
                let span = self.span(at);
                let fits = match shape {
                    Shape::Any { .. } | Shape::Text { .. } => true,
                    Shape::Reference(wanted) => wanted.accepts(kind),
                    Shape::Path => kind != RefKind::Text,
                    Shape::Uuid => kind == RefKind::Text,
                    _ => false,
                };
                if fits {
                    return Some(Value { data: Data::Output(output), span });
                }
                let name = format!("${{{}.{}}}", output.role, output.output);
                let message = match shape {
                    Shape::Reference(_) | Shape::Path | Shape::Uuid => {
                        format!("expected {1}, found `{name}`, which is {0}", kind.words(), shape.words())
                    }
                    _ => format!(
                        "`{name}` is known only after its role exists, but {} must be known before anything is applied",
                        shape.words()
                    ),
                };
                self.error(at, Code::WrongReference, message);
                None
            }
            Resolved::Template { parts, first, at } => self.template(at, parts, first, shape),
        }
    }

    /// The first of several shapes that a value's kind fits.
    fn choose<'s>(&mut self, resolved: &Resolved, shapes: &'s [Shape]) -> Option<&'s Shape> {
        // Flattened, so that the choice is between plain shapes.
        let mut flat: Vec<&'s Shape> = Vec::new();
        let mut rest: Vec<&'s Shape> = shapes.iter().rev().collect();
        while let Some(shape) = rest.pop() {
            match shape {
                Shape::OneOf(inner) => rest.extend(inner.iter().rev()),
                shape => flat.push(shape),
            }
        }
        let is_scalar_shape = |shape: &Shape| !matches!(shape, Shape::List(_) | Shape::Map(_) | Shape::Record(_));
        match resolved {
            Resolved::Broken | Resolved::Typed { .. } | Resolved::Unknown { .. } => flat.first().copied(),
            Resolved::Collection(at) if self.is_secret(*at) => {
                flat.iter().find(|shape| shape.takes_secrets()).or(flat.first()).copied()
            }
            Resolved::Collection(at) => {
                let tree = self.world.tree(at.file);
                if matches!(tree.node(at.node).kind, NodeKind::List(_)) {
                    return flat.iter().find(|shape| matches!(shape, Shape::List(_) | Shape::Any { .. })).copied();
                }
                let pairs = tree.pairs(at.node);
                let knows_all = |shape: &&&Shape| match shape {
                    Shape::Record(record) => {
                        pairs.iter().all(|(key, _)| tree.scalar(*key).is_some_and(|key| record.field(key).is_some()))
                    }
                    _ => true,
                };
                let maps = || flat.iter().filter(|shape| matches!(shape, Shape::Map(_) | Shape::Record(_) | Shape::Any { .. }));
                maps().find(knows_all).or_else(|| maps().next()).copied()
            }
            Resolved::Scalar { text, plain, .. } => {
                let fits = |shape: &&&Shape| match shape {
                    Shape::Bool => *plain && matches!(scalar::plain(text), Plain::Bool(_)),
                    Shape::Int { .. } => *plain && matches!(scalar::plain(text), Plain::Int(_)),
                    Shape::Size => unit::Size::parse(text).is_ok(),
                    Shape::Duration => unit::Duration::parse(text).is_ok(),
                    Shape::Mode => unit::Mode::parse(text).is_ok(),
                    Shape::Path => is_path(text),
                    Shape::Uuid => is_uuid(text),
                    Shape::Choice(words) => words.iter().any(|(word, _)| **word == **text),
                    shape => is_scalar_shape(shape),
                };
                let mut scalars = flat.iter().filter(|shape| is_scalar_shape(shape));
                // Where only one can be meant, what it says of the value is more than a list of all.
                let meant = match (scalars.next(), scalars.next()) {
                    (Some(only), None) => Some(only),
                    _ if text.starts_with(|letter: char| letter.is_ascii_digit()) => {
                        flat.iter().find(|shape| matches!(shape, Shape::Size | Shape::Duration | Shape::Int { .. }))
                    }
                    _ => None,
                };
                flat.iter().find(fits).or(meant).copied()
            }
            Resolved::Output { kind, .. } => flat
                .iter()
                .find(|shape| matches!(shape, Shape::Reference(wanted) if wanted.accepts(*kind)))
                .or_else(|| flat.iter().find(|shape| matches!(shape, Shape::Path) && *kind != RefKind::Text))
                .or_else(|| flat.iter().find(|shape| matches!(shape, Shape::Text { .. } | Shape::Any { .. })))
                .or_else(|| flat.iter().find(|shape| is_scalar_shape(shape)))
                .copied(),
            Resolved::Template { .. } => flat
                .iter()
                .find(|shape| matches!(shape, Shape::Text { .. } | Shape::Path | Shape::Any { .. } | Shape::Reference(_)))
                .or_else(|| flat.iter().find(|shape| is_scalar_shape(shape)))
                .copied(),
        }
    }

    pub(super) fn mismatch(&mut self, resolved: &Resolved, expected: String) -> Option<Value> {
        let at = match resolved {
            Resolved::Collection(at)
            | Resolved::Scalar { at, .. }
            | Resolved::Output { at, .. }
            | Resolved::Template { at, .. }
            | Resolved::Typed { at, .. }
            | Resolved::Unknown { at, .. } => *at,
            Resolved::Broken => return None,
        };
        let span = self.head(at);
        let diagnostic = match resolved {
            Resolved::Scalar { text, .. } if !text.is_empty() => {
                Diagnostic::error(Code::WrongValue, span, format!("expected {expected}, found `{}`", short(text)))
            }
            _ => {
                let found = words(self.world.tree(at.file), at.node);
                Diagnostic::error(Code::WrongType, span, format!("expected {expected}, found {found}"))
            }
        };
        self.tell(at, diagnostic);
        None
    }

    /// The first line of a value, so that a whole block is not marked for one mistake.
    pub(super) fn head(&self, at: At) -> Span {
        let span = self.span(at);
        let source = &self.world.document(span.file).source;
        let text = source.slice(span);
        let end = text.find(['\n', '\r']).unwrap_or(text.len());
        Span { end: span.start + end as u32, ..span }
    }

    pub(super) fn template(&mut self, at: At, parts: Vec<Part>, first: Option<RefKind>, shape: &Shape) -> Option<Value> {
        let span = self.span(at);
        let mut parts = parts;
        match shape {
            Shape::Any { .. } | Shape::Text { .. } => {}
            Shape::Path | Shape::Reference(RefKind::Directory | RefKind::File | RefKind::Backing | RefKind::Block) => {
                match (first, parts.first_mut()) {
                    (Some(RefKind::Text), _) => {
                        self.error(at, Code::WrongReference, "a path cannot begin with an output of type text");
                        return None;
                    }
                    (None, Some(Part::Text(text))) => {
                        let front = text.clone();
                        let path = self.path(at, &front)?;
                        // A last slash separates the path from the output behind it.
                        *text = if front.ends_with('/') && !path.ends_with('/') { format!("{path}/").into() } else { path };
                    }
                    _ => {}
                }
                let texts = parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(&**text) } else { None });
                if let Some(reason) = texts.map(Path::new).find_map(too_long) {
                    self.error(at, Code::WrongValue, reason);
                    return None;
                }
            }
            _ => {
                let message = format!(
                    "this is known only after other roles exist, but {} must be known before anything is applied",
                    shape.words()
                );
                self.error(at, Code::WrongReference, message);
                return None;
            }
        }
        Some(Value { data: Data::Template(parts), span })
    }

    fn collection(&mut self, at: At, shape: &Shape) -> Option<Value> {
        let world = self.world;
        let node = world.tree(at.file).node(at.node);
        let span = self.span(at);
        match (&node.kind, shape) {
            (NodeKind::List(items), Shape::List(_) | Shape::Any { .. }) => {
                let inner = if let Shape::List(inner) = shape { inner } else { shape };
                let items = items.iter().filter_map(|item| self.item(Self::below(at, *item), inner)).collect();
                Some(Value { data: Data::List(items), span })
            }
            (NodeKind::Map(_), Shape::Any { .. }) => self.map(at, shape),
            (NodeKind::Map(_), Shape::Map(inner)) => self.map(at, inner),
            (NodeKind::Map(_), Shape::Record(record)) => {
                let pairs = world.tree(at.file).pairs(at.node);
                let entries = self.record(at, &pairs, record, "this mapping", &[]);
                self.missing_keys(at, &pairs, record);
                Some(Value { data: Data::Map(entries), span })
            }
            (_, shape) => self.mismatch(&Resolved::Collection(at), shape.words()),
        }
    }

    /// Reads an item of a list or mapping.
    fn item(&mut self, at: At, shape: &Shape) -> Option<Value> {
        let value = self.read(at, shape);
        self.incomplete |= value.is_none() && !self.omitted;
        value
    }

    fn map(&mut self, at: At, inner: &Shape) -> Option<Value> {
        let span = self.span(at);
        let pairs = self.world.tree(at.file).pairs(at.node);
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs.iter() {
            let Some(name) = self.key(Self::below(at, *key)) else { continue };
            if let Some(value) = self.item(Self::below(at, *value), inner) {
                entries.push((name, value));
            }
        }
        Some(Value { data: Data::Map(entries), span })
    }

    /// The text of a key that the user chose.
    fn key(&mut self, at: At) -> Option<Arc<str>> {
        match self.resolve(at) {
            Resolved::Scalar { text, .. } => Some(text),
            Resolved::Collection(_) => {
                let found = words(self.world.tree(at.file), at.node);
                self.error(at, Code::WrongType, format!("a key must be a single value, found {found}"));
                None
            }
            Resolved::Typed { typed, at } => match typed.parts().as_deref() {
                Some([Part::Text(text)]) => Some(text.clone()),
                _ => {
                    self.misfit(at, &typed.shape, &Shape::Text { secret: false });
                    None
                }
            },
            Resolved::Unknown { .. } => None,
            Resolved::Output { .. } | Resolved::Template { .. } => {
                self.error(
                    at,
                    Code::WrongReference,
                    "a key must be known before anything is applied, but this output is known only after its role exists",
                );
                None
            }
            Resolved::Broken => None,
        }
    }

    /// Reads the keys of a record. `others` are keys that are known besides, for suggestions.
    pub fn record(
        &mut self,
        at: At,
        pairs: &[(NodeId, NodeId)],
        record: &Record,
        place: &str,
        others: &[&str],
    ) -> Vec<(Arc<str>, Value)> {
        let world = self.world;
        let tree = world.tree(at.file);
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Some(name) = tree.scalar(*key).cloned() else {
                self.error(
                    Self::below(at, *key),
                    Code::WrongType,
                    format!("a key must be a single value, found {}", words(tree, *key)),
                );
                continue;
            };
            match record.field(&name) {
                Some(field) => {
                    self.omitted = false;
                    let at = Self::below(at, *value);
                    match self.read(at, &field.shape) {
                        Some(value) => entries.push((name, value)),
                        None if self.omitted && field.required => {
                            let message = format!("`{name}` is required, but its parameter has no value");
                            self.error(at, Code::MissingKey, message);
                        }
                        None => {}
                    }
                }
                None => {
                    let known = record.fields.iter().map(|field| field.name.as_str()).chain(others.iter().copied());
                    let key = Self::below(at, *key);
                    let (key_span, value_span) = (self.span(key), tree.node(*value).span);
                    let diagnostic = unknown_key(&world.document(at.file).source, &name, key_span, value_span, place, known);
                    self.tell(key, diagnostic);
                }
            }
        }
        entries
    }

    fn missing_keys(&mut self, at: At, pairs: &[(NodeId, NodeId)], record: &Record) {
        let missing = self.missing(at.file, pairs, record);
        let span = self.span(at);
        if !missing.is_empty() && !self.world.tree(at.file).is_damaged(span) {
            let head = self.head(at);
            let message = format!("{} missing here", list_with_verb(&missing));
            self.tell(at, Diagnostic::error(Code::MissingKey, head, message));
        }
    }

    /// The required keys of a record that are not written, and not mistyped either: that is told as unknown key.
    pub fn missing<'r>(&self, file: FileId, pairs: &[(NodeId, NodeId)], record: &'r Record) -> Vec<&'r str> {
        let tree = self.world.tree(file);
        let written = |name: &str| pairs.iter().any(|(key, _)| tree.scalar(*key).is_some_and(|key| **key == *name));
        let required = record.fields.iter().filter(|field| field.required).map(|field| field.name.as_str());
        let mut missing: Vec<&str> = required.filter(|name| !written(name)).collect();
        if !missing.is_empty() {
            let keys = pairs.iter().filter_map(|(key, _)| tree.scalar(*key));
            for unknown in keys.filter(|key| record.field(key).is_none()) {
                let meant = nearest(unknown, record.fields.iter().map(|field| field.name.as_str()));
                missing.retain(|name| Some(*name) != meant);
            }
        }
        missing
    }
}

/// "`a` is", "`a` and `b` are".
pub(super) fn list_with_verb(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => format!("{last} is"),
        Some((last, front)) => format!("{} and {last} are", front.join(", ")),
        None => "nothing is".to_owned(),
    }
}
