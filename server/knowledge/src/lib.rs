//! What a project knows of itself: texts by their meaning.

pub mod embedding;
