//! Specs that a model writes: taken out of its answer, and checked as `seed check` does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use seed_engine::check::analyse;
use seed_engine::project::DiskLoader;
use seed_model::mask::Masker;
use seed_role::host::Host;
use seed_spec::analysis::{Analysis, FoundCollection, Loader, MissingCollection, Request};
use seed_spec::{FileId, Severity, Source};

use crate::context::diagnostic_lines;

/// The spec in an answer: the block between fences that looks like one, or all of it if that does.
pub fn spec_in(answer: &str) -> Option<String> {
    let blocks = fenced(answer);
    let is_spec = |text: &&String| text.lines().any(|line| line.starts_with("seed:") || line.starts_with("roles:"));
    if let Some(block) = blocks.iter().filter(is_spec).max_by_key(|block| block.len()) {
        return Some(block.clone());
    }
    // Without fences: from the first line of a spec on.
    let start = answer.lines().position(|line| line.starts_with("seed:")).filter(|_| blocks.is_empty())?;
    let spec: String = answer.lines().skip(start).map(|line| format!("{line}\n")).collect();
    is_spec(&&spec).then_some(spec)
}

/// The texts between fences of backticks or tildes. The last may have no end: the answer was cut off.
fn fenced(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, usize, String)> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let trimmed = line.trim_start();
        let fence: String = trimmed.chars().take_while(|letter| *letter == '`' || *letter == '~').collect();
        match &mut open {
            None if fence.len() >= 3 => open = Some((fence, indent, String::new())),
            None => {}
            Some((start, _, _)) if fence.starts_with(start.as_str()) && trimmed.trim_end() == fence => {
                blocks.extend(open.take().map(|(_, _, block)| block));
            }
            Some((_, depth, block)) => {
                // A fence in a list is indented, and so is what stands in it.
                block.push_str(&line[indent.min(*depth)..]);
                block.push('\n');
            }
        }
    }
    blocks.extend(open.map(|(_, _, block)| block));
    blocks
}

/// What a check of a draft found.
pub struct Checked {
    /// The draft, laid out as `seed fmt` does where it could be read.
    pub text: String,
    /// The analysis.
    pub analysis: Analysis,
    /// Its errors in words, for the model. What a draft read from the environment or another file is not in them.
    pub errors: Vec<String>,
}

/// Checks a draft that would lie at a path. Runs nothing, and reads no file outside of the project.
pub fn check(text: &str, path: &Path, project: &Path, host: &dyn Host) -> Checked {
    let formatted = seed_spec::format::format(&Source::new(path, text), FileId(0));
    let text = formatted.unwrap_or_else(|| text.to_owned());
    let loader = Confined { disk: DiskLoader, project: project.to_path_buf(), told: Mutex::default() };
    let analysis = analyse(&Request { path, text: &text, edited_line: None }, &loader, Some(host));
    let told = loader.told.into_inner().unwrap_or_else(PoisonError::into_inner);
    let masker = Masker::default().with_known(told);
    let errors = diagnostic_lines(&analysis, |diagnostic| diagnostic.severity == Severity::Error);
    let errors = errors.into_iter().map(|error| masker.mask(&error).0).collect();
    Checked { text, analysis, errors }
}

/// Reads for a text that nobody has looked at yet: a model wrote it, and its mistakes go back to the model.
struct Confined {
    disk: DiskLoader,
    project: PathBuf,
    /// The variables of the environment that were told.
    told: Mutex<Vec<String>>,
}

impl Confined {
    fn is_inside(&self, path: &Path) -> bool {
        let real = |path: &Path| path.canonicalize();
        real(path).is_ok_and(|path| real(&self.project).is_ok_and(|project| path.starts_with(project)))
    }
}

impl Loader for Confined {
    fn load(&self, path: &Path) -> Result<Arc<str>, String> {
        match self.is_inside(path) {
            true => self.disk.load(path),
            false => Err("a draft reads only files of the project".into()),
        }
    }

    fn roles(&self, folder: &Path) -> Option<Vec<String>> {
        self.is_inside(folder).then(|| self.disk.roles(folder)).flatten()
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.is_inside(path) && self.disk.is_folder(path)
    }

    fn specs(&self, folder: &Path) -> Vec<PathBuf> {
        if self.is_inside(folder) { self.disk.specs(folder) } else { Vec::new() }
    }

