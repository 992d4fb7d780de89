//! A server of ours that answers as the servers of models do, well and badly, for tests: pieces cut anywhere, `null`, signs of life, errors
//! in the middle, stalls, no `[DONE]`, 429 and 5xx, slow starts and closed connections. It gives its replies in order, and keeps what
//! it was asked. Nothing in it waits for time to pass.

mod connection;
mod reply;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;

pub use reply::{Scripted, Step};

/// How long a test waits for what has to come; far more than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server was asked.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The path.
    pub path: String,
    /// The headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Json,
}

impl Heard {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The texts of the messages, one behind the other.
    pub fn text(&self) -> String {
        let messages = self.body["messages"].as_array().into_iter().flatten();
        messages.filter_map(|message| message["content"].as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// What the threads of the server share.
#[derive(Default)]
struct Shared {
    replies: Mutex<std::collections::VecDeque<Scripted>>,
    heard: Mutex<Vec<Heard>>,
    /// How many connections the other side has closed before their end.
    closed: Mutex<usize>,
    changed: Condvar,
    stop: AtomicBool,
}

/// The server. It ends when it is dropped.
pub struct Mock {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Mock {
    /// Starts one on a free port of 127.0.0.1. To more questions than there are replies it answers with 410.
    ///
    /// # Errors
    ///
    /// When there is no port to be had.
    pub fn start(replies: impl IntoIterator<Item = Scripted>) -> std::io::Result<Mock> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { replies: Mutex::new(replies.into_iter().collect()), ..Shared::default() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stop.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || connection::serve(stream, &shared));
            }
        });
        Ok(Mock { address, shared })
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that it was asked.
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.shared.heard).clone()
    }

    /// Waits until the other side has closed a connection before its end, such as one that stalls. False if it does not.
    pub fn was_closed(&self) -> bool {
        self.wait(|shared| *lock(&shared.closed) > 0)
    }

    /// Waits until something was asked. False if nothing is.
    pub fn was_asked(&self) -> bool {
        self.wait(|shared| !lock(&shared.heard).is_empty())
    }

    fn wait(&self, until: impl Fn(&Shared) -> bool) -> bool {
        let start = std::time::Instant::now();
        while !until(&self.shared) {
            let guard = lock(&self.shared.closed);
            let _ = self.shared.changed.wait_timeout(guard, Duration::from_millis(20)).unwrap_or_else(PoisonError::into_inner);
            if start.elapsed() > PATIENCE {
                return false;
            }
        }
        true
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
