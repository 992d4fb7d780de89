//! `seed.fragment.*`: what a person asks for about the fragments of an open text. The edits go to the editor, with the version of
//! the text that they were made for; nothing writes to a file that the editor shows.

use std::sync::Arc;

use seed_fragment::embed::Comment;
use seed_fragment::{Embedding, Item, Key, Project, Take};
use seed_ide::fragments::actions::{Offer, Work, block_at, blocks_in};
use seed_ide::fragments::{Change, NewFragment, Open, Wish, change, home_of, items, sides};
use seed_role::trouble::Result as Told;
use serde_json::{Value as Json, json};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{Command as LspCommand, ExecuteCommandParams, LSPAny, MessageType, TextEdit, Uri, WorkspaceEdit};

use super::pending;
use crate::lsp::ask::aside;
use crate::lsp::documents::path_of;
use crate::lsp::files::on_disk;
use crate::lsp::state::State;
use crate::lsp::to_lsp::{FileEdit, workspace_edit};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// How the blocks stand.
    Status,
    /// Render again, and merge.
    Update,
    /// Settle clashes, and copies.
    Resolve,
    /// Take the markers away.
    Detach,
    /// Embed a fragment, or make a new one.
    Add,
}

impl Command {
    /// All of them.
    pub const ALL: [Command; 5] = [Command::Status, Command::Update, Command::Resolve, Command::Detach, Command::Add];

    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Command::Status => "seed.fragment.status",
            Command::Update => "seed.fragment.update",
            Command::Resolve => "seed.fragment.resolve",
            Command::Detach => "seed.fragment.detach",
            Command::Add => "seed.fragment.add",
        }
    }
}

/// What an editor does that says it can: it asks for the sides of a block, by its status, and shows them beside one another.
const COMPARE: &str = "seed.fragment.diff";

/// What a command is given. Lines are counted from 0.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argument {
    /// The text.
    uri: Uri,
    /// The version of it that the user has seen.
    #[serde(default)]
    version: Option<i32>,
    /// The block, as NAME#INSTANCE.
    #[serde(default)]
    block: Option<String>,
    /// The first and the last line that are meant.
    #[serde(default)]
    lines: Option<(usize, usize)>,
    /// How a clash is settled.
    #[serde(default)]
    take: Option<How>,
    /// What is embedded.
    #[serde(default)]
    fragment: Option<String>,
    /// Its parameters, as pairs of name and value.
    #[serde(default)]
    parameters: Vec<(String, String)>,
    /// The file in `fragments/` that the lines become.
    #[serde(default)]
    new: Option<String>,
    /// How a line becomes a comment: `<!-- %s -->`.
    #[serde(default)]
    comment: Option<String>,
    /// The whole project, and not only this text.
    #[serde(default)]
    all: bool,
    /// Whether the editor is asked to make the edit; otherwise it is in the answer.
    #[serde(default = "yes")]
    apply: bool,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
enum How {
    Mine,
    Theirs,
    Markers,
    NewInstance,
}

/// Does what a command asks for.
///
/// # Errors
///
/// Why it cannot be done, in words; then nothing is changed.
pub async fn execute(state: &Arc<State>, command: Command, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
    let argument = params.arguments.into_iter().next();
    let argument = argument.ok_or_else(|| Error::invalid_params(format!("{} needs an argument: {{uri, …}}", command.name())))?;
    let argument: Argument = serde_json::from_value(argument)
        .map_err(|error| Error::invalid_params(format!("the argument of {}: {error}", command.name())))?;
    if argument.uri.scheme().as_str() != "file" {
        return Err(Error::invalid_params(format!("{} is not a file; save it first", argument.uri.as_str())));
    }
    let _turn = state.fragments.turn.lock().await;
    let shared = state.clone();
    let done = aside(move || {
        // What was saved before this was asked counts.
        shared.fragments.settle();
        match command {
            Command::Status => status(&shared, &argument).map(|answer| (answer, None)),
            _ => edit(&shared, command, &argument),
        }
    });
    let (answer, edit) = done.await?.map_err(Error::invalid_params)?;
    if let Some(edit) = edit {
        let state = state.clone();
        // Not waited for: a handler that waits for the editor would hold its place for ever.
        tokio::spawn(async move {
            let words = match state.client.apply_edit(edit).await {
                Ok(answer) if answer.applied => return,
                Ok(answer) => answer.failure_reason.unwrap_or_else(|| "the text has changed; try again".into()),
                Err(error) => error.to_string(),
            };
            state.client.show_message(MessageType::WARNING, format!("Seed: the editor refused the edit: {words}")).await;
        });
    }
    Ok(Some(answer))
}

