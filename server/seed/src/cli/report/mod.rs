//! Results as a person reads them.

pub mod apply;
pub mod diagnostics;
mod groups;
pub mod info;
pub mod journal;
pub mod page;
pub mod plan;
pub mod repair;
pub mod tree;
pub mod value;
