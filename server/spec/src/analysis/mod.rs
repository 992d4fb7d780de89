//! From the text of a spec to checked role instances: all stages, all mistakes.
//!
//! Files are read first, with what they include ([`files`]); then variables, then which roles there are, with
//! loops, conditions and types ([`roles`]); then their parameters, by the shapes of their types ([`shape_check`]);
//! then the graph they make. Each stage goes on with what the one before could make out, and keeps silent
//! about what follows from a mistake already told.

mod collections;
mod composite;
mod files;
mod graph;
mod header;
mod ignore;
mod instance;
pub mod interpolate;
mod lookup;
mod path;
mod provenance;
mod reader;
mod references;
mod roles;
pub mod scalar;
mod secret;
mod shape_check;
mod structure;
mod typed_scalar;
mod vars;
mod when;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::collections::{Collection, CollectionSource, FoundCollection, MissingCollection, Pinned};
pub use self::composite::lookup::{ROLE_FILE, ROLES, TASKS_FILE};
pub use self::ignore::Ignore;
pub use self::provenance::Provenance;
use self::reader::{Budget, Outputs, Reader, World};
use self::roles::Roles;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::model::Model;
use crate::shape::{Catalog, Shape, TypeInfo};
use crate::text::{FileId, Source, Span};
use crate::tree::Tree;
use crate::value::Value;

/// The tag of a secret.
pub const SECRET_TAG: &str = "!secret";
/// How long what was destroyed is kept, in milliseconds, when `keep:` does not say: 7 days.
pub const DEFAULT_KEEP: u64 = 7 * 24 * 60 * 60 * 1000;
/// How many diagnostics one file has at most.
const MAX_DIAGNOSTICS: usize = 500;

/// What the language asks of the world outside.
pub trait Loader: Sync {
    /// The text of an included file.
    ///
    /// # Errors
    ///
    /// In words, why it cannot be had.
    fn load(&self, path: &Path) -> Result<Arc<str>, String>;

    /// The names of the folders in a folder that hold a `role.yml`: its composite roles. None if there is no such folder.
    fn roles(&self, folder: &Path) -> Option<Vec<String>> {
        let _ = folder;
        None
    }

    /// Whether there is a folder.
    fn is_folder(&self, path: &Path) -> bool {
        let _ = path;
        false
    }

    /// The specs in a folder, for the names of collections in the files of its composite roles.
    fn specs(&self, folder: &Path) -> Vec<PathBuf> {
        let _ = folder;
        Vec::new()
    }

    /// Where a collection from a git repository is, that a file in the folder `beside` names: what the lock there pins, if it was
    /// fetched. Fetches nothing.
    ///
    /// # Errors
    ///
    /// Why it is not there, and what to do.
    fn collection(&self, name: &str, git: &str, rev: Option<&str>, beside: &Path) -> Result<FoundCollection, MissingCollection> {
        let _ = (git, rev, beside);
        let message = format!("the collection `{name}` is not available here");
        Err(MissingCollection { code: Code::CollectionMissing, message, help: "run `seed collection fetch`".into() })
    }

    /// An environment variable, for `${env.X}`.
    fn env(&self, name: &str) -> Option<String>;

    /// The home directory, for paths that begin with `~/`.
    fn home(&self) -> Option<PathBuf>;
}

/// The state that an entry asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is to be there.
    #[default]
    Present,
    /// It must not exist.
    Absent,
    /// It is only looked at.
    Info,
}

/// One file of a spec: the spec itself, or an included one.
#[derive(Debug)]
pub struct Document {
    /// Its number; the spec itself is 0.
    pub file: FileId,
    /// Its text and path.
    pub source: Source,
    /// Its YAML.
    pub tree: Tree,
    /// Its role entries as written.
    pub entries: Vec<Entry>,
    /// The folder that relative paths in it start at, absolute.
    pub folder: PathBuf,
    /// Its path, absolute.
    pub absolute: PathBuf,
}

impl Document {
    /// Whether a word stands in what could not be read, so that it may be defined there.
    pub(crate) fn damaged_word(&self, word: &str) -> bool {
        self.tree.damaged.iter().any(|span| self.source.slice(*span).contains(word))
    }
}

/// What a file says, beside its [`Document`], and the file that first included it.
#[derive(Debug)]
struct Loaded {
    model: Model,
    parent: Option<FileId>,
    part: files::Part,
    /// The composite roles that it can name.
    scope: Arc<composite::lookup::Roles>,
    /// The collections that it can name.
    collections: Arc<collections::Named>,
}

