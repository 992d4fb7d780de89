//! Skeletons: what a new spec, role, collection or fragment is written from, and what is kept in step of it afterwards.
//!
//! A skeleton is a folder of files, each a fragment; `{{ instance }}` is the name of the new thing, also where a file's name says
//! `NAME`. What stands in such a file between two markers `meta/PART#{{ instance }}` is itself a fragment of that name: it is kept in
//! step wherever it was written. The rest is written once and then its owner's.

use std::path::{Path, PathBuf};

use seed_role::Trouble;
use seed_role::host::FileKind;
use seed_role::host::folder::{self, Folder};
use seed_role::trouble::Result;

use crate::marker::{Key, is_name};
use crate::place;
use crate::template::Fragment;
use crate::tree;

/// The owner, in the names of fragments, of what skeletons keep in step.
pub const OWNER: &str = "meta";

/// The folder, in a project, of its own skeletons: each takes the place of the one that comes with Seed.
pub const FOLDER: &str = "fragments/meta";

/// What the begin line of a part holds.
const BEGIN: &str = "seed:begin ";

/// The greatest file of a skeleton, in bytes.
const LARGEST: u64 = 8 << 20;

/// What stands for the name in the names of files.
const NAME: &str = "NAME";

/// The files of the skeletons that come with Seed, by what they are for.
const BUILT_IN: &[(&str, &[(&str, &str)])] = &[
    ("spec", &[("NAME.seed.yaml", include_str!("../meta/spec/NAME.seed.yaml"))]),
    (
        "role",
        &[
            ("README.md", include_str!("../meta/role/README.md")),
            ("role.yml", include_str!("../meta/role/role.yml")),
            ("tasks/main.yml", include_str!("../meta/role/tasks/main.yml")),
            ("tests/NAME.seed.yaml", include_str!("../meta/role/tests/NAME.seed.yaml")),
        ],
    ),
    (
        "collection",
        &[
            ("README.md", include_str!("../meta/collection/README.md")),
            ("fragments/notice", include_str!("../meta/collection/fragments/notice")),
            ("roles/hello/role.yml", include_str!("../meta/collection/roles/hello/role.yml")),
            ("roles/hello/tasks/main.yml", include_str!("../meta/collection/roles/hello/tasks/main.yml")),
        ],
    ),
    ("fragment", &[("NAME", include_str!("../meta/fragment/NAME"))]),
];

/// The skeletons that come with Seed: what for, and their files as path and text.
pub fn built_in() -> impl Iterator<Item = (&'static str, &'static [(&'static str, &'static str)])> {
    BUILT_IN.iter().copied()
}

/// The files of a new thing before they have its name.
#[derive(Clone, Debug)]
pub struct Skeleton {
    files: Vec<(String, Fragment)>,
}

impl Skeleton {
    /// From its files: the path in the skeleton, the path to tell a person, and the text.
    ///
    /// # Errors
    ///
    /// When one of them is no fragment, or there are none.
    pub fn of(files: impl IntoIterator<Item = (String, PathBuf, Vec<u8>)>) -> Result<Skeleton> {
        let mut read = Vec::new();
        for (path, shown, bytes) in files {
            let fragment = Fragment::read(&format!("{OWNER}/{path}"), &shown, &bytes)?;
            read.push((path, fragment));
        }
        read.sort_by(|(one, _), (other, _)| one.cmp(other));
        if read.is_empty() {
            return Err(Trouble::new("read a skeleton", "it has no files"));
        }
        Ok(Skeleton { files: read })
    }

    /// The one that comes with Seed; none where there is none for that.
    pub fn built_in(what: &str) -> Option<Result<Skeleton>> {
        let (_, files) = BUILT_IN.iter().find(|(known, _)| *known == what)?;
        let file = |(path, text): &(&str, &str)| ((*path).into(), shown(what, path), text.as_bytes().to_vec());
        Some(Skeleton::of(files.iter().map(file)))
    }

    /// That of a project: its own in `fragments/meta/WHAT/`, or else the one that comes with Seed.
    ///
    /// # Errors
    ///
    /// When its own cannot be read, or there is none for that.
    pub fn of_project(root: &Path, what: &str) -> Result<Skeleton> {
        let folder = root.join(FOLDER).join(what);
        if folder.is_dir() {
            let root = folder::real(root)?;
            let below = place::inside(&root, &folder)?;
            let opened = crate::folders::open(&root)?.find(below)?;
            return Skeleton::of(opened.map_or_else(|| Ok(Vec::new()), |opened| files_below(&opened, &folder))?);
        }
        let none = || Err(Trouble::new(format!("find the skeleton of a {what}"), "it does not exist"));
        Skeleton::built_in(what).unwrap_or_else(none)
    }

