//! One role instance: what it can be, and its parameters.

use std::sync::Arc;

use super::composite::lookup::{ROLE_FILE, ROLES};
use super::interpolate;
use super::reader::{At, Reader, Resolved, World};
use super::roles::{Composite, Instance};
use super::shape_check::list_with_verb;
use super::{CompositeInstance, Entry, Phases, RoleInstance, State};
use crate::diagnostic::{Code, Diagnostic, Edit, Fix};
use crate::model::{ROLE_KEYS, RoleNode, left_out, words};
use crate::shape::{KIND, Shape, TypeInfo};
use crate::text::{FileId, Span};
use crate::tree::NodeKind;
use crate::value::{Data, Value};

/// The role types that an instance can be.
type Types = Vec<Arc<TypeInfo>>;
/// Parameters that were read, by key.
type Params = Vec<(Arc<str>, Value)>;

/// How many names a message lists at most.
const LISTED: usize = 24;

/// The concrete types that an entry can be; none if it could not be read, which was told.
pub(super) fn types(reader: &mut Reader<'_>, node: &RoleNode, file: FileId) -> Option<Types> {
    let world = reader.world;
    let tree = world.tree(file);
    let name_span = tree.node(node.key).span;
    let Some((_, is)) = node.is.filter(|(_, is)| !left_out(tree, *is)) else {
        if matches!(tree.follow(node.value).kind, NodeKind::Map(_)) && !tree.is_damaged(node.reach) {
            let name = tree.scalar(node.key).map_or("", |name| name);
            let span = node.is.map_or(name_span, |(key, _)| tree.node(key).span);
            let diagnostic = Diagnostic::error(Code::MissingKey, span, format!("the role `{name}` has no `is`"));
            reader.diagnostics.push(diagnostic.help("add its type, such as `is: storage.btrfs`"));
        }
        return None;
    };
    let at = reader.at(file, is);
    let span = reader.span(at);
    let Some(written) = tree.scalar(is).cloned() else {
        reader.error(at, Code::WrongType, format!("expected a role type, found {}", words(tree, is)));
        return None;
    };
    if written.contains(interpolate::OPEN) {
        let diagnostic = Diagnostic::error(Code::Interpolation, span, "a role type cannot contain variables");
        reader.tell(at, diagnostic.help("`is: COLLECTION` with `kind: ${vars.kind}` can"));
        return None;
    }
    let catalog = world.catalog(file);
    if let Some(info) = catalog.get(&written) {
        if let Some(kind) = node.kind {
            let message = format!("`{KIND}` selects a type within a collection, but `{written}` is already a type");
            let collection = info.collection();
            let mut diagnostic = Diagnostic::error(Code::UnknownKey, tree.node(kind).span, message);
            if info.home.is_none() {
                diagnostic = diagnostic.fix(format!("Change to `{collection}`"), span, collection);
            }
            reader.diagnostics.push(diagnostic);
        }
        return Some(vec![info.clone()]);
    }
    if !catalog.is_collection(&written) {
        // That its collection is not there is told where the collection is named.
        if world.definitions.scopes.get(file.0 as usize).is_some_and(|scope| scope.is_missing(&written)) {
            return None;
        }
        reader
            .diagnostics
            .push(lacking_file(world, file, &written, span).unwrap_or_else(|| unknown_type(catalog, &written, span)));
        return None;
    }
    match node.kind {
        Some(kind) => of_kind(reader, reader.at(file, kind), &written).map(|info| vec![info]),
        None => abstract_types(reader, node, at, &written),
    }
}

/// That a folder of a role has no `role.yml`, and is none for that.
fn lacking_file(world: &World<'_>, file: FileId, written: &str, span: Span) -> Option<Diagnostic> {
    let is_name = written.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    let mut above = world.document(file).folder.ancestors().filter(|_| is_name && !written.is_empty());
    let folder = above.find(|above| world.loader.is_folder(&above.join(ROLES).join(written)))?.join(ROLES).join(written);
    let message = format!("`{}` is missing, so `{written}` is not a role", folder.join(ROLE_FILE).display());
    Some(Diagnostic::error(Code::RoleFiles, span, message).help("a composite role consists of `role.yml` and `tasks/main.yml`"))
}

