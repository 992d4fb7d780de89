//! What is there, compared with the spec, and as a spec.

use std::collections::{HashMap, HashSet};

use seed_role::attrs::{HIDDEN, Observation};
use seed_spec::analysis::State;
use seed_spec::analysis::interpolate::OPEN;
use seed_spec::shape::{Record, Shape};
use seed_spec::unit::{Duration, Size};
use serde_json::{Map, Value as Json, json};
use serde_yaml::Value as Yaml;

use crate::plan::{Action, Plan, PlannedRole};
use crate::project::Project;
use crate::stored;

/// Whether all roles are as the spec says.
pub fn is_as_the_spec_says(plan: &Plan) -> bool {
    plan.roles.iter().all(|planned| planned.action == Action::None && planned.changes.is_empty())
}

/// The word for what is seen of a role.
pub fn state_word(planned: &PlannedRole) -> &'static str {
    match &planned.seen {
        Observation::Absent => "absent",
        Observation::Unknown(_) => "unknown",
        Observation::Present(seen) if seen.get(HIDDEN).is_some() => "drifted",
        Observation::Present(_) if planned.changes.is_empty() => "present",
        Observation::Present(_) => "drifted",
    }
}

/// The plan for `present`, as `seed info --json` prints it.
pub fn json(plan: &Plan) -> Json {
    let roles = plan.roles.iter().map(|planned| {
        let drift: Vec<Json> = match &planned.seen {
            Observation::Present(_) => planned
                .changes
                .iter()
                .map(|change| json!({"field": change.field, "want": change.to, "have": change.from}))
                .collect(),
            _ => Vec::new(),
        };
        let reason = match &planned.seen {
            Observation::Unknown(reason) => Some(reason.as_str()),
            _ => planned.reason.as_deref(),
        };
        json!({
            "role": &*planned.role,
            "is": planned.is,
            "state": state_word(planned),
            "observed": planned.seen.attrs().map_or_else(|| json!({}), |attrs| json!(attrs)),
            "drift": drift,
            "reason": reason,
        })
    });
    json!({ "roles": roles.collect::<Vec<_>>() })
}

/// What is there, as a spec whose plan is empty: the spec's own words, with what differs taken from the machine.
///
/// # Errors
///
/// When it cannot be written as YAML.
pub fn as_spec(project: &Project, plan: &Plan) -> Result<String, serde_yaml::Error> {
    let mut roles = serde_yaml::Mapping::new();
    let names = spoken_names(plan);
    for planned in &plan.roles {
        let node = &project.graph.nodes[planned.node];
        let Some(info) = seed_collections::catalog().get(node.role_type.name) else { continue };
        let mut role = serde_yaml::Mapping::new();
        role.insert("is".into(), node.role_type.name.into());
        if let Some(why) = &node.why {
            role.insert("why".into(), (&**why).into());
        }
        let mut params = node.params.json.as_object().cloned().unwrap_or_default();
        match &planned.seen {
            Observation::Present(_) => overlay(&mut params, planned, &info.record),
            Observation::Absent => drop(role.insert("state".into(), "absent".into())),
            Observation::Unknown(_) => drop(role.insert("state".into(), "info".into())),
        }
        if node.state == State::Info {
            role.insert("state".into(), "info".into());
        }
        if node.disposable {
            role.insert("disposable".into(), true.into());
        }
        for (name, value) in &params {
            let shape = info.record.field(name).map_or(&Shape::ANY, |field| &field.shape);
            role.insert(name.as_str().into(), spoken(value, shape, &names)?);
        }
        roles.insert(spoken_name(&planned.role, &names).into(), role.into());
    }
    let mut spec = serde_yaml::Mapping::new();
    spec.insert("seed".into(), 1.into());
    spec.insert("name".into(), project.analysis.name.as_deref().unwrap_or("live").into());
    if let Some(why) = &project.analysis.why {
        spec.insert("why".into(), (&**why).into());
    }
    spec.insert("roles".into(), roles.into());
    serde_yaml::to_string(&Yaml::Mapping(spec))
}

