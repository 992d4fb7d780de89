//! From checked roles to a machine that is as they say: graph, plan, apply, journal, repair.
//!
//! The order of things is observe → compare → plan → confirm → apply → verify. The world is the truth;
//! the [`journal`] holds only what was intended, what came of it, and what was there before.

pub mod apply;
pub mod check;
mod identity;
pub mod info;
pub mod journal;
pub mod laws;
pub mod node;
pub mod picture;
pub mod pinned;
mod places;
pub mod plan;
pub mod project;
pub mod reference;
pub mod repair;
pub mod shelter;
pub mod simulate;
mod sources;
pub mod stored;
pub mod trust;
pub mod undo;
pub mod untrusted;
pub mod watch;
mod writer;

pub use node::{Graph, Node};
pub use plan::{Action, Plan, PlannedRole};