fn unknown_type(catalog: &crate::shape::Catalog, written: &str, span: Span) -> Diagnostic {
    let names = || catalog.types().map(|info| &*info.name);
    let by_last = || names().find(|name| name.split_once('.').is_some_and(|(_, last)| last == written));
    let near = by_last()
        .or_else(|| crate::nearest::nearest(written, names().chain(catalog.collections())))
        .or_else(|| written.split_once('.').and_then(|(_, last)| names().find(|name| name.ends_with(&format!(".{last}")))));
    let diagnostic = Diagnostic::error(Code::UnknownRoleType, span, format!("there is no role type `{written}`"));
    if let Some(near) = near {
        return diagnostic.help(format!("did you mean `{near}`?")).fix(format!("Change to `{near}`"), span, near);
    }
    let collection = written.split_once('.').map_or(written, |(collection, _)| collection);
    let of_collection: Vec<&str> = names().filter(|name| name.starts_with(collection)).take(LISTED).collect();
    match of_collection.is_empty() {
        true => diagnostic
            .help(format!("the collections are {}; `seed types` lists all role types", catalog.collections().join(", "))),
        false => diagnostic.help(format!("there are {}", of_collection.join(", "))),
    }
}

fn of_kind(reader: &mut Reader<'_>, at: At, collection: &str) -> Option<Arc<TypeInfo>> {
    let kind = reader.read(at, &Shape::Text { secret: false })?;
    let kind = kind.as_text()?;
    let catalog = reader.world.catalog(at.file);
    // `kind: storage.btrfs` says it twice, and is understood.
    let name = if kind.contains('.') { kind.to_string() } else { format!("{collection}.{kind}") };
    if let Some(info) = catalog.get(&name).filter(|info| info.collection() == collection) {
        return Some(info.clone());
    }
    let kinds: Vec<&str> = catalog.of_collection(collection).map(|info| info.kind()).collect();
    let span = reader.span(at);
    let mut diagnostic = Diagnostic::error(Code::UnknownRoleType, span, format!("there is no {collection} of the kind `{kind}`"));
    diagnostic = match reader.nearest(kind, kinds.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(format!("Change to `{near}`"), span, near),
        None => diagnostic.help(format!("there are {}", kinds.join(", "))),
    };
    reader.tell(at, diagnostic);
    None
}

/// The types of a collection that the keys of an abstract role fit.
fn abstract_types(reader: &mut Reader<'_>, node: &RoleNode, at: At, collection: &str) -> Option<Types> {
    let world = reader.world;
    let tree = world.tree(at.file);
    let keys: Vec<&str> = node.params.iter().filter_map(|(key, _)| tree.scalar(*key).map(|key| &**key)).collect();
    let catalog = world.catalog(at.file);
    let candidates = catalog.candidates(collection, &keys);
    if !candidates.is_empty() {
        return Some(candidates.into_iter().cloned().collect());
    }
    if tree.is_damaged(node.reach) {
        return None;
    }
    let span = reader.span(at);
    let of_collection = || catalog.of_collection(collection);
    let strangers: Vec<&str> =
        keys.iter().copied().filter(|key| of_collection().all(|info| info.record.field(key).is_none())).collect();
    let message = match strangers.is_empty() {
        false => {
            let verb = if strangers.len() == 1 { "is a key" } else { "are keys" };
            let names: Vec<String> = strangers.iter().map(|key| format!("`{key}`")).collect();
            format!("no kind of {collection} fits: {} {verb} of none", names.join(", "))
        }
        true => format!("no kind of {collection} fits these keys together"),
    };
    // The kinds that come nearest, with what stands between.
    let mut near: Vec<(isize, String)> = of_collection()
        .map(|info| {
            let unknown: Vec<&str> = keys.iter().copied().filter(|key| info.record.field(key).is_none()).collect();
            let missing: Vec<&str> = info
                .record
                .fields
                .iter()
                .filter(|field| field.required && !keys.contains(&field.name.as_str()))
                .map(|field| field.name.as_str())
                .collect();
            let mut lacks = Vec::new();
            if !missing.is_empty() {
                lacks.push(format!("needs `{}`", missing.join("`, `")));
            }
            if !unknown.is_empty() {
                lacks.push(format!("has no `{}`", unknown.join("`, `")));
            }
            // What is shared counts for a kind, what is strange to it more against it.
            let shared = keys.len() - unknown.len();
            ((unknown.len() * 2 + missing.len()) as isize - shared as isize, format!("{} {}", info.kind(), lacks.join(" and ")))
        })
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    let help: Vec<String> = near.into_iter().take(3).map(|(_, words)| words).collect();
    reader.tell(at, Diagnostic::error(Code::AmbiguousKind, span, message).help(format!("the nearest: {}", help.join("; "))));
    None
}

