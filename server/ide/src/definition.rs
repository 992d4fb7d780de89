//! From a name to where it is defined.

use std::path::PathBuf;

use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::links;
use crate::names;

/// Where something is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// A name in one of the files of the spec.
    Name {
        /// What the cursor is on.
        from: Span,
        /// The name where it is defined.
        to: Span,
    },
    /// A whole file.
    File {
        /// What the cursor is on.
        from: Span,
        /// The file.
        to: PathBuf,
    },
}

/// Where what stands at an offset of the spec's text is defined.
pub fn definition(snapshot: &Snapshot, offset: usize) -> Option<Definition> {
    if !snapshot.is_current() {
        return None;
    }
    if let Some(occurrence) = names::at(snapshot, FileId(0), offset) {
        let to = names::definition(snapshot, &occurrence.name)?;
        return Some(Definition::Name { from: occurrence.span, to });
    }
    let link = links::links(snapshot).into_iter().find(|link| link.span.touches(offset))?;
    Some(Definition::File { from: link.span, to: link.target })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    fn shown(fixture: &str) -> String {
        check(fixture, |Fixture { snapshot, offset }| match definition(snapshot, *offset) {
            Some(Definition::Name { from, to }) => {
                format!("{} -> {}", snapshot.slice(from), Fixture::place(snapshot, to))
            }
            Some(Definition::File { from, to }) => format!("{} -> {}", snapshot.slice(from), to.display()),
            None => "nothing".into(),
        })
    }

    #[test]
    fn references_needs_and_interpolations_lead_to_the_role() {
        let spec = "seed: 1\nname: a\nroles:\n  image: {is: disk.image, path: ./a, size: 1 GiB}\n";
        let at = "image -> main.seed.yaml:4:3 image";
        assert_eq!(shown(&format!("{spec}  loop:\n    is: disk.loop\n    backing: im$0age\n")), at);
        assert_eq!(shown(&format!("{spec}  loop:\n    is: disk.loop\n    backing: image$0.path\n")), at);
        assert_eq!(shown(&format!("{spec}  loop:\n    is: disk.loop\n    needs: [$0image]\n")), at);
        assert_eq!(shown(&format!("{spec}  note:\n    is: file.text\n    content: 'at ${{ima$0ge.path}}'\n")), at);
        assert_eq!(shown(&format!("{spec}  loop:\n    is: disk.loop\n    backing: ./im$0age\n")), "nothing");
    }

    #[test]
    fn variables_lead_to_their_definition() {
        let spec = "seed: 1\nname: a\nvars:\n  disk: 4 GiB\nroles:\n  image:\n    is: disk.image\n    size: ${vars.di$0sk}\n";
        assert_eq!(shown(spec), "disk -> main.seed.yaml:4:3 disk");
    }

    #[test]
    fn included_files_are_followed() {
        let main = "seed: 1\nname: a\ninclude: [./other.seed.yaml]\nroles:\n  loop:\n    is: disk.loop\n    backing: thi$0ng\n";
        let other = "\n--- other.seed.yaml\nseed: 1\nname: b\nroles:\n  thing: {is: disk.image, path: ./t, size: 1 MiB}\n";
        assert_eq!(shown(&format!("{main}{other}")), "thing -> other.seed.yaml:4:3 thing");
        let link = "seed: 1\nname: a\ninclude: [./ot$0her.seed.yaml]\nroles: {}\n";
        assert_eq!(shown(&format!("{link}{other}")), "./other.seed.yaml -> /spec/other.seed.yaml");
    }
}
