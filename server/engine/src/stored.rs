//! Parameters as JSON: first with references left open, as the journal keeps them, then filled in.
//!
//! `{"$output": {"role", "output"}}` stands for another role's device or path, `{"$template": […]}` for text
//! with outputs in it, `{"$secret": …}` for a secret's place. Only the latter reaches a role.

use seed_role::param::{BlockRef, Output, UNKNOWN_OUTPUT, unknown_output};
use seed_spec::shape::{Record, Shape};
use seed_spec::value::{Data, OutputRef, Part, Value};
use serde_json::{Map, Value as Json, json};

/// Parameters with references left open.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The parameters, an object.
    pub json: Json,
    /// Whether they hold an output of another role.
    pub dynamic: bool,
}

/// Stores the parameters of a role.
pub fn store(params: &[(std::sync::Arc<str>, Value)], record: &Record) -> Stored {
    let mut dynamic = false;
    let entries = params.iter().map(|(name, value)| {
        let shape = record.field(name).map_or(&Shape::ANY, |field| &field.shape);
        (name.to_string(), store_value(value, shape, &mut dynamic))
    });
    let json = Json::Object(entries.collect());
    Stored { json, dynamic }
}

fn store_value(value: &Value, shape: &Shape, dynamic: &mut bool) -> Json {
    match &value.data {
        Data::Null => Json::Null,
        Data::Bool(flag) => Json::Bool(*flag),
        Data::Int(number) => json!(number),
        Data::Float(number) => json!(number),
        Data::Text(text) => Json::String(text.to_string()),
        Data::List(items) => {
            let shape = if let Shape::List(inner) = shape { inner } else { &Shape::ANY };
            Json::Array(items.iter().map(|item| store_value(item, shape, dynamic)).collect())
        }
        Data::Map(entries) => {
            let shape_of = |name: &str| match shape {
                Shape::Record(record) => record.field(name).map(|field| &field.shape),
                Shape::Map(inner) => Some(&**inner),
                _ => None,
            };
            let entries = entries
                .iter()
                .map(|(name, value)| (name.to_string(), store_value(value, shape_of(name).unwrap_or(&Shape::ANY), dynamic)));
            Json::Object(entries.collect())
        }
        Data::Secret(secret) => json!({ "$secret": &**secret }),
        Data::Output(output) => {
            *dynamic = true;
            match shape {
                Shape::Reference(_) => json!({ "$output": output_json(output) }),
                _ => json!({ "$template": [output_json(output)] }),
            }
        }
        Data::Template(parts) => {
            *dynamic = true;
            let parts = parts.iter().map(|part| match part {
                Part::Text(text) => Json::String(text.to_string()),
                Part::Output(output) => output_json(output),
            });
            json!({ "$template": parts.collect::<Vec<_>>() })
        }
    }
}

fn output_json(output: &OutputRef) -> Json {
    json!({ "role": &*output.role, "output": &*output.output })
}

/// Fills outputs in. `look_up` gives an output by role and name; none counts as unknown.
pub fn fill(json: &Json, look_up: &dyn Fn(&str, &str) -> Option<Output>) -> Json {
    match json {
        Json::Array(items) => Json::Array(items.iter().map(|item| fill(item, look_up)).collect()),
        Json::Object(entries) => fill_object(entries, look_up),
        scalar => scalar.clone(),
    }
}

fn fill_object(entries: &Map<String, Json>, look_up: &dyn Fn(&str, &str) -> Option<Output>) -> Json {
    if let Some(output) = entries.get("$output") {
        let (role, name) = names(output);
        let of = format!("{role}.{name}");
        return match look_up(role, name) {
            Some(Output::Block(block)) => json!(BlockRef { of: Some(of), ..block }),
            Some(Output::Text(path)) => json!(BlockRef { of: Some(of), path: Some(path.into()), bytes: None }),
            Some(Output::Unknown) | None => json!(BlockRef { of: Some(of), path: None, bytes: None }),
        };
    }
    if let Some(Json::Array(parts)) = entries.get("$template") {
        let parts = parts.iter().map(|part| match part {
            Json::String(text) => text.clone(),
            output => {
                let (role, name) = names(output);
                match look_up(role, name) {
                    Some(Output::Text(text)) => text,
                    Some(Output::Block(BlockRef { path: Some(path), .. })) => path.display().to_string(),
                    _ => unknown_output(&format!("{role}.{name}")),
                }
            }
        });
        return Json::String(parts.collect());
    }
    Json::Object(entries.iter().map(|(name, value)| (name.clone(), fill(value, look_up))).collect())
}

fn names(output: &Json) -> (&str, &str) {
    let name = |key: &str| output.get(key).and_then(Json::as_str).unwrap_or_default();
    (name("role"), name("output"))
}