/// The state that an entry itself asks for.
pub(super) fn own_state(reader: &mut Reader<'_>, node: &RoleNode, file: FileId) -> State {
    node.state.and_then(|state| read_state(reader, reader.at(file, state))).unwrap_or_default()
}

/// The keys that belong to every role, besides `is` and `state`.
struct Common {
    disposable: bool,
    why: Option<Arc<str>>,
    needs: Vec<Arc<str>>,
}

fn common(reader: &mut Reader<'_>, node: &RoleNode, file: FileId) -> Common {
    let disposable = match node.disposable.and_then(|node| reader.read(reader.at(file, node), &Shape::Bool)) {
        Some(Value { data: Data::Bool(value), .. }) => value,
        _ => false,
    };
    let why = node.why.and_then(|node| match reader.read(reader.at(file, node), &Shape::Text { secret: false }) {
        Some(Value { data: Data::Text(text), .. }) => Some(text),
        _ => reader.world.tree(file).scalar(node).cloned(),
    });
    let needs = node.needs.map(|needs| read_needs(reader, reader.at(file, needs))).unwrap_or_default();
    Common { disposable, why, needs }
}

/// Reads what an entry gives to a composite role.
pub(super) fn read_composite(
    reader: &mut Reader<'_>,
    used: &Composite,
    number: usize,
    node: &RoleNode,
    entry: &Entry,
) -> CompositeInstance {
    let (file, world) = (used.entry.0, reader.world);
    let Common { disposable, why, needs } = common(reader, node, file);
    let at = reader.at(file, node.value);
    let own = At { node: world.tree(file).target(at.node), ..at };
    let tree = world.tree(file);
    let definition = &world.definitions.all[used.definition];
    let mut params: Params = Vec::with_capacity(node.params.len());
    for pair in &node.params {
        let name = tree.scalar(pair.0);
        let known = name.and_then(|name| definition.role.params.iter().position(|param| param.name == *name));
        match (known, name, used.main) {
            // It is read once, and kept for the role's own files.
            (Some(nth), Some(name), Some(_)) => {
                if let Ok(Some(typed)) = reader.argument(number, nth) {
                    params.push((name.clone(), typed.value.clone()));
                }
            }
            _ => {
                reader.record(own, &[*pair], &used.info.record, &used.info.name, &other_keys());
            }
        }
    }
    tell_missing(reader, node, file, &used.info, entry);
    CompositeInstance {
        name: used.name.clone(),
        entry: used.entry,
        name_span: entry.name_span,
        info: used.info.clone(),
        state: used.state,
        disposable,
        why,
        needs,
        part_of: None,
        params,
    }
}

/// Reads an instance's own keys and its parameters.
pub(super) fn read(reader: &mut Reader<'_>, instance: &Instance, node: &RoleNode, entry: &Entry) -> RoleInstance {
    let file = instance.entry.0;
    let state = own_state(reader, node, file);
    let Common { disposable, why, needs } = common(reader, node, file);
    let at = reader.at(file, node.value);
    reader.incomplete = false;
    let (types, params) = match &instance.types[..] {
        [info] => (vec![info.clone()], parameters(reader, node, at, info, entry)),
        several => fitting(reader, node, at, several, entry),
    };
    RoleInstance {
        name: instance.name.clone(),
        entry: instance.entry,
        name_span: entry.name_span,
        types,
        is: entry.is.as_ref().map_or_else(|| Arc::from(""), |(is, _)| is.clone()),
        why,
        state,
        needs,
        disposable,
        params,
        incomplete: reader.incomplete,
        part_of: None,
        phases: Phases::ALL,
        literal: false,
    }
}

/// Of several types those whose parameters can be read without a mistake, and these parameters.
fn fitting(reader: &mut Reader<'_>, node: &RoleNode, at: At, several: &[Arc<TypeInfo>], entry: &Entry) -> (Types, Params) {
    let before = std::mem::take(&mut reader.diagnostics);
    let (references, uses) = (reader.references.len(), reader.var_uses.len());
    let mut fits: Types = Vec::new();
    let mut params = Vec::new();
    let mut least: Option<(Vec<Diagnostic>, Params)> = None;
    for info in several {
        reader.references.truncate(references);
        reader.var_uses.truncate(uses);
        let read = parameters(reader, node, at, info, entry);
        let told = std::mem::take(&mut reader.diagnostics);
        if told.is_empty() {
            if fits.is_empty() {
                params = read;
            }
            fits.push(info.clone());
        } else if least.as_ref().is_none_or(|(other, _)| told.len() < other.len()) {
            least = Some((told, read));
        }
    }
    reader.diagnostics = before;
    match least {
        Some((told, read)) if fits.is_empty() => {
            reader.diagnostics.extend(told);
            (several.to_vec(), read)
        }
        _ => (fits, params),
    }
}

