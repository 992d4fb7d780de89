//! `textDocument/inlayHint`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{InlayHint, InlayHintLabel, InlayHintParams};

use crate::lsp::state::State;

/// What is not written and yet so.
pub async fn handle(state: &Arc<State>, params: InlayHintParams) -> Result<Option<Vec<InlayHint>>> {
    let found = state.ask(&params.text_document.uri, move |ask| {
        let range = ask.offset(params.range.start)..ask.offset(params.range.end);
        let hints = seed_ide::hints::hints(&ask.snapshot, range).into_iter();
        let hint = |hint: seed_ide::hints::Hint| InlayHint {
            position: ask.position(hint.at),
            label: InlayHintLabel::String(hint.text),
            kind: None,
            text_edits: None,
            tooltip: None,
            padding_left: Some(true),
            padding_right: None,
            data: None,
        };
        hints.map(hint).collect()
    });
    found.await.map(Some)
}
