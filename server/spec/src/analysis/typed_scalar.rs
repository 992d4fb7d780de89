//! Scalars read by their shape: numbers, units, choices.

use std::sync::Arc;

use super::reader::{At, Reader};
use super::scalar::{self, Plain};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::left_out;
use crate::shape::Shape;
use crate::unit;
use crate::value::{Data, Value};

impl Reader<'_> {
    /// Reads a scalar by a shape that is made of one.
    pub(super) fn scalar(&mut self, at: At, text: &Arc<str>, plain: bool, shape: &Shape) -> Option<Value> {
        let span = self.span(at);
        let value = |data| Some(Value { data, span });
        let absent = left_out(self.world.tree(at.file), at.node) && text.is_empty();
        let null = plain && matches!(scalar::plain(text), Plain::Null);
        match shape {
            Shape::Any { .. } => return self.any(at, text, plain),
            // `root:` with nothing behind it, where nothing has to be said.
            Shape::Record(record) if null && record.fields.iter().all(|field| !field.required) => {
                return value(Data::Map(Vec::new()));
            }
            _ => {}
        }
        if absent {
            let message = format!("a value is missing: expected {}", shape.words());
            self.error(at, Code::WrongType, message);
            return None;
        }
        if null && !matches!(shape, Shape::Choice(_)) {
            let diagnostic = Diagnostic::error(
                Code::WrongType,
                span,
                format!("expected {}, found `{text}`, which has no value", shape.words()),
            )
            .help(format!("remove the key, or quote \"{text}\" to use the text"));
            self.tell(at, diagnostic);
            return None;
        }
        let unit = |reader: &mut Self, read: Result<i64, String>| match read {
            Ok(number) => Some(Value { data: Data::Int(number), span }),
            Err(message) => {
                reader.error(at, Code::WrongValue, message);
                None
            }
        };
        match shape {
            Shape::Bool => self.bool(at, text, plain),
            Shape::Int { min, max } => self.int(at, text, plain, *min, *max),
            Shape::Text { .. } => value(Data::Text(text.clone())),
            Shape::Size => unit(self, unit::Size::parse(text).map(|size| size.0 as i64)),
            Shape::Duration => unit(self, unit::Duration::parse(text).map(|time| time.0 as i64)),
            Shape::Mode => match unit::Mode::parse(text) {
                Ok(mode) => value(Data::Text(mode.to_string().into())),
                Err(message) => {
                    self.error(at, Code::WrongValue, message);
                    None
                }
            },
            Shape::Path => self.path(at, text).map(|path| Value { data: Data::Text(path), span }),
            Shape::Uuid if is_uuid(text) => value(Data::Text(text.to_ascii_lowercase().into())),
            Shape::Uuid => {
                let diagnostic = Diagnostic::error(Code::WrongValue, span, format!("`{text}` is not a UUID"))
                    .help("a UUID is 32 hexadecimal digits, as in 6a204bd8-9f0c-4c5e-8d3f-0a4a1b2c3d4e");
                self.tell(at, diagnostic);
                None
            }
            Shape::Choice(choices) => {
                if choices.iter().any(|(word, _)| **word == **text) {
                    return value(Data::Text(text.clone()));
                }
                let mut all = choices.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>();
                let mut diagnostic =
                    Diagnostic::error(Code::WrongValue, span, format!("`{text}` is not one of the values allowed here"));
                if let Some(near) = self.nearest(text, choices.iter().map(|(word, _)| word.as_str())) {
                    diagnostic = diagnostic.fix(format!("Change to `{near}`"), span, near);
                }
                all.truncate(24);
                diagnostic.help = Some(format!("allowed: {}", all.join(", ")));
                self.tell(at, diagnostic);
                None
            }
            Shape::Reference(kind) => self.reference(at, text, *kind),
            Shape::List(_) => {
                let mut diagnostic =
                    Diagnostic::error(Code::WrongType, span, format!("expected {}, found a single value", shape.words()));
                let written = self.world.document(span.file).source.slice(span);
                if !written.contains(['\n', '{', '}', '[', ']', ',']) {
                    diagnostic = diagnostic.fix("Make it a list", span, format!("[{written}]"));
                }
                self.tell(at, diagnostic);
                None
            }
            _ => {
                let message = format!("expected {}, found a single value", shape.words());
                self.error(at, Code::WrongType, message);
                None
            }
        }
    }

    fn any(&mut self, at: At, text: &Arc<str>, plain: bool) -> Option<Value> {
        let span = self.span(at);
        let data = match plain {
            false => Data::Text(text.clone()),
            true => {
                // A lone `y` or `n` is rarely meant as a truth value, and few readers of YAML 1.1 took it for one.
                if !self.lenient
                    && text.len() > 1
                    && let Some(habit) = scalar::yaml_1_1(text)
                {
                    let diagnostic = Diagnostic::warning(Code::Yaml11, span, habit.message(text));
                    self.tell(at, diagnostic.help(habit.help(text)));
                }
                match scalar::plain(text) {
                    Plain::Null => Data::Null,
                    Plain::Bool(value) => Data::Bool(value),
                    Plain::Int(value) => Data::Int(value),
                    Plain::Float(value) => Data::Float(value),
                    Plain::Text => Data::Text(text.clone()),
                }
            }
        };
        Some(Value { data, span })
    }

    /// Tells that a text in quotes stands where a number or truth value should.
    fn unquote(&mut self, at: At, text: &str, expected: &str) {
        let span = self.span(at);
        let message = format!("expected {expected}, found text, because of the quotes");
        self.tell(at, Diagnostic::error(Code::WrongType, span, message).fix("Remove the quotes", span, text));
    }

    fn bool(&mut self, at: At, text: &str, plain: bool) -> Option<Value> {
        let span = self.span(at);
        match scalar::plain(text) {
            Plain::Bool(value) if plain => return Some(Value { data: Data::Bool(value), span }),
            Plain::Bool(_) => self.unquote(at, text, "`true` or `false`"),
            _ => match scalar::yaml_1_1(text).filter(|_| plain) {
                Some(scalar::Habit::Bool(meant)) => {
                    let diagnostic = Diagnostic::error(Code::Yaml11, span, scalar::Habit::Bool(meant).message(text));
                    self.tell(
                        at,
                        diagnostic.help(format!("write `{meant}`")).fix(format!("Change to `{meant}`"), span, meant.to_string()),
                    );
                }
                _ => self.error(at, Code::WrongType, format!("expected `true` or `false`, found `{}`", short(text))),
            },
        }
        None
    }

    fn int(&mut self, at: At, text: &str, plain: bool, min: i64, max: i64) -> Option<Value> {
        let span = self.span(at);
        let expected = Shape::Int { min, max }.words();
        if plain
            && let Some(habit) = scalar::yaml_1_1(text)
            && let Some(fix) = habit.number()
        {
            let mut diagnostic = Diagnostic::error(Code::Yaml11, span, habit.message(text)).help(habit.help(text));
            for number in fix {
                diagnostic = diagnostic.fix(format!("Change to `{number}`"), span, number);
            }
            self.tell(at, diagnostic);
            return None;
        }
        match scalar::plain(text) {
            Plain::Int(number) if plain => {
                if (min..=max).contains(&number) {
                    return Some(Value { data: Data::Int(number), span });
                }
                self.error(at, Code::WrongValue, format!("expected {expected}, found {number}"));
            }
            Plain::Int(_) => self.unquote(at, text, &expected),
            Plain::Float(_) if plain && scalar::is_whole(text) => {
                self.error(at, Code::WrongValue, format!("expected {expected}"))
            }
            _ => self.error(at, Code::WrongType, format!("expected {expected}, found `{}`", short(text))),
        }
        None
    }
}

/// The start of a text for a message.
pub(super) fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line.to_owned(),
    }
}

pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
