//! From a byte offset to the node that stands there, and the path that leads to it.

use std::path::Path;

use seed_spec::analysis::Document;
use seed_spec::shape::{Catalog, KIND};
use seed_spec::tree::{NodeId, NodeKind, Tree};

use crate::place::{Place, RoleWords, Segment, role_in};

/// A node of a tree, found by offset.
#[derive(Clone, Debug)]
pub struct Located {
    /// The steps from the root.
    pub path: Vec<Segment>,
    /// The nodes on the way, the root first: for each, its key's node if it has one.
    pub nodes: Vec<(Option<NodeId>, NodeId)>,
    /// Whether the offset lies in the last key and not in its value.
    pub on_key: bool,
    /// What decides about the role that the path leads into.
    pub words: RoleWords,
}

impl Located {
    /// The last key.
    pub fn key(&self) -> Option<&str> {
        self.path.last().and_then(Segment::key)
    }

    /// What may stand at the node.
    pub fn place(&self, file: &Path, catalog: &Catalog) -> Place {
        Place::at(file, &self.path, &self.words, catalog)
    }

    /// What the mapping that holds the node is.
    pub fn outer_place(&self, file: &Path, catalog: &Catalog) -> Place {
        Place::at(file, &self.path[..self.path.len().saturating_sub(1)], &self.words, catalog)
    }
}

/// The innermost node at an offset.
pub fn locate(document: &Document, offset: usize) -> Option<Located> {
    let tree = &document.tree;
    let root = tree.root?;
    let mut located = Located { path: Vec::new(), nodes: vec![(None, root)], on_key: false, words: RoleWords::default() };
    let mut node = root;
    loop {
        let next = match &tree.node(node).kind {
            NodeKind::Map(pairs) => {
                let at = pairs.iter().find_map(|(key, value)| {
                    let on_key = tree.node(*key).span.touches(offset);
                    (on_key || tree.node(*value).span.touches(offset)).then_some((*key, *value, on_key))
                });
                let Some((key, value, on_key)) = at else { return Some(located) };
                let Some(name) = tree.scalar(key) else { return Some(located) };
                located.path.push(Segment::Key(name.to_string()));
                located.nodes.push((Some(key), value));
                located.on_key = on_key;
                if role_in(&located.path).is_some_and(|(_, steps)| steps == located.path.len()) {
                    located.words = role_words(tree, value);
                }
                if on_key {
                    return Some(located);
                }
                value
            }
            NodeKind::List(items) => {
                let Some(item) = items.iter().find(|item| tree.node(**item).span.touches(offset)) else {
                    return Some(located);
                };
                located.path.push(Segment::Item);
                located.nodes.push((None, *item));
                *item
            }
            NodeKind::Scalar(..) | NodeKind::Alias(_) => return Some(located),
        };
        node = next;
    }
}

/// What stands behind `is:` and `kind:` in the entry of a role.
pub fn role_words(tree: &Tree, entry: NodeId) -> RoleWords {
    let word = |key: &str| tree.get(entry, key).and_then(|value| tree.scalar(value)).map(|text| text.to_string());
    RoleWords { is: word("is"), kind: word(KIND), looped: tree.get(entry, "for_each").is_some() }
}