    /// The files of a new thing, as path and text.
    ///
    /// # Errors
    ///
    /// What is wrong with a file of the skeleton, in words.
    pub fn render(&self, name: &str) -> Result<Vec<(PathBuf, String)>, String> {
        let one = |(path, fragment): &(String, Fragment)| {
            let text = fragment.render(name, &[])?;
            let (_, problems) = tree::parse(&text);
            match problems.first() {
                Some(problem) => Err(format!(
                    "{}: the rendered text has a mistake in its markers on line {}: {}",
                    fragment.path.display(),
                    problem.line,
                    problem.message
                )),
                None => Ok((PathBuf::from(path.replace(NAME, name)), text)),
            }
        };
        self.files.iter().map(one).collect()
    }

    /// All that is kept in step, by the names of fragments.
    pub fn parts(&self) -> Vec<(String, Fragment)> {
        let mut parts = Vec::new();
        for (_, fragment) in &self.files {
            for rest in fragment.body.split(BEGIN).skip(1) {
                let name = rest.split('#').next().unwrap_or_default();
                if name.strip_prefix(OWNER).and_then(|name| name.strip_prefix('/')).is_some_and(is_name) {
                    parts.push((name.to_string(), fragment.clone().only(name)));
                }
            }
        }
        parts
    }

    /// What is kept in step under a name: `meta/readme`.
    pub fn part(&self, name: &str) -> Option<Fragment> {
        let begin = format!("{BEGIN}{name}#");
        let (_, fragment) = self.files.iter().find(|(_, fragment)| fragment.body.contains(&begin))?;
        Some(fragment.clone().only(name))
    }
}

/// What skeletons of a project keep in step under a name.
pub(crate) fn part(root: &Path, name: &str) -> Result<Option<Fragment>> {
    for (what, _) in BUILT_IN {
        if let Some(part) = Skeleton::of_project(root, what)?.part(name) {
            return Ok(Some(part));
        }
    }
    Ok(None)
}

/// Whether a block is kept in step for that instance.
pub fn is_part(key: &Key, instance: &str) -> bool {
    key.instance == instance && key.fragment.strip_prefix(OWNER).is_some_and(|rest| rest.starts_with('/'))
}

fn shown(what: &str, path: &str) -> PathBuf {
    Path::new("(built in)").join(what).join(path)
}

fn files_below(top: &Folder, shown: &Path) -> Result<Vec<(String, PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(at) = open.pop() {
        let Some(folder) = top.find(&at)? else { continue };
        for name in folder.names()? {
            let path = at.join(&name);
            // What a link leads to may be anything, and is followed nowhere in a project.
            match folder.kind(&name) {
                Some(FileKind::Directory) => open.push(path),
                Some(FileKind::File) => {
                    if let Some(bytes) = folder.read(&name, LARGEST)? {
                        files.push((path.to_string_lossy().into_owned(), shown.join(&path), bytes));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::single;

    #[test]
    fn each_file_that_comes_with_seed_renders_and_its_parts_are_fragments() {
        for (what, files) in built_in() {
            let skeleton = Skeleton::built_in(what).unwrap().unwrap();
            let rendered = skeleton.render("desk").unwrap();
            assert_eq!(rendered.len(), files.len());
            for (path, text) in rendered {
                assert!(!path.to_string_lossy().contains(NAME) && !text.starts_with("---\nabout: What"), "{path:?}: {text}");
                let (parts, problems) = tree::parse(&text);
                assert_eq!(problems, []);
                for block in tree::blocks(&parts) {
                    assert!(is_part(&block.key, "desk"), "{}", block.key);
                    let part = skeleton.part(&block.key.fragment).unwrap();
                    let content = single::find(&text, &block.key).unwrap().unwrap().content;
                    assert_eq!(part.render("desk", &[]).unwrap(), content);
                    assert!(!content.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_part_is_de_indented_and_a_name_is_not_the_beginning_of_another() {
        let text = b"a:\n  # seed:begin meta/x-long#{{ instance }}\n  b: 1\n  # seed:end meta/x-long#{{ instance }}\n";
        let skeleton = Skeleton::of([("f.yml".to_string(), "f.yml".into(), text.to_vec())]).unwrap();
        assert!(skeleton.part("meta/x").is_none());
        assert_eq!(skeleton.part("meta/x-long").unwrap().render("me", &[]).unwrap(), "b: 1\n");
    }
}
