//! Sections: the pieces of a project that can be found, each with a place to open.

use std::ops::Range;

/// What a section is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Kind {
    /// The header of a spec.
    Spec,
    /// A role of a spec.
    Role,
    /// A composite role.
    Composite,
    /// A prompt.
    Prompt,
    /// A note in `notes/`.
    Note,
    /// Any other text: a document, a page of a guide.
    Doc,
    /// The message of a commit.
    Commit,
    /// An explanation that was given to the duck.
    Explanation,
}

impl Kind {
    const ALL: [Kind; 8] =
        [Kind::Spec, Kind::Role, Kind::Composite, Kind::Prompt, Kind::Note, Kind::Doc, Kind::Commit, Kind::Explanation];

    /// The kind of that number.
    pub fn of(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// What it is called.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Spec => "spec",
            Kind::Role => "role",
            Kind::Composite => "composite role",
            Kind::Prompt => "prompt",
            Kind::Note => "note",
            Kind::Doc => "doc",
            Kind::Commit => "commit",
            Kind::Explanation => "explanation",
        }
    }
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The line that it begins on, counted from 1.
    pub line: u32,
    /// What it is.
    pub kind: Kind,
    /// What it is called where it is shown.
    pub title: String,
    /// The names that lead to it, as [`crate::words::name_of`] makes them: of a role `pool` and `lab.seed.yaml#pool`.
    pub names: Vec<String>,
    /// The names of what it links to or refers to.
    pub links: Vec<String>,
    /// The names of the roles that it needs.
    pub needs: Vec<String>,
    /// What it says.
    pub text: String,
}

/// The most of a section that is read, in bytes.
pub const LONGEST: usize = 64 << 10;

/// The text without what nobody may find: private keys, and values that are secret by their tag or their key's name.
pub fn without_secrets(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut is_in_key = false;
    // The column of a key whose secret value goes on in the lines below it.
    let mut below = None;
    for line in text.split_inclusive('\n') {
        let column = line.len() - line.trim_start().len();
        if line.contains("-----BEGIN ") && line.contains("PRIVATE KEY") {
            is_in_key = true;
        }
        let is_below = below.is_some_and(|key| column > key || line.trim().is_empty());
        if !is_below {
            below = None;
        }
        if is_in_key || is_below {
            is_in_key = is_in_key && !line.contains("-----END ");
            kept.push('\n');
            continue;
        }
        match secret_value(line) {
            Some(range) => {
                kept.push_str(&line[..range.start]);
                kept.push('\n');
                below = Some(column);
            }
            None => kept.push_str(line),
        }
    }
    kept
}

/// Where a line holds a value that is secret.
fn secret_value(line: &str) -> Option<Range<usize>> {
    if let Some(at) = line.find("!secret") {
        return Some(at..line.len());
    }
    let at = line.find([':', '='])?;
    let key = line[..at].trim().trim_start_matches("- ").trim_matches(['"', '\'']).to_ascii_lowercase();
    let is_secret = ["password", "passwd", "passphrase", "secret", "token", "api_key", "api-key", "apikey", "private_key"];
    // A sentence with a colon in it is no assignment.
    let is_assignment = !key.contains(' ') && !line[at + 1..].trim().is_empty();
    (is_assignment && is_secret.iter().any(|name| key.ends_with(name))).then_some(at + 1..line.len())
}

/// The front of a text, up to so many bytes.
pub fn front(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_and_words_about_them_are_not() {
        let text = "a: 1\nkey: !secret\n  command: [pass, lab]\nb: 2\npassword: hunter2\nlines:\n  api_key: |\n    one\n\n    two\n  c: 3\n\
                    Why a password: it is asked for.\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\nend\n";
        let kept = without_secrets(text);
        for gone in ["pass, lab", "hunter2", "one", "two", "abc"] {
            assert!(!kept.contains(gone), "{gone}: {kept}");
        }
        for stays in ["a: 1", "b: 2", "c: 3", "it is asked for", "end"] {
            assert!(kept.contains(stays), "{stays}: {kept}");
        }
        assert_eq!(kept.lines().count(), text.lines().count());
    }
}
