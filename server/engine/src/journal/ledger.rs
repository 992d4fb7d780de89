//! What the journal comes to: which roles Seed made or changed, and how to take them back.

mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use seed_role::attrs::{Attrs, Observation};
use seed_role::claim::Claim;
use seed_role::host::Seal;
use seed_role::step::Kept;
use seed_spec::analysis::DEFAULT_KEEP;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::below::Below;
use super::damage::Damage;
use super::moved;
use super::record::{Outcome, Record};
use crate::plan::Action;
use crate::stored;

/// What is said of a thing that was there before Seed, as the rest of a sentence about it.
pub(crate) const NOT_MADE: &str = "was not made by Seed";

/// A role that Seed made or changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Owned {
    /// Its concrete type.
    pub is: String,
    /// Its parameters when it was last changed, references left open.
    pub params: Json,
    /// What was there before Seed first touched it: where `absent` leads.
    pub before: Observation,
    /// What it looked like when Seed last left it, long texts by their hash.
    pub ours: Option<Attrs>,
    /// Folders that were made for it, outermost first.
    pub made: Vec<PathBuf>,
    /// Whether its data may be destroyed without asking.
    pub disposable: bool,
    /// The roles it comes after.
    pub after: Vec<String>,
    /// The parts of it that Seed made.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parts: BTreeSet<String>,
    /// Whether Seed has made one in its place since, which is then Seed's although something was there before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remade: bool,
    /// Set while it is changed: what an interruption leaves.
    pub open: Option<Open>,
}

/// A change that has begun and not ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Open {
    /// Temporary files that may be left.
    pub litter: Vec<PathBuf>,
    /// The step, if any, whose interruption must be undone.
    pub undo: Option<String>,
    /// What was being done, as the record of its beginning says.
    #[serde(default)]
    pub action: String,
    /// What data was to be lost by it.
    #[serde(default)]
    pub loses: Option<String>,
    /// The parts that were there when it began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
}

impl Owned {
    /// One whose first change begins.
    pub(super) fn begun(is: &str, params: &Json, before: &Observation) -> Owned {
        Owned {
            is: is.to_string(),
            params: params.clone(),
            before: before.clone(),
            ours: None,
            made: Vec::new(),
            disposable: false,
            after: Vec::new(),
            parts: BTreeSet::new(),
            remade: false,
            open: None,
        }
    }

    /// Whether Seed made what is there, and did not only change it: nothing was there before, or something else was.
    pub fn is_made(&self) -> bool {
        self.remade || self.before == Observation::Absent
    }

    /// Whether its entry could be read: otherwise only its name is known, and that Seed made it.
    pub fn is_readable(&self) -> bool {
        !self.is.is_empty()
    }
}

/// Something put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAside {
    /// Its number, which no other backup of the journal has: roles are renamed and forgotten.
    pub id: u64,
    /// The role it belonged to.
    pub role: String,
    /// The run that put it aside.
    pub run: u64,
    /// When, in seconds since 1970.
    pub time: u64,
    /// Until when it is kept, in seconds since 1970: what was announced when it was made or, where the spec has said so since, longer.
    pub until: u64,
    /// What, and where it is.
    pub kept: Kept,
    /// What tells it from what somebody else puts in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// Whether its removal has begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_going: bool,
    /// When a run found that its time is over, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired: Option<u64>,
    /// The path that it was moved from, if it was moved as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Where the rest of it lies, if this is only a part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Below>,
}

impl PutAside {
    /// What it is a backup of and where it comes from, in words.
    pub(crate) fn words(&self) -> String {
        format!("the backup of {} from run {}", self.kept.what, self.run)
    }

    /// Whether it can be brought back now: it is whole, or the rest of it is in its place. Put upon anything else, signatures would make a
    /// file system of something that is none.
    pub fn is_usable(&self) -> bool {
        !self.is_going && (self.kept.path.is_some() || self.below.as_ref().is_some_and(Below::is_in_place))
    }

    /// Whether it lay in the folder that another backup was made of later.
    pub fn went_along_with(&self, later: &PutAside) -> bool {
        let (Some(path), Some(folder)) = (&self.kept.path, &later.from) else { return false };
        self.id < later.id && path.starts_with(folder)
    }
}

