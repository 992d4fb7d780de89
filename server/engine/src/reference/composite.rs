//! The JSON schema of composite roles: of their parameters' shapes.

use seed_spec::Shape;
use seed_spec::model::ROLE_KEYS;
use seed_spec::shape::{Record, TypeInfo};
use seed_spec::unit::{Duration, Mode, Size};
use serde_json::{Map, Value as Json, json};

use super::schema::{INTERPOLATED, choice, content, documented, interpolated, role_key, text};

/// The schema of a composite role's parameters.
pub fn composite_schema(info: &TypeInfo) -> Json {
    let mut schema = record(&info.record);
    schema["title"] = json!(info.name);
    schema["description"] = json!(info.about);
    schema
}

/// The schema of an entry under `roles:` that uses a composite role.
pub(super) fn entry(info: &TypeInfo) -> Json {
    let mut properties = documented(ROLE_KEYS, role_key);
    properties.extend(fields(&info.record));
    let mut required = vec![json!("is")];
    required.extend(info.record.fields.iter().filter(|field| field.required).map(|field| json!(field.name)));
    json!({
        "description": info.about,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn record(record: &Record) -> Json {
    let required: Vec<&str> = record.fields.iter().filter(|field| field.required).map(|field| field.name.as_str()).collect();
    json!({ "type": "object", "properties": fields(record), "required": required, "additionalProperties": false })
}

fn fields(record: &Record) -> Map<String, Json> {
    let field = |field: &seed_spec::shape::Field| {
        let mut schema = of_shape(&field.shape);
        if !field.doc.is_empty() {
            schema["description"] = json!(field.doc);
        }
        if let Some(default) = &field.default {
            schema["default"] = default.clone();
        }
        (field.name.clone(), schema)
    };
    record.fields.iter().map(field).collect()
}

/// What may stand in a spec where a shape is wanted: interpolations besides.
fn of_shape(shape: &Shape) -> Json {
    let or_interpolated = |kind: &str| json!({ "type": [kind, "string"], "pattern": INTERPOLATED });
    let unit = |example: &str| json!({ "type": ["string", "integer"], "examples": [example] });
    match shape {
        Shape::Any { .. } => json!({}),
        Shape::Bool => or_interpolated("boolean"),
        Shape::Int { min, max } => {
            let mut schema = or_interpolated("integer");
            if *min > i64::MIN {
                schema["minimum"] = json!(min);
            }
            if *max < i64::MAX {
                schema["maximum"] = json!(max);
            }
            schema
        }
        Shape::Text { secret: true } => content(),
        Shape::Text { secret: false } => text(),
        Shape::Size => unit(&Size(4 << 30).to_string()),
        Shape::Duration => unit(&Duration(90_000).to_string()),
        Shape::Mode => unit(&Mode(0o640).to_string()),
        Shape::Path | Shape::Uuid | Shape::Reference(_) => json!({ "type": "string" }),
        Shape::Choice(words) => {
            let words: Vec<(&str, &str)> = words.iter().map(|(word, doc)| (word.as_str(), doc.as_str())).collect();
            choice(&words)
        }
        Shape::List(inner) => {
            let mut schema = or_interpolated("array");
            schema["items"] = of_shape(inner);
            schema
        }
        Shape::Map(inner) => {
            let mut schema = or_interpolated("object");
            schema["additionalProperties"] = of_shape(inner);
            schema
        }
        Shape::Record(inner) => json!({ "anyOf": [record(inner), interpolated()] }),
        Shape::OneOf(shapes) => json!({ "anyOf": shapes.iter().map(of_shape).collect::<Vec<_>>() }),
    }
}
