//! The collections that a spec names, and where they are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::path::normalise;
use super::{Loader, interpolate};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::left_out;
use crate::shape::{Field, Record, Shape};
use crate::text::Span;
use crate::tree::{NodeId, NodeKind, Tree};

/// The most collections that a file names.
const MOST: usize = 64;

/// Where a collection comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CollectionSource {
    /// A folder, absolute; what is in it now is what is used.
    Folder(PathBuf),
    /// A git repository.
    Git {
        /// Its address, as written.
        url: Arc<str>,
        /// The tag, branch or commit that is asked for; none for the head.
        rev: Option<Arc<str>>,
    },
}

/// A collection that a file names behind `collections:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Its name, as in `is: NAME.ROLE`.
    pub name: Arc<str>,
    /// The name as written.
    pub name_span: Span,
    /// Where its source is written.
    pub span: Span,
    /// Its source.
    pub source: CollectionSource,
    /// The folder of the file that names it; the lock lies there.
    pub beside: PathBuf,
    /// Where it is; none if it is not there, which was told.
    pub found: Option<FoundCollection>,
}

/// Where a collection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCollection {
    /// Its folder, with `roles/` in it.
    pub folder: PathBuf,
    /// What it is pinned to; none for a folder of the user's own.
    pub pinned: Option<Pinned>,
}

/// What a collection is pinned to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pinned {
    /// The address of the repository, whole.
    pub url: Arc<str>,
    /// The commit.
    pub commit: Arc<str>,
}

/// Why a collection is not there.
#[derive(Clone, Debug)]
pub struct MissingCollection {
    /// [`Code::Collection`], [`Code::CollectionMissing`] or [`Code::CollectionChanged`].
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The collections that a file can name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Their folders, by name.
    pub found: Vec<(Arc<str>, PathBuf)>,
    /// Those that are not there.
    pub missing: Vec<Arc<str>>,
}

impl Named {
    /// Those of a file, and those of the file that includes it which have other names.
    pub fn with(collections: &[Collection], outer: &Named) -> Named {
        let mut named = Named::default();
        for collection in collections {
            match &collection.found {
                Some(found) => named.found.push((collection.name.clone(), found.folder.clone())),
                None => named.missing.push(collection.name.clone()),
            }
        }
        let own = |name: &Arc<str>| collections.iter().any(|collection| collection.name == *name);
        named.found.extend(outer.found.iter().filter(|(name, _)| !own(name)).cloned());
        named.missing.extend(outer.missing.iter().filter(|name| !own(name)).cloned());
        named
    }
}

/// Where the collections of a file are named, and by whom.
pub(super) struct Place<'a> {
    /// The tree of the file.
    pub tree: &'a Tree,
    /// Its folder.
    pub folder: &'a Path,
    /// The names that collections cannot have: those of the built-in ones.
    pub taken: &'a [&'static str],
}

