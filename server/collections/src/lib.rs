//! The catalogue of role types: one folder a collection, one file a role type.

use std::sync::LazyLock;

use seed_role::registry::Registry;
use seed_spec::Catalog;

pub mod file;
pub mod meta;
pub mod storage;
pub mod task;

/// All role types.
pub const REGISTRY: Registry = Registry { collections: &[storage::TYPES, file::TYPES, task::TYPES, meta::TYPES] };

/// Their descriptions, as the spec language takes them; read off the types once.
pub fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| REGISTRY.catalog());
    &CATALOG
}

/// The role type in `CONTRIBUTING.md` compiles and works.
#[cfg(doctest)]
#[doc = include_str!("../../../CONTRIBUTING.md")]
struct Contributing;
