//! `workspace/executeCommand`.

use std::sync::Arc;

use serde_json::json;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{ExecuteCommandParams, LSPAny};

use crate::lsp::state::State;
use crate::lsp::{duck, fragments, jobs};

/// Starts a job and returns at once: `{"job": …}`; or does what is asked about fragments, or listens to an explanation.
pub async fn handle(state: &Arc<State>, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
    if let Some(command) = fragments::Command::ALL.into_iter().find(|command| command.name() == params.command) {
        return fragments::execute(state, command, params).await;
    }
    if params.command == duck::COMMAND {
        return duck::execute(state, params).await;
    }
    let job = jobs::start(state, params).map_err(Error::invalid_params)?;
    Ok(Some(json!({ "job": job })))
}
