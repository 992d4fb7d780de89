//! `textDocument/selectionRange`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{SelectionRange, SelectionRangeParams};

use crate::lsp::state::State;

/// What can be selected around each position, more and more.
pub async fn handle(state: &Arc<State>, params: SelectionRangeParams) -> Result<Option<Vec<SelectionRange>>> {
    let found = state.ask(&params.text_document.uri, move |ask| {
        let around = |position: &tower_lsp::ls_types::Position| {
            let spans = seed_ide::selection::selections(&ask.snapshot, ask.offset(*position));
            let chain = spans
                .into_iter()
                .rev()
                .fold(None, |parent, span| Some(SelectionRange { range: ask.range(span), parent: parent.map(Box::new) }));
            // The protocol wants one for each position.
            let empty = tower_lsp::ls_types::Range { start: *position, end: *position };
            chain.unwrap_or(SelectionRange { range: empty, parent: None })
        };
        Some(params.positions.iter().map(around).collect())
    });
    found.await
}
