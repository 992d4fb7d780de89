//! The JSON schema (draft 2020-12) of specs, for editors that know YAML but nothing of Seed.
//!
//! It is wider than the checks: where they take `${…}`, it takes any text with an interpolation in it, and of references
//! it knows only that they are text.

use std::sync::Arc;

use seed_collections::{REGISTRY, catalog};
use seed_role::param::SHAPE_KEY;
use seed_role::registry::RoleType;
use seed_spec::model::{HEADER_KEYS, ROLE_KEYS, VERSION};
use seed_spec::shape::{KIND, TypeInfo};
use seed_spec::{Catalog, Shape};
use serde_json::{Map, Value as Json, json};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// What a text with an interpolation in it looks like.
pub(super) const INTERPOLATED: &str = r"\$\{";
/// What names a role: letters, digits, `_` and `-`, the first no `-`.
const ROLE_NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_-]*$";
/// What names a spec.
const SPEC_NAME: &str = "^[a-z0-9][a-z0-9._-]{0,63}$";
/// What the name of a role cannot be, since it means another thing in an interpolation.
const TAKEN: [&str; 3] = ["vars", "env", "each"];

/// The schema of a spec that can name what is in a catalogue: the built-in types, and composite roles of it.
pub fn spec_schema(known: &Catalog) -> Json {
    let mut definitions = Map::new();
    definitions.insert("role".into(), role(known));
    for collection in catalog().collections() {
        definitions.insert(collection.into(), abstract_role(collection));
    }
    for role_type in REGISTRY.types() {
        definitions.insert(role_type.name.into(), entry(role_type));
    }
    for info in composites(known) {
        definitions.insert(info.name.to_string(), super::composite::entry(info));
    }
    json!({
        "$schema": DRAFT,
        "title": "Seed spec",
        "description": "A small infrastructure: what there is to be, and why.",
        "type": "object",
        "properties": documented(HEADER_KEYS, header_key),
        "required": ["seed"],
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// The schema of an entry under `roles:` of one type; none if there is no such type.
pub fn type_schema(name: &str, known: &Catalog) -> Option<Json> {
    let entry = match REGISTRY.get(name) {
        Some(role_type) => entry(role_type),
        None => super::composite::entry(composites(known).find(|info| info.name == name)?),
    };
    let mut schema = json!({ "$schema": DRAFT, "title": name });
    if let (Some(whole), Json::Object(entry)) = (schema.as_object_mut(), entry) {
        whole.extend(entry);
    }
    Some(schema)
}

fn composites(known: &Catalog) -> impl Iterator<Item = &Arc<TypeInfo>> {
    known.types().filter(|info| info.home.is_some())
}

/// Properties for keys that each have a sentence of documentation.
pub(super) fn documented(keys: &[(&str, &str)], schema: impl Fn(&str) -> Json) -> Map<String, Json> {
    let documented = |(name, doc): &(&str, &str)| {
        let mut schema = schema(name);
        schema["description"] = json!(doc);
        (name.to_string(), schema)
    };
    keys.iter().map(documented).collect()
}

fn header_key(name: &str) -> Json {
    let path = json!({ "type": "string", "pattern": r"^(/|\./|\.\./|~/)", "patternErrorMessage": Shape::Path.words() });
    match name {
        "seed" => json!({ "const": VERSION }),
        "name" => json!({ "type": "string", "pattern": SPEC_NAME }),
        "vars" => json!({ "type": ["object", "null"] }),
        "include" => json!({ "anyOf": [path, { "type": "array", "items": path }] }),
        "collections" => json!({
            "type": ["object", "null"],
            "additionalProperties": {
                "type": "object",
                "properties": { "git": text(), "path": text(), "rev": text() },
                "additionalProperties": false,
            },
        }),
        "roles" => json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": ROLE_NAME, "not": { "enum": TAKEN } },
            "additionalProperties": { "$ref": "#/$defs/role" },
        }),
        "keep" => json!({ "type": "string" }),
        _ => text(),
    }
}

pub(super) fn role_key(name: &str) -> Json {
    match name {
        "state" => choice(&[
            ("present", "It is to be there."),
            ("absent", "It must not exist."),
            ("info", "It is only looked at, and can be referred to."),
        ]),
        "needs" => json!({ "anyOf": [text(), { "type": "array", "items": text() }] }),
        "for_each" => json!({ "type": ["array", "object", "string"], "pattern": INTERPOLATED }),
        "when" => json!({ "type": ["string", "boolean"] }),
        "disposable" => json!({ "type": ["boolean", "string"], "pattern": INTERPOLATED }),
        "is" | KIND => json!({ "type": "string" }),
        _ => text(),
    }
}

/// What `is:` says decides what else there can be.
fn role(known: &Catalog) -> Json {
    let types = REGISTRY.types().map(|role_type| (role_type.name, summary((role_type.info)().about)));
    let collections = catalog().collections().into_iter();
    let collections =
        collections.map(|name| (name, format!("One of the collection `{name}`, chosen by `{KIND}` or by what the host offers.")));
    let own = composites(known).map(|info| (&*info.name, summary(info.about.clone())));
    let words: Vec<Json> =
        types.chain(collections).chain(own).map(|(word, doc)| json!({ "const": word, "description": doc })).collect();
    let mut cases: Vec<Json> = Vec::new();
    for role_type in REGISTRY.types() {
        // Which type a concrete one is, is not to be chosen once more.
        let mut then = reference(role_type.name);
        then["properties"] = json!({ KIND: false });
        cases.push(when("is", role_type.name, then));
    }
    cases.extend(catalog().collections().into_iter().map(|name| when("is", name, reference(name))));
    cases.extend(composites(known).map(|info| {
        let mut then = reference(&info.name);
        then["properties"] = json!({ KIND: false });
        when("is", &info.name, then)
    }));
    json!({
        "type": "object",
        "properties": { "is": { "oneOf": words, "description": "What it is." } },
        "required": ["is"],
        "allOf": cases,
    })
}

/// A role whose type is left to `kind`, or to the host.
fn abstract_role(collection: &str) -> Json {
    let types: Vec<&RoleType> = REGISTRY.types().filter(|role_type| collection_of(role_type) == collection).collect();
    let kinds: Vec<(&str, String)> = types
        .iter()
        .map(|role_type| (role_type.name.split_once('.').map_or("", |(_, kind)| kind), summary((role_type.info)().about)))
        .collect();
    let named: Vec<Json> =
        kinds.iter().zip(&types).map(|((kind, _), role_type)| when(KIND, kind, reference(role_type.name))).collect();
    let any: Vec<Json> = types.iter().map(|role_type| reference(role_type.name)).collect();
    let words: Vec<(&str, &str)> = kinds.iter().map(|(kind, doc)| (*kind, doc.as_str())).collect();
    json!({
        "properties": { KIND: choice(&words) },
        "if": { "required": [KIND] },
        "then": { "allOf": named },
        "else": { "anyOf": any },
    })
}

fn collection_of(role_type: &RoleType) -> &'static str {
    role_type.name.split_once('.').map_or(role_type.name, |(collection, _)| collection)
}

