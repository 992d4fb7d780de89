//! From role entries to role instances: types, loops and conditions, before parameters are read.

use std::collections::HashMap;
use std::sync::Arc;

use super::interpolate;
use super::reader::{At, Budget, Each, Outputs, Reader, Resolved, World};
use super::when::Conditions;
use super::{Entry, Loaded, RoleInstance, Variable};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{RoleNode, words};
use crate::shape::TypeInfo;
use crate::text::{FileId, Span};
use crate::tree::NodeKind;

/// The most role instances of one spec, loops unrolled.
const MAX_INSTANCES: usize = 200_000;

/// A role before its parameters are read.
pub(super) struct Instance {
    pub name: Arc<str>,
    /// The file and the entry in it.
    pub entry: (FileId, usize),
    pub each: Option<Each>,
    pub types: Vec<Arc<TypeInfo>>,
}

/// What became of an entry.
pub(super) enum Entered {
    /// One role: an index into [`RoleIndex::instances`].
    One(usize),
    /// A loop.
    Loop {
        instances: Vec<usize>,
        /// The names of those whose `when` is false.
        left_out: Vec<Arc<str>>,
    },
    /// Its `when` is false.
    LeftOut,
    /// It could not be read, which was told.
    Unread,
}

/// All roles by name.
#[derive(Default)]
pub(super) struct RoleIndex {
    entries: HashMap<Arc<str>, Entered>,
    by_name: HashMap<Arc<str>, usize>,
    /// In the order written.
    pub instances: Vec<Instance>,
}

impl RoleIndex {
    pub fn entry(&self, name: &str) -> Option<&Entered> {
        self.entries.get(name)
    }

    pub fn instance(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(|name| &**name)
    }

    /// The output that is most likely meant by the bare name of a role.
    pub fn first_output(&self, role: &str) -> Option<&'static str> {
        let Some(Entered::One(instance)) = self.entries.get(role) else { return None };
        let info = self.instances[*instance].types.first()?;
        info.outputs.first().map(|output| output.name).filter(|name| !name.contains('*'))
    }
}

/// What reading the roles needs and gives.
pub(super) struct Roles<'a> {
    pub world: &'a World<'a>,
    pub loaded: &'a [Loaded],
    pub vars: &'a [Variable],
    pub budget: &'a mut Budget,
    pub diagnostics: Vec<Diagnostic>,
    pub references: Vec<super::Reference>,
    pub var_uses: Vec<super::VarUse>,
}

impl<'a> Roles<'a> {
    fn reader(&mut self, outputs: Outputs<'a>) -> Reader<'_> {
        Reader::new(self.world, self.budget, outputs)
    }

    fn node(&self, entry: (FileId, usize)) -> &'a RoleNode {
        &self.loaded[entry.0.0 as usize].model.roles[entry.1]
    }

