//! What is there, to be read at a glance.

use std::io::Write;

use seed_engine::info::state_word;
use seed_engine::plan::Plan;
use seed_role::attrs::Observation;

use super::value::{short, write_change};
use crate::cli::style;

/// Writes what is there.
pub fn write(out: &mut impl Write, plan: &Plan, verbose: bool) -> std::io::Result<()> {
    let width = plan.roles.iter().map(|planned| planned.role.chars().count()).max().unwrap_or(0).min(32);
    for planned in &plan.roles {
        let word = state_word(planned);
        let (sign, color) = match word {
            "present" => ('=', style::GOOD),
            "drifted" => ('~', style::WARN),
            "absent" => ('-', style::DIM),
            _ => ('?', style::UNSURE),
        };
        let dim = style::DIM;
        writeln!(out, "  {color}{sign}{color:#} {:width$}  {dim}{}{dim:#}  {color}{word}{color:#}", planned.role, planned.is)?;
        if let Some(reason) = &planned.reason {
            writeln!(out, "      {dim}{reason}{dim:#}")?;
        }
        if let Observation::Present(attrs) = &planned.seen {
            let fields = attrs.0.keys().map(|name| name.chars().count()).max().unwrap_or(0);
            for change in &planned.changes {
                write_change(out, change, "      ", fields)?;
            }
            let same = attrs.0.iter().filter(|(name, _)| verbose && !planned.changes.iter().any(|change| change.field == **name));
            for (name, value) in same {
                writeln!(out, "      {dim}{name:fields$}  {}{dim:#}", short(value))?;
            }
        }
    }
    Ok(())
}
