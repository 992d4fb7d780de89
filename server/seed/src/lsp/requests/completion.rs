//! `textDocument/completion`.

use std::sync::Arc;

use seed_ide::completion::{Completion, Kind, completions};
use seed_ide::fragments::{self, Suggestion};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionParams, CompletionResponse, CompletionTextEdit, Documentation,
    InsertTextFormat, InsertTextMode, MarkupContent, MarkupKind, TextEdit,
};

use crate::lsp::ask::Ask;
use crate::lsp::fragments::Asked;
use crate::lsp::state::State;
use crate::lsp::text::letters_in_order;
use crate::lsp::to_lsp::text_edit;

/// What can be typed; answered from the text as it is, without waiting for its analysis.
pub async fn handle(state: &Arc<State>, params: CompletionParams) -> Result<Option<CompletionResponse>> {
    let at = params.text_document_position;
    let of_marker = state.ask_of_marker(&at.text_document.uri, at.position, |asked, offset| {
        let found = fragments::completions(&asked.open, offset)?;
        let items = found.into_iter().enumerate().map(|(rank, one)| suggestion(asked, rank, one));
        Some(CompletionList { is_incomplete: false, items: items.collect() })
    });
    if let Some(found) = of_marker.await? {
        return Ok(Some(CompletionResponse::List(found)));
    }
    if let Some(found) = state.complete_link(&at.text_document.uri, at.position).await? {
        return Ok(Some(CompletionResponse::List(found)));
    }
    let found = state.ask_at_once(&at.text_document.uri, move |ask| {
        let offset = ask.offset(at.position);
        let mut found = completions(&ask.snapshot, offset);
        let is_incomplete = found.len() > MOST;
        if is_incomplete {
            narrow(ask, offset, &mut found);
        }
        CompletionList { is_incomplete, items: found.into_iter().map(|one| item(ask, one)).collect() }
    });
    Ok(Some(CompletionResponse::List(found.await?)))
}

/// The most that are sent at once; an editor asks again as more is typed.
const MOST: usize = 200;

/// Leaves those that hold what is typed, letter by letter in order, the best of them first.
fn narrow(ask: &Ask, offset: usize, found: &mut Vec<Completion>) {
    found.retain(|one| {
        let typed = ask.snapshot.source.text().get(one.edit.span.start as usize..offset).unwrap_or_default();
        letters_in_order(one.filter.as_ref().unwrap_or(&one.label), typed)
    });
    found.sort_by(|one, other| (one.rank, &one.label).cmp(&(other.rank, &other.label)));
    found.truncate(MOST);
}

fn item(ask: &Ask, one: Completion) -> CompletionItem {
    CompletionItem {
        kind: Some(match one.kind {
            Kind::Key => CompletionItemKind::PROPERTY,
            Kind::RoleType => CompletionItemKind::CLASS,
            Kind::NewRole => CompletionItemKind::CONSTRUCTOR,
            Kind::Role => CompletionItemKind::REFERENCE,
            Kind::Output => CompletionItemKind::FIELD,
            Kind::Variable => CompletionItemKind::VARIABLE,
            Kind::Word => CompletionItemKind::ENUM_MEMBER,
        }),
        detail: Some(one.detail).filter(|detail| !detail.is_empty()),
        documentation: Some(one.doc)
            .filter(|doc| !doc.is_empty())
            .map(|value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })),
        sort_text: Some(format!("{} {}", one.rank, one.label)),
        // Neovim takes a list with edits for filtered already, unless it is told what to compare.
        filter_text: Some(one.filter.unwrap_or_else(|| one.label.clone())),
        insert_text_format: Some(InsertTextFormat::PLAIN_TEXT),
        // The indentation is in the text.
        insert_text_mode: Some(InsertTextMode::AS_IS),
        text_edit: Some(CompletionTextEdit::Edit(text_edit(ask, &one.edit))),
        additional_text_edits: one.indent.map(|edit| vec![text_edit(ask, &edit)]),
        label: one.label,
        ..CompletionItem::default()
    }
}

/// What can be typed on the line of a marker.
fn suggestion(asked: &Asked<'_>, rank: usize, one: Suggestion) -> CompletionItem {
    CompletionItem {
        kind: Some(match one.kind {
            fragments::Kind::Fragment => CompletionItemKind::SNIPPET,
            fragments::Kind::Parameter => CompletionItemKind::PROPERTY,
            fragments::Kind::Value => CompletionItemKind::ENUM_MEMBER,
        }),
        detail: Some(one.detail).filter(|detail| !detail.is_empty()),
        documentation: Some(one.doc)
            .filter(|doc| !doc.is_empty())
            .map(|value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })),
        sort_text: Some(format!("{rank:04}")),
        filter_text: Some(one.text.clone()),
        insert_text_format: Some(InsertTextFormat::PLAIN_TEXT),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range: asked.range(one.range), new_text: one.text.clone() })),
        label: one.text,
        ..CompletionItem::default()
    }
}
