//! What the spec language cannot see by itself: claims that clash, sizes that do not fit, programs that are missing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use seed_collections::{REGISTRY, catalog};
use seed_role::claim::Claim;
use seed_role::host::Host;
use seed_role::{Finding, Role};
use seed_spec::analysis::{Analysis, Loader, Provenance, Request, RoleInstance, State, outermost};
use seed_spec::value::Secret;
use seed_spec::{Code, Data, Diagnostic, FileId, Span, Value};

use crate::node::{Graph, Node, expand, wholes};
use crate::sources::Sources;
use crate::stored;
use crate::trust::Trust;
use crate::untrusted;

/// Analyses a spec to the end: what [`seed_spec::analysis::analyse`] finds, and what only the role types can tell. With a
/// host, also which programs and files are missing on it and whether the spec is trusted. Runs nothing.
pub fn analyse(request: &Request<'_>, loader: &dyn Loader, host: Option<&dyn Host>) -> Analysis {
    analyse_with_graph(request, loader, host).0
}

/// The same, with the graph of its roles.
pub fn analyse_with_graph(request: &Request<'_>, loader: &dyn Loader, host: Option<&dyn Host>) -> (Analysis, Graph) {
    let mut analysis = seed_spec::analysis::analyse(request, catalog(), loader);
    // A composite role by itself has no values, and so nothing that could be planned.
    let drafts = if analysis.is_role { Vec::new() } else { expand(&analysis, &REGISTRY, host, State::Present) };
    let graph = Graph { wholes: wholes(&analysis), ..Graph::new(drafts) };
    let mut findings = Vec::new();
    let checker = Checker { analysis: &analysis, graph: &graph };
    checker.order(&mut findings);
    checker.claims(&mut findings);
    let mut tools = host.map(|host| Tools { host, known: HashMap::new() });
    let mut sources = host.map(|host| Sources::new(host, &graph));
    for node in graph.nodes.iter().filter(|node| !node.aside) {
        if let (Some(role), Some(instance)) = (&node.role, checker.instance(node)) {
            findings.extend(own_findings(&**role, instance));
            if let Some(tools) = &mut tools {
                tools.missing(&**role, instance, &mut findings);
            }
            if let Some(sources) = &mut sources {
                let (missing, mistakes) = sources.look(node, instance);
                findings.extend(missing);
                findings.extend(mistakes.into_iter().map(|mistake| diagnostic(instance, mistake)));
            }
        }
    }
    checker.states(&mut findings);
    for asked in [State::Absent, State::Info].into_iter().filter(|_| !analysis.instead.is_empty()) {
        let graph = Graph::new(expand(&analysis, &REGISTRY, host, asked));
        let written = graph.nodes.iter().filter(|node| node.instance.is_some_and(|number| number >= analysis.roles.len()));
        for (role, instance) in written.filter_map(|node| Some((node.role.as_ref()?, analysis.role(node.instance?)?))) {
            findings.extend(own_findings(&**role, instance));
        }
    }
    note_uses(&analysis, &mut findings);
    if host.is_some() {
        findings.extend(untrusted::warning(&analysis, request.path, &Trust::new(&crate::journal::state_folder())));
    }
    findings.retain(|finding| !analysis.ignores.iter().any(|ignore| ignore.silences(finding)));
    analysis.diagnostics.extend(findings);
    analysis.diagnostics.sort_by_key(|diagnostic| (diagnostic.span.file, diagnostic.span.start));
    (analysis, graph)
}

/// What was found in the files of a composite role is told with the use that it was found for.
fn note_uses(analysis: &Analysis, findings: &mut [Diagnostic]) {
    if analysis.composites.is_empty() || findings.is_empty() {
        return;
    }
    // Where several uses share a place, the first is as good as any.
    let mut uses: HashMap<(FileId, u32), usize> = HashMap::new();
    for role in analysis.roles.iter().chain(&analysis.instead) {
        if let Some(whole) = outermost(&analysis.composites, role.part_of) {
            let spans = role.params.iter().map(|(_, value)| value.span).chain([role.name_span]);
            for span in spans {
                uses.entry((span.file, span.start)).or_insert(whole);
            }
        }
    }
    for finding in findings {
        if let Some(whole) = uses.get(&(finding.span.file, finding.span.start)).map(|whole| &analysis.composites[*whole]) {
            finding.related.push((whole.name_span, format!("used for `{}` here", whole.name)));
        }
    }
}

struct Checker<'a> {
    analysis: &'a Analysis,
    graph: &'a Graph,
}

