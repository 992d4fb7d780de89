//! The `file` collection: files, parts of files, folders and links.

use std::path::Path;

use seed_role::Finding;
use seed_role::host::{FileKind, Host, Metadata};
use seed_role::registry::RoleType;
use seed_role::trouble::{Result, Trouble};
use seed_spec::Code;

pub(crate) mod access;
pub(crate) mod aside;
mod beside;
mod bytes;
mod contents;
mod directory;
mod fragment;
mod link;
mod template;
mod text;

/// The role types of this collection.
pub const TYPES: &[RoleType] = &[
    RoleType::of::<text::Text>(),
    RoleType::of::<template::Template>(),
    RoleType::of::<directory::Directory>(),
    RoleType::of::<link::Link>(),
    RoleType::of::<fragment::Fragment>(),
];

/// What is at a path, if it is of the wanted kind; none if there is nothing.
///
/// Something of another kind is an error: whatever a role would do about it, it would do to a thing that is not its own.
fn metadata_of(host: &dyn Host, path: &Path, wanted: FileKind) -> Result<Option<Metadata>> {
    let word = |kind| match kind {
        FileKind::File => "file",
        FileKind::Directory => "folder",
        FileKind::Link => "symbolic link",
        FileKind::Block => "block device",
        FileKind::Other => "special file",
    };
    match host.metadata(path)? {
        Some(there) if there.kind != wanted => {
            let attempted = format!("look at the {} {}", word(wanted), path.display());
            let hint = "Seed does not replace it: move it away, or choose another path";
            Err(Trouble::new(attempted, format!("it is a {}", word(there.kind))).hint(hint))
        }
        there => Ok(there),
    }
}

/// The folder that a path is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Mistakes in a path that is to be made and removed.
fn check_path(path: &Path) -> Option<Finding> {
    let message = if path.file_name().is_none() {
        format!("`{}` is not a path where something can be created", path.display())
    } else if path.as_os_str().as_encoded_bytes().contains(&0) {
        "a path cannot contain a NUL character".to_string()
    } else {
        return None;
    };
    Some(Finding { param: "path".into(), code: Code::WrongValue, message, help: Some("name a path below `/`".into()) })
}