    fn entry(&self, entry: (FileId, usize)) -> &'a Entry {
        let world = self.world;
        &world.document(entry.0).entries[entry.1]
    }

    /// All instances of all files, by name. Those of a name that is taken are left out.
    pub fn index(&mut self) -> RoleIndex {
        let mut index = RoleIndex::default();
        let mut first: HashMap<Arc<str>, Span> = HashMap::new();
        let mut conditions = Conditions::default();
        for (file, loaded) in self.loaded.iter().enumerate() {
            let file = FileId(file as u32);
            for at in 0..loaded.model.roles.len() {
                let entry = self.entry((file, at));
                let name = &entry.name;
                if !self.name_allowed(entry) {
                    index.entries.entry(name.clone()).or_insert(Entered::Unread);
                    continue;
                }
                if let Some(other) = first.get(name) {
                    let message = format!("there is a role `{name}` already");
                    let diagnostic = Diagnostic::error(Code::DuplicateRole, entry.name_span, message);
                    self.diagnostics.push(diagnostic.related(*other, "it is here").help("give one of them another name"));
                    continue;
                }
                first.insert(name.clone(), entry.name_span);
                let entered = self.enter((file, at), &mut index, &mut conditions);
                index.entries.insert(name.clone(), entered);
                if index.instances.len() >= MAX_INSTANCES {
                    let message = format!("with `{name}` the spec has more than {MAX_INSTANCES} roles");
                    self.diagnostics.push(Diagnostic::error(Code::TooLarge, entry.name_span, message));
                    return index;
                }
            }
        }
        index
    }

    fn name_allowed(&mut self, entry: &Entry) -> bool {
        let name = &*entry.name;
        if matches!(name, "vars" | "env" | "each") {
            let message = format!("a role cannot be named `{name}`, because `${{{name}.…}}` means another thing");
            self.diagnostics.push(Diagnostic::error(Code::BadName, entry.name_span, message));
            return false;
        }
        if interpolate::is_name(name) {
            return true;
        }
        let better: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' }).collect();
        let better = better.trim_matches('-');
        let mut diagnostic = Diagnostic::error(Code::BadName, entry.name_span, format!("`{name}` cannot name a role"))
            .help("a name has letters, digits, `_` and `-`, and does not begin with `-`");
        if !better.is_empty() {
            diagnostic = diagnostic.fix(format!("Change to `{better}`"), entry.name_span, better);
        }
        self.diagnostics.push(diagnostic);
        false
    }

    /// Unrolls one entry into its instances.
    fn enter(&mut self, entry: (FileId, usize), index: &mut RoleIndex, conditions: &mut Conditions) -> Entered {
        let node = self.node(entry);
        let name = &self.entry(entry).name;
        let Some(for_each) = node.for_each else {
            return match self.instance(entry, name.clone(), None, conditions) {
                Made::Instance(instance) => {
                    index.by_name.insert(name.clone(), index.instances.len());
                    index.instances.push(instance);
                    Entered::One(index.instances.len() - 1)
                }
                Made::LeftOut => Entered::LeftOut,
                Made::Unread => Entered::Unread,
            };
        };
        let mut reader = self.reader(Outputs::Not("a loop must be known before anything is done"));
        let items = items(&mut reader, At { file: entry.0, node: for_each, via: None });
        let Reader { diagnostics, references, var_uses, .. } = reader;
        self.take(diagnostics, references, var_uses);
        let Some(items) = items else { return Entered::Unread };
        let (mut instances, mut left_out) = (Vec::new(), Vec::new());
        let mut unread = false;
        for each in items {
            if index.instances.len() >= MAX_INSTANCES {
                break;
            }
            let name: Arc<str> = format!("{name}[{}]", each.key).into();
            match self.instance(entry, name.clone(), Some(each), conditions) {
                Made::Instance(instance) => {
                    index.by_name.insert(name, index.instances.len());
                    instances.push(index.instances.len());
                    index.instances.push(instance);
                }
                Made::LeftOut => left_out.push(name),
                Made::Unread => unread = true,
            }
        }
        match unread {
            true => Entered::Unread,
            false => Entered::Loop { instances, left_out },
        }
    }

    fn take(&mut self, diagnostics: Vec<Diagnostic>, references: Vec<super::Reference>, var_uses: Vec<super::VarUse>) {
        self.diagnostics.extend(diagnostics);
        self.references.extend(references);
        self.var_uses.extend(var_uses);
    }

    /// One instance of an entry: whether it is there, and what it can be.
    fn instance(&mut self, entry: (FileId, usize), name: Arc<str>, each: Option<Each>, conditions: &mut Conditions) -> Made {
        let node = self.node(entry);
        let vars = self.vars;
        let mut reader = self.reader(Outputs::Not("it must be known before anything is done"));
        reader.each = each.as_ref();
        let when = match node.when {
            Some(when) => conditions.holds(&mut reader, vars, entry.0, when),
            None => Some(true),
        };
        // A condition that could not be read does not hide the mistakes of its role.
        let made = match when {
            Some(false) => Made::LeftOut,
            _ => match super::instance::types(&mut reader, node, entry.0) {
                Some(types) => Made::Instance(Instance { name, entry, each: None, types }),
                None => Made::Unread,
            },
        };
        let Reader { diagnostics, references, var_uses, .. } = reader;
        self.take(diagnostics, references, var_uses);
        match made {
            Made::Instance(instance) => Made::Instance(Instance { each, ..instance }),
            other => other,
        }
    }

    /// Reads the parameters of all instances.
    pub fn read(&mut self, index: &'a RoleIndex) -> Vec<RoleInstance> {
        let mut roles = Vec::with_capacity(index.instances.len());
        let loaded = self.loaded;
        for instance in &index.instances {
            let mut reader = self.reader(Outputs::Of(index));
            reader.each = instance.each.as_ref();
            let entry = &reader.world.document(instance.entry.0).entries[instance.entry.1];
            let node = &loaded[instance.entry.0.0 as usize].model.roles[instance.entry.1];
            reader.role = Some(entry.name.clone());
            roles.push(super::instance::read(&mut reader, instance, node, entry));
            let Reader { diagnostics, references, var_uses, .. } = reader;
            self.take(diagnostics, references, var_uses);
        }
        roles
    }
}

/// What an entry or an item of its loop becomes.
enum Made {
    Instance(Instance),
    LeftOut,
    Unread,
}

/// The items of a loop, with their keys; none if they could not be read, which was told.
fn items(reader: &mut Reader<'_>, at: At) -> Option<Vec<Each>> {
    let found = match reader.resolve(at) {
        Resolved::Collection(found) => found,
        Resolved::Broken => return None,
        Resolved::Scalar { at, .. } | Resolved::Output { at, .. } | Resolved::Template { at, .. } => {
            let found = words(reader.world.tree(at.file), at.node);
            reader.error(at, Code::WrongType, format!("`for_each` is a list or a mapping, and this is {found}"));
            return None;
        }
    };
    let tree = reader.world.tree(found.file);
    let mut all: Vec<(Arc<str>, At, At)> = Vec::new();
    match &tree.node(found.node).kind {
        NodeKind::List(list) => {
            for (number, item) in list.iter().enumerate() {
                let place = Reader::below(found, *item);
                match reader.resolve(place) {
                    Resolved::Scalar { text, .. } => all.push((text, place, place)),
                    Resolved::Collection(_) => all.push((number.to_string().into(), place, place)),
                    _ => {}
                }
            }
        }
        _ => {
            for (key, value) in tree.pairs(found.node).iter() {
                let place = Reader::below(found, *key);
                if let Resolved::Scalar { text, .. } = reader.resolve(place) {
                    all.push((text, place, Reader::below(found, *value)));
                }
            }
        }
    }
    let mut seen: HashMap<Arc<str>, At> = HashMap::new();
    let mut items = Vec::with_capacity(all.len());
    for (key, place, value) in all {
        if key.is_empty() || key.contains(['[', ']']) || key.chars().any(char::is_control) {
            let diagnostic = Diagnostic::error(Code::BadName, reader.span(place), "this cannot name a role of the loop")
                .help("the key of an item is not empty and has no brackets and line ends");
            reader.tell(place, diagnostic);
        } else if let Some(first) = seen.get(&key).copied() {
            let other = reader.span(first);
            let diagnostic =
                Diagnostic::error(Code::DuplicateKey, reader.span(place), format!("`{key}` stands twice in this loop"));
            reader.tell(place, diagnostic.related(other, "it is here too"));
        } else {
            seen.insert(key.clone(), place);
            items.push(Each { key, value });
        }
    }
    Some(items)
}
