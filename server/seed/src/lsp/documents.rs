//! The one owner of the open texts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_spec::{Analysis, SPEC_ENDINGS, Source};
use tokio::sync::watch;
use tower_lsp::ls_types::{TextDocumentContentChangeEvent, Uri};

use super::encoding::Encoding;
use super::text::Text;

/// What became known of a text.
#[derive(Debug)]
pub struct Analysed {
    /// The text.
    pub source: Arc<Source>,
    /// The editor's number for it.
    pub version: i32,
    /// Counts the states of the document.
    pub state: u64,
    /// What is known of it.
    pub analysis: Arc<Analysis>,
    /// The other files that were asked for, had or not.
    pub asked: Vec<PathBuf>,
    /// Counts the analyses of this server.
    pub number: u64,
}

impl Analysed {
    /// Nothing, about a text that is still to be analysed.
    pub fn nothing(source: Arc<Source>) -> Self {
        Analysed { source, version: 0, state: 0, analysis: Arc::default(), asked: Vec::new(), number: 0 }
    }
}

/// An open text.
#[derive(Debug)]
pub struct Document {
    /// Where it belongs on disk; its address where it belongs nowhere.
    pub path: PathBuf,
    /// Whether it is a spec, or a file of a composite role; anything else is only looked at for fragments.
    pub is_spec: bool,
    /// Whether it is Markdown, whose links are followed.
    pub is_page: bool,
    /// The editor's number for this state of it.
    pub version: i32,
    /// The text.
    pub source: Arc<Source>,
    /// Counts the states of it.
    pub state: u64,
    /// The line that was edited last.
    pub edited: Option<usize>,
    /// What is known of it, or of an earlier state.
    pub analysed: watch::Sender<Option<Arc<Analysed>>>,
}

impl Document {
    /// Whether this very state of it was analysed.
    pub fn is_analysed(&self) -> bool {
        self.analysed.borrow().as_ref().is_some_and(|analysed| analysed.state == self.state)
    }
}

/// All open texts.
#[derive(Debug, Default)]
pub struct Documents {
    open: HashMap<Uri, Document>,
}

impl Documents {
    /// Takes a text that was opened.
    pub fn open(&mut self, uri: Uri, language: &str, version: i32, text: String) {
        let path = path_of(&uri);
        let is_spec = is_spec(&path, language);
        let is_page = language == "markdown" && uri.scheme().as_str() == "file";
        let source = Arc::new(Source::new(&path, text));
        let (state, analysed) = match self.open.remove(&uri) {
            // Opened twice: those who wait for it go on waiting.
            Some(known) => (known.state + 1, known.analysed),
            None => (1, watch::Sender::new(None)),
        };
        self.open.insert(uri, Document { path, is_spec, is_page, version, state, source, edited: None, analysed });
    }

    /// Puts changes into a text, in order. False if it is not open.
    pub fn change(&mut self, uri: &Uri, version: i32, changes: Vec<TextDocumentContentChangeEvent>, encoding: Encoding) -> bool {
        let Some(document) = self.open.get_mut(uri) else { return false };
        let mut text = Text::new(document.source.text().to_string());
        for change in changes {
            text.change(change, encoding);
        }
        let (text, edited) = text.finish();
        document.source = Arc::new(Source::new(&document.path, text));
        document.edited = edited;
        document.version = version;
        document.state += 1;
        true
    }

    /// Forgets a text.
    pub fn close(&mut self, uri: &Uri) -> Option<Document> {
        self.open.remove(uri)
    }

    /// An open text.
    pub fn get(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(uri)
    }

    /// The open text that belongs to a path.
    pub fn by_path(&self, path: &Path) -> Option<(&Uri, &Document)> {
        self.open.iter().find(|(_, document)| document.path == path)
    }

    /// The addresses of the texts that asked for a file when they were analysed last.
    pub fn that_include(&self, path: &Path) -> Vec<Uri> {
        let asks = |document: &Document| {
            document.analysed.borrow().as_ref().is_some_and(|analysed| analysed.asked.iter().any(|asked| asked == path))
        };
        self.open.iter().filter(|(_, document)| asks(document)).map(|(uri, _)| uri.clone()).collect()
    }

    /// All addresses.
    pub fn uris(&self) -> impl Iterator<Item = &Uri> {
        self.open.keys()
    }
}

/// Whether a text is a spec, by what the editor calls its language, or by its name where it calls it YAML.
fn is_spec(path: &Path, language: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let has_ending = SPEC_ENDINGS.iter().any(|ending| name.ends_with(ending));
    language == SPEC || has_ending || (language == "yaml" && matches!(&*name, "role.yml" | "main.yml"))
}

/// What editors call the language of specs.
const SPEC: &str = "yaml.seed";

/// The path that an address stands for; the address itself where it stands for none.
pub fn path_of(uri: &Uri) -> PathBuf {
    let file = (uri.scheme().as_str() == "file").then(|| uri.to_file_path()).flatten();
    file.map_or_else(|| PathBuf::from(uri.as_str()), std::borrow::Cow::into_owned)
}
