//! `textDocument/didSave`.

use std::sync::Arc;

use tower_lsp::ls_types::DidSaveTextDocumentParams;

use crate::lsp::analyst::Why;
use crate::lsp::fragments::note;
use crate::lsp::state::State;

/// Notes what was rendered into the text, and looks again at what depends on the file: not every editor tells when files change.
pub fn handle(state: &Arc<State>, params: &DidSaveTextDocumentParams) {
    let uri = &params.text_document.uri;
    note(state, uri);
    state.touch(uri, Why::Files);
    state.touch_fragments();
}
