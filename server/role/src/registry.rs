//! The list of role types.

use seed_spec::Catalog;
use seed_spec::shape::TypeInfo;
use serde_json::Value as Json;

use crate::{Declared, Role, Trouble, schema};

/// A role type: its description, and how a role of it is built from parameters.
#[derive(Clone, Copy)]
pub struct RoleType {
    /// `collection.type`.
    pub name: &'static str,
    /// Describes it.
    pub info: fn() -> TypeInfo,
    /// Its JSON schema, for editors that know nothing of Seed.
    pub json_schema: fn() -> Json,
    build: fn(&Json) -> Result<Box<dyn Role>, serde_json::Error>,
}

impl RoleType {
    /// The role type that a struct declares.
    pub const fn of<T: Declared>() -> Self {
        RoleType {
            name: T::NAME,
            info: schema::type_info::<T>,
            json_schema: schema::json_schema::<T>,
            build: |params| Ok(Box::new(<T as serde::Deserialize>::deserialize(params)?)),
        }
    }

    /// A role of this type. `params` are resolved: see [`crate::param`] for how references and secrets stand in them.
    ///
    /// # Errors
    ///
    /// When they do not fit the struct, which the checks before should have found.
    pub fn build(&self, params: &Json) -> Result<Box<dyn Role>, Trouble> {
        (self.build)(params)
            .map_err(|error| Trouble::new(format!("read the parameters of a {} role", self.name), error.to_string()))
    }
}

/// All role types.
#[derive(Clone, Copy)]
pub struct Registry {
    /// The collections, each with its list.
    pub collections: &'static [&'static [RoleType]],
}

impl Registry {
    /// The role type of that name.
    pub fn get(&self, name: &str) -> Option<&'static RoleType> {
        self.types().find(|role_type| role_type.name == name)
    }

    /// All role types.
    pub fn types(&self) -> impl Iterator<Item = &'static RoleType> {
        self.collections.iter().flat_map(|collection| collection.iter())
    }

    /// Their descriptions, as the spec language takes them.
    pub fn catalog(&self) -> Catalog {
        Catalog::new(self.types().map(|role_type| (role_type.info)()))
    }
}
