//! The commands, one file each.

pub mod apply;
pub mod check;
pub mod collection;
pub mod completions;
pub mod doctor;
pub mod duck;
pub mod fmt;
pub mod fragment;
pub mod graph;
pub mod index;
pub mod info;
pub mod laws;
pub mod log;
pub mod lsp;
pub mod man;
pub mod new;
pub mod note;
pub mod plan;
pub mod prompt;
pub mod recall;
pub mod repair;
pub mod schema;
pub mod trust;
pub mod types;
pub mod undo;