impl<'a> Checker<'a> {
    fn instance(&self, node: &Node) -> Option<&'a RoleInstance> {
        self.analysis.role(node.instance?)
    }

    fn named(&self, name: &str) -> Option<&'a RoleInstance> {
        self.analysis.roles.iter().find(|role| *role.name == *name)
    }

    /// Circles that come about by nesting of paths; those of references the spec language has found.
    fn order(&self, findings: &mut Vec<Diagnostic>) {
        let known = self.analysis.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::Cycle);
        let Some(first) = self.graph.cycle.first().filter(|_| !known).and_then(|name| self.named(name)) else { return };
        let path: Vec<&str> = self.graph.cycle.iter().map(|name| &**name).collect();
        let message = format!("dependency cycle: {}", path.join(" → "));
        findings.push(Diagnostic::error(Code::Cycle, self.use_of(first).unwrap_or(first.name_span), message).help(
            "a role depends on the roles that it references, on those in `needs`, and on the role that provides its folder",
        ));
    }

    fn claims(&self, findings: &mut Vec<Diagnostic>) {
        let mut claimed: HashMap<Claim, &RoleInstance> = HashMap::new();
        // A file as a whole and a part of it do not go together.
        let mut parts: HashMap<PathBuf, &RoleInstance> = HashMap::new();
        for node in &self.graph.nodes {
            let (Some(role), Some(instance)) = (&node.role, self.instance(node)) else { continue };
            if node.state == State::Info || node.aside {
                continue;
            }
            // What a role names twice is one claim; that it does so is for the role type to tell.
            let mut own = HashSet::new();
            for claim in role.claims().into_iter().filter(|claim| own.insert(claim.clone())) {
                let same = match &claim {
                    // A mount point is a path, too.
                    Claim::Mount(path) => claimed.get(&claim).or_else(|| claimed.get(&Claim::Path(path.clone()))),
                    Claim::Path(path) => {
                        claimed.get(&claim).or_else(|| claimed.get(&Claim::Mount(path.clone()))).or_else(|| parts.get(path))
                    }
                    Claim::Part(path, _) => claimed.get(&claim).or_else(|| claimed.get(&Claim::Path(path.clone()))),
                    _ => claimed.get(&claim),
                };
                if let Some(other) = same.filter(|other| other.name != instance.name) {
                    // What tells the parts of two uses of a composite role apart stands where they are used.
                    let (one, two) = (self.use_of(instance), self.use_of(other));
                    let [one, two] = if one == two { [None, None] } else { [one, two] };
                    let here = one.unwrap_or_else(|| claim_span(instance, &claim));
                    let there = two.unwrap_or_else(|| claim_span(other, &claim));
                    let message =
                        format!("`{}` claims {}, and so does `{}`{}", instance.name, claim.words(), other.name, self.at(there));
                    let mut finding = Diagnostic::error(Code::Conflict, here, message)
                        .help("change it in one of the two roles, or remove one of them")
                        .related(there, format!("`{}` claims it here", other.name));
                    if one.is_some() {
                        finding = finding.related(claim_span(instance, &claim), "its part that claims it");
                    }
                    findings.push(finding);
                }
                if let Claim::Part(path, _) = &claim {
                    parts.entry(path.clone()).or_insert(instance);
                }
                claimed.entry(claim).or_insert(instance);
            }
        }
    }

    /// Where a place is, behind a name: ` (lab.seed.yaml:12)`.
    fn at(&self, span: Span) -> String {
        let Some(document) = self.analysis.document(span.file) else { return String::new() };
        let name = document.source.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!(" ({name}:{})", document.source.position(span.start as usize).line + 1)
    }

    /// The name of the outermost composite role that an instance is a part of.
    fn use_of(&self, instance: &RoleInstance) -> Option<Span> {
        let composites = &self.analysis.composites;
        Some(composites[outermost(composites, instance.part_of)?].name_span)
    }

    /// A role that is to be there cannot rest on one that is not.
    fn states(&self, findings: &mut Vec<Diagnostic>) {
        for node in self.graph.nodes.iter().filter(|node| node.state == State::Present) {
            let Some(instance) = self.instance(node) else { continue };
            let absent = node.rests_on.iter().map(|index| &self.graph.nodes[*index]).find(|below| below.state == State::Absent);
            if let Some(below) = absent {
                let message = format!("`{}` is present, but depends on `{}`, which is absent", node.name, below.name);
                let help = format!("make `{}` absent too, or `{}` present", node.name, below.name);
                findings.push(Diagnostic::error(Code::Conflict, instance.name_span, message).help(help));
            }
        }
    }
}

/// The roles that run commands which a spec or a composite role names, whatever state is asked for, each with the files that have a
/// say in what they are.
pub(crate) fn commands(analysis: &Analysis) -> Vec<(&RoleInstance, BTreeSet<FileId>)> {
    let runs = |role: &&RoleInstance| {
        let declared = role.types.iter().any(|info| info.runs_commands);
        declared || role.params.iter().any(|(_, value)| runs_secret_command(value))
    };
    let mut roles = analysis.roles.iter().chain(&analysis.instead).filter(runs).peekable();
    if roles.peek().is_none() {
        return Vec::new();
    }
    let provenance = Provenance::new(analysis);
    roles.map(|role| (role, provenance.files_behind(role))).collect()
}

