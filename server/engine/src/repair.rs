//! Repair: what drifted is mended, once or for as long as it is watched.
//!
//! It is plan and apply of what differs, with a limit: a machine on which most things differ at once has not drifted,
//! something else has happened to it, and a person is to look first.

mod patience;
mod watching;

use std::collections::HashSet;
use std::path::Path;
use std::str::FromStr;

use seed_role::claim::Claim;
use seed_role::trouble::{Kind, Result, Trouble};

use crate::journal::{self, Record};
use crate::node::Graph;
use crate::plan::{Action, Plan, PlannedRole, Wish};

pub use watching::{Event, Settings, watch};

/// How much may drift at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxDrift {
    /// Three roles, or half of them if that is more.
    #[default]
    Half,
    /// So many roles.
    Roles(usize),
    /// So many of a hundred.
    Percent(u8),
}

impl MaxDrift {
    /// How many roles that is, of so many.
    pub fn of(self, roles: usize) -> usize {
        const ALWAYS: usize = 3;
        match self {
            MaxDrift::Half => ALWAYS.max(roles / 2),
            MaxDrift::Roles(most) => most,
            MaxDrift::Percent(percent) => roles * usize::from(percent) / 100,
        }
    }
}

impl FromStr for MaxDrift {
    type Err = String;

    fn from_str(text: &str) -> Result<MaxDrift, String> {
        let wanted = || format!("`{text}` is neither a number of roles such as 5 nor a share such as 20%");
        match text.strip_suffix('%') {
            Some(number) => match number.trim_end().parse() {
                Ok(percent @ 0..=100) => Ok(MaxDrift::Percent(percent)),
                _ => Err(wanted()),
            },
            None => text.parse().map(MaxDrift::Roles).map_err(|_| wanted()),
        }
    }
}

/// What the journal calls a repair.
pub const COMMAND: &str = "repair";

/// Refuses a plan to repair in which more has drifted than may at once. What the last repair had taken on and did not come to the end of
/// does not count again: `folder` is that of the journal.
///
/// # Errors
///
/// [`Kind::Unsafe`], with the roles; or when the journal cannot be read.
pub fn require_little(graph: &Graph, plan: &Plan, most: MaxDrift, folder: &Path) -> Result<()> {
    let kept = plan.roles.iter().filter(|planned| planned.wish == Wish::Present).count();
    let mut drifted = of_themselves(graph, plan);
    if drifted.len() <= most.of(kept) {
        return Ok(());
    }
    let taken_on = taken_on(&journal::history(folder)?.records);
    drifted.retain(|planned| !taken_on.contains(&*planned.role));
    if drifted.len() <= most.of(kept) {
        return Ok(());
    }
    const NAMED: usize = 5;
    let mut names: Vec<&str> = drifted.iter().take(NAMED).map(|planned| &*planned.role).collect();
    if drifted.len() > NAMED {
        names.push("…");
    }
    let came_back = format!("{} of {kept} roles have drifted at once ({})", drifted.len(), names.join(", "));
    Err(Trouble::new(format!("repair {}", plan.spec), came_back)
        .kind(Kind::Unsafe)
        .hint("review it with `seed plan`; then use `seed apply`, or `--max-drift 100%` to repair all of it"))
}

/// What the last run had taken on, if that was a repair and not all of it was done.
fn taken_on(records: &[Record]) -> HashSet<String> {
    let last = records.iter().rev().find_map(|record| match record {
        Record::Run { command, drifted, .. } => Some((command, drifted)),
        _ => None,
    });
    // Behind the end of a run there may be records that belong to none, such as of backups that have expired.
    let end = records.iter().rev().find(|record| matches!(record, Record::Run { .. } | Record::Close { .. }));
    let was_done = matches!(end, Some(Record::Close { status, .. }) if status == "done");
    match last {
        Some((command, drifted)) if command == COMMAND && !was_done => drifted.iter().cloned().collect(),
        _ => HashSet::new(),
    }
}

/// The roles of a plan that have drifted, without those that only follow one below them: where a device or a mount
/// is gone, what was on it is gone too, and that is one drift and not many.
fn of_themselves<'p>(graph: &Graph, plan: &'p Plan) -> Vec<&'p PlannedRole> {
    let drifted = plan.roles.iter().filter(|planned| planned.action != Action::None);
    let nodes: HashSet<usize> = drifted.clone().map(|planned| planned.node).collect();
    let follows = |planned: &&PlannedRole| {
        let node = &graph.nodes[planned.node];
        let rests = node.rests_on.iter().any(|below| nodes.contains(below));
        rests || node.inside.iter().any(|below| nodes.contains(below) && is_mount(graph, *below))
    };
    drifted.filter(|planned| !follows(planned)).collect()
}

fn is_mount(graph: &Graph, node: usize) -> bool {
    graph.claims(node).iter().any(|claim| matches!(claim, Claim::Mount(_)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
