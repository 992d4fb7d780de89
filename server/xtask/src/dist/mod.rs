//! `cargo xtask dist`: what a release consists of, in `target/dist`: a Debian package, a tarball for other systems, and their
//! checksums.
//!
//! Everything is packed by programs that each system with a package manager has (`tar`, `gzip`, `dpkg-deb`), so a release needs
//! nothing that a build does not need.

mod debian;
mod libraries;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use crate::layout::{self, Profile};
use crate::process::{self, build_seed, command, output, run};
use crate::{Result, tools};
pub use libraries::oldest_glibc;

/// Packs a release, or with `--into FOLDER` lays out the files that a package of another system installs.
///
/// # Errors
///
/// When something does not build, or a program is missing.
pub fn run_task(args: &[String]) -> Result {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => pack(),
        ["--into", folder] => tree::lay_out(&build_seed(Profile::Release)?, Path::new(folder), Path::new("usr"), tree::ARCH),
        _ => Err("dist takes no argument but --into FOLDER".into()),
    }
}

fn pack() -> Result {
    let seed = build_seed(Profile::Release)?;
    let folder = layout::target().join("dist");
    // Packages of an earlier version must not be installed, or get a checksum.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let mut packed = vec![tarball(&seed, &folder)?];
    // Elsewhere nothing knows which of Debian's packages have the libraries.
    if process::find("apt-get").is_some() {
        tools::need(tools::FOR_DEBIAN_PACKAGES)?;
        packed.push(debian::package(&seed, &folder)?);
    } else {
        println!("no Debian package: it can be made on Debian and its derivatives only");
    }
    let names: Vec<String> = packed.iter().map(|name| name.display().to_string()).collect();
    let sums = output(command("sha256sum", &["--"]).args(&names).current_dir(&folder))?;
    fs::write(folder.join("SHA256SUMS"), sums)?;
    for name in names.iter().map(String::as_str).chain(["SHA256SUMS"]) {
        println!("{}", folder.join(name).display());
    }
    println!("They need glibc {} or later.", oldest_glibc(&seed)?);
    Ok(())
}

/// The tarball, to be unpacked into `/usr/local`.
fn tarball(seed: &Path, folder: &Path) -> Result<PathBuf> {
    let name = format!("seed-{}-{}-linux", version(), std::env::consts::ARCH);
    let scratch = tempfile::tempdir()?;
    tree::lay_out(seed, scratch.path(), Path::new(&name), tree::LOCAL)?;
    let file = PathBuf::from(format!("{name}.tar.gz"));
    let mut tar = command("tar", &["--create", "--gzip", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--file"]);
    tar.arg(folder.join(&file)).arg(format!("--mtime=@{}", moment())).arg("--directory").arg(scratch.path()).arg(&name);
    run(&mut tar)?;
    Ok(file)
}

/// The version of this workspace.
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The time that all packed files carry, so that the same sources give the same packages: that of the last commit, in seconds.
fn moment() -> String {
    let asked = std::env::var("SOURCE_DATE_EPOCH").ok();
    let committed = || output(&mut command("git", &["log", "-1", "--format=%ct"])).ok();
    let seconds = asked.or_else(committed).and_then(|text| text.trim().parse::<u64>().ok());
    seconds.unwrap_or_default().to_string()
}
