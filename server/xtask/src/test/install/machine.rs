//! A bare Debian, as a newcomer has it: no tool but `sudo`, a user `ada`, Rust and Neovim.
//!
//! Rust and Neovim come from this machine, read-only, as they would come from their own installers, which are not tested
//! here. Everything else is installed by the commands that are tried.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::layout;
use crate::process::{command, output, run};
use crate::terminal::Terminal;
use crate::tools;

/// The oldest Debian on which Seed is built: what is built there runs on newer ones.
const SUITE: &str = "bookworm";
/// What is on each Debian that a person uses, and not in a minimal root.
const INSTALLED: &str = "ca-certificates,sudo";
/// The user's id, in the machine and as the owner of what is kept of the build.
const ADA: u32 = 1000;
/// How long a command may take: one of them is a release build.
const MOST: Duration = Duration::from_secs(25 * 60);

/// The environment of the user. makepkg sets the date of the sources where nobody else has, and the libraries in C are built
/// again when it changes.
const PROFILE: &str = "\
PATH=$PATH:/opt/rust/bin:/opt/nvim/bin
export LANG=C.UTF-8 CARGO_NET_OFFLINE=true SOURCE_DATE_EPOCH=1700000000
";

/// What git runs behind a clone: it finds what was built of the last one, and cargo sees by the times of the files what has changed.
const AFTER_CLONE: &str = "\
#!/bin/sh -e
ln -s /opt/build target
here=$PWD
cd /opt/seed.git
git ls-files -z | xargs -0 cp --parents --no-dereference --attributes-only --preserve=timestamps --target-directory \"$here\"
";

/// The root of such a machine, and where the caches are.
pub struct Machine {
    root: PathBuf,
    scratch: PathBuf,
    cache: PathBuf,
}

impl Machine {
    /// A new one in the scratch folder.
    ///
    /// # Errors
    ///
    /// When Debian cannot be downloaded, or a program is missing on this machine.
    pub fn new(scratch: &Path, name: &str) -> Result<Machine> {
        let cache = layout::target().join("install");
        for folder in ["apt", "build"] {
            fs::create_dir_all(cache.join(folder))?;
        }
        std::os::unix::fs::chown(cache.join("build"), Some(ADA), Some(ADA))?;
        let scratch = scratch.join(name);
        let root = scratch.join("root");
        fs::create_dir_all(&root)?;
        let machine = Machine { root, scratch, cache };
        run(command("tar", &["--extract", "--file"]).arg(machine.image()?).arg("--directory").arg(&machine.root))?;
        machine.furnish()?;
        Ok(machine)
    }

    /// The archive of the root, made once.
    fn image(&self) -> Result<PathBuf> {
        let image = self.cache.join(format!("{SUITE}.tar"));
        if !image.exists() {
            let made = self.scratch.join("new.tar");
            let mut make = command("mmdebstrap", &["--quiet", "--variant=minbase", "--skip=cleanup/apt/lists"]);
            make.arg(format!("--include={INSTALLED}")).arg(SUITE).arg(&made).env("TMPDIR", &self.scratch);
            output(&mut make)?;
            fs::copy(&made, &image)?;
            fs::remove_file(made)?;
        }
        Ok(image)
    }

    /// Adds the user, and a copy of this checkout as the repository that is cloned.
    fn furnish(&self) -> Result {
        let write = |path: &str, text: &str| -> Result {
            let path = self.root.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            Ok(fs::write(path, text)?)
        };
        write("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 desk\n")?;
        write("etc/sudoers.d/ada", "ada ALL=(ALL:ALL) NOPASSWD: ALL\n")?;
        // As rustup and Neovim's own archive set it: for the user, not for sudo.
        write("etc/profile.d/ada.sh", PROFILE)?;
        // The packages that the commands install are fetched once.
        write("etc/apt/apt.conf.d/90keep", "Binary::apt::APT::Keep-Downloaded-Packages \"true\";\n")?;
        // The documents have no real address.
        write(
            "etc/gitconfig",
            "[url \"/opt/seed.git\"]\n\tinsteadOf = https://example.org/seed.git\n[safe]\n\tdirectory = *\n[core]\n\thooksPath = /opt/hooks\n",
        )?;
        write("opt/hooks/post-checkout", AFTER_CLONE)?;
        fs::set_permissions(self.root.join("opt/hooks/post-checkout"), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        self.as_root(&["useradd", "--create-home", "--uid", &ADA.to_string(), "--shell", "/bin/bash", "ada"])?;
        // The folders above a mount point were made by root.
        for folder in ["home/ada", "home/ada/.cargo"] {
            std::os::unix::fs::chown(self.root.join(folder), Some(ADA), Some(ADA))?;
        }
        // The prompt shows the status of the last command.
        write("home/ada/.bash_profile", ". /etc/profile\nPS1='[$?] \\w$ '\n")?;
        self.as_root(&["apt-get", "update", "--quiet"])?;
        repository(&self.root.join("opt/seed.git"))
    }

    /// A path as the machine's user sees it, on this machine.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn enter(&self, words: &[&str]) -> Result<Command> {
        let mut nspawn = command("systemd-nspawn", &["--quiet", "--register=no", "--keep-unit", "--as-pid2", "--hostname=desk"]);
        nspawn.arg("--directory").arg(&self.root);
        let sysroot = output(command("rustc", &["--print", "sysroot"]).current_dir(layout::root()))?;
        let nvim = tools::neovim()?.canonicalize()?;
        let nvim = nvim.ancestors().nth(2).ok_or("Neovim is in no folder")?;
        let registry = cargo_home()?.join("registry");
        let bind = |option: &str, from: &Path, to: &str| format!("--{option}={}:{to}", from.display());
        nspawn.arg(bind("bind-ro", Path::new(sysroot.trim()), "/opt/rust"));
        nspawn.arg(bind("bind-ro", nvim, "/opt/nvim"));
        nspawn.arg(bind("bind-ro", &registry, "/home/ada/.cargo/registry"));
        nspawn.arg(bind("bind", &self.cache.join("apt"), "/var/cache/apt/archives"));
        nspawn.arg(bind("bind", &self.cache.join("build"), "/opt/build"));
        nspawn.args(words);
        Ok(nspawn)
    }

