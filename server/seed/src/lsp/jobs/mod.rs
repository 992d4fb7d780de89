//! Jobs: what a command starts, in a process of its own, with progress and a way to stop it.
//!
//! What may hang, fail or take long lives outside of the server. The process is this very program, run as
//! the same user with arguments and never through a shell; what needs more rights is asked for by nobody here.

mod process;
mod progress;
mod transcript;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value as Json;
use tokio::sync::mpsc;
use tower_lsp::ls_types::notification::Notification;
use tower_lsp::ls_types::{ExecuteCommandParams, MessageType, ProgressToken, Uri};

use super::documents::path_of;
use super::files::on_disk;
use super::state::State;
use process::Outcome;
use progress::Progress;

/// The most jobs that run at once.
const MOST: usize = 16;

/// What can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// What would change.
    Plan,
    /// Make it so.
    Apply,
    /// What is there.
    Info,
    /// Mend what drifted.
    Repair,
}

impl Command {
    /// All of them.
    pub const ALL: [Command; 4] = [Command::Plan, Command::Apply, Command::Info, Command::Repair];

    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Command::Plan => "seed.plan",
            Command::Apply => "seed.apply",
            Command::Info => "seed.info",
            Command::Repair => "seed.repair",
        }
    }

    /// Its name on the command line.
    fn word(self) -> &'static str {
        self.name().trim_start_matches("seed.")
    }

    /// Whether it tells what it does event by event, and does not just answer.
    fn tells_events(self) -> bool {
        matches!(self, Command::Apply | Command::Repair)
    }

    /// Whether an exit status is not a failure.
    fn is_fine(self, status: i32) -> bool {
        status == 0 || (status == 2 && !self.tells_events())
    }
}

/// What a command is given.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argument {
    /// The spec.
    uri: Uri,
    /// Only these roles.
    #[serde(default)]
    roles: Vec<String>,
    /// `present` or `absent`.
    #[serde(default)]
    state: Option<Goal>,
    /// The user has said yes.
    #[serde(default)]
    yes: bool,
    /// The user has said that data may be destroyed.
    #[serde(default)]
    destroy_data: bool,
    /// The digest of the plan that the user has seen.
    #[serde(default)]
    digest: Option<String>,
    /// Whether to open a window with what the job says, where the editor is attached.
    #[serde(default)]
    show: bool,
}

/// The state to lead to.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Goal {
    Present,
    Absent,
}

/// A job that is about to start.
struct Job {
    number: u64,
    command: Command,
    path: PathBuf,
    /// The editor's text, where it is not what is on disk.
    text: Option<Arc<str>>,
    arguments: Vec<String>,
    show: bool,
}

/// The jobs that run.
#[derive(Default)]
pub struct Jobs {
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    last: u64,
    jobs: HashMap<u64, (ProgressToken, mpsc::UnboundedSender<()>)>,
}

impl Jobs {
    /// Asks the job behind a progress to end at the next safe point.
    pub fn interrupt(&self, token: &ProgressToken) {
        for (known, interrupt) in self.running().jobs.values() {
            if known == token {
                // Only fails when the job has just ended.
                let _ = interrupt.send(());
            }
        }
    }

