//! What a project knows of itself: its texts by name, words, meaning and what links to what.

pub mod embedding;
pub mod index;
pub mod larger;
pub mod links;
pub mod note;
pub mod recall;
pub mod section;
pub mod segment;
pub mod source;
pub mod store;
pub mod words;
