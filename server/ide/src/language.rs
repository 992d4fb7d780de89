//! The keys that belong to the language itself, with the shapes of their values.

use std::sync::{Arc, LazyLock};

use seed_spec::model::{HEADER_KEYS, OUTPUT_KEYS, PARAMETER_KEYS, ROLE_FILE_KEYS, ROLE_KEYS, TASKS_KEYS, VERSION};
use seed_spec::shape::{Field, Record, Shape};
use serde_json::json;

/// The keys of a spec.
pub static SPEC: LazyLock<Record> = LazyLock::new(|| record(HEADER_KEYS, header_field));

/// The keys of a role that do not depend on its type; `kind` is only for abstract ones.
pub static ROLE: LazyLock<Record> = LazyLock::new(|| record(ROLE_KEYS, role_field));

/// The keys of a composite role's `role.yml`.
pub static ROLE_FILE: LazyLock<Record> = LazyLock::new(|| record(ROLE_FILE_KEYS, role_file_field));

/// The keys of a composite role's tasks.
pub static TASKS: LazyLock<Record> =
    LazyLock::new(|| record(TASKS_KEYS, |field| Field { required: field.name == "present", ..field }));

/// The types of parameters that are one word.
const TYPES: [&str; 14] =
    ["text", "int", "bool", "size", "duration", "mode", "path", "uuid", "secret", "block", "backing", "directory", "file", "any"];
/// What an output can be.
const KINDS: [&str; 5] = ["directory", "file", "block", "backing", "text"];

fn role_file_field(field: Field) -> Field {
    let words = |words: &[&str]| Shape::Choice(words.iter().map(|word| ((*word).to_owned(), String::new())).collect());
    let parameter = |field: Field| match field.name.as_str() {
        "type" => Field { shape: words(&TYPES), required: true, ..field },
        "doc" => Field { shape: text(), ..field },
        _ => field,
    };
    let output = |field: Field| match field.name.as_str() {
        "type" => Field { shape: words(&KINDS), ..field },
        "value" => Field { required: true, ..field },
        "doc" => Field { shape: text(), ..field },
        _ => field,
    };
    let map = |record: Record| Shape::Map(Box::new(Shape::Record(Arc::new(record))));
    let shape = match field.name.as_str() {
        "parameters" => map(record(PARAMETER_KEYS, parameter)),
        "outputs" => map(record(OUTPUT_KEYS, output)),
        _ => text(),
    };
    Field { shape, required: field.name == "about", ..field }
}

fn record(keys: &[(&str, &str)], field: impl Fn(Field) -> Field) -> Record {
    let plain = |(name, doc): &(&str, &str)| Field {
        name: (*name).into(),
        doc: (*doc).into(),
        shape: Shape::ANY,
        required: false,
        default: None,
    };
    Record { fields: keys.iter().map(plain).map(field).collect() }
}

fn header_field(field: Field) -> Field {
    let (shape, required, default) = match field.name.as_str() {
        "seed" => (Shape::Int { min: VERSION, max: VERSION }, true, None),
        "name" => (text(), true, None),
        "why" => (text(), false, None),
        "vars" => (Shape::Map(Box::new(Shape::ANY)), false, None),
        "include" => (Shape::List(Box::new(Shape::Path)), false, None),
        "collections" => (Shape::Map(Box::new(collection())), false, None),
        "keep" => (Shape::Duration, false, Some(json!("7 d"))),
        "roles" => (Shape::ANY, true, None),
        _ => (Shape::ANY, false, None),
    };
    Field { shape, required, default, ..field }
}

fn role_field(field: Field) -> Field {
    let (shape, required, default) = match field.name.as_str() {
        "is" => (text(), true, None),
        "why" => (text(), false, None),
        "state" => (states(), false, Some(json!("present"))),
        "needs" => (Shape::List(Box::new(text())), false, None),
        "disposable" => (Shape::Bool, false, Some(json!(false))),
        _ => (Shape::ANY, false, None),
    };
    Field { shape, required, default, ..field }
}

fn states() -> Shape {
    let words = [
        ("present", "Apply creates it."),
        ("absent", "Apply removes it."),
        ("info", "Apply only inspects it and never changes it."),
    ];
    Shape::Choice(words.map(|(word, doc)| (word.into(), doc.into())).into())
}

/// Where composite roles come from.
fn collection() -> Shape {
    let field =
        |name: &str, doc: &str| Field { name: name.into(), doc: doc.into(), shape: text(), required: true, default: None };
    let fields = vec![field("git", "The repository: a path or a URL."), field("rev", "The tag, branch or commit.")];
    Shape::Record(Arc::new(Record { fields }))
}

fn text() -> Shape {
    Shape::Text { secret: false }
}
