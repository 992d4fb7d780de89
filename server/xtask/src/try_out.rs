//! `cargo xtask try`: Seed as a newcomer meets it. When it ends, the machine is as it was.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::layout::{self, Profile};
use crate::process::{build_seed, output, shown};
use crate::{Result, tools};

/// The example that is opened.
pub const EXAMPLE: &str = "hello.seed.yaml";

/// What stands above the example.
const KEYS: &str = "\
# Type one of these lines and press Enter:
#   :SeedPlan            show what would change
#   :SeedApply           show it; y confirms, and hello.txt is created
#   :SeedApply absent    restore the previous state
# q closes a plan or a result. :quitall leaves Neovim and restores the previous state, too.

";

/// Builds, and opens the example in Neovim; without a terminal, goes through it once.
///
/// # Errors
///
/// When something is missing that cannot be had, or a command fails.
pub fn run(args: &[String]) -> Result {
    let profile = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Profile::Debug,
        ["--release"] => Profile::Release,
        _ => return Err("try takes no argument but --release".into()),
    };
    println!("building seed ({})", if profile == Profile::Debug { "unoptimised; --release optimises" } else { "optimised" });
    let seed = build_seed(profile)?;
    let nvim = tools::neovim()?;
    let session = Session::new(seed, nvim)?;
    println!("seed:    {}\nNeovim:  {}\nfolder:  {}", session.seed.display(), session.nvim.display(), session.folder().display());
    let outcome = if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() { session.open() } else { session.show() };
    session.end()?;
    outcome
}

/// A folder for everything that is written, the state of Seed and Neovim included.
pub struct Session {
    seed: PathBuf,
    nvim: PathBuf,
    scratch: TempDir,
}

impl Session {
    /// A folder with the example.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn new(seed: PathBuf, nvim: PathBuf) -> Result<Session> {
        // Whoever stops this wants the machine as it was, too.
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let note = SigAction::new(SigHandler::Handler(note_stop), SaFlags::SA_RESTART, SigSet::empty());
            // SAFETY: the handler only stores into an atomic.
            unsafe { sigaction(signal, &note) }?;
        }
        let session = Session { seed, nvim, scratch: tempfile::Builder::new().prefix("seed-try-").tempdir()? };
        fs::create_dir(session.folder())?;
        let example = fs::read_to_string(layout::root().join("examples").join(EXAMPLE))?;
        fs::write(session.folder().join(EXAMPLE), format!("{KEYS}{example}"))?;
        Ok(session)
    }

    /// Where the example is.
    pub fn folder(&self) -> PathBuf {
        self.scratch.path().join("hello")
    }

    /// A command in the example's folder that finds `seed`, and writes nothing into the person's home.
    fn command(&self, program: &Path, args: &[&str]) -> Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let first = self.seed.parent().unwrap_or(Path::new("/")).to_path_buf();
        let path = std::env::join_paths(std::iter::once(first).chain(std::env::split_paths(&path)))?;
        let mut command = Command::new(program);
        command.args(args).current_dir(self.folder()).env("PATH", path).env("SEED_STATE_DIR", self.scratch.path().join("seed"));
        for name in ["XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, self.scratch.path().join(name));
        }
        // Neovim leaves a folder there.
        command.env("TMPDIR", self.scratch.path());
        Ok(command)
    }

    /// Neovim with the plugin and no configuration.
    ///
    /// # Errors
    ///
    /// When the path to the program cannot be passed on.
    pub fn editor(&self, args: &[&str]) -> Result<Command> {
        let plugin = format!("set runtimepath^={}", layout::root().display());
        let mut all = vec!["--clean", "--cmd", plugin.as_str()];
        all.extend(args);
        self.command(&self.nvim, &all)
    }

    /// Neovim on the example, until the person leaves it or this is stopped.
    fn open(&self) -> Result {
        let mut nvim = self.editor(&[EXAMPLE])?.spawn()?;
        let mut is_signalled = false;
        while nvim.try_wait()?.is_none() {
            if STOP.load(Ordering::Relaxed) && !is_signalled {
                kill(Pid::from_raw(nvim.id().try_into()?), Signal::SIGTERM)?;
                is_signalled = true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Goes through the example once, from nothing to nothing.
    fn show(&self) -> Result {
        let seed = |args: &[&str]| self.command(&self.seed, args);
        step(&mut seed(&["check", EXAMPLE])?, &[0])?;
        step(&mut seed(&["plan", EXAMPLE])?, &[2])?;
        step(&mut self.editor(&["--headless", EXAMPLE, "+SeedApply!", "+qa"])?, &[0])?;
        step(&mut seed(&["info", EXAMPLE])?, &[0])?;
        step(&mut seed(&["apply", "--yes", "--state", "absent", EXAMPLE])?, &[0])
    }

    /// Removes what is still applied, then the folder. If that fails, the folder stays, with the state that is needed to try again.
    ///
    /// # Errors
    ///
    /// When something is still applied.
    pub fn end(self) -> Result {
        for entry in fs::read_dir(self.folder())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.ends_with(".seed.yaml") {
                continue;
            }
            let args = ["apply", "--yes", "--destroy-data", "--prune", "--state", "absent", name.as_str()];
            let mut remove = self.command(&self.seed, &args)?;
            if let Err(error) = output(&mut remove) {
                let state = self.scratch.path().join("seed");
                let folder = self.folder();
                let _ = self.scratch.keep();
                let again = format!("SEED_STATE_DIR={} {}", state.display(), shown(&remove));
                return Err(format!("{error}\n{name} is still applied. Try again in {}: {again}", folder.display()).into());
            }
        }
        self.scratch.close()?;
        println!("\nThe machine is as it was.");
        Ok(())
    }
}

/// Whether this is asked to stop.
static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn note_stop(_: libc::c_int) {
    STOP.store(true, Ordering::Relaxed);
}

/// Shows a command, runs it, and expects one of these statuses.
fn step(command: &mut Command, statuses: &[i32]) -> Result {
    println!("\n$ {}", shown(command));
    let status = command.status()?;
    if status.code().is_some_and(|code| statuses.contains(&code)) {
        return Ok(());
    }
    Err(format!("{} ended with {status}", shown(command)).into())
}
