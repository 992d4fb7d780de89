//! The user's yes before anything leaves the machine: once for each project and provider, remembered in the state folder.

use std::io::Write;
use std::path::{Path, PathBuf};

use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::trouble::Result;
use serde::{Deserialize, Serialize};

use crate::Provider;

/// The file in the state folder: a JSON value a line.
const FILE: &str = "model-consent";
/// Longer than this, in bytes, it is not read.
const LONGEST: u64 = 16 << 20;

/// What was said yes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Given {
    project: PathBuf,
    provider: String,
    endpoint: String,
}

/// What the user has said yes to.
///
/// Another provider, another endpoint and another project ask again. An endpoint on this machine asks nothing: nothing leaves the
/// machine, and what is sent is shown all the same.
#[derive(Clone, Debug)]
pub struct Consent {
    file: PathBuf,
}

impl Consent {
    /// What is kept in a state folder.
    pub fn new(state_folder: &Path) -> Self {
        Consent { file: state_folder.join(FILE) }
    }

    /// Whether what belongs to a project may be sent.
    pub fn is_given(&self, project: &Path, provider: &Provider) -> bool {
        provider.endpoint().is_local() || self.all().contains(&given(project, provider))
    }

    /// Notes the user's yes.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn give(&self, project: &Path, provider: &Provider) -> Result<()> {
        let new = given(project, provider);
        let mut all = self.all();
        if all.contains(&new) {
            return Ok(());
        }
        all.push(new);
        let mut text = String::new();
        for one in all {
            text += &serde_json::to_string(&one).map_err(|error| Trouble::new(self.attempt(), error.to_string()))?;
            text.push('\n');
        }
        self.write(&text).map_err(|error| Trouble::from_io(self.attempt(), &error))
    }

    fn attempt(&self) -> String {
        format!("note in {} that this may be sent", self.file.display())
    }

    /// All of it. A line that cannot be read gives nothing: then it is asked again.
    fn all(&self) -> Vec<Given> {
        let bytes = folder::read(&self.file, LONGEST).ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.file)?;
        Ok(())
    }
}

fn given(project: &Path, provider: &Provider) -> Given {
    let project = project.canonicalize().unwrap_or_else(|_| project.to_path_buf());
    Given { project, provider: provider.dialect().name().into(), endpoint: provider.endpoint().to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::read;

    fn provider(endpoint: &str) -> Provider {
        let text = format!("use: it\nmodels:\n  it: {{provider: openai, endpoint: \"{endpoint}\", model: m}}\n");
        read(Path::new("model.yaml"), &text).unwrap().provider(None).unwrap().unwrap()
    }

    #[test]
    fn it_is_asked_once_for_each_project_and_endpoint() {
        let state = tempfile::tempdir().unwrap();
        let consent = Consent::new(&state.path().join("deep/state"));
        let (here, there) = (Path::new("/srv/here"), Path::new("/srv/there"));
        let far = provider("https://example.org/v1");
        assert!(!consent.is_given(here, &far));
        consent.give(here, &far).unwrap();
        consent.give(here, &far).unwrap();
        assert!(consent.is_given(here, &far));
        assert!(!consent.is_given(there, &far), "another project");
        assert!(!consent.is_given(here, &provider("https://example.com/v1")), "another endpoint");
        assert!(consent.is_given(there, &provider("http://127.0.0.1:8080/v1")), "it stays on this machine");
        consent.give(there, &far).unwrap();
        assert!(consent.is_given(here, &far) && consent.is_given(there, &far));
    }

    #[test]
    fn a_damaged_file_asks_again() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join(FILE), b"{\"project\": \xff\n").unwrap();
        let consent = Consent::new(state.path());
        let far = provider("https://example.org/v1");
        assert!(!consent.is_given(Path::new("/x"), &far));
        consent.give(Path::new("/x"), &far).unwrap();
        assert!(consent.is_given(Path::new("/x"), &far));
    }
}
