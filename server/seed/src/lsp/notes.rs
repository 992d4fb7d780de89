//! Notes and other Markdown: what `[[links]]` lead to, answered from the project's index (see [`seed_knowledge`]).
//!
//! The index is read when it is first asked for, and looked after at most once in a while: never while a text is only typed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seed_engine::journal;
use seed_knowledge::index::{Index, project_of};
use seed_knowledge::links::{self, Spot};
use seed_knowledge::section::Kind;
use seed_knowledge::source::markdown::{self, Link, slug};
use seed_knowledge::words::name_of;
use seed_spec::Source;
use serde_json::{Value as Json, json};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionTextEdit, ExecuteCommandParams, LSPAny, Location, Position,
    Range, TextEdit, Uri,
};

use super::ask::{aside, not_open};
use super::documents::path_of;
use super::encoding::Encoding;
use super::files::on_disk;
use super::state::State;
use super::to_lsp::FileEdit;

/// The command that finds what was written about something.
pub const RECALL: &str = "seed.recall";

/// For how long the files of a project count as looked at.
const FRESH: Duration = Duration::from_secs(2);
/// The most projects that are kept.
const MOST: usize = 4;

/// The indexes of the projects that were asked about.
#[derive(Default)]
pub struct Notes {
    kept: Mutex<HashMap<PathBuf, (Instant, Index)>>,
}

impl Notes {
    /// Asks the index of the project that a file is in. `is_new` has its files looked at first, however lately that was done.
    fn ask<T>(&self, path: &Path, is_new: bool, question: impl FnOnce(&Index) -> T) -> Option<T> {
        let start = path.ancestors().find(|folder| folder.exists())?;
        let root = project_of(start).ok()?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST && !kept.contains_key(&root) {
            kept.clear();
        }
        let known = kept.remove(&root);
        let (mut seen, mut index) = match known {
            Some((seen, index)) => (Some(seen), index),
            None => (None, Index::open(&root, &journal::state_folder())),
        };
        if is_new || seen.is_none_or(|seen| seen.elapsed() > FRESH) {
            if let Err(trouble) = index.refresh() {
                tracing::warn!(%trouble, "cannot write the index");
            }
            seen = Some(Instant::now());
        }
        let answer = question(&index);
        kept.insert(root, (seen.unwrap_or_else(Instant::now), index));
        Some(answer)
    }

    /// For each of some roles of a spec, how many notes link to it.
    pub fn counts(&self, spec: &Path, roles: &[String]) -> Vec<usize> {
        let counts = self.ask(spec, false, |index| {
            let file = relative(index, spec);
            roles.iter().map(|role| index.notes_about(&file, role).len()).collect()
        });
        counts.unwrap_or_default()
    }
}

/// The path of a file in its project.
fn relative(index: &Index, path: &Path) -> String {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    real.strip_prefix(index.root()).unwrap_or(&real).to_string_lossy().into_owned()
}

/// A page as the editor shows it.
struct Page {
    path: PathBuf,
    source: Arc<Source>,
    encoding: Encoding,
}

impl Page {
    fn range(&self, bytes: std::ops::Range<usize>) -> Range {
        self.encoding.range(&self.source, bytes)
    }
}

impl State {
    /// An open page of Markdown; none for any other text.
    fn page(&self, uri: &Uri) -> Result<Option<Page>> {
        let documents = self.documents();
        let document = documents.get(uri).ok_or_else(|| not_open(uri))?;
        if !document.is_page {
            return Ok(None);
        }
        let (path, source) = (document.path.clone(), document.source.clone());
        Ok(Some(Page { path, source, encoding: self.session().encoding }))
    }