fn reference(definition: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

fn when(key: &str, word: &str, then: Json) -> Json {
    json!({ "if": { "properties": { key: { "const": word } }, "required": [key] }, "then": then })
}

/// An entry of one type: the keys that every role has, and its parameters.
fn entry(role_type: &RoleType) -> Json {
    let parameters = (role_type.json_schema)();
    let mut properties = documented(ROLE_KEYS, role_key);
    for (name, schema) in parameters.get("properties").and_then(Json::as_object).into_iter().flatten() {
        properties.insert(name.clone(), widened(schema));
    }
    let mut required = vec![json!("is")];
    required.extend(parameters.get("required").and_then(Json::as_array).into_iter().flatten().cloned());
    json!({
        "description": (role_type.info)().about,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn summary(about: String) -> String {
    about.lines().next().unwrap_or_default().to_string()
}

/// Text: any scalar stands for what is written.
pub(super) fn text() -> Json {
    json!({ "type": ["string", "number", "boolean"] })
}

pub(super) fn interpolated() -> Json {
    json!({ "type": "string", "pattern": INTERPOLATED })
}

pub(super) fn choice(words: &[(&str, &str)]) -> Json {
    let words = words.iter().map(|(word, doc)| json!({ "const": word, "description": doc }));
    json!({ "oneOf": words.chain([interpolated()]).collect::<Vec<_>>() })
}

/// What may stand in a spec where a parameter has this schema: interpolations besides, and no `null`.
fn widened(schema: &Json) -> Json {
    let mut wide = widened_shape(schema);
    for key in ["description", "default"] {
        if let Some(value) = schema.get(key).filter(|value| !value.is_null()) {
            wide[key] = value.clone();
        }
    }
    wide
}

fn widened_shape(schema: &Json) -> Json {
    if let Some(name) = schema.get(SHAPE_KEY).and_then(Json::as_str) {
        return unit(name, schema);
    }
    if let Some(alternatives) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Json::as_array) {
        let there: Vec<&Json> = alternatives.iter().filter(|one| one.get("type") != Some(&json!("null"))).collect();
        return match there.as_slice() {
            [only] => widened(only),
            words if words.iter().all(|one| one.get("const").is_some()) => {
                let words = words.iter().map(|one| json!({ "const": one["const"], "description": one["description"] }));
                json!({ "oneOf": words.chain([interpolated()]).collect::<Vec<_>>() })
            }
            several => json!({ "anyOf": several.iter().map(|one| widened(one)).collect::<Vec<_>>() }),
        };
    }
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        let words = words.iter().filter(|word| !word.is_null()).map(|word| json!({ "const": word }));
        return json!({ "oneOf": words.chain([interpolated()]).collect::<Vec<_>>() });
    }
    let kind = match schema.get("type") {
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null"),
        kind => kind.and_then(Json::as_str),
    };
    match kind {
        Some("string") => text(),
        Some("array") => {
            let items = schema.get("items").map_or(json!(true), widened);
            json!({ "type": ["array", "string"], "items": items, "pattern": INTERPOLATED })
        }
        Some("object") => object(schema),
        Some(kind) => {
            let mut wide = json!({ "type": [kind, "string"], "pattern": INTERPOLATED });
            for limit in ["minimum", "maximum"] {
                if let Some(value) = schema.get(limit) {
                    wide[limit] = value.clone();
                }
            }
            wide
        }
        None => json!({}),
    }
}

fn object(schema: &Json) -> Json {
    let mut wide = json!({ "type": ["object", "string"], "pattern": INTERPOLATED });
    if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
        let properties: Map<String, Json> = properties.iter().map(|(name, schema)| (name.clone(), widened(schema))).collect();
        wide["properties"] = Json::Object(properties);
        wide["additionalProperties"] = json!(false);
        match schema.get("required") {
            Some(required) => wide["required"] = required.clone(),
            // Where nothing has to be said, nothing may be.
            None => wide["type"] = json!(["object", "string", "null"]),
        }
    } else if let Some(values) = schema.get("additionalProperties") {
        wide["additionalProperties"] = widened(values);
    }
    wide
}

/// What JSON schema has no word for: units, references, secrets.
fn unit(name: &str, schema: &Json) -> Json {
    let shape = match name {
        "size" => Shape::Size,
        "duration" => Shape::Duration,
        "mode" => Shape::Mode,
        "path" => Shape::Path,
        "uuid" => Shape::Uuid,
        "content" => return content(),
        _ => return json!({ "type": "string" }),
    };
    let pattern = schema.get("pattern").and_then(Json::as_str).unwrap_or_default();
    // YAML reads a mode that is not in quotes as a number.
    let types = if shape == Shape::Mode { json!(["string", "integer"]) } else { json!("string") };
    json!({ "type": types, "pattern": format!("({pattern})|({INTERPOLATED})"), "patternErrorMessage": shape.words() })
}

/// Text, or a `!secret`, which stands for where it is to be had.
pub(super) fn content() -> Json {
    let list = json!({ "type": "array", "items": text() });
    json!({
        "type": ["string", "number", "boolean", "object"],
        "properties": { "file": text(), "command": list, "env": text(), "credential": text() },
        "additionalProperties": false,
        "maxProperties": 1,
    })
}
