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
    let of_marker = state.ask_of_marker(&at.text_document.uri, at.position, move |asked, offset| {
        let (bytes, path) = seed_ide::fragments::definition(&asked.open, offset)?;
        let to = Location { uri: Uri::from_file_path(path)?, range: Range::default() };
        Some(answer(links, asked.range(bytes), to))
    });
    if let Some(found) = of_marker.await? {
        return Ok(Some(found));
    }
    if let Some(found) = state.link_target(&at.text_document.uri, at.position).await? {
        return Ok(Some(GotoDefinitionResponse::Array(found)));
    }
    let found = state.ask(&at.text_document.uri, move |ask| {
        let (from, to) = match definition(&ask.snapshot, ask.offset(at.position))? {
            Definition::Name { from, to } => (from, ask.location(to)?),
            Definition::File { from, to } => (from, Location { uri: Uri::from_file_path(to)?, range: Range::default() }),
        };
        Some(answer(links, ask.range(from), to))
    });
    found.await
}

/// With the range that it was asked from, where the editor can take one.
fn answer(links: bool, from: Range, to: Location) -> GotoDefinitionResponse {
    if !links {
        return GotoDefinitionResponse::Scalar(to);
    }
    GotoDefinitionResponse::Link(vec![LocationLink {
        origin_selection_range: Some(from),
        target_uri: to.uri,
        target_range: to.range,
        target_selection_range: to.range,
    }])
}
