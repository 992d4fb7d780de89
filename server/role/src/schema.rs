//! From a typed struct to its description: schemars reads the struct, this reads schemars.

use std::sync::Arc;

use schemars::generate::SchemaSettings;
use seed_spec::shape::{Field, Record, RefKind, Shape, TypeInfo};
use serde_json::{Map, Value as Json};

use crate::Declared;
use crate::param::SHAPE_KEY;

/// The JSON schema of a role type's parameters (draft 2020-12), all in one piece.
pub fn json_schema<T: Declared>() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The description of a role type.
pub fn type_info<T: Declared>() -> TypeInfo {
    let schema = json_schema::<T>();
    TypeInfo {
        name: T::NAME.into(),
        about: text(&schema, "description"),
        record: Arc::new(record(&schema)),
        outputs: T::OUTPUTS.iter().map(Into::into).collect(),
        example: T::EXAMPLE,
        runs_commands: T::RUNS_COMMANDS,
        home: None,
    }
}

fn text(schema: &Json, key: &str) -> String {
    schema.get(key).and_then(Json::as_str).unwrap_or_default().to_string()
}

fn record(schema: &Json) -> Record {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
    let required: Vec<&str> =
        schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    let fields = properties.iter().map(|(name, property)| Field {
        name: name.clone(),
        doc: text(property, "description"),
        shape: shape(property),
        required: required.contains(&name.as_str()),
        default: property.get("default").filter(|default| !default.is_null()).cloned(),
    });
    Record { fields: fields.collect() }
}

/// The shape that a schema stands for. The schemas come from our own structs, so what is not known here cannot
/// occur; it would be taken as anything.
fn shape(schema: &Json) -> Shape {
    if let Some(name) = schema.get(SHAPE_KEY).and_then(Json::as_str) {
        return named(name);
    }
    if let Some(alternatives) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Json::as_array) {
        return one_of(alternatives);
    }
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return Shape::Choice(words.iter().filter_map(Json::as_str).map(|word| (word.to_string(), String::new())).collect());
    }
    match type_word(schema) {
        Some("boolean") => Shape::Bool,
        Some("integer") => integer(schema),
        Some("string") => Shape::Text { secret: false },
        Some("array") => Shape::List(Box::new(schema.get("items").map_or(Shape::ANY, shape))),
        Some("object") if schema.get("properties").is_some() => Shape::Record(Arc::new(record(schema))),
        Some("object") => Shape::Map(Box::new(schema.get("additionalProperties").map_or(Shape::ANY, shape))),
        _ => Shape::ANY,
    }
}

/// The type of a schema, without the `null` that an optional field adds.
fn type_word(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::String(word) => Some(word),
        Json::Array(words) => words.iter().filter_map(Json::as_str).find(|word| *word != "null"),
        _ => None,
    }
}

fn one_of(alternatives: &[Json]) -> Shape {
    let words: Option<Vec<(String, String)>> =
        alternatives.iter().map(|one| Some((one.get("const")?.as_str()?.to_string(), text(one, "description")))).collect();
    if let Some(words) = words {
        return Shape::Choice(words);
    }
    let mut shapes: Vec<Shape> = alternatives.iter().filter(|one| type_word(one) != Some("null")).map(shape).collect();
    if shapes.len() == 1 { shapes.remove(0) } else { Shape::OneOf(shapes) }
}

fn integer(schema: &Json) -> Shape {
    let limit = |key: &str| schema.get(key).and_then(Json::as_i64);
    let (least, greatest) = match schema.get("format").and_then(Json::as_str) {
        Some("uint8") => (0, i64::from(u8::MAX)),
        Some("uint16") => (0, i64::from(u16::MAX)),
        Some("uint32") => (0, i64::from(u32::MAX)),
        Some("uint64" | "uint") => (0, i64::MAX),
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    Shape::Int { min: limit("minimum").unwrap_or(least), max: limit("maximum").unwrap_or(greatest) }
}

fn named(name: &str) -> Shape {
    match name {
        "size" => Shape::Size,
        "duration" => Shape::Duration,
        "mode" => Shape::Mode,
        "path" => Shape::Path,
        "uuid" => Shape::Uuid,
        "block" => Shape::Reference(RefKind::Block),
        "backing" => Shape::Reference(RefKind::Backing),
        "content" => Shape::Text { secret: true },
        "anything" => Shape::Any { secret: true },
        _ => Shape::ANY,
    }
}
