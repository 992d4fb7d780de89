//! Role types, keys and values in Markdown.

use std::fmt::Write as _;

use seed_spec::shape::{Field, Shape, TypeInfo};
use seed_spec::unit;
use seed_spec::value::{Data, Part, Secret, Value};

/// The first line of a documentation.
pub fn summary(doc: &str) -> &str {
    doc.lines().next().unwrap_or("")
}

/// What a shape accepts, in a few words.
pub fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Any { secret: true } => "any value or a `!secret`".into(),
        Shape::Any { secret: false } => "any value".into(),
        Shape::Bool => "`true` or `false`".into(),
        Shape::Int { min, max } => match (*min, *max) {
            (i64::MIN, i64::MAX) => "a whole number".into(),
            (min, i64::MAX) => format!("a whole number, at least {min}"),
            (i64::MIN, max) => format!("a whole number, at most {max}"),
            (min, max) if min == max => format!("`{min}`"),
            (min, max) => format!("a whole number from {min} to {max}"),
        },
        Shape::Text { secret: true } => "text or a `!secret`".into(),
        Shape::Text { secret: false } => "text".into(),
        Shape::Size => "a size, such as `4 GiB`".into(),
        Shape::Duration => "a duration, such as `90 s`".into(),
        Shape::Mode => "a file mode, such as `\"0640\"`".into(),
        Shape::Path => "a path".into(),
        Shape::Uuid => "a UUID".into(),
        Shape::Choice(words) => match words.as_slice() {
            [] => "nothing".into(),
            [(only, _)] => format!("`{only}`"),
            [first @ .., (last, _)] => {
                let first: Vec<_> = first.iter().map(|(word, _)| format!("`{word}`")).collect();
                format!("{} or `{last}`", first.join(", "))
            }
        },
        Shape::Reference(kind) => format!("{}: the name of a role or a path", kind.words()),
        Shape::List(inner) => format!("a list of: {}", self::shape(inner)),
        Shape::Map(inner) => format!("a mapping from names that you choose to {}", self::shape(inner)),
        Shape::Record(record) => {
            let names: Vec<_> = record.fields.iter().map(|field| format!("`{}`", field.name)).collect();
            format!("a mapping with {}", names.join(", "))
        }
        Shape::OneOf(shapes) => shapes.iter().map(self::shape).collect::<Vec<_>>().join("; or "),
    }
}

/// A key: its documentation, what it takes, and its default.
pub fn field(field: &Field) -> String {
    let mut text = format!("{}\n\n{}", field.doc, capital(&shape(&field.shape)));
    text.push_str(&remark(field));
    text.push('.');
    if let Shape::Choice(words) = &field.shape
        && words.iter().any(|(_, doc)| !doc.is_empty())
    {
        text.push('\n');
        for (word, doc) in words {
            let _ = write!(text, "\n- `{word}`: {doc}");
        }
    }
    text
}

fn remark(field: &Field) -> String {
    match (&field.default, field.required) {
        (_, true) => "; required".into(),
        (Some(default), _) => format!("; default `{}`", json(default)),
        (None, false) => String::new(),
    }
}

/// A default as it would be written in a spec.
pub fn json(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A role type: what it is for, its parameters as a table, what it offers, and an example.
pub fn role_type(info: &TypeInfo) -> String {
    let mut text = format!("**{}**\n\n{}\n", info.name, info.about.trim());
    if !info.record.fields.is_empty() {
        text.push_str("\n| key | takes | |\n| --- | --- | --- |\n");
        for field in &info.record.fields {
            let star = if field.required { "\\*" } else { "" };
            let default = field.default.as_ref().map_or(String::new(), |default| format!(" (default `{}`)", json(default)));
            let takes = cell(&shape(&field.shape));
            let _ = writeln!(text, "| `{}`{star} | {takes} | {}{default} |", field.name, cell(summary(&field.doc)));
        }
    }
    if !info.outputs.is_empty() {
        text.push_str("\nOffers:\n");
        for output in &info.outputs {
            let _ = writeln!(text, "- `{}`: {}", output.name, output.doc);
        }
    }
    if let Some(home) = &info.home {
        let _ = write!(text, "\nA composite role, defined in `{}`.\n", home.tasks.display());
    }
    if !info.example.trim().is_empty() {
        let _ = write!(text, "\n```yaml\n{}\n```\n", info.example.trim_end());
    }
    text
}

/// A collection, as an abstract role type.
pub fn collection(name: &str, types: &[&TypeInfo]) -> String {
    let mut text = format!(
        "**{name}**\n\nAn abstract role type. `kind` chooses one of the types below; without `kind`, Seed takes the one that fits the keys.\n"
    );
    for info in types {
        let _ = write!(text, "\n- `{}`: {}", info.name, summary(&info.about));
    }
    text
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A text with a capital at its start.
pub fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

/// A value as it would be written in a spec. Secrets are shown by their place. None where it depends on what
/// is not known before the roles are there.
pub fn value(value: &Value, shape: &Shape) -> Option<String> {
    Some(match &value.data {
        Data::Null => "null".into(),
        Data::Bool(value) => value.to_string(),
        Data::Int(value) => match (shape, u64::try_from(*value)) {
            (Shape::Size, Ok(bytes)) => unit::Size(bytes).to_string(),
            (Shape::Duration, Ok(time)) => unit::Duration(time).to_string(),
            _ => value.to_string(),
        },
        Data::Float(value) => value.to_string(),
        Data::Text(text) => text.to_string(),
        Data::List(items) => {
            let inner = if let Shape::List(inner) = shape { inner } else { &Shape::ANY };
            let items: Option<Vec<_>> = items.iter().map(|item| self::value(item, inner)).collect();
            format!("[{}]", items?.join(", "))
        }
        Data::Map(entries) => {
            let entries: Option<Vec<_>> = entries
                .iter()
                .map(|(key, entry)| {
                    let inner = crate::place::inside_shape(shape, &crate::place::Segment::Key(key.to_string()));
                    Some(format!("{key}: {}", self::value(entry, &inner.unwrap_or(Shape::ANY))?))
                })
                .collect();
            format!("{{{}}}", entries?.join(", "))
        }
        Data::Secret(secret) => match &**secret {
            Secret::File(path) => format!("!secret {{file: {}}}", path.display()),
            Secret::Command(command) => format!("!secret {{command: [{}]}}", command.join(", ")),
            Secret::Env(name) => format!("!secret {{env: {name}}}"),
            Secret::Credential(name) => format!("!secret {{credential: {name}}}"),
        },
        Data::Output(_) => return None,
        Data::Template(parts) => parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.to_string(),
                Part::Output(output) => format!("${{{}.{}}}", output.role, output.output),
            })
            .collect(),
    })
}