/// Until when a backup is kept that was made at a time: earlier versions did not write it down.
pub fn until_of(until: Option<u64>, time: u64) -> u64 {
    until.unwrap_or_else(|| time.saturating_add(DEFAULT_KEEP / 1000))
}

/// Which backups a record means.
struct Meant<'a> {
    id: Option<u64>,
    role: &'a str,
    run: u64,
}

impl Meant<'_> {
    /// Earlier versions told backups apart by role and run alone.
    fn is(&self, aside: &PutAside) -> bool {
        match self.id {
            Some(id) => aside.id == id,
            None => aside.role == self.role && aside.run == self.run,
        }
    }
}

/// Whether a path lies in a folder or mount that is claimed.
pub(crate) fn is_inside(path: &Path, claims: &[Claim]) -> bool {
    claims.iter().any(|claim| match claim {
        Claim::Path(around) | Claim::Mount(around) => path != around && path.starts_with(around),
        _ => false,
    })
}

/// An entry: read from a snapshot only when it is asked for.
#[derive(Clone, Debug)]
enum Entry {
    Raw { open: bool, params: u64, json: Box<str> },
    Read(Box<Owned>),
}

/// Tells parameters apart without reading them. Should another version of the program count otherwise, they are
/// read and compared: slower, and no less right.
fn fingerprint(is: &str, params: &Json) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    is.hash(&mut hasher);
    params.hash(&mut hasher);
    hasher.finish()
}

/// Reads an entry. What cannot be read is known all the same, and never taken for something that Seed did not make.
fn read_entry(json: &str) -> Owned {
    serde_json::from_str(json).unwrap_or_else(|error| {
        Owned::begun("", &Json::Null, &Observation::Unknown(format!("its entry in the ledger is damaged: {error}")))
    })
}

impl Entry {
    fn is_open(&self) -> bool {
        match self {
            Entry::Raw { open, .. } => *open,
            Entry::Read(owned) => owned.open.is_some(),
        }
    }
}

/// What the journal comes to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    #[serde(skip)]
    entries: BTreeMap<String, Entry>,
    /// What is put aside, in order.
    pub put_aside: Vec<PutAside>,
    /// What was put aside of roles that were forgotten since: kept until its time is over, and brought back by none.
    pub forgotten: Vec<PutAside>,
    /// The number of the last backup.
    #[serde(default)]
    pub last_backup: u64,
    /// The damages of the journal.
    pub damage: Vec<Damage>,
    /// The number of the last run.
    pub last_run: u64,
    /// How many runs the journal tells of.
    pub runs: u64,
    /// Whether the last run has ended.
    pub closed: bool,
    /// Whether whoever asked for the last run is known to have learned of its end.
    #[serde(default)]
    pub reported: bool,
    /// What moved along with the spec, while only who looks has found that.
    #[serde(skip)]
    pub moved: Option<Record>,
    /// The latest time that was recorded since the clock was last found to be behind, in seconds since 1970.
    pub time: u64,
    /// Where else it may be known what was made for the spec, in words.
    #[serde(skip)]
    pub elsewhere: Option<String>,
}

impl Ledger {
    /// What is known of a role.
    pub fn get(&self, role: &str) -> Option<Owned> {
        match self.entries.get(role)? {
            Entry::Raw { json, .. } => Some(read_entry(json)),
            Entry::Read(owned) => Some((**owned).clone()),
        }
    }

    /// The backups that making something new on what is claimed writes over.
    pub fn overwritten_with<'a>(&'a self, claims: &'a [Claim]) -> impl Iterator<Item = &'a PutAside> {
        self.backups().filter(|aside| aside.below.as_ref().is_some_and(|below| below.is_overwritten_with(claims)))
    }

    /// The backups that removing what is claimed takes away.
    pub fn removed_with<'a>(&'a self, claims: &'a [Claim]) -> impl Iterator<Item = &'a PutAside> {
        self.backups().filter(|aside| aside.below.as_ref().is_some_and(|below| below.is_removed_with(claims)))
    }

    /// The backups that lie in the folders and mounts that are claimed.
    pub fn backups_inside<'a>(&'a self, claims: &'a [Claim]) -> impl Iterator<Item = &'a PutAside> {
        self.backups().filter(|aside| !aside.is_going && aside.kept.path.as_ref().is_some_and(|path| is_inside(path, claims)))
    }

    /// Whether Seed made or changed a role.
    pub fn owns(&self, role: &str) -> bool {
        self.entries.contains_key(role)
    }