/// A place where a role is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name as written, without what stands behind it.
    pub span: Span,
    /// The entry that it names.
    pub role: Arc<str>,
    /// The entry that it stands in; none outside of roles.
    pub from_role: Option<Arc<str>>,
}

/// A place where a variable is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VarUse {
    /// Its name as written.
    pub span: Span,
    /// The variable.
    pub name: Arc<str>,
}

/// A place where a file is included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncludeLink {
    /// The path as written.
    pub span: Span,
    /// The path, absolute.
    pub path: PathBuf,
    /// The file, if it could be read.
    pub file: Option<FileId>,
}

/// A role entry as written, before loops are unrolled.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name, the key of the entry.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// The whole entry: from its key to the end of its value.
    pub span: Span,
    /// What stands behind `is:`, as far as it is written.
    pub is: Option<(Arc<str>, Span)>,
    /// What stands behind `why:`.
    pub why: Option<Arc<str>>,
    /// The parameter keys that are written, with their spans and their values' spans.
    pub keys: Vec<(Arc<str>, Span, Span)>,
    /// The concrete type when it can be known without a host.
    pub info: Option<Arc<TypeInfo>>,
    /// Where the value of `needs:` stands.
    pub needs: Option<Span>,
}

/// One role, with variables, loops and conditions resolved and its parameters checked.
#[derive(Clone, Debug)]
pub struct RoleInstance {
    /// `pool`, or `dirs[a]` for an instance of a loop.
    pub name: Arc<str>,
    /// The entry it comes from: an index into [`Document::entries`] of that file.
    pub entry: (FileId, usize),
    /// Where its name stands.
    pub name_span: Span,
    /// The concrete role types it can be: one, unless it is abstract and the host has to choose.
    pub types: Vec<Arc<TypeInfo>>,
    /// What stood behind `is:`; differs from the type's name for an abstract role.
    pub is: Arc<str>,
    /// Why it is there.
    pub why: Option<Arc<str>>,
    /// The state it asks for.
    pub state: State,
    /// Names of role instances that come before it, from `needs`.
    pub needs: Vec<Arc<str>>,
    /// Whether its data may be destroyed without asking again.
    pub disposable: bool,
    /// Its own parameters (not `is`, `why` and the like, nor `kind`), checked and read:
    /// what is missing has no key; what could not be read is left out, with a diagnostic.
    pub params: Vec<(Arc<str>, Value)>,
    /// Whether a list or mapping among them lacks an item that could not be read. What the parameters mean together cannot be told then.
    pub incomplete: bool,
    /// The composite role that it is a part of: an index into [`Analysis::composites`].
    pub part_of: Option<usize>,
    /// For which of the states that can be asked for it takes part.
    pub phases: Phases,
    /// Whether its own state holds even where all roles are asked to be absent: a composite role writes it for that.
    pub literal: bool,
}

/// A use of a composite role. What it is made of are role instances of their own.
#[derive(Clone, Debug)]
pub struct CompositeInstance {
    /// `box`, or `boxes[a]` for an instance of a loop, or `outer/box` for one that is a part itself.
    pub name: Arc<str>,
    /// The entry it comes from: an index into [`Document::entries`] of that file.
    pub entry: (FileId, usize),
    /// Where its name stands.
    pub name_span: Span,
    /// The role as it is described.
    pub info: Arc<TypeInfo>,
    /// Why it is there.
    pub why: Option<Arc<str>>,
    /// The state it asks for.
    pub state: State,
    /// Whether the data of all its parts may be destroyed without asking again.
    pub disposable: bool,
    /// Names of role instances that come before all its parts.
    pub needs: Vec<Arc<str>>,
    /// The composite role that it is a part of.
    pub part_of: Option<usize>,
    /// What it is given, as far as it could be read.
    pub params: Vec<(Arc<str>, Value)>,
}

/// The outermost of the composite roles that something is a part of, given the innermost, as an index into them.
pub fn outermost(composites: &[CompositeInstance], part_of: Option<usize>) -> Option<usize> {
    let mut whole = part_of?;
    while let Some(outer) = composites.get(whole)?.part_of {
        whole = outer;
    }
    Some(whole)
}

/// Some of the states that can be asked for: `present` for what `plan` and `apply` do, `absent`, and `info` for looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases(u8);

impl Phases {
    /// All of them.
    pub const ALL: Phases = Phases(0b111);
    /// None of them.
    pub const NONE: Phases = Phases(0);

    /// One of them.
    pub fn only(state: State) -> Phases {
        Phases(1 << state as u8)
    }

    /// Whether it is one of them.
    pub fn contains(self, state: State) -> bool {
        self.0 & (1 << state as u8) != 0
    }

