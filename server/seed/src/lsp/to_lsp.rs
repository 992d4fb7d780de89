//! What [`seed_ide`] answers, as the protocol has it.

use std::collections::HashMap;

use seed_ide::lenses::{Job, Work};
use seed_spec::diagnostic::Edit;
use tower_lsp::ls_types::{
    Command as LspCommand, DocumentChanges, OneOf, OptionalVersionedTextDocumentIdentifier, TextDocumentEdit, TextEdit, Uri,
    WorkspaceEdit,
};

use super::ask::Ask;
use super::jobs::Command;
use super::state::State;

/// An edit of one file.
pub fn text_edit(ask: &Ask, edit: &Edit) -> TextEdit {
    TextEdit { range: ask.range(edit.span), new_text: edit.text.clone() }
}

/// An edit, and the file it is for.
pub struct FileEdit {
    /// The file.
    pub uri: Uri,
    /// The state of the file that it was made for, if it is open.
    pub version: Option<i32>,
    /// The edit.
    pub edit: TextEdit,
}

/// Edits of the files of the asked spec.
pub fn file_edits(ask: &Ask, edits: &[Edit]) -> Vec<FileEdit> {
    let place = |edit: &Edit| {
        let uri = ask.uri(edit.span.file)?.clone();
        Some(FileEdit { uri, version: ask.version(edit.span.file), edit: text_edit(ask, edit) })
    };
    edits.iter().filter_map(place).collect()
}

/// Edits of several files, each edit once. They carry the versions they were made for, where the editor can check them.
pub fn workspace_edit(state: &State, edits: Vec<FileEdit>) -> WorkspaceEdit {
    let mut files: Vec<(Uri, Option<i32>, Vec<TextEdit>)> = Vec::new();
    for FileEdit { uri, version, edit } in edits {
        match files.iter_mut().find(|(known, _, _)| *known == uri) {
            Some((_, _, known)) if known.contains(&edit) => {}
            Some((_, _, known)) => known.push(edit),
            None => files.push((uri, version, vec![edit])),
        }
    }
    if state.session().versioned_edits {
        let edits = files.into_iter().map(|(uri, version, edits)| TextDocumentEdit {
            text_document: OptionalVersionedTextDocumentIdentifier { uri, version },
            edits: edits.into_iter().map(OneOf::Left).collect(),
        });
        return WorkspaceEdit { document_changes: Some(DocumentChanges::Edits(edits.collect())), ..WorkspaceEdit::default() };
    }
    let changes: HashMap<_, _> = files.into_iter().map(|(uri, _, edits)| (uri, edits)).collect();
    WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
}

/// A command that starts a job about the asked spec.
pub fn command(ask: &Ask, title: String, job: &Job) -> LspCommand {
    let (command, state) = match job.what {
        Work::Plan => (Command::Plan, None),
        Work::Apply(state) => (Command::Apply, Some(state)),
        Work::Info => (Command::Info, None),
    };
    let mut argument = serde_json::json!({ "uri": ask.uri });
    if !job.roles.is_empty() {
        argument["roles"] = serde_json::json!(job.roles);
    }
    if let Some(state) = state {
        argument["state"] = serde_json::json!(state);
    }
    LspCommand { title, command: command.name().into(), arguments: Some(vec![argument]) }
}