/// The names under which roles are written that could not be written as they are called: those of loops, and parts of
/// composite roles.
fn spoken_names(plan: &Plan) -> HashMap<&str, String> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let (plain, others): (Vec<&str>, Vec<&str>) =
        plan.roles.iter().map(|planned| &*planned.role).partition(|name| name.chars().all(is_letter));
    let mut taken: HashSet<String> = plain.into_iter().map(str::to_owned).collect();
    let mut names = HashMap::new();
    for name in others {
        let letters: String = name.chars().map(|letter| if is_letter(letter) { letter } else { '-' }).collect();
        let base = letters.trim_matches('-');
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let free = std::iter::once(base.to_owned()).chain(numbered).find(|name| !taken.contains(name));
        let free = free.unwrap_or_default();
        taken.insert(free.clone());
        names.insert(name, free);
    }
    names
}

fn spoken_name<'n>(name: &'n str, names: &'n HashMap<&str, String>) -> &'n str {
    names.get(name).map_or(name, String::as_str)
}

/// Takes what differs from the machine, as far as parameters have a word for it. A secret stays what the spec says it is: what
/// stands in its place is not told.
fn overlay(params: &mut Map<String, Json>, planned: &PlannedRole, record: &Record) {
    for change in planned.changes.iter().filter(|change| record.field(&change.field).is_some()) {
        if params.get(&change.field).is_some_and(stored::holds_secret) {
            continue;
        }
        if change.from.is_null() {
            params.remove(&change.field);
        } else {
            params.insert(change.field.clone(), change.from.clone());
        }
    }
}

/// A stored parameter in the notation of the spec.
fn spoken(value: &Json, shape: &Shape, names: &HashMap<&str, String>) -> Result<Yaml, serde_yaml::Error> {
    Ok(match (value, shape) {
        (Json::Number(number), Shape::Size) => Size(number.as_u64().unwrap_or_default()).to_string().into(),
        (Json::Number(number), Shape::Duration) => Duration(number.as_u64().unwrap_or_default()).to_string().into(),
        (Json::Array(items), _) => {
            let inner = if let Shape::List(inner) = shape { inner } else { &Shape::ANY };
            Yaml::Sequence(items.iter().map(|item| spoken(item, inner, names)).collect::<Result<_, _>>()?)
        }
        (Json::Object(entries), _) => object(entries, shape, names)?,
        (Json::String(text), _) => literal(text).into(),
        (scalar, _) => serde_yaml::to_value(scalar)?,
    })
}

/// Text that means itself: nothing in it is an interpolation.
fn literal(text: &str) -> String {
    text.replace(OPEN, &format!("${OPEN}"))
}

fn object(entries: &Map<String, Json>, shape: &Shape, names: &HashMap<&str, String>) -> Result<Yaml, serde_yaml::Error> {
    let reference = |output: &Json| {
        let part = |key: &str| output.get(key).and_then(Json::as_str).unwrap_or_default();
        format!("{}.{}", spoken_name(part("role"), names), part("output"))
    };
    if let Some(output) = entries.get("$output") {
        return Ok(reference(output).into());
    }
    if let Some(secret) = entries.get("$secret") {
        let place = spoken(secret, &Shape::ANY, names)?;
        let tagged = serde_yaml::value::TaggedValue { tag: serde_yaml::value::Tag::new("secret"), value: place };
        return Ok(Yaml::Tagged(Box::new(tagged)));
    }
    if let Some(Json::Array(parts)) = entries.get("$template") {
        let text: String = parts
            .iter()
            .map(|part| match part {
                Json::String(text) => literal(text),
                output => format!("${{{}}}", reference(output)),
            })
            .collect();
        return Ok(text.into());
    }
    let mut mapping = serde_yaml::Mapping::new();
    for (name, value) in entries {
        let inner = match shape {
            Shape::Record(record) => record.field(name).map(|field| &field.shape),
            Shape::Map(inner) => Some(&**inner),
            _ => None,
        };
        // A key that the user chose is text as any other.
        let key = if matches!(shape, Shape::Record(_)) { name.clone() } else { literal(name) };
        mapping.insert(key.into(), spoken(value, inner.unwrap_or(&Shape::ANY), names)?);
    }
    Ok(mapping.into())
}
