//! A reflection for programs.

use seed_spec::Span;
use serde_json::{Map, Value as Json, json};

use crate::fact::{Fact, Facts};
use crate::matching::Told;
use crate::reflect::Reflection;

/// The facts, each with its place as `place` gives it: a path and a range.
pub fn facts(facts: &Facts, place: &dyn Fn(Span) -> (Json, Json)) -> Vec<Json> {
    let one = |fact: &Fact| {
        let (path, range) = place(fact.span);
        json!({"id": fact.id, "role": &*fact.role, "kind": fact.kind.name(), "text": fact.text, "path": path, "range": range, "weight": rounded(fact.weight)})
    };
    facts.facts.iter().map(one).collect()
}

/// A reflection: `facts`, the ids that are `covered`, `unclear`, `missing` and `contradicted`, the `score`, the `question`.
pub fn reflection(all: &Facts, reflection: &Reflection, place: &dyn Fn(Span) -> (Json, Json)) -> Json {
    let ids = |told: Told| reflection.of(all, told).map(|(fact, _)| fact.id.as_str()).collect::<Vec<_>>();
    let sentences: Map<String, Json> = reflection
        .of(all, Told::Covered)
        .chain(reflection.of(all, Told::Unclear))
        .chain(reflection.of(all, Told::Contradicted))
        .filter_map(|(fact, finding)| Some((fact.id.clone(), reflection.sentence(finding)?.into())))
        .collect();
    let contradicted: Vec<Json> = reflection
        .of(all, Told::Contradicted)
        .map(|(fact, finding)| json!({"id": fact.id, "claim": reflection.sentence(finding), "instead": finding.instead}))
        .collect();
    json!({
        "facts": facts(all, place),
        "covered": ids(Told::Covered),
        "unclear": ids(Told::Unclear),
        "missing": ids(Told::Missing),
        "contradicted": contradicted,
        "covered_by": sentences,
        "score": rounded(reflection.score),
        "question": reflection.question.as_ref().map(|(_, question)| question),
        "question_about": reflection.question.as_ref().map(|(at, _)| &all.facts[*at].id),
        "gamed": reflection.gamed,
        "note": reflection.note,
    })
}

/// Three digits behind the point: more is noise.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