    /// Whether a role was last changed with other parameters, or as another type, than these.
    pub fn differs(&self, role: &str, is: &str, params: &Json) -> bool {
        match self.entries.get(role) {
            Some(Entry::Raw { params: known, .. }) => *known != fingerprint(is, params),
            Some(Entry::Read(owned)) => owned.is != is || owned.params != *params,
            None => false,
        }
    }

    /// Why it cannot be told what was done with a role, if that is so: the journal is damaged, and what is lost of it may concern the role.
    pub fn doubt(&self, role: &str) -> Option<String> {
        let mut unknown = self.damage.iter().filter(|damage| !damage.known);
        // Without an entry, any record that is lost may have been its entry.
        let damage = if self.owns(role) { unknown.find(|damage| damage.concerns(role)) } else { unknown.next() }?;
        let what_to_do = match &damage.roles {
            Some(_) if damage.concerns(role) => format!("seed forget SPEC {role}"),
            Some(roles) => format!("seed forget SPEC {}", roles.join(" ")),
            None => "seed forget --damage SPEC".into(),
        };
        Some(format!(
            "is left as it is: {} is damaged, and what Seed did with it is not known ({what_to_do} drops what is lost)",
            damage.place()
        ))
    }

    /// What a thing without an entry is to Seed, as the rest of a sentence about it.
    pub fn stranger(&self) -> String {
        match &self.elsewhere {
            Some(elsewhere) => format!("is not known here ({elsewhere})"),
            None => NOT_MADE.into(),
        }
    }

    /// Whether the last change of a role has not ended.
    pub fn is_open(&self, role: &str) -> bool {
        self.entries.get(role).is_some_and(Entry::is_open)
    }

    /// Whether the last run has not ended.
    pub fn is_interrupted(&self) -> bool {
        self.last_run > 0 && !self.closed
    }

    /// Whether it knows of no role.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it knows of nothing that Seed made or kept, and nothing of it is lost.
    pub fn knows_nothing(&self) -> bool {
        self.is_empty() && self.damage.is_empty() && self.backups().next().is_none()
    }

    /// The names of the roles.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The names of the roles whose last change has not ended.
    pub fn open(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(|(_, entry)| entry.is_open()).map(|(name, _)| name.as_str())
    }

    fn edit(&mut self, role: &str) -> Option<&mut Owned> {
        let entry = self.entries.get_mut(role)?;
        if let Entry::Raw { json, .. } = entry {
            *entry = Entry::Read(Box::new(read_entry(json)));
        }
        match entry {
            Entry::Read(owned) => Some(owned),
            Entry::Raw { .. } => None,
        }
    }

