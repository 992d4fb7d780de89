//! `seed.lock`: what the collections of the specs in a folder are pinned to.

use std::path::Path;

use seed_role::host::FileKind;
use seed_role::host::folder::{self, Folder};
use seed_role::trouble::{Kind, Result, Trouble};
use serde::{Deserialize, Serialize};

use crate::content::Hash;

/// The name of the lock, beside the specs.
pub const LOCK: &str = "seed.lock";
/// The greatest lock that is read, in bytes.
const LARGEST: u64 = 16 << 20;
/// The version of the lock that is written.
const VERSION: u32 = 1;
const HEAD: &str =
    "# What the `collections:` of the specs beside this file are pinned to. Written by `seed collection`; keep it with them.\n";

/// What a collection is pinned to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its name in the spec.
    pub name: String,
    /// Where it comes from, as the spec writes it.
    pub git: String,
    /// The revision that the spec asks for; none for the head of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<String>,
    /// The commit, in hexadecimal digits.
    pub commit: String,
    /// The hash over all that the commit holds.
    pub hash: Hash,
}

impl Pin {
    /// The source and revision in words.
    pub fn asked(&self) -> String {
        crate::asked(&self.git, self.rev.as_deref())
    }
}

/// The pins of a folder, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// The pins.
    pub pins: Vec<Pin>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    collections: Vec<Pin>,
}

impl Lock {
    /// Reads the text of a lock.
    ///
    /// # Errors
    ///
    /// In words, what is wrong with it.
    pub fn parse(text: &str) -> Result<Lock, String> {
        let file: File = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        if file.version != VERSION {
            return Err(format!("it has version {}, but this program reads version {VERSION}", file.version));
        }
        for pin in &file.collections {
            if !is_commit(&pin.commit) {
                return Err(format!("`{}` is not a commit (of `{}`)", pin.commit, pin.name));
            }
        }
        Ok(Lock { pins: file.collections })
    }

    /// Reads the lock of a folder; an empty one if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(folder: &Path) -> Result<Lock> {
        let path = folder.join(LOCK);
        let attempt = || format!("read {}", path.display());
        let Some(bytes) = folder::read(&path, LARGEST)? else { return Ok(Lock::default()) };
        let text = String::from_utf8(bytes).map_err(|_| Trouble::new(attempt(), "it is not UTF-8 text"))?;
        Lock::parse(&text)
            .map_err(|reason| Trouble::new(attempt(), reason).hint("restore it from version control, or delete it and pin again"))
    }

    /// The text of the lock: the same pins give the same text.
    ///
    /// # Errors
    ///
    /// When it cannot be written as YAML.
    pub fn text(&self) -> Result<String> {
        let mut pins = self.pins.clone();
        pins.sort();
        pins.dedup();
        let text = serde_yaml::to_string(&File { version: VERSION, collections: pins });
        Ok(format!("{HEAD}{}", text.map_err(|error| Trouble::new(format!("write {LOCK}"), error.to_string()))?))
    }

    /// Puts the lock in place, whole. A lock without pins is taken away.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the old one is then there still.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let gone =
            || Trouble::new(format!("write {}", folder.join(LOCK).display()), "its folder no longer exists").kind(Kind::Gone);
        let opened = Folder::open(folder)?.ok_or_else(gone)?;
        if self.pins.is_empty() {
            return opened.remove(LOCK);
        }
        let text = self.text()?;
        if opened.kind(LOCK) == Some(FileKind::File) && opened.read(LOCK, LARGEST)?.is_some_and(|known| known == text.as_bytes())
        {
            return Ok(());
        }
        opened.put(LOCK, text.as_bytes(), 0o644, true)
    }

    /// The pin of a collection that is asked for like this.
    pub fn get(&self, name: &str, git: &str, rev: Option<&str>) -> Option<&Pin> {
        self.pins.iter().find(|pin| pin.name == name && pin.git == git && pin.rev.as_deref() == rev)
    }

    /// Pins a collection, in place of the pin that was asked for like this.
    pub fn set(&mut self, pin: Pin) {
        self.pins.retain(|known| (&known.name, &known.git, &known.rev) != (&pin.name, &pin.git, &pin.rev));
        self.pins.push(pin);
        self.pins.sort();
    }
}

/// Whether a text is the whole name of a commit, by SHA-1 or SHA-256.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn pin(name: &str, rev: Option<&str>) -> Pin {
        Pin {
            name: name.into(),
            git: "./x.git".into(),
            rev: rev.map(Into::into),
            commit: "0123456789".repeat(4),
            hash: Hash::parse(&format!("blake3:{}", "ab".repeat(32))).unwrap(),
        }
    }

    #[test]
    fn it_is_written_sorted_and_read_back() {
        let mut lock = Lock::default();
        for pin in [pin("web", None), pin("desk", Some("1.10")), pin("desk", Some("1.10"))] {
            lock.set(pin);
        }
        let text = lock.text().unwrap();
        assert!(text.find("desk").unwrap() < text.find("web").unwrap(), "{text}");
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        assert_eq!(lock.get("desk", "./x.git", Some("1.10")).unwrap().rev.as_deref(), Some("1.10"));
        assert_eq!(lock.get("desk", "./y.git", Some("1.10")), None);
    }

    #[test]
    fn a_lock_that_would_lead_elsewhere_is_refused() {
        let text = Lock { pins: vec![pin("desk", None)] }.text().unwrap();
        for (from, to) in [("ab".repeat(32), "../../etc".to_owned()), ("0123456789".repeat(4), "HEAD".into())] {
            assert!(Lock::parse(&text.replace(&from, &to)).is_err(), "{to}");
        }
        assert!(Lock::parse(&text.replace("version: 1", "version: 2")).unwrap_err().contains("version 2"));
    }
}
