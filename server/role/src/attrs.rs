//! Attributes of things: seen, wanted, and the difference.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

/// The attributes of a thing, by name, in the notation of the spec (`"4 GiB"`, `"0640"`, `true`).
///
/// Secrets stand in it as [`crate::param::mask`] makes them.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Attrs(pub BTreeMap<Cow<'static, str>, Json>);

/// The attribute that tells what is mounted over a mount point, so that what a role has mounted there is out of reach. Not a parameter.
pub const HIDDEN: &str = "hidden_by";

/// The attribute that tells by what a file or folder is known, device and inode, where another user can put something else in its place: only
/// this very thing is changed. Not a parameter, and nothing that comes back.
pub const IDENTITY: &str = "identity";

impl Attrs {
    /// None.
    pub fn new() -> Self {
        Attrs::default()
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        self.0.insert(Cow::Borrowed(name), value.into());
        self
    }

    /// Adds an attribute if there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Json>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Json>) {
        self.0.insert(name.into(), value.into());
    }

    /// The attribute of that name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    /// The attribute as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The attribute as a truth value; none and anything else count as false.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Json::as_bool).unwrap_or(false)
    }

    /// The attribute as a size in bytes.
    pub fn size(&self, name: &str) -> Option<u64> {
        seed_spec::unit::Size::parse(self.text(name)?).ok().map(|size| size.0)
    }

    /// What differs: for each attribute that `wanted` names, whether it is the same here.
    pub fn changes(&self, wanted: &Attrs) -> Vec<Change> {
        let differing = wanted.0.iter().filter(|(name, want)| self.0.get(*name) != Some(want));
        differing
            .map(|(name, want)| Change {
                field: name.to_string(),
                from: self.0.get(name).cloned().unwrap_or(Json::Null),
                to: want.clone(),
            })
            .collect()
    }
}

/// A difference in one attribute.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// The attribute.
    pub field: String,
    /// What it is; null if there is none.
    pub from: Json,
    /// What it is to be.
    pub to: Json,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Observation {
    /// It is not there.
    Absent,
    /// It is there, and looks like this.
    Present(Attrs),
    /// It cannot be known; why.
    Unknown(String),
}

impl Observation {
    /// The attributes, if it is there.
    pub fn attrs(&self) -> Option<&Attrs> {
        match self {
            Observation::Present(attrs) => Some(attrs),
            Observation::Absent | Observation::Unknown(_) => None,
        }
    }
}
