//! A folder with specs and a state of its own, `seed` run in it, and the machine as it was afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::mount::{MntFlags, umount2};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::tree::Tree;

/// The program that is tried.
pub const SEED: &str = env!("CARGO_BIN_EXE_seed");

/// A user without rights.
pub const NOBODY: u32 = 65534;

/// Whether this process is root. Where it must be, a test that needs it fails if it is not.
pub fn is_root() -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "this test cannot run: not root");
    eprintln!("skipped: not root");
    false
}

/// A folder to work in. Mounts and loop devices below it go with it, also when a test fails.
pub struct Sandbox {
    folder: TempDir,
    top: PathBuf,
    work: PathBuf,
}

impl Sandbox {
    /// An empty one. Others may look into it, since some tests act as another user.
    pub fn new() -> Sandbox {
        let folder = tempfile::Builder::new().prefix("seed-cli-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let top = folder.path().canonicalize().unwrap();
        let work = top.join("work");
        fs::create_dir(&work).unwrap();
        Sandbox { folder, top, work }
    }

    /// One with a spec `name.seed.yaml` in it.
    pub fn with_spec(roles: &str) -> (Sandbox, &'static str) {
        let sandbox = Sandbox::new();
        sandbox.write_spec(roles);
        (sandbox, "name.seed.yaml")
    }

    /// Writes the spec `name.seed.yaml` with these roles, given from the first column.
    pub fn write_spec(&self, roles: &str) {
        let indented: String =
            roles.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("  {line}\n") }).collect();
        self.write("name.seed.yaml", &format!("seed: 1\nname: name\nwhy: A test.\n\nroles:\n{indented}"));
    }

    /// The folder that specs lie in.
    pub fn path(&self) -> &Path {
        &self.work
    }

    /// A path in it.
    pub fn at(&self, path: &str) -> PathBuf {
        self.work.join(path)
    }

    /// The folder of the journals.
    pub fn state(&self) -> PathBuf {
        self.top.join("state")
    }

    /// The folder of the only journal.
    pub fn journal(&self) -> PathBuf {
        let journals = fs::read_dir(self.state().join("specs")).unwrap().map(|entry| entry.unwrap().path());
        let journals: Vec<PathBuf> = journals.collect();
        assert_eq!(journals.len(), 1, "{journals:?}");
        journals.into_iter().next().unwrap()
    }

    /// The folder of what was fetched.
    pub fn cache(&self) -> PathBuf {
        self.top.join("cache")
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// What a file holds.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All that lies in the folder.
    pub fn tree(&self) -> Tree {
        Tree::of(&self.work)
    }

    /// A command with its state in this sandbox, that finds no terminal.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.work).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
            .env("SEED_STATE_DIR", self.state())
            .env("SEED_CACHE_DIR", self.cache())
            .env("TZ", "UTC")
            .env("XDG_CONFIG_HOME", self.top.join("config"))
            .env_remove("SEED_MODEL")
            .env_remove("SEED_FAILPOINT")
            .env_remove("SEED_LOG")
            .env_remove("NO_COLOR");
        command
    }

    /// `seed` with arguments.
    pub fn seed_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(SEED);
        command.args(args);
        command
    }

    /// Runs `seed`.
    pub fn seed(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.seed_command(args))
    }

    /// Runs `seed` with text on standard input.
    pub fn seed_with_input(&self, args: &[&str], input: &str) -> Ran {
        let file = self.top.join("input");
        fs::write(&file, input).unwrap();
        Ran::of(self.seed_command(args).stdin(fs::File::open(file).unwrap()))
    }

    /// Runs `seed`, killed right behind the record of the journal with this number.
    pub fn seed_killed_at(&self, record: usize, args: &[&str]) -> Ran {
        Ran::of(self.seed_command(args).env("SEED_FAILPOINT", format!("journal:{record}")))
    }

    /// `seed` run as a user without rights, who owns the folder and its own state.
    pub fn seed_as_nobody(&self, args: &[&str]) -> Ran {
        fs::create_dir_all(self.state_of_nobody()).unwrap();
        for path in [&self.work, &self.state_of_nobody()] {
            own(path, NOBODY);
        }
        self.seed_as_nobody_now(args)
    }

    fn state_of_nobody(&self) -> PathBuf {
        self.top.join("state-of-nobody")
    }

    /// The same where the folder stays as it is: some of it may be another's.
    pub fn seed_as_nobody_now(&self, args: &[&str]) -> Ran {
        self.seed_as_nobody_with(|command| command.args(args))
    }

    /// The same with arguments of any kind and, where it is wanted, another environment.
    pub fn seed_as_nobody_with(&self, more: impl FnOnce(&mut Command) -> &mut Command) -> Ran {
        // The program may lie where that user may not look.
        let program = self.top.join("seed");
        if !program.exists() {
            fs::copy(SEED, &program).unwrap();
        }
        let mut command = self.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
        Ran::of(more(command.env("SEED_STATE_DIR", self.state_of_nobody()).env("HOME", &self.work)))
    }

    /// `seed` run where a program is not there: in a mount namespace of its own (unshare(1)), in which something that cannot
    /// be run lies over it.
    pub fn seed_without(&self, program: &str, args: &[&str]) -> Ran {
        let places = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(|folder| format!("{folder}/{program}"));
        let real: std::collections::BTreeSet<PathBuf> = places.iter().filter_map(|place| fs::canonicalize(place).ok()).collect();
        assert!(!real.is_empty(), "{program} is not installed");
        let hide: String = real.iter().map(|place| format!("mount --bind /dev/null '{}' && ", place.display())).collect();
        let mut command = self.command("unshare");
        command.args(["--mount", "sh", "-c", &format!("{hide}exec \"$0\" \"$@\""), SEED]).args(args);
        Ran::of(&mut command)
    }

    /// The mounts below the sandbox, in the order of mounting.
    pub fn mounts(&self) -> Vec<PathBuf> {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
        points.filter(|point| point.starts_with(&self.top)).collect()
    }

    /// The loop devices whose files lie, or lay, below the sandbox.
    pub fn loops(&self) -> Vec<PathBuf> {
        let devices = fs::read_dir("/sys/block").unwrap().map(|device| device.unwrap());
        let is_ours = |device: &fs::DirEntry| {
            let backing = fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
            Path::new(backing.trim_end()).starts_with(&self.top)
        };
        devices.filter(is_ours).map(|device| Path::new("/dev").join(device.file_name())).collect()
    }

    /// The processes that were started with the state of the sandbox and are still there: the words of each.
    pub fn processes(&self) -> Vec<String> {
        let wanted = format!("SEED_STATE_DIR={}", self.state().display()).into_bytes();
        let is_ours = |process: &Path| {
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|one| one == wanted)
        };
        let words =
            |process: &Path| String::from_utf8_lossy(&fs::read(process.join("cmdline")).unwrap_or_default()).replace('\0', " ");
        let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        all.filter(|process| is_ours(process)).map(|process| words(&process)).collect()
    }

    /// Asserts that nothing of the sandbox is mounted or attached.
    pub fn assert_nothing_leaks(&self) {
        assert_eq!(self.mounts(), Vec::<PathBuf>::new(), "left mounted");
        assert_eq!(self.loops(), Vec::<PathBuf>::new(), "left attached");
    }

    /// All that Seed wrote down for itself: journals, ledgers, blobs.
    pub fn journal_bytes(&self) -> Vec<u8> {
        let mut open = vec![self.state()];
        let mut bytes = Vec::new();
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                bytes.extend(fs::read(path).unwrap_or_default());
            }
        }
        bytes
    }
}

