//! What was done when, and taking the last of it back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use seed_role::attrs::Observation;
use seed_role::host::Host;
use seed_role::trouble::{Result, Trouble};
use seed_spec::analysis::State;
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::journal::ledger::{Owned, PutAside, until_of};
use crate::journal::{self, Ledger, Outcome, Record};
use crate::node::{Draft, Graph, expand};
use crate::plan::{self, Action, Options, Plan, Wish};
use crate::project::{LEFT_OVER, Project};
use crate::stored::{self, Stored};

/// A run, as the journal tells it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Run {
    /// Its number.
    pub id: u64,
    /// When it began, in seconds since 1970.
    pub time: u64,
    /// What was asked for.
    pub command: String,
    /// How it ended; `interrupted` if it did not.
    pub status: String,
    /// What was done with each role.
    pub roles: Vec<RunRole>,
}

/// The status of a run in which nothing failed.
const DONE: &str = "done";
/// The status of one that did not reach its end.
const INTERRUPTED: &str = "interrupted";

impl Run {
    /// The run that it takes back, if it is an undo.
    pub fn undoes(&self) -> Option<u64> {
        undone_by(&self.command)
    }

    fn changed_something(&self) -> bool {
        self.roles.iter().any(|role| role.begun)
    }

    /// Whether it was interrupted before it began with any role.
    fn was_interrupted_at_once(&self) -> bool {
        self.status == INTERRUPTED && !self.changed_something() && !self.command.starts_with(FORGET)
    }
}

/// What the journal calls a run begins with where it forgets roles, which no undo takes back.
pub const FORGET: &str = "forget ";

/// The run that a command takes back, if it is an undo.
fn undone_by(command: &str) -> Option<u64> {
    command.strip_prefix("undo ")?.parse().ok()
}

/// What a run did with a role.
#[derive(Clone, Debug, Serialize)]
pub struct RunRole {
    /// Its name.
    pub role: String,
    /// Its type.
    pub is: String,
    /// What was done.
    pub action: String,
    /// `done`, `failed` or `interrupted`.
    pub status: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The backups that it made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backups: Vec<RunBackup>,
    /// Whether anything was begun with it.
    #[serde(skip)]
    pub begun: bool,
}

/// A backup that a run made.
#[derive(Clone, Debug, Serialize)]
pub struct RunBackup {
    /// Its number in the journal.
    #[serde(skip)]
    pub id: Option<u64>,
    /// What it is a backup of.
    pub what: String,
    /// Where it is; none for one in the journal.
    pub path: Option<PathBuf>,
    /// When it was made, in seconds since 1970.
    pub time: u64,
    /// Until when it is kept, in seconds since 1970.
    pub until: u64,
    /// `kept`, `restored` or `removed`.
    pub status: &'static str,
}

/// The runs that the journal tells of, oldest first.
pub fn runs(records: &[Record]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for record in records {
        match record {
            Record::Restored { id, role, run } => each_backup(&mut runs, *id, role, *run, |backup| backup.status = "restored"),
            Record::Forgotten { id, role, run } => each_backup(&mut runs, *id, role, *run, |backup| backup.status = "removed"),
            Record::Extended { id, role, run, until } => {
                each_backup(&mut runs, *id, role, *run, |backup| backup.until = backup.until.max(*until));
            }
            _ => {}
        }
        if let Record::Run { id, time, command, .. } = record {
            runs.push(Run { id: *id, time: *time, command: command.clone(), status: INTERRUPTED.into(), roles: Vec::new() });
            continue;
        }
        let Some(run) = runs.last_mut() else { continue };
        match record {
            Record::Begin { role, is, action, .. } if !run.roles.iter().any(|known| known.role == *role) => {
                let status = INTERRUPTED.to_string();
                run.roles.push(RunRole {
                    role: role.clone(),
                    is: is.clone(),
                    action: action.clone(),
                    status,
                    message: None,
                    backups: Vec::new(),
                    begun: true,
                });
            }
            Record::Refused { role, is, action, message } if !run.roles.iter().any(|known| known.role == *role) => {
                run.roles.push(RunRole {
                    role: role.clone(),
                    is: is.clone(),
                    action: action.clone(),
                    status: "failed".into(),
                    message: Some(message.clone()),
                    backups: Vec::new(),
                    begun: false,
                });
            }
            Record::Kept { id, role, time, kept, until, .. } => {
                for known in run.roles.iter_mut().filter(|known| known.role == *role) {
                    let (what, path) = (kept.what.clone(), kept.path.clone());
                    let until = until_of(*until, *time);
                    known.backups.push(RunBackup { id: *id, what, path, time: *time, until, status: "kept" });
                }
            }
            Record::End { role, outcome, .. } => {
                for known in run.roles.iter_mut().filter(|known| known.role == *role) {
                    known.status = if matches!(outcome, Outcome::Failed(_)) { "failed" } else { "done" }.to_string();
                    known.message = if let Outcome::Failed(message) = outcome { Some(message.clone()) } else { None };
                }
            }
            Record::Close { status, .. } => run.status.clone_from(status),
            _ => {}
        }
    }
    runs.retain(|run| run.command != "rotate");
    runs
}

