//! What all features read: a text, what is known of it, and the role types there are.

use std::path::Path;
use std::sync::Arc;

use seed_spec::analysis::{Document, ROLE_FILE, TASKS_FILE};
use seed_spec::{Analysis, Catalog, FileId, Source, Span};

/// An immutable view of one open spec. Cheap to copy, and valid for as long as it is kept.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The text as the editor shows it now.
    pub source: Arc<Source>,
    /// What is known of it, or of the text that was there a moment before.
    pub analysis: Arc<Analysis>,
    /// The role types.
    pub catalog: Arc<Catalog>,
}

impl Snapshot {
    /// Whether the analysis is of this very text, so that its spans can be trusted.
    pub fn is_current(&self) -> bool {
        self.spec().is_some_and(|spec| spec.source.text() == self.source.text())
    }

    /// The spec itself, as analysed; none if it has not been.
    pub fn spec(&self) -> Option<&Document> {
        self.analysis.documents.first()
    }

    /// The role types that a file can name.
    pub fn catalog_of(&self, file: FileId) -> &Catalog {
        self.analysis.catalog(file).unwrap_or(&self.catalog)
    }

    /// The files whose names are known in a file: all of a spec, or the two of a composite role.
    pub fn beside(&self, file: FileId) -> impl Iterator<Item = &Document> {
        let scope = self.analysis.document(file).map(scope);
        self.analysis.documents.iter().filter(move |document| scope == Some(self::scope(document)))
    }

    /// The text that the spans of a file count in.
    pub fn file(&self, file: FileId) -> &Source {
        self.analysis.document(file).map_or(&self.source, |document| &document.source)
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &str {
        self.file(span.file).slice(span)
    }
}

/// The folder of the composite role that a file belongs to; none for specs.
fn scope(document: &Document) -> Option<&Path> {
    (is_role_file(&document.absolute) || is_tasks_file(&document.absolute)).then_some(&document.folder)
}

/// Whether a path is that of a composite role's `role.yml`.
pub(crate) fn is_role_file(path: &Path) -> bool {
    path.ends_with(ROLE_FILE)
}

/// Whether a path is that of a composite role's tasks.
pub(crate) fn is_tasks_file(path: &Path) -> bool {
    path.ends_with(TASKS_FILE)
}