/// The names of the roles that stored parameters refer to.
pub fn references(json: &Json, visit: &mut dyn FnMut(&str)) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| references(item, visit)),
        Json::Object(entries) => {
            if let (Some(Json::String(role)), Some(Json::String(_))) = (entries.get("role"), entries.get("output"))
                && entries.len() == 2
            {
                visit(role);
                return;
            }
            entries.values().for_each(|value| references(value, visit));
        }
        _ => {}
    }
}

/// Gives the roles that stored parameters refer to other names, as `rename` has them.
pub fn rename(json: &mut Json, rename: &dyn Fn(&str) -> Option<String>) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| self::rename(item, rename)),
        Json::Object(entries) => {
            if entries.len() == 2
                && entries.get("output").is_some_and(Json::is_string)
                && let Some(Json::String(role)) = entries.get_mut("role")
            {
                if let Some(name) = rename(role) {
                    *role = name;
                }
                return;
            }
            entries.values_mut().for_each(|value| self::rename(value, rename));
        }
        _ => {}
    }
}

/// The names of the roles whose devices or files stored parameters rest on.
pub fn foundations(json: &Json, visit: &mut dyn FnMut(&str)) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| foundations(item, visit)),
        Json::Object(entries) => match entries.get("$output") {
            Some(output) => visit(names(output).0),
            None => entries.values().for_each(|value| foundations(value, visit)),
        },
        _ => {}
    }
}

/// Visits the places of the secrets in stored parameters.
pub fn secrets<'a>(json: &'a Json, visit: &mut dyn FnMut(&'a Json)) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| secrets(item, visit)),
        Json::Object(entries) => match entries.get("$secret") {
            Some(secret) => visit(secret),
            None => entries.values().for_each(|value| secrets(value, visit)),
        },
        _ => {}
    }
}

/// Whether there is a secret in a stored parameter.
pub fn holds_secret(json: &Json) -> bool {
    let mut found = false;
    secrets(json, &mut |_| found = true);
    found
}

/// The commands that stored parameters run to get secrets.
pub fn secret_commands(json: &Json) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    secrets(json, &mut |secret| {
        if let Some(Json::Array(words)) = secret.get("command") {
            commands.push(words.iter().filter_map(|word| word.as_str().map(String::from)).collect());
        }
    });
    commands
}

/// Whether stored parameters run a command to get a secret.
pub fn runs_secret_command(json: &Json) -> bool {
    !secret_commands(json).is_empty()
}

/// Whether parameters are those that were planned: the same but for outputs that were not known then.
pub fn is_as_planned(planned: &Json, now: &Json) -> bool {
    match (planned, now) {
        (Json::String(planned), Json::String(now)) => text_is_as_planned(planned, now),
        (Json::Array(planned), Json::Array(now)) => {
            planned.len() == now.len() && planned.iter().zip(now).all(|(planned, now)| is_as_planned(planned, now))
        }
        (Json::Object(planned), Json::Object(now)) if planned.contains_key("of") && planned.contains_key("path") => {
            planned.get("of") == now.get("of") && (planned["path"].is_null() || planned.get("path") == now.get("path"))
        }
        (Json::Object(planned), Json::Object(now)) => {
            let is_same = |(name, planned): (&String, &Json)| now.get(name).is_some_and(|now| is_as_planned(planned, now));
            planned.len() == now.len() && planned.iter().all(is_same)
        }
        (planned, now) => planned == now,
    }
}

/// The same for a text in which [`unknown_output`] may stand for any text.
fn text_is_as_planned(planned: &str, now: &str) -> bool {
    let Some((before, rest)) = planned.split_once(UNKNOWN_OUTPUT) else { return planned == now };
    let Some((_, after)) = rest.split_once('›') else { return planned == now };
    let Some(now) = now.strip_prefix(before) else { return false };
    now.char_indices().map(|(at, _)| at).chain([now.len()]).any(|at| text_is_as_planned(after, &now[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_known_when_it_was_planned_may_be_anything() {
        let planned =
            json!({"args": ["cp", "‹a.path›/x", "to ‹b.info›!"], "on": {"of": "l.device", "path": null, "bytes": null}});
        let now =
            |from: &str, to: &str| json!({"args": ["cp", from, to], "on": {"of": "l.device", "path": "/dev/loop1", "bytes": 1}});
        assert!(is_as_planned(&planned, &now("/srv/x", "to you!")));
        assert!(!is_as_planned(&planned, &now("/srv/y", "to you!")), "what was known is as it was");
        assert!(!is_as_planned(&planned, &now("/srv/x", "at you!")));
        assert!(!is_as_planned(&json!({"a": "1"}), &json!({"a": "1", "b": 2})));
    }
}
