//! `textDocument/codeLens`.

use std::collections::HashMap;
use std::sync::Arc;

use seed_spec::analysis::Entry;
use serde_json::json;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{CodeLens, CodeLensParams, Command as LspCommand, Position};

use crate::lsp::ask::Ask;
use crate::lsp::documents::path_of;
use crate::lsp::notes::RECALL;
use crate::lsp::state::State;
use crate::lsp::to_lsp::command;

/// What can be done with the spec and each of its roles, and the notes that link to them.
pub async fn handle(state: &Arc<State>, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
    let shared = state.clone();
    let found = state.ask(&params.text_document.uri, move |ask| {
        let lenses = seed_ide::lenses::lenses(&ask.snapshot).into_iter();
        let lens = |lens: seed_ide::lenses::Lens| CodeLens {
            range: ask.range(lens.span),
            command: Some(command(ask, lens.title, &lens.job)),
            data: None,
        };
        in_order(lenses.map(lens).chain(of_notes(&shared, ask)).collect())
    });
    found.await.map(Some)
}

/// Lenses that begin at the same place, each a character behind the one before: editors sort those of a line by their start,
/// and some leave equal ones in any order.
fn in_order(mut lenses: Vec<CodeLens>) -> Vec<CodeLens> {
    let mut seen: HashMap<Position, u32> = HashMap::new();
    for lens in &mut lenses {
        let nth = seen.entry(lens.range.start).or_default();
        lens.range.start.character += *nth;
        lens.range.end = lens.range.end.max(lens.range.start);
        *nth += 1;
    }
    lenses
}

/// How many notes link to each role; what they are is found by the command.
fn of_notes(state: &State, ask: &Ask) -> Vec<CodeLens> {
    let Some(spec) = ask.snapshot.spec().filter(|_| ask.snapshot.is_current() && ask.uri.scheme().as_str() == "file") else {
        return Vec::new();
    };
    let roles: Vec<String> = spec.entries.iter().map(|entry| entry.name.to_string()).collect();
    let counts = state.notes.counts(&path_of(&ask.uri), &roles);
    let lens = |(entry, count): (&Entry, usize)| CodeLens {
        range: ask.range(entry.name_span),
        command: Some(LspCommand {
            title: format!("{count} note{}", if count == 1 { "" } else { "s" }),
            command: RECALL.into(),
            arguments: Some(vec![json!({ "query": &*entry.name, "uri": ask.uri })]),
        }),
        data: None,
    };
    spec.entries.iter().zip(counts).filter(|(_, count)| *count > 0).map(lens).collect()
}
