//! What all features read: a text, what is known of it, and the role types there are.

use std::sync::Arc;

use seed_spec::analysis::Document;
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

    /// The text that the spans of a file count in.
    pub fn file(&self, file: FileId) -> &Source {
        self.analysis.document(file).map_or(&self.source, |document| &document.source)
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &str {
        self.file(span.file).slice(span)
    }
}
