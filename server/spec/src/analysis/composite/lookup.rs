//! Where composite roles are looked up: the one place that knows.

use std::path::{Path, PathBuf};

use super::super::Loader;

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
}

impl Roles {
    /// The folder of a role.
    pub fn folder(&self, name: &str) -> Option<&Path> {
        self.named.iter().find(|(known, _)| known == name).map(|(_, folder)| folder.as_path())
    }
}

/// The composite roles that a file in a folder can name: those of the nearest `roles/` in it or above it.
pub fn roles_of(folder: &Path, loader: &dyn Loader) -> Roles {
    let nearest = folder.ancestors().map(|above| above.join(ROLES)).find_map(|roles| Some((loader.roles(&roles)?, roles)));
    let Some((mut names, roles)) = nearest else { return Roles::default() };
    names.sort();
    names.truncate(MOST);
    Roles { named: names.into_iter().map(|name| (name.clone(), roles.join(name))).collect() }
}

/// The folder of the composite role that a file belongs to, if it is one of the two that are read.
pub fn folder_of_role_file(path: &Path, loader: &dyn Loader) -> Option<PathBuf> {
    if path.file_name()? == ROLE_FILE {
        return path.parent().map(Path::to_path_buf);
    }
    let folder = path.parent()?.parent()?;
    (path.strip_prefix(folder).is_ok_and(|inner| inner == Path::new(TASKS_FILE)) && loader.load(&folder.join(ROLE_FILE)).is_ok())
        .then(|| folder.to_path_buf())
}
