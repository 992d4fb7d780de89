//! The parts of composite roles, shown together while a plan is applied.

use std::collections::{BTreeMap, HashMap};

use seed_engine::apply::Event;
use seed_engine::{Action, Plan};

use super::apply::{Outcome, time};
use super::tree::Tree;
use crate::cli::style;

/// The outermost composite roles of a plan that have something to do.
#[derive(Default)]
pub struct Groups {
    /// By role, the composite role that it is shown below.
    group_of: HashMap<String, String>,
    groups: BTreeMap<String, Group>,
}

/// A composite role while its parts are applied.
struct Group {
    is: String,
    /// How many of its parts have not ended.
    left: usize,
    unchanged: usize,
    ended: Vec<Part>,
}

/// A part that has ended.
struct Part {
    name: String,
    outcome: Outcome,
    done: Option<Action>,
    seconds: f64,
    failed: bool,
}

impl Groups {
    /// Those of a plan.
    pub fn new(plan: &Plan) -> Groups {
        let tree = Tree::new(plan);
        let (mut group_of, mut groups) = (HashMap::new(), BTreeMap::<String, Group>::new());
        for planned in &plan.roles {
            let Some(whole) = tree.above(planned).first().copied() else { continue };
            let group = groups.entry(whole.name.to_string()).or_insert_with(|| Group {
                is: whole.is.to_string(),
                left: 0,
                unchanged: 0,
                ended: Vec::new(),
            });
            if planned.action == Action::None {
                group.unchanged += 1;
            } else {
                group.left += 1;
                group_of.insert(planned.role.to_string(), whole.name.to_string());
            }
        }
        Groups { group_of, groups }
    }

    /// Takes the end of a role in. The lines to show now: of a part none, until the last one has ended.
    pub fn take(&mut self, role: &str, outcome: Outcome, event: &Event, verbose: bool) -> Vec<String> {
        let Some(name) = self.group_of.get(role) else { return vec![outcome.line(role, "")] };
        let Some(group) = self.groups.get_mut(name) else { return Vec::new() };
        let part = role.strip_prefix(&**name).and_then(|rest| rest.strip_prefix('/')).unwrap_or(role);
        let (done, seconds) = match event {
            Event::Done { action, seconds, .. } => (Some(*action), *seconds),
            Event::Failed { seconds, .. } => (None, *seconds),
            _ => (None, 0.0),
        };
        group.ended.push(Part { name: part.to_string(), outcome, done, seconds, failed: matches!(event, Event::Failed { .. }) });
        group.left = group.left.saturating_sub(1);
        if group.left > 0 {
            return Vec::new();
        }
        let name = name.clone();
        self.groups.remove(&name).map(|group| group.lines(&name, verbose)).unwrap_or_default()
    }

    /// The lines of what has ended in part.
    pub fn rest(&mut self, verbose: bool) -> Vec<String> {
        let begun = std::mem::take(&mut self.groups).into_iter().filter(|(_, group)| !group.ended.is_empty());
        begun.flat_map(|(name, group)| group.lines(&name, verbose)).collect()
    }
}

impl Group {
    /// A heading with counts, and below it the parts: all of them if `verbose`, else those that failed or were skipped.
    fn lines(self, name: &str, verbose: bool) -> Vec<String> {
        let (failed, dim) = (self.ended.iter().any(|part| part.failed), style::DIM);
        let skipped = self.ended.iter().filter(|part| part.done.is_none() && !part.failed).count();
        let seconds: f64 = self.ended.iter().map(|part| part.seconds).sum();
        let mut counts: Vec<(usize, &str)> = vec![
            (self.count(Action::Create), "created"),
            (self.count(Action::Change), "changed"),
            (self.count(Action::Replace), "replaced"),
            (self.count(Action::Remove), "removed"),
            (self.ended.iter().filter(|part| part.failed).count(), "failed"),
            (skipped, "skipped"),
            (self.unchanged + self.count(Action::None), "unchanged"),
        ];
        counts.retain(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.iter().map(|(count, word)| format!("{count} {word}")).collect();
        let (sign, color) = match (failed, skipped) {
            (true, _) => ('✗', style::BAD),
            (false, 0) => ('✓', style::GOOD),
            _ => ('○', style::WARN),
        };
        let words = format!("{dim}{}{dim:#}  {}  {dim}{}{dim:#}", self.is, counts.join(", "), time(seconds));
        let heading = Outcome { sign, color, words }.line(name, "");
        let shown = self.ended.iter().filter(|part| verbose || part.done.is_none());
        [heading].into_iter().chain(shown.map(|part| part.outcome.line(&part.name, "  "))).collect()
    }

    fn count(&self, action: Action) -> usize {
        self.ended.iter().filter(|part| part.done == Some(action)).count()
    }
}
