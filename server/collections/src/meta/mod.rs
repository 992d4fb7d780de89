//! The `meta` collection: what roles themselves are written from.

use seed_role::registry::RoleType;

mod template;
mod world;

/// The role types of this collection.
pub const TYPES: &[RoleType] = &[RoleType::of::<template::Template>()];
