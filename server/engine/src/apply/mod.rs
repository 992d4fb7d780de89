//! Apply: what was planned is done, in parallel along the graph, journalled, and looked at again.

mod expire;
mod role;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use seed_role::host::Host;
use seed_role::param::Outputs;
use seed_role::trouble::Result;
use seed_role::{Role, Trouble};
use serde::Serialize;

use crate::journal::ledger::PutAside;
use crate::journal::{Journal, Record};
use crate::node::Graph;
use crate::plan::decide::Known;
use crate::plan::{Action, Ownership, Plan, PlannedRole, Wish};
use crate::shelter::Makers;
use crate::{repair, stored};
pub use expire::{expire, purge};
use role::{Durable, Prepared};
use tasks::{Half, Status, Tasks};

/// What happens while a plan is applied.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// A role's change begins.
    Started {
        /// The role.
        role: String,
        /// What is done.
        action: Action,
    },
    /// A step of it begins.
    Progress {
        /// The role.
        role: String,
        /// What is done.
        action: Action,
        /// What the step does.
        message: String,
    },
    /// It has ended well.
    Done {
        /// The role.
        role: String,
        /// What was done; `none` if it turned out that nothing was needed.
        action: Action,
        /// How long it took.
        seconds: f64,
    },
    /// It has failed.
    Failed {
        /// The role.
        role: String,
        /// What was to be done.
        action: Action,
        /// What was attempted, what came back, what to do.
        message: String,
        /// How long it took.
        seconds: f64,
    },
    /// It was left out, because what it needs failed or the run was interrupted.
    Skipped {
        /// The role.
        role: String,
        /// What was to be done.
        action: Action,
        /// Why.
        message: String,
    },
}

/// How an apply ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Roles that were changed.
    pub changed: usize,
    /// Roles that needed nothing.
    pub unchanged: usize,
    /// Roles that failed.
    pub failed: usize,
    /// Roles that were left out because of failures or an interruption.
    pub skipped: usize,
    /// How long all of it took.
    pub seconds: f64,
    /// Whether it was interrupted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// The backups that were made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backups: Vec<NewBackup>,
}

/// A backup that a run has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewBackup {
    /// The role.
    pub role: String,
    /// What it is a backup of.
    pub what: String,
    /// Where it is; none for one in the journal.
    pub path: Option<PathBuf>,
    /// Until when it is kept, in seconds since 1970.
    pub until: u64,
}

/// What an apply works with.
pub struct Apply<'a> {
    /// The roles.
    pub graph: &'a Graph,
    /// What is to be done.
    pub plan: &'a Plan,
    /// The machine.
    pub host: &'a dyn Host,
    /// The journal, open for this run.
    pub journal: &'a Journal,
    /// What was asked for, as the journal is to call it: `apply present`.
    pub command: &'a str,
    /// How many roles are changed at the same time.
    pub jobs: usize,
    /// Set to end at the next safe point.
    pub stop: &'a AtomicBool,
    /// Told what happens; from several threads.
    pub report: &'a (dyn Fn(&Event) + Sync),
}

/// What the workers share.
struct Shared {
    tasks: Tasks,
    outputs: Vec<Option<Arc<Outputs>>>,
    /// Per node, whether anything was changed.
    changed: BTreeMap<usize, bool>,
    /// Per node, how long its halves took.
    took: BTreeMap<usize, Duration>,
    failed: BTreeMap<usize, String>,
    skipped: BTreeMap<usize, String>,
    broken: Option<Trouble>,
}

