//! A project in a folder of its own, for tests.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use seed_fragment::{Item, Project, Report, State, update};
use tempfile::TempDir;

/// A project.
pub struct World {
    folder: TempDir,
    pub root: PathBuf,
}

impl World {
    /// An empty one.
    pub fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("project");
        fs::create_dir_all(root.join("fragments")).unwrap();
        World { folder, root }
    }

    /// One with a fragment `f` that was rendered into a file between the lines `before` and `after`.
    pub fn with(fragment: &str) -> World {
        let world = World::new();
        world.write("fragments/f", fragment);
        world.write("file", format!("before\n{BEGIN}{END}after\n"));
        world.update();
        world
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The folder that the project lies in.
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "no {from:?} in {text:?}");
        self.write(path, text.replacen(from, to, 1));
    }

    pub fn project(&self) -> Project {
        Project::open(&self.root).unwrap()
    }

    pub fn update(&self) -> Report {
        update(&self.root, &[]).unwrap()
    }

    pub fn status(&self) -> Vec<Item> {
        self.project().status(&[]).unwrap().items
    }

    /// The states of all blocks, in order.
    pub fn states(&self) -> Vec<State> {
        self.status().iter().map(|item| item.state).collect()
    }

    /// All files with their bytes, Seed's own for this machine left out.
    pub fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut open = vec![self.root.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if !path.ends_with(".seed/lock") {
                    all.insert(path.strip_prefix(&self.root).unwrap().to_path_buf(), fs::read(&path).unwrap());
                }
            }
        }
        all
    }
}

pub const BEGIN: &str = "# seed:begin f#1\n";
pub const END: &str = "# seed:end f#1\n";

/// A block of these lines, as it stands in a file of [`World::with`].
pub fn block(lines: &str) -> String {
    format!("before\n{BEGIN}{lines}{END}after\n")
}
