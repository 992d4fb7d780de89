//! Where composite roles are looked up: the one place that knows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::Loader;
use super::super::collections::Named;

/// The folder in which composite roles are kept.
pub const ROLES: &str = "roles";
/// What a composite role is given and offers.
pub const ROLE_FILE: &str = "role.yml";
/// What a composite role is made of, within its folder.
pub const TASKS_FILE: &str = "tasks/main.yml";
/// The most composite roles that one folder offers.
const MOST: usize = 512;

/// The composite roles that a file can name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// What stands behind `is:`, with the folder of the role, by name.
    pub named: Vec<(String, PathBuf)>,
    /// The collections that it can name and that are not there, which was told.
    pub missing: Vec<Arc<str>>,
}

impl Roles {
    /// The folder of a role.
    pub fn folder(&self, name: &str) -> Option<&Path> {
        self.named.iter().find(|(known, _)| known == name).map(|(_, folder)| folder.as_path())
    }

    /// Whether a role is of a collection that is not there.
    pub fn is_missing(&self, name: &str) -> bool {
        name.split_once('.').is_some_and(|(collection, _)| self.missing.iter().any(|missing| **missing == *collection))
    }
}

/// The composite roles that a file in a folder can name: those of the nearest `roles/` in it or above it, and as `NAME.ROLE` those
/// of its collections.
pub fn roles_of(folder: &Path, collections: &Named, loader: &dyn Loader) -> Roles {
    let sorted = |folder: &Path| {
        let mut names = loader.roles(folder)?;
        names.sort();
        names.truncate(MOST);
        Some(names)
    };
    let nearest = folder.ancestors().map(|above| above.join(ROLES)).find_map(|roles| Some((sorted(&roles)?, roles)));
    let own = nearest.into_iter().flat_map(|(names, roles)| names.into_iter().map(move |name| (name.clone(), roles.join(name))));
    let mut named: Vec<(String, PathBuf)> = own.collect();
    for (collection, folder) in &collections.found {
        let roles = folder.join(ROLES);
        let names = sorted(&roles).unwrap_or_default();
        named.extend(names.into_iter().map(|name| (format!("{collection}.{name}"), roles.join(name))));
    }
    Roles { named, missing: collections.missing.clone() }
}

/// The folder of the composite role that a file belongs to, if it is one of the two that are read.
pub fn folder_of_role_file(path: &Path, loader: &dyn Loader) -> Option<PathBuf> {
    if path.file_name()? == ROLE_FILE {
        return path.parent().map(Path::to_path_buf);
    }
    let folder = path.parent()?.parent()?;
    let is_role = || folder.parent().is_some_and(|above| above.ends_with(ROLES)) || loader.load(&folder.join(ROLE_FILE)).is_ok();
    (path.strip_prefix(folder).is_ok_and(|inner| inner == Path::new(TASKS_FILE)) && is_role()).then(|| folder.to_path_buf())
}
