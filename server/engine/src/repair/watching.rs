//! Repair for as long as it is watched.

mod round;

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use seed_role::Watch;
use seed_role::host::Host;
use seed_role::param::Outputs;
use seed_role::trouble::{Kind, Result, Trouble};
use seed_spec::State;
use serde::Serialize;

use super::MaxDrift;
use super::patience::{Patience, SELDOM};
use crate::apply::{self, Summary};
use crate::journal::{self, Ledger};
use crate::plan::{Options, Plan};
use crate::project::{DiskLoader, Project, read_text};
use crate::undo::runs;
use crate::watch::{Alarm, Watcher};

/// How to watch.
pub struct Settings<'a> {
    /// The machine.
    pub host: &'a dyn Host,
    /// Only these roles, with what they depend on. Empty for all.
    pub only: Vec<String>,
    /// How many roles are changed at the same time.
    pub jobs: usize,
    /// How much may drift at once.
    pub max_drift: MaxDrift,
    /// Whether data may be destroyed where a repair does that.
    pub destroy_data: bool,
    /// After how long all roles are looked at though nothing was told of them.
    pub interval: Duration,
    /// Set to end at the next safe point.
    pub stop: &'a AtomicBool,
    /// Becomes readable when `stop` is set.
    pub wake: BorrowedFd<'a>,
    /// Told what happens; from several threads.
    pub report: &'a (dyn Fn(&Event) + Sync),
}

/// What happens while roles are watched.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// From now on no drift goes unseen.
    Watching {
        /// How many roles are watched.
        roles: usize,
    },
    /// A role has drifted, and is going to be repaired.
    Drift {
        /// The role.
        role: String,
        /// `absent`, `drifted` or `unknown`.
        state: &'static str,
        /// The attributes that differ, if it is there.
        fields: Vec<String>,
    },
    /// A role is left alone for a while.
    Pause {
        /// The role.
        role: String,
        /// For how long.
        seconds: f64,
        /// Why.
        message: String,
    },
    /// Something else that one should know.
    Note {
        /// What.
        message: String,
    },
    /// The watch has ended.
    Summary(Summary),
    /// Something in the course of a repair.
    #[serde(untagged)]
    Apply(apply::Event),
}

/// Watches a project's roles and repairs what drifts, until it is told to stop.
///
/// # Errors
///
/// When too much drifts at once, when the spec was taken back or changed by another run meanwhile, or when the machine
/// cannot be watched.
pub fn watch(project: Project, settings: &Settings<'_>) -> Result<()> {
    let start = Instant::now();
    let mut watching = Watching::new(project, settings)?;
    let outcome = watching.run();
    watching.totals.seconds = start.elapsed().as_secs_f64();
    watching.totals.unchanged = watching.roles.difference(&watching.touched).count();
    (settings.report)(&Event::Summary(watching.totals));
    outcome
}

/// Which roles to look at.
#[derive(Clone, Debug, PartialEq)]
enum Scope {
    All,
    Roles(BTreeSet<usize>),
}

/// A watch that is going on. Roles go by the numbers of their nodes.
struct Watching<'a> {
    settings: &'a Settings<'a>,
    project: Project,
    /// The roles that are watched.
    roles: BTreeSet<usize>,
    dependents: Vec<Vec<usize>>,
    /// What the roles offered when they were last looked at.
    outputs: Vec<Option<Arc<Outputs>>>,
    /// What each role waits on, given these outputs.
    watches: Vec<Vec<Watch>>,
    watcher: Watcher,
    patience: Patience,
    ledger: Ledger,
    totals: Summary,
    /// The roles that were repaired at some time.
    touched: BTreeSet<usize>,
    /// The folders of which it was told that they cannot be watched.
    unwatched: BTreeSet<PathBuf>,
}

