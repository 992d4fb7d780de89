//! Places from which reading can be taken up again.

use super::{Builder, Content, Frame};
use crate::tree::{NodeId, NodeKind};

/// A place from which reading can be taken up again: the line of a key of the root or of a mapping in it.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    /// Offset of the start of the line.
    pub start: usize,
    nodes: usize,
    frames: [Option<Kept>; 2],
}

impl Checkpoint {
    /// Whether it stands at a key of the root.
    pub fn at_root(&self) -> bool {
        self.frames[1].is_none()
    }
}

/// What a frame held at a checkpoint.
#[derive(Clone, Copy, Debug)]
struct Kept {
    node: NodeId,
    end: usize,
    pairs: usize,
    key: Option<NodeId>,
    weight: u64,
    height: usize,
}

impl Builder<'_> {
    /// Goes back to a checkpoint, or to the start of the file, and forgets what was read since.
    pub fn rewind(&mut self, to: Option<Checkpoint>) {
        let Some(to) = to else {
            self.nodes.clear();
            self.root = None;
            self.frames.clear();
            self.anchors.clear();
            self.checkpoints.clear();
            self.diagnostics.clear();
            self.last = (0, 0);
            return;
        };
        while !self.frames.is_empty() {
            self.close(None);
        }
        for kept in to.frames.into_iter().flatten() {
            let mut pairs = match &mut self.nodes[kept.node.0 as usize].kind {
                NodeKind::Map(pairs) => std::mem::take(pairs),
                _ => Vec::new(),
            };
            pairs.truncate(kept.pairs);
            let Kept { node, end, key, weight, height, .. } = kept;
            self.frames.push(Frame { node, flow: false, anchored: None, content: Content::Map(pairs, key), weight, height, end });
        }
        self.nodes.truncate(to.nodes);
        self.anchors.values_mut().for_each(|anchors| anchors.retain(|anchor| (anchor.node.0 as usize) < to.nodes));
        self.checkpoints.retain(|checkpoint| checkpoint.start < to.start);
        self.diagnostics.retain(|diagnostic| (diagnostic.span.start as usize) < to.start);
        self.last = (to.start, to.start);
    }

    /// Remembers the place before a key of the root, or of a mapping in the root, that begins its line.
    pub(super) fn checkpoint(&mut self, start: usize) {
        let depth = self.frames.len();
        if !(1..=2).contains(&depth) {
            return;
        }
        let mut frames = [None; 2];
        for (kept, frame) in frames.iter_mut().zip(&self.frames) {
            let Content::Map(pairs, key) = &frame.content else { return };
            if frame.flow || frame.anchored.is_some() {
                return;
            }
            let Frame { node, end, weight, height, .. } = *frame;
            *kept = Some(Kept { node, end, pairs: pairs.len(), key: *key, weight, height });
        }
        if frames[depth - 1].is_some_and(|kept| kept.key.is_some()) {
            return;
        }
        let indent = self.text[..start].bytes().rev().take_while(|byte| *byte == b' ').count();
        let line = start - indent;
        // The root's keys stand at the line's start, those below it do not.
        if (depth == 1) != (indent == 0) || (line > 0 && !self.text[..line].ends_with(['\n', '\r'])) {
            return;
        }
        self.checkpoints.push(Checkpoint { start: line, nodes: self.nodes.len(), frames });
    }
}
