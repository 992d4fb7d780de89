//! The example of every role type is a correct piece of a spec.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_collections::catalog;
use seed_spec::analysis::{Loader, Request, analyse};

struct Nothing;

impl Loader for Nothing {
    fn load(&self, path: &Path) -> Result<Arc<str>, String> {
        Err(format!("{} is not there", path.display()))
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }
}

#[test]
fn every_example_is_correct_and_is_of_its_type() {
    for info in catalog().types() {
        let roles: String = info.example.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!("seed: 1\nname: example\nwhy: It shows {}.\nroles:\n{roles}", info.name);
        let request = Request { path: Path::new("/spec/example.seed.yaml"), text: &text, edited_line: None };
        let analysis = analyse(&request, catalog(), &Nothing);
        assert!(analysis.diagnostics.is_empty(), "{}: {:?}", info.name, analysis.diagnostics);
        assert!(analysis.roles.iter().any(|role| *role.is == *info.name), "{}", info.name);
    }
}
