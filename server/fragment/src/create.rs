//! New fragments.

use std::path::{Path, PathBuf};

use seed_role::Trouble;
use seed_role::host::folder::Folder;
use seed_role::trouble::Result;

use crate::library::Library;
use crate::marker::is_name;
use crate::place;

/// Writes a new fragment of the project at a folder, as `fragments/FILE`, and gives its path. `file` may have an ending
/// (`ssh-base.conf`), which the name of the fragment leaves out.
///
/// # Errors
///
/// When it cannot be a name, there is a fragment of that name already, the folder leads out of the project, and what the system says.
pub fn create(root: &Path, file: &str, text: &str) -> Result<PathBuf> {
    let attempted = || format!("write the new fragment fragments/{file}");
    let name = name_of(file);
    if !is_name(file) || !is_name(name) {
        let said = format!("`{file}` cannot be its name: use letters, digits, `.`, `_` and `-`, a letter or digit first");
        return Err(Trouble::new(attempted(), said));
    }
    for known in [file, name] {
        if let Some(there) = Library::of(root).get(known)? {
            return Err(Trouble::new(attempted(), format!("the fragment `{known}` already exists: {}", there.path.display()))
                .hint("choose another name"));
        }
    }
    let folder = root.join("fragments");
    let made = Folder::made(&folder)?;
    place::inside(root, &folder)?;
    match made.write_new(file, text.as_bytes(), 0o666)? {
        true => Ok(folder.join(file)),
        false => Err(Trouble::new(attempted(), "this name already exists").hint("choose another name")),
    }
}

/// The name that markers have for the fragment in a file.
pub(crate) fn name_of(file: &str) -> &str {
    file.split('.').next().unwrap_or(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_new_fragment_is_written_once_and_only_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let path = create(&root, "base.conf", "Port 22\n").unwrap();
        assert_eq!(
            (path.as_path(), fs::read_to_string(&path).unwrap().as_str()),
            (&*root.join("fragments/base.conf"), "Port 22\n")
        );
        assert!(Library::of(&root).get("base").unwrap().is_some());
        for (name, words) in [
            ("base", "already"),
            ("base.lua", "already"),
            ("base.conf", "already"),
            ("../x", "cannot be its name"),
            ("a/b", "cannot be its name"),
            (".hidden", "cannot be its name"),
            ("", "cannot be its name"),
        ] {
            let error = create(&root, name, "x").unwrap_err().to_string();
            assert!(error.contains(words), "{name}: {error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "Port 22\n");
    }

    #[test]
    fn a_folder_that_leads_out_of_the_project_is_refused() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = folder.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(other.path(), root.join("fragments")).unwrap();
        let error = create(&root, "base", "x").unwrap_err().to_string();
        assert!(error.contains("outside the project"), "{error}");
        assert!(!other.path().join("base").exists());
    }
}