impl<'a> Watching<'a> {
    fn new(project: Project, settings: &'a Settings<'a>) -> Result<Watching<'a>> {
        let ledger = journal::read(&project.folder)?;
        let mut watching = Watching {
            settings,
            project,
            roles: BTreeSet::new(),
            dependents: Vec::new(),
            outputs: Vec::new(),
            watches: Vec::new(),
            watcher: Watcher::new()?,
            patience: Patience::new(settings.interval),
            ledger,
            totals: Summary::default(),
            touched: BTreeSet::new(),
            unwatched: BTreeSet::new(),
        };
        watching.begin()?;
        Ok(watching)
    }

    /// Begins to watch the project's roles.
    fn begin(&mut self) -> Result<()> {
        let nodes = &self.project.graph.nodes;
        self.dependents = self.project.graph.dependents();
        self.outputs = vec![None; nodes.len()];
        self.watches = vec![Vec::new(); nodes.len()];
        self.patience = Patience::new(self.settings.interval);
        let plan = self.plan(&Scope::All)?;
        let of_the_spec = plan.roles.iter().map(|planned| planned.node).filter(|node| nodes[*node].instance.is_some());
        self.roles = of_the_spec.collect();
        self.learn(&plan);
        self.wait_on(&self.roles.clone())?;
        self.tell_unwatched();
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        // What has happened before the watches were in place.
        self.mend(Scope::All)?;
        (self.settings.report)(&Event::Watching { roles: self.roles.len() });
        let mut next_look = Instant::now() + self.settings.interval;
        let mut later: BTreeSet<usize> = BTreeSet::new();
        let mut later_at = next_look;
        while !self.stopped() {
            let until = [Some(next_look), self.patience.next_release(), (!later.is_empty()).then_some(later_at)];
            let until = until.into_iter().flatten().min().unwrap_or(next_look);
            let Alarm { mut roles, everything } = self.watcher.wait(until, self.settings.wake)?;
            let now = Instant::now();
            if everything || now >= next_look {
                self.look_at_the_journal()?;
                self.tell_unwatched();
                self.mend(Scope::All)?;
                next_look = Instant::now() + self.settings.interval;
                later.clear();
                continue;
            }
            let noisy: BTreeSet<usize> = roles.iter().copied().filter(|role| self.patience.is_noisy(*role, now)).collect();
            roles.retain(|role| !noisy.contains(role));
            if later.is_empty() {
                later_at = now + SELDOM;
            }
            later.extend(noisy);
            if now >= later_at {
                roles.append(&mut later);
            }
            for released in self.patience.released(now) {
                roles.extend(self.with_dependents([released]));
            }
            if !roles.is_empty() {
                self.mend(Scope::Roles(roles))?;
            }
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.settings.stop.load(Ordering::Relaxed)
    }

    fn note(&self, message: impl Into<String>) {
        (self.settings.report)(&Event::Note { message: message.into() });
    }

    /// Plans for some of the roles, with what is known of the journal now.
    fn plan(&self, scope: &Scope) -> Result<Plan> {
        let only = match scope {
            Scope::All => self.settings.only.clone(),
            Scope::Roles(roles) => roles.iter().map(|role| self.project.graph.nodes[*role].name.to_string()).collect(),
        };
        let options = Options { state: State::Present, only, ..Options::default() };
        self.project.plan(self.settings.host, &self.ledger, &options)
    }

    /// Roles, with all that comes after them and is watched.
    fn with_dependents(&self, roles: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        let mut open: Vec<usize> = roles.into_iter().collect();
        while let Some(role) = open.pop() {
            if self.roles.contains(&role) && all.insert(role) {
                open.extend(&self.dependents[role]);
            }
        }
        all
    }

    /// Takes in what the roles of a plan offer. The roles that use what has changed.
    fn learn(&mut self, plan: &Plan) -> BTreeSet<usize> {
        let mut users = BTreeSet::new();
        for planned in &plan.roles {
            let now = &plan.now[planned.node];
            if self.outputs[planned.node] != *now {
                self.outputs[planned.node].clone_from(now);
                users.extend(self.dependents[planned.node].iter().filter(|user| self.roles.contains(user)));
            }
        }
        users
    }

    /// Finds out what roles wait on, and waits on it.
    fn wait_on(&mut self, roles: &BTreeSet<usize>) -> Result<()> {
        let mut changed = false;
        for role in roles {
            let node = &self.project.graph.nodes[*role];
            let watches = match &node.role {
                Some(built) if !node.params.dynamic => built.watches(),
                built => match self.project.graph.build(*role, &|index| self.outputs[index].clone()) {
                    Ok(built) => built.watches(),
                    // With too little known of what it uses, it is looked at with that.
                    Err(_) => built.as_ref().map(|built| built.watches()).unwrap_or_default(),
                },
            };
            changed |= self.watches[*role] != watches;
            self.watches[*role] = watches;
        }
        if changed {
            self.watcher.follow(self.roles.iter().map(|role| (*role, self.watches[*role].as_slice())))?;
        }
        Ok(())
    }

    /// Tells of folders that cannot be watched, once of each.
    fn tell_unwatched(&mut self) {
        let every = seed_spec::unit::Duration(u64::try_from(self.settings.interval.as_millis()).unwrap_or(u64::MAX));
        for (folder, errno) in self.watcher.unwatched() {
            if self.unwatched.insert(folder.clone()) {
                let hint = if errno == Errno::ENOSPC { " (raise fs.inotify.max_user_watches with sysctl(8))" } else { "" };
                let (folder, reason) = (folder.display(), errno.desc());
                let message = format!("could not watch {folder}: {reason}{hint}; its contents are checked every {every}");
                (self.settings.report)(&Event::Note { message });
            }
        }
    }

    /// Looks whether another run has done something for this spec.
    ///
    /// # Errors
    ///
    /// When it has taken the spec back, or applied one that is not the one watched here.
    fn look_at_the_journal(&mut self) -> Result<()> {
        let ledger = journal::read(&self.project.folder)?;
        self.take_over(ledger)
    }

    fn take_over(&mut self, ledger: Ledger) -> Result<()> {
        let known = std::mem::replace(&mut self.ledger, ledger).last_run;
        if self.ledger.last_run == known {
            return Ok(());
        }
        let attempt = format!("go on watching {}", self.project.path.display());
        let all = runs(&journal::history(&self.project.folder)?.records);
        let since = all.iter().filter(|run| run.id > known);
        let back = since.clone().find(|run| run.command == "apply absent" || run.command.starts_with("undo "));
        if let Some(run) = back {
            let came_back = format!("run {} ({}) has removed it", run.id, run.command);
            return Err(Trouble::new(attempt, came_back).kind(Kind::Unsafe).hint("apply the spec, then watch it again"));
        }
        self.adopt_spec(&attempt)
    }

    /// Goes on with the spec as it is now, if that is what another run has applied.
    fn adopt_spec(&mut self, attempt: &str) -> Result<()> {
        let path = self.project.path.clone();
        // A spec from standard input is nowhere to be read again.
        let Ok(text) = read_text(&path) else { return Ok(()) };
        let refused = |came_back: &str| {
            Trouble::new(attempt, came_back).kind(Kind::Unsafe).hint("review it with `seed plan`, then watch it again")
        };
        let state_folder = journal::state_folder();
        let Ok(mut project) = Project::new(&path, &text, &DiskLoader, self.settings.host, &state_folder) else {
            return Err(refused("the spec was applied by another run and now has errors"));
        };
        let texts = |project: &Project| -> Vec<Arc<str>> {
            project.analysis.documents.iter().map(|document| document.source.text().clone()).collect()
        };
        if texts(&project) == texts(&self.project) {
            return Ok(());
        }
        project.folder.clone_from(&self.project.folder);
        crate::untrusted::require(&project, &crate::trust::Trust::new(&state_folder))?;
        self.project = project.with_orphans(&self.ledger, self.settings.host);
        let plan = self.plan(&Scope::All)?;
        if !plan.is_empty() {
            return Err(refused("the spec has changed, and the machine does not match it"));
        }
        self.note("the spec was applied by another run; watching the new version");
        self.begin()
    }
}
