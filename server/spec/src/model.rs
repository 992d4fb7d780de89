//! One file as the language sees it: its header and its role entries, not yet resolved.

use crate::diagnostic::{Code, Diagnostic, ENOUGH};
use crate::nearest::nearest;
use crate::shape::KIND;
use crate::text::{FileId, Source, Span};
use crate::tree::{NodeId, NodeKind, Tree};

/// The version of the spec language that this crate reads.
pub const VERSION: i64 = 1;

/// The keys of a spec, with a sentence on each.
pub const HEADER_KEYS: &[(&str, &str)] = &[
    ("seed", "The version of the spec language: `1`."),
    ("name", "The name of the spec: lower-case letters, digits, `.`, `_` and `-`."),
    ("why", "What the whole spec is for."),
    ("vars", "Variables, used as `${vars.name}`."),
    ("include", "Other specs. Their roles can be referenced."),
    ("collections", "Sources of composite roles, used as `NAME.ROLE`: git repositories, pinned in `seed.lock`, and folders."),
    ("keep", "How long backups of destroyed data are kept, such as `7 d`. Default: 7 days. `seed backups` lists them."),
    ("roles", "The roles, by name."),
];

/// The keys that belong to every role, with a sentence on each.
pub const ROLE_KEYS: &[(&str, &str)] = &[
    ("is", "The role type, such as `storage.btrfs`, or a collection."),
    ("why", "What the role is for."),
    ("state", "`present` (the default), `absent`, or `info`: look, and change nothing."),
    ("needs", "Roles that must come before it and that it does not reference."),
    ("for_each", "A list or mapping: one role for each item."),
    ("when", "A condition. A role whose `when` is false does not exist."),
    ("disposable", "Whether its data may be destroyed without a question and without a backup. Default: `false`."),
    (KIND, "The role type within the collection, for `is: COLLECTION`."),
];

/// The keys of a composite role's `role.yml`, with a sentence on each.
pub const ROLE_FILE_KEYS: &[(&str, &str)] = &[
    ("about", "What the role is for, Markdown; the first line is a summary."),
    ("parameters", "The parameters of the role, each with `type`, `default` and `doc`; used as `${name}`."),
    ("outputs", "What the role offers to others as `${role.output}`: names and values."),
];

/// The keys of a composite role's `tasks/main.yml`, with a sentence on each.
pub const TASKS_KEYS: &[(&str, &str)] = &[
    ("present", "The parts of the role, written like `roles:` in a spec."),
    ("absent", "What removes the role. By default the parts of `present` are removed in reverse order."),
    ("info", "What observes the role. By default each part of `present` is observed."),
];

/// The keys of a parameter in `role.yml`, with a sentence on each.
pub const PARAMETER_KEYS: &[(&str, &str)] = &[
    ("type", "The type of its value, such as `text`, `size`, `path` or `list of text`."),
    ("default", "The default value. A parameter without one is required; `null` makes it optional, without a value."),
    ("doc", "What it is for, Markdown."),
];

/// The keys of an output in `role.yml` that is more than its value, with a sentence on each.
pub const OUTPUT_KEYS: &[(&str, &str)] = &[
    ("value", "Its value, such as `${part.path}`."),
    ("type", "Its type: `block`, `backing`, `directory`, `file` or `text`. Default: the type of its value."),
    ("doc", "What it is for, Markdown."),
];

/// What a file says besides its roles.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// Behind `name:`.
    pub name: Option<NodeId>,
    /// Behind `why:`.
    pub why: Option<NodeId>,
    /// Behind `vars:`.
    pub vars: Option<NodeId>,
    /// Behind `include:`.
    pub include: Option<NodeId>,
    /// Behind `collections:`.
    pub collections: Option<NodeId>,
    /// Behind `keep:`.
    pub keep: Option<NodeId>,
}

