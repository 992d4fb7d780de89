//! The spec language: from text to a tree with spans, from the tree to checked role instances.
//!
//! This crate reads no file, runs no program and knows no role type by name: files come through a
//! [`analysis::Loader`], role types through a [`shape::Catalog`]. Every stage returns what it could
//! make of its input together with all the mistakes it found, never the first one alone.

pub mod analysis;
pub mod diagnostic;
pub mod format;
pub mod model;
pub mod nearest;
pub mod shape;
pub mod text;
pub mod tree;
pub mod unit;
pub mod value;
pub mod yaml;

pub use analysis::{Analysis, RoleInstance, State};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use shape::{Catalog, Shape, TypeInfo};
pub use text::{FileId, Source, Span};
pub use value::{Data, Value};

/// How the file of a spec is called in the end.
pub const SPEC_ENDINGS: [&str; 2] = [".seed.yaml", ".seed.yml"];