/// Changes the backups that a record means: see [`Record::Restored`].
fn each_backup(runs: &mut [Run], id: Option<u64>, role: &str, run: u64, change: impl FnMut(&mut RunBackup)) {
    let roles = runs.iter_mut().filter(|then| then.id == run).flat_map(|then| &mut then.roles);
    let backups = roles.flat_map(|then| then.backups.iter_mut().map(|backup| (then.role.as_str(), backup)));
    let is_meant = |name: &str, backup: &RunBackup| id.map_or(name == role, |id| backup.id == Some(id));
    backups.filter(|(name, backup)| is_meant(name, backup)).map(|(_, backup)| backup).for_each(change);
}

/// The last run that can be taken back: one that is no undo itself, was not undone, and changed something, or was interrupted before
/// it did. Whoever asked for that one may think that it did: it is not passed over for the run before.
pub fn last_run(runs: &[Run]) -> Option<&Run> {
    last_not_undone(runs, |run| run.changed_something() || run.was_interrupted_at_once())
}

/// The last run that changed something and can be taken back: what an undo needs, also one that is begun again.
pub(crate) fn last_change(runs: &[Run]) -> Option<u64> {
    last_not_undone(runs, Run::changed_something).map(|run| run.id)
}

fn last_not_undone(runs: &[Run], counts: impl Fn(&Run) -> bool) -> Option<&Run> {
    // An undo that did not reach its end is begun again.
    let undone: Vec<u64> = runs.iter().filter(|run| run.status == DONE).filter_map(Run::undoes).collect();
    runs.iter().rev().find(|run| counts(run) && run.undoes().is_none() && !undone.contains(&run.id))
}

/// What is known of a role from the record that began its change.
struct Begun {
    is: String,
    params: serde_json::Value,
    was: Observation,
    loses: Option<String>,
    after: Vec<String>,
    action: String,
    /// The numbers of the backups that the run made of it.
    backups: Vec<u64>,
    /// Whether what was put aside of it is back already, by an undo that was interrupted.
    is_back: bool,
    /// Whether it is as it was, by an undo that was interrupted: then it is not looked at from here, where what it lay in may be elsewhere.
    is_done: bool,
}

/// A plan that takes a run back, and the graph it is for.
pub struct Undo {
    /// The run.
    pub run: u64,
    /// The roles it touched, as they were then, with those of the spec.
    pub graph: Graph,
    /// The plan.
    pub plan: Plan,
    /// Whether anything is left to do, and why not.
    pub standing: Standing,
}

/// Whether an undo has anything to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has, as far as its plan says so.
    ToDo,
    /// It had ended before, and whoever asked for it may not have learned of that.
    Ended,
    /// The run was interrupted before it changed anything.
    ChangedNothing,
}

