//! Clashes that wait for a person: their three sides in `.seed/pending/`.

use std::path::PathBuf;

use seed_role::host::folder::Folder;
use seed_role::trouble::Result;

use crate::item::Sides;
use crate::marker::Key;
use crate::store::LARGEST;

/// Their folder, in `.seed/`.
pub(crate) const FOLDER: &str = "pending";

/// A clash, and in which file it stands.
pub(crate) type Clash = (Key, PathBuf, Sides);

const NAMES: [&str; 4] = ["file", "base", "mine", "theirs"];

fn name_of(key: &Key) -> String {
    key.to_string().replace('/', "%2F")
}

/// Refuses links on the way to what [`keep`] will write, before anything is written.
///
/// # Errors
///
/// [`seed_role::trouble::Kind::Unsafe`] with the first.
pub(crate) fn check(own: &Folder, clashes: &[Clash], settled: &[Key]) -> Result<()> {
    let Some(pending) = own.find(FOLDER)? else { return Ok(()) };
    for key in clashes.iter().map(|(key, ..)| key).chain(settled) {
        if let Some(folder) = pending.find(name_of(key))? {
            folder.refuse_links(&NAMES)?;
        }
    }
    Ok(())
}

/// Keeps the sides of clashes, and takes those away that are settled.
///
/// # Errors
///
/// What the system says.
pub(crate) fn keep(own: &Folder, clashes: &[Clash], settled: &[Key]) -> Result<()> {
    if let Some(pending) = own.find(FOLDER)? {
        settled.iter().try_for_each(|key| pending.remove_tree(name_of(key)))?;
    }
    if !clashes.is_empty() {
        let pending = own.make(FOLDER)?;
        for (key, file, sides) in clashes {
            let folder = pending.make(name_of(key))?;
            let about = format!("{}\n", file.display());
            let texts = [Some(&about), sides.base.as_ref(), Some(&sides.mine), Some(&sides.theirs)];
            for (name, text) in NAMES.into_iter().zip(texts) {
                match text {
                    Some(text) if folder.read(name, LARGEST)?.is_some_and(|there| there == text.as_bytes()) => {}
                    Some(text) => folder.put(name, text.as_bytes(), 0o666, false)?,
                    None => folder.remove(name)?,
                }
            }
        }
    }
    // Empty, it goes; with a clash in it, it stays.
    let _ = own.remove_empty(FOLDER);
    Ok(())
}
