//! Values: role types, kinds, choices, and roles where a reference or name may stand.

use std::ops::Range;

use seed_spec::shape::{KIND, RefKind, Shape, TypeInfo};

use super::{Completion, Kind, Typing, known, replace};
use crate::describe;
use crate::place::{Place, Segment};

/// A value, before it is known how it is put into the text.
struct Candidate {
    label: String,
    kind: Kind,
    detail: String,
    doc: String,
    rank: u8,
}

/// Values behind a key on the same line.
pub fn behind_key(typing: &Typing<'_>, range: Range<usize>, flow: bool) -> Vec<Completion> {
    let (candidates, listed) = match candidates(typing, typing.place) {
        found if found.is_empty() => (elements(typing), !flow || is_list(typing.place)),
        found => (found, false),
    };
    // A value needs a blank before it.
    let blank = if typing.snapshot.source.text()[..range.start].ends_with(':') { " " } else { "" };
    let wrap = |label: &str| if listed { format!("{blank}[{label}]") } else { format!("{blank}{label}") };
    candidates.into_iter().map(|candidate| completion(candidate, &range, wrap)).collect()
}

/// Values on a line of their own or as an element.
pub fn alone(typing: &Typing<'_>, range: Range<usize>, flow: bool) -> Vec<Completion> {
    let own = candidates(typing, typing.place);
    if own.is_empty() && is_list(typing.place) && !flow {
        return elements(typing).into_iter().map(|one| completion(one, &range, |label| format!("- {label}"))).collect();
    }
    own.into_iter().map(|candidate| completion(candidate, &range, str::to_string)).collect()
}

fn completion(candidate: Candidate, range: &Range<usize>, text: impl Fn(&str) -> String) -> Completion {
    Completion {
        edit: replace(range, text(&candidate.label)),
        label: candidate.label,
        kind: candidate.kind,
        detail: candidate.detail,
        doc: candidate.doc,
        indent: None,
        filter: None,
        rank: candidate.rank,
    }
}

fn is_list(place: &Place) -> bool {
    matches!(place, Place::Needs | Place::Value(Shape::List(_)))
}

/// What can be an element of the list that stands here.
fn elements(typing: &Typing<'_>) -> Vec<Candidate> {
    if !is_list(typing.place) {
        return Vec::new();
    }
    let element = typing.place.inside(&Segment::Item, &typing.cursor.words, &typing.snapshot.catalog);
    candidates(typing, &element)
}

fn candidates(typing: &Typing<'_>, place: &Place) -> Vec<Candidate> {
    match place {
        Place::RoleType => role_types(typing),
        Place::Kind(collection) => kinds(typing, collection),
        Place::RoleName => role_names(typing),
        Place::Value(shape) => of_shape(typing, shape),
        _ => Vec::new(),
    }
}

fn of_shape(typing: &Typing<'_>, shape: &Shape) -> Vec<Candidate> {
    match shape {
        Shape::Bool => ["true", "false"].map(|label| word(label, "")).into(),
        Shape::Int { min, max } if min == max => vec![word(&min.to_string(), "")],
        Shape::Choice(words) => words.iter().map(|(label, doc)| word(label, doc)).collect(),
        Shape::Reference(kind) => references(typing, *kind),
        Shape::OneOf(shapes) => shapes.iter().flat_map(|shape| of_shape(typing, shape)).collect(),
        _ => Vec::new(),
    }
}

fn word(label: &str, doc: &str) -> Candidate {
    Candidate { label: label.into(), kind: Kind::Word, detail: String::new(), doc: doc.into(), rank: 0 }
}

fn role_types(typing: &Typing<'_>) -> Vec<Candidate> {
    let catalog = &typing.snapshot.catalog;
    let concrete = catalog.types().map(|info| role_type(&info.name, info, 0));
    let collections = catalog.collections().into_iter().map(|name| {
        let types: Vec<&TypeInfo> = catalog.of_collection(name).map(|info| &**info).collect();
        Candidate {
            label: name.into(),
            kind: Kind::RoleType,
            detail: "abstract".into(),
            doc: describe::collection(name, &types),
            rank: 1,
        }
    });
    concrete.chain(collections).collect()
}

fn role_type(label: &str, info: &TypeInfo, rank: u8) -> Candidate {
    Candidate {
        label: label.into(),
        kind: Kind::RoleType,
        // Types are told apart by their names; what each is for is in the documentation beside the list.
        detail: if info.home.is_some() { "composite".into() } else { String::new() },
        doc: describe::role_type(info),
        rank,
    }
}

/// The types of a collection; first those that have all the keys that are written.
fn kinds(typing: &Typing<'_>, collection: &str) -> Vec<Candidate> {
    let written = written_keys(typing);
    let types = typing.snapshot.catalog.of_collection(collection);
    types
        .map(|info| {
            let fits = written.iter().all(|key| info.record.field(key).is_some());
            role_type(info.kind(), info, u8::from(!fits))
        })
        .collect()
}

/// The parameters that the entry around the cursor was last seen to have.
fn written_keys(typing: &Typing<'_>) -> Vec<String> {
    let Some(name) = typing.role() else { return Vec::new() };
    let entry = typing.snapshot.spec().and_then(|spec| spec.entries.iter().find(|entry| *entry.name == *name));
    let keys = entry.map(|entry| entry.keys.iter().map(|(key, _, _)| key.to_string()).collect::<Vec<_>>());
    keys.unwrap_or_default().into_iter().filter(|key| key != KIND).collect()
}

fn role_names(typing: &Typing<'_>) -> Vec<Candidate> {
    others(typing).map(|role| role_candidate(role.name.clone(), &role, Kind::Role, 0)).collect()
}

/// Roles and outputs of roles that are of a kind.
fn references(typing: &Typing<'_>, kind: RefKind) -> Vec<Candidate> {
    let mut found = Vec::new();
    for role in others(typing) {
        let plain = role.types.iter().find_map(|info| info.default_output(kind)).map(|output| output.name.to_string());
        if plain.is_some() {
            found.push(role_candidate(role.name.clone(), &role, Kind::Role, 0));
        }
        for (name, output) in role.outputs(typing.snapshot) {
            if kind.accepts(output.kind) && Some(&name) != plain.as_ref() {
                let mut candidate = role_candidate(format!("{}.{name}", role.name), &role, Kind::Output, 1);
                candidate.doc = output.doc.to_string();
                found.push(candidate);
            }
        }
    }
    found
}

fn others(typing: &Typing<'_>) -> impl Iterator<Item = known::KnownRole> {
    let own = typing.role().map(str::to_string);
    known::roles(typing.snapshot).into_iter().filter(move |role| Some(&role.name) != own.as_ref())
}

fn role_candidate(label: String, role: &known::KnownRole, kind: Kind, rank: u8) -> Candidate {
    let doc = role.why.as_deref().unwrap_or_default().to_string();
    Candidate { label, kind, detail: role.is.clone(), doc, rank }
}
