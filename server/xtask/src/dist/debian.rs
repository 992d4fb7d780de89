//! The Debian package.

use std::fs;
use std::path::{Path, PathBuf};

use super::tree::{self, files_below};
use super::{moment, version};
use crate::Result;
use crate::layout;
use crate::process::{command, output};

/// What the role types and the plugin use when they find it. `apt install` brings the recommended packages along, as storage
/// works with them at once.
const RECOMMENDS: &str = "btrfs-progs, dosfstools, e2fsprogs, fdisk, mount";
const SUGGESTS: &str = "neovim (>= 0.11), qemu-utils, sudo, systemd, xfsprogs";

/// Makes the package in a folder, and gives its name.
///
/// # Errors
///
/// When a program is missing or fails.
pub fn package(seed: &Path, folder: &Path) -> Result<PathBuf> {
    let scratch = tempfile::tempdir()?;
    let root = scratch.path().join("seed");
    tree::lay_out(seed, &root, Path::new("usr"), tree::DEBIAN)?;
    tree::write(&root.join("usr/share/doc/seed/copyright"), &copyright()?)?;
    let architecture = output(&mut command("dpkg", &["--print-architecture"]))?.trim().to_string();
    let mut size = 0;
    for file in files_below(&root)? {
        size += file.metadata()?.len();
    }
    let control = format!(
        "Package: seed\n\
         Version: {version}\n\
         Architecture: {architecture}\n\
         Maintainer: The Seed maintainers <seed@localhost>\n\
         Installed-Size: {kilobytes}\n\
         Depends: {depends}\n\
         Recommends: {RECOMMENDS}\n\
         Suggests: {SUGGESTS}\n\
         Section: admin\n\
         Priority: optional\n\
         Description: turns a YAML spec of a machine into that machine\n\
         \x20Seed reads a spec of disk images, volumes, file systems, mounts and files, shows\n\
         \x20how the machine differs from it, applies it, and restores the previous state.\n\
         \x20This package has the command line, the language server and the plugin for\n\
         \x20Neovim 0.11 and later.\n",
        version = version(),
        kilobytes = size.div_ceil(1024),
        depends = depends(seed, scratch.path())?,
    );
    tree::write(&root.join("DEBIAN/control"), &control)?;
    let file = PathBuf::from(format!("seed_{}_{architecture}.deb", version()));
    let mut build = command("dpkg-deb", &["--root-owner-group", "-Zxz", "--build"]);
    build.arg(&root).arg(folder.join(&file)).env("SOURCE_DATE_EPOCH", moment());
    // It says the name of the package; that is said at the end, for all of them.
    output(&mut build)?;
    Ok(file)
}

/// The packages of the libraries that the program is linked with, each with the oldest version that has its symbols.
fn depends(seed: &Path, scratch: &Path) -> Result<String> {
    // It refuses to run without the source package's control file.
    fs::create_dir(scratch.join("debian"))?;
    fs::write(scratch.join("debian/control"), "Source: seed\n\nPackage: seed\nArchitecture: any\n")?;
    let said = output(command("dpkg-shlibdeps", &["-O", "-e"]).arg(seed).current_dir(scratch))?;
    let depends = said.trim().strip_prefix("shlibs:Depends=").filter(|depends| !depends.is_empty());
    Ok(depends.ok_or_else(|| format!("dpkg-shlibdeps said {said:?}"))?.to_string())
}

/// The licences, as Debian's policy wants them.
fn copyright() -> Result<String> {
    let mit = fs::read_to_string(layout::root().join("LICENSE-MIT"))?;
    let owner = mit.lines().find_map(|line| line.strip_prefix("Copyright (c) ")).ok_or("LICENSE-MIT names no owner")?;
    Ok(format!(
        "Seed is copyright {owner}.\n\n\
         You may use it under the Apache License, version 2.0, which is in /usr/share/common-licenses/Apache-2.0,\n\
         or under the MIT License:\n\n{mit}\n\
         The program contains nvim-rs, which is under the GNU Lesser General Public License, version 3\n\
         (/usr/share/common-licenses/LGPL-3).\n"
    ))
}
