//! Fragments: named snippets kept alike in many files, with what people make of them preserved.
//!
//! A file embeds a fragment between two markers in its own comment style (see [`marker`]). [`update`] renders the fragment again
//! and merges three ways: what was rendered last (the base, kept in the project's `.seed/`), the new rendering, and what stands in
//! the file. What clashes is told and kept, and changes nothing. [`Project::status`] only looks; [`buffer`] does the same for
//! the open texts of an editor.

mod add;
pub mod buffer;
mod change;
mod create;
pub mod embed;
mod endless;
mod folders;
mod glance;
pub mod item;
pub mod judge;
pub mod kept;
pub mod library;
pub mod marker;
pub mod merge;
mod normal;
mod pending;
mod place;
mod project;
pub mod single;
pub mod skeleton;
pub mod store;
pub mod template;
mod transaction;
pub mod tree;

pub use add::{Embedding, add};
pub use change::{Resolution, holds, missing, record, resolve, update};
pub use create::create;
pub use item::{Action, Item, Sides, State, Summary};
pub use judge::{Judgement, Record, Take, Wishes};
pub use marker::Key;
pub use place::{is_apart, project_of, root_of, unreadable_rules};
pub use project::{Project, Report, Target};
pub use transaction::reported;
