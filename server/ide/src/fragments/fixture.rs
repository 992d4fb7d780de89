//! A project in a folder of its own, for the tests.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use seed_fragment::Project;

use super::Open;

/// A project with the fragments `port` (with parameters) and `plain`.
pub struct World {
    pub root: PathBuf,
    _folder: tempfile::TempDir,
}

pub const PORT: &str = "---\nabout: Where it listens.\nparameters:\n  port: {type: int, doc: The port.}\n  level: {choices: [low, high], default: low}\n  loud: {type: bool, default: false}\n---\nPort {{ port }}\nLevel {{ level }}\n";

impl World {
    pub fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("fragments")).unwrap();
        let world = World { root, _folder: folder };
        world.write("fragments/port.conf", PORT);
        world.write("fragments/plain", "one\ntwo\n");
        world
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.root.join(name), text).unwrap();
    }

    /// Asks about a text as the file `file`.
    pub fn ask<T>(&self, text: &str, question: impl FnOnce(&Open<'_>) -> T) -> T {
        let project = Project::open(&self.root).unwrap();
        question(&Open { project: &project, file: Path::new("file"), text })
    }
}
