//! Open texts of an editor: text and version in, edits for that version out. Nothing is read from or written to the file itself.

use std::path::Path;

use seed_role::Trouble;
use seed_role::trouble::{Kind, Result};
use serde::Serialize;

use crate::judge::{Judgement, Wishes};
use crate::merge::same_lines;
use crate::project::Project;

/// Lines to be replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The first line that goes, counted from 0.
    pub start: usize,
    /// The line behind the last that goes.
    pub end: usize,
    /// What comes in their place.
    pub text: String,
}

/// What became of an open text.
#[derive(Debug)]
pub struct Edits {
    /// The version of the text that they are for, and for no other.
    pub version: i64,
    /// The edits, by line; all lines are those of the text before any edit.
    pub edits: Vec<Edit>,
    /// All that was found out.
    pub judgement: Judgement,
}

impl Edits {
    /// What an open text of the project comes to. `file` is relative to the project.
    pub fn of(project: &Project, file: &Path, text: &str, version: i64, wishes: Wishes<'_>) -> Edits {
        let judgement = project.judge_text(file, text, wishes);
        let edits = if judgement.is_held { Vec::new() } else { between(text, &judgement.text) };
        Edits { version, edits, judgement }
    }

    /// The text with the edits made.
    ///
    /// # Errors
    ///
    /// [`Kind::Busy`] when the text has another version by now.
    pub fn apply(&self, text: &str, version: i64) -> Result<String> {
        if version != self.version {
            let said = format!("the text has changed: it has version {version}, but the edits are for version {}", self.version);
            return Err(Trouble::new("update the fragments of an open text", said).kind(Kind::Busy).hint("do it again"));
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut out = String::new();
        let mut at = 0;
        for edit in &self.edits {
            out.push_str(&lines[at..edit.start].concat());
            out.push_str(&edit.text);
            at = edit.end;
        }
        out.push_str(&lines[at..].concat());
        Ok(out)
    }
}

/// The edits that lead from one text to another.
pub fn between(from: &str, to: &str) -> Vec<Edit> {
    let old: Vec<&str> = from.split_inclusive('\n').collect();
    let new: Vec<&str> = to.split_inclusive('\n').collect();
    let mut edits = Vec::new();
    let (mut at, mut there) = (0, 0);
    for (same, other) in same_lines(&old, &new).into_iter().chain([(old.len(), new.len())]) {
        if at < same || there < other {
            edits.push(Edit { start: at, end: same, text: new[there..other].concat() });
        }
        (at, there) = (same + 1, other + 1);
    }
    edits
}
