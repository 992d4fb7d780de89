//! `textDocument/didSave`.

use tower_lsp::ls_types::DidSaveTextDocumentParams;

use crate::lsp::analyst::Why;
use crate::lsp::state::State;

/// Looks again at the files that the spec includes: not every editor tells when they change.
pub fn handle(state: &State, params: &DidSaveTextDocumentParams) {
    state.touch(&params.text_document.uri, Why::Files);
}
