//! The plan, to be read at a glance.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use seed_engine::node::Whole;
use seed_engine::plan::PlannedRole;
use seed_engine::{Action, Plan};
use seed_spec::State;

use super::diagnostics::shown_path;
use super::value::write_change;
use crate::cli::style;

/// Writes the plan.
pub fn write(out: &mut impl Write, plan: &Plan, verbose: bool) -> std::io::Result<()> {
    let goal = match (plan.undoes, plan.state) {
        (Some(run), _) => format!("before run {run}"),
        (None, State::Absent) => "absent".to_string(),
        (None, State::Present | State::Info) => "present".to_string(),
    };
    let path = shown_path(std::path::Path::new(&plan.spec));
    writeln!(out, "{}{path}{:#} → {goal}\n", style::NAME, style::NAME)?;
    let shown = |planned: &&PlannedRole| verbose || planned.action != Action::None || planned.reason.is_some();
    let roles: Vec<&PlannedRole> = plan.in_order().filter(shown).collect();
    Tree::new(plan).write(out, &roles, 0)?;
    if !roles.is_empty() {
        writeln!(out)?;
    }
    write_counts(out, plan)
}

/// The composite roles of a plan, below which their parts are shown.
struct Tree<'a> {
    wholes: HashMap<&'a str, &'a Whole>,
    /// How many parts of each have which action.
    counts: HashMap<&'a str, BTreeMap<Action, usize>>,
}

impl<'a> Tree<'a> {
    fn new(plan: &'a Plan) -> Self {
        let wholes = plan.wholes.iter().map(|whole| (&*whole.name, whole)).collect();
        let mut tree = Tree { wholes, counts: HashMap::new() };
        for planned in &plan.roles {
            for whole in tree.above(planned) {
                *tree.counts.entry(&whole.name).or_default().entry(planned.action).or_default() += 1;
            }
        }
        tree
    }

    /// The composite roles that a role is a part of, the outermost first.
    fn above(&self, planned: &PlannedRole) -> Vec<&'a Whole> {
        let mut above: Vec<&Whole> = Vec::new();
        let mut next = planned.part_of.as_deref().and_then(|name| self.wholes.get(name).copied());
        while let Some(whole) = next {
            above.push(whole);
            next = whole.part_of.as_deref().and_then(|name| self.wholes.get(name).copied());
        }
        above.reverse();
        above
    }

    /// Writes roles that are parts of the same `depth` composite roles: those of one more together, where the first stands.
    fn write(&self, out: &mut impl Write, roles: &[&PlannedRole], depth: usize) -> std::io::Result<()> {
        let label = |planned: &PlannedRole| self.label(planned, depth).chars().count();
        let width = roles.iter().map(|planned| label(planned)).max().unwrap_or(0).min(32);
        let whole_of = |planned: &PlannedRole| self.above(planned).get(depth).copied();
        let mut below: HashMap<&str, Vec<&PlannedRole>> = HashMap::new();
        for planned in roles {
            if let Some(whole) = whole_of(planned) {
                below.entry(&whole.name).or_default().push(planned);
            }
        }
        for planned in roles {
            match whole_of(planned) {
                None => write_role(out, planned, self.label(planned, depth), depth, width)?,
                Some(whole) => {
                    // None of them is left when the first one was met before.
                    if let Some(parts) = below.remove(&*whole.name) {
                        self.write_whole(out, whole, depth, width)?;
                        self.write(out, &parts, depth + 1)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The name of a role, or of the composite role that it is shown below, without those above.
    fn label(&self, planned: &'a PlannedRole, depth: usize) -> &'a str {
        let above = self.above(planned);
        let name: &str = above.get(depth).map_or(&planned.role, |whole| &whole.name);
        depth.checked_sub(1).and_then(|outer| inside(name, &above.get(outer)?.name)).unwrap_or(name)
    }

    fn write_whole(&self, out: &mut impl Write, whole: &Whole, depth: usize, width: usize) -> std::io::Result<()> {
        let empty = BTreeMap::new();
        let counts = self.counts.get(&*whole.name).unwrap_or(&empty);
        let one = || counts.keys().next().copied().filter(|_| counts.len() == 1);
        let (sign, color) = style::of(one().unwrap_or(if counts.len() > 1 { Action::Change } else { Action::None }));
        let words: Vec<String> = COUNTED
            .iter()
            .filter_map(|(action, words)| Some((counts.get(action)?, words, style::of(*action).1)))
            .map(|(count, words, color)| format!("{color}{count} {words}{color:#}"))
            .collect();
        let (dim, indent) = (style::DIM, "  ".repeat(depth));
        let name = whole.part_of.as_deref().and_then(|outer| inside(&whole.name, outer)).unwrap_or(&whole.name);
        writeln!(out, "  {indent}{color}{sign}{color:#} {name:width$}  {dim}{}{dim:#}  {}", whole.is, words.join(", "))
    }
}

/// The name of a part without that of what it is a part of.
fn inside<'n>(name: &'n str, outer: &str) -> Option<&'n str> {
    name.strip_prefix(outer)?.strip_prefix('/')
}

fn write_role(out: &mut impl Write, planned: &PlannedRole, name: &str, depth: usize, width: usize) -> std::io::Result<()> {
    let (sign, color) = style::of(planned.action);
    let dim = style::DIM;
    let indent = "  ".repeat(depth);
    writeln!(
        out,
        "  {indent}{color}{sign}{color:#} {name:width$}  {dim}{}{dim:#}  {color}{}{color:#}",
        planned.is,
        word(planned.action)
    )?;
    let below = format!("      {indent}");
    if let Some(loses) = &planned.loses {
        let remark = if planned.disposable { " (disposable)" } else { "" };
        writeln!(out, "{below}{}destroys {loses}{remark}{:#}", style::BAD, style::BAD)?;
    }
    if let Some(reason) = &planned.reason {
        let color = if planned.refused { style::BAD } else { style::DIM };
        writeln!(out, "{below}{color}{reason}{color:#}")?;
    }
    let fields = planned.changes.iter().map(|change| change.field.chars().count()).max().unwrap_or(0);
    for change in &planned.changes {
        write_change(out, change, &below, fields)?;
    }
    Ok(())
}

fn word(action: Action) -> &'static str {
    if action == Action::None { "" } else { action.word() }
}

/// The words for how many roles have an action, in the order in which they are told.
const COUNTED: [(Action, &str); 6] = [
    (Action::Create, "to create"),
    (Action::Change, "to change"),
    (Action::Replace, "to replace"),
    (Action::Remove, "to remove"),
    (Action::Unknown, "unknown"),
    (Action::None, "unchanged"),
];

fn write_counts(out: &mut impl Write, plan: &Plan) -> std::io::Result<()> {
    let parts: Vec<String> = COUNTED
        .iter()
        .map(|(action, words)| (plan.count(*action), style::of(*action).1, words))
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, color, words)| format!("{color}{count} {words}{color:#}"))
        .collect();
    if plan.is_empty() {
        return writeln!(out, "{}Nothing to do{:#}: {}.", style::GOOD, style::GOOD, parts.join(", "));
    }
    writeln!(out, "Plan: {}.", parts.join(", "))?;
    let destroyed = plan.destroys().count();
    if destroyed > 0 {
        let bad = style::BAD;
        writeln!(out, "{bad}{destroyed} of them destroy data{bad:#}, which needs --destroy-data.")?;
    }
    Ok(())
}
