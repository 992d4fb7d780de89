//! Giving a role or variable another name, everywhere.

use seed_spec::analysis::interpolate;
use seed_spec::diagnostic::Edit;
use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::names::{self, Name, Occurrence};
use crate::snapshot::is_role_file;

/// What can be renamed at an offset of the spec's text: the name, where it stands.
pub fn prepare(snapshot: &Snapshot, offset: usize) -> Option<Span> {
    renamed(snapshot, FileId(0), offset).map(|occurrence| occurrence.span)
}

/// The edits, in all files of the spec, that give what is named at an offset of one of them a new name.
///
/// # Errors
///
/// Why it cannot be done, in words for a person.
pub fn rename(snapshot: &Snapshot, file: FileId, offset: usize, name: &str) -> Result<Vec<Edit>, String> {
    let Some(occurrence) = renamed(snapshot, file, offset) else {
        return Err("only roles and variables can be renamed".into());
    };
    let (what, old) = match &occurrence.name {
        Name::Role(old) => ("role", old),
        Name::Var(old) => ("variable", old),
    };
    if old == name {
        return Ok(Vec::new());
    }
    check_name(what, name)?;
    let taken = match &occurrence.name {
        Name::Role(_) => names::definition(snapshot, &Name::Role(name.into()), file),
        Name::Var(_) => names::definition(snapshot, &Name::Var(name.into()), file),
    };
    if let Some(span) = taken {
        let source = snapshot.file(span.file);
        let line = source.line_of(span.start as usize) + 1;
        return Err(format!("a {what} named `{name}` already exists at {}:{line}", source.path().display()));
    }
    let mut edits: Vec<Edit> = names::occurrences(snapshot, file)
        .into_iter()
        .filter(|one| one.name == occurrence.name)
        .map(|one| Edit { span: one.span, text: name.into() })
        .collect();
    edits.sort_by_key(|edit| (edit.span.file, edit.span.start));
    edits.dedup();
    Ok(edits)
}

/// What is named at the offset, if it is defined in a file of the spec.
fn renamed(snapshot: &Snapshot, file: FileId, offset: usize) -> Option<Occurrence> {
    let occurrence = snapshot.is_current().then(|| names::at(snapshot, file, offset)).flatten()?;
    // A parameter is named by all who use the role, wherever they are.
    let defined = names::definition(snapshot, &occurrence.name, file)?;
    (!snapshot.analysis.document(defined.file).is_some_and(|document| is_role_file(&document.absolute))).then_some(occurrence)
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let reserved = matches!(name, "vars" | "env" | "each");
    match (interpolate::is_name(name), reserved && what == "role") {
        (false, _) => Err(format!("`{name}` cannot name a {what}: use letters, digits, `_` and `-`, and do not begin with `-`")),
        (true, true) => Err(format!("`{name}` is not a valid name for a role: `${{{name}.…}}` has another meaning")),
        (true, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    const SPEC: &str = "seed: 1\nname: a\nvars: {disk: 1 GiB}\nroles:\n  image$0:\n    is: disk.image\n    path: ./image\n    \
                        size: ${vars.disk}\n  \"loop\":\n    is: disk.loop\n    backing: image.path\n    needs: ['image[a]', image]\n  \
                        note:\n    is: file.text\n    content: |\n      image: ${image.path}, ${image[a].path}\n";

    fn renamed(fixture: &str, name: &str) -> String {
        check(fixture, |Fixture { snapshot, offset }| match rename(snapshot, FileId(0), *offset, name) {
            Ok(edits) => Fixture::apply(snapshot, &edits),
            Err(error) => error,
        })
    }

    #[test]
    fn a_role_is_renamed_wherever_it_is_named() {
        assert_eq!(
            renamed(SPEC, "disk-file"),
            "seed: 1\nname: a\nvars: {disk: 1 GiB}\nroles:\n  disk-file:\n    is: disk.image\n    path: ./image\n    \
             size: ${vars.disk}\n  \"loop\":\n    is: disk.loop\n    backing: disk-file.path\n    needs: ['disk-file[a]', disk-file]\n  \
             note:\n    is: file.text\n    content: |\n      image: ${disk-file.path}, ${disk-file[a].path}\n"
        );
    }

    const ROLE: &str = "\n--- roles/desk/role.yml\nparameters: {home: {type: path}}\n\
                        --- roles/desk/tasks/main.yml\npresent:\n  image: {is: disk.image, path: \"${home}\", size: 1 GiB}\n";

    #[test]
    fn names_of_a_spec_and_of_a_composite_role_have_nothing_to_do_with_each_other() {
        let spec =
            "seed: 1\nname: a\nroles:\n  image$0: {is: disk.image, path: ./i, size: 1 GiB}\n  mine: {is: desk, home: ./h}\n";
        assert_eq!(renamed(&format!("{spec}{ROLE}"), "file"), spec.replace("image$0", "file"));
        let tasks = "# at roles/desk/tasks/main.yml\npresent:\n  image$0: {is: disk.image, path: \"${home}\", size: 1 GiB}\n  \
                     loop: {is: disk.loop, backing: image, read_only: true}\n";
        let role = "\n--- roles/desk/role.yml\nparameters: {home: {type: path}}\n";
        let done = renamed(&format!("{tasks}{role}"), "file");
        assert!(done.contains("  file: {") && done.contains("backing: file,"), "{done}");
        let parameter = tasks.replace("image$0", "image").replace("${home}", "${ho$0me}");
        assert!(renamed(&format!("{parameter}{role}"), "house").contains("only roles and variables"));
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        assert!(renamed(SPEC, "a b").contains("cannot name a role"));
        assert!(renamed(SPEC, "vars").contains("has another meaning"));
        assert!(renamed(SPEC, "loop").contains("a role named `loop` already exists at /spec/main.seed.yaml:9"));
        assert!(renamed("seed: 1\nna$0me: a\nroles: {}\n", "x").contains("only roles and variables"));
    }
}
