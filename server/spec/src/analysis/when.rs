//! Conditions behind `when:`: minijinja expressions over `vars`, `env` and `each`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use minijinja::value::{Value as Jinja, ValueKind};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use super::lookup::Found;
use super::reader::{At, EachValue, Reader, Resolved};
use super::scalar::{self, Plain};
use super::{Variable, interpolate};
use crate::diagnostic::{Code, Diagnostic};
use crate::shape::Shape;
use crate::text::{FileId, Span};
use crate::tree::{NodeId, NodeKind, Style};
use crate::value::{Data, Value};

/// How many steps a condition may take, so that none can hang.
const FUEL: u64 = 20_000;
/// The longest condition.
const MAX_LENGTH: usize = 2_000;

/// The variables as conditions see them, made when the first one asks.
#[derive(Default)]
pub(super) struct Conditions {
    vars: HashMap<Arc<str>, Jinja>,
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment
    })
}

impl Conditions {
    /// Whether a condition holds; none if it could not be read, which was told.
    pub fn holds(&mut self, reader: &mut Reader<'_>, vars: &[Variable], file: FileId, node: NodeId) -> Option<bool> {
        let at = reader.at(file, node);
        let (text, plain, style) = {
            let tree = reader.world.tree(file);
            match &tree.follow(node).kind {
                NodeKind::Scalar(text, style) => (text.clone(), *style == Style::Plain, *style),
                _ => return bool(reader.read(at, &Shape::Bool)?),
            }
        };
        let span = reader.span(at);
        if plain && let Plain::Bool(value) = scalar::plain(&text) {
            return Some(value);
        }
        let whole = matches!(interpolate::pieces(&text)[..], [interpolate::Piece::Expr(..)]);
        let lone = whole || text.trim().is_empty() || (plain && scalar::yaml_1_1(&text).is_some());
        if lone && style != Style::Block {
            return bool(reader.read(at, &Shape::Bool)?);
        }
        // `${vars.x} == 1` would compare text; say it in the language of expressions.
        if text.contains(interpolate::OPEN) {
            if !matches!(reader.resolve(at), Resolved::Broken) {
                let diagnostic =
                    Diagnostic::error(Code::Interpolation, span, "inside a condition, write variables without `${…}`")
                        .help("write `vars.x == 1`, not `${vars.x} == 1`");
                let bare: String = interpolate::pieces(&text)
                    .iter()
                    .map(|piece| match piece {
                        interpolate::Piece::Text(text) => text,
                        interpolate::Piece::Expr(inner, _) => *inner,
                        interpolate::Piece::Open(_) => interpolate::OPEN,
                    })
                    .collect();
                let diagnostic = match plain {
                    true => diagnostic.fix(format!("Change to `{bare}`"), span, bare),
                    false => diagnostic,
                };
                reader.tell(at, diagnostic);
            }
            return None;
        }
        if text.len() > MAX_LENGTH {
            reader.error(at, Code::TooLarge, format!("a condition can have up to {MAX_LENGTH} characters"));
            return None;
        }
        self.evaluate(reader, vars, &text, span)
    }

    fn evaluate(&mut self, reader: &mut Reader<'_>, vars: &[Variable], text: &str, span: Span) -> Option<bool> {
        let written = reader.world.document(span.file).source.slice(span);
        // Only what stands in the file as it is read can be pointed into.
        let place = |range: Option<std::ops::Range<usize>>| match range {
            Some(range) if written == text && !range.is_empty() && text.get(range.clone()).is_some() => {
                Span { start: span.start + range.start as u32, end: span.start + range.end as u32, ..span }
            }
            _ => span,
        };
        let expression = match environment().compile_expression(text) {
            Ok(expression) => expression,
            Err(error) => {
                let message = format!("this condition cannot be read: {}", words(&error));
                reader.diagnostics.push(
                    Diagnostic::error(Code::Interpolation, place(error.range()), message)
                        .help("a condition is an expression such as `vars.size == \"4 GiB\" and env.HOME is defined`"),
                );
                return None;
            }
        };
        let mut context: BTreeMap<&str, BTreeMap<String, Jinja>> = BTreeMap::new();
        let mut params: Vec<(String, Jinja)> = Vec::new();
        let symbolic = reader.names().is_some_and(super::roles::Frame::is_symbolic);
        for name in expression.undeclared_variables(true) {
            let (root, rest) = name.split_once('.').unwrap_or((&name, ""));
            if reader.in_a_role() && !matches!(root, "env" | "each") {
                params.extend(Self::parameter(reader, root, text, span)?);
                continue;
            }
            let key = rest.split('.').next().unwrap_or("");
            match root {
                "vars" => self.variable(reader, vars, key, text, span, &mut context)?,
                "env" => {
                    if let Some(value) = reader.world.loader.env(key) {
                        context.entry("env").or_default().insert(key.to_owned(), Jinja::from(value));
                    }
                }
                _ => {}
            }
        }
        // Without a use of the role, its parameters have no values.
        if symbolic {
            return Some(true);
        }
        let empty = || Jinja::from_pairs([] as [(&str, Jinja); 0]);
        let mut scope = BTreeMap::from([("vars", empty()), ("env", empty())]);
        scope.extend(context.into_iter().map(|(name, values)| (name, Jinja::from_pairs(values))));
        scope.extend(params.iter().map(|(name, value)| (name.as_str(), value.clone())));
        if let Some(each) = reader.each {
            let value = match &each.value {
                EachValue::At(at) => reader.read(*at, &Shape::ANY)?,
                EachValue::Typed(typed) => typed.value.clone(),
                EachValue::Unknown(_) => return None,
            };
            let pairs = [("key", Jinja::from(&*each.key)), ("value", jinja(&value))];
            scope.insert("each", Jinja::from_pairs(pairs));
        }
        match expression.eval(Jinja::from_pairs(scope)) {
            Ok(value) => {
                // minijinja takes anything for true or false; a condition is only what is one or the other.
                if value.kind() == ValueKind::Bool {
                    return Some(value.is_true());
                }
                let message = format!("a condition must be true or false, found {}", value.kind());
                let diagnostic = Diagnostic::error(Code::WrongType, span, message);
                reader.diagnostics.push(diagnostic.help("compare it: `==`, `!=`, `in`, `is defined`"));
                None
            }
            Err(error) => {
                let (message, help) = match error.kind() {
                    ErrorKind::UndefinedError => (
                        "this condition uses something that is not defined".to_owned(),
                        Some("use `vars`, `env` and, in a loop, `each`; test optional names with `is defined`"),
                    ),
                    ErrorKind::OutOfFuel => ("this condition takes too long".to_owned(), None),
                    _ => (format!("this condition cannot be evaluated: {}", words(&error)), None),
                };
                let mut diagnostic = Diagnostic::error(Code::Interpolation, place(error.range()), message);
                diagnostic.help = help.map(str::to_owned);
                reader.diagnostics.push(diagnostic);
                None
            }
        }
    }

