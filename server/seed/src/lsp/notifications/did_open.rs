//! `textDocument/didOpen`.

use tower_lsp::ls_types::DidOpenTextDocumentParams;

use crate::lsp::analyst::Why;
use crate::lsp::state::State;

/// Takes the text. Opening runs nothing: it is only analysed.
pub fn handle(state: &State, params: DidOpenTextDocumentParams) {
    let opened = params.text_document;
    state.documents().open(opened.uri.clone(), &opened.language_id, opened.version, opened.text);
    state.touch(&opened.uri, Why::Text);
}
