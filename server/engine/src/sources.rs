//! What a spec names and does not make: files that its roles read, owners. Whether they are there, and can be read, is told
//! before anything is planned.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use seed_role::claim::Claim;
use seed_role::host::Host;
use seed_role::{Finding, INSPECTED};
use seed_spec::analysis::{RoleInstance, State};
use seed_spec::shape::{RefKind, Shape};
use seed_spec::value::Secret;
use seed_spec::{Code, Data, Diagnostic, Span, Value};

use crate::node::{Graph, Node};
use crate::places::Places;

/// How many roles' files are looked into in one analysis: it is done anew with each edit.
const MOST: usize = 256;

/// The parameter that names an owner, in every role type that has one.
const OWNER: &str = "owner";

/// Looks for what roles name; each thing is looked for once.
pub(crate) struct Sources<'a> {
    host: &'a dyn Host,
    graph: &'a Graph,
    /// What the roles of the spec make.
    made: Option<Places<PathBuf, ()>>,
    there: HashMap<PathBuf, bool>,
    people: Option<People>,
    inspected: usize,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(host: &'a dyn Host, graph: &'a Graph) -> Self {
        Sources { host, graph, made: None, there: HashMap::new(), people: None, inspected: 0 }
    }

    /// What a role names that is not there, as warnings, and the mistakes in the files that it reads.
    pub(crate) fn look(&mut self, node: &Node, instance: &RoleInstance) -> (Vec<Diagnostic>, Vec<Finding>) {
        let (Some(role), State::Present) = (&node.role, node.state) else { return Default::default() };
        let mut missing = Vec::new();
        for (name, value) in &instance.params {
            let shape = instance.types.first().and_then(|info| info.record.field(name)).map(|field| &field.shape);
            match (&value.data, shape) {
                (Data::Text(text), _) if **name == *OWNER && !self.is_owner(text) => {
                    let message = format!("there is no such user or group: `{text}`");
                    missing.push(Diagnostic::warning(Code::NotThere, value.span, message).help("the role fails until it exists"));
                }
                (Data::Text(path), Some(Shape::Reference(RefKind::Backing))) => {
                    self.require(Path::new(&**path), value.span, &mut missing)
                }
                _ => {}
            }
            self.secrets(value, &mut missing);
        }
        let sources = role.sources();
        for (param, path) in &sources {
            let span =
                instance.params.iter().find(|(name, _)| **name == **param).map_or(instance.name_span, |(_, value)| value.span);
            self.require(path, span, &mut missing);
        }
        if sources.is_empty() || self.inspected >= MOST {
            return (missing, Vec::new());
        }
        self.inspected += 1;
        (missing, role.inspect(self.host))
    }

    fn secrets(&mut self, value: &Value, missing: &mut Vec<Diagnostic>) {
        match &value.data {
            Data::Secret(secret) => {
                if let Secret::File(path) = &**secret {
                    self.require(path, value.span, missing);
                }
            }
            Data::List(items) => items.iter().for_each(|item| self.secrets(item, missing)),
            Data::Map(entries) => entries.iter().for_each(|(_, value)| self.secrets(value, missing)),
            _ => {}
        }
    }

    fn is_owner(&mut self, text: &str) -> bool {
        let host = self.host;
        self.people.get_or_insert_with(|| People::of(host)).know(text)
    }

    /// Tells of a file that is neither there nor made by a role. Of what may not be looked at nothing is known.
    fn require(&mut self, path: &Path, span: Span, missing: &mut Vec<Diagnostic>) {
        let host = self.host;
        let there = *self.there.entry(path.to_path_buf()).or_insert_with(|| !matches!(host.metadata(path), Ok(None)));
        if there || self.is_made(path) {
            return;
        }
        let message = format!("{} does not exist, and no role creates it", path.display());
        missing.push(Diagnostic::warning(Code::NotThere, span, message).help("the role fails until it exists"));
    }

    /// Whether a role makes a path, or a folder that it lies in.
    fn is_made(&mut self, path: &Path) -> bool {
        let graph = self.graph;
        let made = self.made.get_or_insert_with(|| {
            let roles = graph.nodes.iter().filter(|node| node.state == State::Present).filter_map(|node| node.role.as_ref());
            let mut made = Places::default();
            for claim in roles.flat_map(|role| role.claims()) {
                if let Claim::Path(path) | Claim::Part(path, _) | Claim::Mount(path) = claim {
                    made.insert(path, ());
                }
            }
            made
        });
        made.above(path).next().is_some()
    }
}

/// Who this host knows by its own files. Another source may be a server, and nothing asks one while a spec is only opened: where there
/// is another, any name may be known.
struct People {
    users: Option<HashSet<String>>,
    groups: Option<HashSet<String>>,
}

impl People {
    fn of(host: &dyn Host) -> Self {
        let text = |path: &str| {
            let text = host.read(Path::new(path), INSPECTED).ok().flatten().filter(|text| (text.len() as u64) < INSPECTED)?;
            String::from_utf8(text).ok()
        };
        let switch = text("/etc/nsswitch.conf").unwrap_or_default();
        let names = |database: &str, path: &str| {
            let line = switch.lines().find_map(|line| line.trim().strip_prefix(database)?.trim_start().strip_prefix(':'));
            let mut sources = line.unwrap_or("files").split('#').next().unwrap_or_default().split_whitespace();
            let are_here = sources.all(|source| matches!(source, "files" | "systemd") || source.starts_with('['));
            let text = text(path).filter(|_| are_here)?;
            Some(text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect())
        };
        People { users: names("passwd", "/etc/passwd"), groups: names("group", "/etc/group") }
    }

    fn know(&self, owner: &str) -> bool {
        let (user, group) = owner.split_once(':').map_or((owner, None), |(user, group)| (user, Some(group)));
        let is_known = |names: &Option<HashSet<String>>, name: &str| {
            let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
            is_number || names.as_ref().is_none_or(|names| names.contains(name))
        };
        is_known(&self.users, user) && group.is_none_or(|group| is_known(&self.groups, group))
    }
}
