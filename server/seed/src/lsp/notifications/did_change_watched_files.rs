//! `workspace/didChangeWatchedFiles`.

use tower_lsp::ls_types::DidChangeWatchedFilesParams;

use crate::lsp::documents::path_of;
use crate::lsp::state::State;

/// Analyses again what includes or embeds a file that changed on disk.
pub fn handle(state: &State, params: DidChangeWatchedFilesParams) {
    for change in params.changes {
        state.touch_including(&path_of(&change.uri));
    }
    state.touch_fragments();
}
