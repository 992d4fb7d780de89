//! Files that a spec names.

use std::path::PathBuf;

use seed_spec::{FileId, Span};

use crate::Snapshot;

/// A place that names a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The place.
    pub span: Span,
    /// The file, absolute; it need not be there.
    pub target: PathBuf,
}

/// The files that the spec's text includes.
pub fn links(snapshot: &Snapshot) -> Vec<Link> {
    if !snapshot.is_current() {
        return Vec::new();
    }
    let own = snapshot.analysis.includes.iter().filter(|include| include.span.file == FileId(0));
    own.map(|include| Link { span: include.span, target: include.path.clone() }).collect()
}
