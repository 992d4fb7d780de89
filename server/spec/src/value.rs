//! Values of parameters after variables, loops and conditions are resolved.

use std::sync::Arc;

use crate::text::Span;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is.
    pub data: Data,
    /// Where it was written.
    pub span: Span,
}

/// What a value is. Units are already read: a size is its bytes, a path is absolute.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number; bytes for a size, milliseconds for a duration.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text; a path is absolute, a mode is four octal digits.
    Text(Arc<str>),
    /// A list.
    List(Vec<Value>),
    /// A mapping, in the order it was written.
    Map(Vec<(Arc<str>, Value)>),
    /// A `!secret`: where it is, never what it is.
    Secret(Arc<Secret>),
    /// An output of another role, known when that role is.
    Output(OutputRef),
    /// Text that holds outputs of other roles.
    Template(Vec<Part>),
}

/// An output of another role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutputRef {
    /// The name of the role instance.
    pub role: Arc<str>,
    /// The output.
    pub output: Arc<str>,
}

/// A piece of a text that holds outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text as it is.
    Text(Arc<str>),
    /// An output, put in when it is known.
    Output(OutputRef),
}

/// Where a secret is to be had.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Secret {
    /// A file; a last line end is not part of the secret.
    File(std::path::PathBuf),
    /// What a command prints; needs `seed trust`.
    Command(Vec<String>),
    /// An environment variable.
    Env(String),
    /// A systemd credential: a file in `$CREDENTIALS_DIRECTORY` (systemd.exec(5)).
    Credential(String),
}

impl Value {
    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&Arc<str>> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key, if it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|(name, _)| &**name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Whether it is a secret, or one is in it.
    pub fn holds_secret(&self) -> bool {
        match &self.data {
            Data::Secret(_) => true,
            Data::List(items) => items.iter().any(Value::holds_secret),
            Data::Map(entries) => entries.iter().any(|(_, value)| value.holds_secret()),
            _ => false,
        }
    }

    /// Calls `visit` with every output that the value refers to, with the span it stands at.
    pub fn outputs<'a>(&'a self, visit: &mut dyn FnMut(&'a OutputRef, Span)) {
        match &self.data {
            Data::Output(output) => visit(output, self.span),
            Data::Template(parts) => {
                for part in parts {
                    if let Part::Output(output) = part {
                        visit(output, self.span);
                    }
                }
            }
            Data::List(items) => items.iter().for_each(|item| item.outputs(visit)),
            Data::Map(entries) => entries.iter().for_each(|(_, value)| value.outputs(visit)),
            _ => {}
        }
    }
}