fn read_state(reader: &mut Reader<'_>, at: At) -> Option<State> {
    let states = [("present", State::Present), ("absent", State::Absent), ("info", State::Info)];
    let shape = Shape::Choice(states.iter().map(|(word, _)| ((*word).to_owned(), String::new())).collect());
    let value = reader.read(at, &shape)?;
    let text = value.as_text()?;
    states.iter().find(|(word, _)| *word == &**text).map(|(_, state)| *state)
}

/// The instances that `needs` names.
fn read_needs(reader: &mut Reader<'_>, at: At) -> Vec<Arc<str>> {
    let found = match reader.resolve(at) {
        Resolved::Broken => return Vec::new(),
        Resolved::Collection(found) => match &reader.world.tree(found.file).node(found.node).kind {
            NodeKind::List(items) => items.iter().map(|item| Reader::below(found, *item)).collect(),
            _ => vec![at],
        },
        _ => vec![at],
    };
    let mut needs: Vec<Arc<str>> = Vec::new();
    for place in found {
        match reader.resolve(place) {
            Resolved::Scalar { text, at, .. } if !left_out(reader.world.tree(at.file), at.node) => {
                for name in reader.needed(at, &text) {
                    if !needs.contains(&name) {
                        needs.push(name);
                    }
                }
            }
            Resolved::Broken => {}
            Resolved::Output { at, .. }
            | Resolved::Template { at, .. }
            | Resolved::Typed { at, .. }
            | Resolved::Unknown { at, .. } => {
                reader.error(at, Code::WrongReference, "`needs` names roles, not their outputs");
            }
            Resolved::Scalar { at, .. } | Resolved::Collection(at) => {
                let found = words(reader.world.tree(at.file), at.node);
                reader.error(at, Code::WrongType, format!("expected the name of a role, found {found}"));
            }
        }
    }
    needs
}

/// Reads the parameters of a type.
fn parameters(reader: &mut Reader<'_>, node: &RoleNode, at: At, info: &TypeInfo, entry: &Entry) -> Params {
    // An alias for a whole role is read where its anchor is: its keys stand there.
    let own = At { node: reader.world.tree(at.file).target(at.node), ..at };
    let values = reader.record(own, &node.params, &info.record, &info.name, &other_keys());
    tell_missing(reader, node, at.file, info, entry);
    values
}

/// The keys besides a type's own, for suggestions.
fn other_keys() -> Vec<&'static str> {
    ROLE_KEYS.iter().map(|(name, _)| *name).filter(|name| *name != KIND).collect()
}

fn tell_missing(reader: &mut Reader<'_>, node: &RoleNode, file: FileId, info: &TypeInfo, entry: &Entry) {
    let missing = reader.missing(file, &node.params, &info.record);
    if !missing.is_empty() && !reader.world.tree(file).is_damaged(node.reach) {
        let message = format!("{} missing in this {}", list_with_verb(&missing), info.name);
        let mut diagnostic = Diagnostic::error(Code::MissingKey, entry.name_span, message);
        diagnostic.fixes.extend(addition(reader, node, file, &missing));
        reader.diagnostics.push(diagnostic);
    }
}

/// The edit that writes missing keys below `is:`.
fn addition(reader: &Reader<'_>, node: &RoleNode, file: FileId, missing: &[&str]) -> Option<Fix> {
    let (key, value) = node.is?;
    let document = reader.world.document(file);
    let (key, value) = (document.tree.node(key).span, document.tree.node(value).span);
    let line = document.source.line_of(key.start as usize);
    let start = document.source.line_start(line);
    let indent =
        document.source.text().get(start..key.start as usize).filter(|indent| indent.bytes().all(|byte| byte == b' '))?;
    let end = document.source.line_start(document.source.line_of(value.end as usize))
        + document.source.line(document.source.line_of(value.end as usize)).len();
    let text: String = missing.iter().map(|name| format!("\n{indent}{name}: ")).collect();
    let title = format!("Add {}", missing.join(", "));
    Some(Fix { title, edits: vec![Edit { span: Span::new(file, end, end), text }] })
}
