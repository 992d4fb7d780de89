//! What an editor asks about a spec, answered as plain data.
//!
//! Each feature is a function over an immutable [`Snapshot`] and a byte offset or range, in a file of its
//! own. Nothing here knows a protocol: places are byte [`Span`](seed_spec::Span)s, and what translates
//! them for an editor lives in the program. A new feature is one file and one line in this list.

pub mod actions;
pub mod completion;
pub mod definition;
pub mod folding;
pub mod formatting;
pub mod fragments;
pub mod highlights;
pub mod hints;
pub mod hover;
pub mod lenses;
pub mod links;
pub mod references;
pub mod rename;
pub mod selection;
pub mod snapshot;
pub mod symbols;
pub mod tokens;

mod describe;
mod explanations;
mod interpolation;
mod language;
mod locate;
mod names;
mod outline;
mod place;

#[cfg(test)]
mod fixture;

pub use snapshot::Snapshot;
