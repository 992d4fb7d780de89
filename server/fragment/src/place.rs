//! Places in a project: where it begins, which files are its own, and which paths lead out of it.

use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;
use seed_role::Trouble;
use seed_role::trouble::{Kind, Result};

use crate::store::{FOLDER, LOCK};
use crate::words::from_io;

/// The project that a path lies in: the nearest folder above it with a lock of fragments, or else with `.git`, or else with
/// `fragments/`; or else the folder itself.
///
/// A link belongs to the project that it lies in, wherever it leads; unless it leads to the folder of a project.
///
/// # Errors
///
/// When the path is not there.
pub fn root_of(path: &Path) -> Result<PathBuf> {
    let real = real(path)?;
    let is_plain = !path.components().any(|part| part == Component::ParentDir);
    let written = std::path::absolute(path).ok().filter(|_| is_plain);
    let found = written.as_deref().and_then(project_above).or_else(|| project_above(&real));
    match found {
        Some(folder) => self::real(folder),
        None if real.is_dir() => Ok(real),
        None => Ok(real.parent().unwrap_or(&real).to_path_buf()),
    }
}

fn project_above(path: &Path) -> Option<&Path> {
    let start = path.parent().filter(|_| !path.is_dir()).unwrap_or(path);
    let above = |name: &str| start.ancestors().find(|folder| folder.join(name).exists());
    above(LOCK).or_else(|| above(".git")).or_else(|| above("fragments"))
}

/// A path without symbolic links.
pub(crate) fn real(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| from_io(format!("look at {}", path.display()), &error))
}

/// The path of a file or folder relative to the project, links followed. `root` has none in it.
///
/// # Errors
///
/// [`Kind::Unsafe`] where it leads out of the project, and what the system says of one that is not there.
pub fn inside(root: &Path, path: &Path) -> Result<PathBuf> {
    let real = real(path)?;
    match real.strip_prefix(root) {
        Ok(relative) => Ok(relative.to_path_buf()),
        Err(_) => {
            let said = format!("it leads to {}, outside of the project {}", real.display(), root.display());
            Err(Trouble::new(format!("use {}", path.display()), said)
                .kind(Kind::Unsafe)
                .hint("only files of the project are read and written"))
        }
    }
}

/// A relative path, as found in a file of the project, as one to read or write.
///
/// # Errors
///
/// [`Kind::Unsafe`] where it leads out of the project, by its words or by symbolic links.
pub fn resolve(root: &Path, relative: &Path) -> Result<PathBuf> {
    let path = root.join(relative);
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    let folder = path.parent().filter(|_| is_plain && path.file_name().is_some());
    let unsafe_path = || Trouble::new(format!("use {}", relative.display()), "it leads out of the project").kind(Kind::Unsafe);
    inside(root, folder.ok_or_else(unsafe_path)?)?;
    Ok(path)
}

/// Whether a path relative to the project holds fragments, or what Seed and git keep for themselves, and no text that embeds fragments.
pub fn is_apart(relative: &Path) -> bool {
    if relative.as_os_str().as_encoded_bytes().ends_with(b".seed-new") {
        return true;
    }
    let mut parts = relative.iter();
    match parts.next().and_then(|first| first.to_str()) {
        Some(".git" | FOLDER | "fragments") => true,
        Some("roles" | "collections") => parts.nth(1).is_some_and(|part| part == "fragments"),
        _ => false,
    }
}

/// A walk over the files below a path of the project, by git's rules of what is ignored; links are not followed.
pub fn walk(root: &Path, path: &Path) -> ignore::WalkParallel {
    let root = root.to_path_buf();
    let mut builder = WalkBuilder::new(path);
    builder
        .hidden(false)
        .require_git(false)
        .follow_links(false)
        .threads(std::thread::available_parallelism().map_or(2, usize::from));
    builder.filter_entry(move |entry| entry.path().strip_prefix(&root).is_ok_and(|relative| !is_apart(relative)));
    builder.build_parallel()
}
