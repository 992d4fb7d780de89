//! How the blocks of a text stand, as diagnostics.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use seed_fragment::{Action, Item, Key, State, Take, Wishes, is_apart, tree};
use seed_spec::Severity;

use super::{Open, has_markers, range_of_line};

/// The kind of a finding. Each has a section in `doc/book/src/diagnostics.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// An update would change the block.
    Outdated,
    /// The fragment and the text were changed at the same place.
    Clash,
    /// There is no fragment of that name.
    Orphan,
    /// The same instance stands more than once.
    Copy,
    /// A marker is not as it should be, or has no partner.
    Marker,
    /// The fragment or the parameters are not right.
    Broken,
}

impl Code {
    /// All codes, in the order of the documentation.
    pub const ALL: [Code; 6] = [Code::Outdated, Code::Clash, Code::Orphan, Code::Copy, Code::Marker, Code::Broken];

    /// The name under which it is shown and documented.
    pub fn name(self) -> &'static str {
        match self {
            Code::Outdated => "fragment-outdated",
            Code::Clash => "fragment-clash",
            Code::Orphan => "fragment-orphan",
            Code::Copy => "fragment-copy",
            Code::Marker => "fragment-marker",
            Code::Broken => "fragment-broken",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Code::Outdated => Severity::Info,
            Code::Clash | Code::Orphan => Severity::Warning,
            Code::Copy | Code::Marker | Code::Broken => Severity::Error,
        }
    }
}

/// Something about a block that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The bytes of the marker's line.
    pub range: Range<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// Which kind it is.
    pub code: Code,
    /// In words.
    pub message: String,
    /// The line of the marker, counted from 1.
    pub line: usize,
}

/// What there is to say of the blocks of a text. `taken` are clashes that are decided and not written yet.
pub fn findings(open: &Open<'_>, taken: &HashMap<Key, Take>) -> Vec<Finding> {
    let items = items(open, taken);
    if items.is_empty() {
        return Vec::new();
    }
    let broken: HashSet<usize> = tree::parse(open.text).1.into_iter().map(|problem| problem.line).collect();
    let found = items.into_iter().filter_map(|item| {
        let code = match item.state {
            State::Current | State::Edited => return None,
            State::Outdated => Code::Outdated,
            State::Clash => Code::Clash,
            State::Orphan => Code::Orphan,
            State::Error if item.actions.contains(&Action::NewInstance) => Code::Copy,
            State::Error if broken.contains(&item.line) => Code::Marker,
            State::Error => Code::Broken,
        };
        let key = format!("{}#{}", item.fragment, item.instance);
        let is_named = item.fragment.is_empty() || item.message.contains(&key);
        let name = if is_named { String::new() } else { format!("{key}: ") };
        Some(Finding {
            range: range_of_line(open.text, item.line),
            severity: code.severity(),
            code,
            message: format!("{name}{}", item.message),
            line: item.line,
        })
    });
    found.collect()
}

/// How the blocks stand, with nothing asked of them; none in what is a fragment itself. `taken` as in [`findings`].
pub fn items(open: &Open<'_>, taken: &HashMap<Key, Take>) -> Vec<Item> {
    if !has_markers(open.text) || is_apart(open.file) {
        return Vec::new();
    }
    let wishes = Wishes { take: taken.clone(), only: Some(HashSet::new()), ..Wishes::default() };
    open.project.judge_text(open.file, open.text, wishes).items
}