type Answer = std::result::Result<(Json, Option<WorkspaceEdit>), String>;

/// How the blocks of a text, or of its whole project, stand; of one named, also its three sides.
fn status(state: &State, argument: &Argument) -> std::result::Result<Json, String> {
    let path = path_of(&argument.uri);
    let words = |trouble: seed_role::Trouble| trouble.to_string();
    if argument.all {
        let (root, _) = home_of(&path).map_err(words)?;
        let report = Project::open(&root).and_then(|project| project.status(&[])).map_err(words)?;
        let mut all = report.items;
        for (uri, text) in state.texts() {
            // An open text stands for its file.
            let of_text = state.fragments.projects.ask(&path_of(&uri), |project, file| {
                (project.root == root).then(|| (file.to_path_buf(), items_of(state, &uri, &Open { project, file, text: &text })))
            });
            if let Ok(Some((file, of_text))) = of_text {
                all.retain(|item| item.file != file);
                all.extend(of_text);
            }
        }
        all.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        return Ok(json!({ "items": all, "notes": report.notes }));
    }
    let (text, version) = state.text_of(&argument.uri)?;
    let answer = state.fragments.projects.ask(&path, |project, file| {
        let open = Open { project, file, text: &text };
        let mut found = items_of(state, &argument.uri, &open);
        let mut answer = json!({ "version": version, "notes": [], "fragments": known(project) });
        let meant = match (&argument.block, argument.lines) {
            (None, None) => None,
            _ => Some(argument.keys(&open)?),
        };
        if let Some(keys) = &meant {
            found.retain(|item| keys.iter().any(|key| key.fragment == item.fragment && key.instance == item.instance));
            if let [key] = keys.as_slice() {
                answer["sides"] = json!(sides(&open, key).map_err(words)?);
            }
        }
        answer["items"] = json!(found);
        Ok(answer)
    });
    answer.map_err(words)?
}

/// The fragments of a project, with the names of their parameters.
fn known(project: &Project) -> Vec<Json> {
    let one = |name: String| {
        let found = project.library.get(&name).ok().flatten();
        let parameters: Vec<&String> = found.iter().flat_map(|fragment| fragment.parameters.keys()).collect();
        let about = found.as_ref().map(|fragment| fragment.about.as_str()).unwrap_or_default();
        json!({ "name": name, "about": about, "parameters": parameters })
    };
    project.library.names().into_iter().map(one).collect()
}

fn items_of(state: &State, uri: &Uri, open: &Open<'_>) -> Vec<Item> {
    items(open, &state.fragments.taken(uri))
}

impl Argument {
    /// The blocks that are meant: the one named, all in a range of lines, the innermost at one line.
    fn keys(&self, open: &Open<'_>) -> std::result::Result<Vec<Key>, String> {
        if let Some(block) = &self.block {
            return Key::parse(block).map(|key| vec![key]).ok_or_else(|| format!("`{block}` is not NAME#INSTANCE"));
        }
        Ok(self.blocks(open)?.into_iter().map(|(key, _)| key).collect())
    }

    /// The same by lines alone, with those on which they begin, counted from 1.
    fn blocks(&self, open: &Open<'_>) -> std::result::Result<Vec<(Key, usize)>, String> {
        let (first, last) = self.lines.ok_or("name a block or give lines")?;
        let found = match first == last {
            true => block_at(open.text, first + 1).into_iter().collect(),
            false => blocks_in(open.text, first + 1..last + 2),
        };
        if found.is_empty() { Err(format!("no fragment is embedded at line {}", first + 1)) } else { Ok(found) }
    }

    fn wish(&self, command: Command, open: &Open<'_>) -> std::result::Result<Wish, String> {
        let comment = match &self.comment {
            Some(pattern) => Some(Comment::from_pattern(pattern).ok_or_else(|| format!("the comment `{pattern}` has no %s"))?),
            None => None,
        };
        Ok(match command {
            Command::Update if self.block.is_none() && self.lines.is_none() => Wish::Update(None),
            Command::Update => Wish::Update(Some(self.keys(open)?)),
            Command::Detach => Wish::Detach(self.keys(open)?),
            Command::Resolve => match self.take.ok_or("take must be mine, theirs, markers or newInstance")? {
                How::Mine => Wish::Take(self.keys(open)?, Take::Mine),
                How::Theirs => Wish::Take(self.keys(open)?, Take::Theirs),
                How::Markers => Wish::Take(self.keys(open)?, Take::Markers),
                How::NewInstance => Wish::Renew(self.blocks(open)?.into_iter().map(|(_, line)| line).collect()),
            },
            Command::Add => match (&self.fragment, &self.new) {
                (Some(fragment), None) => Wish::Embed(Embedding {
                    fragment: fragment.clone(),
                    params: self.parameters.clone(),
                    line: self.lines.map(|(first, _)| first + 1),
                    comment,
                    ..Embedding::default()
                }),
                (None, Some(file)) => {
                    let (first, last) = self.lines.ok_or("give the lines of the new fragment")?;
                    Wish::Create(NewFragment { file: file.clone(), lines: first..last + 1, comment })
                }
                _ => return Err("give either fragment or new".into()),
            },
            Command::Status => return Err("it changes nothing".into()),
        })
    }
}

