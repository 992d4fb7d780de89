//! What is noted of an edit once the text with it is on the disk.
//!
//! A command gives the editor an edit, and remembers here what is to be noted of it. It counts from the moment the editor shows
//! the text that the edit leads to, and no longer once it shows again the text that it was made for (an undo). When the text is saved, what
//! counts and still holds for it is written to `.seed/`, in one transaction. Not to note something loses nothing: the next update
//! merges from the older base.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use seed_fragment::store::hash;
use seed_fragment::{Judgement, Key, Record, Take, holds};
use seed_ide::fragments::{Change, Open, noted};
use seed_role::trouble::{Kind, Result};
use seed_spec::Source;
use tokio::runtime::Handle;
use tower_lsp::ls_types::{MessageType, Uri};

use super::Fragments;
use crate::lsp::documents::path_of;
use crate::lsp::files::on_disk;
use crate::lsp::state::State;

/// The most edits of a text that are remembered; of older ones nothing is noted.
const MOST: usize = 64;

/// How long another process may change the project before it is given up, and how often it is tried.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// An edit that the editor was given.
pub struct Pending {
    /// The text that it was made for, and the one that it leads to, by their [`shape`].
    from: String,
    to: String,
    /// Whether the editor's text has it.
    pub is_in_text: bool,
    /// What is to be noted.
    records: Vec<Record>,
    /// What was decided of clashes.
    pub taken: HashMap<Key, Take>,
}

impl Fragments {
    /// Remembers what is to be noted of a change.
    pub fn remember(&self, uri: &Uri, from: &str, change: &Change) {
        if change.records.is_empty() {
            return;
        }
        let (from, to) = (shape(from), shape(&change.text));
        let is_in_text = from == to;
        let (records, taken) = (change.records.clone(), change.taken.clone());
        let mut all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = all.entry(uri.clone()).or_default();
        pending.push(Pending { from, to, is_in_text, records, taken });
        if pending.len() > MOST {
            pending.remove(0);
        }
    }

    /// Whether something is to be noted of a text.
    pub fn waits_for(&self, uri: &Uri) -> bool {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).contains_key(uri)
    }

    /// Sees whether a text has the edits that were given for it.
    pub fn see(&self, uri: &Uri, text: &str) {
        let mut all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pending) = all.get_mut(uri) else { return };
        let now = shape(text);
        for one in pending.iter_mut().filter(|one| one.from != one.to) {
            match &now {
                now if *now == one.to => one.is_in_text = true,
                now if *now == one.from => one.is_in_text = false,
                _ => {}
            }
        }
    }

    /// Forgets what was to be noted of a text that was closed without being saved.
    pub fn forget(&self, uri: &Uri) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(uri);
    }
}

/// Tells texts apart, but for their line ends: an editor gives all of a buffer the same ones, or takes those of an edit for its own, and
/// may give the last line one. Blocks are compared without them too.
fn shape(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    hash(text.strip_suffix('\n').unwrap_or(&text).as_bytes())
}

/// What is to be noted of a text.
#[derive(Default)]
struct Due {
    records: Vec<Record>,
    taken: HashMap<Key, Take>,
}

impl Fragments {
    /// Takes what is to be noted of a text that was saved.
    fn take_due(&self, uri: &Uri) -> Due {
        let mut all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pending) = all.get_mut(uri) else { return Due::default() };
        let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(pending).into_iter().partition(|one| one.is_in_text);
        *pending = rest;
        if pending.is_empty() {
            all.remove(uri);
        }
        let taken = due.iter().flat_map(|one| one.taken.clone()).collect();
        Due { records: due.into_iter().flat_map(|one| one.records).collect(), taken }
    }

    /// Whether something is being noted this moment.
    pub(super) fn is_noting(&self) -> bool {
        self.noting.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|one| !one.is_finished())
    }

    /// Puts back what could not be noted: the next time that the text is saved, it is tried again.
    fn put_back(&self, uri: &Uri, due: Due) {
        let pending =
            Pending { from: String::new(), to: String::new(), is_in_text: true, records: due.records, taken: due.taken };
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).entry(uri.clone()).or_default().insert(0, pending);
    }
}