/// A role entry as nodes.
#[derive(Clone, Debug)]
pub struct RoleNode {
    /// Its name.
    pub key: NodeId,
    /// The entry itself; a mapping, unless that is a mistake that was told.
    pub value: NodeId,
    /// Behind `is:`, with its key.
    pub is: Option<(NodeId, NodeId)>,
    /// Behind `kind:`.
    pub kind: Option<NodeId>,
    /// Behind `why:`.
    pub why: Option<NodeId>,
    /// Behind `state:`.
    pub state: Option<NodeId>,
    /// Behind `needs:`.
    pub needs: Option<NodeId>,
    /// Behind `for_each:`.
    pub for_each: Option<NodeId>,
    /// Behind `when:`.
    pub when: Option<NodeId>,
    /// Behind `disposable:`.
    pub disposable: Option<NodeId>,
    /// All other keys and values.
    pub params: Vec<(NodeId, NodeId)>,
    /// The entry, up to where the next one begins.
    pub reach: Span,
}

/// One file, read but not resolved.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// What it says besides its roles.
    pub header: Header,
    /// Its role entries, in the order written.
    pub roles: Vec<RoleNode>,
    /// The mapping behind `roles:`.
    pub role_map: Option<NodeId>,
    /// Of a composite role's tasks: which entries each list holds.
    pub lists: Lists,
}

/// The lists of a composite role's tasks, each with indices into [`Model::roles`]; none if it is not written.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// What it is made of.
    pub present: Option<Vec<usize>>,
    /// What is done to take it away.
    pub absent: Option<Vec<usize>>,
    /// What is looked at.
    pub info: Option<Vec<usize>>,
}

/// What a node is, in words.
pub(crate) fn words(tree: &Tree, id: NodeId) -> &'static str {
    match &tree.follow(id).kind {
        NodeKind::Scalar(text, _) if text.is_empty() && tree.follow(id).span.start == tree.follow(id).span.end => "nothing",
        NodeKind::Scalar(..) => "a single value",
        NodeKind::List(_) => "a list",
        NodeKind::Map(_) => "a mapping",
        NodeKind::Alias(_) => "an alias",
    }
}

/// Whether the value behind a key was left out.
pub(crate) fn left_out(tree: &Tree, id: NodeId) -> bool {
    let node = tree.follow(id);
    node.span.start == node.span.end && matches!(&node.kind, NodeKind::Scalar(text, _) if text.is_empty())
}

/// The edit that removes a key with its value: whole lines. None where it shares its line with others.
pub(crate) fn removal(source: &Source, key: Span, value: Span) -> Option<Span> {
    let first = source.line_of(key.start as usize);
    let last = source.line_of((value.end as usize).max(key.end as usize));
    let (start, end) = (source.line_start(first), source.line_start(last + 1));
    let text = source.text();
    let alone = text[start..key.start as usize].trim().is_empty();
    let behind = text[(value.end as usize).clamp(key.end as usize, end)..end].trim_start_matches(':').trim();
    (alone && (behind.is_empty() || behind.starts_with('#'))).then(|| Span::new(key.file, start, end))
}

/// A diagnostic for a key that is not known, with the nearest known one and its removal as fixes.
pub(crate) fn unknown_key<'a>(
    source: &Source,
    name: &str,
    key: Span,
    value: Span,
    place: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(Code::UnknownKey, key, format!("`{name}` is not a key of {place}"));
    match nearest(name, known.clone()) {
        Some(near) => {
            diagnostic.help = Some(format!("did you mean `{near}`?"));
            diagnostic = diagnostic.fix(format!("Change to `{near}`"), key, near);
        }
        None => {
            let mut all: Vec<&str> = known.collect();
            all.truncate(24);
            diagnostic.help = Some(match all.is_empty() {
                true => "it has no keys".to_owned(),
                false => format!("known keys: {}", all.join(", ")),
            });
        }
    }
    match removal(source, key, value) {
        Some(span) => diagnostic.fix(format!("Remove `{name}`"), span, ""),
        None => diagnostic,
    }
}

/// Reads the structure of a file: the keys of its header and of its roles. `included` files need no name and no roles.
pub fn read(source: &Source, file: FileId, tree: &Tree, included: bool) -> (Model, Vec<Diagnostic>) {
    let mut reading = Reading { source, tree, file, diagnostics: Vec::new() };
    let model = reading.model(included);
    (model, reading.diagnostics)
}

