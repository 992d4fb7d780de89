//! What is damaged of a journal, and what cannot be known for that.

use serde::{Deserialize, Serialize};

/// A damage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// The line of the journal, from 1; 0 where the journal as a whole is meant.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
    /// The roles that it concerns, as far as that can be told; none if it may be any.
    pub roles: Option<Vec<String>>,
    /// Whether the ledger knows all the same how things stand: only the history is lost.
    pub known: bool,
}

impl Damage {
    /// Whether it leaves open what was done with a role.
    pub(super) fn concerns(&self, role: &str) -> bool {
        !self.known && self.roles.as_ref().is_none_or(|roles| roles.iter().any(|one| is_near(one, role)))
    }

    /// Takes the doubt about a role away; whether nothing is left of the damage.
    pub(super) fn settle(&mut self, role: &str) -> bool {
        let Some(roles) = self.roles.as_mut().filter(|_| !self.known) else { return false };
        roles.retain(|one| !is_near(one, role));
        roles.is_empty()
    }

    /// Where it is, in words.
    pub fn place(&self) -> String {
        if self.line == 0 { "the journal".into() } else { format!("line {} of the journal", self.line) }
    }

    /// What it concerns, in words.
    pub fn concern(&self) -> String {
        match (&self.roles, self.known) {
            (_, true) => "only the history of earlier runs".into(),
            (Some(roles), false) => roles.join(", "),
            (None, false) => "any role".into(),
        }
    }
}

/// Whether names are the same but for a letter: the name in a broken line may be what was changed of it.
pub(super) fn is_near(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).filter(|(one, other)| one != other).count() <= 1
}
