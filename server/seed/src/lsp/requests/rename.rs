//! `textDocument/rename`.

use std::sync::Arc;

use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{RenameParams, WorkspaceEdit};

use crate::lsp::state::State;
use crate::lsp::to_lsp::{file_edits, workspace_edit};

/// Gives what stands at a position another name, everywhere: also in the open specs that include this one.
pub async fn handle(state: &Arc<State>, params: RenameParams) -> Result<Option<WorkspaceEdit>> {
    let at = params.text_document_position;
    if let Some(edits) = state.rename_in_page(&at.text_document.uri, at.position, params.new_name.clone()).await? {
        return Ok(Some(workspace_edit(state, edits)));
    }
    let found = state.ask_with_including(&at.text_document.uri, move |ask, file| {
        let offset = ask.offset_in(file, at.position);
        let edits = seed_ide::rename::rename(&ask.snapshot, file, offset, &params.new_name);
        Some(edits.map(|edits| file_edits(ask, &edits)))
    });
    let mut edits = Vec::new();
    for of_spec in found.await?.into_iter().flatten() {
        edits.extend(of_spec.map_err(Error::invalid_params)?);
    }
    Ok(Some(workspace_edit(state, edits)))
}