    /// A parameter of the role that the condition stands in; an outer none if it cannot be used, which was told.
    fn parameter(reader: &mut Reader<'_>, name: &str, text: &str, span: Span) -> Option<Option<(String, Jinja)>> {
        if !reader.is_parameter(name) {
            if text.contains("defined") {
                return Some(None);
            }
            let known = reader.parameters();
            let near = reader.nearest(name, known.iter().map(|name| &**name));
            let message = format!("there is no parameter `{name}` in this role");
            let diagnostic = Diagnostic::error(Code::UnknownReference, span, message);
            reader.diagnostics.push(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("declare it under `parameters:` of `role.yml`"),
            });
            return None;
        }
        let at = At { file: span.file, node: NodeId(0), via: None };
        match reader.parameter(at, name, span) {
            Found::Typed(typed) if has_secret(&typed.value) => {
                let message = format!("`{name}` is a secret, and a condition would reveal it");
                reader.diagnostics.push(Diagnostic::error(Code::Secret, span, message));
                None
            }
            Found::Typed(typed) => Some(Some((name.to_owned(), jinja(&typed.value)))),
            Found::Unknown(_) => Some(None),
            _ => None,
        }
    }

    /// Puts a variable that the condition names into its scope; none if it cannot be used.
    fn variable(
        &mut self,
        reader: &mut Reader<'_>,
        vars: &[Variable],
        key: &str,
        text: &str,
        span: Span,
        context: &mut BTreeMap<&str, BTreeMap<String, Jinja>>,
    ) -> Option<()> {
        let written = format!("vars.{key}");
        let source = &reader.world.document(span.file).source;
        let found = source.slice(span).find(&written).filter(|_| !key.is_empty());
        let place = found.map_or(span, |at| {
            let start = span.start + at as u32 + "vars.".len() as u32;
            Span { start, end: start + key.len() as u32, ..span }
        });
        let defined = reader.world.vars.get(key);
        if let Some(var) = defined
            && !key.is_empty()
        {
            reader.var_uses.push(super::VarUse { span: place, name: key.into() });
            if var.broken {
                return None;
            }
        }
        let variable = vars.iter().find(|variable| &*variable.name == key);
        let Some(variable) = variable else {
            // `is defined` may ask for what is not there.
            if !key.is_empty() && !text.contains("defined") {
                let near = reader.nearest(key, vars.iter().map(|variable| &*variable.name));
                let mut diagnostic = Diagnostic::error(Code::UnknownReference, place, format!("there is no variable `{key}`"));
                if let Some(near) = near {
                    diagnostic =
                        diagnostic.help(format!("did you mean `{near}`?")).fix(format!("Change to `{near}`"), place, near);
                }
                reader.diagnostics.push(diagnostic);
                return None;
            }
            return Some(());
        };
        if has_secret(&variable.value) {
            let message = format!("`{key}` is a secret, and a condition would reveal it");
            reader.diagnostics.push(Diagnostic::error(Code::Secret, place, message));
            return None;
        }
        let value = self.vars.entry(variable.name.clone()).or_insert_with(|| jinja(&variable.value)).clone();
        context.entry("vars").or_default().insert(key.to_owned(), value);
        Some(())
    }
}

fn bool(value: Value) -> Option<bool> {
    match value.data {
        Data::Bool(value) => Some(value),
        _ => None,
    }
}

fn has_secret(value: &Value) -> bool {
    match &value.data {
        Data::Secret(_) => true,
        Data::List(items) => items.iter().any(has_secret),
        Data::Map(entries) => entries.iter().any(|(_, value)| has_secret(value)),
        _ => false,
    }
}

fn words(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// A value as minijinja sees it. What is known only later is undefined there.
fn jinja(value: &Value) -> Jinja {
    match &value.data {
        Data::Null => Jinja::from(()),
        Data::Bool(value) => Jinja::from(*value),
        Data::Int(value) => Jinja::from(*value),
        Data::Float(value) => Jinja::from(*value),
        Data::Text(text) => Jinja::from(&**text),
        Data::List(items) => items.iter().map(jinja).collect(),
        Data::Map(entries) => Jinja::from_pairs(entries.iter().map(|(key, value)| (&**key, jinja(value)))),
        Data::Secret(_) | Data::Output(_) | Data::Template(_) => Jinja::UNDEFINED,
    }
}
