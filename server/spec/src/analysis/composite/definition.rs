//! A composite role as its two files define it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::lookup::{ROLE_FILE, Roles, TASKS_FILE};
use super::role_file::{DefaultValue, Param, RoleFile};
use crate::analysis::interpolate::{self, Expr, Piece};
use crate::analysis::{Document, Loaded, State};
use crate::model::Model;
use crate::shape::{Catalog, Field, Home, Offer, Record, RefKind, Shape, TypeInfo};
use crate::text::{FileId, Span};
use crate::tree::{NodeId, NodeKind, Tree};

/// How deep the kind of an output is looked for in the roles of a role.
const DEEPEST: usize = 16;

/// Which list of a role's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum List {
    Present,
    Absent,
    Info,
}

impl List {
    pub const ALL: [List; 3] = [List::Present, List::Absent, List::Info];

    /// The list that is written for a state.
    pub fn of(state: State) -> List {
        match state {
            State::Present => List::Present,
            State::Absent => List::Absent,
            State::Info => List::Info,
        }
    }
}

/// A composite role.
#[derive(Debug)]
pub(in super::super) struct Definition {
    pub folder: PathBuf,
    pub role_file: FileId,
    pub tasks_file: Option<FileId>,
    pub role: RoleFile,
    /// The entries of each list, as indices into the tasks' [`Model::roles`]; none if the list is not written.
    pub lists: [Option<Vec<usize>>; 3],
    /// The place of each name in its list.
    pub names: [HashMap<Arc<str>, usize>; 3],
    /// How it is described to who uses it.
    pub info: Arc<TypeInfo>,
    /// It is made of itself, and so never expanded.
    pub recursive: bool,
    /// Where it is used first, for a note on its own mistakes.
    pub used: Option<Span>,
}

/// All composite roles that a spec uses.
#[derive(Debug, Default)]
pub(in super::super) struct Definitions {
    pub all: Vec<Definition>,
    pub by_folder: HashMap<PathBuf, usize>,
    /// What each file can name.
    pub scopes: Vec<Arc<Roles>>,
}

impl Definitions {
    /// The definition that a role type stands for; none for a built-in type.
    pub fn of(&self, info: &TypeInfo) -> Option<usize> {
        self.by_folder.get(&info.home.as_ref()?.folder).copied()
    }
}

impl Definition {
    pub fn list(&self, list: List) -> Option<&[usize]> {
        self.lists[list as usize].as_deref()
    }

    pub fn take_tasks(&mut self, file: FileId, tree: &Tree, model: &Model) {
        self.tasks_file = Some(file);
        let lists = &model.lists;
        self.lists = [lists.present.clone(), lists.absent.clone(), lists.info.clone()];
        for (names, list) in self.names.iter_mut().zip(&self.lists) {
            for (place, role) in list.iter().flatten().enumerate() {
                if let Some(name) = tree.scalar(model.roles[*role].key) {
                    names.entry(name.clone()).or_insert(place);
                }
            }
        }
    }
}

/// How a composite role is described.
pub(in super::super) fn type_info(name: &str, folder: PathBuf, role: &RoleFile, tree: &Tree, kinds: &[RefKind]) -> TypeInfo {
    let fields = role.params.iter().map(|param| Field {
        name: param.name.to_string(),
        doc: param.doc.clone(),
        shape: (*param.shape).clone(),
        required: param.default == DefaultValue::Required,
        default: default_of(param, tree),
    });
    let outputs = role.outputs.iter().enumerate().map(|(at, output)| Offer {
        name: output.name.to_string().into(),
        kind: output.kind.or_else(|| kinds.get(at).copied()).unwrap_or(RefKind::Text),
        doc: output.doc.clone().into(),
    });
    TypeInfo {
        name: name.to_owned().into(),
        about: role.about.as_deref().unwrap_or_default().trim().to_owned(),
        record: Arc::new(Record { fields: fields.collect() }),
        outputs: outputs.collect(),
        example: "",
        runs_commands: false,
        home: Some(Arc::new(Home { role: folder.join(ROLE_FILE), tasks: folder.join(TASKS_FILE), folder })),
    }
}

/// A default as it is shown: as it is written.
fn default_of(param: &Param, tree: &Tree) -> Option<serde_json::Value> {
    fn json(tree: &Tree, node: NodeId, depth: usize) -> serde_json::Value {
        match &tree.follow(node).kind {
            _ if depth > DEEPEST => serde_json::Value::Null,
            NodeKind::List(items) => items.iter().map(|item| json(tree, *item, depth + 1)).collect(),
            NodeKind::Map(_) => {
                let pairs = tree.pairs(node);
                let entries =
                    pairs.iter().filter_map(|(key, value)| Some((tree.scalar(*key)?.to_string(), json(tree, *value, depth + 1))));
                serde_json::Value::Object(entries.collect())
            }
            NodeKind::Scalar(text, crate::tree::Style::Plain) => match super::super::scalar::plain(text) {
                super::super::scalar::Plain::Bool(value) => value.into(),
                super::super::scalar::Plain::Int(value) => value.into(),
                _ => (**text).into(),
            },
            NodeKind::Scalar(text, _) => (**text).into(),
            NodeKind::Alias(_) => serde_json::Value::Null,
        }
    }
    match param.default {
        DefaultValue::Value(node) => Some(json(tree, node, 0)),
        _ => None,
    }
}

/// What the definitions are read from.
pub(in super::super) struct Files<'a> {
    pub documents: &'a [Document],
    pub loaded: &'a [Loaded],
    pub definitions: &'a Definitions,
    pub catalog: &'a Catalog,
}

impl Files<'_> {
    /// What each output of a definition is, as far as its text tells.
    pub fn kinds(&self, definition: usize) -> Vec<RefKind> {
        let outputs = &self.definitions.all[definition].role.outputs;
        (0..outputs.len()).map(|output| self.kind(definition, output, 0).unwrap_or(RefKind::Text)).collect()
    }

    fn kind(&self, definition: usize, output: usize, depth: usize) -> Option<RefKind> {
        let definition = &self.definitions.all[definition];
        let output = definition.role.outputs.get(output)?;
        if output.kind.is_some() || depth > DEEPEST {
            return output.kind;
        }
        let tree = &self.documents[definition.role_file.0 as usize].tree;
        let text = tree.scalar(output.value)?;
        let pieces = interpolate::pieces(text);
        let [Piece::Expr(inner, _)] = pieces[..] else { return None };
        let Ok(Expr::Output { role, output: wanted, .. }) = interpolate::expr(inner) else { return None };
        if let Some(param) = definition.role.params.iter().find(|param| *param.name == *role) {
            return match &*param.shape {
                Shape::Reference(kind) => Some(*kind),
                _ => None,
            };
        }
        let tasks = definition.tasks_file?;
        let loaded = &self.loaded[tasks.0 as usize];
        let tree = &self.documents[tasks.0 as usize].tree;
        let place = *definition.names[List::Present as usize].get(role)?;
        let part = &loaded.model.roles[*definition.list(List::Present)?.get(place)?];
        let is = tree.scalar(part.is?.1)?;
        if let Some(inner) = loaded.scope.folder(is).and_then(|folder| self.definitions.by_folder.get(folder)) {
            let outputs = &self.definitions.all[*inner].role.outputs;
            let nth = outputs.iter().position(|output| *output.name == *wanted)?;
            return self.kind(*inner, nth, depth + 1);
        }
        super::super::files::concrete(tree, part, is, self.catalog)?.output(wanted).map(|offer| offer.kind)
    }
}