    /// Asks about a place in a page; none for any other text.
    async fn ask_of_page<T: Send + 'static>(
        self: &Arc<Self>,
        uri: &Uri,
        position: Position,
        question: impl FnOnce(&State, &Page, usize) -> Option<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let Some(page) = self.page(uri)? else { return Ok(None) };
        let state = self.clone();
        aside(move || {
            let offset = page.encoding.offset(&page.source, position);
            question(&state, &page, offset)
        })
        .await
    }

    /// What can stand in the `[[link]]` that is typed.
    pub async fn complete_link(self: &Arc<Self>, uri: &Uri, position: Position) -> Result<Option<CompletionList>> {
        let found = self.ask_of_page(uri, position, |state, page, offset| {
            let (start, is_closed) = links::typed(page.source.text(), offset)?;
            let range = page.range(start..offset);
            let item = |target: links::Target| CompletionItem {
                kind: Some(match target.kind {
                    Kind::Role | Kind::Composite | Kind::Spec => CompletionItemKind::CLASS,
                    _ => CompletionItemKind::REFERENCE,
                }),
                detail: Some(format!("{} {}", target.kind.word(), target.path.display())),
                text_edit: Some(CompletionTextEdit::Edit(TextEdit {
                    range,
                    new_text: if is_closed { target.name.clone() } else { format!("{}]]", target.name) },
                })),
                filter_text: Some(target.name.clone()),
                label: target.name,
                ..CompletionItem::default()
            };
            let mut targets = state.notes.ask(&page.path, true, Index::targets)?;
            targets.dedup_by(|one, other| one.name == other.name);
            Some(CompletionList { is_incomplete: false, items: targets.into_iter().map(item).collect() })
        });
        found.await
    }

    /// Where the link at a place leads.
    pub async fn link_target(self: &Arc<Self>, uri: &Uri, position: Position) -> Result<Option<Vec<Location>>> {
        let found = self.ask_of_page(uri, position, |state, page, offset| {
            state.notes.ask(&page.path, true, |index| {
                let spot = links::spot(&relative(index, &page.path), page.source.text(), offset)?;
                let Spot::Link(_, name) = spot else { return None };
                let place = |(path, line): (PathBuf, u32)| {
                    let at = Position { line: line.saturating_sub(1), character: 0 };
                    Some(Location { uri: Uri::from_file_path(index.root().join(path))?, range: Range { start: at, end: at } })
                };
                Some(index.places(&name).into_iter().filter_map(place).collect())
            })?
        });
        found.await
    }

    /// All links to what stands at a place: to a heading, or where the link there leads.
    pub async fn link_references(self: &Arc<Self>, uri: &Uri, position: Position) -> Result<Option<Vec<Location>>> {
        let found = self.ask_of_page(uri, position, |state, page, offset| {
            let uses = state.uses(page, offset)?;
            Some(uses.links.into_iter().map(|(uri, source, link)| state.location(uri, &source, &link)).collect())
        });
        found.await
    }

    fn location(&self, uri: Uri, source: &Source, link: &Link) -> Location {
        Location { uri, range: self.session().encoding.range(source, link.range.clone()) }
    }

    /// The text of a file of a project: the editor's where it is open.
    fn text_at(&self, path: &Path) -> Option<(Uri, Option<i32>, Arc<Source>)> {
        if let Some((uri, document)) = self.documents().by_path(path) {
            return Some((uri.clone(), Some(document.version), document.source.clone()));
        }
        let text = String::from_utf8(on_disk(path)?).ok()?;
        Some((Uri::from_file_path(path)?, None, Arc::new(Source::new(path, text))))
    }

    /// What can be renamed at a place of a page: a heading, by itself or by a link to it.
    pub async fn renamed_in_page(self: &Arc<Self>, uri: &Uri, position: Position) -> Result<Option<(Range, String)>> {
        let found = self.ask_of_page(uri, position, |state, page, offset| {
            let uses = state.uses(page, offset)?;
            let (path, heading) = uses.heading?;
            let is_here = path == page.path;
            match links::spot("", page.source.text(), offset) {
                Some(Spot::Heading(own, _)) if is_here => Some((page.range(words_of(page.source.text(), &own)), own.text)),
                Some(Spot::Link(link, _)) if link.is_wiki => {
                    let start = link.range.start + 2;
                    Some((page.range(start..start + link.target.len()), heading.text))
                }
                _ => None,
            }
        });
        found.await
    }

    /// The edits that give a heading other words, and all links to it with it; none for a text that is no page.
    pub async fn rename_in_page(self: &Arc<Self>, uri: &Uri, position: Position, name: String) -> Result<Option<Vec<FileEdit>>> {
        if self.page(uri)?.is_none() {
            return Ok(None);
        }
        let words = name.trim().to_string();
        if words.is_empty() || words.contains(['\n', '[', ']', '|', '#']) {
            return Err(Error::invalid_params(format!("`{words}` is not a valid heading for links")));
        }
        let found = self.ask_of_page(uri, position, move |state, page, offset| {
            let uses = state.uses(page, offset)?;
            let (path, heading) = uses.heading?;
            let encoding = state.session().encoding;
            let (uri, version, source) = state.text_at(&path)?;
            let range = encoding.range(&source, words_of(source.text(), &heading));
            let mut edits = vec![FileEdit { uri, version, edit: TextEdit { range, new_text: words.clone() } }];
            let (old, old_slug) = (name_of(&heading.text), slug(&heading.text));
            for (uri, source, link) in uses.links {
                let text = &source.text()[link.range.clone()];
                let (from, to) = if link.is_wiki { (&link.target, words.clone()) } else { (&old_slug, slug(&words)) };
                // A link by the name of the file stays as it is.
                let is_by_words = !link.is_wiki || name_of(&link.target) == old;
                let Some(at) = text.rfind(from.as_str()).filter(|_| is_by_words && !from.is_empty()) else { continue };
                let start = link.range.start + at;
                let range = encoding.range(&source, start..start + from.len());
                let version = state.documents().get(&uri).map(|document| document.version);
                edits.push(FileEdit { uri, version, edit: TextEdit { range, new_text: to } });
            }
            Some(edits)
        });
        match found.await? {
            Some(edits) => Ok(Some(edits)),
            None => Err(Error::invalid_params("only Markdown headings can be renamed here; rename a role in its spec")),
        }
    }

    /// What stands at a place, and all links to it.
    fn uses(&self, page: &Page, offset: usize) -> Option<Uses> {
        self.notes.ask(&page.path, true, |index| {
            let spot = links::spot(&relative(index, &page.path), page.source.text(), offset)?;
            let (names, heading) = match spot {
                Spot::Heading(heading, names) => (names, Some((page.path.clone(), heading))),
                Spot::Link(_, name) => self.behind(index, &name),
            };
            let mut files: Vec<PathBuf> = names.iter().flat_map(|name| index.linking(name)).map(|(path, _)| path).collect();
            files.sort();
            files.dedup();
            let mut links = Vec::new();
            for file in files {
                let Some((uri, _, source)) = self.text_at(&index.root().join(&file)) else { continue };
                let found = links::links_to(&file.to_string_lossy(), source.text(), &names);
                links.extend(found.into_iter().map(|link| (uri.clone(), source.clone(), link)));
            }
            Some(Uses { heading, links })
        })?
    }

    /// All names of what a name leads to, and the heading that it is, if it is one.
    fn behind(&self, index: &Index, name: &str) -> (Vec<String>, Option<(PathBuf, markdown::Heading)>) {
        let places = index.places(name);
        let [(file, line)] = places.as_slice() else { return (vec![name.to_string()], None) };
        let path = index.root().join(file);
        let is_page = path.extension().is_some_and(|ending| ending == "md" || ending == "markdown");
        let found = Some(&path).filter(|_| is_page).and_then(|path| self.text_at(path)).and_then(|(_, _, source)| {
            let headings = markdown::page(source.text()).headings.into_iter().enumerate();
            let is_it = |heading: &markdown::Heading| source.line_of(heading.range.start) + 1 == *line as usize;
            headings.into_iter().find(|(_, heading)| is_it(heading))
        });
        match found {
            Some((nth, heading)) => (links::names_of(&file.to_string_lossy(), &heading.text, nth == 0), Some((path, heading))),
            None => (vec![name.to_string()], None),
        }
    }
}

