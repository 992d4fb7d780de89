//! Who can write what a command is made of: the folders that hold its files, and those that hold links to them.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use seed_role::shell;
use seed_spec::Analysis;
use seed_spec::analysis::{Document, Pinned};

use crate::node::folder_of;

/// The most links that a path goes through, as in the kernel (path_resolution(7)).
const MOST_LINKS: usize = 40;
/// Folders of the system: where only root writes in them, their links, such as `/home` to another disk, are as good as none.
const SYSTEM: [&str; 4] = ["/", "/home", "/usr", "/var"];

/// Who has a say in a command, and so has to be trusted for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Whoever writes into a folder.
    Folder {
        /// The folder, without symbolic links.
        folder: PathBuf,
        /// What it holds that the command comes from.
        holds: Holds,
    },
    /// Whoever can have a symbolic link lead elsewhere.
    Link {
        /// Its path; the folder that it stands in has no symbolic links.
        link: PathBuf,
        /// What it holds.
        to: PathBuf,
    },
    /// A collection at a commit.
    Collection {
        /// Its name in the spec.
        name: String,
        /// What it is pinned to.
        pinned: Pinned,
        /// Where it lies, to be read.
        folder: PathBuf,
    },
}

/// What of a spec a folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// The spec itself.
    Spec,
    /// A file that it includes.
    Include(PathBuf),
    /// A composite role.
    Role,
}

impl Holds {
    /// It as the subject of a sentence, as what names a command.
    pub fn words(&self) -> &'static str {
        match self {
            Holds::Spec => "the spec",
            Holds::Include(_) => "an included file",
            Holds::Role => "a composite role",
        }
    }
}

impl Writer {
    /// Who writes a file of a spec: the collection that it was fetched with, or else whoever can write it or put another in its
    /// place.
    pub fn of(document: &Document, analysis: &Analysis) -> Vec<Writer> {
        for collection in &analysis.collections {
            let Some(found) = collection.found.as_ref().filter(|found| document.absolute.starts_with(&found.folder)) else {
                continue;
            };
            if let Some(pinned) = found.pinned.clone() {
                return vec![Writer::Collection { name: collection.name.to_string(), pinned, folder: found.folder.clone() }];
            }
        }
        let holds = if document.file.0 == 0 {
            Holds::Spec
        } else if analysis.includes.iter().any(|link| link.file == Some(document.file)) {
            Holds::Include(document.absolute.clone())
        } else {
            Holds::Role
        };
        Writer::of_path(&document.absolute, holds)
    }

    /// Who writes a spec.
    pub fn of_spec(spec: &Path) -> Vec<Writer> {
        Writer::of_path(spec, Holds::Spec)
    }

    fn of_path(path: &Path, holds: Holds) -> Vec<Writer> {
        let (real, mut writers) = resolve(path);
        writers.insert(0, Writer::Folder { folder: folder_of(&real), holds });
        writers
    }

    /// The links that a path goes through.
    pub fn links_to(path: &Path) -> Vec<Writer> {
        resolve(path).1
    }

    /// What is wrong where it is not trusted, behind "and".
    pub fn is_not_trusted(&self) -> String {
        match self {
            Writer::Folder { holds: Holds::Spec, .. } => "the spec's folder is not trusted".into(),
            Writer::Folder { holds: Holds::Include(file), .. } => format!("the folder of {} is not trusted", shell::word(file)),
            Writer::Folder { holds: Holds::Role, .. } => "the role's folder is not trusted".into(),
            Writer::Link { link, .. } => format!("the link {} is not trusted", shell::word(link)),
            Writer::Collection { .. } => "the collection is not trusted at this commit".into(),
        }
    }

    /// What to do, for a spec, so that it may run them.
    pub fn how_to_trust(&self, spec: &Path) -> String {
        match self {
            Writer::Folder { folder, holds } => {
                let what = match holds {
                    Holds::Spec => "the spec".to_owned(),
                    Holds::Include(file) => shell::word(file),
                    Holds::Role => "the role".to_owned(),
                };
                format!("read {what}, then: seed trust {}", shell::word(folder))
            }
            Writer::Link { link, .. } if link.is_dir() => {
                format!("see where {0} leads, then: seed trust {0}", shell::word(link))
            }
            Writer::Link { link, .. } => {
                format!("see where {} leads, then: seed trust {}", shell::word(link), shell::word(&folder_of(link)))
            }
            Writer::Collection { name, folder, .. } => {
                format!("read {}, then: seed trust --collection {name} {}", shell::word(folder), shell::word(spec))
            }
        }
    }

    /// Whether who trusts this one trusts the other, too: a folder is trusted with all below it.
    pub fn includes(&self, other: &Writer) -> bool {
        match (self, other) {
            (Writer::Folder { folder: outer, .. }, Writer::Folder { folder, .. }) => outer != folder && folder.starts_with(outer),
            (Writer::Folder { folder, .. }, Writer::Link { link, .. }) => link.starts_with(folder),
            _ => false,
        }
    }
}

/// A path without symbolic links, as far as it leads somewhere, and the links that it goes through.
fn resolve(path: &Path) -> (PathBuf, Vec<Writer>) {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let parts = |path: &Path| -> Vec<OsString> {
        let inner = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
        inner.map(|part| part.as_os_str().to_owned()).collect()
    };
    let mut open: VecDeque<OsString> = parts(&absolute).into();
    let mut real = PathBuf::from("/");
    let mut links = Vec::new();
    while let Some(part) = open.pop_front() {
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&part);
        let Ok(to) = std::fs::read_link(&next) else {
            real = next;
            continue;
        };
        if links.len() < MOST_LINKS {
            if !is_of_the_system(&real) {
                links.push(Writer::Link { link: next, to: to.clone() });
            }
            if to.is_absolute() {
                real = PathBuf::from("/");
            }
            parts(&to).into_iter().rev().for_each(|part| open.push_front(part));
        }
    }
    (real, links)
}

fn is_of_the_system(folder: &Path) -> bool {
    let only_root = |metadata: Metadata| metadata.uid() == 0 && metadata.mode() & 0o022 == 0;
    SYSTEM.iter().any(|known| folder == Path::new(known)) && std::fs::metadata(folder).is_ok_and(only_root)
}
