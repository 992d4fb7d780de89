//! What the names in `${…}` stand for.

use std::sync::Arc;

use super::VarUse;
use super::composite::typed::{Typed, inner};
use super::interpolate::{self, Expr};
use super::reader::{At, EachValue, Reader, Resolved, Via};
use crate::diagnostic::{Code, Diagnostic};
use crate::shape::{RefKind, Shape};
use crate::text::Span;
use crate::tree::NodeKind;
use crate::value::{OutputRef, Part};

/// What an interpolation stands for.
pub(super) enum Found {
    /// A value in a tree.
    At(At),
    /// A text.
    Text(Arc<str>),
    /// An output of another role.
    Output(OutputRef, RefKind),
    /// A text that holds outputs, with the kind of the first if it begins with one.
    Parts(Vec<Part>, Option<RefKind>),
    /// A parameter of a composite role.
    Typed(Arc<Typed>),
    /// A parameter of a composite role that is read without a use of it.
    Unknown(Shape),
    /// A mistake that was told.
    Nothing,
}

impl Reader<'_> {
    /// Where the interpolations of a scalar are shown, with their insides. Those of a value used elsewhere are shown
    /// there, and so are those of a text whose escapes hide what is written.
    pub(super) fn places(&self, at: At) -> Vec<(Span, Span)> {
        match at.via {
            Some(_) => Vec::new(),
            None => {
                let document = self.world.document(at.file);
                interpolate::places(&document.source, document.tree.node(at.node).span)
            }
        }
    }

    /// What a `${…}` stands for; `place` is where all of it and its inside are written.
    pub(super) fn value(&mut self, at: At, inner: &str, place: Option<(Span, Span)>) -> Found {
        let (outer, span) = place.unwrap_or_else(|| (self.span(at), self.span(at)));
        let parsed = match interpolate::expr(inner) {
            Ok(parsed) => parsed,
            Err(message) => {
                let diagnostic = Diagnostic::error(Code::Interpolation, outer, message)
                    .help("use `${vars.NAME}`, `${env.NAME}`, `${ROLE.OUTPUT}` or `${each.key}`; for a literal `${` write `$${`");
                self.tell(at, diagnostic.fix("Write `$${`", Span { end: outer.start, ..outer }, "$"));
                return Found::Nothing;
            }
        };
        match parsed {
            Expr::Env(name) => match self.world.loader.env(name) {
                Some(value) => Found::Text(value.into()),
                // It may be left out for just that.
                None if self.left_out => Found::Nothing,
                None => {
                    let message = format!("the environment variable `{name}` is not set");
                    self.tell(at, Diagnostic::error(Code::UnknownReference, span, message));
                    Found::Nothing
                }
            },
            Expr::Var(name, _) if self.in_a_role() => {
                let message = format!("there is no variable `{name}` here: a composite role only sees its parameters");
                let diagnostic = Diagnostic::error(Code::UnknownReference, span, message)
                    .help(format!("declare it under `parameters:` of `role.yml`, and use it as `${{{name}}}`"));
                self.tell(at, diagnostic);
                Found::Nothing
            }
            Expr::Var(name, keys) => self.variable(at, name, &keys, span),
            Expr::EachKey => match self.each {
                Some(each) => Found::Text(each.key.clone()),
                None => self.no_loop(at, span),
            },
            Expr::EachValue(keys) => match self.each {
                Some(each) => match &each.value {
                    EachValue::At(value) => {
                        let found = Self::used(at, *value, span, self.world.tree(value.file).node(value.node).span);
                        self.descend(at, found, &keys, span)
                    }
                    EachValue::Typed(typed) => self.within_typed(at, typed.clone(), &keys, span),
                    EachValue::Unknown(shape) => self.within_unknown(shape.clone(), &keys),
                },
                None => self.no_loop(at, span),
            },
            Expr::Output { role, index: None, output } if self.is_parameter(role) => {
                let keys: Vec<&str> = output.split('.').filter(|key| !key.is_empty()).collect();
                match self.parameter(at, role, span) {
                    Found::Typed(typed) => self.within_typed(at, typed, &keys, span),
                    Found::Unknown(shape) => self.within_unknown(shape, &keys),
                    other => other,
                }
            }
            Expr::Output { role, index, output } => {
                let index = match index {
                    Some("each.key" | "each.value") if self.each.is_some() => self.each.map(|each| each.key.clone()),
                    index => index.map(Arc::from),
                };
                self.output(at, role, index.as_deref(), output, span)
            }
        }
    }

    fn no_loop(&mut self, at: At, span: Span) -> Found {
        let diagnostic = Diagnostic::error(Code::Interpolation, span, "`each` is not available here")
            .help("only a role with `for_each` has `each.key` and `each.value`");
        self.tell(at, diagnostic);
        Found::Nothing
    }

    fn used(at: At, value: At, span: Span, origin: Span) -> At {
        let used = at.via.map_or(span, |via| via.used);
        At { via: Some(Via { used, origin }), ..value }
    }

    fn variable(&mut self, at: At, name: &str, keys: &[&str], span: Span) -> Found {
        if at.via.is_none() {
            let start = span.start + "vars.".len() as u32;
            let exact = self.world.document(at.file).source.slice(span).starts_with("vars.");
            let span = if exact { Span { start, end: start + name.len() as u32, ..span } } else { span };
            self.var_uses.push(VarUse { span, name: name.into() });
        }
        let Some(var) = self.world.vars.get(name) else {
            let vars = self.world.vars;
            if self.world.documents.iter().any(|document| document.damaged_word(name)) {
                return Found::Nothing;
            }
            let near = self.nearest(name, vars.names());
            let mut diagnostic = Diagnostic::error(Code::UnknownReference, span, format!("there is no variable `{name}`"));
            diagnostic = match near {
                Some(near) => {
                    let text = self.world.document(at.file).source.slice(span).replacen(name, near, 1);
                    diagnostic.help(format!("did you mean `{near}`?")).fix(format!("Change to `{near}`"), span, text)
                }
                None => diagnostic.help(format!("define it at the top of the spec, under `vars:`, as `{name}:`")),
            };
            self.tell(at, diagnostic);
            return Found::Nothing;
        };
        if var.broken {
            return Found::Nothing;
        }
        let value = At { file: var.file, node: var.value, via: None };
        let origin = self.world.tree(var.file).node(var.key).span;
        let found = Self::used(at, value, span, origin);
        self.descend(at, found, keys, span)
    }

    /// Follows keys into a parameter.
    fn within_typed(&mut self, at: At, typed: Arc<Typed>, keys: &[&str], span: Span) -> Found {
        let mut typed = typed;
        for key in keys {
            let Some(found) = typed.get(key) else {
                self.tell(at, Diagnostic::error(Code::UnknownReference, span, format!("it has no `{key}`")));
                return Found::Nothing;
            };
            typed = Arc::new(found);
        }
        Found::Typed(typed)
    }

    /// Follows keys into the shape of a parameter.
    fn within_unknown(&mut self, shape: Shape, keys: &[&str]) -> Found {
        Found::Unknown(keys.iter().fold(shape, |shape, key| inner(&shape, Some(key)).clone()))
    }

    /// Follows keys into a value.
    fn descend(&mut self, at: At, found: At, keys: &[&str], span: Span) -> Found {
        let mut found = found;
        for key in keys {
            let collection = match self.resolve(found) {
                Resolved::Collection(collection) => collection,
                Resolved::Broken => return Found::Nothing,
                _ => {
                    let message = format!("it has no `{key}`: it is a single value");
                    self.tell(At { via: at.via.or(found.via), ..at }, Diagnostic::error(Code::UnknownReference, span, message));
                    return Found::Nothing;
                }
            };
            let tree = self.world.tree(collection.file);
            let next = match &tree.node(collection.node).kind {
                NodeKind::List(items) => key.parse::<usize>().ok().and_then(|index| items.get(index).copied()),
                _ => tree.get(collection.node, key),
            };
            let Some(next) = next else {
                let pairs = tree.pairs(collection.node);
                let names: Vec<&str> = pairs.iter().filter_map(|(key, _)| tree.scalar(*key).map(|name| &**name)).collect();
                let near = self.nearest(key, names.iter().copied());
                let mut diagnostic = Diagnostic::error(Code::UnknownReference, span, format!("it has no `{key}`"));
                if let Some(near) = near {
                    diagnostic.help = Some(format!("did you mean `{near}`?"));
                } else if !names.is_empty() {
                    diagnostic.help = Some(format!("it has {}", names.iter().take(12).copied().collect::<Vec<_>>().join(", ")));
                }
                self.tell(At { via: found.via, ..at }, diagnostic);
                return Found::Nothing;
            };
            found = At { node: next, ..collection };
        }
        Found::At(found)
    }
}
