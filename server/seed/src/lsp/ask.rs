//! Asking [`seed_ide`]: a snapshot with what it takes to translate to and from the protocol.

use std::sync::Arc;

use seed_ide::Snapshot;
use seed_spec::{FileId, Span};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{Location, Position, Range, Uri};

use super::documents::{Analysed, path_of};
use super::encoding::Encoding;
use super::state::State;

/// A snapshot of an open spec, and how its places translate.
pub struct Ask {
    /// What is known.
    pub snapshot: Snapshot,
    /// The address of the spec.
    pub uri: Uri,
    /// Counts the analyses.
    pub number: u64,
    encoding: Encoding,
    /// The address of each file of the analysis, and the editor's number for its state if it is open.
    files: Vec<(Uri, Option<i32>)>,
}

impl Ask {
    /// Asks about a text with what is known of it or of an earlier state.
    pub fn new(state: &State, uri: &Uri, analysed: &Analysed, source: Arc<seed_spec::Source>) -> Ask {
        let documents = state.documents();
        let files = analysed.analysis.documents.iter().enumerate().map(|(number, file)| {
            let path = file.source.path();
            if number == 0 {
                return (uri.clone(), documents.get(uri).map(|open| open.version));
            }
            match documents.by_path(path) {
                Some((uri, open)) => (uri.clone(), Some(open.version)),
                None => (Uri::from_file_path(path).unwrap_or_else(|| uri.clone()), None),
            }
        });
        let catalog = analysed.analysis.catalog(FileId(0)).unwrap_or(&state.catalog).clone();
        Ask {
            files: files.collect(),
            snapshot: Snapshot { source, analysis: analysed.analysis.clone(), catalog },
            uri: uri.clone(),
            number: analysed.number,
            encoding: state.session().encoding,
        }
    }

    /// The address of a file.
    pub fn uri(&self, file: FileId) -> Option<&Uri> {
        if file == FileId(0) {
            return Some(&self.uri);
        }
        self.files.get(file.0 as usize).map(|(uri, _)| uri)
    }

    /// The editor's number for the state of a file, if it is open.
    pub fn version(&self, file: FileId) -> Option<i32> {
        self.files.get(file.0 as usize).and_then(|(_, version)| *version)
    }

    /// The file of the spec that has an address.
    fn file(&self, uri: &Uri) -> Option<FileId> {
        self.files.iter().position(|(known, _)| known == uri).and_then(|at| u32::try_from(at).ok()).map(FileId)
    }

    /// The byte offset of a position in the spec.
    pub fn offset(&self, position: Position) -> usize {
        self.encoding.offset(&self.snapshot.source, position)
    }

    /// The byte offset of a position in one of the files of the spec.
    pub fn offset_in(&self, file: FileId, position: Position) -> usize {
        self.encoding.offset(self.snapshot.file(file), position)
    }

    /// The position of a byte offset in the spec.
    pub fn position(&self, offset: usize) -> Position {
        self.encoding.position(&self.snapshot.source, offset)
    }

    /// The range of a span of any file.
    pub fn range(&self, span: Span) -> Range {
        let source = if span.file == FileId(0) { &self.snapshot.source } else { self.snapshot.file(span.file) };
        self.encoding.range(source, span.range())
    }

    /// The place of a span of any file.
    pub fn location(&self, span: Span) -> Option<Location> {
        Some(Location { uri: self.uri(span.file)?.clone(), range: self.range(span) })
    }
}

impl State {
    /// Asks about a spec as the editor shows it at this moment, once that state is analysed. Of a text that is no spec there is
    /// nothing to say.
    ///
    /// # Errors
    ///
    /// When the text is not open, or changes meanwhile: then the editor asks again.
    pub async fn ask<T: Default + Send + 'static>(
        self: &Arc<Self>,
        uri: &Uri,
        question: impl FnOnce(&Ask) -> T + Send + 'static,
    ) -> Result<T> {
        if !self.is_spec(uri)? {
            return Ok(T::default());
        }
        self.ask_of_any(uri, question).await
    }

    /// Asks about a text, be it a spec or not, as [`State::ask`] does.
    ///
    /// # Errors
    ///
    /// As [`State::ask`].
    pub async fn ask_of_any<T: Send + 'static>(
        self: &Arc<Self>,
        uri: &Uri,
        question: impl FnOnce(&Ask) -> T + Send + 'static,
    ) -> Result<T> {
        let (wanted, mut analysed) = {
            let documents = self.documents();
            let document = documents.get(uri).ok_or_else(|| not_open(uri))?;
            (document.state, document.analysed.subscribe())
        };
        let answer = analysed.wait_for(|analysed| analysed.as_ref().is_some_and(|known| known.state >= wanted));
        // The sender is dropped when the text is closed.
        let analysed = answer.await.map_err(|_| Error::content_modified())?.clone();
        let analysed = analysed.filter(|known| known.state == wanted).ok_or_else(Error::content_modified)?;
        let ask = Ask::new(self, uri, &analysed, analysed.source.clone());
        aside(move || question(&ask)).await
    }

    /// Asks about a file: as the spec that it is, and as a part of each open spec that includes it.
    ///
    /// # Errors
    ///
    /// As [`State::ask`], for any of them.
    pub async fn ask_with_including<T: Default + Send + 'static>(
        self: &Arc<Self>,
        uri: &Uri,
        question: impl Fn(&Ask, FileId) -> T + Send + Sync + 'static,
    ) -> Result<Vec<T>> {
        let question = Arc::new(question);
        let own = question.clone();
        let mut answers = vec![self.ask(uri, move |ask| own(ask, FileId(0))).await?];
        let including = self.documents().that_include(&path_of(uri));
        for spec in including.into_iter().filter(|spec| spec != uri) {
            let (question, part) = (question.clone(), uri.clone());
            answers.extend(self.ask(&spec, move |ask| ask.file(&part).map(|file| question(ask, file))).await?);
        }
        Ok(answers)
    }

    /// Asks about the text as it is this moment, with what is known so far, without waiting for more.
    ///
    /// # Errors
    ///
    /// When the text is not open.
    pub async fn ask_at_once<T: Default + Send + 'static>(
        self: &Arc<Self>,
        uri: &Uri,
        question: impl FnOnce(&Ask) -> T + Send + 'static,
    ) -> Result<T> {
        let (source, analysed) = {
            let documents = self.documents();
            let document = documents.get(uri).ok_or_else(|| not_open(uri))?;
            if !document.is_spec {
                return Ok(T::default());
            }
            (document.source.clone(), document.analysed.borrow().clone())
        };
        let analysed = analysed.unwrap_or_else(|| Arc::new(Analysed::nothing(source.clone())));
        let ask = Ask::new(self, uri, &analysed, source);
        aside(move || question(&ask)).await
    }
}

impl State {
    fn is_spec(&self, uri: &Uri) -> Result<bool> {
        self.documents().get(uri).map(|document| document.is_spec).ok_or_else(|| not_open(uri))
    }
}

/// Computes on another thread. A panic becomes an error of this one request; a cancelled request leaves the
/// computation behind, which only reads.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a request panicked");
        Error::internal_error()
    })
}

/// What is answered about a text that is not open.
pub fn not_open(uri: &Uri) -> Error {
    Error::invalid_params(format!("{} is not open", uri.as_str()))
}
