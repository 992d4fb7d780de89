//! The spec and the files it includes, and the files of the composite roles that they use.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::composite::definition::{self, type_info};
use super::composite::lookup::{ROLE_FILE, Roles, TASKS_FILE, folder_of_role_file, roles_of};
use super::composite::{Definition, Definitions, read_role_file};
use super::path::normalise;
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
    /// The composite roles that the files of a folder can name.
    scopes: HashMap<PathBuf, Arc<Roles>>,
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
    let mut files = Files::default();
    let text: Arc<str> = request.text.into();
    let absolute = absolute(request.path);
    match folder_of_role_file(&absolute, loader) {
        Some(folder) => files.start_with_role(request, text, &folder, loader),
        None => drop(files.add(request.path.to_owned(), text, (Part::Spec, None), request.edited_line, None, loader)),
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
    fn add(
        &mut self,
        path: PathBuf,
        text: Arc<str>,
        (part, parent): (Part, Option<FileId>),
        edited_line: Option<usize>,
        folder: Option<&Path>,
        loader: &dyn Loader,
    ) -> FileId {
        let file = FileId(self.documents.len() as u32);
        let absolute = absolute(&path);
        let folder = folder.map_or_else(|| absolute.parent().map(Path::to_owned).unwrap_or_default(), Path::to_owned);
        let source = Source::new(path, text);
        let (tree, diagnostics) = yaml::parse(&source, file, edited_line);
        self.diagnostics.extend(diagnostics);
        let (model, diagnostics) = match part {
            Part::Spec => model::read(&source, file, &tree, parent.is_some()),
            Part::Tasks => model::read_tasks(&source, file, &tree),
            Part::Role => (Model::default(), Vec::new()),
        };
        self.diagnostics.extend(diagnostics);
        super::structure::check(&source, &tree, &model, &mut self.diagnostics);
        let scope = self.scopes.entry(folder.clone()).or_insert_with(|| Arc::new(roles_of(&folder, loader))).clone();
        self.documents.push(Document { file, source, tree, entries: Vec::new(), folder, absolute });
        self.loaded.push(Loaded { model, parent, part, scope });
        file
    }

    /// Begins with a file of a composite role, for which the role itself is what is asked about.
    fn start_with_role(&mut self, request: &Request<'_>, text: Arc<str>, folder: &Path, loader: &dyn Loader) {
        let is_role = request.path.file_name().is_some_and(|name| name == ROLE_FILE);
        let part = if is_role { Part::Role } else { Part::Tasks };
        let asked = self.add(request.path.to_owned(), text, (part, None), request.edited_line, Some(folder), loader);
        let beside = if is_role { folder.join(TASKS_FILE) } else { folder.join(ROLE_FILE) };
        let other = match loader.load(&beside) {
            Ok(text) => {
                let part = if is_role { Part::Tasks } else { Part::Role };
                Some(self.add(beside, text, (part, None), None, Some(folder), loader))
            }
            Err(reason) => {
                let message = format!("`{}` cannot be read: {reason}", beside.display());
                let help = "a composite role has a `role.yml` and a `tasks/main.yml`";
                self.diagnostics.push(Diagnostic::error(Code::RoleFiles, Span::new(asked, 0, 0), message).help(help));
                None
            }
        };
        match (is_role, other) {
            (true, tasks) => drop(self.define(folder, asked, tasks, None)),
            (false, Some(role)) => drop(self.define(folder, role, Some(asked), None)),
            (false, None) => {}
        }
    }

    /// Takes a composite role whose files were read.
    fn define(&mut self, folder: &Path, role_file: FileId, tasks_file: Option<FileId>, used: Option<Span>) -> usize {
        let document = &self.documents[role_file.0 as usize];
        let (role, diagnostics) = read_role_file(&document.source, role_file, &document.tree);
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let info = Arc::new(type_info(&name, folder.to_owned(), &role, &document.tree, &[]));
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
        number
    }

    /// Reads the composite roles that the entries of a file use.
    fn use_roles(&mut self, file: FileId, loader: &dyn Loader) {
        let loaded = &self.loaded[file.0 as usize];
        if loaded.scope.named.is_empty() {
            return;
        }
        let (scope, tree) = (loaded.scope.clone(), &self.documents[file.0 as usize].tree);
        let mut wanted: Vec<(PathBuf, Span)> = Vec::new();
        for (_, is) in loaded.model.roles.iter().filter_map(|role| role.is) {
            let folder = tree.scalar(is).and_then(|name| scope.folder(name));
            if let Some(folder) = folder.filter(|folder| !self.definitions.by_folder.contains_key(*folder))
                && !wanted.iter().any(|(known, _)| known == folder)
            {
                wanted.push((folder.to_owned(), tree.node(is).span));
            }
        }
        for (folder, used) in wanted {
            self.use_role(&folder, used, loader);
        }
    }

    fn use_role(&mut self, folder: &Path, used: Span, loader: &dyn Loader) {
        if self.definitions.all.len() >= MAX_DEFINITIONS {
            let message = format!("a spec uses up to {MAX_DEFINITIONS} composite roles");
            self.diagnostics.push(Diagnostic::error(Code::TooLarge, used, message));
            return;
        }
        let mut read = |path: PathBuf, part| match loader.load(&path) {
            Ok(text) => Some(self.add(path, text, (part, None), None, Some(folder), loader)),
            Err(reason) => {
                let message = format!("`{}` cannot be read: {reason}", path.display());
                let help = "a composite role has a `role.yml` and a `tasks/main.yml`";
                self.diagnostics.push(Diagnostic::error(Code::RoleFiles, used, message).help(help));
                None
            }
        };
        let Some(role) = read(folder.join(ROLE_FILE), Part::Role) else { return };
        let tasks = read(folder.join(TASKS_FILE), Part::Tasks);
        self.define(folder, role, tasks, Some(used));
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
        let mut known: HashMap<PathBuf, Arc<Catalog>> = HashMap::new();
        for (document, loaded) in self.documents.iter_mut().zip(&self.loaded) {
            let catalog = known.entry(document.folder.clone()).or_insert_with(|| {
                if loaded.scope.named.is_empty() {
                    return built_in.clone();
                }
                let infos = loaded.scope.named.iter().map(|(name, folder)| match self.definitions.by_folder.get(folder) {
                    Some(number) => self.definitions.all[*number].info.clone(),
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
                1 => format!("`{}` is made of itself", names[0]),
                _ => format!("composite roles are made of each other: {}", names.join(" → ")),
            };
            let mut steps = circle.iter().zip(circle.iter().cycle().skip(1)).filter_map(|(from, to)| {
                let span = used[*from].iter().find(|(target, _)| target == to)?.1;
                Some((span, &self.definitions.all[*to].info.name))
            });
            let Some((span, _)) = steps.next() else { continue };
            let mut diagnostic = Diagnostic::error(Code::RecursiveRole, span, message)
                .help("a role can be made of others, down to built-in types; one of these has to go");
            for (span, target) in steps {
                diagnostic = diagnostic.related(span, format!("it goes on to `{target}` here"));
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
            return Err(error(Code::WrongType, format!("a path is wanted here, and this is {found}")));
        };
        if text.contains(interpolate::OPEN) {
            let message = "the path of an included file cannot use variables: they may be defined in it";
            return Err(error(Code::Interpolation, message.into()));
        }
        let path = if let Some(rest) = text.strip_prefix("~/") {
            match loader.home() {
                Some(home) => home.join(rest),
                None => return Err(error(Code::Include, "the home folder for `~/` is not known".into())),
            }
        } else if text.starts_with(['/']) || text.starts_with("./") || text.starts_with("../") {
            document.folder.join(&*text)
        } else {
            let diagnostic = error(Code::WrongValue, format!("`{text}` does not begin as a path does"))
                .help("a path begins with `/`, `./` (the folder of this file), `../` or `~/`")
                .fix(format!("Change to `./{text}`"), span, format!("./{text}"));
            return Err(Box::new(diagnostic));
        };
        let path = normalise(&path);
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
            return Err(error(Code::TooLarge, format!("a spec is made of up to {MAX_FILES} files")));
        }
        match loader.load(&path) {
            Ok(text) => {
                let included = self.add(path.clone(), text, (Part::Spec, Some(file)), None, None, loader);
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
