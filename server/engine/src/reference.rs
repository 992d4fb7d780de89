//! What the language and its role types are, for editors and readers: a JSON schema, and a reference in Markdown. Both
//! are read off the role types and nothing else.

mod composite;
mod markdown;
mod schema;

pub use composite::composite_schema;
pub use markdown::markdown;
pub use schema::{spec_schema, type_schema};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
