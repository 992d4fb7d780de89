//! `textDocument/documentSymbol`.

use std::sync::Arc;

use seed_ide::symbols::{Kind, Symbol, symbols};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{DocumentSymbol, DocumentSymbolParams, DocumentSymbolResponse, SymbolInformation, SymbolKind};

use crate::lsp::ask::Ask;
use crate::lsp::state::State;

/// The outline of a spec.
pub async fn handle(state: &Arc<State>, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
    let nested = state.session().nested_symbols;
    let found = state.ask(&params.text_document.uri, move |ask| {
        let symbols = symbols(&ask.snapshot);
        if nested {
            return Some(DocumentSymbolResponse::Nested(symbols.iter().map(|symbol| nest(ask, symbol)).collect()));
        }
        let mut flat = Vec::new();
        symbols.iter().for_each(|symbol| flatten(ask, symbol, None, &mut flat));
        Some(DocumentSymbolResponse::Flat(flat))
    });
    found.await
}

/// The kind of a symbol in the protocol.
pub fn kind(kind: Kind) -> SymbolKind {
    match kind {
        Kind::Section => SymbolKind::NAMESPACE,
        Kind::Variable => SymbolKind::VARIABLE,
        Kind::Role => SymbolKind::CLASS,
        Kind::Parameter => SymbolKind::PROPERTY,
    }
}

fn nest(ask: &Ask, symbol: &Symbol) -> DocumentSymbol {
    // The protocol's own field for deprecation is deprecated, and has to be named nevertheless.
    #[allow(deprecated)]
    DocumentSymbol {
        name: symbol.name.clone(),
        detail: Some(symbol.detail.clone()).filter(|detail| !detail.is_empty()),
        kind: kind(symbol.kind),
        tags: None,
        deprecated: None,
        range: ask.range(symbol.span),
        selection_range: ask.range(symbol.name_span),
        children: Some(symbol.children.iter().map(|child| nest(ask, child)).collect()),
    }
}

/// A symbol and those in it, one after the other.
pub fn flatten(ask: &Ask, symbol: &Symbol, container: Option<&str>, flat: &mut Vec<SymbolInformation>) {
    #[allow(deprecated)]
    flat.extend(ask.location(symbol.span).map(|location| SymbolInformation {
        name: symbol.name.clone(),
        kind: kind(symbol.kind),
        tags: None,
        deprecated: None,
        location,
        container_name: container.map(str::to_string),
    }));
    symbol.children.iter().for_each(|child| flatten(ask, child, Some(&symbol.name), flat));
}
