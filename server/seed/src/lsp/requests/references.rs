//! `textDocument/references`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{Location, ReferenceParams};

use crate::lsp::state::State;

/// All places that name what stands at a position, also in the open specs that include this one.
pub async fn handle(state: &Arc<State>, params: ReferenceParams) -> Result<Option<Vec<Location>>> {
    let at = params.text_document_position;
    if let Some(found) = state.link_references(&at.text_document.uri, at.position).await? {
        return Ok(Some(found));
    }
    let with_definition = params.context.include_declaration;
    let found = state.ask_with_including(&at.text_document.uri, move |ask, file| {
        let offset = ask.offset_in(file, at.position);
        let spans = seed_ide::references::references(&ask.snapshot, file, offset, with_definition);
        spans.into_iter().filter_map(|span| ask.location(span)).collect::<Vec<_>>()
    });
    let mut places: Vec<Location> = Vec::new();
    for place in found.await?.into_iter().flatten() {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(Some(places))
}
