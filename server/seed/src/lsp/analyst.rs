//! The one thread that analyses texts, newest state first and each state at most once.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use seed_engine::node::Graph;
use seed_role::host::RealHost;
use seed_spec::analysis::Request;
use tower_lsp::ls_types::{Diagnostic, Uri};

use super::diagnostics::{Board, Publisher};
use super::documents::{Analysed, Document};
use super::files::Files;
use super::memory;
use super::state::State;

/// A pause in typing.
const REST: Duration = Duration::from_secs(1);

/// Why a text is to be analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It has changed itself.
    Text,
    /// A file that it includes has changed, or may have.
    Files,
}

/// The addresses of texts that wait to be analysed, each once.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    texts: VecDeque<(Uri, Why)>,
    closed: bool,
}

impl Queue {
    /// Adds a text; it keeps its place if it waits already.
    pub fn push(&self, uri: Uri, why: Why) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.texts.iter_mut().find(|(known, _)| *known == uri) {
            Some((_, known)) => *known = why.max(*known),
            None => {
                waiting.texts.push_back((uri, why));
                self.changed.notify_one();
            }
        }
    }

    /// Lets the thread end.
    pub fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }

    /// Waits for the next; none when there will be no more. When nothing comes for a while, `rest` is called once.
    fn next(&self, rest: impl FnOnce()) -> Option<(Uri, Why)> {
        let mut rest = Some(rest);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if waiting.closed {
                return None;
            }
            if let Some(next) = waiting.texts.pop_front() {
                return Some(next);
            }
            if rest.is_none() {
                waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (woken, waited) = self.changed.wait_timeout(waiting, REST).unwrap_or_else(PoisonError::into_inner);
            waiting = woken;
            if waited.timed_out()
                && waiting.texts.is_empty()
                && let Some(rest) = rest.take()
            {
                drop(waiting);
                rest();
                waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Starts the thread.
///
/// # Errors
///
/// When there can be no more threads.
pub fn start(state: Arc<State>) -> std::io::Result<()> {
    let publisher = Publisher::start(state.clone());
    // Deeply nested text takes stack; its depth is bounded by the parser.
    let builder = std::thread::Builder::new().name("seed-analyst".into()).stack_size(8 << 20);
    builder.spawn(move || run(&state, &publisher)).map(|_| ())
}

fn run(state: &Arc<State>, publisher: &Publisher) {
    let mut board = Board::default();
    let files = Files::default();
    let host = RealHost::new();
    let mut number = 0;
    while let Some((uri, why)) = state.queue.next(memory::give_back) {
        // It was taken up already, between the edit and the note of it.
        if why == Why::Text && state.documents().get(&uri).is_some_and(Document::is_analysed) {
            continue;
        }
        number += 1;
        match analyse(state, publisher, &files, &host, &uri, number) {
            Some(found) => board.put(state, publisher, &uri, &found.analysed, found.of_fragments),
            None => board.remove(state, publisher, &uri),
        }
    }
}

/// What became known of a text, and what is of no use any more. To give back the memory of a long text takes longer than to
/// tell of its mistakes, which is therefore done first.
struct Found {
    analysed: Arc<Analysed>,
    of_fragments: Vec<Diagnostic>,
    _graph: Graph,
    _before: Option<Arc<Analysed>>,
}

/// Analyses the newest state of a text and gives it to those who wait. None if it is not open any more. The host is asked
/// which programs it has; nothing is run.
fn analyse(state: &Arc<State>, publisher: &Publisher, files: &Files, host: &RealHost, uri: &Uri, number: u64) -> Option<Found> {
    let (source, version, number_of_state, edited_line, is_spec) = {
        let documents = state.documents();
        let document = documents.get(uri)?;
        (document.source.clone(), document.version, document.state, document.edited, document.is_spec)
    };
    let loader = files.loader(state);
    let request = Request { path: source.path(), text: source.text(), edited_line };
    let path = source.path().to_path_buf();
    let broken = || {
        let path = path.display();
        publisher.broken(format!("Seed could not analyse {path} because of a bug in Seed; see the server's log."));
    };
    let (analysis, graph) = if is_spec {
        let outcome =
            std::panic::catch_unwind(AssertUnwindSafe(|| seed_engine::check::analyse_with_graph(&request, &loader, Some(host))));
        outcome.unwrap_or_else(|_| {
            broken();
            Default::default()
        })
    } else {
        Default::default()
    };
    let analysed = Arc::new(Analysed {
        source,
        version,
        state: number_of_state,
        analysis: Arc::new(analysis),
        asked: loader.asked(),
        number,
    });
    let before = state.documents().get(uri)?.analysed.send_replace(Some(analysed.clone()));
    // Those who wait have their answer; the fragments only add diagnostics.
    let of_fragments = std::panic::catch_unwind(AssertUnwindSafe(|| state.fragment_diagnostics(uri, &analysed.source, version)));
    let of_fragments = of_fragments.unwrap_or_else(|_| {
        broken();
        Vec::new()
    });
    Some(Found { analysed, of_fragments, _graph: graph, _before: before })
}