/// Plans to take the last run back: the same one again where an undo of it was interrupted, at its very end too.
///
/// # Errors
///
/// When there is none, or the journal cannot be read.
pub fn plan_undo(project: &Project, host: &dyn Host, ledger: &Ledger) -> Result<Undo> {
    let mut history = journal::history(&project.folder)?;
    if let Some(moved) = &ledger.moved {
        history.take_along(moved);
    }
    let records = &history.records;
    let runs = runs(records);
    // Whoever did not learn of its end runs it again, and means this one.
    let ended = runs.last().filter(|run| run.status == DONE && !ledger.reported).and_then(Run::undoes);
    let run = match ended {
        Some(id) => runs.iter().find(|run| run.id == id),
        None => last_run(&runs),
    };
    let Some(run) = run else {
        return Err(Trouble::new("undo the last apply", "the journal of this spec has no apply to undo")
            .hint("`seed log` shows the runs"));
    };
    let standing = match ended {
        Some(_) => Standing::Ended,
        None if run.was_interrupted_at_once() => Standing::ChangedNothing,
        None => Standing::ToDo,
    };
    let start = records.iter().position(|record| matches!(record, Record::Run { id, .. } if *id == run.id));
    if history.is_broken_behind(start.unwrap_or_default()) {
        return Err(Trouble::new("undo the last apply", "the journal is damaged, and what the last run did is not fully known")
            .hint("seed forget --damage SPEC accepts that, and no run from before is known then"));
    }
    let Began { roles: begun, before, origins, along } = began(records, run.id);
    let wholes = crate::node::wholes(&project.analysis);
    let graph = Graph { wholes, ..Graph::new(drafts(project, host, &begun, ledger)) };
    let past = Past { begun: &begun, before: &before, origins: &origins, ledger };
    let left = begun.iter().filter(|(_, begun)| !begun.is_done);
    let along = along.into_iter().filter(|(_, is_done)| !is_done).map(|(role, _)| (role, Wish::Present));
    let wishes = left.map(|(role, begun)| (role.clone(), past.wish(role, begun))).chain(along);
    // Otherwise nothing is left to do, whatever was changed since.
    let wishes = if standing == Standing::ToDo { wishes.collect() } else { HashMap::new() };
    let options = Options { state: State::Present, wishes: Some(wishes), undoes: Some(run.id), ..Options::default() };
    let world = project.world(host, ledger);
    let plan = plan::plan(&graph, &world, &project.path.display().to_string(), &options)?;
    Ok(Undo { run: run.id, graph, plan, standing })
}

/// What a run began.
struct Began {
    /// What it did with each role.
    roles: BTreeMap<String, Begun>,
    /// The ledger as it was before.
    before: Ledger,
    /// The names that roles had before, by those that the run gave them.
    origins: HashMap<String, String>,
    /// What an undo that was interrupted made along with them, and whether it is done.
    along: BTreeMap<String, bool>,
}

