//! `textDocument/codeLens`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{CodeLens, CodeLensParams};

use crate::lsp::state::State;
use crate::lsp::to_lsp::command;

/// What can be done with the spec and each of its roles.
pub async fn handle(state: &Arc<State>, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
    let found = state.ask(&params.text_document.uri, |ask| {
        let lenses = seed_ide::lenses::lenses(&ask.snapshot).into_iter();
        let lens = |lens: seed_ide::lenses::Lens| CodeLens {
            range: ask.range(lens.span),
            command: Some(command(ask, lens.title, &lens.job)),
            data: None,
        };
        lenses.map(lens).collect()
    });
    found.await.map(Some)
}
