//! Diagnostics on their way to the editor: with their version, for every file they are about, stale ones never.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use seed_spec::Severity;
use tokio::sync::mpsc;
use tower_lsp::ls_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, MessageType, NumberOrString, Uri,
};

use super::ask::Ask;
use super::documents::Analysed;
use super::state::State;

/// The most diagnostics that are sent for one file.
const MOST: usize = 1000;

/// What is known about each file, and from which spec: a file can be included by several.
#[derive(Default)]
pub struct Board {
    files: HashMap<Uri, BTreeMap<Uri, Vec<Diagnostic>>>,
}

impl Board {
    /// Takes what became known of a text and of the fragments in it, and publishes all files that are affected.
    pub fn put(
        &mut self,
        state: &Arc<State>,
        publisher: &Publisher,
        spec: &Uri,
        analysed: &Arc<Analysed>,
        of_fragments: Vec<Diagnostic>,
    ) {
        let ask = Ask::new(state, spec, analysed, analysed.source.clone());
        let mut found = by_file(&ask);
        found.entry(spec.clone()).or_default().extend(of_fragments);
        let mut affected: Vec<Uri> = found.keys().cloned().collect();
        affected.extend(self.clear(spec).into_iter().filter(|uri| !found.contains_key(uri)));
        for (file, diagnostics) in found {
            self.files.entry(file).or_default().insert(spec.clone(), diagnostics);
        }
        if state.session().push_diagnostics {
            for file in affected {
                self.publish(state, publisher, &file, Some((spec, analysed.version)));
            }
        }
    }

    /// Forgets a spec that was closed.
    pub fn remove(&mut self, state: &Arc<State>, publisher: &Publisher, spec: &Uri) {
        let mut affected = self.clear(spec);
        if !affected.contains(spec) {
            affected.push(spec.clone());
        }
        if state.session().push_diagnostics {
            for file in affected {
                self.publish(state, publisher, &file, None);
            }
        }
    }

    /// Takes away what a spec said, and tells about which files.
    fn clear(&mut self, spec: &Uri) -> Vec<Uri> {
        let mut affected = Vec::new();
        self.files.retain(|file, specs| {
            if specs.remove(spec).is_some() {
                affected.push(file.clone());
            }
            !specs.is_empty()
        });
        affected
    }

    fn publish(&self, state: &Arc<State>, publisher: &Publisher, file: &Uri, of: Option<(&Uri, i32)>) {
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        for (nth, found) in self.files.get(file).into_iter().flat_map(BTreeMap::values).enumerate() {
            // Several specs that include a file find the same in it.
            let known = |new: &Diagnostic| {
                nth > 0
                    && diagnostics.iter().any(|one| (one.range, &one.code, &one.message) == (new.range, &new.code, &new.message))
            };
            let new: Vec<_> = found.iter().filter(|new| !known(new)).cloned().collect();
            diagnostics.extend(new);
        }
        diagnostics.sort_by_key(|one| (one.range.start.line, one.range.start.character));
        let left = diagnostics.len().saturating_sub(MOST);
        diagnostics.truncate(MOST);
        if let Some(last) = diagnostics.last_mut().filter(|_| left > 0) {
            last.message.push_str(&format!("\n(and {left} more in this file)"));
        }
        let version = match of {
            Some((spec, version)) if spec == file => Some(version),
            _ => state.documents().get(file).map(|document| document.version),
        };
        publisher.send(Publication::File { uri: file.clone(), version, diagnostics });
    }
}

/// The diagnostics of an analysis, by the file they are about.
fn by_file(ask: &Ask) -> HashMap<Uri, Vec<Diagnostic>> {
    let mut found: HashMap<Uri, Vec<Diagnostic>> = HashMap::new();
    for diagnostic in &ask.snapshot.analysis.diagnostics {
        if let Some(uri) = ask.uri(diagnostic.span.file) {
            let known = found.entry(uri.clone()).or_default();
            // One more than is sent, so that it shows that there are more.
            if known.len() <= MOST {
                known.push(diagnostic_for(ask, diagnostic));
            }
        }
    }
    found
}

/// The diagnostics about the asked file itself.
pub fn of_spec(ask: &Ask) -> Vec<Diagnostic> {
    let own = ask.snapshot.analysis.diagnostics.iter().filter(|one| one.span.file == seed_spec::FileId(0));
    own.take(MOST).map(|one| diagnostic_for(ask, one)).collect()
}

/// A diagnostic as the protocol has it.
pub fn diagnostic_for(ask: &Ask, one: &seed_spec::Diagnostic) -> Diagnostic {
    let related = one.related.iter().filter_map(|(span, remark)| {
        let location = Location { uri: ask.uri(span.file)?.clone(), range: ask.range(*span) };
        Some(DiagnosticRelatedInformation { location, message: remark.clone() })
    });
    let related: Vec<_> = related.collect();
    Diagnostic {
        range: ask.range(one.span),
        severity: Some(match one.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
            Severity::Info => DiagnosticSeverity::INFORMATION,
        }),
        code: Some(NumberOrString::String(one.code.name().into())),
        source: Some("seed".into()),
        message: match &one.help {
            Some(help) => format!("{}\n{help}", one.message),
            None => one.message.clone(),
        },
        related_information: (!related.is_empty()).then_some(related),
        ..Diagnostic::default()
    }
}

/// What is to be shown.
enum Publication {
    /// The mistakes in a file.
    File { uri: Uri, version: Option<i32>, diagnostics: Vec<Diagnostic> },
    /// A mistake in the server itself.
    Broken(String),
}

/// Sends to the editor, in order, without holding up the analysis.
pub struct Publisher {
    queue: mpsc::UnboundedSender<Publication>,
}

impl Publisher {
    /// Starts it; has to be called within the runtime.
    pub fn start(state: Arc<State>) -> Self {
        let (queue, mut waiting) = mpsc::unbounded_channel::<Publication>();
        tokio::spawn(async move {
            while let Some(publication) = waiting.recv().await {
                match publication {
                    Publication::File { uri, version, diagnostics } => {
                        let newest = state.documents().get(&uri).map(|document| document.version);
                        // Without the check, an editor would show marks beside the text they are about: it has
                        // changed since, and what is known of it now is on its way.
                        if version.is_none() || version == newest {
                            state.client.publish_diagnostics(uri, diagnostics, version).await;
                        }
                    }
                    Publication::Broken(message) => state.client.show_message(MessageType::ERROR, message).await,
                }
            }
        });
        Publisher { queue }
    }

    /// Tells of a mistake in the server itself.
    pub fn broken(&self, message: String) {
        self.send(Publication::Broken(message));
    }

    fn send(&self, publication: Publication) {
        // Only fails when the server is about to end.
        let _ = self.queue.send(publication);
    }
}
