//! `textDocument/prepareRename`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{PrepareRenameResponse, TextDocumentPositionParams};

use crate::lsp::state::State;

/// What can be renamed at a position.
pub async fn handle(state: &Arc<State>, at: TextDocumentPositionParams) -> Result<Option<PrepareRenameResponse>> {
    if let Some((range, placeholder)) = state.renamed_in_page(&at.text_document.uri, at.position).await? {
        return Ok(Some(PrepareRenameResponse::RangeWithPlaceholder { range, placeholder }));
    }
    let found = state.ask(&at.text_document.uri, move |ask| {
        let span = seed_ide::rename::prepare(&ask.snapshot, ask.offset(at.position))?;
        let placeholder = ask.snapshot.slice(span).to_string();
        Some(PrepareRenameResponse::RangeWithPlaceholder { range: ask.range(span), placeholder })
    });
    found.await
}
