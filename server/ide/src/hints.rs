//! What is not written and yet so: values of `${…}`, the type that an abstract role comes to.

use std::collections::HashMap;
use std::ops::Range;

use seed_spec::analysis::Document;
use seed_spec::tree::{NodeId, NodeKind};
use seed_spec::{FileId, RoleInstance};

use crate::Snapshot;
use crate::hover::resolved;
use crate::locate::role_words;
use crate::place::{Place, RoleWords, Segment};

/// A remark behind a place of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The offset behind which it is shown.
    pub at: usize,
    /// The remark.
    pub text: String,
}

/// The longest value that is shown.
const LONGEST: usize = 48;

/// The hints in a range of the spec's text.
pub fn hints(snapshot: &Snapshot, range: Range<usize>) -> Vec<Hint> {
    let Some(spec) = snapshot.spec().filter(|_| snapshot.is_current()) else { return Vec::new() };
    let mut hints = Vec::new();
    for entry in &spec.entries {
        if let (Some((is, span)), Some(info)) = (&entry.is, &entry.info)
            && **is != *info.name
            && span.file == FileId(0)
        {
            hints.push(Hint { at: span.end as usize, text: format!("→ {}", info.name) });
        }
    }
    let mut instances: HashMap<u32, Vec<&RoleInstance>> = HashMap::new();
    for role in &snapshot.analysis.roles {
        if let (FileId(0), Some(entry)) = (role.entry.0, spec.entries.get(role.entry.1)) {
            instances.entry(entry.name_span.start).or_default().push(role);
        }
    }
    if let Some(root) = spec.tree.root {
        let mut reader = Reader { snapshot, spec, range: &range, instances: &instances, role: &[], hints: &mut hints };
        reader.node(root, &Place::whole(spec.source.path()), &RoleWords::default());
    }
    hints.retain(|hint| range.contains(&hint.at) || hint.at == range.end);
    hints.sort_by_key(|hint| hint.at);
    hints
}

struct Reader<'a> {
    snapshot: &'a Snapshot,
    spec: &'a Document,
    range: &'a Range<usize>,
    /// The instances of each entry, by where its name stands.
    instances: &'a HashMap<u32, Vec<&'a RoleInstance>>,
    /// Those of the entry that is read.
    role: &'a [&'a RoleInstance],
    hints: &'a mut Vec<Hint>,
}

impl Reader<'_> {
    fn node(&mut self, id: NodeId, place: &Place, words: &RoleWords) {
        let tree = &self.spec.tree;
        let node = tree.node(id);
        if node.span.end < self.range.start as u32 || node.span.start as usize > self.range.end {
            return;
        }
        match &node.kind {
            NodeKind::Map(pairs) => {
                for (key, value) in pairs {
                    let Some(name) = tree.scalar(*key) else { continue };
                    let own = matches!(place, Place::Roles).then(|| role_words(tree, *value));
                    let words = own.as_ref().unwrap_or(words);
                    if own.is_some() {
                        let at = self.instances.get(&tree.node(*key).span.start);
                        self.role = at.map_or(&[], Vec::as_slice);
                    }
                    let inside = place.inside(&Segment::Key(name.to_string()), words, &self.snapshot.catalog);
                    self.node(*value, &inside, words);
                }
            }
            NodeKind::List(items) => {
                for item in items {
                    self.node(*item, &place.inside(&Segment::Item, words, &self.snapshot.catalog), words);
                }
            }
            NodeKind::Scalar(text, _) => {
                let Place::Value(shape) = place else { return };
                if text.contains("${")
                    && let Some(value) = resolved(self.snapshot, self.role, node.span, shape)
                    && value.chars().count() <= LONGEST
                    && !value.contains('\n')
                {
                    self.hints.push(Hint { at: node.span.end as usize, text: format!("= {value}") });
                }
            }
            NodeKind::Alias(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    #[test]
    fn resolved_values_and_chosen_types_are_shown() {
        let spec = "seed: 1\nname: a\nvars: {disk: 4 GiB}\nroles:\n  image:\n    is: disk.image\n    path: ./${vars.disk}/x\n    \
                    size: ${vars.disk}\n  loop:\n    is: disk\n    kind: loop\n    backing: image\n";
        let shown = check(spec, |Fixture { snapshot, .. }| {
            let all = 0..snapshot.source.text().len();
            let lines =
                hints(snapshot, all).into_iter().map(|hint| format!("{}: {}", snapshot.source.line_of(hint.at) + 1, hint.text));
            lines.collect::<Vec<_>>().join("\n")
        });
        assert_eq!(shown, "7: = /spec/4 GiB/x\n8: = 4 GiB\n10: → disk.loop");
    }

    #[test]
    fn a_loop_that_gives_several_values_shows_none() {
        let spec = "seed: 1\nname: a\nroles:\n  dirs:\n    is: file.text\n    for_each: [a, b]\n    path: /srv/${each.value}\n    content: x\n";
        let shown = check(spec, |Fixture { snapshot, .. }| hints(snapshot, 0..snapshot.source.text().len()).len().to_string());
        assert_eq!(shown, "0");
    }
}
