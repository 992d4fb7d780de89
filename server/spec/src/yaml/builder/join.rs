//! Joining what was read in pieces.

use super::super::MAX_NODES;
use super::{Builder, Content, Frame};
use crate::text::FileId;
use crate::tree::{Node, NodeId, NodeKind, Style};

impl<'s> Builder<'s> {
    /// What stands before a piece that begins with a key of a mapping in the root.
    pub const CONTEXT: &'static str = "_:\n";

    /// A builder that takes up a mapping in the root, to be joined to one that has read what is before.
    pub fn resumed(text: &'s str, file: FileId, start: usize) -> Self {
        let mut builder = Builder::new(text, file);
        let place = builder.span(start, start);
        let empty = || NodeKind::Map(Vec::new());
        builder.nodes.extend([empty(), NodeKind::Scalar("".into(), Style::Plain), empty()].map(|kind| Node {
            kind,
            span: place,
            tag: None,
        }));
        for (node, key) in [(NodeId(0), Some(NodeId(1))), (NodeId(2), None)] {
            let content = Content::Map(Vec::new(), key);
            builder.frames.push(Frame { node, flow: false, anchored: None, content, weight: 1, height: 1, end: 0 });
        }
        builder
    }

    /// The mapping that the last key of the root holds, written in lines.
    fn last_map(&self) -> Option<NodeId> {
        let NodeKind::Map(pairs) = &self.nodes[self.root?.0 as usize].kind else { return None };
        let (_, value) = *pairs.last()?;
        let node = &self.nodes[value.0 as usize];
        let NodeKind::Map(inner) = &node.kind else { return None };
        let (key, _) = inner.first()?;
        // Behind a flow mapping, or one that is closed, no key can follow.
        (self.nodes[key.0 as usize].span.start == node.span.start).then_some(value)
    }

    /// Whether a piece can be joined that goes on with the last mapping in the root.
    pub fn can_join(&self, piece: &Builder<'_>) -> bool {
        let quiet = self.diagnostics.is_empty() && piece.diagnostics.is_empty();
        let few = (self.nodes.len() + piece.nodes.len()) as u64 <= MAX_NODES;
        quiet && few && self.frames.is_empty() && self.last_map().is_some()
    }

    /// Joins what a resumed builder has read.
    pub fn join(&mut self, mut piece: Builder<'s>) {
        while !piece.frames.is_empty() {
            piece.close(None);
        }
        let (Some(root), Some(map)) = (self.root, self.last_map()) else { return };
        // The three nodes of context are those that are here already.
        let shift = (self.nodes.len() - 3) as u32;
        let moved = |node: NodeId| NodeId(node.0 + shift);
        let mut nodes = piece.nodes.into_iter();
        let context = [nodes.next(), nodes.next(), nodes.next()];
        for (at, into) in [(0, root), (2, map)] {
            let Some(Node { kind: NodeKind::Map(pairs), span, .. }) = &context[at] else { continue };
            let target = &mut self.nodes[into.0 as usize];
            target.span.end = target.span.end.max(span.end);
            if let NodeKind::Map(all) = &mut target.kind {
                // The first pair of the root is the mapping that was taken up.
                all.extend(pairs.iter().skip(usize::from(at == 0)).map(|(key, value)| (moved(*key), moved(*value))));
            }
        }
        self.nodes.extend(nodes.map(|mut node| {
            match &mut node.kind {
                NodeKind::List(items) => items.iter_mut().for_each(|item| *item = moved(*item)),
                NodeKind::Map(pairs) => pairs.iter_mut().for_each(|(key, value)| (*key, *value) = (moved(*key), moved(*value))),
                NodeKind::Alias(target) => *target = moved(*target),
                NodeKind::Scalar(..) => {}
            }
            node
        }));
    }
}
