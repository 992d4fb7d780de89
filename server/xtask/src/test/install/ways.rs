//! The ways to install the program besides the README's.

use std::fs;
use std::path::Path;

use super::document::{lines, section};
use super::machine::Machine;
use super::plugin;
use crate::dist::oldest_glibc;
use crate::process::{command, output};
use crate::test::Context;
use crate::{Result, layout};

const DOCUMENT: &str = "doc/book/src/install.md";

/// Files that each installation has, below its prefix.
const INSTALLED: &[&str] = &[
    "bin/seed",
    "share/man/man1/seed.1.gz",
    "share/man/man1/seed-apply.1.gz",
    "share/bash-completion/completions/seed",
    "share/fish/vendor_completions.d/seed.fish",
    "share/nvim/site/pack/seed/start/seed/plugin/seed.lua",
    "share/nvim/site/pack/seed/start/seed/doc/tags",
];

/// The program and its files are there, and `sudo` finds it.
///
/// # Errors
///
/// When something is missing.
pub fn is_installed(machine: &Machine, prefix: &str) -> Result {
    for path in INSTALLED.iter().map(|path| format!("{prefix}/{path}")) {
        if !machine.at(&path).is_file() {
            return Err(format!("{path} is missing").into());
        }
    }
    sudo_finds_it(machine)
}

/// The user and `sudo` run the program.
fn sudo_finds_it(machine: &Machine) -> Result {
    let expected = format!("seed {}\n", env!("CARGO_PKG_VERSION"));
    for words in [&["seed", "--version"][..], &["sudo", "seed", "--version"]] {
        let said = machine.as_user(words)?;
        if !said.ends_with(&expected) {
            return Err(format!("{} says {said:?}", words.join(" ")).into());
        }
    }
    Ok(())
}

/// Nothing of an installation is left.
///
/// # Errors
///
/// When something is.
pub fn is_removed(machine: &Machine, prefix: &str) -> Result {
    match INSTALLED.iter().map(|path| format!("{prefix}/{path}")).find(|path| machine.at(path).exists()) {
        Some(path) => Err(format!("{path} is left").into()),
        None => Ok(()),
    }
}

/// The tarball, unpacked as documented; the plugin by a plain clone; and the oldest glibc that is stated.
pub fn tarball_and_clone(context: &Context) -> Result {
    let machine = Machine::new(context.scratch(), "tarball")?;
    let built = layout::target().join("install/build");
    states_its_glibc(&built.join("release/seed"))?;
    let packed = built.join("dist");
    for entry in fs::read_dir(&packed).map_err(|error| format!("nothing is packed in {}: {error}", packed.display()))? {
        let name = entry?.file_name();
        fs::copy(packed.join(&name), machine.at("/home/ada").join(&name))?;
    }
    machine.types(&lines(&section(DOCUMENT, "Tarball")?, "sh")?)?;
    is_installed(&machine, "/usr/local")?;
    plugin::works(&machine)?;
    machine.types(&lines(&section(DOCUMENT, "Removing the tarball")?, "sh")?)?;
    is_removed(&machine, "/usr/local")?;
    machine.as_root(&["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "git"])?;
    // The program comes from elsewhere then.
    fs::copy(built.join("release/seed"), machine.at("/usr/local/bin/seed"))?;
    machine.types(&lines(&section(DOCUMENT, "Plain clone")?, "sh")?)?;
    plugin::works(&machine)
}

/// The document names the glibc that the program needs.
fn states_its_glibc(seed: &Path) -> Result {
    let needed = oldest_glibc(seed)?;
    let text = fs::read_to_string(layout::root().join(DOCUMENT))?;
    if text.contains(&format!("glibc {needed} or later")) {
        return Ok(());
    }
    Err(format!("the program needs glibc {needed}, and {DOCUMENT} does not say so").into())
}

/// cargo's installation, and the package for Arch Linux, built by Debian's makepkg and installed by its pacman.
pub fn cargo_and_arch(context: &Context) -> Result {
    let machine = Machine::new(context.scratch(), "cargo")?;
    for heading in ["Cargo", "Manual pages and completions"] {
        machine.types(&lines(&section(DOCUMENT, heading)?, "sh")?)?;
    }
    sudo_finds_it(&machine)?;
    for path in ["share/man/man1/seed.1", "share/bash-completion/completions/seed"] {
        let path = machine.at("/home/ada/.local").join(path);
        if path.metadata().map_or(0, |metadata| metadata.len()) == 0 {
            return Err(format!("{} is missing", path.display()).into());
        }
    }
    arch(&machine)
}

fn arch(machine: &Machine) -> Result {
    let recipe = fs::read_to_string(layout::root().join("packaging/arch/PKGBUILD"))?;
    if !recipe.contains(concat!("\npkgver=", env!("CARGO_PKG_VERSION"), "\n")) {
        return Err("the PKGBUILD has another version".into());
    }
    let tools = ["makepkg", "pacman-package-manager", "libarchive-tools", "fakeroot", "zstd"];
    machine.as_root(&[&["apt-get", "install", "--quiet", "--yes", "--no-install-recommends"][..], &tools].concat())?;
    let here = "/home/ada/seed/packaging/arch";
    let makepkg = |words: &[&str]| machine.as_user(&[&["env", "--chdir", here, "makepkg"][..], words].concat());
    if makepkg(&["--printsrcinfo"])?.trim() != fs::read_to_string(layout::root().join("packaging/arch/.SRCINFO"))?.trim() {
        return Err("packaging/arch/.SRCINFO is not current: makepkg --printsrcinfo > .SRCINFO".into());
    }
    // The flags of a distribution would compile everything a second time.
    fs::write(machine.at("/home/ada/.makepkg.conf"), "OPTIONS+=(!buildflags)\n")?;
    // What it depends on has other names on Debian.
    makepkg(&["--nodeps", "--noconfirm"])?;
    let made = output(command("find", &[]).arg(machine.at(here)).args(["-name", "*.pkg.tar*"]))?;
    let package = made.lines().next().and_then(|path| path.rsplit('/').next()).ok_or("makepkg made no package")?;
    fs::create_dir_all(machine.at("/opt/arch/var/lib/pacman"))?;
    let path = format!("{here}/{package}");
    machine.as_root(&["pacman", "--root", "/opt/arch", "--upgrade", "--nodeps", "--nodeps", "--noconfirm", &path])?;
    for path in INSTALLED {
        if !machine.at("/opt/arch/usr").join(path).is_file() {
            return Err(format!("the package for Arch Linux has no {path}").into());
        }
    }
    Ok(())
}
