//! From a name to where it is defined.

use std::path::{Path, PathBuf};

use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::interpolation::{self, Named};
use crate::links;
use crate::locate;
use crate::names;
use crate::place::Place;

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
    if let Some(found) = offered(snapshot, offset) {
        return Some(found);
    }
    if let Some(occurrence) = names::at(snapshot, FileId(0), offset) {
        let to = names::definition(snapshot, &occurrence.name, FileId(0))?;
        return Some(Definition::Name { from: occurrence.span, to });
    }
    if let Some(found) = of_a_composite(snapshot, offset) {
        return Some(found);
    }
    let link = links::links(snapshot).into_iter().find(|link| link.span.touches(offset))?;
    Some(Definition::File { from: link.span, to: link.target })
}

/// The `role.yml` that a composite role type or one of its parameters is written in.
fn of_a_composite(snapshot: &Snapshot, offset: usize) -> Option<Definition> {
    let spec = snapshot.spec()?;
    let located = locate::locate(spec, offset)?;
    let (key, node) = located.nodes.last().copied()?;
    if located.on_key {
        let Place::Role(types) = located.outer_place(spec.source.path(), &snapshot.catalog) else { return None };
        let home = types.types.first()?.home.clone()?;
        let to = in_role_file(snapshot, &home.role, "parameters", located.key()?)?;
        return Some(Definition::Name { from: spec.tree.node(key?).span, to });
    }
    let Place::RoleType = located.place(spec.source.path(), &snapshot.catalog) else { return None };
    let home = snapshot.catalog.get(spec.tree.scalar(node)?)?.home.clone()?;
    Some(Definition::File { from: spec.tree.node(node).span, to: home.role.clone() })
}

/// The output of a composite role that a `${role.output}` names.
fn offered(snapshot: &Snapshot, offset: usize) -> Option<Definition> {
    let spec = snapshot.spec()?;
    let located = locate::locate(spec, offset)?;
    let (_, node) = located.nodes.last().copied()?;
    for named in interpolation::all(&spec.source, spec.tree.node(node).span) {
        if let Named::Output { role, output } = named
            && output.touches(offset)
            && output.start < output.end
        {
            let name = spec.source.slice(role);
            let entry = snapshot.beside(FileId(0)).flat_map(|document| &document.entries).find(|entry| *entry.name == *name)?;
            let home = entry.info.as_ref()?.home.clone()?;
            let to = in_role_file(snapshot, &home.role, "outputs", spec.source.slice(output))?;
            return Some(Definition::Name { from: output, to });
        }
    }
    None
}

fn in_role_file(snapshot: &Snapshot, path: &Path, section: &str, name: &str) -> Option<Span> {
    let document = snapshot.analysis.documents.iter().find(|document| document.absolute == *path)?;
    names::declared(document, section, name)
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
