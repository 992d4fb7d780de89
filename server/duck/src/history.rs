//! What was explained to the duck, spec by spec, and how it went. One line of JSON each, readable by the user alone.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use seed_model::mask::Masker;
use seed_role::Trouble;
use seed_role::host::folder;
use serde::{Deserialize, Serialize};

use crate::fact::Facts;
use crate::matching::Told;
use crate::reflect::Reflection;
use crate::verdict::Turn;

/// Longer than this, in bytes, it is not read.
const LONGEST: u64 = 64 << 20;

/// After a longer pause, in seconds, a conversation begins anew.
const LONGEST_PAUSE: u64 = 60 * 60;

/// An explanation that was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in seconds since 1970.
    pub time: u64,
    /// The spec, absolute.
    pub spec: PathBuf,
    /// The explanation, secrets masked.
    pub text: String,
    /// How much of what matters it told, from 0 to 1.
    pub score: f64,
    /// How many facts it told.
    pub covered: usize,
    /// How many it only touched.
    pub unclear: usize,
    /// How many it left out.
    pub missing: usize,
    /// How many it got wrong.
    pub contradicted: usize,
    /// What was asked in the end.
    #[serde(default)]
    pub question: Option<String>,
    /// What a model said to it, secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}

impl Entry {
    /// An explanation and what came of it.
    pub fn new(time: u64, spec: &Path, text: &str, facts: &Facts, reflection: &Reflection) -> Entry {
        let count = |told: Told| reflection.of(facts, told).count();
        Entry {
            time,
            spec: spec.to_path_buf(),
            text: Masker::default().mask(text).0,
            score: (reflection.score * 1000.0).round() / 1000.0,
            covered: count(Told::Covered),
            unclear: count(Told::Unclear),
            missing: count(Told::Missing),
            contradicted: count(Told::Contradicted),
            question: reflection.question.as_ref().map(|(_, question)| question.clone()),
            reply: None,
        }
    }

    /// The same with what a model said.
    pub fn with_reply(self, reply: Option<&str>) -> Entry {
        Entry { reply: reply.map(|reply| Masker::default().mask(reply).0), ..self }
    }
}

/// What the duck said in the conversation that goes on now: that of the entries up to a long pause before `now` (seconds since 1970).
pub fn turns(entries: &[Entry], now: u64) -> Vec<Turn> {
    let mut later = now;
    let mut turns: Vec<Turn> = Vec::new();
    for entry in entries.iter().rev() {
        if later.saturating_sub(entry.time) > LONGEST_PAUSE {
            break;
        }
        later = entry.time;
        turns.push(Turn { reply: entry.reply.clone(), question: entry.question.clone() });
    }
    turns.reverse();
    turns
}

/// The file for a spec in a state folder.
pub fn file(state_folder: &Path, spec: &Path) -> PathBuf {
    let hash = blake3::hash(spec.as_os_str().as_encoded_bytes()).to_hex();
    state_folder.join("duck").join(format!("{}.jsonl", &hash[..16]))
}

/// Adds an explanation.
///
/// # Errors
///
/// When it cannot be written.
pub fn add(state_folder: &Path, entry: &Entry) -> Result<(), Trouble> {
    let path = file(state_folder, &entry.spec);
    let io = |error: std::io::Error| Trouble::from_io(format!("keep the explanation in {}", path.display()), &error);
    let folder = path.parent().unwrap_or(state_folder);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    let mut line = serde_json::to_string(entry).unwrap_or_default();
    line.push('\n');
    // One write of one line: two that explain at once do not mix.
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path).map_err(io)?;
    file.write_all(line.as_bytes()).map_err(io)
}

/// What was explained of a spec, the oldest first. Lines that are no entries, such as one that a stop cut short, are passed over.
///
/// # Errors
///
/// When it is there and cannot be read.
pub fn read(state_folder: &Path, spec: &Path) -> Result<Vec<Entry>, Trouble> {
    let path = file(state_folder, spec);
    let bytes = folder::read(&path, LONGEST)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// How scores moved, as a row of blocks.
pub fn chart(scores: impl IntoIterator<Item = f64>) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    scores.into_iter().map(|score| BLOCKS[((score.clamp(0.0, 1.0) * 8.0) as usize).min(7)]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn explanations_are_kept_for_the_user_alone_and_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let spec = Path::new("/srv/lab.seed.yaml");
        let reflection = crate::reflect(&Facts::default(), "");
        let text = "the token is ghp_0123456789abcdefghijklmnopqrstuvwxyz0123";
        add(folder.path(), &Entry::new(7, spec, text, &Facts::default(), &reflection)).unwrap();
        let path = file(folder.path(), spec);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"time\": 8, \"sp").unwrap();
        let entries = read(folder.path(), spec).unwrap();
        assert_eq!(entries.len(), 1);
        assert!(!entries[0].text.contains("ghp_0123"), "{}", entries[0].text);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read(folder.path(), Path::new("/other")).unwrap().is_empty());
    }

    #[test]
    fn a_conversation_ends_with_a_long_pause() {
        let entry = |time: u64| {
            let entry =
                Entry::new(time, Path::new("/lab.seed.yaml"), "", &Facts::default(), &crate::reflect(&Facts::default(), ""));
            entry.with_reply(Some(&format!("at {time}")))
        };
        let entries = [entry(1), entry(10_000), entry(11_000)];
        let replies = |now| turns(&entries, now).into_iter().filter_map(|turn| turn.reply).collect::<Vec<_>>();
        assert_eq!(replies(12_000), ["at 10000", "at 11000"]);
        assert!(replies(20_000).is_empty());
    }

    #[test]
    fn a_chart_has_a_block_for_each() {
        assert_eq!(chart([0.0, 0.5, 1.0]), "▁▅█");
    }
}
