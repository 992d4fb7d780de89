//! What is there, to be read at a glance.

use std::collections::HashMap;

use seed_engine::info::state_word;
use seed_engine::node::Whole;
use seed_engine::plan::{Plan, PlannedRole};
use seed_role::attrs::Observation;

use super::page::{Canvas, Page};
use super::tree::{Place, Rows, Tree};
use super::value::{short, write_change};
use crate::cli::{style, terminal};

/// Writes what is there.
pub fn write(out: &mut impl Canvas, plan: &Plan, verbose: bool) -> std::io::Result<()> {
    if plan.roles.is_empty() {
        return writeln!(out, "There are no roles.");
    }
    let roles: Vec<&PlannedRole> = plan.roles.iter().collect();
    let tree = Tree::new(plan);
    let mut states: HashMap<&str, Vec<&'static str>> = HashMap::new();
    for planned in &plan.roles {
        for whole in tree.above(planned) {
            states.entry(&whole.name).or_default().push(state_word(planned));
        }
    }
    tree.write(out, &roles, &Lines { states, verbose })
}

/// What is there, for an editor.
pub fn page(plan: &Plan, verbose: bool) -> std::io::Result<Page> {
    Page::of(|out| write(out, plan, verbose))
}

/// The lines of what is there.
struct Lines<'a> {
    /// How the parts of each composite role are.
    states: HashMap<&'a str, Vec<&'static str>>,
    verbose: bool,
}

/// How a state looks.
fn look(word: &str) -> (char, anstyle::Style) {
    match word {
        "present" => ('=', style::GOOD),
        "drifted" => ('~', style::WARN),
        "absent" => ('-', style::DIM),
        _ => ('?', style::UNSURE),
    }
}

impl Rows for Lines<'_> {
    fn role(&self, out: &mut dyn Canvas, planned: &PlannedRole, place: &Place<'_>) -> std::io::Result<()> {
        let word = state_word(planned);
        let (sign, color) = look(word);
        let (dim, Place { name, indent, width }) = (style::DIM, place);
        writeln!(out, "  {indent}{color}{sign}{color:#} {name:width$}  {dim}{}{dim:#}  {color}{word}{color:#}", planned.is)?;
        let below = format!("      {indent}");
        if let Some(reason) = &planned.reason {
            writeln!(out, "{below}{dim}{}{dim:#}", terminal::entry(reason, &format!("{below}  ")))?;
        }
        if let Observation::Present(attrs) = &planned.seen {
            let fields = attrs.0.keys().map(|name| name.chars().count()).max().unwrap_or(0);
            for change in &planned.changes {
                write_change(out, change, &below, fields)?;
            }
            let is_same = |name: &str| self.verbose && !planned.changes.iter().any(|change| change.field == *name);
            for (name, value) in attrs.0.iter().filter(|(name, _)| is_same(name)) {
                writeln!(out, "{below}{dim}{name:fields$}  {}{dim:#}", short(value))?;
            }
        }
        Ok(())
    }

    fn whole(&self, out: &mut dyn Canvas, whole: &Whole, place: &Place<'_>) -> std::io::Result<()> {
        let states = self.states.get(&*whole.name).map(Vec::as_slice).unwrap_or_default();
        let count = |word: &str| states.iter().filter(|state| **state == word).count();
        let known = ["present", "drifted", "absent", "unknown"];
        let words: Vec<String> = known
            .iter()
            .map(|word| (count(word), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| {
                let (_, color) = look(word);
                format!("{color}{count} {word}{color:#}")
            })
            .collect();
        let one = states.first().filter(|first| states.iter().all(|state| state == *first));
        let (sign, color) = look(one.copied().unwrap_or("drifted"));
        let (dim, Place { name, indent, width }) = (style::DIM, place);
        writeln!(out, "  {indent}{color}{sign}{color:#} {name:width$}  {dim}{}{dim:#}  {}", whole.is, words.join(", "))
    }
}
