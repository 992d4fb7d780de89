//! The reference of all role types, as a document.

use std::fmt::Write;

use seed_collections::catalog;
use seed_spec::Shape;
use seed_spec::model::{HEADER_KEYS, ROLE_KEYS};
use seed_spec::shape::{Field, Record, RefKind, TypeInfo};
use serde_json::Value as Json;

/// The reference of the language's keys and of all role types, in Markdown.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Reference\n\n<!-- Written by `seed types --markdown` from the role types themselves; do not edit it. -->\n\n\
         The keys of a spec, and all role types. The [how-to guides](index.md) show them in use. [Diagnostics](diagnostics.md) explains\n\
         mistakes.\n\n",
    );
    contents(&mut out);
    out.push_str("## Keys of a spec\n\n");
    keys(&mut out, HEADER_KEYS);
    out.push_str("\n## Keys of every role\n\n");
    keys(&mut out, ROLE_KEYS);
    for collection in catalog().collections() {
        let _ = write!(out, "\n## {collection}\n");
        for info in catalog().types().filter(|info| info.collection() == collection) {
            role_type(&mut out, info);
        }
    }
    out
}

fn contents(out: &mut String) {
    for collection in catalog().collections() {
        let types = catalog().types().filter(|info| info.collection() == collection);
        let links: Vec<String> = types.map(|info| format!("[`{}`](#{})", info.name, anchor(&info.name))).collect();
        let _ = writeln!(out, "- {collection}: {}", links.join(", "));
    }
    out.push('\n');
}

/// The anchor that renderers make from a heading: the dot goes, and so does what else is no letter.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_' || *letter == '-').collect()
}

fn keys(out: &mut String, keys: &[(&str, &str)]) {
    out.push_str("| key | meaning |\n| --- | --- |\n");
    for (name, doc) in keys {
        let _ = writeln!(out, "| `{name}` | {} |", cell(doc));
    }
}

fn role_type(out: &mut String, info: &TypeInfo) {
    let _ = write!(out, "\n### {}\n\n{}\n", info.name, info.about);
    if info.runs_commands {
        out.push_str("\nIt runs commands that the spec names, and so needs `seed trust`.\n");
    }
    if !info.record.fields.is_empty() {
        out.push_str("\n| parameter | takes | default | meaning |\n| --- | --- | --- | --- |\n");
        fields(out, &info.record, "");
    }
    if !info.outputs.is_empty() {
        let _ = write!(out, "\n| output | is | meaning |\n| --- | --- | --- |\n");
        for output in &info.outputs {
            let _ = writeln!(out, "| `{}` | {} | {} |", output.name, output.kind.words(), cell(&output.doc));
        }
    }
    let _ = write!(out, "\n```yaml\n{}\n```\n", info.example.trim_end());
}

fn fields(out: &mut String, record: &Record, within: &str) {
    for field in &record.fields {
        let name = format!("{within}{}", field.name);
        let _ = writeln!(
            out,
            "| `{name}` | {} | {} | {} |",
            cell(&takes(&field.shape)),
            default(field),
            cell(&format!("{}{}", field.doc, choices(&field.shape)))
        );
        if let Some((inner, between)) = inner(&field.shape) {
            fields(out, inner, &format!("{name}{between}"));
        }
    }
}

/// The record that is behind a field, and what stands between their names.
fn inner(shape: &Shape) -> Option<(&Record, &'static str)> {
    match shape {
        Shape::Record(record) => Some((record, ".")),
        Shape::Map(values) => inner(values).map(|(record, _)| (record, ".NAME.")),
        Shape::List(items) => inner(items).map(|(record, _)| (record, "[].")),
        _ => None,
    }
}

fn default(field: &Field) -> String {
    match &field.default {
        _ if field.required => "required".into(),
        Some(Json::String(text)) => format!("`{text}`"),
        Some(value) => format!("`{value}`"),
        None => String::new(),
    }
}

/// What a parameter takes, in a few words.
fn takes(shape: &Shape) -> String {
    match shape {
        Shape::List(items) => format!("a list: {}", takes(items)),
        Shape::Map(values) => format!("a mapping of names: {}", takes(values)),
        Shape::Record(_) => "a mapping".into(),
        Shape::Choice(words) => words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::OneOf(shapes) => shapes.iter().map(takes).collect::<Vec<_>>().join(" or "),
        Shape::Text { secret: true } => "text, or a `!secret`".into(),
        Shape::Any { secret: true } => "any value, `!secret` among them".into(),
        Shape::Reference(RefKind::Text) => "text".into(),
        other => other.words(),
    }
}

/// What each word of a choice stands for, where that is said.
fn choices(shape: &Shape) -> String {
    let Shape::Choice(words) = shape else { return String::new() };
    words.iter().filter(|(_, doc)| !doc.is_empty()).map(|(word, doc)| format!(" <br>`{word}`: {doc}")).collect()
}

/// A text as it stands in a cell of a table: in one line, its bars escaped.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
