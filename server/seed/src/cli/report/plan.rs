//! The plan, to be read at a glance.

use std::io::Write;

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
    let width = plan.roles.iter().map(|planned| planned.role.chars().count()).max().unwrap_or(0).min(32);
    let shown = |planned: &&PlannedRole| verbose || planned.action != Action::None || planned.reason.is_some();
    let mut any = false;
    for planned in plan.in_order().filter(shown) {
        any = true;
        write_role(out, planned, width)?;
    }
    if any {
        writeln!(out)?;
    }
    write_counts(out, plan)
}

fn write_role(out: &mut impl Write, planned: &PlannedRole, width: usize) -> std::io::Result<()> {
    let (sign, color) = style::of(planned.action);
    let dim = style::DIM;
    writeln!(
        out,
        "  {color}{sign}{color:#} {:width$}  {dim}{}{dim:#}  {color}{}{color:#}",
        planned.role,
        planned.is,
        word(planned.action)
    )?;
    if let Some(loses) = &planned.loses {
        let remark = if planned.disposable { " (disposable)" } else { "" };
        writeln!(out, "      {}destroys {loses}{remark}{:#}", style::BAD, style::BAD)?;
    }
    if let Some(reason) = &planned.reason {
        let color = if planned.refused { style::BAD } else { style::DIM };
        writeln!(out, "      {color}{reason}{color:#}")?;
    }
    let fields = planned.changes.iter().map(|change| change.field.chars().count()).max().unwrap_or(0);
    for change in &planned.changes {
        write_change(out, change, "      ", fields)?;
    }
    Ok(())
}

fn word(action: Action) -> &'static str {
    if action == Action::None { "" } else { action.word() }
}

fn write_counts(out: &mut impl Write, plan: &Plan) -> std::io::Result<()> {
    let counts = [
        (Action::Create, "to create"),
        (Action::Change, "to change"),
        (Action::Replace, "to replace"),
        (Action::Remove, "to remove"),
        (Action::Unknown, "unknown"),
        (Action::None, "unchanged"),
    ];
    let parts: Vec<String> = counts
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
