//! `textDocument/foldingRange`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{FoldingRange, FoldingRangeKind, FoldingRangeParams};

use crate::lsp::state::State;

/// What can be folded away.
pub async fn handle(state: &Arc<State>, params: FoldingRangeParams) -> Result<Option<Vec<FoldingRange>>> {
    let found = state.ask(&params.text_document.uri, |ask| {
        let folds = seed_ide::folding::folds(&ask.snapshot).into_iter();
        let range = |fold: seed_ide::folding::Fold| FoldingRange {
            start_line: fold.first as u32,
            end_line: fold.last as u32,
            kind: fold.comment.then_some(FoldingRangeKind::Comment),
            ..FoldingRange::default()
        };
        folds.map(range).collect()
    });
    found.await.map(Some)
}
