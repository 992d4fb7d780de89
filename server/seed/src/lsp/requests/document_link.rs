//! `textDocument/documentLink`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{DocumentLink, DocumentLinkParams, Uri};

use crate::lsp::state::State;

/// The files that a spec names.
pub async fn handle(state: &Arc<State>, params: DocumentLinkParams) -> Result<Option<Vec<DocumentLink>>> {
    let found = state.ask(&params.text_document.uri, |ask| {
        let links = seed_ide::links::links(&ask.snapshot).into_iter();
        let link = |link: seed_ide::links::Link| DocumentLink {
            range: ask.range(link.span),
            target: Uri::from_file_path(link.target),
            tooltip: None,
            data: None,
        };
        links.map(link).collect()
    });
    found.await.map(Some)
}
