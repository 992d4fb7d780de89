//! `workspace/symbol`.

use std::sync::Arc;

use seed_ide::symbols::{Kind, Symbol, symbols};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{SymbolInformation, WorkspaceSymbolParams, WorkspaceSymbolResponse};

use super::document_symbol::flatten;
use crate::lsp::state::State;
use crate::lsp::text::letters_in_order;

/// The roles and variables of all open specs whose names hold what is asked for, letter by letter in order.
pub async fn handle(state: &Arc<State>, params: WorkspaceSymbolParams) -> Result<Option<WorkspaceSymbolResponse>> {
    let uris: Vec<_> = state.documents().uris().cloned().collect();
    let mut found: Vec<SymbolInformation> = Vec::new();
    for uri in uris {
        let query = params.query.clone();
        let of_spec = state.ask(&uri, move |ask| {
            let mut flat = Vec::new();
            for symbol in symbols(&ask.snapshot).iter().flat_map(|section| &section.children) {
                if matches!(symbol.kind, Kind::Role | Kind::Variable) && letters_in_order(&symbol.name, &query) {
                    let alone = Symbol { children: Vec::new(), ..symbol.clone() };
                    flatten(ask, &alone, ask.snapshot.analysis.name.as_deref(), &mut flat);
                }
            }
            flat
        });
        // One that was closed or changed meanwhile is left out.
        found.extend(of_spec.await.unwrap_or_default());
    }
    Ok(Some(WorkspaceSymbolResponse::Flat(found)))
}
