//! A `seed repair --watch` that is going on.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus, Output};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;

use crate::sandbox::{Ran, Sandbox};

/// Nothing that a test waits for takes longer than this, however busy the machine is.
const LONGEST: Duration = Duration::from_secs(60);

/// So many seconds.
pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < LONGEST, "in vain: {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A watch that is going on, and what it has told. It ends with this.
pub struct Watched {
    child: Child,
    lines: Receiver<String>,
    told: String,
    errors: Option<JoinHandle<String>>,
}

impl Watched {
    /// Begins one, with the consent it needs.
    pub fn begin(sandbox: &Sandbox, args: &[&str]) -> Watched {
        let mut command = sandbox.seed_command(&["repair", "--watch", "--yes", "--json"]);
        let mut child = command.args(args).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut stderr = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Watched { child, lines, told: String::new(), errors: Some(errors) }
    }

    /// Waits for the next event of a kind.
    #[track_caller]
    pub fn event(&mut self, kind: &str) -> Json {
        let end = Instant::now() + LONGEST;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(event) = self.take(&line, kind) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no event {kind:?} after:\n{}", self.told)
                }
            }
        }
    }

    /// An event of a kind, if one has been told since the last that was asked for.
    pub fn seen(&mut self, kind: &str) -> Option<Json> {
        while let Ok(line) = self.lines.try_recv() {
            if let Some(event) = self.take(&line, kind) {
                return Some(event);
            }
        }
        None
    }

    fn take(&mut self, line: &str, kind: &str) -> Option<Json> {
        self.told.push_str(line);
        self.told.push('\n');
        let event: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON, {error}: {line}"));
        (event["event"] == kind).then_some(event)
    }

    /// Ends it by a signal.
    pub fn end(self, signal: Signal) -> Ran {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
        self.ended()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Ran {
        let status = self.wait();
        while let Ok(line) = self.lines.recv() {
            self.told.push_str(&line);
            self.told.push('\n');
        }
        let stderr = self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default();
        let stdout = std::mem::take(&mut self.told).into_bytes();
        Ran::ended("repair --watch", Output { status, stdout, stderr: stderr.into_bytes() })
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the end of the watch", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // One that has ended is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
