//! The places in one file that name what the cursor is on.

use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::references;

/// The places in the spec's own text that name what is named at an offset.
pub fn highlights(snapshot: &Snapshot, offset: usize) -> Vec<Span> {
    references::references(snapshot, FileId(0), offset, true).into_iter().filter(|span| span.file == FileId(0)).collect()
}
