//! `initialize`.

use tower_lsp::ls_types::{InitializeParams, InitializeResult, ServerInfo};

use crate::lsp::capabilities::{Session, offered};
use crate::lsp::state::State;

/// Agrees with the editor upon what is used.
pub fn handle(state: &State, params: &InitializeParams) -> InitializeResult {
    state.agree(Session::new(params));
    InitializeResult {
        capabilities: offered(state.session()),
        server_info: Some(ServerInfo { name: "seed".into(), version: Some(env!("CARGO_PKG_VERSION").into()) }),
        ..InitializeResult::default()
    }
}
