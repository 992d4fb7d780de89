//! `textDocument/semanticTokens/full`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{Position, SemanticToken, SemanticTokens, SemanticTokensParams, SemanticTokensResult};

use crate::lsp::capabilities::token_type;
use crate::lsp::state::State;

/// What the words of a spec are.
pub async fn handle(state: &Arc<State>, params: SemanticTokensParams) -> Result<Option<SemanticTokensResult>> {
    let found = state.ask(&params.text_document.uri, |ask| {
        let mut before = Position::default();
        let mut data = Vec::new();
        for token in seed_ide::tokens::tokens(&ask.snapshot) {
            let range = ask.range(token.span);
            // Each is told by its distance from the one before, and none may go over a line's end.
            if range.start.line != range.end.line {
                continue;
            }
            let delta_line = range.start.line - before.line;
            let from = if delta_line == 0 { before.character } else { 0 };
            data.push(SemanticToken {
                delta_line,
                delta_start: range.start.character - from,
                length: range.end.character - range.start.character,
                token_type: token_type(token.kind),
                token_modifiers_bitset: u32::from(token.definition),
            });
            before = range.start;
        }
        Some(SemanticTokensResult::Tokens(SemanticTokens { result_id: None, data }))
    });
    found.await
}
