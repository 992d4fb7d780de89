//! `textDocument/codeAction`.

use std::sync::Arc;

use seed_ide::actions::{Does, actions};
use seed_ide::fragments::actions::{Offer, Work};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CodeActionResponse, Range, Uri};

use crate::lsp::diagnostics::diagnostic_for;
use crate::lsp::fragments::{Asked, to_command};
use crate::lsp::state::State;
use crate::lsp::to_lsp::{command, file_edits, workspace_edit};

/// What can be done at a range.
pub async fn handle(state: &Arc<State>, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
    let shared = state.clone();
    let wanted = params.context.only;
    let only = wanted.clone();
    let range = params.range;
    let uri = params.text_document.uri.clone();
    let can_compare = state.session().compare;
    let of_fragments = state.ask_of_fragments(
        &params.text_document.uri,
        |_, _| true,
        move |asked| Some(of_fragments(asked, &uri, range, only.as_deref(), can_compare)),
    );
    let of_fragments = of_fragments.await?.unwrap_or_default();
    let found = state.ask(&params.text_document.uri, move |ask| {
        let range = ask.offset(params.range.start)..ask.offset(params.range.end);
        let mut shown = Vec::new();
        for action in actions(&ask.snapshot, range) {
            let kind = if action.mends.is_some() { CodeActionKind::QUICKFIX } else { CodeActionKind::EMPTY };
            if !is_wanted(wanted.as_deref(), &kind) {
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
    let of_spec: Vec<_> = found.await?;
    Ok(Some(of_fragments.into_iter().chain(of_spec).collect()))
}

fn is_wanted(only: Option<&[CodeActionKind]>, kind: &CodeActionKind) -> bool {
    only.is_none_or(|only| only.iter().any(|wanted| wanted == kind || *wanted == CodeActionKind::EMPTY))
}

/// What can be done about the fragments at a range. Each is a command, which refuses a text that has changed since.
fn of_fragments(
    asked: &Asked<'_>,
    uri: &Uri,
    range: Range,
    only: Option<&[CodeActionKind]>,
    can_compare: bool,
) -> Vec<CodeActionOrCommand> {
    let bytes = asked.offset(range.start)..asked.offset(range.end);
    let offers = seed_ide::fragments::actions::actions(&asked.open, bytes, &asked.taken);
    let findings = asked.findings();
    let one = |offer: &Offer| {
        let kind = if offer.mends.is_some() { CodeActionKind::QUICKFIX } else { CodeActionKind::EMPTY };
        let mended = findings.iter().find(|finding| Some(finding.line) == offer.mends).cloned();
        is_wanted(only, &kind).then(|| {
            CodeActionOrCommand::CodeAction(CodeAction {
                title: offer.title.clone(),
                kind: Some(kind),
                diagnostics: mended.map(|finding| vec![asked.diagnostic(finding)]),
                command: Some(to_command(uri, asked.version, offer)),
                ..CodeAction::default()
            })
        })
    };
    offers.iter().filter(|offer| can_compare || !matches!(offer.work, Work::Compare(_))).filter_map(one).collect()
}