fn runs_secret_command(value: &Value) -> bool {
    match &value.data {
        Data::Secret(secret) => matches!(**secret, Secret::Command(_)),
        Data::List(items) => items.iter().any(runs_secret_command),
        Data::Map(entries) => entries.iter().any(|(_, value)| runs_secret_command(value)),
        _ => false,
    }
}

/// Whether a role runs commands that the spec names.
pub fn runs_commands(node: &Node) -> bool {
    let declared = catalog().get(node.role_type.name).is_some_and(|info| info.runs_commands);
    declared || stored::runs_secret_command(&node.params.json)
}

/// Which programs a host has; each is looked for once.
struct Tools<'a> {
    host: &'a dyn Host,
    known: HashMap<&'static str, bool>,
}

impl Tools<'_> {
    /// The programs that a role needs and this host does not have.
    fn missing(&mut self, role: &dyn Role, instance: &RoleInstance, findings: &mut Vec<Diagnostic>) {
        for tool in role.tools() {
            let host = self.host;
            if !*self.known.entry(tool.program).or_insert_with(|| host.find_program(tool.program).is_some()) {
                let message = format!("`{}` needs the program {}, which is not installed", instance.name, tool.program);
                findings.push(Diagnostic::warning(Code::MissingTool, instance.name_span, message).help(tool.hint()));
            }
        }
    }
}

/// What a role finds wrong with its parameters; nothing where one of them could not be read whole, which was told.
fn own_findings(role: &dyn Role, instance: &RoleInstance) -> Vec<Diagnostic> {
    if instance.incomplete {
        return Vec::new();
    }
    role.check().into_iter().map(|finding| diagnostic(instance, finding)).collect()
}

fn diagnostic(instance: &RoleInstance, finding: Finding) -> Diagnostic {
    let span = param_span(instance, &finding.param).unwrap_or(instance.name_span);
    let diagnostic = Diagnostic::error(finding.code, span, finding.message);
    match finding.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// Where a parameter's value stands, as far as the dotted name can be followed.
fn param_span(instance: &RoleInstance, param: &str) -> Option<Span> {
    let (first, rest) = param.split_once('.').map_or((param, None), |(first, rest)| (first, Some(rest)));
    let value = instance.params.iter().find(|(name, _)| **name == *first).map(|(_, value)| value)?;
    Some(rest.map_or(value.span, |rest| inner_span(value, rest)))
}

/// Where the value of a dotted name in another value stands. A name that the user chose may hold dots itself, or be empty: of
/// those that the name can begin with, the longest is meant.
fn inner_span(value: &Value, dotted: &str) -> Span {
    let Data::Map(entries) = &value.data else { return value.span };
    let behind = |name: &str| match dotted.strip_prefix(name)? {
        "" => Some(None),
        rest => rest.strip_prefix('.').map(Some),
    };
    let begun = entries.iter().filter_map(|(name, value)| Some((name.len(), value, behind(name)?)));
    match begun.max_by_key(|(len, ..)| *len) {
        Some((_, inner, Some(rest))) => inner_span(inner, rest),
        Some((_, inner, None)) => inner.span,
        None => value.span,
    }
}

fn claim_span(instance: &RoleInstance, claim: &Claim) -> Span {
    let params: &[&str] = match claim {
        Claim::Path(_) => &["path", "at", "mount"],
        Claim::Part(..) => &["instance", "fragment", "path"],
        Claim::Mount(_) => &["mount", "at", "path"],
        Claim::Device(_) => &["device", "devices", "backing"],
        Claim::Label(_) => &["label"],
        Claim::Address(_) => &["address", "network"],
        Claim::Port(_) => &["ports", "network"],
    };
    params.iter().find_map(|param| param_span(instance, param)).unwrap_or(instance.name_span)
}

/// The programs that the role types need, as their examples tell: a pair for each.
pub fn tools_of_types() -> Vec<(&'static str, &'static seed_role::tool::Tool)> {
    let mut tools = Vec::new();
    for role_type in REGISTRY.types() {
        let example = (role_type.info)().example;
        let text = format!("seed: 1\nname: example\nroles:\n{}", indented(example));
        let request = Request { path: std::path::Path::new("/example.seed.yaml"), text: &text, edited_line: None };
        let (_, graph) = analyse_with_graph(&request, &crate::project::DiskLoader, None);
        let roles = graph.nodes.iter().filter(|node| node.role_type.name == role_type.name).filter_map(|node| node.role.as_ref());
        tools.extend(roles.flat_map(|role| role.tools()).map(|tool| (role_type.name, tool)));
    }
    tools.sort();
    tools.dedup();
    tools
}

/// An example as it stands under `roles:`.
pub fn indented(example: &str) -> String {
    example.lines().map(|line| if line.is_empty() { "\n".to_string() } else { format!("  {line}\n") }).collect()
}
