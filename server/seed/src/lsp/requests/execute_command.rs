//! `workspace/executeCommand`.

use std::sync::Arc;

use serde_json::json;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{ExecuteCommandParams, LSPAny};

use crate::lsp::jobs;
use crate::lsp::state::State;

/// Starts a job and returns at once: `{"job": …}`.
pub fn handle(state: &Arc<State>, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
    let job = jobs::start(state, params).map_err(Error::invalid_params)?;
    Ok(Some(json!({ "job": job })))
}