/// Notes what a saved text holds, beside the handlers: to have it on the disk for sure takes a while.
pub fn note(state: &Arc<State>, uri: &Uri) {
    let due = state.fragments.take_due(uri);
    let source = state.documents().get(uri).map(|document| document.source.clone());
    let Some(source) = source.filter(|_| !due.records.is_empty()) else { return };
    let (shared, uri, runtime) = (state.clone(), uri.clone(), Handle::current());
    let work = move || {
        let _one_by_one = shared.fragments.order.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut due, mut source) = (due, source);
        while let Some((newest, left)) = attempt(&shared, &runtime, &uri, &source, due) {
            (due, source) = (left, newest);
        }
        shared.touch_fragments();
    };
    match std::thread::Builder::new().name("seed-note".into()).spawn(work) {
        Ok(thread) => {
            let mut noting = state.fragments.noting.lock().unwrap_or_else(PoisonError::into_inner);
            noting.retain(|one| !one.is_finished());
            noting.push(thread);
        }
        Err(error) => tracing::error!(%error, "cannot record the rendered text"),
    }
}

/// Notes what is due for a text. Where that fails since the text was saved again meanwhile, what is to be noted with the newer text:
/// the save may have looked for it while it was still being tried here.
fn attempt(state: &Arc<State>, runtime: &Handle, uri: &Uri, source: &Arc<Source>, due: Due) -> Option<(Arc<Source>, Due)> {
    // What the save before this one could not note comes first.
    let mut all = state.fragments.take_due(uri);
    all.records.extend(due.records);
    all.taken.extend(due.taken);
    if all.records.is_empty() {
        return None;
    }
    let trouble = write(state, &path_of(uri), source.text(), all.records.clone()).err()?;
    tracing::warn!(%trouble, "the rendered text is not recorded yet");
    let newest = state.documents().get(uri).map(|document| document.source.clone());
    match newest {
        Some(newest) if !Arc::ptr_eq(&newest, source) => {
            state.fragments.put_back(uri, all);
            let is_saved = on_disk(&path_of(uri)).is_some_and(|bytes| holds(&bytes, newest.text()));
            return is_saved.then(|| (newest, state.fragments.take_due(uri)));
        }
        // It can be saved again.
        Some(_) => state.fragments.put_back(uri, all),
        None => {}
    }
    let words = format!("{trouble}. The rendered text is not recorded yet: save again, or run seed fragment update.");
    let client = state.clone();
    runtime.spawn(async move { client.client.show_message(MessageType::WARNING, words).await });
    None
}

fn write(state: &State, path: &Path, text: &str, records: Vec<Record>) -> Result<()> {
    let of_project = state.fragments.projects.ask(path, |project, file| {
        let records = noted(&Open { project, file, text }, records);
        (project.root.clone(), file.to_path_buf(), records)
    });
    let (root, file, records) = of_project?;
    if records.is_empty() {
        return Ok(());
    }
    // The newest of each block counts.
    let newest: BTreeMap<String, Record> = records.into_iter().map(|record| (record.instance.clone(), record)).collect();
    let judgement = Judgement { records: newest.into_values().collect(), ..Judgement::default() };
    let until = Instant::now() + PATIENCE;
    loop {
        let written = seed_fragment::record(&root, &file, text, &judgement);
        // Another editor, or the command line, is at it this moment.
        let is_busy = matches!(&written, Err(trouble) if trouble.kind == Kind::Busy);
        let is_same = || on_disk(path).is_some_and(|bytes| holds(&bytes, text));
        if !is_busy || Instant::now() > until || !is_same() {
            return written;
        }
        std::thread::sleep(PAUSE);
    }
}