    /// All of these but one.
    #[must_use]
    pub fn without(self, state: State) -> Phases {
        Phases(self.0 & !(1 << state as u8))
    }
}

/// A variable of the spec and its value.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: Arc<str>,
    /// Where its name stands.
    pub span: Span,
    /// Its value.
    pub value: Value,
}

/// All that can be known of a spec without a host.
#[derive(Debug, Default)]
pub struct Analysis {
    /// The files, the spec itself first.
    pub documents: Vec<Document>,
    /// The spec's name, from `name:`.
    pub name: Option<Arc<str>>,
    /// The spec's why.
    pub why: Option<Arc<str>>,
    /// How long what was destroyed is kept, in milliseconds, from `keep:` (default 7 days).
    pub keep: u64,
    /// The variables.
    pub vars: Vec<Variable>,
    /// The role instances of all files, in the order written; only those whose type is known.
    pub roles: Vec<RoleInstance>,
    /// What takes the place of some of them for a state that is asked for, where composite roles write that.
    pub instead: Vec<RoleInstance>,
    /// The uses of composite roles; one that is a part of another stands behind it.
    pub composites: Vec<CompositeInstance>,
    /// The role types that each file can name, composite ones among them.
    pub catalogs: Vec<Arc<Catalog>>,
    /// Whether what was read is a composite role by itself, and no spec.
    pub is_role: bool,
    /// The mistakes, sorted by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// Where roles are named.
    pub references: Vec<Reference>,
    /// Where variables are used.
    pub var_uses: Vec<VarUse>,
    /// Where files are included.
    pub includes: Vec<IncludeLink>,
    /// The collections that its files name.
    pub collections: Vec<Collection>,
    /// The comments that silence diagnostics; they hold also for those that are found later.
    pub ignores: Vec<Ignore>,
}

impl Analysis {
    /// The file of that number.
    pub fn document(&self, file: FileId) -> Option<&Document> {
        self.documents.get(file.0 as usize)
    }

    /// The instance of that number: those that take the place of others stand behind all others.
    pub fn role(&self, number: usize) -> Option<&RoleInstance> {
        self.roles.get(number).or_else(|| self.instead.get(number.checked_sub(self.roles.len())?))
    }

    /// The role types that a file can name.
    pub fn catalog(&self, file: FileId) -> Option<&Arc<Catalog>> {
        self.catalogs.get(file.0 as usize)
    }

    /// Whether one of the mistakes is an error, so that nothing can be planned.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == crate::Severity::Error)
    }
}

/// What to analyse.
pub struct Request<'a> {
    /// The path of the spec; relative paths in it start at its folder.
    pub path: &'a Path,
    /// Its text.
    pub text: &'a str,
    /// The line, from 0, that was edited last: where recovery looks first.
    pub edited_line: Option<usize>,
}

/// Reads and checks a spec with all it includes.
pub fn analyse(request: &Request<'_>, catalog: &Catalog, loader: &dyn Loader) -> Analysis {
    let files::Files { documents, loaded, links, mut diagnostics, definitions, catalogs, collections, .. } =
        files::load(request, catalog, loader);
    let mut budget = Budget::default();
    let mut vars = vars::collect(&loaded, &documents, &mut diagnostics);
    let mut analysis = Analysis { keep: DEFAULT_KEEP, includes: links, collections, ..Analysis::default() };
    analysis.is_role = loaded.first().is_some_and(|first| first.part != files::Part::Spec);
    let readable = Readable { documents: &documents, catalogs: &catalogs, definitions: &definitions, loader };
    analysis.vars = variables(&mut vars, &readable, &mut budget, &mut diagnostics, &mut analysis.var_uses);

    let world = readable.world(&vars);
    for (number, file) in loaded.iter().enumerate().filter(|(_, file)| file.part == files::Part::Spec) {
        let mut reader =
            Reader::new(&world, &mut budget, Outputs::Not("the header of a spec must be known before anything is applied"));
        let header = header::read(&mut reader, FileId(number as u32), &file.model);
        diagnostics.extend(reader.diagnostics);
        analysis.var_uses.extend(reader.var_uses);
        if number == 0 {
            (analysis.name, analysis.why) = (header.name, header.why);
            analysis.keep = header.keep.unwrap_or(DEFAULT_KEEP);
        }
    }

    let mut roles = Roles {
        world: &world,
        loaded: &loaded,
        vars: &analysis.vars,
        budget: &mut budget,
        diagnostics: Vec::new(),
        references: Vec::new(),
        var_uses: Vec::new(),
    };
    let index = roles.index();
    let read = roles.read(&index);
    let Roles { diagnostics: found, references, var_uses, .. } = roles;
    diagnostics.extend(found);
    analysis.references = references;
    analysis.var_uses.extend(var_uses);
    (analysis.roles, analysis.instead, analysis.composites) = (read.roles, read.instead, read.composites);
    let (roles, instead, composites) = (&analysis.roles, &analysis.instead, &analysis.composites);
    graph::check(&roles.iter().collect::<Vec<_>>(), composites, &documents, &mut diagnostics);
    for state in [State::Present, State::Absent, State::Info] {
        if instead.iter().any(|role| role.phases.contains(state)) {
            let there: Vec<&RoleInstance> = roles.iter().chain(instead).filter(|role| role.phases.contains(state)).collect();
            graph::check(&there, composites, &documents, &mut diagnostics);
        }
    }
    drop(index);

    // A loop reads the same places once for each instance.
    let mut seen = HashSet::new();
    analysis.references.retain(|reference| seen.insert(reference.span));
    seen.clear();
    analysis.var_uses.retain(|used| seen.insert(used.span));
    let mut told = HashSet::new();
    diagnostics.retain(|diagnostic| told.insert((diagnostic.span, diagnostic.code)));
    for document in &documents {
        analysis.ignores.extend(ignore::find(document, &mut diagnostics));
    }
    ignore::apply(&analysis.ignores, &mut diagnostics);
    sort(&mut diagnostics);
    cap(&mut diagnostics);
    analysis.diagnostics = diagnostics;
    analysis.documents = documents;
    analysis.catalogs = catalogs;
    analysis
}

