//! One round: looked, and what has drifted repaired.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use seed_role::trouble::{Kind, Result};

use super::{Event, Scope, Watching};
use crate::apply::{self, Apply, expire};
use crate::info::state_word;
use crate::journal::Journal;
use crate::plan::{Action, Plan, PlannedRole};
use crate::repair::{COMMAND, of_themselves, require_little};

/// When more roles than this have drifted, what goes on is waited for before it is judged whether it is too much.
const FEW: usize = 3;
/// Nothing goes on any more when so long nothing has happened …
const QUIET: Duration = Duration::from_millis(10);
/// … or so long at most.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

impl Watching<'_> {
    /// Looks at roles and repairs those that have drifted.
    pub(super) fn mend(&mut self, scope: Scope) -> Result<()> {
        let plan = self.plan(&scope)?;
        let users = self.learn(&plan);
        self.wait_on(&users)?;
        if let Scope::Roles(roles) = &scope
            && !users.is_subset(roles)
        {
            // What a role offers has changed, and so may those that use it have.
            return self.mend(Scope::Roles(roles | &users));
        }
        let drifted = self.drifted(&plan);
        self.count_vain_looks(&scope, &drifted);
        if drifted.is_empty() || self.stopped() {
            return Ok(());
        }
        let allowed = self.settings.max_drift.of(self.roles.len());
        if scope == Scope::All {
            require_little(&self.project.graph, &plan, self.settings.max_drift, &self.project.folder)?;
        } else if drifted.len() > allowed.min(FEW) {
            // Whatever still happens is seen by a look at all.
            self.watcher.settle(QUIET, LONGEST_WAIT, self.settings.wake)?;
            return self.mend(Scope::All);
        }
        self.repair(drifted)
    }

    /// The roles of a plan that have drifted and are not to be left alone, nor rest on one that is.
    fn drifted(&self, plan: &Plan) -> BTreeSet<usize> {
        let now = Instant::now();
        let drifted = plan.roles.iter().filter(|planned| planned.action != Action::None).map(|planned| planned.node);
        drifted.filter(|node| self.roles.contains(node) && !self.waits_for_held(*node, now)).collect()
    }

    fn waits_for_held(&self, node: usize, now: Instant) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if self.patience.holds(node, now) {
                return true;
            }
            if seen.insert(node) {
                open.extend(&self.project.graph.nodes[node].after);
            }
        }
        false
    }

    fn count_vain_looks(&mut self, scope: &Scope, drifted: &BTreeSet<usize>) {
        if let Scope::Roles(roles) = scope {
            let now = Instant::now();
            roles.difference(drifted).for_each(|role| self.patience.looked_in_vain(*role, now));
        }
    }

    /// Repairs roles that have drifted, with what comes after them: it may have to be made anew.
    fn repair(&mut self, drifted: BTreeSet<usize>) -> Result<()> {
        let Some(journal) = self.open_journal()? else { return Ok(()) };
        let known = self.ledger.last_run;
        self.take_over(journal.ledger())?;
        if self.ledger.last_run != known {
            // Another run was at work, and the roles may have other numbers now.
            drop(journal);
            return self.mend(Scope::All);
        }
        let now = Instant::now();
        let mut scope = self.with_dependents(drifted);
        scope.retain(|node| !self.waits_for_held(*node, now));
        let mut plan = self.plan(&Scope::Roles(scope))?;
        self.refuse_destruction(&mut plan);
        let touched: Vec<&PlannedRole> = plan.roles.iter().filter(|planned| planned.action != Action::None).collect();
        if touched.is_empty() {
            return Ok(());
        }
        for planned in of_themselves(&self.project.graph, &plan) {
            (self.settings.report)(&drift(planned));
        }
        let outcomes = Mutex::new(Outcomes::default());
        let applied = self.apply(&plan, &journal, &outcomes);
        self.ledger = journal.ledger();
        drop(journal);
        let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Err(trouble) = applied {
            // The journal could not be written. What is not repaired is tried again, as after any failure.
            self.note(trouble.to_string());
            outcomes.failed.extend(touched.iter().map(|planned| planned.role.to_string()));
        }
        self.remember(&plan, &outcomes);
        Ok(())
    }

    /// Opens the journal, as soon as no other run has it open; none when told to stop before.
    fn open_journal(&self) -> Result<Option<Journal>> {
        while !self.stopped() {
            match Journal::open(&self.project.folder) {
                Err(trouble) if trouble.kind == Kind::Busy => {}
                opened => return opened.map(Some),
            }
        }
        Ok(None)
    }

    /// Refuses what would destroy data without leave; all that does not depend on it is repaired nevertheless.
    fn refuse_destruction(&self, plan: &mut Plan) {
        let forbidden = |planned: &&mut PlannedRole| planned.destructive() && !planned.disposable;
        for planned in plan.roles.iter_mut().filter(forbidden).filter(|_| !self.settings.destroy_data) {
            planned.refused = true;
            let loses = planned.loses.as_deref().unwrap_or("data");
            planned.reason = Some(format!("repairing it would destroy {loses}; add --destroy-data to allow it"));
        }
    }

    fn apply(&self, plan: &Plan, journal: &Journal, outcomes: &Mutex<Outcomes>) -> Result<()> {
        for trouble in expire(self.settings.host, journal, self.project.analysis.keep) {
            self.note(trouble.to_string());
        }
        let report = |event: &apply::Event| {
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                apply::Event::Done { role, action, .. } if *action != Action::None => outcomes.repaired.insert(role.clone()),
                apply::Event::Failed { role, .. } => outcomes.failed.insert(role.clone()),
                _ => false,
            };
            (self.settings.report)(&Event::Apply(event.clone()));
        };
        let apply = Apply {
            graph: &self.project.graph,
            plan,
            host: self.settings.host,
            journal,
            command: COMMAND,
            jobs: self.settings.jobs,
            stop: self.settings.stop,
            report: &report,
        };
        apply.run().map(drop)
    }

    /// Counts what was done, and leaves those roles alone for a while for which that is better.
    fn remember(&mut self, plan: &Plan, outcomes: &Outcomes) {
        let now = Instant::now();
        self.totals.changed += outcomes.repaired.len();
        self.totals.failed += outcomes.failed.len();
        for planned in &plan.roles {
            let role = planned.role.to_string();
            let pause = if outcomes.failed.contains(&role) && planned.refused {
                self.patience.hold_longest(planned.node, now);
                None
            } else if outcomes.failed.contains(&role) {
                Some((self.patience.hold(planned.node, now), "it could not be repaired; Seed will try again"))
            } else if outcomes.repaired.contains(&role) {
                self.touched.insert(planned.node);
                let again = "it keeps drifting: something else changes it";
                self.patience.repaired(planned.node, now).map(|pause| (pause, again))
            } else {
                None
            };
            if let Some((pause, message)) = pause {
                (self.settings.report)(&Event::Pause { role, seconds: pause.as_secs_f64(), message: message.to_string() });
            }
        }
    }
}

/// What came of a repair, by role.
#[derive(Default)]
struct Outcomes {
    repaired: BTreeSet<String>,
    failed: BTreeSet<String>,
}

fn drift(planned: &PlannedRole) -> Event {
    let there = planned.seen.attrs().is_some();
    let fields = planned.changes.iter().filter(|_| there).map(|change| change.field.clone());
    Event::Drift { role: planned.role.to_string(), state: state_word(planned), fields: fields.collect() }
}
