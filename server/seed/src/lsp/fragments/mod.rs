//! Fragments in open texts of any language: asked of [`seed_ide::fragments`], and changed by edits that the editor makes.
//!
//! What was rendered last is noted in the project's `.seed/` when the text with the edit in it is saved, and not before: so that the
//! note agrees with the file, whatever becomes of the text until then (see [`pending`]).

mod command;
mod pending;
mod projects;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use seed_fragment::{Key, Take};
use seed_ide::fragments::{self, Finding, Open, has_markers};
use seed_role::trouble::Result as Told;
use seed_spec::{Severity, Source};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{Diagnostic, DiagnosticSeverity, NumberOrString, Position, Range, Uri};

use super::analyst::Why;
use super::ask::{aside, not_open};
use super::documents::path_of;
use super::encoding::Encoding;
use super::state::State;
pub use command::{Command, execute, to_command};
use pending::Pending;
pub use pending::note;
use projects::Projects;

/// What the server knows of fragments.
#[derive(Default)]
pub struct Fragments {
    projects: Projects,
    /// What is to be noted when a text is saved.
    pending: Mutex<HashMap<Uri, Vec<Pending>>>,
    /// What is being noted.
    noting: Mutex<Vec<JoinHandle<()>>>,
    /// Held by the one that notes at the moment.
    order: Mutex<()>,
    /// One command at a time: some look at a whole project, and must not take all threads.
    turn: tokio::sync::Mutex<()>,
}

impl Fragments {
    /// Waits until all that was saved is noted.
    pub fn settle(&self) {
        // Several may wait at once, so that none takes the threads away to join them.
        while self.is_noting() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// What was decided about clashes of a text, and is noted when it is saved.
    fn taken(&self, uri: &Uri) -> HashMap<Key, Take> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.get(uri).into_iter().flatten().filter(|one| one.is_in_text).flat_map(|one| one.taken.clone()).collect()
    }
}

/// A text of this moment, and how its places translate.
pub struct Asked<'a> {
    /// The text in its project.
    pub open: Open<'a>,
    /// What was decided about its clashes.
    pub taken: HashMap<Key, Take>,
    /// Its version.
    pub version: i32,
    source: &'a Source,
    encoding: Encoding,
}

impl Asked<'_> {
    /// The byte offset of a position.
    pub fn offset(&self, position: Position) -> usize {
        self.encoding.offset(self.source, position)
    }

    /// The range of some bytes.
    pub fn range(&self, bytes: std::ops::Range<usize>) -> Range {
        self.encoding.range(self.source, bytes)
    }

    /// All there is to say of its blocks.
    pub fn findings(&self) -> Vec<Finding> {
        fragments::findings(&self.open, &self.taken)
    }

    /// A finding as the protocol has it.
    pub fn diagnostic(&self, finding: Finding) -> Diagnostic {
        diagnostic(self.range(finding.range), finding.severity, finding.code.name(), finding.message)
    }
}

fn diagnostic(range: Range, severity: Severity, code: &str, message: String) -> Diagnostic {
    Diagnostic {
        range,
        severity: Some(match severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
            Severity::Info => DiagnosticSeverity::INFORMATION,
        }),
        code: Some(NumberOrString::String(code.into())),
        source: Some("seed".into()),
        message,
        ..Diagnostic::default()
    }
}

impl State {
    /// Asks about the fragments of a text as it is this moment. None of one that belongs to no file.
    fn ask_of_text<T>(
        &self,
        uri: &Uri,
        source: &Source,
        version: i32,
        question: impl FnOnce(&Asked<'_>) -> T,
    ) -> Option<Told<T>> {
        if uri.scheme().as_str() != "file" {
            return None;
        }
        let (taken, encoding) = (self.fragments.taken(uri), self.session().encoding);
        Some(self.fragments.projects.ask(&path_of(uri), |project, file| {
            let open = Open { project, file, text: source.text() };
            question(&Asked { open, taken, version, source, encoding })
        }))
    }

    /// Asks about the fragments of an open text, if `is_worth` says so of it, without waiting for anything.
    ///
    /// # Errors
    ///
    /// When the text is not open.
    pub async fn ask_of_fragments<T: Send + 'static>(
        self: &Arc<Self>,
        uri: &Uri,
        is_worth: impl FnOnce(&Source, Encoding) -> bool,
        question: impl FnOnce(&Asked<'_>) -> Option<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let (source, version) = {
            let documents = self.documents();
            let document = documents.get(uri).ok_or_else(|| not_open(uri))?;
            (document.source.clone(), document.version)
        };
        if !is_worth(&source, self.session().encoding) {
            return Ok(None);
        }
        let (state, uri) = (self.clone(), uri.clone());
        aside(move || state.ask_of_text(&uri, &source, version, question).and_then(Told::ok).flatten()).await
    }

    /// Asks about the marker at a position of an open text; none where there is none.
    ///
    /// # Errors
    ///
    /// When the text is not open.
    pub async fn ask_of_marker<T: Send + 'static>(
        self: &Arc<Self>,
        uri: &Uri,
        position: Position,
        question: impl FnOnce(&Asked<'_>, usize) -> Option<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let is_marker = move |source: &Source, encoding: Encoding| {
            fragments::is_marker_line(source.text(), encoding.offset(source, position))
        };
        self.ask_of_fragments(uri, is_marker, move |asked| question(asked, asked.offset(position))).await
    }

    /// What there is to say of the fragments of a text, as diagnostics.
    pub fn fragment_diagnostics(&self, uri: &Uri, source: &Source, version: i32) -> Vec<Diagnostic> {
        if !has_markers(source.text()) {
            return Vec::new();
        }
        let of_asked = |asked: &Asked<'_>| asked.findings().into_iter().map(|one| asked.diagnostic(one)).collect();
        match self.ask_of_text(uri, source, version, of_asked) {
            None => Vec::new(),
            Some(Ok(found)) => found,
            Some(Err(trouble)) => {
                let broken = fragments::Code::Broken.name();
                vec![diagnostic(Range::default(), Severity::Error, broken, trouble.to_string())]
            }
        }
    }

    /// Sees whether an open text has the edits that were given for it.
    pub fn see_edits(&self, uri: &Uri) {
        if self.fragments.waits_for(uri) {
            let text = self.documents().get(uri).map(|document| document.source.text().clone());
            self.fragments.see(uri, text.as_deref().unwrap_or_default());
        }
    }

    /// Has all open texts looked at again that hold markers: the fragments, or what is noted of them, may have changed.
    pub fn touch_fragments(&self) {
        let uris: Vec<Uri> = {
            let documents = self.documents();
            let holds = |uri: &&Uri| documents.get(uri).is_some_and(|document| has_markers(document.source.text()));
            documents.uris().filter(holds).cloned().collect()
        };
        for uri in uris {
            self.queue.push(uri, Why::Files);
        }
    }
}
