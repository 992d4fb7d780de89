//! Roles below the composite roles that they are parts of.

use std::borrow::Cow;
use std::collections::HashMap;

use seed_engine::Plan;
use seed_engine::node::Whole;
use seed_engine::plan::PlannedRole;

use super::page::Canvas;
use crate::cli::terminal;

/// Where a line stands, and what it is called there.
pub struct Place<'a> {
    /// The name, without that of what it is a part of.
    pub name: Cow<'a, str>,
    /// What it is indented by.
    pub indent: String,
    /// How wide names are here.
    pub width: usize,
}

/// How the lines of a tree look.
pub trait Rows {
    /// Writes a role.
    fn role(&self, out: &mut dyn Canvas, planned: &PlannedRole, place: &Place<'_>) -> std::io::Result<()>;
    /// Writes a composite role; its parts follow.
    fn whole(&self, out: &mut dyn Canvas, whole: &Whole, place: &Place<'_>) -> std::io::Result<()>;
}

/// The composite roles of a plan, below which their parts are shown.
pub struct Tree<'a> {
    wholes: HashMap<&'a str, &'a Whole>,
}

impl<'a> Tree<'a> {
    /// Those of a plan.
    pub fn new(plan: &'a Plan) -> Self {
        Tree { wholes: plan.wholes.iter().map(|whole| (&*whole.name, whole)).collect() }
    }

    /// The composite roles that a role is a part of, the outermost first.
    pub fn above(&self, planned: &PlannedRole) -> Vec<&'a Whole> {
        let mut above: Vec<&Whole> = Vec::new();
        let mut next = planned.part_of.as_deref().and_then(|name| self.wholes.get(name).copied());
        while let Some(whole) = next {
            above.push(whole);
            next = whole.part_of.as_deref().and_then(|name| self.wholes.get(name).copied());
        }
        above.reverse();
        above
    }

    /// Writes roles, each below what it is a part of.
    pub fn write(&self, out: &mut dyn Canvas, roles: &[&PlannedRole], rows: &dyn Rows) -> std::io::Result<()> {
        self.write_below(out, roles, 0, rows)
    }

    /// Writes roles that are parts of the same `depth` composite roles: those of one more together, where the first stands.
    fn write_below(&self, out: &mut dyn Canvas, roles: &[&PlannedRole], depth: usize, rows: &dyn Rows) -> std::io::Result<()> {
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
            let place = Place { name: terminal::line(self.label(planned, depth)), indent: "  ".repeat(depth), width };
            match whole_of(planned) {
                None => {
                    out.enter(&planned.role);
                    rows.role(out, planned, &place)?;
                    out.leave();
                }
                Some(whole) => {
                    // None of them is left when the first one was met before.
                    if let Some(parts) = below.remove(&*whole.name) {
                        out.enter(&whole.name);
                        rows.whole(out, whole, &place)?;
                        self.write_below(out, &parts, depth + 1, rows)?;
                        out.leave();
                    }
                }
            }
        }
        Ok(())
    }

    /// The name of a role, or of the composite role that it is shown below, without those above.
    fn label<'n>(&self, planned: &'n PlannedRole, depth: usize) -> &'n str
    where
        'a: 'n,
    {
        let above = self.above(planned);
        let name: &'n str = above.get(depth).map_or(&planned.role, |whole| &whole.name);
        depth.checked_sub(1).and_then(|outer| inside(name, &above.get(outer)?.name)).unwrap_or(name)
    }
}

/// The name of a part without that of what it is a part of.
fn inside<'n>(name: &'n str, outer: &str) -> Option<&'n str> {
    name.strip_prefix(outer)?.strip_prefix('/')
}