fn began(records: &[Record], id: u64) -> Began {
    let mut begun: BTreeMap<String, Begun> = BTreeMap::new();
    let mut before = Ledger::default();
    let mut origins: HashMap<String, String> = HashMap::new();
    let mut along: BTreeMap<String, bool> = BTreeMap::new();
    let mut current = 0;
    let mut undoes = false;
    for record in records {
        if let Record::Run { id: run, command, .. } = record {
            current = *run;
            undoes = undone_by(command) == Some(id);
        }
        if let Record::Restored { id: backup, role, run } | Record::Forgotten { id: backup, role, run } = record
            && undoes
            && *run == id
        {
            let is_it = |name: &String, begun: &Begun| backup.map_or(name == role, |backup| begun.backups.contains(&backup));
            begun.iter_mut().filter(|(name, begun)| is_it(name, begun)).for_each(|(_, begun)| begun.is_back = true);
        }
        if let Record::End { role, outcome: Outcome::Present(_) | Outcome::Returned, .. } = record
            && undoes
        {
            match begun.get_mut(role) {
                Some(begun) => begun.is_done = true,
                None => drop(along.insert(role.clone(), true)),
            }
        }
        if let Record::Begin { role, .. } = record
            && undoes
            && !begun.contains_key(role)
        {
            along.insert(role.clone(), false);
        }
        if let Record::Forgot { role } = record
            && current > id
        {
            begun.remove(role);
        }
        if current < id {
            before.take(record);
        }
        if current > id
            && let Record::Renamed { from, to } = record
        {
            rename(&mut begun, from, to);
            match origins.remove(from) {
                Some(origin) => drop(origins.insert(to.clone(), origin)),
                None => before.take(record),
            }
        }
        if current == id
            && let Record::Kept { id: Some(backup), role, .. } = record
            && let Some(begun) = begun.get_mut(role)
        {
            begun.backups.push(*backup);
        }
        if current == id
            && let Record::Renamed { from, to } = record
        {
            let origin = origins.remove(from).unwrap_or_else(|| from.clone());
            origins.insert(to.clone(), origin);
        }
        if current == id
            && let Record::Begin { role, is, params, was, loses, after, action, .. } = record
        {
            begun.entry(role.clone()).or_insert_with(|| Begun {
                is: is.clone(),
                params: params.clone(),
                was: was.clone(),
                loses: loses.clone(),
                after: after.clone(),
                action: action.clone(),
                backups: Vec::new(),
                is_back: false,
                is_done: false,
            });
        }
    }
    Began { roles: begun, before, origins, along }
}

/// Gives a role the name that it has since, so that there is one entry of it.
fn rename(begun: &mut BTreeMap<String, Begun>, from: &str, to: &str) {
    if let Some(role) = begun.remove(from) {
        begun.insert(to.to_string(), role);
    }
    for role in begun.values_mut() {
        stored::rename(&mut role.params, &|name| (name == from).then(|| to.to_string()));
        role.after.iter_mut().filter(|before| *before == from).for_each(|before| *before = to.to_string());
    }
}

/// What a run that is taken back has left.
struct Past<'a> {
    begun: &'a BTreeMap<String, Begun>,
    /// The ledger as it was before the run.
    before: &'a Ledger,
    /// The names that roles had then, by those that the run gave them.
    origins: &'a HashMap<String, String>,
    ledger: &'a Ledger,
}

impl Past<'_> {
    /// What was known of a role before the run, which may have given it another name, or its name to another.
    fn owned(&self, role: &str) -> Option<Owned> {
        match self.origins.get(role) {
            Some(origin) => self.before.get(origin),
            None if self.origins.values().any(|origin| origin == role) => None,
            None => self.before.get(role),
        }
    }

    fn wish(&self, role: &str, begun: &Begun) -> Wish {
        let kept = self.aside(role).filter(|aside| aside.is_usable() || self.comes_back(aside));
        let lost = if kept.is_none() && !begun.is_back { begun.loses.clone() } else { None };
        let is_replaced = begun.action == Action::Replace.word();
        let known = self.owned(role);
        let is_known = known.is_some();
        let owned = known.filter(|owned| is_replaced && owned.is == begun.is);
        Wish::Back {
            to: with_what_was_ours(&begun.was, owned.as_ref()),
            kept: kept.cloned().map(Box::new),
            returned: !is_known,
            lost,
            made_anew: is_replaced,
            params: owned.map(|owned| owned.params),
        }
    }

    fn aside(&self, role: &str) -> Option<&PutAside> {
        let backups = &self.begun.get(role)?.backups;
        self.ledger.put_aside.iter().find(|aside| backups.contains(&aside.id))
    }

    /// Whether the rest of what was kept in part comes back to its place, with what it lies in.
    fn comes_back(&self, aside: &PutAside) -> bool {
        let comes_back = |path: &Path| {
            let backups = self.begun.keys().filter_map(|role| self.aside(role)?.kept.path.as_deref());
            backups.into_iter().any(|backup| path.starts_with(backup))
        };
        aside.below.as_ref().is_some_and(|below| below.files.iter().all(|file| file.now == file.was || comes_back(&file.now)))
    }
}