    /// Runs a program as root, which must succeed.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn as_root(&self, words: &[&str]) -> Result<String> {
        self.output_of(&["--pipe"], words)
    }

    /// Runs a program as the user with the environment of a login, which must succeed.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn as_user(&self, words: &[&str]) -> Result<String> {
        let login = ["--pipe", "--user=ada", "--chdir=/home/ada", "/bin/bash", "--login", "-c", "exec \"$@\"", "seed"];
        self.output_of(&login, words)
    }

    fn output_of(&self, options: &[&str], words: &[&str]) -> Result<String> {
        let ended = self.enter(&[options, words].concat())?.stdin(Stdio::null()).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if ended.status.success() {
            return Ok(text(&ended.stdout));
        }
        let (stdout, stderr) = (text(&ended.stdout), text(&ended.stderr));
        Err(format!("{} ended with {}:\n{stdout}{stderr}", words.join(" "), ended.status).into())
    }

    /// Types commands into a new shell of the user, which must succeed.
    ///
    /// # Errors
    ///
    /// With the screen, when one fails.
    pub fn types(&self, lines: &[String]) -> Result {
        let mut shell = self.shell()?;
        for line in lines {
            shell.run(line)?;
        }
        shell.exit()
    }

    /// The user's shell in a terminal. As long as it runs, nothing else can run in the machine.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn shell(&self) -> Result<Shell> {
        let login = self.enter(&["--user=ada", "--chdir=/home/ada", "/bin/bash", "--login"])?;
        let shell = Shell { terminal: Terminal::start(&self.scratch, &login)? };
        shell.prompt("the shell")?;
        Ok(shell)
    }
}

/// A shell in a terminal, at its prompt.
pub struct Shell {
    /// The terminal it is in.
    pub terminal: Terminal,
}

impl Shell {
    /// Types a command, answers what apt asks by Enter, and waits for the prompt. The command must succeed.
    ///
    /// # Errors
    ///
    /// With the screen, when it does not.
    pub fn run(&mut self, line: &str) -> Result<String> {
        println!("  $ {line}");
        self.terminal.type_text(line)?;
        self.terminal.press("Enter")?;
        loop {
            let screen = self.terminal.wait_for(line, MOST, |screen| {
                let last = last_line(screen);
                status(last).is_some() || last.ends_with("[Y/n]")
            })?;
            match status(last_line(&screen)) {
                Some("0") => return Ok(screen),
                Some(status) => return Err(format!("`{line}` ended with status {status}:\n{screen}").into()),
                None => self.terminal.press("Enter")?,
            }
            // The question stands there until apt has taken the answer.
            self.terminal.wait_for("apt to go on", MOST, |screen| !last_line(screen).ends_with("[Y/n]"))?;
        }
    }

    fn prompt(&self, what: &str) -> Result<String> {
        self.terminal.wait_for(what, Duration::from_secs(60), |screen| status(last_line(screen)).is_some())
    }

    /// Ends the shell, and with it all that runs in the machine.
    ///
    /// # Errors
    ///
    /// When it goes on.
    pub fn exit(mut self) -> Result {
        self.terminal.type_text("exit")?;
        self.terminal.press("Enter")?;
        self.terminal.wait_for_end(Duration::from_secs(60))
    }
}

fn last_line(screen: &str) -> &str {
    screen.trim_end().lines().next_back().unwrap_or_default().trim_end()
}

/// The status that an empty prompt shows: `[0] ~$`.
fn status(line: &str) -> Option<&str> {
    let (status, rest) = line.strip_prefix('[')?.split_once("] ")?;
    (rest.ends_with('$') && !rest.contains(' ')).then_some(status)
}

fn cargo_home() -> Result<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home).ok_or_else(|| "HOME is not set".into())
}

/// A repository with one commit: the files of this checkout, also those that are not committed yet.
fn repository(there: &Path) -> Result {
    fs::create_dir_all(there)?;
    let listed = output(&mut command("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    // A file that is deleted may still be listed.
    let files = listed.split('\0').filter(|name| !name.is_empty() && layout::root().join(name).symlink_metadata().is_ok());
    let mut copy = command("cp", &["--parents", "--no-dereference", "--preserve=mode,timestamps", "--target-directory"]);
    run(copy.arg(there).arg("--").args(files))?;
    for words in [&["init", "--quiet"][..], &["add", "--all", "--force"], &["commit", "--quiet", "--message=The checkout"]] {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"];
        output(command("git", &identity).args(words).current_dir(there))?;
    }
    Ok(())
}
