//! The spec and the files it includes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::path::normalise;
use super::{Document, Entry, IncludeLink, Loaded, Loader, Request, interpolate};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{self, Model, RoleNode, left_out, words};
use crate::shape::{Catalog, TypeInfo};
use crate::text::{FileId, Source, Span};
use crate::tree::{NodeId, NodeKind, Tree};
use crate::yaml;

/// The most files that one spec is made of.
const MAX_FILES: usize = 256;

/// What came of reading the files.
#[derive(Default)]
pub(super) struct Files {
    pub documents: Vec<Document>,
    pub loaded: Vec<Loaded>,
    pub links: Vec<IncludeLink>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the spec and all that it includes, each file once.
pub(super) fn load(request: &Request<'_>, catalog: &Catalog, loader: &dyn Loader) -> Files {
    let mut files = Files::default();
    let text: Arc<str> = request.text.into();
    files.add(request.path.to_owned(), text, None, request.edited_line, catalog);
    // Files that are found on the way are appended, and so visited too.
    let mut next = 0;
    while next < files.documents.len() {
        files.include(FileId(next as u32), catalog, loader);
        next += 1;
    }
    files
}

impl Files {
    fn add(
        &mut self,
        path: PathBuf,
        text: Arc<str>,
        parent: Option<FileId>,
        edited_line: Option<usize>,
        catalog: &Catalog,
    ) -> FileId {
        let file = FileId(self.documents.len() as u32);
        // A relative path is one from the current folder; so is `-`, standard input.
        let absolute = normalise(&std::path::absolute(&path).unwrap_or_else(|_| path.clone()));
        let folder = absolute.parent().map(Path::to_owned).unwrap_or_default();
        let source = Source::new(path, text);
        let (tree, diagnostics) = yaml::parse(&source, file, edited_line);
        self.diagnostics.extend(diagnostics);
        let (model, diagnostics) = model::read(&source, file, &tree, parent.is_some());
        self.diagnostics.extend(diagnostics);
        super::structure::check(&source, &tree, &model, &mut self.diagnostics);
        let entries = entries(&source, &tree, &model, catalog);
        self.documents.push(Document { file, source, tree, entries, folder, absolute });
        self.loaded.push(Loaded { model, parent });
        file
    }

    /// Reads the files that one file includes.
    fn include(&mut self, file: FileId, catalog: &Catalog, loader: &dyn Loader) {
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
            if let Err(diagnostic) = self.include_one(file, item, catalog, loader) {
                self.diagnostics.push(*diagnostic);
            }
        }
    }

    fn include_one(&mut self, file: FileId, item: NodeId, catalog: &Catalog, loader: &dyn Loader) -> Result<(), Box<Diagnostic>> {
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
        if self.documents.len() >= MAX_FILES {
            return Err(error(Code::TooLarge, format!("a spec is made of up to {MAX_FILES} files")));
        }
        match loader.load(&path) {
            Ok(text) => {
                let included = self.add(path.clone(), text, Some(file), None, catalog);
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
fn concrete(tree: &Tree, node: &RoleNode, is: &str, catalog: &Catalog) -> Option<Arc<TypeInfo>> {
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
