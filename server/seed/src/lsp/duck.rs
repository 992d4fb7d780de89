//! `seed.duck`: an explanation compared with what the editor shows, at once and without a network. For a spec with its facts, for any
//! other open text with what can be seen in it.

use std::sync::Arc;

use seed_collections::REGISTRY;
use seed_duck::{Facts, json, reflect};
use seed_engine::node::{Graph, expand, wholes};
use seed_spec::{Span, State as Wanted};
use serde_json::{Value as Json, json};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{ExecuteCommandParams, LSPAny, Uri};

use super::ask::Ask;
use super::documents::path_of;
use super::state::State;

/// Its name in the protocol.
pub const COMMAND: &str = "seed.duck";

/// What it is given.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argument {
    /// The open text.
    uri: Uri,
    /// What the user says of it.
    #[serde(default)]
    explanation: String,
    /// Only this role and its parts.
    #[serde(default)]
    role: Option<String>,
}

/// Compares an explanation with an open text.
///
/// # Errors
///
/// When the argument is not as it should be, or the text is not open.
pub async fn execute(state: &Arc<State>, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
    let argument = params.arguments.into_iter().next();
    let argument = argument.ok_or_else(|| Error::invalid_params(format!("{COMMAND} needs an argument: {{uri, explanation}}")))?;
    let argument: Argument =
        serde_json::from_value(argument).map_err(|error| Error::invalid_params(format!("the argument of {COMMAND}: {error}")))?;
    let Argument { uri, explanation, role } = argument;
    let is_spec = state.documents().get(&uri).is_some_and(|document| document.is_spec);
    let answer = state.ask_of_any(&uri, move |ask| {
        let facts = if is_spec { facts_of(ask) } else { seed_duck::code::facts(ask.snapshot.source.text()) };
        let facts = match &role {
            Some(role) => facts.of_role(role),
            None => facts,
        };
        json::reflection(&facts, &reflect(&facts, &explanation), &|span| place(ask, span))
    });
    answer.await.map(Some)
}

/// The facts of an open spec. What the host lacks is left to `seed duck`: an answer while typing waits for no disk.
fn facts_of(ask: &Ask) -> Facts {
    let analysis = &ask.snapshot.analysis;
    let drafts = if analysis.is_role { Vec::new() } else { expand(analysis, &REGISTRY, None, Wanted::Present) };
    let graph = Graph { wholes: wholes(analysis), ..Graph::new(drafts) };
    seed_duck::derive(analysis, &graph, None, None)
}

fn place(ask: &Ask, span: Span) -> (Json, Json) {
    let path = ask.uri(span.file).map(|uri| path_of(uri).display().to_string());
    (path.into(), json!(ask.range(span)))
}