impl Apply<'_> {
    /// Whether there is nothing to do, not even to refuse something or to end what an interruption left open.
    pub fn is_idle(graph: &Graph, plan: &Plan, journal: &Journal) -> bool {
        let refuses = plan.roles.iter().any(|planned| planned.refused);
        !refuses && plan.renamed.is_empty() && journal.with_ledger(|ledger| Tasks::new(graph, plan, ledger).is_empty())
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written: then nothing more is done. What fails on a role is reported, and told in
    /// the summary.
    pub fn run(&self) -> Result<Summary> {
        let start = Instant::now();
        self.journal.begin(self.command, &self.plan.digest, self.drifted())?;
        self.take_over_renamed()?;
        let tasks = self.journal.with_ledger(|ledger| Tasks::new(self.graph, self.plan, ledger));
        let shared = Mutex::new(Shared {
            tasks,
            outputs: self.plan.now.clone(),
            changed: BTreeMap::new(),
            took: BTreeMap::new(),
            failed: BTreeMap::new(),
            skipped: BTreeMap::new(),
            broken: None,
        });
        let workers = self.jobs.min(lock(&shared).tasks.width());
        self.refuse(&shared)?;
        self.settle_interrupted(&shared)?;
        let woken = Condvar::new();
        std::thread::scope(|scope| {
            // This thread is one of them.
            for _ in 1..workers {
                scope.spawn(|| self.work(&shared, &woken));
            }
            self.work(&shared, &woken);
        });
        let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(trouble) = shared.broken {
            return Err(trouble);
        }
        let summary = self.summary(&shared, start);
        let status = match (summary.interrupted, summary.failed) {
            (true, _) => "interrupted",
            (false, 0) => "done",
            _ => "failed",
        };
        self.journal.close(status)?;
        Ok(summary)
    }

    fn summary(&self, shared: &Shared, start: Instant) -> Summary {
        let changed = shared.changed.iter().filter(|(node, changed)| **changed && !shared.failed.contains_key(node)).count();
        let (failed, skipped) = (shared.failed.len(), shared.skipped.len());
        Summary {
            changed,
            unchanged: self.plan.roles.len().saturating_sub(changed + failed + skipped),
            failed,
            skipped,
            seconds: start.elapsed().as_secs_f64(),
            interrupted: self.stop.load(Ordering::Relaxed),
            backups: self.backups(),
        }
    }

    fn backups(&self) -> Vec<NewBackup> {
        self.journal.with_ledger(|ledger| {
            let of_this_run = ledger.backups().filter(|aside| aside.run == self.journal.run);
            let backup = |aside: &PutAside| NewBackup {
                role: aside.role.clone(),
                what: aside.kept.what.clone(),
                path: aside.kept.path.clone(),
                until: aside.until,
            };
            of_this_run.map(backup).collect()
        })
    }

    /// What a repair takes on.
    fn drifted(&self) -> Vec<String> {
        let is_repair = self.command == repair::COMMAND;
        let drifted = self.plan.roles.iter().filter(|planned| is_repair && planned.action != Action::None);
        drifted.map(|planned| planned.role.to_string()).collect()
    }

    fn take_over_renamed(&self) -> Result<()> {
        let records: Vec<Record> =
            self.plan.renamed.iter().map(|(from, to)| Record::Renamed { from: from.clone(), to: to.clone() }).collect();
        if records.is_empty() { Ok(()) } else { self.journal.write(&records, false) }
    }

    /// Sorts out the temporary files that interrupted steps may have left. Where somebody changed a file more than once meanwhile, two
    /// versions of it are there: then who looks after it has to choose, and its role fails.
    fn settle_interrupted(&self, shared: &Mutex<Shared>) -> Result<()> {
        let litter: Vec<(String, PathBuf)> = self.journal.with_ledger(|ledger| {
            let open = ledger.open().filter_map(|role| Some((role, ledger.get(role)?.open?)));
            open.flat_map(|(role, open)| open.litter.into_iter().map(|path| (role.to_string(), path))).collect()
        });
        for (role, path) in litter {
            // What cannot be removed (its device is gone, say) does no harm: its name is used again.
            let Ok(Some(spare)) = self.host.settle(&path) else { continue };
            let message = format!(
                "it was edited while an earlier run was interrupted, and again since then. The version in between is {}: keep one of the two, \
                 remove the other, and apply again",
                spare.display()
            );
            let mut shared = lock(shared);
            let planned = self.plan.roles.iter().find(|planned| *planned.role == *role);
            if let Some(planned) = planned.filter(|planned| !shared.failed.contains_key(&planned.node)) {
                self.fail_before(&mut shared, planned, &message)?;
            }
        }
        Ok(())
    }

    /// Fails the roles that the plan already says cannot be done.
    fn refuse(&self, shared: &Mutex<Shared>) -> Result<()> {
        let mut shared = lock(shared);
        for planned in self.plan.roles.iter().filter(|planned| planned.refused) {
            self.fail_before(&mut shared, planned, planned.reason.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    /// Fails a role before it is begun with.
    fn fail_before(&self, shared: &mut Shared, planned: &PlannedRole, message: &str) -> Result<()> {
        self.journal.write(&[refused(planned, message)], false)?;
        (self.report)(&Event::Failed {
            role: planned.role.to_string(),
            action: planned.action,
            message: message.to_string(),
            seconds: 0.0,
        });
        shared.failed.insert(planned.node, message.to_string());
        for skipped in shared.tasks.fail_node(planned.node) {
            self.skip(shared, skipped.node, &format!("depends on {}, which failed", planned.role));
        }
        Ok(())
    }

    fn planned(&self, node: usize) -> Option<&PlannedRole> {
        // Planned roles are in the order of the nodes, with those left out missing.
        let at = self.plan.roles.binary_search_by_key(&node, |planned| planned.node).ok()?;
        self.plan.roles.get(at)
    }

    fn work(&self, shared: &Mutex<Shared>, woken: &Condvar) {
        loop {
            let batch = {
                let mut guard = lock(shared);
                loop {
                    if guard.broken.is_some() || guard.tasks.is_finished() {
                        woken.notify_all();
                        return;
                    }
                    if self.stop.load(Ordering::Relaxed) {
                        self.skip_rest(&mut guard);
                        if guard.tasks.is_finished() {
                            continue;
                        }
                        // What others are at is waited for below.
                    }
                    let batch = guard.tasks.take(self.jobs);
                    if !batch.is_empty() {
                        break batch;
                    }
                    guard = woken.wait(guard).unwrap_or_else(PoisonError::into_inner);
                }
            };
            self.run_batch(&batch, shared);
            woken.notify_all();
        }
    }

    fn skip_rest(&self, shared: &mut Shared) {
        for task in shared.tasks.abandon() {
            self.skip(shared, task.node, "interrupted");
        }
    }

    fn skip(&self, shared: &mut Shared, node: usize, message: &str) {
        let Some(planned) = self.planned(node) else { return };
        if shared.failed.contains_key(&node) || shared.skipped.insert(node, message.to_string()).is_some() {
            return;
        }
        (self.report)(&Event::Skipped { role: planned.role.to_string(), action: planned.action, message: message.to_string() });
    }

    /// Runs tasks that are ready at the same time: their intents become durable together.
    fn run_batch(&self, batch: &[usize], shared: &Mutex<Shared>) {
        let (tasks, around): (Vec<_>, Makers) = {
            let guard = lock(shared);
            let outputs = |node: usize| guard.outputs.get(node)?.clone();
            let with_role = |id: &usize| {
                let task = guard.tasks.get(*id);
                (*id, task, self.build(task, &outputs))
            };
            let tasks: Vec<_> = batch.iter().map(with_role).collect();
            let makers = tasks.iter().flat_map(|(_, task, _)| self.graph.shelters.around(self.graph, task.node)).map(|it| it.by);
            let makers: BTreeSet<usize> = makers.collect();
            let around = makers.into_iter().filter_map(|maker| Some((maker, self.graph.build(maker, &outputs).ok()?))).collect();
            (tasks, Makers::new(around))
        };
        let mut prepared: Vec<(usize, Prepared<'_>, Duration)> = Vec::new();
        let mut ended: Vec<(usize, role::End, Duration)> = Vec::new();
        for (id, task, role) in tasks {
            let started = Instant::now();
            let Some(planned) = self.planned(task.node) else { continue };
            (self.report)(&Event::Started { role: planned.role.to_string(), action: planned.action });
            match role.and_then(|role| self.prepare(planned, task.half, role, &around)) {
                Ok(ready) => prepared.push((id, ready, started.elapsed())),
                Err(trouble) => {
                    let mut end = role::End::failed(&trouble);
                    end.records.push(refused(planned, &trouble.to_string()));
                    ended.push((id, end, started.elapsed()));
                }
            }
        }
        let ahead = prepared.iter().any(|(_, ready, _)| ready.ahead);
        let records: Vec<Record> = prepared.iter_mut().flat_map(|(_, ready, _)| std::mem::take(&mut ready.records)).collect();
        if !records.is_empty()
            && let Err(trouble) = self.journal.write(&records, ahead)
        {
            return self.break_off(shared, trouble);
        }
        let mut durable = Durable::default();
        // What a batch does for all of its roles at once, such as the sync of a file system, is no time of any of them.
        for (id, ready, preparing) in prepared {
            let started = Instant::now();
            let end = self.carry_out(ready, &around, &mut durable);
            ended.push((id, end, preparing + started.elapsed()));
        }
        if let Err(trouble) = durable.sync(self.host) {
            ended.iter_mut().for_each(|(_, end, _)| end.fail(&trouble));
        }
        let records: Vec<Record> = ended.iter().flat_map(|(_, end, _)| end.records.clone()).collect();
        if !records.is_empty()
            && let Err(trouble) = self.journal.write(&records, false)
        {
            return self.break_off(shared, trouble);
        }
        let mut guard = lock(shared);
        for (id, end, took) in ended {
            self.note(&mut guard, id, end, took);
        }
    }

    /// Builds a role with what others offer by now, and sees that it is the one that was planned.
    fn build(&self, task: tasks::Task, outputs: &dyn Fn(usize) -> Option<Arc<Outputs>>) -> Result<Box<dyn Role>> {
        let planned = self.planned(task.node).filter(|_| task.half == Half::Up);
        if let Some(Wish::Back { params: Some(params), .. }) = planned.map(|planned| &planned.wish) {
            return self.graph.build_of(task.node, params, outputs);
        }
        if let Some(planned) = planned
            && let Some(then) = &planned.filled
            && !stored::is_as_planned(then, &self.graph.filled(&self.graph.nodes[task.node].params.json, outputs))
        {
            let came_back = "an output that it uses is not what the plan said";
            return Err(Trouble::new(format!("{} {}", planned.action.verb(), planned.role), came_back)
                .hint("review the new plan and apply again"));
        }
        let mut role = self.graph.build(task.node, outputs)?;
        if let Some(planned) = self.planned(task.node).filter(|_| task.half == Half::Down)
            && let Some(before) = self.with_what_it_dropped(planned, &*role, outputs)
        {
            role = before;
        }
        if self.planned(task.node).is_some_and(|planned| planned.wish.leads_to_secret()) {
            role.conceal(true);
        }
        Ok(role)
    }

    /// The role by its parameters of before, where these made what is to go and what the parameters of now no longer name.
    fn with_what_it_dropped(
        &self,
        planned: &PlannedRole,
        role: &dyn Role,
        outputs: &dyn Fn(usize) -> Option<Arc<Outputs>>,
    ) -> Option<Box<dyn Role>> {
        let seen = planned.seen.attrs().filter(|seen| !role.dropped(seen).is_empty())?;
        let owned = Ownership::Read(self.journal.with_ledger(|ledger| ledger.get(&planned.role)));
        let known = Known { owned: &owned, stranger: String::new(), host: self.host };
        if known.dropped(role, seen).is_empty() {
            return None;
        }
        self.graph.build_of(planned.node, &owned.get()?.params, outputs).ok()
    }

    fn break_off(&self, shared: &Mutex<Shared>, trouble: Trouble) {
        lock(shared).broken.get_or_insert(trouble);
    }

    fn note(&self, shared: &mut Shared, id: usize, end: role::End, took: Duration) {
        let task = shared.tasks.get(id);
        let Some(planned) = self.planned(task.node) else { return };
        let role = planned.role.to_string();
        let total = shared.took.entry(task.node).or_default();
        *total += took;
        let seconds = total.as_secs_f64();
        if let Some(message) = end.failure {
            (self.report)(&Event::Failed { role: role.clone(), action: planned.action, message: message.clone(), seconds });
            shared.failed.insert(task.node, message);
            for skipped in shared.tasks.end(id, Status::Failed) {
                self.skip(shared, skipped.node, &format!("depends on {role}, which failed"));
            }
            return;
        }
        if end.outputs.is_some() || task.half == Half::Down {
            shared.outputs[task.node] = end.outputs.map(Arc::new);
        }
        *shared.changed.entry(task.node).or_default() |= end.changed;
        shared.tasks.end(id, Status::Done);
        if task.half == Half::Down && planned.action == Action::Replace {
            return;
        }
        let changed = shared.changed.get(&task.node).copied().unwrap_or_default();
        let action = if changed { planned.action } else { Action::None };
        (self.report)(&Event::Done { role, action, seconds });
    }
}

/// That a role was not begun with.
fn refused(planned: &PlannedRole, message: &str) -> Record {
    Record::Refused {
        role: planned.role.to_string(),
        is: planned.is.clone(),
        action: planned.action.word().to_string(),
        message: message.to_string(),
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
