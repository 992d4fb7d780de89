//! `initialized`.

use std::sync::Arc;

use tower_lsp::ls_types::{DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern, Registration};

use crate::lsp::state::State;

/// Asks the editor to watch the specs and fragments on disk, where it can.
pub fn handle(state: &Arc<State>) {
    if !state.session().watch_files {
        return;
    }
    let watchers = ["**/*.seed.yaml", "**/*.seed.yml", "**/fragments/*", "**/.seed/fragments.lock"]
        .map(|glob| FileSystemWatcher { glob_pattern: GlobPattern::String(glob.into()), kind: None });
    let options = DidChangeWatchedFilesRegistrationOptions { watchers: watchers.to_vec() };
    let registration = Registration {
        id: "seed-files".into(),
        method: "workspace/didChangeWatchedFiles".into(),
        register_options: serde_json::to_value(options).ok(),
    };
    let state = state.clone();
    tokio::spawn(async move {
        if let Err(error) = state.client.register_capability(vec![registration]).await {
            tracing::warn!(%error, "the editor does not watch files");
        }
    });
}
