//! What others made is read in a process of its own: libgit2 waits for a pipe in the place of a file, and believes an object that
//! says how much memory it needs. That process has limits, and is ended when it says nothing for too long.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use seed_role::trouble::{Kind, Result, Trouble};
use serde::{Deserialize, Serialize};

use crate::content::MOST_BYTES;
use crate::git::{self, Wanted};
use crate::source::Source;

/// The command of the program that runs [`serve`].
pub const COMMAND: &str = "read-repository";
/// How long it may say nothing: somewhat longer than a server may take to answer.
const SILENCE: Duration = Duration::from_secs(45);
/// How long all of it may take.
const WHOLE: Duration = Duration::from_secs(60 * 60);
/// How much memory it may take on top of what it begins with, in bytes: the objects of the largest collection, a few times.
const MEMORY: u64 = 4 * MOST_BYTES;
/// How long it may compute, in seconds.
const COMPUTING: u64 = 300;
/// The most that is said in one line, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// What is to be read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// An empty folder: `git` is made in it for the objects, and `files` for the files.
    pub folder: PathBuf,
    pub source: Source,
    pub wanted: Wanted,
    /// The process that asks.
    pub asked_by: u32,
}

/// What it says, a line each.
#[derive(Debug, Serialize, Deserialize)]
enum Said {
    /// It is at work.
    Going,
    /// The commit whose files it wrote; none if there is no such revision.
    Done(Option<String>),
    /// What went wrong.
    Failed { attempted: String, came_back: String, hint: Option<String>, is_unsafe: bool },
}

/// Has a repository read. Gives the commit whose files were written; none if there is no such revision.
///
/// # Errors
///
/// What that process says, or that it had to be ended.
pub(crate) fn read(order: &Order) -> Result<Option<String>> {
    let attempt = || format!("read {}", order.source.url());
    let io = |error: std::io::Error| Trouble::from_io(attempt(), &error);
    // The same program, even if it was replaced on the disk since.
    let mut child = Command::new("/proc/self/exe")
        .arg(COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(io)?;
    let text = serde_json::to_vec(order).map_err(|error| Trouble::new(attempt(), error.to_string()))?;
    let given = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&text));
    let answer = match given {
        Ok(()) => listen(&mut child, SILENCE, WHOLE),
        Err(error) => Err(error.to_string()),
    };
    // However it ended, nothing of it stays.
    let _ = child.kill();
    let status = child.wait().map_err(io)?;
    let hint = "nothing from the repository was used";
    match answer {
        Ok(Some(Said::Done(commit))) => Ok(commit),
        Ok(Some(Said::Failed { attempted, came_back, hint, is_unsafe })) => {
            let trouble = Trouble { hint, ..Trouble::new(attempted, came_back) };
            Err(if is_unsafe { trouble.kind(Kind::Unsafe) } else { trouble })
        }
        Ok(Some(Said::Going) | None) => {
            let how = match (status.signal().and_then(|number| Signal::try_from(number).ok()), status.code()) {
                (Some(Signal::SIGXCPU), _) => format!("it needs more than {COMPUTING} s of CPU time"),
                (Some(signal), _) => {
                    format!("the process that reads it was killed by {signal}: it needs more memory than a collection should")
                }
                (None, code) => format!("the process that reads it exited with status {}", code.unwrap_or_default()),
            };
            Err(Trouble::new(attempt(), how).hint(hint))
        }
        Err(reason) => Err(Trouble::new(attempt(), reason).hint(hint)),
    }
}

/// Listens to a process until it says how it ended; none if it does not. Says why it has to be ended otherwise.
fn listen(child: &mut Child, silence: Duration, whole: Duration) -> Result<Option<Said>, String> {
    let Some(stdout) = child.stdout.take() else { return Ok(None) };
    let (say, heard) = channel();
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        loop {
            let mut line = Vec::new();
            match stdout.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if say.send(line).is_err() => return,
                Ok(_) => {}
            }
        }
    });
    let end = Instant::now() + whole;
    loop {
        match heard.recv_timeout(silence) {
            Ok(line) => match serde_json::from_slice(&line) {
                Ok(Said::Going) if Instant::now() > end => {
                    return Err(format!("it takes longer than {} min", whole.as_secs() / 60));
                }
                Ok(Said::Going) => {}
                Ok(said) => return Ok(Some(said)),
                Err(error) => return Err(error.to_string()),
            },
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!(
                    "it gave no data for {} s: a file may be a pipe, or the server may be down",
                    silence.as_secs()
                ));
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

/// Reads the repository that standard input tells of, and says on standard output what came of it.
pub fn serve() {
    // With who asked, this one ends too.
    let _ = set_pdeathsig(Signal::SIGKILL);
    let mut text = String::new();
    let read = std::io::stdin().lock().take(LONGEST_LINE).read_to_string(&mut text);
    let order: Order = match read
        .map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_str(&text).map_err(|error| error.to_string()))
    {
        Ok(order) => order,
        Err(error) => {
            return say(&Said::Failed { attempted: "read a repository".into(), came_back: error, hint: None, is_unsafe: false });
        }
    };
    // One that was killed before this process could ask to end with it.
    if u32::try_from(nix::unistd::getppid().as_raw()) != Ok(order.asked_by) {
        return;
    }
    limit();
    say(&match git::take(&order, &going()) {
        Ok(commit) => Said::Done(commit),
        Err(Trouble { kind, attempted, came_back, hint }) => {
            Said::Failed { attempted, came_back, hint, is_unsafe: kind == Kind::Unsafe }
        }
    });
}

/// Says that it is at work, at most once a second.
fn going() -> impl Fn() {
    let last = std::cell::Cell::new(Instant::now());
    move || {
        if last.get().elapsed() > Duration::from_secs(1) {
            last.set(Instant::now());
            say(&Said::Going);
        }
    }
}

fn say(said: &Said) {
    if let Ok(text) = serde_json::to_string(said) {
        let mut out = std::io::stdout().lock();
        // Where nobody listens any more, this one is about to be ended.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

fn limit() {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| u64::try_from(size).ok());
    let memory = pages.zip(page).map(|(pages, size)| pages * size + MEMORY);
    let limits =
        [(Resource::RLIMIT_AS, memory), (Resource::RLIMIT_FSIZE, Some(4 * MOST_BYTES)), (Resource::RLIMIT_CPU, Some(COMPUTING))];
    for (resource, most) in limits.into_iter().filter_map(|(resource, most)| Some((resource, most?))) {
        // A limit that is lower already stays.
        if let Ok((soft, hard)) = getrlimit(resource) {
            let _ = setrlimit(resource, most.min(soft), hard);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn listen_to(script: &str) -> Result<Option<Said>, String> {
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let said = listen(&mut child, Duration::from_millis(300), Duration::from_secs(1));
        child.kill().unwrap();
        child.wait().unwrap();
        said
    }

    #[test]
    fn who_says_nothing_or_never_ends_is_given_up() {
        assert!(listen_to("exec sleep 60").unwrap_err().contains("it gave no data"));
        assert!(listen_to("while :; do echo '\"Going\"'; sleep 0.05; done").unwrap_err().contains("takes longer"));
        assert!(listen_to("exec cat /dev/zero").unwrap_err().contains("expected value"));
        assert!(listen_to("exit 3").unwrap().is_none());
        let done = listen_to("echo '\"Going\"'; sleep 0.1; echo '{\"Done\": \"abc\"}'").unwrap();
        assert!(matches!(done, Some(Said::Done(Some(commit))) if commit == "abc"));
    }
}