    /// Takes a record in.
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Run { id, time, .. } => {
                self.last_run = *id;
                self.runs += 1;
                self.closed = false;
                self.time = self.time.max(*time);
                self.reported = false;
            }
            Record::Close { .. } => self.closed = true,
            Record::Reported => self.reported = true,
            Record::Base { last_run, time, last_backup } => {
                *self = Ledger {
                    last_run: *last_run,
                    last_backup: *last_backup,
                    time: *time,
                    closed: true,
                    damage: std::mem::take(&mut self.damage),
                    ..Ledger::default()
                };
            }
            Record::Begin { role, is, params, was, disposable, after, action, loses, parts } => {
                if let Some(owned) = self.edit(role) {
                    owned.is.clone_from(is);
                    owned.params.clone_from(params);
                    owned.after.clone_from(after);
                    owned.disposable = *disposable;
                    // What an interrupted run has made since it began is Seed's, too.
                    let open = owned.open.get_or_insert_with(|| Open { parts: parts.clone(), ..Open::default() });
                    open.action.clone_from(action);
                    open.loses.clone_from(loses);
                    return;
                }
                let owned = Owned {
                    disposable: *disposable,
                    after: after.clone(),
                    open: Some(Open { action: action.clone(), loses: loses.clone(), parts: parts.clone(), ..Open::default() }),
                    ..Owned::begun(is, params, was)
                };
                self.entries.insert(role.clone(), Entry::Read(Box::new(owned)));
            }
            Record::Step { role, name, made, litter, undo } => {
                let Some(owned) = self.edit(role) else { return };
                for folder in made {
                    if !owned.made.contains(folder) {
                        owned.made.push(folder.clone());
                    }
                }
                let open = owned.open.get_or_insert_default();
                open.litter.extend_from_slice(litter);
                if *undo {
                    open.undo = Some(name.clone());
                }
            }
            Record::Unmade { role, folders } => {
                if let Some(owned) = self.edit(role) {
                    owned.made.retain(|made| !folders.contains(made));
                }
            }
            Record::StepDone { role, .. } => {
                if let Some(open) = self.edit(role).and_then(|owned| owned.open.as_mut()) {
                    open.undo = None;
                }
            }
            Record::Kept { id, role, run, time, kept, from, below, until, seal } => {
                let id = id.unwrap_or(self.last_backup + 1);
                self.last_backup = self.last_backup.max(id);
                if let Some(open) = self.edit(role).and_then(|owned| owned.open.as_mut()) {
                    open.undo = None;
                }
                if let (Some(from), Some(to)) = (from, &kept.path) {
                    self.each_below(|below| below.moved(from, to));
                }
                self.time = self.time.max(*time);
                self.put_aside.push(PutAside {
                    id,
                    role: role.clone(),
                    run: *run,
                    time: *time,
                    until: until_of(*until, *time),
                    kept: kept.clone(),
                    seal: seal.clone(),
                    is_going: false,
                    from: from.clone(),
                    below: below.clone(),
                    expired: None,
                });
            }
            Record::Expired { id, role, run, time } => {
                self.time = self.time.max(*time);
                self.each_backup(&Meant { id: *id, role, run: *run }, |aside| aside.expired = Some(*time));
            }
            Record::Extended { id, role, run, until } => {
                self.each_backup(&Meant { id: *id, role, run: *run }, |aside| aside.until = aside.until.max(*until));
            }
            Record::Removing { id, role, run } => {
                self.each_backup(&Meant { id: *id, role, run: *run }, |aside| aside.is_going = true);
            }
            Record::ClockBack { time } => {
                self.time = *time;
                self.backups_mut().for_each(|aside| aside.expired = None);
            }
            Record::Restored { id, role, run } => {
                // Whether Seed made what came back is not known, and in doubt it did not.
                if let Some(owned) = self.edit(role) {
                    owned.remade = false;
                }
                for aside in self.drop_backups(&Meant { id: *id, role, run: *run }) {
                    if let (Some(to), Some(from)) = (aside.from, aside.kept.path) {
                        self.each_below(|below| below.moved(&from, &to));
                    }
                }
            }
            Record::Forgotten { id, role, run } => {
                for gone in self.drop_backups(&Meant { id: *id, role, run: *run }) {
                    let Some(path) = &gone.kept.path else { continue };
                    let stays = |aside: &PutAside| {
                        !aside.below.as_ref().is_some_and(|below| below.lies_in(path)) && !aside.went_along_with(&gone)
                    };
                    self.put_aside.retain(stays);
                    self.forgotten.retain(stays);
                }
            }
            Record::Forgot { role } => self.forget(role),
            Record::Accepted => self.damage.clear(),
            Record::Moved { from, to, roles, kept } => self.take_along(&moved::Way { from, to }, roles, kept),
            Record::End { role, outcome, parts } => match outcome {
                Outcome::Present(attrs) => {
                    if let Some(owned) = self.edit(role) {
                        owned.ours = Some(attrs.clone());
                        let open = owned.open.take();
                        let makes =
                            |open: &Open| [Action::Create, Action::Replace].iter().any(|action| action.word() == open.action);
                        owned.remade |= owned.before != Observation::Absent && open.as_ref().is_some_and(makes);
                        let before = open.map(|open| open.parts);
                        let is_made = |part: &&String| {
                            owned.parts.contains(*part) || before.as_ref().is_some_and(|before| !before.contains(part))
                        };
                        owned.parts = parts.iter().filter(is_made).cloned().collect();
                    }
                }
                Outcome::Returned => drop(self.entries.remove(role)),
                // What a failure left is looked after like what an interruption left.
                Outcome::Failed(_) => {}
            },
            Record::Refused { .. } => {}
            Record::Renamed { from, to } => {
                if let Some(entry) = self.entries.remove(from) {
                    self.entries.insert(to.clone(), entry);
                }
                self.put_aside.iter_mut().filter(|aside| aside.role == *from).for_each(|aside| aside.role.clone_from(to));
                self.each_below(|below| below.renamed(from, to));
                self.rename_references(from, to);
            }
            Record::Backup { aside, forgotten } => {
                self.last_backup = self.last_backup.max(aside.id);
                let list = if *forgotten { &mut self.forgotten } else { &mut self.put_aside };
                list.push((**aside).clone());
            }
            Record::Owned { role, owned } => drop(self.entries.insert(role.clone(), Entry::Read(owned.clone()))),
        }
    }

    fn each_backup(&mut self, meant: &Meant<'_>, change: impl FnMut(&mut PutAside)) {
        self.backups_mut().filter(|aside| meant.is(aside)).for_each(change);
    }

    fn each_below(&mut self, change: impl FnMut(&mut Below)) {
        self.backups_mut().filter_map(|aside| aside.below.as_mut()).for_each(change);
    }

    /// Notes in the entries of others that a role has another name.
    fn rename_references(&mut self, from: &str, to: &str) {
        // An entry that was not read yet holds the name as JSON has it, or does not refer to it.
        let quoted = Json::from(from).to_string();
        let may_refer = |entry: &Entry| match entry {
            Entry::Raw { json, .. } => json.contains(&quoted),
            Entry::Read(_) => true,
        };
        let names: Vec<String> =
            self.entries.iter().filter(|(_, entry)| may_refer(entry)).map(|(name, _)| name.clone()).collect();
        for owned in names {
            let Some(owned) = self.edit(&owned) else { continue };
            stored::rename(&mut owned.params, &|role| (role == from).then(|| to.to_string()));
            owned.after.iter_mut().filter(|before| *before == from).for_each(|before| *before = to.to_string());
        }
    }

    /// Drops backups, and gives them.
    fn drop_backups(&mut self, meant: &Meant<'_>) -> Vec<PutAside> {
        let of_it = |aside: &PutAside| meant.is(aside);
        let (mut dropped, put_aside): (Vec<_>, _) = std::mem::take(&mut self.put_aside).into_iter().partition(of_it);
        let (others, forgotten): (Vec<_>, _) = std::mem::take(&mut self.forgotten).into_iter().partition(of_it);
        dropped.extend(others);
        (self.put_aside, self.forgotten) = (put_aside, forgotten);
        dropped
    }

    fn forget(&mut self, role: &str) {
        self.entries.remove(role);
        let (gone, stays): (Vec<_>, _) = std::mem::take(&mut self.put_aside).into_iter().partition(|aside| aside.role == role);
        self.put_aside = stays;
        self.forgotten.extend(gone);
        self.damage.retain_mut(|damage| !damage.settle(role));
    }

    fn take_along(&mut self, way: &moved::Way<'_>, roles: &[String], kept: &[PathBuf]) {
        for role in roles {
            if let Some(owned) = self.edit(role) {
                way.translate_owned(owned);
            }
        }
        self.backups_mut().for_each(|aside| way.translate_backup(&mut aside.kept, &mut aside.from, &mut aside.below, kept));
    }

    /// All that is put aside, of roles that are known and of those that were forgotten.
    pub fn backups(&self) -> impl Iterator<Item = &PutAside> {
        self.put_aside.iter().chain(&self.forgotten)
    }

    fn backups_mut(&mut self) -> impl Iterator<Item = &mut PutAside> {
        self.put_aside.iter_mut().chain(&mut self.forgotten)
    }

    /// The ledger as records, with which a new journal begins: each backup and role as it is, not how it came to be so.
    pub fn records(&self) -> Vec<Record> {
        let (last_run, time, last_backup) = (self.last_run, self.time, self.last_backup);
        let mut records = vec![Record::Base { last_run, time, last_backup }];
        for (backups, forgotten) in [(&self.put_aside, false), (&self.forgotten, true)] {
            records.extend(backups.iter().map(|aside| Record::Backup { aside: Box::new(aside.clone()), forgotten }));
        }
        let owned =
            self.entries.keys().filter_map(|role| Some(Record::Owned { role: role.clone(), owned: Box::new(self.get(role)?) }));
        records.extend(owned);
        records
    }

    /// The entries as JSON, without reading those that were not read yet.
    pub(super) fn texts(&self) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
        self.entries.values().map(|entry| match entry {
            Entry::Raw { json, .. } => (&**json).into(),
            Entry::Read(owned) => serde_json::to_string(owned).unwrap_or_default().into(),
        })
    }
}
