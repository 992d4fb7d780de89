//! Places in a project: where it begins, which files are its own, and which paths lead out of it.

use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;
use nix::sys::statfs::{DEBUGFS_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC, statfs};
use seed_role::Trouble;
use seed_role::host::folder::{self, from_errno};
use seed_role::host::others::is_of_another_user;
use seed_role::trouble::{Kind, Result};

use crate::store::{FOLDER, LOCK};

/// The project that a path lies in: the nearest folder above it with a lock of fragments, with `.git`, or with `fragments/` that are
/// not those of a role or a collection; where there is none, the folder itself.
///
/// A link belongs to the project that it lies in, wherever it leads; unless it leads to the folder of a project.
///
/// # Errors
///
/// When the path is not there.
pub fn root_of(path: &Path) -> Result<PathBuf> {
    let real = folder::real(path)?;
    match project_above(path, &real)? {
        Some(root) => Ok(root),
        None if real.is_dir() => Ok(real),
        None => Ok(real.parent().unwrap_or(&real).to_path_buf()),
    }
}

/// The same, where a folder without a sign of a project is none: all below it may be a whole machine.
///
/// # Errors
///
/// As [`root_of`], and when there is no project.
pub fn project_of(path: &Path) -> Result<PathBuf> {
    let real = folder::real(path)?;
    project_above(path, &real)?.ok_or_else(|| {
        let said = format!("neither {} nor a folder above it has .seed/fragments.lock, .git or fragments/", real.display());
        Trouble::new(format!("find the project of {}", path.display()), said)
            .hint("create the folder fragments/ at the top of the project")
    })
}

fn project_above(path: &Path, real: &Path) -> Result<Option<PathBuf>> {
    let is_plain = !path.components().any(|part| part == Component::ParentDir);
    let written = std::path::absolute(path).ok().filter(|_| is_plain);
    let found = written.as_deref().and_then(nearest).or_else(|| nearest(real));
    found.map(folder::real).transpose()
}

fn nearest(path: &Path) -> Option<&Path> {
    let start = path.parent().filter(|_| !path.is_dir()).unwrap_or(path);
    let has_fragments = |folder: &Path| {
        let is_part = folder.parent().and_then(Path::file_name).is_some_and(|kind| kind == "roles" || kind == "collections");
        !is_part && has_sign(folder, "fragments")
    };
    start.ancestors().find(|folder| is_own_project(folder) || has_fragments(folder))
}

/// Whether a folder is a project, whatever is above it.
fn is_own_project(folder: &Path) -> bool {
    has_sign(folder, ".git") || has_sign(folder, LOCK)
}

/// Whether a sign of a project is there, and counts. In a folder like /tmp another user can put one above the folders of everybody, and
/// what root or a user reads and runs would come from there: so it must belong to this user, or to the owner of the folder.
fn has_sign(folder: &Path, sign: &str) -> bool {
    let owner = |path: &Path| path.symlink_metadata().map(|about| about.uid()).ok();
    let path = folder.join(sign);
    let Some(uid) = owner(&path).filter(|_| path.exists()) else { return false };
    !is_of_another_user(uid) || owner(folder) == Some(uid)
}

/// The path of a file or folder relative to the project, links followed. `root` has none in it.
///
/// # Errors
///
/// [`Kind::Unsafe`] where it leads outside the project, and what the system says of one that is not there.
pub fn inside(root: &Path, path: &Path) -> Result<PathBuf> {
    let real = folder::real(path)?;
    match real.strip_prefix(root) {
        Ok(relative) => Ok(relative.to_path_buf()),
        Err(_) => {
            let said = format!("it leads to {}, outside the project {}", real.display(), root.display());
            Err(Trouble::new(format!("use {}", path.display()), said)
                .kind(Kind::Unsafe)
                .hint("Seed reads and writes only files of the project"))
        }
    }
}

/// As [`inside`], for what a person names: a file or folder of this very project.
///
/// # Errors
///
/// As [`inside`]; and where it belongs to a project within the project, or to the kernel, whose files are none.
pub fn named(root: &Path, path: &Path) -> Result<PathBuf> {
    let relative = inside(root, path)?;
    let attempted = || format!("use {}", path.display());
    let mut above = relative.ancestors().filter(|part| !part.as_os_str().is_empty());
    if let Some(other) = above.find(|part| is_own_project(&root.join(part))) {
        return Err(Trouble::new(attempted(), format!("it belongs to the project in {}, not to this one", other.display()))
            .hint("run the command there"));
    }
    let kind = statfs(&root.join(&relative)).map_err(|errno| from_errno(attempted(), errno))?.filesystem_type();
    if [PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC].contains(&kind) {
        return Err(Trouble::new(attempted(), "it is a file of the kernel (proc, sysfs)"));
    }
    Ok(relative)
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

/// What tells git what to ignore in a folder and below, if it cannot be read: it is no file, or too long for one. A walk would wait for a
/// pipe, and end at no `/dev/zero`.
pub fn unreadable_rules(folder: &Path) -> Option<PathBuf> {
    const RULES: [&str; 3] = [".gitignore", ".ignore", ".git/info/exclude"];
    const LONGEST: u64 = 1 << 20;
    let is_odd = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|about| !about.is_file() || about.len() > LONGEST);
    RULES.iter().map(|name| folder.join(name)).find(is_odd)
}

/// A walk over the files below a path of the project, by git's rules of what is ignored. It follows no link, and leaves neither the
/// file system nor the project for one within it. Folders whose rules cannot be read are left out, and given to `left_out`.
///
/// # Errors
///
/// When such rules are in the folder itself or above it.
pub fn walk(root: &Path, path: &Path, left_out: impl Fn(PathBuf) + Send + Sync + 'static) -> Result<ignore::WalkParallel> {
    if let Some(rules) = path.ancestors().find_map(unreadable_rules) {
        return Err(Trouble::new(format!("look through {}", path.display()), no_rules(&rules)));
    }
    let root = root.to_path_buf();
    let mut builder = WalkBuilder::new(path);
    builder
        .hidden(false)
        .require_git(false)
        .follow_links(false)
        .same_file_system(true)
        .threads(std::thread::available_parallelism().map_or(2, usize::from));
    builder.filter_entry(move |entry| {
        let is_folder = entry.depth() > 0 && entry.file_type().is_some_and(|kind| kind.is_dir());
        let is_meant = entry.path().strip_prefix(&root).is_ok_and(|relative| !is_apart(relative))
            && !(is_folder && is_own_project(entry.path()));
        match is_meant.then(|| unreadable_rules(entry.path()).filter(|_| is_folder)).flatten() {
            Some(rules) => {
                left_out(rules);
                false
            }
            None => is_meant,
        }
    });
    Ok(builder.build_parallel())
}

/// What is wrong with rules that cannot be read, in words.
pub fn no_rules(rules: &Path) -> String {
    format!("{} is not a file or is too long, so Seed cannot find out what git ignores", rules.display())
}
