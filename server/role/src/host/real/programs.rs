//! Running programs.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::host::refusal::Told;
use crate::host::{Command, Outcome};
use crate::trouble::{Kind, Result, Trouble};

/// How much of what a program writes is kept, of each stream.
const KEPT: usize = 1 << 20;
/// How long to look for what uses a mount.
const SEARCH_TIME: Duration = Duration::from_millis(300);
/// How many users of a mount are named.
const NAMED: usize = 5;
/// Where programs are that the search path of a user may not name.
const SYSTEM_FOLDERS: [&str; 5] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// Where a program is.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    if name.is_empty() {
        return None;
    }
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_absolute() && runs(path));
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&search)
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        // A relative folder would mean another program in every folder.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| runs(path))
}

/// What a program did, its output as it was.
pub(super) struct Raw {
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Runs a program and waits for it.
///
/// The folder that it runs in is given open: between a look at its path and the start of the program it could be exchanged.
pub(super) fn execute(command: &Command, folder: Option<OwnedFd>) -> Result<Outcome> {
    let raw = execute_raw(command, folder)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Outcome { status: raw.status, stdout: text(&raw.stdout), stderr: text(&raw.stderr) })
}

pub(super) fn execute_raw(command: &Command, folder: Option<OwnedFd>) -> Result<Raw> {
    let attempted = || format!("run {}", command.program);
    let program = find(&command.program).ok_or_else(|| {
        Trouble::new(attempted(), format!("{} is not installed", command.program))
            .kind(Kind::MissingTool)
            .hint("it was looked for in $PATH and in the system's folders for programs")
    })?;
    let mut child = spawn(&program, command, folder).told(attempted)?;
    let deadline = command.limit.map(|limit| Instant::now() + limit);
    let done = attend(&mut child, command.input.as_deref(), deadline);
    let ended = match done {
        Ok(Some(ended)) => ended,
        failed => {
            // The group, so that what the program started goes with it.
            let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
            let _ = child.wait();
            return Err(match failed {
                Err(errno) => Trouble::from_errno(attempted(), errno),
                Ok(_) => {
                    let limit = u64::try_from(command.limit.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
                    let limit = seed_spec::unit::Duration(limit);
                    Trouble::new(attempted(), format!("it took longer than {limit} and was stopped")).kind(Kind::TimedOut)
                }
            });
        }
    };
    Ok(ended)
}

fn spawn(program: &Path, command: &Command, folder: Option<OwnedFd>) -> std::io::Result<Child> {
    let parent = nix::unistd::getpid();
    let mut starting = std::process::Command::new(program);
    starting
        .arg0(&command.program)
        .args(&command.args)
        // Words that are compared and shown are to be the same everywhere.
        .env("LC_ALL", "C")
        .stdin(if command.input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    // SAFETY: between fork and exec only system calls are made that are safe there.
    unsafe {
        starting.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            // The parent may have gone before that took effect.
            if nix::unistd::getppid() != parent {
                return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
            }
            if let Some(folder) = &folder {
                nix::unistd::fchdir(folder)?;
            }
            // What this process was given open by others is none of the program's business. Kernels before 5.11 do
            // not know the call; what this process opens itself is closed in any case.
            let _ = libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
            Ok(())
        });
    }
    starting.spawn()
}

fn unblocked(fd: impl Into<OwnedFd>) -> nix::Result<File> {
    let fd: OwnedFd = fd.into();
    let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(File::from(fd))
}

/// A descriptor that becomes readable when the process ends (pidfd_open(2)).
fn end_of(child: &Child) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes two numbers, and what it returns is a descriptor that nobody else has.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What a stream brought so far.
struct Drain {
    from: Option<File>,
    kept: Vec<u8>,
}

impl Drain {
    fn new(stream: Option<impl Into<OwnedFd>>) -> nix::Result<Self> {
        Ok(Drain { from: stream.map(unblocked).transpose()?, kept: Vec::new() })
    }

    /// Takes what is there.
    fn take(&mut self) -> nix::Result<()> {
        let mut buffer = [0; 16 << 10];
        while let Some(from) = &mut self.from {
            match from.read(&mut buffer) {
                Ok(0) => self.from = None,
                Ok(count) => {
                    let room = KEPT - self.kept.len();
                    self.kept.extend_from_slice(&buffer[..count.min(room)]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))),
            }
        }
        Ok(())
    }
}

