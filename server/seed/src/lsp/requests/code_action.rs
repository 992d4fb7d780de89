//! `textDocument/codeAction`.

use std::sync::Arc;

use seed_ide::actions::{Does, actions};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CodeActionResponse};

use crate::lsp::diagnostics::diagnostic_for;
use crate::lsp::state::State;
use crate::lsp::to_lsp::{command, file_edits, workspace_edit};

/// What can be done at a range.
pub async fn handle(state: &Arc<State>, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
    let shared = state.clone();
    let wanted = params.context.only;
    let found = state.ask(&params.text_document.uri, move |ask| {
        let range = ask.offset(params.range.start)..ask.offset(params.range.end);
        let mut shown = Vec::new();
        for action in actions(&ask.snapshot, range) {
            let kind = if action.mends.is_some() { CodeActionKind::QUICKFIX } else { CodeActionKind::EMPTY };
            let asked_for = |wanted: &CodeActionKind| *wanted == kind || *wanted == CodeActionKind::EMPTY;
            if wanted.as_ref().is_some_and(|wanted| !wanted.iter().any(asked_for)) {
                continue;
            }
            let mends = action.mends.and_then(|number| ask.snapshot.analysis.diagnostics.get(number));
            let mut one = CodeAction {
                title: action.title.clone(),
                kind: Some(kind),
                diagnostics: mends.map(|diagnostic| vec![diagnostic_for(ask, diagnostic)]),
                is_preferred: action.preferred.then_some(true),
                ..CodeAction::default()
            };
            match action.does {
                Does::Edits(edits) => one.edit = Some(workspace_edit(&shared, file_edits(ask, &edits))),
                Does::Job(job) => one.command = Some(command(ask, action.title, &job)),
            }
            shown.push(CodeActionOrCommand::CodeAction(one));
        }
        shown
    });
    found.await.map(Some)
}
