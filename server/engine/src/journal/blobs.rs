//! Old contents: long texts lie in files of their own, by their hash.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use seed_role::attrs::{Attrs, IDENTITY, Observation};
use seed_role::trouble::{Result, Trouble};
use serde_json::{Value as Json, json};

use super::{file, guard};

/// Texts longer than this, in bytes, stand in the journal by their hash.
const LONG: usize = 256;

/// What stands in the place of a text that is a blob: `{"$blob": HASH}`.
const BLOB: &str = "$blob";

fn folder_of(journal: &Path) -> PathBuf {
    journal.join("blobs")
}

/// An observation as the journal keeps it: long texts go to blobs, which are durable when this returns. The second part says
/// whether there are any.
///
/// # Errors
///
/// When a blob cannot be written.
pub(super) fn pack(journal: &Path, observation: &Observation) -> Result<(Observation, bool)> {
    let Observation::Present(attrs) = observation else { return Ok((observation.clone(), false)) };
    let mut packed = attrs.clone();
    let mut any = false;
    for value in packed.0.values_mut() {
        if let Json::String(text) = value
            && text.len() > LONG
        {
            *value = json!({ BLOB: put(journal, text)? });
            any = true;
        }
    }
    Ok((Observation::Present(packed), any))
}

fn put(journal: &Path, text: &str) -> Result<String> {
    // Threads that keep the same text write the same temporary file: one waits for the other. Other texts rarely wait.
    static WRITING: [Mutex<()>; 16] = [const { Mutex::new(()) }; 16];
    let hash = hash(text.as_bytes());
    let lane = usize::from(hash.as_bytes()[0]) % WRITING.len();
    let _alone = WRITING[lane].lock().unwrap_or_else(PoisonError::into_inner);
    let path = folder_of(journal).join(&hash);
    // One that was damaged since is written anew.
    if !guard::read(&path).is_ok_and(|there| there.as_deref() == Some(text.as_bytes())) {
        file::replace(&path, text.as_bytes())
            .map_err(|error| Trouble::from_io(format!("keep the old content in {}", path.display()), &error))?;
    }
    Ok(hash)
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// An observation as it was before it was packed.
///
/// # Errors
///
/// When a blob is gone or was changed.
pub fn unpack(journal: &Path, observation: &Observation) -> Result<Observation> {
    let Observation::Present(attrs) = observation else { return Ok(observation.clone()) };
    let mut whole = attrs.clone();
    for value in whole.0.values_mut() {
        let Some(expected) = value.get(BLOB).and_then(Json::as_str) else { continue };
        let path = folder_of(journal).join(expected);
        let attempt = || format!("read the old content from {}", path.display());
        let bytes = guard::read(&path)?.ok_or_else(|| Trouble::new(attempt(), "it is gone"))?;
        let text = String::from_utf8(bytes).ok().filter(|text| hash(text.as_bytes()) == expected);
        *value = Json::String(text.ok_or_else(|| Trouble::new(attempt(), "it is not what was written there"))?);
    }
    Ok(Observation::Present(whole))
}

/// The hashes of the blobs that JSON text refers to.
pub(super) fn references(text: &str) -> impl Iterator<Item = &str> {
    const START: &str = "{\"$blob\":\"";
    text.split(START).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0))
}

/// Removes blobs that nothing refers to, and what interrupted writes have left.
pub(super) fn remove_others(journal: &Path, needed: &HashSet<String>) {
    let entries = fs::read_dir(folder_of(journal)).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_str().is_none_or(|name| !needed.contains(name))) {
        // One that stays does no harm, and is tried again.
        let _ = fs::remove_file(entry.path());
    }
    let _ = fs::remove_dir(folder_of(journal));
}

/// Attributes with long texts as their hashes: enough to tell later whether they are still the same.
pub fn fingerprint(attrs: &Attrs) -> Attrs {
    let mut short = attrs.clone();
    // A copy is as good.
    short.0.remove(IDENTITY);
    for value in short.0.values_mut() {
        if let Json::String(text) = value
            && text.len() > LONG
        {
            *value = json!({ "$hash": hash(text.as_bytes()) });
        }
    }
    short
}

/// Fingerprinted attributes with the texts filled in from what is seen now, where they are still the same.
pub fn recall(ours: &Attrs, seen: &Attrs) -> Attrs {
    let mut whole = ours.clone();
    for (name, value) in &mut whole.0 {
        let Some(expected) = value.get("$hash").and_then(Json::as_str) else { continue };
        if let Some(Json::String(text)) = seen.get(name)
            && hash(text.as_bytes()) == expected
        {
            *value = Json::String(text.clone());
        }
    }
    whole
}
