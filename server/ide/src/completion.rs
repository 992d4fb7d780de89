//! What can be typed at the cursor.
//!
//! Works on the text as it is this moment: where the cursor stands is read from the indentation, and what is
//! known of the rest may be of an earlier text.

mod interpolated;
mod keys;
mod known;
mod skeleton;
mod values;

use seed_spec::diagnostic::Edit;
use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::locate;
use crate::outline::{self, Cursor, Spot};
use crate::place::{Place, role_in};

/// Something that can be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// How it is shown.
    pub label: String,
    /// What it is.
    pub kind: Kind,
    /// A few words beside the label.
    pub detail: String,
    /// Its documentation, Markdown.
    pub doc: String,
    /// What is put in place of what is typed.
    pub edit: Edit,
    /// What else is changed on the line: its indentation.
    pub indent: Option<Edit>,
    /// What the typed text is compared with, where that is not the label.
    pub filter: Option<String>,
    /// Its place in the list: lower comes first, equals by name.
    pub rank: u8,
}

/// What a completion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key.
    Key,
    /// A role type.
    RoleType,
    /// A whole new role.
    NewRole,
    /// A role that is there.
    Role,
    /// An output of a role.
    Output,
    /// A variable.
    Variable,
    /// A word among some.
    Word,
}

/// What can be typed at an offset of the spec's text.
pub fn completions(snapshot: &Snapshot, offset: usize) -> Vec<Completion> {
    let mut cursor = outline::cursor(&snapshot.source, offset);
    complete_words(snapshot, &mut cursor);
    let place = Place::at(snapshot.source.path(), &cursor.path, &cursor.words, &snapshot.catalog);
    let typing = Typing { snapshot, cursor: &cursor, place: &place };
    match &cursor.spot {
        Spot::Nothing => Vec::new(),
        Spot::Interpolation { range, closed } => interpolated::completions(&typing, range.clone(), *closed),
        Spot::Value { range, flow } => values::behind_key(&typing, range.clone(), *flow),
        Spot::Word { range, colon, indent, flow } => {
            let mend = indent.as_ref().map(|(range, column)| Edit { span: span(range), text: " ".repeat(*column) });
            let mut found = match place {
                Place::Roles if !colon => skeleton::completions(&typing, range.clone(), mend.as_ref()),
                _ => keys::completions(&typing, range.clone(), *colon, *flow),
            };
            if !colon {
                found.extend(values::alone(&typing, range.clone(), *flow));
            }
            for completion in &mut found {
                completion.indent.clone_from(&mend);
            }
            found
        }
    }
}

/// What all the kinds of completion look at.
struct Typing<'a> {
    snapshot: &'a Snapshot,
    cursor: &'a Cursor,
    place: &'a Place,
}

impl Typing<'_> {
    /// The name of the role in whose entry the cursor stands.
    fn role(&self) -> Option<&str> {
        role_in(&self.cursor.path).map(|(name, _)| name)
    }
}

/// Where the text around the cursor does not say what a role is, a merge key or alias may: asks the tree.
fn complete_words(snapshot: &Snapshot, cursor: &mut Cursor) {
    let Some((name, _)) = role_in(&cursor.path).filter(|_| cursor.words.is.is_none()) else { return };
    let (Some(spec), Some(above)) = (snapshot.spec(), cursor.path[0].key()) else { return };
    let entry = spec.tree.root.and_then(|root| spec.tree.get(root, above)).and_then(|roles| spec.tree.get(roles, name));
    if let Some(entry) = entry {
        cursor.words = locate::role_words(&spec.tree, entry);
    }
}

fn span(range: &std::ops::Range<usize>) -> Span {
    Span::new(FileId(0), range.start, range.end)
}

fn replace(range: &std::ops::Range<usize>, text: impl Into<String>) -> Edit {
    Edit { span: span(range), text: text.into() }
}

#[cfg(test)]
mod tests;
