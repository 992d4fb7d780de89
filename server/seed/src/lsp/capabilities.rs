//! What the editor can, what the server offers it, and what the two agree upon. Peculiarities of editors belong here.

use std::path::PathBuf;

use seed_ide::tokens;
use tower_lsp::ls_types::*;

use super::duck;
use super::encoding::Encoding;
use super::fragments;
use super::jobs::Command;
use super::notes;

/// What was agreed upon.
#[derive(Debug, Default)]
pub struct Session {
    /// How positions count.
    pub encoding: Encoding,
    /// Whether diagnostics are pushed.
    pub push_diagnostics: bool,
    /// Whether edits of a workspace can carry versions.
    pub versioned_edits: bool,
    /// Whether the editor can be asked to make an edit.
    pub apply_edit: bool,
    /// Whether only fragments are served: for texts of other languages, beside servers of their own.
    pub only: Option<Part>,
    /// Whether the editor shows the three sides of a clash when it gets the command for it.
    pub compare: bool,
    /// Whether progress can be shown that the editor did not ask for.
    pub progress: bool,
    /// Whether the editor can be asked to watch files.
    pub watch_files: bool,
    /// Whether a definition can carry the range it was asked from.
    pub link_definitions: bool,
    /// Whether symbols can be nested.
    pub nested_symbols: bool,
    /// The editor's socket, where it is a Neovim.
    #[cfg_attr(not(feature = "nvim"), expect(dead_code, reason = "only what attaches to the editor reads it"))]
    pub nvim: Option<PathBuf>,
}

/// What can be set when the server is started.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Options {
    nvim: Option<PathBuf>,
    diagnostics: Option<Delivery>,
    only: Option<Part>,
    compare: bool,
}

/// What is served, where it is not everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Fragments.
    Fragments,
    /// The links of notes, and fragments.
    Notes,
}

/// How diagnostics reach the editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Delivery {
    Push,
    Pull,
}

impl Session {
    /// Reads what the editor tells of itself.
    pub fn new(params: &InitializeParams) -> Self {
        let options: Options = params
            .initialization_options
            .clone()
            .and_then(|options| {
                serde_json::from_value(options).map_err(|error| tracing::warn!(%error, "initializationOptions")).ok()
            })
            .unwrap_or_default();
        let all = &params.capabilities;
        let text = all.text_document.as_ref();
        let workspace = all.workspace.as_ref();
        // Editors that can do both show everything twice when they get both.
        let can_push = text.is_some_and(|text| text.publish_diagnostics.is_some());
        let can_pull = text.is_some_and(|text| text.diagnostic.is_some());
        let push = match options.diagnostics {
            Some(Delivery::Push) => true,
            Some(Delivery::Pull) => !can_pull,
            None => can_push || !can_pull,
        };
        let is_nvim = params.client_info.as_ref().is_some_and(|client| client.name.eq_ignore_ascii_case("neovim"));
        // The variable is inherited, so it is only believed when the editor itself is one.
        let inherited = || is_nvim.then(|| std::env::var_os("NVIM").map(PathBuf::from)).flatten();
        Session {
            encoding: Encoding::pick(all.general.as_ref().and_then(|general| general.position_encodings.as_deref())),
            push_diagnostics: push,
            versioned_edits: workspace
                .and_then(|workspace| workspace.workspace_edit.as_ref())
                .and_then(|edit| edit.document_changes)
                .unwrap_or(false),
            apply_edit: workspace.and_then(|workspace| workspace.apply_edit).unwrap_or(false),
            only: options.only,
            compare: options.compare,
            progress: all.window.as_ref().and_then(|window| window.work_done_progress).unwrap_or(false),
            watch_files: workspace
                .and_then(|workspace| workspace.did_change_watched_files.as_ref())
                .and_then(|watch| watch.dynamic_registration)
                .unwrap_or(false),
            link_definitions: text
                .and_then(|text| text.definition.as_ref())
                .and_then(|definition| definition.link_support)
                .unwrap_or(false),
            nested_symbols: text
                .and_then(|text| text.document_symbol.as_ref())
                .and_then(|symbol| symbol.hierarchical_document_symbol_support)
                .unwrap_or(false),
            nvim: options.nvim.or_else(inherited),
        }
    }
}

/// What the server offers.
pub fn offered(session: &Session) -> ServerCapabilities {
    let all = all(session);
    let Some(part) = session.only else { return all };
    let with_links = part == Part::Notes;
    ServerCapabilities {
        position_encoding: all.position_encoding,
        text_document_sync: all.text_document_sync,
        completion_provider: all.completion_provider,
        hover_provider: all.hover_provider,
        definition_provider: all.definition_provider,
        references_provider: all.references_provider.filter(|_| with_links),
        rename_provider: all.rename_provider.filter(|_| with_links),
        code_action_provider: all.code_action_provider,
        diagnostic_provider: all.diagnostic_provider,
        execute_command_provider: all.execute_command_provider,
        ..ServerCapabilities::default()
    }
}

/// The commands that can be executed.
fn commands(session: &Session) -> Vec<String> {
    let fragments = fragments::Command::ALL.iter().map(|command| command.name());
    let others = Command::ALL.iter().map(|command| command.name()).chain([notes::RECALL, duck::COMMAND]);
    fragments.chain(others.filter(|_| session.only.is_none())).map(String::from).collect()
}

fn all(session: &Session) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(session.encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([":", " ", "{", "[", ".", "-", "$"].map(String::from).to_vec()),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::EMPTY]),
            ..CodeActionOptions::default()
        })),
        inlay_hint_provider: Some(OneOf::Left(true)),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        selection_range_provider: Some(SelectionRangeProviderCapability::Simple(true)),
        document_link_provider: Some(DocumentLinkOptions {
            resolve_provider: Some(false),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        }),
        document_formatting_provider: Some(OneOf::Left(true)),
        semantic_tokens_provider: Some(SemanticTokensServerCapabilities::SemanticTokensOptions(SemanticTokensOptions {
            legend: legend(),
            full: Some(SemanticTokensFullOptions::Bool(true)),
            range: Some(false),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        diagnostic_provider: (!session.push_diagnostics).then(|| {
            DiagnosticServerCapabilities::Options(DiagnosticOptions {
                identifier: Some("seed".into()),
                inter_file_dependencies: true,
                workspace_diagnostics: false,
                work_done_progress_options: WorkDoneProgressOptions::default(),
            })
        }),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: commands(session),
            work_done_progress_options: WorkDoneProgressOptions { work_done_progress: Some(true) },
        }),
        ..ServerCapabilities::default()
    }
}

/// The names of the kinds of words, in the order of their numbers.
fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend {
        token_types: TOKENS.iter().map(|(_, name)| name.clone()).collect(),
        token_modifiers: vec![SemanticTokenModifier::DEFINITION],
    }
}

const TOKENS: &[(tokens::Kind, SemanticTokenType)] = &[
    (tokens::Kind::Role, SemanticTokenType::CLASS),
    (tokens::Kind::Variable, SemanticTokenType::VARIABLE),
    (tokens::Kind::RoleType, SemanticTokenType::TYPE),
    (tokens::Kind::Output, SemanticTokenType::PROPERTY),
    (tokens::Kind::Keyword, SemanticTokenType::KEYWORD),
];

/// The number of a kind of word.
pub fn token_type(kind: tokens::Kind) -> u32 {
    TOKENS.iter().position(|(known, _)| *known == kind).map_or(0, |at| at as u32)
}
