//! The files that an installation consists of: the program, its manual pages and completions, the plugin, the licences.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::layout;
use crate::process::{command, output, run};

/// Where systems differ in the folders that they look into.
pub struct Places {
    /// For completions of zsh.
    zsh: &'static str,
    /// For completions of fish.
    fish: &'static str,
    /// For licences; Debian wants a file of its own.
    licences: Option<&'static str>,
}

/// Debian and its derivatives.
pub const DEBIAN: Places =
    Places { zsh: "share/zsh/vendor-completions", fish: "share/fish/vendor_completions.d", licences: None };
/// Arch Linux and its derivatives.
pub const ARCH: Places =
    Places { zsh: "share/zsh/site-functions", fish: "share/fish/vendor_completions.d", licences: Some("share/licenses/seed") };
/// `/usr/local`, on any system.
pub const LOCAL: Places =
    Places { zsh: "share/zsh/site-functions", fish: "share/fish/vendor_completions.d", licences: Some("share/doc/seed") };

/// The plugin, where each Neovim finds it at its start (`:help packages`).
const PLUGIN: &str = "share/nvim/site/pack/seed/start/seed";
/// The parts of the plugin.
const PLUGIN_PARTS: &[&str] = &["plugin", "ftplugin", "lsp", "lua", "doc/seed.txt"];
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

/// Puts all files below `root/prefix`.
///
/// # Errors
///
/// When the program does not run, or a file cannot be written.
pub fn lay_out(seed: &Path, root: &Path, prefix: &Path, places: Places) -> Result {
    let base = root.join(prefix);
    copy(seed, &base.join("bin/seed"), 0o755)?;
    manual(seed, &base.join("share/man/man1"))?;
    for (shell, file) in [
        ("bash", "share/bash-completion/completions/seed".to_string()),
        ("zsh", format!("{}/_seed", places.zsh)),
        ("fish", format!("{}/seed.fish", places.fish)),
    ] {
        write(&base.join(file), &output(&mut command(seed, &["completions", shell]))?)?;
    }
    for part in PLUGIN_PARTS {
        copy_all(&layout::root().join(part), &base.join(PLUGIN).join(part))?;
    }
    let help = fs::read_to_string(layout::root().join("doc/seed.txt"))?;
    write(&base.join(PLUGIN).join("doc/tags"), &help_tags("seed.txt", &help))?;
    for licence in places.licences.iter().flat_map(|folder| LICENCES.iter().map(move |name| Path::new(folder).join(name))) {
        copy(&layout::root().join(licence.file_name().unwrap_or_default()), &base.join(&licence), 0o644)?;
    }
    Ok(())
}

/// The manual pages, compressed without a date.
fn manual(seed: &Path, folder: &Path) -> Result {
    run(command(seed, &["man"]).arg(folder))?;
    for page in files_below(folder)? {
        fs::set_permissions(&page, fs::Permissions::from_mode(0o644))?;
        run(command("gzip", &["--best", "--no-name"]).arg(&page))?;
    }
    // The program made the folder itself.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// What `:helptags` writes for one file: each `*tag*` with the place where it stands, sorted by bytes.
fn help_tags(file: &str, text: &str) -> String {
    let is_tag =
        |word: &&str| word.len() > 2 && word.starts_with('*') && word.ends_with('*') && !word[1..word.len() - 1].contains('*');
    let mut tags: Vec<&str> =
        text.lines().flat_map(|line| line.split([' ', '\t'])).filter(is_tag).map(|word| &word[1..word.len() - 1]).collect();
    tags.sort_unstable();
    tags.iter().map(|tag| format!("{tag}\t{file}\t/*{}*\n", tag.replace('\\', "\\\\").replace('/', "\\/"))).collect()
}

fn copy_all(from: &Path, to: &Path) -> Result {
    if !from.is_dir() {
        return copy(from, to, 0o644);
    }
    for file in files_below(from)? {
        copy(&file, &to.join(file.strip_prefix(from)?), 0o644)?;
    }
    Ok(())
}

/// All files in a folder and the folders in it, sorted.
///
/// # Errors
///
/// When a folder cannot be read.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.append(&mut files_below(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result {
    create_folder_of(to)?;
    fs::copy(from, to).map_err(|error| format!("cannot copy {} to {}: {error}", from.display(), to.display()))?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(mode))?)
}

/// Writes a file with the mode of installed files, whatever this user's umask says.
pub fn write(path: &Path, text: &str) -> Result {
    create_folder_of(path)?;
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o644))?)
}

fn create_folder_of(path: &Path) -> Result {
    use std::os::unix::fs::DirBuilderExt;
    let folder = path.parent().ok_or_else(|| format!("{} has no parent folder", path.display()))?;
    Ok(fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?)
}

#[cfg(test)]
mod tests {
    use super::help_tags;

    #[test]
    fn tags_are_those_of_helptags() {
        let help = "*seed.txt*  Title\n\n                 *seed* *:SeedApply*\nNo tags: 2*3*4, |seed|, ** and *two words*.\n";
        let expected = ":SeedApply\tseed.txt\t/*:SeedApply*\nseed\tseed.txt\t/*seed*\nseed.txt\tseed.txt\t/*seed.txt*\n";
        assert_eq!(help_tags("seed.txt", help), expected);
    }
}