/// Works a change out, and remembers what is to be noted of it.
fn edit(state: &Arc<State>, command: Command, argument: &Argument) -> Answer {
    let uri = &argument.uri;
    let (text, version) = state.text_of(uri)?;
    if let Some(seen) = argument.version.filter(|seen| *seen != version) {
        return Err(format!(
            "the text has changed: it is at version {version}, but the request is for version {seen}; try again"
        ));
    }
    let wished = state.fragments.projects.ask(&path_of(uri), |project, file| {
        let open = Open { project, file, text: &text };
        let wish = argument.wish(command, &open)?;
        let changed: Told<Change> = change(&open, &wish);
        changed.map_err(|trouble| trouble.to_string())
    });
    let changed = wished.map_err(|trouble| trouble.to_string())??;
    state.fragments.remember(uri, &text, &changed);
    let is_same = changed.edits.is_empty();
    if is_same {
        // Nothing will be saved for it: what is on the disk has it already.
        let is_saved = on_disk(&path_of(uri)).is_some_and(|bytes| seed_fragment::holds(&bytes, &text));
        if is_saved {
            pending::note(state, uri);
            state.fragments.settle();
        }
        state.touch_fragments();
    }
    let source = seed_spec::Source::new(path_of(uri), &*text);
    let encoding = state.session().encoding;
    let edits = changed.edits.iter().map(|edit| FileEdit {
        uri: uri.clone(),
        version: Some(version),
        edit: TextEdit { range: encoding.range(&source, edit.range.clone()), new_text: edit.text.clone() },
    });
    let edit = (!is_same).then(|| workspace_edit(state, edits.collect()));
    let mut answer = json!({ "version": version, "items": changed.items, "notes": changed.notes, "changed": !is_same });
    if argument.apply && state.session().apply_edit {
        return Ok((answer, edit));
    }
    answer["edit"] = json!(edit);
    Ok((answer, None))
}

impl State {
    /// The text of an open document, and its version.
    fn text_of(&self, uri: &Uri) -> std::result::Result<(Arc<str>, i32), String> {
        let documents = self.documents();
        let document = documents.get(uri).ok_or_else(|| {
            format!("{} is not open in the editor; `seed fragment` changes files on the disk", path_of(uri).display())
        })?;
        Ok((document.source.text().clone(), document.version))
    }

    /// All open texts of files.
    fn texts(&self) -> Vec<(Uri, Arc<str>)> {
        let documents = self.documents();
        let text = |uri: &Uri| Some((uri.clone(), documents.get(uri)?.source.text().clone()));
        documents.uris().filter(|uri| uri.scheme().as_str() == "file").filter_map(text).collect()
    }
}

/// The command behind an offer, for the version of the text that it was made for.
pub fn to_command(uri: &Uri, version: i32, offer: &Offer) -> LspCommand {
    let (command, what) = match &offer.work {
        Work::Update(key) => (Command::Update.name(), json!({ "block": key.to_string() })),
        Work::UpdateAll => (Command::Update.name(), json!({})),
        Work::Take(key, take) => {
            let take = match take {
                Take::Mine => "mine",
                Take::Theirs => "theirs",
                Take::Markers => "markers",
            };
            (Command::Resolve.name(), json!({ "block": key.to_string(), "take": take }))
        }
        Work::Renew(line) => (Command::Resolve.name(), json!({ "lines": [line - 1, line - 1], "take": "newInstance" })),
        Work::Compare(key) => (COMPARE, json!({ "block": key.to_string() })),
        Work::Detach(key) => (Command::Detach.name(), json!({ "block": key.to_string() })),
        Work::Embed(name, line) => (Command::Add.name(), json!({ "fragment": name, "lines": [line - 1, line - 1] })),
    };
    let mut argument = what;
    argument["uri"] = json!(uri);
    argument["version"] = json!(version);
    LspCommand { title: offer.title.clone(), command: command.into(), arguments: Some(vec![argument]) }
}