/// Reads the structure of a composite role's `tasks/main.yml`: its lists of role entries.
pub fn read_tasks(source: &Source, file: FileId, tree: &Tree) -> (Model, Vec<Diagnostic>) {
    let mut reading = Reading { source, tree, file, diagnostics: Vec::new() };
    let model = reading.tasks();
    (model, reading.diagnostics)
}

struct Reading<'a> {
    source: &'a Source,
    tree: &'a Tree,
    file: FileId,
    diagnostics: Vec<Diagnostic>,
}

impl Reading<'_> {
    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::error(code, span, message));
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last]
    }

    /// The name that a key is, or a diagnostic.
    fn name(&mut self, key: NodeId) -> Option<std::sync::Arc<str>> {
        let name = self.tree.scalar(key).cloned();
        if name.is_none() {
            let span = self.tree.node(key).span;
            self.error(Code::WrongType, span, format!("a key must be a single value, found {}", words(self.tree, key)));
        }
        name
    }

    fn model(&mut self, included: bool) -> Model {
        let mut model = Model::default();
        let Some(root) = self.tree.root else { return model };
        let root_span = self.tree.follow(root).span;
        if !matches!(self.tree.follow(root).kind, NodeKind::Map(_)) {
            let first = self.source.line_of(root_span.start as usize);
            let end = (self.source.line_start(first + 1)).min(root_span.end as usize);
            let span = Span::new(self.file, root_span.start as usize, end);
            let found = words(self.tree, root);
            let message = format!("a spec is a mapping that begins with `seed: 1`, and this is {found}");
            self.error(Code::WrongType, span, message);
            return model;
        }
        let start = Span { end: root_span.start, ..root_span };
        let (mut version, mut roles) = (None, None);
        for (key, value) in self.tree.pairs(root).iter().copied() {
            let Some(name) = self.name(key) else { continue };
            let header = &mut model.header;
            let slot = match &*name {
                "seed" => &mut version,
                "name" => &mut header.name,
                "why" => &mut header.why,
                "vars" => &mut header.vars,
                "include" => &mut header.include,
                "collections" => &mut header.collections,
                "keep" => &mut header.keep,
                "roles" => &mut roles,
                _ if self.diagnostics.len() > ENOUGH => continue,
                _ => {
                    let (key, value) = (self.tree.node(key).span, self.tree.node(value).span);
                    let known = HEADER_KEYS.iter().map(|(name, _)| *name);
                    let mut diagnostic = unknown_key(self.source, &name, key, value, "a spec", known);
                    if ROLE_KEYS.iter().any(|(known, _)| *known == &*name) {
                        diagnostic.help = Some("it belongs to a role: indent it below the role's name".into());
                        diagnostic.fixes.clear();
                    }
                    self.diagnostics.push(diagnostic);
                    continue;
                }
            };
            slot.get_or_insert(value);
        }
        let damaged = !self.tree.damaged.is_empty();
        self.version(version, start, damaged);
        if model.header.name.is_none() && !included && !damaged {
            let diagnostic = self.error(Code::MissingKey, start, "the spec has no `name`");
            diagnostic.help = Some("name it, so that its journal can be found again: `name: lab`".into());
        }
        match roles {
            Some(roles) => self.roles(&mut model, roles),
            None if included || damaged || model.header.include.is_some() => {}
            None => {
                let diagnostic = self.error(Code::MissingKey, start, "the spec has no `roles`");
                diagnostic.help = Some("write `roles: {}` if it is to have none".into());
            }
        }
        model
    }

    fn version(&mut self, version: Option<NodeId>, start: Span, damaged: bool) {
        let Some(version) = version else {
            if !damaged {
                let diagnostic = Diagnostic::error(Code::Version, start, "the version of the spec language is missing")
                    .help("begin the file with `seed: 1`")
                    .fix("Add `seed: 1`", start, "seed: 1\n");
                self.diagnostics.push(diagnostic);
            }
            return;
        };
        let node = self.tree.follow(version);
        let written = self.tree.scalar(version).map_or("", |text| text);
        if !matches!(node.kind, NodeKind::Scalar(_, crate::tree::Style::Plain)) || written.parse() != Ok(VERSION) {
            let span = self.tree.node(version).span;
            let message = match written.parse::<u64>() {
                Ok(number) if number != VERSION as u64 => {
                    format!("this program reads version {VERSION} of the spec language, not version {number}")
                }
                _ => format!("the version of the spec language is the number {VERSION}, without quotes"),
            };
            let diagnostic = Diagnostic::error(Code::Version, span, message).fix("Change to `1`", span, "1");
            self.diagnostics.push(diagnostic);
        }
    }

    fn roles(&mut self, model: &mut Model, roles: NodeId) {
        if left_out(self.tree, roles) {
            return;
        }
        let target = self.tree.target(roles);
        if !matches!(self.tree.node(target).kind, NodeKind::Map(_)) {
            let span = self.tree.node(roles).span;
            let found = words(self.tree, roles);
            let diagnostic =
                self.error(Code::WrongType, span, format!("`roles` is a mapping from names to roles, and this is {found}"));
            diagnostic.help = Some("write each role as `name:` with its keys indented below".into());
            return;
        }
        model.role_map = Some(target);
        let pairs = self.tree.pairs(target);
        model.roles.reserve(pairs.len());
        self.entries(model, &pairs);
    }

    /// Reads role entries, given as pairs of name and entry.
    fn entries(&mut self, model: &mut Model, pairs: &[(NodeId, NodeId)]) {
        for (at, (key, value)) in pairs.iter().copied().enumerate() {
            let Some(name) = self.name(key) else { continue };
            let (key_span, value_span) = (self.tree.node(key).span, self.tree.node(value).span);
            let next = pairs.get(at + 1).map(|(key, _)| self.tree.node(*key).span.start).filter(|next| *next > key_span.start);
            let end = next.unwrap_or(self.source.text().len() as u32);
            let reach = Span { end, ..key_span };
            if !matches!(self.tree.follow(value).kind, NodeKind::Map(_)) {
                if left_out(self.tree, value) {
                    if !self.tree.is_damaged(reach) {
                        let diagnostic = self.error(Code::MissingKey, key_span, format!("the role `{name}` has no `is`"));
                        diagnostic.help = Some("say what it is: `is: storage.btrfs`".into());
                    }
                } else {
                    let found = words(self.tree, value);
                    let diagnostic = self.error(Code::WrongType, value_span, format!("a role is a mapping, and this is {found}"));
                    diagnostic.help = Some("indent its keys below its name, the first being `is:`".into());
                }
                // It is there, for references, but has nothing that could be read.
                model.roles.push(RoleNode::new(key, value, reach));
                continue;
            }
            let role = self.role(key, value, reach);
            model.roles.push(role);
        }
    }

    fn tasks(&mut self) -> Model {
        let mut model = Model::default();
        let Some(root) = self.tree.root else { return model };
        if !matches!(self.tree.follow(root).kind, NodeKind::Map(_)) {
            let span = self.first_line(root);
            let found = words(self.tree, root);
            let message = format!("the tasks of a role are a mapping with `present:`, and this is {found}");
            let diagnostic = self.error(Code::WrongType, span, message);
            diagnostic.help = Some("write the roles that it is made of below `present:`, as under `roles:` in a spec".into());
            return model;
        }
        for (key, value) in self.tree.pairs(root).iter().copied() {
            let Some(name) = self.name(key) else { continue };
            let list = match &*name {
                "present" => self.list(&mut model, value, &name),
                "absent" => self.list(&mut model, value, &name),
                "info" => self.list(&mut model, value, &name),
                _ => {
                    let (key, value) = (self.tree.node(key).span, self.tree.node(value).span);
                    let known = TASKS_KEYS.iter().map(|(name, _)| *name);
                    let diagnostic = unknown_key(self.source, &name, key, value, "a role's tasks", known);
                    self.diagnostics.push(diagnostic);
                    continue;
                }
            };
            let slot = match &*name {
                "present" => &mut model.lists.present,
                "absent" => &mut model.lists.absent,
                _ => &mut model.lists.info,
            };
            slot.get_or_insert(list);
        }
        if model.lists.present.is_none() && self.tree.damaged.is_empty() {
            let span = Span { end: self.tree.follow(root).span.start, ..self.tree.follow(root).span };
            let diagnostic = self.error(Code::MissingKey, span, "the role does not say what it is made of: `present` is missing");
            diagnostic.help = Some("write `present: {}` if it is made of nothing".into());
        }
        model
    }

    /// One list of a role's tasks: a mapping of name and entry, or a list of such mappings with one key each.
    fn list(&mut self, model: &mut Model, node: NodeId, name: &str) -> Vec<usize> {
        let first = model.roles.len();
        if left_out(self.tree, node) {
            return Vec::new();
        }
        match &self.tree.follow(node).kind {
            NodeKind::Map(_) => {
                let pairs = self.tree.pairs(node);
                self.entries(model, &pairs);
            }
            NodeKind::List(items) => {
                let mut pairs: Vec<(NodeId, NodeId)> = Vec::new();
                for item in items {
                    match self.tree.pairs(*item)[..] {
                        [pair] => pairs.push(pair),
                        _ => {
                            let span = self.first_line(*item);
                            let diagnostic = self.error(Code::WrongType, span, "an item of this list is one name with its role");
                            diagnostic.help = Some("write `- home: {is: file.directory, …}`, or leave the dashes out".into());
                        }
                    }
                }
                for (at, (key, _)) in pairs.iter().enumerate() {
                    let twice = |(other, _): &&(NodeId, NodeId)| self.tree.scalar(*other) == self.tree.scalar(*key);
                    if let Some((other, _)) = pairs[..at].iter().find(twice)
                        && let Some(part) = self.tree.scalar(*key)
                    {
                        let message = format!("there is a role `{part}` already");
                        let diagnostic = Diagnostic::error(Code::DuplicateRole, self.tree.node(*key).span, message);
                        self.diagnostics.push(diagnostic.related(self.tree.node(*other).span, "first defined here"));
                    }
                }
                self.entries(model, &pairs);
            }
            _ => {
                let found = words(self.tree, node);
                let span = self.tree.node(node).span;
                self.error(Code::WrongType, span, format!("`{name}` is a mapping from names to roles, and this is {found}"));
            }
        }
        (first..model.roles.len()).collect()
    }

    /// The first line of a node, so that a whole file is not marked for one mistake.
    fn first_line(&self, node: NodeId) -> Span {
        let span = self.tree.follow(node).span;
        let line = self.source.line_of(span.start as usize);
        let end = self.source.line_start(line + 1).min(span.end as usize);
        Span::new(self.file, span.start as usize, end)
    }

    fn role(&mut self, key: NodeId, value: NodeId, reach: Span) -> RoleNode {
        let mut role = RoleNode::new(key, value, reach);
        for (key, value) in self.tree.pairs(value).iter().copied() {
            let Some(name) = self.name(key) else { continue };
            let slot = match &*name {
                "is" => {
                    role.is.get_or_insert((key, value));
                    continue;
                }
                "why" => &mut role.why,
                "state" => &mut role.state,
                "needs" => &mut role.needs,
                "for_each" => &mut role.for_each,
                "when" => &mut role.when,
                "disposable" => &mut role.disposable,
                KIND => &mut role.kind,
                _ => {
                    role.params.push((key, value));
                    continue;
                }
            };
            slot.get_or_insert(value);
        }
        role
    }
}

impl RoleNode {
    fn new(key: NodeId, value: NodeId, reach: Span) -> Self {
        RoleNode {
            key,
            value,
            is: None,
            kind: None,
            why: None,
            state: None,
            needs: None,
            for_each: None,
            when: None,
            disposable: None,
            params: Vec::new(),
            reach,
        }
    }
}