    /// Asks all jobs to end at the next safe point.
    pub fn interrupt_all(&self) {
        for (_, interrupt) in self.running().jobs.values() {
            let _ = interrupt.send(());
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a job out of the list when it ends, however it ends.
struct Listed {
    state: Arc<State>,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.state.jobs.running().jobs.remove(&self.number);
    }
}

/// Starts what a command asks for, and tells its number.
///
/// # Errors
///
/// When the arguments make no sense, in words.
pub fn start(state: &Arc<State>, params: ExecuteCommandParams) -> Result<u64, String> {
    let command = Command::ALL.into_iter().find(|command| command.name() == params.command);
    let command = command.ok_or_else(|| format!("unknown command {}", params.command))?;
    let mut arguments = params.arguments.into_iter();
    let argument = arguments.next().ok_or_else(|| format!("{} needs an argument: {{uri, …}}", command.name()))?;
    let argument: Argument =
        serde_json::from_value(argument).map_err(|error| format!("the argument of {}: {error}", command.name()))?;
    if argument.uri.scheme().as_str() != "file" {
        return Err(format!("{} is not a file; save it first", argument.uri.as_str()));
    }
    let path = path_of(&argument.uri);
    let text = unsaved(state, &argument.uri, &path);
    let token = params.work_done_progress_params.work_done_token;
    let (interrupt, interrupted) = mpsc::unbounded_channel();
    let (number, own_token) = {
        let mut running = state.jobs.running();
        if running.jobs.len() >= MOST {
            return Err(format!("{MOST} jobs are already running; wait for one to end, or stop one"));
        }
        running.last += 1;
        let number = running.last;
        let own_token = token.clone().unwrap_or_else(|| ProgressToken::String(format!("seed-job-{number}")));
        running.jobs.insert(number, (own_token.clone(), interrupt));
        (number, own_token)
    };
    let job = Job { number, command, text, arguments: arguments_for(command, &argument), path, show: argument.show };
    let listed = Listed { state: state.clone(), number };
    tokio::spawn(async move { run(&listed, job, own_token, token.is_some(), interrupted).await });
    Ok(number)
}

/// The editor's text of a spec, if it is not what is on disk.
fn unsaved(state: &State, uri: &Uri, path: &std::path::Path) -> Option<Arc<str>> {
    let text = state.documents().get(uri).map(|document| document.source.text().clone())?;
    let saved = on_disk(path).is_some_and(|bytes| bytes == text.as_bytes());
    (!saved).then_some(text)
}

fn arguments_for(command: Command, argument: &Argument) -> Vec<String> {
    let mut arguments = vec!["--json".to_string(), "--page".to_string()];
    for role in &argument.roles {
        // Joined, so that no name can be read as an option.
        arguments.push(format!("--only={role}"));
    }
    if let Some(goal) = argument.state.filter(|_| matches!(command, Command::Plan | Command::Apply)) {
        let word = match goal {
            Goal::Present => "present",
            Goal::Absent => "absent",
        };
        arguments.push(format!("--state={word}"));
    }
    if command.tells_events() {
        arguments.extend(argument.yes.then(|| "--yes".to_string()));
        arguments.extend(argument.destroy_data.then(|| "--destroy-data".to_string()));
        arguments.extend(argument.digest.as_ref().map(|digest| format!("--plan-digest={digest}")));
    }
    arguments
}

/// Tells that a job has ended.
struct Finished;

impl Notification for Finished {
    type Params = FinishedParams;
    const METHOD: &'static str = "seed/jobFinished";
}

/// How a job has ended.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct FinishedParams {
    job: u64,
    command: String,
    /// The exit status; 128 and the signal if one ended it.
    status: i32,
    /// What it answered: the plan, what is there, or `{"events": […], "summary": {…}}`; null if nothing.
    result: Json,
    /// Why it failed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

async fn run(listed: &Listed, job: Job, token: ProgressToken, asked: bool, mut interrupted: mpsc::UnboundedReceiver<()>) {
    let state = &listed.state;
    let title = title(&job);
    let mut progress = Progress::begin(state, token, asked, &title).await;
    let mut transcript = transcript::Transcript::begin(state, &title, job.show).await;
    let outcome = process::run(&job, &mut interrupted, |event| {
        transcript.event(event);
        progress.event(event);
    });
    let outcome = outcome.await;
    transcript.end(&outcome).await;
    let message = (!job.command.is_fine(outcome.status)).then(|| failure(&outcome));
    progress.end(message.as_deref()).await;
    if let Some(message) = &message {
        let kind = if outcome.status == process::INTERRUPTED { MessageType::WARNING } else { MessageType::ERROR };
        state.client.show_message(kind, format!("{title}: {message}")).await;
    }
    let finished = FinishedParams {
        job: job.number,
        command: job.command.name().into(),
        status: outcome.status,
        result: outcome.result,
        message,
    };
    state.client.send_notification::<Finished>(finished).await;
}

fn title(job: &Job) -> String {
    let file = job.path.file_name().map_or_else(|| job.path.display().to_string(), |name| name.to_string_lossy().into_owned());
    format!("seed {} {file}", job.command.word())
}

/// Why a job failed: what its roles say, or what it wrote to standard error.
fn failure(outcome: &Outcome) -> String {
    if outcome.status == process::INTERRUPTED {
        return "stopped".into();
    }
    let failed: Vec<String> = outcome
        .events()
        .filter(|event| event["event"] == "failed")
        .map(|event| format!("{}: {}", event["role"].as_str().unwrap_or("?"), event["message"].as_str().unwrap_or("failed")))
        .collect();
    match failed.as_slice() {
        [] => match (outcome.result["diagnostics"].as_array(), outcome.errors.trim()) {
            (Some(diagnostics), _) => match diagnostics.iter().filter(|one| one["severity"] == "error").count() {
                1 => "the spec has an error".into(),
                count => format!("the spec has {count} errors"),
            },
            (None, "") => format!("it exited with status {}", outcome.status),
            (None, errors) => errors.to_string(),
        },
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} (and {} more failed)", rest.len()),
    }
}
