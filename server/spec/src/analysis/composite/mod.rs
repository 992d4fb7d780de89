//! Composite roles: where they are looked up, what their files say, and their values where they are used.

pub(super) mod definition;
pub(super) mod lookup;
mod role_file;
pub(super) mod typed;
mod types;
pub(super) mod values;

pub(super) use definition::{Definition, Definitions, List};
pub(super) use role_file::{DefaultValue, read as read_role_file};