/// What was there, with what the role of then had made of it: that of the run looked only at what its own parameters name, such as some
/// of the subvolumes.
fn with_what_was_ours(was: &Observation, owned: Option<&Owned>) -> Observation {
    let (Observation::Present(was), Some(ours)) = (was, owned.and_then(|owned| owned.ours.as_ref())) else { return was.clone() };
    let mut whole = was.clone();
    if owned.is_some_and(|owned| owned.params.get(LEFT_OVER).is_none()) {
        // Then the role still named these parts.
        whole.0.remove(LEFT_OVER);
    }
    for (name, ours) in &ours.0 {
        let Json::Object(ours) = ours else { continue };
        let there = whole.0.entry(name.clone()).or_insert_with(|| json!({}));
        for (key, value) in ours {
            if let Json::Object(there) = there
                && !there.contains_key(key)
            {
                there.insert(key.clone(), value.clone());
            }
        }
    }
    Observation::Present(whole)
}

/// The roles that the run began, as they were then; what these rest on, as it is now, whatever the spec says by now; and the rest of the spec.
fn drafts(project: &Project, host: &dyn Host, begun: &BTreeMap<String, Begun>, ledger: &Ledger) -> Vec<Draft> {
    let mut drafts: HashMap<String, Draft> = expand(&project.analysis, &seed_collections::REGISTRY, Some(host), State::Present)
        .into_iter()
        .map(|draft| (draft.name.to_string(), draft))
        .collect();
    let mut open: Vec<String> = drafts.keys().cloned().collect();
    for (name, one) in begun {
        // What the run removed first made room for this, which makes room for it on the way back.
        let made_room = |before: &String| begun.get(before).is_some_and(|first| first.action == Action::Remove.word());
        let after: Vec<String> = one.after.iter().filter(|before| !made_room(before)).cloned().collect();
        open.extend(one.after.iter().cloned());
        stored::references(&one.params, &mut |below| open.push(below.to_string()));
        let made = Made { is: &one.is, params: &one.params, after: &after };
        let draft = made.draft(name, drafts.remove(name), one.was == Observation::Absent);
        drafts.extend(draft.map(|draft| (name.clone(), draft)));
    }
    let mut seen: BTreeSet<String> = begun.keys().cloned().collect();
    while let Some(name) = open.pop() {
        let Some(owned) = ledger.get(&name).filter(|owned| owned.is_readable() && seen.insert(name.clone())) else { continue };
        open.extend(owned.after.iter().cloned());
        stored::references(&owned.params, &mut |below| open.push(below.to_string()));
        let made = Made { is: &owned.is, params: &owned.params, after: &owned.after };
        let draft = made.draft(&name, drafts.remove(&name), false);
        drafts.extend(draft.map(|draft| (name, draft)));
    }
    drafts.into_values().collect()
}

/// What was made for a role, as the journal tells it.
struct Made<'a> {
    is: &'a str,
    params: &'a Json,
    after: &'a [String],
}

impl Made<'_> {
    /// The role that it was made for; `known` is what the spec says of it now.
    fn draft(&self, name: &str, known: Option<Draft>, gives_way: bool) -> Option<Draft> {
        let Some(role_type) = seed_collections::REGISTRY.get(self.is) else { return known };
        let mut dynamic = false;
        stored::references(self.params, &mut |_| dynamic = true);
        Some(Draft {
            name: name.into(),
            role_type,
            is: self.is.into(),
            why: known.as_ref().and_then(|known| known.why.clone()),
            state: State::Present,
            disposable: known.as_ref().is_some_and(|known| known.disposable),
            params: Stored { json: self.params.clone(), dynamic },
            needs: self.after.iter().map(|before| before.as_str().into()).collect(),
            part_of: known.as_ref().and_then(|known| known.part_of.clone()),
            instance: known.and_then(|known| known.instance),
            aside: false,
            literal: false,
            gives_way,
        })
    }
}
