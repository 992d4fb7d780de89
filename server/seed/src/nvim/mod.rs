//! The editor itself, where it is a Neovim: reached over its socket for what the protocol has no words for.
//!
//! Only the job's pane so far. All of it is a courtesy: when the editor cannot be reached, or goes away in the middle, nothing
//! else is held up by it.

use std::path::Path;
use std::time::Duration;

use nvim_rs::compat::tokio::Compat;
use nvim_rs::rpc::handler::Dummy;
use nvim_rs::{Neovim, Value};
use tokio::io::WriteHalf;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Writer = Compat<WriteHalf<UnixStream>>;

/// How long the editor may take to answer; it does not while a prompt waits for a key.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes the buffer and, if asked, a window for it.
const OPEN: &str = include_str!("open.lua");

/// Adds lines to the buffer.
const APPEND: &str = include_str!("append.lua");

/// The buffer `seed://job`, with what jobs say.
pub struct Pane {
    lines: mpsc::UnboundedSender<String>,
    writing: JoinHandle<()>,
}

impl Pane {
    /// Attaches to the editor at a socket and makes the buffer, if it is not there. `show` opens a window,
    /// where none shows it. None if the editor cannot be reached.
    pub async fn open(socket: &Path, show: bool) -> Option<Pane> {
        let attached = tokio::time::timeout(PATIENCE, attach(socket, show)).await;
        let neovim = match attached {
            Ok(Ok(neovim)) => neovim,
            Ok(Err(error)) => {
                tracing::warn!(%error, socket = %socket.display(), "cannot attach to the editor");
                return None;
            }
            Err(_) => {
                tracing::warn!(socket = %socket.display(), "the editor does not answer");
                return None;
            }
        };
        let (lines, mut waiting) = mpsc::unbounded_channel::<String>();
        let writing = tokio::spawn(async move {
            while let Some(line) = waiting.recv().await {
                let mut batch = vec![Value::from(line)];
                // All that waits goes in one call.
                while let Ok(line) = waiting.try_recv() {
                    batch.push(Value::from(line));
                }
                if let Err(error) = neovim.exec_lua(APPEND, vec![Value::from(batch)]).await {
                    tracing::warn!(%error, "the editor went away");
                    return;
                }
            }
        });
        Some(Pane { lines, writing })
    }

    /// Adds a line.
    pub fn write(&self, line: String) {
        // Only fails when the editor went away.
        let _ = self.lines.send(line);
    }

    /// Waits until all lines are written.
    pub async fn close(self) {
        drop(self.lines);
        let _ = tokio::time::timeout(PATIENCE, self.writing).await;
    }
}

async fn attach(socket: &Path, show: bool) -> Result<Neovim<Writer>, Box<dyn std::error::Error + Send + Sync>> {
    let (neovim, _reading) = nvim_rs::create::tokio::new_path(socket, Dummy::<Writer>::new()).await?;
    neovim.exec_lua(OPEN, vec![Value::from(show)]).await?;
    Ok(neovim)
}