/// Gives a path to a user, with all below it.
pub fn own(path: &Path, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        fs::read_dir(path).unwrap().for_each(|entry| own(&entry.unwrap().path(), user));
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for at in self.mounts().iter().rev() {
            let _ = umount2(at, MntFlags::MNT_DETACH);
        }
        for device in self.loops() {
            let _ = Command::new("losetup").arg("--detach").arg(device).status();
        }
        assert!(self.folder.path().exists(), "the sandbox itself is gone");
    }
}

/// How a program ended, and what it said.
pub struct Ran {
    words: String,
    output: Output,
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Ran {
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
        Ran { words, output: command.output().unwrap() }
    }

    /// What is already known of one that was started elsewhere.
    pub fn ended(words: &str, output: Output) -> Ran {
        Ran { words: words.into(), output }
    }

    /// The exit status; none if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// Whether it was killed by SIGKILL.
    pub fn was_killed(&self) -> bool {
        self.output.status.signal() == Some(nix::libc::SIGKILL)
    }

    /// Asserts the exit status.
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code(), Some(code), "{}", self.told());
        self
    }

    /// Asserts that something was said on either side.
    #[track_caller]
    pub fn says(self, words: &str) -> Ran {
        assert!(self.stdout().contains(words) || self.stderr().contains(words), "does not say {words:?}: {}", self.told());
        self
    }

    /// Asserts that something was said nowhere.
    #[track_caller]
    pub fn never_says(self, words: &str) -> Ran {
        assert!(!self.stdout().contains(words) && !self.stderr().contains(words), "says {words:?}: {}", self.told());
        self
    }

    /// All of it, for messages.
    pub fn told(&self) -> String {
        format!("`seed {}` ended with {}\n{}{}", self.words, self.output.status, self.stdout(), self.stderr())
    }

    /// Standard output.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Standard error.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Standard output as it came.
    pub fn stdout_bytes(&self) -> &[u8] {
        &self.output.stdout
    }

    /// Standard error as it came.
    pub fn stderr_bytes(&self) -> &[u8] {
        &self.output.stderr
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout()).unwrap_or_else(|error| panic!("not JSON, {error}: {}", self.told()))
    }

    /// Standard output as one JSON value a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Json> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON, {error}: {line}"));
        self.stdout().lines().map(parse).collect()
    }

    /// The last line of an apply with `--json`: its summary.
    #[track_caller]
    pub fn summary(&self) -> Json {
        let last = self.json_lines().pop().unwrap_or_else(|| panic!("no summary: {}", self.told()));
        assert_eq!(last["event"], "summary", "{}", self.told());
        last
    }
}
