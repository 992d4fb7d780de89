//! The plan, to be read at a glance.

use std::collections::{BTreeMap, HashMap};

use seed_engine::journal::Ledger;
use seed_engine::node::Whole;
use seed_engine::plan::{Backup, PlannedRole};
use seed_engine::{Action, Plan};
use seed_role::shell;
use seed_spec::State;
use seed_spec::unit::Duration;

use super::diagnostics::shown_path;
use super::journal;
use super::page::{Canvas, Loss, Page};
use super::tree::{Place, Rows, Tree};
use super::value::write_change;
use crate::cli::{style, terminal};

/// Writes the plan.
pub fn write(out: &mut impl Canvas, plan: &Plan, verbose: bool) -> std::io::Result<()> {
    let goal = match (plan.undoes, plan.state) {
        (Some(run), _) => format!("before run {run}"),
        (None, State::Absent) => "absent".to_string(),
        (None, State::Present | State::Info) => "present".to_string(),
    };
    let path = shown_path(std::path::Path::new(&plan.spec));
    let path = terminal::line(&path);
    writeln!(out, "{}{path}{:#} → {goal}\n", style::NAME, style::NAME)?;
    let shown = |planned: &&PlannedRole| verbose || planned.action != Action::None || planned.reason.is_some();
    let roles: Vec<&PlannedRole> = plan.in_order().filter(shown).collect();
    let tree = Tree::new(plan);
    tree.write(out, &roles, &Lines::new(plan, &tree))?;
    if !roles.is_empty() {
        writeln!(out)?;
    }
    write_counts(out, plan)
}

/// The plan for an editor.
pub fn page(plan: &Plan, verbose: bool) -> std::io::Result<Page> {
    let mut page = Page::of(|out| {
        journal::write_state(out, plan.continues.as_deref(), &plan.damage)?;
        write(out, plan, verbose)
    })?;
    page.summary = Page::of(|out| write_counts(out, plan))?.first_line().to_string();
    let losses = plan.in_order().filter_map(|planned| {
        Some(Loss {
            role: planned.role.to_string(),
            text: terminal::line(&loss(planned)?).into_owned(),
            disposable: planned.disposable,
        })
    });
    page.losses = losses.collect();
    Ok(page)
}

/// What data a role loses, in words.
fn loss(planned: &PlannedRole) -> Option<String> {
    let remark = if planned.disposable { " (disposable: no backup, no question)" } else { "" };
    planned.loses.as_ref().map(|loses| format!("destroys {loses}{remark}"))
}

/// Where the backup of it will be, in words.
fn backup(planned: &PlannedRole, keep: u64) -> Option<String> {
    let place = match planned.backup.as_ref()? {
        Backup::At(path) => shown_path(path),
        Backup::InJournal => "in the journal".into(),
    };
    Some(format!("backup {place}, kept for {}", time_words(keep)))
}

/// A time in milliseconds, in words.
fn time_words(time: u64) -> String {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    match (time / DAY, time % DAY) {
        (1, 0) => "1 day".into(),
        (days, 0) if days > 0 => format!("{days} days"),
        _ => Duration(time).to_string(),
    }
}

/// That roles need root, in words.
pub fn root_words(roles: &[&str]) -> String {
    const MOST: usize = 8;
    let verb = if roles.len() == 1 { "needs" } else { "need" };
    match roles.get(..MOST).filter(|_| roles.len() > MOST) {
        Some(first) => format!("{} and {} more need root", first.join(", "), roles.len() - MOST),
        None => format!("{} {verb} root", roles.join(", ")),
    }
}

/// What to do where roles need root: the command to run, unless this user has applied the spec before.
pub fn root_hint(ledger: &Ledger, command: impl FnOnce() -> String) -> String {
    if ledger.knows_nothing() {
        return format!("run {}", command());
    }
    "you applied this spec without root before, and root does not act on your journal: move the roles that need root to a spec of \
     their own, and apply that with sudo; or remove what you applied first (seed apply --state absent, or seed forget, without sudo)"
        .into()
}

/// The lines of a plan.
struct Lines<'a> {
    /// How many parts of each composite role have which action.
    counts: HashMap<&'a str, BTreeMap<Action, usize>>,
    /// How long backups are kept, in milliseconds.
    keep: u64,
}