/// Reads the collections behind `collections:`, and finds them. What [`record`] tells is not told again.
pub(super) fn read(place: &Place<'_>, node: Option<NodeId>, loader: &dyn Loader) -> (Vec<Collection>, Vec<Diagnostic>) {
    let (mut found, mut diagnostics): (Vec<Collection>, _) = (Vec::new(), Vec::new());
    let Some(node) = node.filter(|node| !left_out(place.tree, *node)) else { return (found, diagnostics) };
    if !matches!(place.tree.follow(node).kind, NodeKind::Map(_)) {
        return (found, diagnostics);
    }
    for (key, value) in place.tree.pairs(node).iter() {
        if found.len() == MOST {
            let message = format!("a spec can use up to {MOST} collections");
            diagnostics.push(Diagnostic::error(Code::TooLarge, place.tree.node(*key).span, message));
            break;
        }
        match place.collection(*key, *value, loader) {
            Ok(Some(mut collection)) if found.iter().all(|known| known.name != collection.name) => {
                match find(&collection, loader) {
                    Ok(there) => collection.found = Some(there),
                    Err(why) => {
                        diagnostics.push(Diagnostic::error(why.code, collection.span, why.message).help(why.help));
                    }
                }
                found.push(collection);
            }
            Ok(_) => {}
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    (found, diagnostics)
}

fn find(collection: &Collection, loader: &dyn Loader) -> Result<FoundCollection, MissingCollection> {
    match &collection.source {
        CollectionSource::Git { url, rev } => loader.collection(&collection.name, url, rev.as_deref(), &collection.beside),
        CollectionSource::Folder(folder) => match loader.is_folder(folder) {
            true => Ok(FoundCollection { folder: folder.clone(), pinned: None }),
            false => Err(MissingCollection {
                code: Code::Collection,
                message: format!("the folder {} does not exist", folder.display()),
                help: "a collection is a folder that contains `roles/`".into(),
            }),
        },
    }
}

impl Place<'_> {
    /// One collection; none where its source cannot be made out, which is told elsewhere.
    fn collection(&self, key: NodeId, value: NodeId, loader: &dyn Loader) -> Result<Option<Collection>, Box<Diagnostic>> {
        let tree = self.tree;
        let name_span = tree.node(key).span;
        let Some(name) = tree.scalar(key).cloned() else { return Ok(None) };
        let allowed = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || matches!(one, '_' | '-');
        if !name.starts_with(|one: char| one.is_ascii_lowercase()) || !name.chars().all(allowed) || name.len() > 64 {
            let message = format!("`{name}` is not a valid name for a collection");
            let help = "a name consists of up to 64 lower-case letters, digits, `_` and `-`, and begins with a letter";
            return Err(Box::new(Diagnostic::error(Code::BadName, name_span, message).help(help)));
        }
        if self.taken.contains(&&*name) {
            let message = format!("`{name}` is the name of a built-in collection");
            let help = format!("choose another name; it is the part before the dot in `is: {name}.…`");
            return Err(Box::new(Diagnostic::error(Code::Collection, name_span, message).help(help)));
        }
        if !matches!(tree.follow(value).kind, NodeKind::Map(_)) {
            return Ok(None);
        }
        let span = tree.node(value).span;
        let error = |span: Span, code: Code, message: String| Box::new(Diagnostic::error(code, span, message));
        let mut texts = [None, None, None];
        for (text, key) in texts.iter_mut().zip(["git", "path", "rev"]) {
            let Some(node) = tree.get(value, key).filter(|node| !left_out(tree, *node)) else { continue };
            *text = tree.scalar(node).cloned().map(|text| (text, tree.node(node).span));
            if let Some((_, span)) = text.as_ref().filter(|(text, _)| text.contains(interpolate::OPEN)) {
                let message =
                    "the source of a collection cannot use variables, because roles are found before variables are read";
                return Err(error(*span, Code::Interpolation, message.into()));
            }
        }
        let source = match texts {
            [Some((url, _)), None, rev] => CollectionSource::Git { url, rev: rev.map(|(rev, _)| rev) },
            [None, Some((path, span)), rev] => {
                if let Some((_, span)) = rev {
                    let message = "`rev` is only for git repositories, and this is a folder";
                    return Err(Box::new(
                        Diagnostic::error(Code::Collection, span, message)
                            .help("for a repository on this machine write `git: ./…`"),
                    ));
                }
                match self.folder(&path, loader) {
                    Some(folder) => CollectionSource::Folder(folder),
                    None => return Err(error(span, Code::Collection, format!("`{path}` is not a path"))),
                }
            }
            // Where a key is not known, that is what is told.
            [None, None, _] if tree.pairs(value).iter().any(|(key, _)| tree.scalar(*key).is_none_or(|key| **key != *"rev")) => {
                return Ok(None);
            }
            [None, None, _] => {
                let message = format!("the source of `{name}` is missing");
                return Err(Box::new(
                    Diagnostic::error(Code::Collection, name_span, message)
                        .help("write `git:` with a repository and `rev:`, or `path:` with a folder"),
                ));
            }
            [Some(_), Some((_, span)), _] => {
                let message = "a collection has either `git` or `path`, not both";
                return Err(error(span, Code::Collection, message.into()));
            }
        };
        Ok(Some(Collection { name, name_span, span, source, beside: self.folder.to_owned(), found: None }))
    }

    fn folder(&self, path: &str, loader: &dyn Loader) -> Option<PathBuf> {
        let whole = match path.strip_prefix("~/") {
            Some(rest) => loader.home()?.join(rest),
            None => path.starts_with(['/', '.']).then(|| self.folder.join(path))?,
        };
        Some(normalise(&whole))
    }
}

/// What stands behind the name of a collection.
pub(super) fn record() -> Record {
    let field =
        |name: &str, doc: &str, shape: Shape| Field { name: name.into(), doc: doc.into(), shape, required: false, default: None };
    Record {
        fields: vec![
            field("git", "A Git repository: a URL or a path.", Shape::Text { secret: false }),
            field("path", "A folder.", Shape::Path),
            field("rev", "The tag, branch or commit of the repository.", Shape::Text { secret: false }),
        ],
    }
}
