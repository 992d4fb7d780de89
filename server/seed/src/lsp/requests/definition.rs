//! `textDocument/definition`.

use std::sync::Arc;

use seed_ide::definition::{Definition, definition};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{GotoDefinitionParams, GotoDefinitionResponse, Location, LocationLink, Range, Uri};

use crate::lsp::state::State;

/// Where what stands at a position is defined.
pub async fn handle(state: &Arc<State>, params: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>> {
    let at = params.text_document_position_params;
    let links = state.session().link_definitions;
    let found = state.ask(&at.text_document.uri, move |ask| {
        let (from, to) = match definition(&ask.snapshot, ask.offset(at.position))? {
            Definition::Name { from, to } => (from, ask.location(to)?),
            Definition::File { from, to } => (from, Location { uri: Uri::from_file_path(to)?, range: Range::default() }),
        };
        if !links {
            return Some(GotoDefinitionResponse::Scalar(to));
        }
        Some(GotoDefinitionResponse::Link(vec![LocationLink {
            origin_selection_range: Some(ask.range(from)),
            target_uri: to.uri,
            target_range: to.range,
            target_selection_range: to.range,
        }]))
    });
    found.await
}