/// What is named somewhere, and by whom.
struct Uses {
    heading: Option<(PathBuf, markdown::Heading)>,
    links: Vec<(Uri, Arc<Source>, Link)>,
}

/// The bytes of a heading's words, without its marks.
fn words_of(text: &str, heading: &markdown::Heading) -> std::ops::Range<usize> {
    let line = text[heading.range.clone()].lines().next().unwrap_or_default();
    let front = line.len() - line.trim_start_matches(['#', ' ', '\t']).len();
    let words = line[front..].trim_end_matches(['#', ' ', '\t']);
    heading.range.start + front..heading.range.start + front + words.len()
}

/// What [`RECALL`] is given.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argument {
    /// What is looked for.
    query: String,
    /// A file of the project.
    uri: Uri,
    /// How many hits are wanted.
    #[serde(default = "ten")]
    limit: usize,
}

fn ten() -> usize {
    10
}

/// Finds what was written about something: `{"hits": […], "root": …}`.
///
/// # Errors
///
/// When the argument makes no sense, in words.
pub async fn recall(state: &Arc<State>, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
    let argument = params.arguments.into_iter().next().unwrap_or(Json::Null);
    let argument: Argument =
        serde_json::from_value(argument).map_err(|error| Error::invalid_params(format!("the argument of {RECALL}: {error}")))?;
    let state = state.clone();
    aside(move || {
        state.notes.ask(
            &path_of(&argument.uri),
            true,
            |index| json!({ "hits": index.recall(&argument.query, argument.limit), "root": index.root() }),
        )
    })
    .await
}
