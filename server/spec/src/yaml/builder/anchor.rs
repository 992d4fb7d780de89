//! Anchors, and the aliases that stand for them.

use super::super::{MAX_ALIASED, MAX_DEPTH};
use super::{Builder, Stop};
use crate::diagnostic::{Code, Diagnostic, ENOUGH};
use crate::text::Span;
use crate::tree::{NodeId, NodeKind, Style};

/// A node that aliases can stand for.
#[derive(Clone, Copy)]
pub(super) struct Anchor {
    pub node: NodeId,
    /// The nodes below it and itself, aliases followed; none while it is open.
    pub weight: Option<u64>,
    pub height: usize,
}

impl Builder<'_> {
    /// The anchor of the node that was read last or opened last.
    pub(super) fn anchor(&mut self, name: &str) {
        let scalar = std::mem::take(&mut self.anchored_scalar);
        let anchor = match self.frames.last_mut().filter(|_| !scalar) {
            Some(frame) => {
                frame.anchored = Some(name.to_owned());
                Anchor { node: frame.node, weight: None, height: 1 }
            }
            None => Anchor { node: NodeId(self.nodes.len().saturating_sub(1) as u32), weight: Some(1), height: 1 },
        };
        self.anchors.entry(name.to_owned()).or_default().push(anchor);
    }

    /// A node that stands for another; empty, and told, if there is none or if it would stand for too much.
    pub(super) fn alias(&mut self, name: &str, start: usize, end: usize) -> Result<(), Stop> {
        let anchor = self.anchors.get(name).and_then(|all| all.last()).copied();
        let problem = match anchor {
            None => {
                let message = format!("`*{name}` is not defined: there is no `&{name}` before it");
                Some(Diagnostic::error(Code::UnknownAlias, self.span(start, end), message))
            }
            Some(Anchor { weight: None, node, .. }) => {
                let message = format!("`*{name}` is inside its own definition");
                let place = self.nodes[node.0 as usize].span;
                let place = Span { end: place.start + 1, ..place };
                Some(
                    Diagnostic::error(Code::UnknownAlias, self.span(start, end), message)
                        .related(place, format!("`&{name}` is here")),
                )
            }
            Some(Anchor { weight: Some(weight), height, .. }) => {
                let total = self.frames.iter().map(|frame| frame.weight).fold(weight, u64::saturating_add);
                let deep = self.frames.len() + height > MAX_DEPTH;
                (deep || total > self.nodes.len() as u64 + MAX_ALIASED).then(|| {
                    let message = match deep {
                        true => format!("with `*{name}` the spec is nested deeper than {MAX_DEPTH} levels"),
                        false => format!("with `*{name}` aliases expand to more than {MAX_ALIASED} values"),
                    };
                    Diagnostic::error(Code::TooLarge, self.span(start, end), message)
                        .help("an alias counts as everything that it expands to")
                })
            }
        };
        let (kind, weight, height) = match (&problem, anchor) {
            (None, Some(Anchor { node, weight, height })) => (NodeKind::Alias(node), weight.unwrap_or(1), height),
            _ => (NodeKind::Scalar("".into(), Style::Plain), 1, 1),
        };
        let node = self.push(kind, start, end, None)?;
        if let Some(problem) = problem {
            // The same bomb would be reported at each of its aliases.
            let once = problem.code == Code::TooLarge;
            if self.diagnostics.len() < ENOUGH && (!once || self.diagnostics.iter().all(|known| known.code != Code::TooLarge)) {
                self.diagnostics.push(problem);
            }
        }
        self.last = (start, end);
        self.add(node, weight, height, end);
        Ok(())
    }
}
