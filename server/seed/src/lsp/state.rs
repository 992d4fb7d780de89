//! What all handlers share.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use seed_spec::Catalog;
use tower_lsp::Client;
use tower_lsp::ls_types::Uri;

use super::analyst::{Queue, Why};
use super::capabilities::Session;
use super::documents::{Documents, path_of};
use super::fragments::Fragments;
use super::jobs::Jobs;
use super::notes::Notes;

/// What all handlers share.
pub struct State {
    /// The editor.
    pub client: Client,
    /// The role types.
    pub catalog: Arc<Catalog>,
    /// What waits to be analysed.
    pub queue: Queue,
    /// What was started and has not ended.
    pub jobs: Jobs,
    /// What is known of fragments.
    pub fragments: Fragments,
    /// What is known of notes.
    pub notes: Notes,
    documents: Mutex<Documents>,
    session: OnceLock<Session>,
    shut_down: AtomicBool,
}

impl State {
    /// Nothing is open yet.
    pub fn new(client: Client) -> Self {
        State {
            client,
            catalog: Arc::new(seed_collections::catalog().clone()),
            queue: Queue::default(),
            jobs: Jobs::default(),
            fragments: Fragments::default(),
            notes: Notes::default(),
            documents: Mutex::default(),
            session: OnceLock::new(),
            shut_down: AtomicBool::new(false),
        }
    }

    /// The open texts. Held for moments only, and never across an await.
    pub fn documents(&self) -> MutexGuard<'_, Documents> {
        // What a panic left behind is a text as some edit made it, which is as good as any.
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was agreed upon with the editor.
    pub fn session(&self) -> &Session {
        self.session.get_or_init(Session::default)
    }

    /// Remembers what was agreed upon with the editor; the first time counts.
    pub fn agree(&self, session: Session) {
        // A second `initialize` is refused by the library before it comes here.
        let _ = self.session.set(session);
    }

    /// Has a text analysed, and those that include it.
    pub fn touch(&self, uri: &Uri, why: Why) {
        self.queue.push(uri.clone(), why);
        self.touch_including(&path_of(uri));
    }

    /// Has the texts analysed that include a file.
    pub fn touch_including(&self, path: &Path) {
        let including = self.documents().that_include(path);
        for uri in including {
            self.queue.push(uri, Why::Files);
        }
    }

    /// Notes that the editor asked to shut down.
    pub fn shut_down(&self) {
        self.shut_down.store(true, Ordering::Relaxed);
        self.jobs.interrupt_all();
    }

    /// Whether the editor asked to shut down.
    pub fn was_shut_down(&self) -> bool {
        self.shut_down.load(Ordering::Relaxed)
    }

    /// Stops what runs beside the handlers.
    pub fn end(&self) {
        self.queue.close();
        self.jobs.interrupt_all();
        self.fragments.settle();
    }
}