/// Feeds and drains a program until it ends; none when its time is over.
///
/// Its end is that of the process itself: something that it left in the background may hold the pipes open.
fn attend(child: &mut Child, input: Option<&[u8]>, deadline: Option<Instant>) -> nix::Result<Option<Raw>> {
    let mut stdin = child.stdin.take().map(unblocked).transpose()?;
    let mut rest = input.unwrap_or_default();
    let mut stdout = Drain::new(child.stdout.take())?;
    let mut stderr = Drain::new(child.stderr.take())?;
    let end = end_of(child).ok();
    loop {
        if rest.is_empty() {
            stdin = None;
        }
        let ended = wait_for_any(end.as_ref(), &stdin, &stdout, &stderr, deadline)?;
        if let Some(pipe) = &mut stdin {
            match pipe.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                // It does not want more.
                Err(_) => rest = &[],
            }
        }
        // Asked before the pipes are drained: what it wrote before its end is then in them.
        let status = if ended { child.try_wait().map_err(|_| Errno::ECHILD)? } else { None };
        stdout.take()?;
        stderr.take()?;
        if let Some(status) = status {
            return Ok(Some(Raw { status: status_of(status), stdout: stdout.kept, stderr: stderr.kept }));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(None);
        }
    }
}

/// Waits until something can be done; whether the process may have ended.
fn wait_for_any(
    end: Option<&OwnedFd>,
    stdin: &Option<File>,
    stdout: &Drain,
    stderr: &Drain,
    deadline: Option<Instant>,
) -> nix::Result<bool> {
    let watch = |fd: Option<BorrowedFd<'_>>, events| fd.map(|fd| (fd.as_raw_fd(), events));
    let wanted = [
        watch(end.map(AsFd::as_fd), PollFlags::POLLIN),
        watch(stdin.as_ref().map(AsFd::as_fd), PollFlags::POLLOUT),
        watch(stdout.from.as_ref().map(AsFd::as_fd), PollFlags::POLLIN),
        watch(stderr.from.as_ref().map(AsFd::as_fd), PollFlags::POLLIN),
    ];
    let mut polled: Vec<PollFd<'_>> = wanted
        .into_iter()
        .flatten()
        // SAFETY: the owners are borrowed until after the call.
        .map(|(fd, events)| PollFd::new(unsafe { BorrowedFd::borrow_raw(fd) }, events))
        .collect();
    let mut timeout = match deadline {
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        }
        None => PollTimeout::NONE,
    };
    if end.is_none() {
        // Before Linux 5.3 nothing tells the end: look for it.
        timeout = PollTimeout::from(10_u8);
    }
    match poll(&mut polled, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno),
    }
    Ok(end.is_none() || polled.first().and_then(PollFd::any).unwrap_or(false))
}

fn status_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Processes that use something below a path, as far as they are quickly found: `bash (1234)`.
pub(super) fn using(path: &Path) -> Vec<String> {
    let started = Instant::now();
    let mut users = Vec::new();
    let Ok(processes) = std::fs::read_dir("/proc") else { return users };
    for process in processes.flatten() {
        if started.elapsed() > SEARCH_TIME || users.len() >= NAMED {
            break;
        }
        let name = process.file_name();
        let Some(number) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else { continue };
        if uses(&process.path(), path) {
            let comm = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            users.push(format!("{} ({number})", comm.trim()));
        }
    }
    users
}

fn uses(process: &Path, path: &Path) -> bool {
    let leads_there = |link: PathBuf| std::fs::read_link(link).is_ok_and(|target| target.starts_with(path));
    if ["cwd", "root", "exe"].iter().any(|link| leads_there(process.join(link))) {
        return true;
    }
    let files = std::fs::read_dir(process.join("fd"));
    if files.is_ok_and(|files| files.flatten().any(|file| leads_there(file.path()))) {
        return true;
    }
    // A mapped file is the last field of its line (proc_pid_maps(5)).
    let maps = std::fs::read(process.join("maps")).unwrap_or_default();
    maps.split(|byte| *byte == b'\n').any(|line| {
        let mapped = line.iter().position(|byte| *byte == b'/').map(|at| &line[at..]);
        mapped.is_some_and(|mapped| Path::new(OsStr::from_bytes(mapped)).starts_with(path))
    })
}