impl<'a> Lines<'a> {
    fn new(plan: &'a Plan, tree: &Tree<'a>) -> Self {
        let mut counts: HashMap<&str, BTreeMap<Action, usize>> = HashMap::new();
        for planned in &plan.roles {
            for whole in tree.above(planned) {
                *counts.entry(&whole.name).or_default().entry(planned.action).or_default() += 1;
            }
        }
        Lines { counts, keep: plan.keep }
    }
}

impl Rows for Lines<'_> {
    fn role(&self, out: &mut dyn Canvas, planned: &PlannedRole, place: &Place<'_>) -> std::io::Result<()> {
        write_role(out, planned, place, self.keep)
    }

    fn whole(&self, out: &mut dyn Canvas, whole: &Whole, place: &Place<'_>) -> std::io::Result<()> {
        let empty = BTreeMap::new();
        let counts = self.counts.get(&*whole.name).unwrap_or(&empty);
        let one = || counts.keys().next().copied().filter(|_| counts.len() == 1);
        let (sign, color) = style::of(one().unwrap_or(if counts.len() > 1 { Action::Change } else { Action::None }));
        let words: Vec<String> = COUNTED
            .iter()
            .filter_map(|(action, words)| Some((counts.get(action)?, words, style::of(*action).1)))
            .map(|(count, words, color)| format!("{color}{count} {words}{color:#}"))
            .collect();
        let (dim, Place { name, indent, width }) = (style::DIM, place);
        writeln!(out, "  {indent}{color}{sign}{color:#} {name:width$}  {dim}{}{dim:#}  {}", whole.is, words.join(", "))
    }
}

fn write_role(out: &mut dyn Canvas, planned: &PlannedRole, place: &Place<'_>, keep: u64) -> std::io::Result<()> {
    let (sign, color) = style::of(planned.action);
    let (dim, Place { name, indent, width }) = (style::DIM, place);
    writeln!(
        out,
        "  {indent}{color}{sign}{color:#} {name:width$}  {dim}{}{dim:#}  {color}{}{color:#}{}",
        planned.is,
        word(planned.action),
        if planned.needs_root { ", needs root" } else { "" }
    )?;
    let below = format!("      {indent}");
    if let Some(loss) = loss(planned) {
        writeln!(out, "{below}{}{}{:#}", style::BAD, terminal::line(&loss), style::BAD)?;
    }
    if let Some(backup) = backup(planned, keep) {
        writeln!(out, "{below}{dim}{}{dim:#}", terminal::line(&backup))?;
    }
    if let Some(reason) = &planned.reason {
        let color = if planned.refused { style::BAD } else { style::DIM };
        writeln!(out, "{below}{color}{}{color:#}", terminal::entry(reason, &format!("{below}  ")))?;
    }
    for command in &planned.commands {
        writeln!(out, "{below}{dim}runs{dim:#}  {}", shell::line(command))?;
    }
    if let Some(folder) = &planned.folder {
        writeln!(out, "{below}{dim}in{dim:#}    {}", shell::word(folder))?;
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

fn write_counts(out: &mut impl Canvas, plan: &Plan) -> std::io::Result<()> {
    let parts: Vec<String> = COUNTED
        .iter()
        .map(|(action, words)| (plan.count(*action), style::of(*action).1, words))
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, color, words)| format!("{color}{count} {words}{color:#}"))
        .collect();
    if plan.roles.is_empty() {
        return writeln!(out, "{}Nothing to do{:#}: the spec has no roles.", style::GOOD, style::GOOD);
    }
    if plan.is_empty() {
        return writeln!(out, "{}Nothing to do{:#}: {}.", style::GOOD, style::GOOD, parts.join(", "));
    }
    writeln!(out, "Plan: {}.", parts.join(", "))?;
    let (bad, warn) = (style::BAD, style::WARN);
    match plan.destroys().count() {
        0 => {}
        1 => writeln!(out, "{bad}1 role destroys data{bad:#}, which needs --destroy-data.")?,
        count => writeln!(out, "{bad}{count} roles destroy data{bad:#}, which needs --destroy-data.")?,
    }
    let needs_root: Vec<&str> = plan.needs_root().map(|planned| &*planned.role).collect();
    if !needs_root.is_empty() {
        writeln!(out, "{warn}{}{warn:#}.", terminal::line(&root_words(&needs_root)))?;
    }
    Ok(())
}
