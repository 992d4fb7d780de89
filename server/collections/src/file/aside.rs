//! Putting a file or folder aside, beside its place, instead of destroying it; and bringing it back.

use std::path::{Path, PathBuf};

use seed_role::host::{FileKind, Host, unforeseen};
use seed_role::step::{KEPT, Kept, Step};
use seed_role::trouble::Result;

use super::folder_of;

/// What the name of the step that puts aside begins with; the name to keep it under follows, so that an interruption can be undone.
const STEP: &str = "put aside as ";

/// Where something is put aside: hidden, in the same folder, so that one rename does it.
fn place(path: &Path, keep: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(keep);
    path.with_file_name(name)
}

/// Whether a name is that of something put aside.
fn is_place(name: &str) -> bool {
    let are = |text: &str, is_one: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(is_one);
    let Some((_, run)) = name.strip_prefix('.').and_then(|name| name.rsplit_once(&format!(".{KEPT}"))) else { return false };
    let (run, rest) = run.split_once('-').unwrap_or((run, "0"));
    are(run, u8::is_ascii_digit) && are(rest, u8::is_ascii_hexdigit)
}

/// The name to keep it under: the one that the engine chose, and more, which nobody can foresee, where something has that name. In a
/// folder that all can write, anybody can have put it there.
fn free(host: &dyn Host, path: &Path, keep: &str) -> Result<String> {
    if host.metadata(&place(path, keep))?.is_none() {
        return Ok(keep.into());
    }
    Ok(format!("{keep}-{}", unforeseen()))
}

/// Whether there is nothing in a folder but what was put aside there, and folders of such.
///
/// # Errors
///
/// When it cannot be read: it may hold anything.
pub(crate) fn is_all_in(host: &dyn Host, folder: &Path) -> Result<bool> {
    for name in host.list(folder)? {
        if is_place(&name) {
            continue;
        }
        let path = folder.join(&name);
        let is_folder = host.metadata(&path)?.is_some_and(|there| there.kind == FileKind::Directory);
        if !is_folder || !is_all_in(host, &path)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts it aside under the name that the engine chose, or one that begins so.
///
/// # Errors
///
/// When it cannot be told whether that name is free.
pub(crate) fn put(host: &dyn Host, path: &Path, keep: &str, what: String) -> Result<Step> {
    let keep = free(host, path, keep)?;
    let (path, aside) = (path.to_path_buf(), place(path, &keep));
    let folder = folder_of(&path).to_path_buf();
    let run = move |host: &dyn Host| {
        host.rename(&path, &aside)?;
        Ok(Some(Kept { what, path: Some(aside), data: None }))
    };
    Ok(Step::keeping(format!("{STEP}{keep}"), run).durable(folder).undo_when_interrupted())
}

/// Undoes an interrupted [`put`]: what was moved and not yet recorded goes back to its place.
pub(crate) fn undo(host: &dyn Host, path: &Path, step: &str) -> Result<()> {
    let Some(keep) = step.strip_prefix(STEP) else { return Ok(()) };
    let aside = place(path, keep);
    if host.metadata(path)?.is_some() || host.metadata(&aside)?.is_none() {
        return Ok(());
    }
    host.rename(&aside, path)?;
    host.sync(&[folder_of(path).to_path_buf()])
}

/// Brings back what was put aside; nothing to do where an earlier attempt has done it already.
pub(crate) fn bring_back(path: &Path, aside: &Path) -> Step {
    let (path, aside) = (path.to_path_buf(), aside.to_path_buf());
    let folder = folder_of(&path).to_path_buf();
    let run = {
        let path = path.clone();
        move |host: &dyn Host| {
            let done = host.metadata(&aside)?.is_none() && host.metadata(&path)?.is_some();
            if done { Ok(()) } else { host.rename(&aside, &path) }
        }
    };
    Step::new("bring back what was put aside", run).folder(folder.clone()).durable(folder)
}
