//! `seed/text`: the text as the server has it, so that an editor can check that both have the same.

use serde_json::{Value as Json, json};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::TextDocumentIdentifier;

use crate::lsp::state::State;

/// The text and its version.
pub fn handle(state: &State, params: &TextDocumentIdentifier) -> Result<Json> {
    let documents = state.documents();
    let document =
        documents.get(&params.uri).ok_or_else(|| Error::invalid_params(format!("{} is not open", params.uri.as_str())))?;
    Ok(json!({ "version": document.version, "text": &**document.source.text() }))
}
