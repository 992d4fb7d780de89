//! `textDocument/documentHighlight`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{DocumentHighlight, DocumentHighlightKind, DocumentHighlightParams};

use crate::lsp::state::State;

/// The places in the text that name what stands at a position.
pub async fn handle(state: &Arc<State>, params: DocumentHighlightParams) -> Result<Option<Vec<DocumentHighlight>>> {
    let at = params.text_document_position_params;
    let found = state.ask(&at.text_document.uri, move |ask| {
        let spans = seed_ide::highlights::highlights(&ask.snapshot, ask.offset(at.position)).into_iter();
        spans.map(|span| DocumentHighlight { range: ask.range(span), kind: Some(DocumentHighlightKind::TEXT) }).collect()
    });
    found.await.map(Some)
}
