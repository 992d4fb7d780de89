//! `textDocument/hover`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{Hover, HoverContents, HoverParams, MarkupContent, MarkupKind};

use crate::lsp::state::State;

/// Explains what stands at a position.
pub async fn handle(state: &Arc<State>, params: HoverParams) -> Result<Option<Hover>> {
    let at = params.text_document_position_params;
    let of_marker = state.ask_of_marker(&at.text_document.uri, at.position, |asked, offset| {
        let (text, bytes) = seed_ide::fragments::hover(&asked.open, offset)?;
        let contents = MarkupContent { kind: MarkupKind::Markdown, value: text };
        Some(Hover { contents: HoverContents::Markup(contents), range: Some(asked.range(bytes)) })
    });
    if let Some(hover) = of_marker.await? {
        return Ok(Some(hover));
    }
    let found = state.ask(&at.text_document.uri, move |ask| {
        let hover = seed_ide::hover::hover(&ask.snapshot, ask.offset(at.position))?;
        let contents = MarkupContent { kind: MarkupKind::Markdown, value: hover.text };
        Some(Hover { contents: HoverContents::Markup(contents), range: Some(ask.range(hover.span)) })
    });
    found.await
}
