//! `textDocument/hover`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{Hover, HoverContents, HoverParams, MarkupContent, MarkupKind};

use crate::lsp::state::State;

/// Explains what stands at a position.
pub async fn handle(state: &Arc<State>, params: HoverParams) -> Result<Option<Hover>> {
    let at = params.text_document_position_params;
    let found = state.ask(&at.text_document.uri, move |ask| {
        let hover = seed_ide::hover::hover(&ask.snapshot, ask.offset(at.position))?;
        let contents = MarkupContent { kind: MarkupKind::Markdown, value: hover.text };
        Some(Hover { contents: HoverContents::Markup(contents), range: Some(ask.range(hover.span)) })
    });
    found.await
}