/// Sorts diagnostics by file and place, errors first where several are at one place.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.file, diagnostic.span.start, diagnostic.severity, diagnostic.span.end));
}

/// Bounds how many diagnostics a file has; errors are kept before warnings.
fn cap(diagnostics: &mut Vec<Diagnostic>) {
    if diagnostics.len() <= MAX_DIAGNOSTICS {
        return;
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.severity);
    let mut counts: HashMap<FileId, usize> = HashMap::new();
    diagnostics.retain(|diagnostic| {
        let count = counts.entry(diagnostic.span.file).or_default();
        *count += 1;
        *count <= MAX_DIAGNOSTICS
    });
    for (file, count) in counts {
        if count > MAX_DIAGNOSTICS {
            let message = format!("the file has {} more mistakes, which are not shown", count - MAX_DIAGNOSTICS);
            let diagnostic =
                Diagnostic { severity: Severity::Info, ..Diagnostic::error(Code::TooLarge, Span::new(file, 0, 0), message) };
            diagnostics.push(diagnostic);
        }
    }
    sort(diagnostics);
}

/// What a world is made of besides the variables.
struct Readable<'a> {
    documents: &'a [Document],
    catalogs: &'a [Arc<Catalog>],
    definitions: &'a composite::Definitions,
    loader: &'a dyn Loader,
}

impl<'a> Readable<'a> {
    fn world(&self, vars: &'a vars::Vars) -> World<'a> {
        let Readable { documents, catalogs, definitions, loader } = *self;
        World { documents, vars, catalogs, definitions, loader }
    }
}

/// Evaluates all variables; those with a mistake are marked, so that their uses are not told again.
fn variables(
    vars: &mut vars::Vars,
    readable: &Readable<'_>,
    budget: &mut Budget,
    diagnostics: &mut Vec<Diagnostic>,
    var_uses: &mut Vec<VarUse>,
) -> Vec<Variable> {
    let mut broken = Vec::new();
    let mut values = Vec::with_capacity(vars.order.len());
    let Readable { documents, catalogs, definitions, loader } = *readable;
    let world = World { documents, vars, catalogs, definitions, loader };
    for name in &vars.order {
        let Some(var) = vars.get(name).filter(|var| !var.broken) else { continue };
        let mut reader = Reader::new(&world, budget, Outputs::Not("a variable must be known before anything is applied"));
        reader.lenient = true;
        let value = reader.read(reader.at(var.file, var.value), &Shape::ANY);
        // A list whose item could not be read is as broken as the item.
        if !reader.diagnostics.is_empty() || value.is_none() {
            broken.push(name.clone());
        }
        diagnostics.extend(reader.diagnostics);
        var_uses.extend(reader.var_uses);
        if let Some(value) = value {
            let span = documents[var.file.0 as usize].tree.node(var.key).span;
            values.push(Variable { name: name.clone(), span, value });
        }
    }
    broken.iter().for_each(|name| vars.mark_broken(name));
    values
}
