//! The spec and the files it includes, and the files of the composite roles that they use.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::collections::{self, Collection, Named};
use super::composite::definition::{self, type_info};
use super::composite::lookup::{ROLE_FILE, ROLES, Roles, TASKS_FILE, folder_of_role_file, roles_of};
use super::composite::{Definition, Definitions, read_role_file};
use super::path::{normalise, too_long};
use super::{Document, Entry, IncludeLink, Loaded, Loader, Request, graph, interpolate};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{self, Model, RoleNode, left_out, words};
use crate::shape::{Catalog, TypeInfo};
use crate::text::{FileId, Source, Span};
use crate::tree::{NodeId, NodeKind, Tree};
use crate::yaml;

/// The most files that one spec is made of.
const MAX_FILES: usize = 256;
/// The most composite roles that one spec uses.
const MAX_DEFINITIONS: usize = 256;
/// The most specs beside a composite role whose collections are looked at.
const MAX_BESIDE: usize = 16;

/// What came of reading the files.
#[derive(Default)]
pub(super) struct Files {
    pub documents: Vec<Document>,
    pub loaded: Vec<Loaded>,
    pub links: Vec<IncludeLink>,
    pub diagnostics: Vec<Diagnostic>,
    pub definitions: Definitions,
    /// The role types that each file can name.
    pub catalogs: Vec<Arc<Catalog>>,
    /// The collections that the files name.
    pub collections: Vec<Collection>,
    /// The composite roles that the files of a folder can name, by the folder and the collections.
    scopes: Vec<(PathBuf, Arc<Named>, Arc<Roles>)>,
    /// The names of the built-in collections.
    taken: Vec<&'static str>,
}

/// A file that is to be read.
struct New<'a> {
    path: PathBuf,
    text: Arc<str>,
    part: Part,
    /// What it can name besides its own: the collections of the file that includes or uses it.
    collections: Arc<Named>,
    parent: Option<FileId>,
    edited_line: Option<usize>,
    /// The folder of the composite role that it belongs to.
    role: Option<&'a Path>,
}

/// What a file is to the spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Part {
    /// The spec, or included by it.
    #[default]
    Spec,
    /// The `role.yml` of a composite role.
    Role,
    /// The tasks of a composite role.
    Tasks,
}

/// Reads the spec and all that it includes and uses, each file once. The file asked for may be one of a composite role.
pub(super) fn load(request: &Request<'_>, catalog: &Catalog, loader: &dyn Loader) -> Files {
    let mut files = Files { taken: catalog.collections(), ..Files::default() };
    let text: Arc<str> = request.text.into();
    let absolute = absolute(request.path);
    match folder_of_role_file(&absolute, loader) {
        Some(folder) => files.start_with_role(request, text, &folder, loader),
        None => {
            let (path, edited_line) = (request.path.to_owned(), request.edited_line);
            let collections = Arc::default();
            files.add(New { path, text, part: Part::Spec, collections, parent: None, edited_line, role: None }, loader);
        }
    }
    // Files that are found on the way are appended, and so visited too.
    let mut next = 0;
    while next < files.documents.len() {
        let file = FileId(next as u32);
        files.include(file, loader);
        files.use_roles(file, loader);
        next += 1;
    }
    files.finish(catalog, loader);
    files
}

