//! Putting a file or folder aside, beside its place, instead of destroying it; and bringing it back.

use std::path::Path;

use seed_role::backup;
use seed_role::host::{FileKind, Host, unforeseen};
use seed_role::step::{Kept, Step};
use seed_role::trouble::Result;

use super::folder_of;

/// What the name of the step that puts aside begins with; the name to keep it under follows, so that an interruption can be undone.
const STEP: &str = "back up as ";

/// The name to keep it under: the one that the engine chose, and more, which nobody can foresee, where something has that name. In a
/// folder that all can write, anybody can have put it there.
fn free(host: &dyn Host, path: &Path, keep: &str) -> Result<String> {
    let place = backup::place(path, keep);
    match place.parent().map(|folder| host.metadata(folder)).transpose()?.flatten() {
        None => Ok(keep.into()),
        Some(_) => Ok(format!("{keep}-{}", unforeseen())),
    }
}

/// Whether there is nothing in a folder but what was put aside there, and folders of such.
///
/// # Errors
///
/// When it cannot be read: it may hold anything.
pub(crate) fn is_all_in(host: &dyn Host, folder: &Path) -> Result<bool> {
    for name in host.list(folder)? {
        if backup::is_folder_of_one(&name) {
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
    let (path, place) = (path.to_path_buf(), backup::place(path, &keep));
    let folder = folder_of(&path).to_path_buf();
    let run = move |host: &dyn Host| {
        backup::make(host, &path, &place)?;
        Ok(Some(Kept { what, path: Some(place), data: None }))
    };
    Ok(Step::keeping(format!("{STEP}{keep}"), run).durable(folder).undo_when_interrupted())
}

/// Undoes an interrupted [`put`]: what was moved and not yet recorded goes back to its place.
pub(crate) fn undo(host: &dyn Host, path: &Path, step: &str) -> Result<()> {
    let Some(keep) = step.strip_prefix(STEP) else { return Ok(()) };
    let place = backup::place(path, keep);
    if host.metadata(&place)?.is_none() {
        return backup::clear(host, &place);
    }
    if host.metadata(path)?.is_some() {
        return Ok(());
    }
    backup::restore(host, &place, path)?;
    host.sync(&[folder_of(path).to_path_buf()])
}

/// Brings back what was put aside; nothing to do where an earlier attempt has done it already.
pub(crate) fn bring_back(path: &Path, place: &Path) -> Step {
    let (path, place) = (path.to_path_buf(), place.to_path_buf());
    let folder = folder_of(&path).to_path_buf();
    let run = {
        let path = path.clone();
        move |host: &dyn Host| {
            let done = host.metadata(&place)?.is_none() && host.metadata(&path)?.is_some();
            if done { backup::clear(host, &place) } else { backup::restore(host, &place, &path) }
        }
    };
    Step::new("restore the backup", run).folder(folder.clone()).durable(folder)
}
