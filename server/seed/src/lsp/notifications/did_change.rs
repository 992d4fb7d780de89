//! `textDocument/didChange`.

use tower_lsp::ls_types::DidChangeTextDocumentParams;

use crate::lsp::analyst::Why;
use crate::lsp::state::State;

/// Puts the edits into the text, in order.
pub fn handle(state: &State, params: DidChangeTextDocumentParams) {
    let changed = params.text_document;
    let encoding = state.session().encoding;
    if state.documents().change(&changed.uri, changed.version, params.content_changes, encoding) {
        state.see_edits(&changed.uri);
        state.touch(&changed.uri, Why::Text);
    } else {
        tracing::warn!(uri = changed.uri.as_str(), "an edit of a text that is not open");
    }
}
