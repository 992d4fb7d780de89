//! All places where a role or variable is named.

use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::names;

/// The places where what is named at an offset of one of the files of a spec is named, in all of them.
pub fn references(snapshot: &Snapshot, file: FileId, offset: usize, with_definition: bool) -> Vec<Span> {
    if !snapshot.is_current() {
        return Vec::new();
    }
    let Some(named) = names::at(snapshot, file, offset) else { return Vec::new() };
    names::occurrences(snapshot, file)
        .into_iter()
        .filter(|one| one.name == named.name && (with_definition || !one.definition))
        .map(|one| one.span)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    #[test]
    fn all_ways_to_name_a_role_are_found() {
        let spec = "seed: 1\nname: a\nroles:\n  image$0:\n    is: disk.image\n    path: ./image\n    size: 1 GiB\n  loop:\n    \
                    is: disk.loop\n    backing: \"image\"\n    needs:\n      - image\n  note:\n    is: file.text\n    path: /n\n    \
                    content: image ${image.path} and ${image.size}\n";
        let places = check(spec, |Fixture { snapshot, offset }| {
            let lines = references(snapshot, FileId(0), *offset, true).into_iter().map(|span| Fixture::place(snapshot, span));
            lines.collect::<Vec<_>>().join("\n")
        });
        assert_eq!(
            places,
            "main.seed.yaml:4:3 image\nmain.seed.yaml:10:15 image\nmain.seed.yaml:12:9 image\nmain.seed.yaml:16:22 image\n\
             main.seed.yaml:16:40 image"
        );
    }

    #[test]
    fn variables_are_not_roles_of_the_same_name() {
        let spec = "seed: 1\nname: a\nvars: {x: 1 GiB}\nroles:\n  x:\n    is: disk.image\n    path: ./x\n    size: ${vars.x$0}\n";
        let places = check(spec, |Fixture { snapshot, offset }| {
            let lines = references(snapshot, FileId(0), *offset, false).into_iter().map(|span| Fixture::place(snapshot, span));
            lines.collect::<Vec<_>>().join("\n")
        });
        assert_eq!(places, "main.seed.yaml:8:18 x");
    }
}
