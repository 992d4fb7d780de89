//! `workspace/executeCommand`.

use std::sync::Arc;

use serde_json::json;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{ExecuteCommandParams, LSPAny};

use crate::lsp::state::State;
use crate::lsp::{duck, fragments, jobs, notes};

/// Starts a job and returns at once: `{"job": …}`; or does what is asked about fragments, listens to an explanation, or finds what was written.
pub async fn handle(state: &Arc<State>, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
    if let Some(command) = fragments::Command::ALL.into_iter().find(|command| command.name() == params.command) {
        return fragments::execute(state, command, params).await;
    }
    if params.command == notes::RECALL {
        return notes::recall(state, params).await;
    }
    if params.command == duck::COMMAND {
        return duck::execute(state, params).await;
    }
    let job = jobs::start(state, params).map_err(Error::invalid_params)?;
    Ok(Some(json!({ "job": job })))
}