/// A relative path is one from the current folder; so is `-`, standard input.
fn absolute(path: &Path) -> PathBuf {
    normalise(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

impl Files {
    fn add(&mut self, new: New<'_>, loader: &dyn Loader) -> FileId {
        let New { path, text, part, collections, parent, edited_line, role } = new;
        let file = FileId(self.documents.len() as u32);
        let absolute = absolute(&path);
        let folder = role.map_or_else(|| absolute.parent().map(Path::to_owned).unwrap_or_default(), Path::to_owned);
        let source = Source::new(path, text);
        let (tree, mut diagnostics) = yaml::parse(&source, file, edited_line);
        for empty in diagnostics.iter_mut().filter(|diagnostic| diagnostic.code == Code::EmptySpec) {
            let (message, help) = match part {
                Part::Spec => continue,
                Part::Role => ("the file does not describe the role", "write `about:`, `parameters:` and `outputs:`"),
                Part::Tasks => ("the file contains no parts of the role", "write them under `present:`, like roles in a spec"),
            };
            (empty.message, empty.help) = (message.into(), Some(help.into()));
        }
        self.diagnostics.extend(diagnostics);
        let (model, diagnostics) = match part {
            Part::Spec => model::read(&source, file, &tree, parent.is_some()),
            Part::Tasks => model::read_tasks(&source, file, &tree),
            Part::Role => (Model::default(), Vec::new()),
        };
        self.diagnostics.extend(diagnostics);
        super::structure::check(&source, &tree, &model, &mut self.diagnostics);
        let place = collections::Place { tree: &tree, folder: &folder, taken: &self.taken };
        let (own, diagnostics) = collections::read(&place, model.header.collections, loader);
        self.diagnostics.extend(diagnostics);
        let collections = if own.is_empty() { collections } else { Arc::new(Named::with(&own, &collections)) };
        self.collections.extend(own);
        let scope = self.scope(&folder, &collections, loader);
        self.documents.push(Document { file, source, tree, entries: Vec::new(), folder, absolute });
        self.loaded.push(Loaded { model, parent, part, scope, collections });
        file
    }

    fn scope(&mut self, folder: &Path, collections: &Arc<Named>, loader: &dyn Loader) -> Arc<Roles> {
        let known = self.scopes.iter().find(|(known, named, _)| known == folder && named == collections);
        if let Some((_, _, scope)) = known {
            return scope.clone();
        }
        let scope = Arc::new(roles_of(folder, collections, loader));
        self.scopes.push((folder.to_owned(), collections.clone(), scope.clone()));
        scope
    }

    /// What a composite role by itself can name: the collections of the specs beside the `roles/` that it lies in.
    fn collections_beside(&self, role: &Path, loader: &dyn Loader) -> Arc<Named> {
        let mut all = Named::default();
        let beside = role.parent().filter(|roles| roles.ends_with(ROLES)).and_then(Path::parent);
        for spec in beside.map(|folder| loader.specs(folder)).unwrap_or_default().into_iter().take(MAX_BESIDE) {
            let Ok(text) = loader.load(&spec) else { continue };
            let source = Source::new(spec.clone(), text);
            let file = FileId(u32::MAX);
            let (tree, _) = yaml::parse(&source, file, None);
            let (model, _) = model::read(&source, file, &tree, false);
            let place = collections::Place { tree: &tree, folder: spec.parent().unwrap_or(Path::new("/")), taken: &self.taken };
            let (found, _) = collections::read(&place, model.header.collections, loader);
            all = Named::with(&found, &all);
        }
        // That they are missing is told where the spec is open; here a role of them is not known.
        all.missing.clear();
        Arc::new(all)
    }

    /// Begins with a file of a composite role, for which the role itself is what is asked about.
    fn start_with_role(&mut self, request: &Request<'_>, text: Arc<str>, folder: &Path, loader: &dyn Loader) {
        let is_role = request.path.file_name().is_some_and(|name| name == ROLE_FILE);
        let part = if is_role { Part::Role } else { Part::Tasks };
        let (path, edited_line) = (request.path.to_owned(), request.edited_line);
        let collections = self.collections_beside(folder, loader);
        let of_role = |path, text, part, edited_line| {
            let (parent, collections) = (None, collections.clone());
            New { path, text, part, collections, parent, edited_line, role: Some(folder) }
        };
        let asked = self.add(of_role(path, text, part, edited_line), loader);
        let beside = if is_role { folder.join(TASKS_FILE) } else { folder.join(ROLE_FILE) };
        let other = match loader.load(&beside) {
            Ok(text) => {
                let part = if is_role { Part::Tasks } else { Part::Role };
                Some(self.add(of_role(beside, text, part, None), loader))
            }
            Err(reason) => {
                let message = format!("`{}` cannot be read: {reason}", beside.display());
                let help = "a composite role consists of `role.yml` and `tasks/main.yml`";
                self.diagnostics.push(Diagnostic::error(Code::RoleFiles, Span::new(asked, 0, 0), message).help(help));
                None
            }
        };
        let name = name(folder);
        match (is_role, other) {
            (true, tasks) => self.define((&name, folder), asked, tasks, None),
            (false, Some(role)) => self.define((&name, folder), role, Some(asked), None),
            (false, None) => {}
        }
    }

    /// Takes a composite role whose files were read.
    fn define(&mut self, (name, folder): (&str, &Path), role_file: FileId, tasks_file: Option<FileId>, used: Option<Span>) {
        let document = &self.documents[role_file.0 as usize];
        let (role, diagnostics) = read_role_file(&document.source, role_file, &document.tree);
        let info = Arc::new(type_info(name, folder.to_owned(), &role, &document.tree, &[]));
        self.diagnostics.extend(diagnostics);
        let mut definition = Definition {
            folder: folder.to_owned(),
            role_file,
            tasks_file: None,
            role,
            lists: [None, None, None],
            names: Default::default(),
            info,
            recursive: false,
            used,
        };
        if let Some(tasks) = tasks_file {
            definition.take_tasks(tasks, &self.documents[tasks.0 as usize].tree, &self.loaded[tasks.0 as usize].model);
        }
        let number = self.definitions.all.len();
        self.definitions.by_folder.insert(folder.to_owned(), number);
        self.definitions.all.push(definition);
    }

    /// Reads the composite roles that the entries of a file use.
    fn use_roles(&mut self, file: FileId, loader: &dyn Loader) {
        let loaded = &self.loaded[file.0 as usize];
        if loaded.scope.named.is_empty() {
            return;
        }
        let (scope, tree) = (loaded.scope.clone(), &self.documents[file.0 as usize].tree);
        let collections = loaded.collections.clone();
        let mut wanted: Vec<Use> = Vec::new();
        for (_, is) in loaded.model.roles.iter().filter_map(|role| role.is) {
            let Some(name) = tree.scalar(is) else { continue };
            let folder = scope.folder(name).filter(|folder| !self.definitions.by_folder.contains_key(*folder));
            if let Some(folder) = folder.filter(|folder| !wanted.iter().any(|known| known.folder == *folder)) {
                // What a role of a collection is made of lies in the collection.
                let collections = if name.contains('.') { Arc::default() } else { collections.clone() };
                wanted.push(Use { name: name.clone(), folder: folder.to_owned(), span: tree.node(is).span, collections });
            }
        }
        for used in wanted {
            self.use_role(&used, loader);
        }
    }

    fn use_role(&mut self, used: &Use, loader: &dyn Loader) {
        let Use { name, folder, span, collections } = used;
        if self.definitions.all.len() >= MAX_DEFINITIONS {
            let message = format!("a spec can use up to {MAX_DEFINITIONS} composite roles");
            self.diagnostics.push(Diagnostic::error(Code::TooLarge, *span, message));
            return;
        }
        let mut read = |path: PathBuf, part| match loader.load(&path) {
            Ok(text) => {
                let collections = collections.clone();
                let new = New { path, text, part, collections, parent: None, edited_line: None, role: Some(folder) };
                Some(self.add(new, loader))
            }
            Err(reason) => {
                let message = format!("`{}` cannot be read: {reason}", path.display());
                let help = "a composite role consists of `role.yml` and `tasks/main.yml`";
                self.diagnostics.push(Diagnostic::error(Code::RoleFiles, *span, message).help(help));
                None
            }
        };
        let Some(role) = read(folder.join(ROLE_FILE), Part::Role) else { return };
        let tasks = read(folder.join(TASKS_FILE), Part::Tasks);
        self.define((name, folder), role, tasks, Some(*span));
    }

    /// What can be said once all files are there: the role types that each file can name, and its entries.
    fn finish(&mut self, catalog: &Catalog, loader: &dyn Loader) {
        let built_in = Arc::new(catalog.clone());
        self.recursions();
        for number in 0..self.definitions.all.len() {
            let Files { documents, loaded, definitions, .. } = &*self;
            let kinds = definition::Files { documents, loaded, definitions, catalog }.kinds(number);
            let definition = &definitions.all[number];
            let tree = &documents[definition.role_file.0 as usize].tree;
            let info = type_info(&definition.info.name, definition.folder.clone(), &definition.role, tree, &kinds);
            self.definitions.all[number].info = Arc::new(info);
        }
        self.definitions.scopes = self.loaded.iter().map(|loaded| loaded.scope.clone()).collect();
        let mut known: HashMap<*const Roles, Arc<Catalog>> = HashMap::new();
        for (document, loaded) in self.documents.iter_mut().zip(&self.loaded) {
            let catalog = known.entry(Arc::as_ptr(&loaded.scope)).or_insert_with(|| {
                if loaded.scope.named.is_empty() {
                    return built_in.clone();
                }
                let infos = loaded.scope.named.iter().map(|(name, folder)| match self.definitions.by_folder.get(folder) {
                    Some(number) => called(name, &self.definitions.all[*number].info),
                    None => unused(name, folder, loader),
                });
                Arc::new(built_in.with(infos))
            });
            document.entries = entries(&document.source, &document.tree, &loaded.model, catalog);
            self.catalogs.push(catalog.clone());
        }
    }

    /// Tells of composite roles that are made of themselves.
    fn recursions(&mut self) {
        let uses = |definition: &Definition| -> Vec<(usize, Span)> {
            let Some(tasks) = definition.tasks_file else { return Vec::new() };
            let (loaded, tree) = (&self.loaded[tasks.0 as usize], &self.documents[tasks.0 as usize].tree);
            let entries = loaded.model.roles.iter().filter_map(|role| role.is);
            let used = entries.filter_map(|(_, is)| {
                let folder = loaded.scope.folder(tree.scalar(is)?)?;
                Some((*self.definitions.by_folder.get(folder)?, tree.node(is).span))
            });
            used.collect()
        };
        let used: Vec<Vec<(usize, Span)>> = self.definitions.all.iter().map(uses).collect();
        let edges: Vec<Vec<usize>> = used.iter().map(|used| used.iter().map(|(number, _)| *number).collect()).collect();
        for circle in graph::circles(&edges) {
            let names: Vec<&str> =
                circle.iter().chain(circle.first()).map(|number| &*self.definitions.all[*number].info.name).collect();
            let message = match circle.len() {
                1 => format!("`{}` contains itself", names[0]),
                _ => format!("composite roles contain each other: {}", names.join(" → ")),
            };
            let mut steps = circle.iter().zip(circle.iter().cycle().skip(1)).filter_map(|(from, to)| {
                let span = used[*from].iter().find(|(target, _)| target == to)?.1;
                Some((span, &self.definitions.all[*to].info.name))
            });
            let Some((span, _)) = steps.next() else { continue };
            let mut diagnostic = Diagnostic::error(Code::RecursiveRole, span, message)
                .help("remove one of these uses; a composite role cannot contain itself");
            for (span, target) in steps {
                diagnostic = diagnostic.related(span, format!("`{target}` is used here"));
            }
            self.diagnostics.push(diagnostic);
            circle.iter().for_each(|number| self.definitions.all[*number].recursive = true);
        }
    }

    /// Reads the files that one file includes.
    fn include(&mut self, file: FileId, loader: &dyn Loader) {
        let Some(include) = self.loaded[file.0 as usize].model.header.include else { return };
        let tree = &self.documents[file.0 as usize].tree;
        if left_out(tree, include) {
            return;
        }
        let items: Vec<NodeId> = match &tree.follow(include).kind {
            NodeKind::List(items) => items.clone(),
            _ => vec![include],
        };
        for item in items {
            if let Err(diagnostic) = self.include_one(file, item, loader) {
                self.diagnostics.push(*diagnostic);
            }
        }
    }

    fn include_one(&mut self, file: FileId, item: NodeId, loader: &dyn Loader) -> Result<(), Box<Diagnostic>> {
        let document = &self.documents[file.0 as usize];
        let span = document.tree.node(item).span;
        let error = |code, message: String| Box::new(Diagnostic::error(code, span, message));
        let Some(text) = document.tree.scalar(item).cloned() else {
            let found = words(&document.tree, item);
            return Err(error(Code::WrongType, format!("expected a path, found {found}")));
        };
        if text.contains(interpolate::OPEN) {
            let message = "the path of an included file cannot use variables, because the file may define them";
            return Err(error(Code::Interpolation, message.into()));
        }
        let path = if let Some(rest) = text.strip_prefix("~/") {
            match loader.home() {
                Some(home) => home.join(rest),
                None => return Err(error(Code::Include, "the home folder for `~/` is unknown".into())),
            }
        } else if text.starts_with(['/']) || text.starts_with("./") || text.starts_with("../") {
            document.folder.join(&*text)
        } else {
            let diagnostic = error(Code::WrongValue, format!("`{text}` is not a path"))
                .help("a path begins with `/`, `./` (the folder of this file), `../` or `~/`")
                .fix(format!("Change to `./{text}`"), span, format!("./{text}"));
            return Err(Box::new(diagnostic));
        };
        let path = normalise(&path);
        if let Some(reason) = too_long(&path) {
            return Err(error(Code::Include, reason));
        }
        // Its own ancestors, for a circle of includes.
        let mut chain = vec![file];
        while let Some(parent) = chain.last().and_then(|file| self.loaded[file.0 as usize].parent) {
            chain.push(parent);
        }
        if let Some(at) = chain.iter().position(|file| self.documents[file.0 as usize].absolute == path) {
            let names: Vec<String> =
                chain[..=at].iter().rev().map(|file| name(&self.documents[file.0 as usize].absolute)).collect();
            let message = match names.len() {
                1 => "the file includes itself".to_owned(),
                _ => format!("files include each other: {} → {}", names.join(" → "), names[0]),
            };
            return Err(error(Code::Include, message));
        }
        if let Some(known) = self.documents.iter().find(|document| document.absolute == path) {
            self.links.push(IncludeLink { span, path, file: Some(known.file) });
            return Ok(());
        }
        let specs = self.loaded.iter().filter(|loaded| loaded.part == Part::Spec).count();
        if specs >= MAX_FILES {
            return Err(error(Code::TooLarge, format!("a spec can consist of up to {MAX_FILES} files")));
        }
        match loader.load(&path) {
            Ok(text) => {
                let collections = self.loaded[file.0 as usize].collections.clone();
                let (path_of_it, parent) = (path.clone(), Some(file));
                let new = New { path: path_of_it, text, part: Part::Spec, collections, parent, edited_line: None, role: None };
                let included = self.add(new, loader);
                self.links.push(IncludeLink { span, path, file: Some(included) });
                Ok(())
            }
            Err(reason) => {
                let message = format!("`{}` cannot be read: {reason}", path.display());
                self.links.push(IncludeLink { span, path, file: None });
                Err(error(Code::Include, message))
            }
        }
    }
}

/// A use of a composite role that is to be read.
struct Use {
    name: Arc<str>,
    folder: PathBuf,
    span: Span,
    collections: Arc<Named>,
}

/// A composite role under the name that a file has for it: with its collection from without, and without it within.
fn called(name: &str, info: &Arc<TypeInfo>) -> Arc<TypeInfo> {
    match info.name == name {
        true => info.clone(),
        false => Arc::new(TypeInfo { name: name.to_owned().into(), ..(**info).clone() }),
    }
}

/// How a composite role is described that nothing uses: its mistakes are not told.
fn unused(name: &str, folder: &Path, loader: &dyn Loader) -> Arc<TypeInfo> {
    let path = folder.join(ROLE_FILE);
    let source = Source::new(path.clone(), loader.load(&path).unwrap_or_default());
    let file = FileId(u32::MAX);
    let (tree, _) = yaml::parse(&source, file, None);
    let (role, _) = read_role_file(&source, file, &tree);
    Arc::new(type_info(name, folder.to_owned(), &role, &tree, &[]))
}

/// The last part of a path.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The role entries of a file as written.
fn entries(source: &Source, tree: &Tree, model: &Model, catalog: &Catalog) -> Vec<Entry> {
    let span = |id: NodeId| tree.node(id).span;
    let entry = |node: &RoleNode| {
        let text = |id: Option<NodeId>| id.and_then(|id| tree.scalar(id)).cloned();
        let name_span = span(node.key);
        let is = node.is.and_then(|(_, is)| Some((tree.scalar(is)?.clone(), span(is)))).filter(|(_, span)| span.start < span.end);
        let value = span(node.value);
        // An alias for a whole role stands elsewhere.
        let end = if value.file == name_span.file { value.end.max(name_span.end) } else { name_span.end };
        let keys =
            node.params.iter().filter_map(|(key, value)| Some((tree.scalar(*key)?.clone(), span(*key), span(*value)))).collect();
        let info = is.as_ref().and_then(|(is, _)| concrete(tree, node, is, catalog));
        Entry {
            name: tree.scalar(node.key).cloned().unwrap_or_else(|| source.slice(name_span).into()),
            name_span,
            span: Span { end, ..name_span },
            is,
            why: text(node.why),
            keys,
            info,
            needs: node.needs.map(span),
        }
    };
    model.roles.iter().map(entry).collect()
}

/// The concrete type of an entry, when its text alone tells it.
pub(super) fn concrete(tree: &Tree, node: &RoleNode, is: &str, catalog: &Catalog) -> Option<Arc<TypeInfo>> {
    if let Some(info) = catalog.get(is) {
        return Some(info.clone());
    }
    if let Some(kind) = node.kind {
        return catalog.get(&format!("{is}.{}", tree.scalar(kind)?)).cloned();
    }
    if !catalog.is_collection(is) {
        return None;
    }
    let keys: Vec<&str> = node.params.iter().filter_map(|(key, _)| tree.scalar(*key).map(|key| &**key)).collect();
    match catalog.candidates(is, &keys)[..] {
        [info] => Some(info.clone()),
        _ => None,
    }
}