    fn collection(&self, name: &str, git: &str, rev: Option<&str>, beside: &Path) -> Result<FoundCollection, MissingCollection> {
        self.disk.collection(name, git, rev, beside)
    }

    fn env(&self, name: &str) -> Option<String> {
        let value = self.disk.env(name)?;
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(value.clone());
        Some(value)
    }

    fn home(&self) -> Option<PathBuf> {
        self.disk.home()
    }
}

/// What goes back to the model, for it to mend its draft.
pub(crate) fn repair(checked: Option<&Checked>) -> String {
    match checked {
        None => {
            "Your answer contains no spec. Answer with one fenced block of YAML that begins with `seed: 1`, and nothing else."
                .into()
        }
        Some(checked) => format!(
            "`seed check` finds mistakes in it:\n\n{}\n\nFix them, and answer with the whole spec in one fenced block of YAML, and nothing else.",
            checked.errors.iter().map(|error| format!("- {error}")).collect::<Vec<_>>().join("\n")
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use seed_role::host::real::RealHost;

    const SPEC: &str = "seed: 1\nname: x\nroles: {}\n";

    #[test]
    fn the_spec_is_found_in_an_answer() {
        for answer in [
            SPEC.to_string(),
            format!("Here you are:\n\n```yaml\n{SPEC}```\nGood luck."),
            format!("~~~\n{SPEC}~~~"),
            format!("1. It:\n\n   ```yaml\n{}   ```\n", SPEC.lines().map(|line| format!("   {line}\n")).collect::<String>()),
            format!("First `sh`:\n```sh\nseed check x\n```\nthen\n````yaml\n{SPEC}````\n"),
            format!("Cut off:\n```yaml\n{SPEC}"),
            format!("Sure!\n{SPEC}"),
        ] {
            assert_eq!(spec_in(&answer).as_deref(), Some(SPEC), "{answer}");
        }
        for nonsense in ["", "I cannot do that.", "```sh\nls\n```", "the seed: of it"] {
            assert_eq!(spec_in(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_draft_tells_the_model_nothing_of_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let (project, outside) = (folder.path().join("project"), folder.path().join("outside.seed.yaml"));
        std::fs::create_dir(&project).unwrap();
        std::fs::write(&outside, "not-for-the-model: true\n").unwrap();
        std::fs::create_dir_all(folder.path().join("away/roles/desk/tasks")).unwrap();
        std::fs::write(folder.path().join("away/roles/desk/role.yml"), "about: Not for the model.\n").unwrap();
        // PATH is set wherever tests run, and is no size.
        let text = "seed: 1\nname: x\ninclude: [../outside.seed.yaml]\ncollections: {away: {path: ../away}}\nroles:\n  b: {is: away.dsek}\n  a:\n    is: storage.file_block_image\n    path: ./a.img\n    size: ${env.PATH}\n";
        let checked = check(text, &project.join("draft.seed.yaml"), &project, &RealHost::new());
        let errors = checked.errors.join("\n");
        let path = std::env::var("PATH").unwrap();
        assert!(
            errors.contains("line 3") && errors.contains("only files of the project") && errors.contains("line 11"),
            "{errors}"
        );
        assert!(errors.contains("line 4") && !errors.contains("desk"), "{errors}");
        assert!(!errors.contains(&path) && !errors.contains("not-for-the-model"), "{errors}");
    }

    proptest::proptest! {
        #[test]
        fn any_answer_ends_in_a_check_or_in_none(pieces in proptest::collection::vec(proptest::sample::select(vec![
            "seed: 1\n", "roles:\n", "```yaml\n", "```\n", "~~~\n", "  a:\n", "    is: storage.btrfs\n", "    devices: [a]\n", "é", "\u{0}", "{", "[", "!secret",
            "&a *a\n", "${env.HOME}", "include: [.]\n", ": ", "- ", "name: x\n",
        ]), 0..12)) {
            let answer = pieces.concat();
            if let Some(spec) = spec_in(&answer) {
                let nowhere = Path::new("/nowhere/to/be/found");
                let checked = check(&spec, &nowhere.join("draft.seed.yaml"), nowhere, &RealHost::new());
                proptest::prop_assert_eq!(checked.errors.is_empty(), !checked.analysis.has_errors());
            }
        }
    }
}
