//! The language server: from the protocol, to [`seed_ide`], and back.
//!
//! The library runs handlers concurrently, which decides the rules here:
//!
//! 1. Opened, changed and closed texts go to one owner ([`documents::Documents`]) before anything is awaited,
//!    so they arrive in order; all others read immutable snapshots of it.
//! 2. What takes long is a job of its own ([`jobs`]), in a process of its own; a command only starts it.
//! 3. A handler never awaits an answer of the client: it could never come while the handler holds its place.
//! 4. Answers are computed on a thread that a cancelled request may leave behind: it only reads.
//! 5. No type of the protocol is used outside of this folder.
//! 6. Standard output carries the protocol and nothing else.

mod analyst;
mod ask;
mod capabilities;
mod diagnostics;
mod documents;
mod duck;
mod encoding;
mod files;
mod fragments;
mod jobs;
mod memory;
mod notes;
mod notifications;
mod requests;
mod router;
mod state;
mod text;
mod to_lsp;
mod transport;

use std::sync::Arc;

use tower_lsp::{LspService, Server};

use router::Router;
use state::State;

/// Why the language server ended otherwise than it was asked to.
#[derive(Debug)]
pub enum Ended {
    /// It could not start.
    Start(std::io::Error),
    /// The editor went away, or asked to exit, without asking to shut down first.
    WithoutShutdown,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Start(error) => write!(formatter, "cannot start the language server: {error}"),
            Ended::WithoutShutdown => {
                formatter.write_str("the editor closed the connection without shutting the language server down")
            }
        }
    }
}

impl std::error::Error for Ended {}

/// How many requests are under way at once. A waiting request costs a few hundred bytes; were the places few,
/// a cancellation could not be heard behind the requests that fill them.
const CONCURRENT: usize = 256;

/// Serves on standard input and output until the editor asks to exit.
///
/// # Errors
///
/// When it cannot start, or the editor goes away without a word.
pub fn serve() -> Result<(), Ended> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("SEED_LOG").unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Standard error goes to the editor's log. It fails where the command line has set a log up already.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
    memory::keep_little();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Answers, standard input and output; more threads would only cost memory.
        .max_blocking_threads(6)
        .thread_name("seed-lsp")
        .build()
        .map_err(Ended::Start)?;
    let shut_down = runtime.block_on(run());
    // The thread that waits on standard input cannot be interrupted.
    runtime.shutdown_background();
    if shut_down? { Ok(()) } else { Err(Ended::WithoutShutdown) }
}

/// Whether the editor asked to shut down before the end.
async fn run() -> Result<bool, Ended> {
    let mut shared: Option<Arc<State>> = None;
    let (service, socket) = LspService::build(|client| {
        let state = Arc::new(State::new(client));
        shared = Some(state.clone());
        Router::new(state)
    })
    .custom_method("window/workDoneProgress/cancel", Router::progress_cancelled)
    .custom_method("seed/text", Router::text)
    .custom_method(transport::MALFORMED, Router::malformed)
    .finish();
    let Some(state) = shared else { return Ok(false) };
    analyst::start(state.clone()).map_err(Ended::Start)?;
    let input = transport::sound_messages(tokio::io::stdin());
    Server::new(input, tokio::io::stdout(), socket).concurrency_level(CONCURRENT).serve(service).await;
    state.end();
    Ok(state.was_shut_down())
}
