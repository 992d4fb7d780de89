//! Which roles a plan is about, and which of them can be looked at together.

use seed_role::trouble::{Result, Trouble};
use seed_spec::analysis::State;

use super::Options;
use crate::node::Graph;

/// Which nodes are planned.
pub(super) fn select(graph: &Graph, options: &Options) -> Result<Vec<bool>> {
    if options.only.is_empty() {
        return Ok(graph.nodes.iter().map(|node| !node.aside).collect());
    }
    let mut selected = vec![false; graph.nodes.len()];
    let dependents = graph.dependents();
    for name in &options.only {
        let mut open: Vec<usize> = match graph.by_name.get(name.as_str()) {
            Some(index) => vec![*index],
            // The name of a loop stands for all its instances, that of a composite role for all its parts.
            None => (0..graph.nodes.len()).filter(|index| belongs_to(&graph.nodes[*index].name, name)).collect(),
        };
        let is_whole = || graph.wholes.iter().any(|whole| *whole.name == **name || belongs_to(&whole.name, name));
        if open.is_empty() && !is_whole() {
            return Err(Trouble::new(format!("plan the role {name}"), "the spec has no role of that name"));
        }
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut selected[index], true) {
                let linked = if options.state == State::Absent { &dependents[index] } else { &graph.nodes[index].after };
                open.extend(linked);
            }
        }
    }
    selected.iter_mut().zip(&graph.nodes).for_each(|(selected, node)| *selected &= !node.aside);
    // To look at a role, what it rests on must be looked at too; that is then left as it is.
    Ok(selected)
}

/// Whether a role is an instance of a loop of that name, or a part of a composite role of that name.
pub fn belongs_to(role: &str, name: &str) -> bool {
    role.strip_prefix(name).is_some_and(|rest| rest.starts_with(['[', '/']))
}

/// The nodes by how far they are from the start: each level needs only those before it. With roles left out, what
/// the others rest on is still looked at.
pub(super) fn levels(graph: &Graph, selected: &[bool]) -> Vec<Vec<usize>> {
    let mut needed = selected.to_vec();
    for index in (0..graph.nodes.len()).rev() {
        if needed[index] {
            graph.nodes[index].after.iter().for_each(|before| needed[*before] = true);
        }
    }
    let mut depth = vec![0usize; graph.nodes.len()];
    let mut levels: Vec<Vec<usize>> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        depth[index] = node.after.iter().map(|before| depth[*before] + 1).max().unwrap_or(0);
        if needed[index] {
            if levels.len() <= depth[index] {
                levels.resize_with(depth[index] + 1, Vec::new);
            }
            levels[depth[index]].push(index);
        }
    }
    levels
}
