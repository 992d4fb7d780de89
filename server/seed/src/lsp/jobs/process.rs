//! The process of a job.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::Job;
use crate::lsp::memory;

/// The exit status of one that was stopped.
pub const INTERRUPTED: i32 = 130;

/// How much of what it writes to standard error is kept, in bytes.
const ERRORS: usize = 16 << 10;

/// The most events that are kept for the answer.
const EVENTS: usize = 10_000;

/// How long output is waited for once the process has ended: what it started may still hold it open.
const REST: Duration = Duration::from_millis(200);

/// How a process ended.
pub struct Outcome {
    /// The exit status; 128 and the signal if one ended it.
    pub status: i32,
    /// What it answered.
    pub result: Json,
    /// What it wrote to standard error.
    pub errors: String,
}

impl Outcome {
    fn failed(message: String) -> Self {
        Outcome { status: 1, result: Json::Null, errors: message }
    }

    /// What it told.
    pub fn events(&self) -> impl Iterator<Item = &Json> {
        self.result["events"].as_array().into_iter().flatten()
    }
}

/// Runs a job to its end.
pub async fn run(job: &Job, interrupted: &mut mpsc::UnboundedReceiver<()>, mut event: impl FnMut(&Json)) -> Outcome {
    let mut child = match spawn(job) {
        Ok(child) => child,
        Err(error) => return Outcome::failed(format!("cannot start seed {}: {error}", job.command.word())),
    };
    feed(job, &mut child);
    let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
        return Outcome::failed("the process has no output".into());
    };
    let (mut output, mut errors) = (BufReader::new(output).lines(), BufReader::new(errors).lines());
    let mut told = Told::default();
    let (mut output_open, mut errors_open) = (true, true);
    let status = loop {
        tokio::select! {
            line = output.next_line(), if output_open => match line {
                Ok(Some(line)) => told.line(job, &line, &mut event),
                _ => output_open = false,
            },
            line = errors.next_line(), if errors_open => match line {
                Ok(Some(line)) => told.error(&line),
                _ => errors_open = false,
            },
            Some(()) = interrupted.recv() => interrupt(&child),
            status = child.wait() => break status,
        }
    };
    drain(&mut output, output_open, |line| told.line(job, line, &mut event)).await;
    drain(&mut errors, errors_open, |line| told.error(line)).await;
    match status {
        Ok(status) => told.finish(status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)),
        Err(error) => Outcome::failed(format!("cannot read its exit status: {error}")),
    }
}

fn spawn(job: &Job) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(job.command.word()).args(&job.arguments);
    match &job.text {
        Some(_) => command.arg("--path").arg(&job.path).arg("-").stdin(Stdio::piped()),
        // Behind `--`, so that no file name can be read as an option.
        None => command.arg("--").arg(&job.path).stdin(Stdio::null()),
    };
    if let Some(folder) = job.path.parent().filter(|folder| folder.is_dir()) {
        command.current_dir(folder);
    }
    for name in memory::settings() {
        command.env_remove(name);
    }
    // A group of its own: it gets the signals that are meant for it. It is not killed with the server: what it
    // has begun it brings to a safe point.
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(false).spawn()
}

/// Gives it the editor's text.
fn feed(job: &Job, child: &mut Child) {
    let (Some(text), Some(mut input)) = (job.text.clone(), child.stdin.take()) else { return };
    tokio::spawn(async move {
        // If it does not read to the end, it says itself why.
        let _ = input.write_all(text.as_bytes()).await;
    });
}

/// Asks it to end at the next safe point.
fn interrupt(child: &Child) {
    // There is a number as long as it was not waited for, so it cannot be another's.
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok())
        && let Err(error) = kill(Pid::from_raw(id), Signal::SIGINT)
    {
        tracing::warn!(%error, id, "cannot interrupt a job");
    }
}

async fn drain(lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>, open: bool, mut take: impl FnMut(&str)) {
    let until = tokio::time::Instant::now() + REST;
    while open && let Ok(Ok(Some(line))) = tokio::time::timeout_at(until, lines.next_line()).await {
        take(&line);
    }
}

/// What a process said so far.
#[derive(Default)]
struct Told {
    events: Vec<Json>,
    summary: Json,
    answer: Json,
    errors: String,
}

impl Told {
    fn line(&mut self, job: &Job, line: &str, event: &mut impl FnMut(&Json)) {
        let Ok(value) = serde_json::from_str::<Json>(line) else {
            tracing::warn!(line, "a job wrote a line that is not JSON");
            return;
        };
        if !job.command.tells_events() || value.get("event").is_none() {
            self.answer = value;
            return;
        }
        event(&value);
        match value["event"].as_str() {
            Some("summary") => self.summary = value,
            // Only how it went is kept, not each step on the way.
            Some("started" | "progress") => {}
            _ if self.events.len() < EVENTS => self.events.push(value),
            _ => {}
        }
    }

    fn error(&mut self, line: &str) {
        if self.errors.len() + line.len() < ERRORS {
            self.errors.push_str(line);
            self.errors.push('\n');
        }
    }

    fn finish(self, status: i32) -> Outcome {
        let result = match self.answer {
            Json::Null if self.events.is_empty() && self.summary.is_null() => Json::Null,
            Json::Null => json!({ "events": self.events, "summary": self.summary }),
            answer => answer,
        };
        Outcome { status, result, errors: self.errors }
    }
}
