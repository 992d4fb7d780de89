//! Circles among roles, and among variables.

use std::collections::HashMap;
use std::sync::Arc;

use super::{CompositeInstance, Document, RoleInstance, outermost};
use crate::diagnostic::{Code, Diagnostic};
use crate::text::{FileId, Span};

/// The circles of a graph, given as the neighbours of each node. Each node is in at most one of those returned.
pub(super) fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; edges.len()];
    let mut in_circle = vec![false; edges.len()];
    let mut found = Vec::new();
    for start in 0..edges.len() {
        if marks[start] != Mark::New {
            continue;
        }
        // Depth first with a path of its own: a chain of roles may be as long as the spec.
        let mut path = vec![(start, 0)];
        marks[start] = Mark::Open;
        while let Some((node, next)) = path.last_mut() {
            let Some(target) = edges[*node].get(*next).copied() else {
                marks[*node] = Mark::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match marks[target] {
                Mark::New => {
                    marks[target] = Mark::Open;
                    path.push((target, 0));
                }
                Mark::Open => {
                    let from = path.iter().position(|(node, _)| *node == target).unwrap_or(0);
                    let circle: Vec<usize> = path[from..].iter().map(|(node, _)| *node).collect();
                    // One circle told at a time: those that share a role with it may be gone when it is mended.
                    if circle.iter().all(|node| !in_circle[*node]) {
                        circle.iter().for_each(|node| in_circle[*node] = true);
                        found.push(circle);
                    }
                }
                Mark::Done => {}
            }
        }
    }
    found
}

/// Tells each circle of roles that depend on each other, by reference or `needs`.
pub(super) fn check(
    roles: &[&RoleInstance],
    composites: &[CompositeInstance],
    documents: &[Document],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let written = Written { composites, documents };
    let index: HashMap<&str, usize> = roles.iter().enumerate().map(|(at, role)| (&*role.name, at)).collect();
    let edges: Vec<Vec<usize>> = roles
        .iter()
        .map(|role| {
            let mut targets: Vec<usize> = role.needs.iter().filter_map(|name| index.get(&**name).copied()).collect();
            for (_, value) in &role.params {
                value.outputs(&mut |output, _| targets.extend(index.get(&*output.role).copied()));
            }
            targets
        })
        .collect();
    for circle in circles(&edges) {
        // It begins with the role that is written first, so that an edit elsewhere does not move it.
        let first = circle.iter().enumerate().min_by_key(|(_, role)| **role).map_or(0, |(at, _)| at);
        let circle: Vec<usize> = circle.iter().cycle().skip(first).take(circle.len()).copied().collect();
        let names: Vec<&Arc<str>> = circle.iter().chain(circle.first()).map(|role| &roles[*role].name).collect();
        let path: Vec<&str> = names.iter().map(|name| &***name).collect();
        let mut steps = circle.iter().zip(circle.iter().cycle().skip(1)).map(|(role, target)| {
            let target = roles[*target];
            (written.edge(roles[*role], target), &target.name)
        });
        let Some((span, _)) = steps.next() else { continue };
        let message = match circle.len() {
            1 => format!("`{}` depends on itself", path[0]),
            _ => format!("dependency cycle: {}", path.join(" → ")),
        };
        let mut diagnostic = Diagnostic::error(Code::Cycle, span, message).help("remove one of these references");
        for (span, target) in steps {
            diagnostic = diagnostic.related(span, format!("`{target}` is used here"));
        }
        diagnostics.push(diagnostic);
    }
}

struct Written<'a> {
    composites: &'a [CompositeInstance],
    documents: &'a [Document],
}

impl Written<'_> {
    /// Where a role names another that it depends on. A part of a composite role may depend on what is no part of it because the use of
    /// that does.
    fn edge(&self, role: &RoleInstance, target: &RoleInstance) -> Span {
        let mut place = None;
        for (_, value) in &role.params {
            value.outputs(&mut |output, span| {
                if output.role == target.name {
                    place.get_or_insert(span);
                }
            });
        }
        let needs = || self.needs(role.entry);
        match self.outermost(role).filter(|_| place.is_none()) {
            Some(whole) if self.outermost(target).is_none_or(|other| other.name != whole.name) => {
                self.needs(whole.entry).unwrap_or(whole.name_span)
            }
            _ => place.or_else(needs).unwrap_or(role.name_span),
        }
    }

    fn needs(&self, entry: (FileId, usize)) -> Option<Span> {
        self.documents.get(entry.0.0 as usize)?.entries.get(entry.1)?.needs
    }

    fn outermost(&self, role: &RoleInstance) -> Option<&CompositeInstance> {
        self.composites.get(outermost(self.composites, role.part_of)?)
    }
}

#[cfg(test)]
mod tests {
    use super::circles;

    #[test]
    fn circles_are_found_once() {
        assert_eq!(circles(&[vec![1], vec![2], vec![]]), Vec::<Vec<usize>>::new());
        assert_eq!(circles(&[vec![0]]), vec![vec![0]]);
        assert_eq!(circles(&[vec![1], vec![2, 0], vec![0]]), vec![vec![0, 1, 2]]);
        assert_eq!(circles(&[vec![1], vec![0], vec![3], vec![2], vec![0]]), vec![vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let edges: Vec<Vec<usize>> = (0..200_000).map(|node| vec![(node + 1) % 200_000]).collect();
        assert_eq!(circles(&edges).len(), 1);
    }
}
