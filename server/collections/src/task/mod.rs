//! The `task` collection: what has no role type of its own yet.

use seed_role::registry::RoleType;

mod command;

/// The role types of this collection.
pub const TYPES: &[RoleType] = &[RoleType::of::<command::Command>()];
