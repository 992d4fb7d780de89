//! The tree of a YAML text: an arena of nodes, each with its span.

use std::borrow::Cow;
use std::sync::Arc;

use crate::text::Span;

/// Names a node of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: its type depends on its text (YAML 1.2.2 §10.3, the core schema).
    Plain,
    /// In single or double quotes: always text.
    Quoted,
    /// A literal (`|`) or folded (`>`) block: always text.
    Block,
}

/// A node of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it was written, without its tag and anchor. Empty for a value that was left out.
    pub span: Span,
    /// Its tag, such as `!secret`; those of YAML's core schema as `!!str`.
    pub tag: Option<Arc<str>>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// A scalar, with its text after unquoting and unfolding; empty and plain for a value that was left out.
    Scalar(Arc<str>, Style),
    /// A list.
    List(Vec<NodeId>),
    /// A mapping: pairs of key and value, in order, duplicates and merge keys as written.
    Map(Vec<(NodeId, NodeId)>),
    /// An alias for another node of the tree, which stands before it.
    Alias(NodeId),
}

/// The nodes of one YAML text.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The nodes; a [`NodeId`] is an index.
    pub nodes: Vec<Node>,
    /// The document; none if the text holds none.
    pub root: Option<NodeId>,
    /// What could not be read and was left out, in order.
    pub damaged: Vec<Span>,
}

/// The key that merges the mappings behind it into the one it stands in (<https://yaml.org/type/merge.html>).
pub const MERGE: &str = "<<";

impl Tree {
    /// A node, aliases as they are.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The node that an alias stands for; any other node itself.
    pub fn target(&self, id: NodeId) -> NodeId {
        let mut id = id;
        // An alias points to an anchor before it, so this ends.
        while let NodeKind::Alias(target) = self.node(id).kind {
            id = target;
        }
        id
    }

    /// A node, aliases followed.
    pub fn follow(&self, id: NodeId) -> &Node {
        self.node(self.target(id))
    }

    /// The text of a scalar, aliases followed.
    pub fn scalar(&self, id: NodeId) -> Option<&Arc<str>> {
        match &self.follow(id).kind {
            NodeKind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// Whether a key merges other mappings into its own: `<<` without quotes.
    pub fn is_merge(&self, key: NodeId) -> bool {
        matches!(&self.node(key).kind, NodeKind::Scalar(text, Style::Plain) if &**text == MERGE)
    }

    /// The pairs of a mapping, aliases followed: first its own, then those that its merge keys bring and that
    /// are not written in it. Nothing if the node is no mapping.
    pub fn pairs(&self, id: NodeId) -> Cow<'_, [(NodeId, NodeId)]> {
        let NodeKind::Map(pairs) = &self.follow(id).kind else { return Cow::Borrowed(&[]) };
        if !pairs.iter().any(|(key, _)| self.is_merge(*key)) {
            return Cow::Borrowed(pairs);
        }
        let mut merged = Vec::new();
        let mut seen = std::collections::HashSet::new();
        self.merge_into(&mut merged, &mut seen, pairs);
        Cow::Owned(merged)
    }

    /// Depth is bounded: the parser refuses trees that are nested too deep, aliases followed.
    fn merge_into<'a>(
        &'a self,
        merged: &mut Vec<(NodeId, NodeId)>,
        seen: &mut std::collections::HashSet<&'a str>,
        pairs: &[(NodeId, NodeId)],
    ) {
        for (key, value) in pairs {
            // A key that is no text is kept, for the reader to complain about.
            if !self.is_merge(*key) && self.scalar(*key).is_none_or(|name| seen.insert(name)) {
                merged.push((*key, *value));
            }
        }
        for (_, value) in pairs.iter().filter(|(key, _)| self.is_merge(*key)) {
            match &self.follow(*value).kind {
                NodeKind::Map(pairs) => self.merge_into(merged, seen, pairs),
                NodeKind::List(items) => {
                    for item in items {
                        if let NodeKind::Map(pairs) = &self.follow(*item).kind {
                            self.merge_into(merged, seen, pairs);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The value of a key of a mapping, aliases and merge keys followed.
    pub fn get(&self, map: NodeId, key: &str) -> Option<NodeId> {
        self.pairs(map).iter().find(|(name, _)| self.scalar(*name).is_some_and(|name| &**name == key)).map(|(_, value)| *value)
    }

    /// Whether something within the span could not be read and was left out.
    pub fn is_damaged(&self, span: Span) -> bool {
        self.damaged.iter().any(|damage| damage.start < span.end && span.start < damage.end)
    }
}
