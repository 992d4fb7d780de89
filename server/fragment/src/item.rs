//! What is told of each block: plain data, for the command line and for editors.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

/// How a block stands to its fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It holds what its fragment renders to.
    Current,
    /// It holds what its fragment renders to, and edits that stay.
    Edited,
    /// An update would change it.
    Outdated,
    /// The fragment and the text were changed at the same place.
    Clash,
    /// There is no fragment of that name.
    Orphan,
    /// It cannot be judged: the markers, the parameters or the fragment are not right.
    Error,
}

/// What can be done about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Render again, and merge.
    Update,
    /// Keep the text as it is; the fragment's change counts as seen.
    Mine,
    /// Put the fragment's text in its place.
    Theirs,
    /// Write both into the text, with conflict markers.
    Markers,
    /// Take the markers away and leave the text.
    Detach,
    /// Give a copy an instance of its own.
    NewInstance,
}

/// A block, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The file, relative to the project. In JSON, what is no UTF-8 in its name is replaced.
    #[serde(serialize_with = "as_shown")]
    pub file: PathBuf,
    /// The line of its begin marker, or of the mistake; counted from 1.
    pub line: usize,
    /// The name of the fragment; empty where a broken marker does not tell.
    pub fragment: String,
    /// Its instance; empty where a broken marker does not tell.
    pub instance: String,
    /// How it stands.
    pub state: State,
    /// In words: why, and what to do.
    pub message: String,
    /// What can be done about it.
    pub actions: Vec<Action>,
    /// How it stands once an update has been written, where that changes it.
    #[serde(skip)]
    pub then: Option<(State, &'static str)>,
}

fn as_shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// The three texts of a block, de-indented, lines ending in line feeds, blocks inside of it empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sides {
    /// What was rendered last; none if that is not known.
    pub base: Option<String>,
    /// What stands there now.
    pub mine: String,
    /// What the fragment renders to now.
    pub theirs: String,
}

/// What an editor or the command line needs to know of all blocks together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// Nothing to do.
    Clean,
    /// Something is outdated, clashes or has lost its fragment.
    ToDo,
    /// Something is wrong.
    Wrong,
}

impl Summary {
    /// Of these.
    pub fn of(items: &[Item]) -> Summary {
        match items.iter().map(|item| item.state).max() {
            Some(State::Error) => Summary::Wrong,
            Some(State::Outdated | State::Clash | State::Orphan) => Summary::ToDo,
            Some(State::Current | State::Edited) | None => Summary::Clean,
        }
    }
}

/// What can be done about a block in that state.
pub(crate) fn actions_of(state: State) -> &'static [Action] {
    match state {
        State::Current => &[Action::Detach],
        State::Edited => &[Action::Theirs, Action::Detach],
        State::Outdated => &[Action::Update, Action::Detach],
        State::Clash => &[Action::Mine, Action::Theirs, Action::Markers, Action::Detach],
        State::Orphan | State::Error => &[Action::Detach],
    }
}
