//! `textDocument/didClose`.

use tower_lsp::ls_types::DidCloseTextDocumentParams;

use crate::lsp::analyst::Why;
use crate::lsp::state::State;

/// Forgets the text; those that include it are read with the file on disk from now on.
pub fn handle(state: &State, params: &DidCloseTextDocumentParams) {
    let uri = &params.text_document.uri;
    // Dropped without the lock: it can be large.
    let closed = state.documents().close(uri);
    drop(closed);
    state.fragments.forget(uri);
    state.touch(uri, Why::Text);
}
