//! Collections: folders of composite roles that a spec takes from git repositories.
//!
//! A spec names the source ([`source`]); the lock beside it ([`lock`]) pins it to a commit and to a hash over all that the
//! commit holds ([`content`]). What was fetched ([`git`]) lies in a cache ([`cache`]), under its hash, and is compared with it
//! before it is used. Nothing here runs what a collection holds, and nothing but [`git::fetch`] needs a network.

pub mod cache;
pub mod child;
pub mod content;
pub mod git;
pub mod lock;
pub mod source;

pub use cache::Cache;
pub use content::Hash;
pub use lock::{LOCK, Lock, Pin};
pub use source::Source;

/// Why a collection that a spec names cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind it is.
    pub kind: ProblemKind,
    /// What is wrong, in words for a person.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The source is not one that collections come from.
    Source,
    /// It is not pinned, or not fetched: a command mends it.
    Missing,
    /// The lock and what was fetched do not agree, or the lock cannot be read.
    Changed,
}

/// Finds a collection, pinned by the text of a lock and fetched before. Fetches nothing.
///
/// # Errors
///
/// Why it cannot be used, and the command that mends it.
pub fn locate(name: &str, source: &Source, rev: Option<&str>, lock: Option<&str>, cache: &Cache) -> Result<Located, Problem> {
    let missing = |message: String, command: &str| Problem {
        kind: ProblemKind::Missing,
        message,
        help: format!("fetch it, here or on any machine with the same lock file: seed collection {command}"),
    };
    let lock = match lock.map(Lock::parse) {
        None => return Err(missing(format!("the collection `{name}` is not pinned yet: there is no {LOCK}"), "fetch")),
        Some(Err(reason)) => {
            let help = format!("restore {LOCK} from version control, or delete it and pin again: seed collection fetch");
            return Err(Problem { kind: ProblemKind::Changed, message: format!("{LOCK} cannot be read: {reason}"), help });
        }
        Some(Ok(lock)) => lock,
    };
    let Some(pin) = lock.get(name, source.written(), rev) else {
        return Err(match moved(name, source, rev, &lock) {
            Some(moved) => moved,
            None => missing(format!("the collection `{name}` is not pinned yet in {LOCK}"), "fetch"),
        });
    };
    let folder = cache.look(source, pin)?;
    Ok(Located { folder, pin: pin.clone() })
}

/// What is wrong where a lock pins a collection to another source or revision than the spec asks for; none where it does not pin it.
pub fn moved(name: &str, source: &Source, rev: Option<&str>, lock: &Lock) -> Option<Problem> {
    let other = lock.pins.iter().find(|pin| pin.name == name)?;
    let (pinned, asked) = (other.asked(), asked(source.written(), rev));
    (pinned != asked).then(|| Problem {
        kind: ProblemKind::Missing,
        message: format!("{LOCK} pins `{name}` to {pinned}, but the spec asks for {asked}"),
        help: format!("seed collection update {name}"),
    })
}

/// Where a collection is, and what it is pinned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Its folder, in the cache.
    pub folder: std::path::PathBuf,
    /// Its line in the lock.
    pub pin: Pin,
}

/// A source and a revision in words.
fn asked(git: &str, rev: Option<&str>) -> String {
    rev.map_or_else(|| git.to_owned(), |rev| format!("{git} at {rev}"))
}
