//! Where roles and variables are named: the one list that definition, references, rename and highlights read.
//!
//! Read off the trees: the analysis knows only what it had to look at, and not what stands in a role
//! whose `when` is false or whose loop is empty, which has to be renamed all the same.

use seed_spec::analysis::{Document, interpolate};
use seed_spec::shape::Shape;
use seed_spec::tree::{NodeId, NodeKind, Tree};
use seed_spec::{Catalog, FileId, Span};

use crate::Snapshot;
use crate::interpolation::{self, Named};
use crate::locate::role_words;
use crate::place::{Place, RoleWords, Segment};
use crate::snapshot::is_role_file;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// A role, without the key of a loop.
    Role(String),
    /// A variable.
    Var(String),
}

/// A place where a role or variable is named.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// What is named.
    pub name: Name,
    /// The name itself.
    pub span: Span,
    /// Whether it is named there first.
    pub definition: bool,
}

/// All places in the files whose names are known in one of them, each once.
pub fn occurrences(snapshot: &Snapshot, file: FileId) -> Vec<Occurrence> {
    let mut found = Vec::new();
    for document in snapshot.beside(file) {
        in_document(document, snapshot.catalog_of(document.file), &mut found);
    }
    found
}

/// What is named at an offset of a file.
pub fn at(snapshot: &Snapshot, file: FileId, offset: usize) -> Option<Occurrence> {
    let document = snapshot.analysis.document(file)?;
    let mut found = Vec::new();
    in_document(document, snapshot.catalog_of(file), &mut found);
    found.into_iter().find(|occurrence| occurrence.span.touches(offset))
}

/// Where a name that is known in a file is defined. In a composite role a parameter is named as a part is.
pub fn definition(snapshot: &Snapshot, name: &Name, file: FileId) -> Option<Span> {
    match name {
        Name::Role(name) => {
            let entries = snapshot.beside(file).flat_map(|document| &document.entries);
            let part = entries.into_iter().find(|entry| *entry.name == **name).map(|entry| entry.name_span);
            part.or_else(|| snapshot.beside(file).find_map(|document| declared(document, "parameters", name)))
        }
        Name::Var(name) => snapshot.analysis.vars.iter().find(|var| *var.name == **name).map(|var| var.span),
    }
}

/// Where a `role.yml` declares a parameter or output.
pub fn declared(document: &Document, section: &str, name: &str) -> Option<Span> {
    if !is_role_file(&document.absolute) {
        return None;
    }
    let tree = &document.tree;
    let section = tree.get(tree.root?, section)?;
    let pairs = tree.pairs(section);
    let (key, _) = pairs.iter().find(|(key, _)| tree.scalar(*key).is_some_and(|key| **key == *name))?;
    Some(tree.node(*key).span)
}

/// Collects the places of one file.
pub fn in_document(document: &Document, catalog: &Catalog, found: &mut Vec<Occurrence>) {
    let Some(root) = document.tree.root else { return };
    let mut reader = Reader { document, tree: &document.tree, catalog, found };
    reader.node(root, &Place::whole(&document.absolute), &RoleWords::default(), false);
}

struct Reader<'a> {
    document: &'a Document,
    tree: &'a Tree,
    catalog: &'a Catalog,
    found: &'a mut Vec<Occurrence>,
}

impl Reader<'_> {
    /// Reads a node and everything in it. Aliases are not followed: what they stand for is read where it is written.
    fn node(&mut self, id: NodeId, place: &Place, words: &RoleWords, vars: bool) {
        let tree = self.tree;
        match &tree.node(id).kind {
            NodeKind::Map(pairs) => {
                for (key, value) in pairs {
                    let Some(name) = tree.scalar(*key) else { continue };
                    // What is merged in belongs to the same mapping.
                    if tree.is_merge(*key) {
                        self.node(*value, place, words, false);
                        continue;
                    }
                    let is_role = matches!(place, Place::Roles);
                    let (own, segment) = (is_role.then(|| role_words(tree, *value)), Segment::Key(name.to_string()));
                    if is_role {
                        self.push(Name::Role(name.to_string()), tree.node(*key).span, true);
                    } else if vars {
                        self.push(Name::Var(name.to_string()), tree.node(*key).span, true);
                    } else {
                        self.interpolations(*key);
                    }
                    let words = own.as_ref().unwrap_or(words);
                    let is_vars = matches!(place, Place::Spec) && &**name == "vars";
                    self.node(*value, &place.inside(&segment, words, self.catalog), words, is_vars);
                }
            }
            NodeKind::List(items) => {
                for item in items {
                    self.node(*item, &place.inside(&Segment::Item, words, self.catalog), words, false);
                }
            }
            NodeKind::Scalar(text, _) => {
                self.interpolations(id);
                if is_reference(place) && !text.contains("${") && !interpolation::is_path(text) {
                    // What cannot be read as a reference has a diagnostic of its own.
                    if let Ok((role, _, _)) = interpolate::reference(text) {
                        self.plain(id, role);
                    }
                }
            }
            NodeKind::Alias(_) => {}
        }
    }

    fn push(&mut self, name: Name, span: Span, definition: bool) {
        let span = self.inside_quotes(span);
        self.found.push(Occurrence { name, span, definition });
    }

    /// A span without the quotes around it.
    fn inside_quotes(&self, span: Span) -> Span {
        let raw = self.document.source.slice(span);
        let quoted = raw.len() >= 2 && raw.starts_with(['"', '\'']) && raw.chars().next() == raw.chars().last();
        if quoted { Span { start: span.start + 1, end: span.end - 1, ..span } } else { span }
    }

    /// A role named by a scalar that is nothing but the reference.
    fn plain(&mut self, id: NodeId, name: &str) {
        let span = self.inside_quotes(self.tree.node(id).span);
        if self.document.source.slice(span).starts_with(name) && !name.is_empty() {
            let end = span.start as usize + name.len();
            self.push(Name::Role(name.into()), Span::new(span.file, span.start as usize, end), false);
        }
    }

    fn interpolations(&mut self, id: NodeId) {
        let node = self.tree.node(id);
        let NodeKind::Scalar(text, _) = &node.kind else { return };
        if !text.contains("${") {
            return;
        }
        // Read as written: a name in it is never escaped.
        let source = &self.document.source;
        for named in interpolation::all(source, node.span) {
            match named {
                Named::Var(name) => self.push(Name::Var(source.slice(name).into()), name, false),
                Named::Output { role, .. } => self.push(Name::Role(source.slice(role).into()), role, false),
                Named::Other => {}
            }
        }
    }
}

/// Whether a scalar at this place names a role, unless it is a path.
fn is_reference(place: &Place) -> bool {
    match place {
        Place::RoleName => true,
        Place::Value(shape) => takes_role(shape),
        _ => false,
    }
}

fn takes_role(shape: &Shape) -> bool {
    match shape {
        Shape::Reference(_) => true,
        Shape::OneOf(shapes) => shapes.iter().any(takes_role),
        _ => false,
    }
}
