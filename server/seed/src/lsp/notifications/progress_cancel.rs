//! `window/workDoneProgress/cancel`.

use tower_lsp::ls_types::WorkDoneProgressCancelParams;

use crate::lsp::state::State;

/// Asks the job behind a progress to end at the next safe point.
pub fn handle(state: &State, params: &WorkDoneProgressCancelParams) {
    state.jobs.interrupt(&params.token);
}
