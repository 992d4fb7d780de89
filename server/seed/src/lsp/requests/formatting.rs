//! `textDocument/formatting`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{DocumentFormattingParams, TextEdit};

use crate::lsp::state::State;
use crate::lsp::to_lsp::text_edit;

/// Lays a spec out. How is not a matter of taste, so the editor's options do not count.
pub async fn handle(state: &Arc<State>, params: DocumentFormattingParams) -> Result<Option<Vec<TextEdit>>> {
    let found = state.ask(&params.text_document.uri, |ask| {
        seed_ide::formatting::formatting(&ask.snapshot).iter().map(|edit| text_edit(ask, edit)).collect()
    });
    found.await.map(Some)
}
