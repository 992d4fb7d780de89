//! The plan: what is there, what is wanted, and the actions that lead from one to the other.

pub(crate) mod decide;
mod digest;
mod json;
pub(crate) mod losses;
mod root;
mod select;
mod spare;
mod whole;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_role::attrs::{Attrs, Change, HIDDEN, Observation};
use seed_role::claim::Claim;
use seed_role::host::Host;
use seed_role::param::{Outputs, SECRET_MARK};
use seed_role::trouble::Result;
use seed_role::{Contents, Role, backup};
use seed_spec::analysis::State;

pub use self::json::damage_json;
pub use self::select::belongs_to;
use self::select::{levels, select};
use crate::identity::canonical;
use crate::journal::ledger::{Open, Owned, PutAside};
use crate::journal::{Damage, Ledger};
use crate::node::{Graph, Whole};
use crate::shelter::{self, Shelters};

/// What is done with a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed where it is.
    Change,
    /// It is removed and made anew.
    Replace,
    /// It is removed, or what it replaced is put back.
    Remove,
    /// Nothing.
    None,
    /// It cannot be told, or must not be done; the reason says which.
    Unknown,
}

impl Action {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Change => "change",
            Action::Replace => "replace",
            Action::Remove => "remove",
            Action::None => "none",
            Action::Unknown => "unknown",
        }
    }

    /// What is attempted, for an error: what is to be done is not known in advance where the plan could not look.
    pub fn verb(self) -> &'static str {
        match self {
            Action::None | Action::Unknown => "apply",
            _ => self.word(),
        }
    }
}

/// Where a role is to be led.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// To what its parameters ask for.
    Present,
    /// Back to what was there, with what was put aside of it.
    Back {
        /// What was there.
        to: Observation,
        /// What was put aside.
        kept: Option<Box<PutAside>>,
        /// Whether it is no longer Seed's afterwards.
        returned: bool,
        /// What cannot be brought back, in words.
        lost: Option<String>,
        /// Whether what stands there now took its place, and makes room for it again.
        made_anew: bool,
        /// The parameters that it had then, where it is to be made by them.
        params: Option<serde_json::Value>,
    },
    /// Nowhere: it is only looked at, for the reason given if there is one.
    Look(Option<String>),
}

/// The backup of what an action destroys or replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// A file, folder or subvolume at this path.
    At(PathBuf),
    /// In the journal: the content of a small file, or the signatures of a file system.
    InJournal,
}

impl Wish {
    /// Whether it leads back to a secret, which is compared with what is there without being shown.
    pub(crate) fn leads_to_secret(&self) -> bool {
        let Wish::Back { to: Observation::Present(past), .. } = self else { return false };
        past.0.values().any(|value| value.as_str().is_some_and(|text| text.starts_with(SECRET_MARK)))
    }
}

/// What the plan says of one role.
#[derive(Clone, Debug)]
pub struct PlannedRole {
    /// Index of its node in the graph.
    pub node: usize,
    /// Its name.
    pub role: Arc<str>,
    /// Its type as written, with the concrete one behind an arrow if it was delegated.
    pub is: String,
    /// What is done.
    pub action: Action,
    /// What data is lost by it, in words.
    pub loses: Option<String>,
    /// What differs.
    pub changes: Vec<Change>,
    /// The composite role that it is a part of.
    pub part_of: Option<Arc<str>>,
    /// The roles that come directly before it.
    pub after: Vec<Arc<str>>,
    /// Why, where that is not plain.
    pub reason: Option<String>,
    /// Whether applying must fail here: the thing differs and may not be touched, or cannot be looked at.
    pub refused: bool,
    /// Where it is led.
    pub wish: Wish,
    /// What was seen.
    pub seen: Observation,
    /// Whether its data may be destroyed without asking again, and without a backup.
    pub disposable: bool,
    /// Whether this user may not do it, and root may.
    pub needs_root: bool,
    /// Where the backup will be of what is destroyed or replaced.
    pub backup: Option<Backup>,
    /// Commands that the spec names and that will run for it.
    pub commands: Vec<Vec<String>>,
    /// The folder that those of the role itself run in, where the spec names one.
    pub folder: Option<PathBuf>,
    /// Its parameters with what other roles offer, as far as that is known; none where they use nothing of others, or it is not made by
    /// them.
    pub filled: Option<serde_json::Value>,
}

impl PlannedRole {
    /// Whether it is taken down and not built up again: then it comes before those it came after.
    pub fn goes_down(&self) -> bool {
        match (&self.wish, self.action) {
            (Wish::Back { .. }, Action::Create | Action::Replace | Action::None) | (Wish::Present | Wish::Look(_), _) => false,
            (Wish::Back { .. }, _) => true,
        }
    }

    /// Whether the action destroys data.
    pub fn destructive(&self) -> bool {
        self.loses.is_some()
    }
}

/// The ordered actions that lead from what is there to the spec.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The path of the spec.
    pub spec: String,
    /// The state asked for.
    pub state: State,
    /// Tells this plan from any other: equal for equal actions on an equal world.
    pub digest: String,
    /// Whether secrets are part of the digest, by a key that only this user has: then nobody else can confirm it.
    pub keyed: bool,
    /// What is done, in order.
    pub roles: Vec<PlannedRole>,
    /// What each node offers as things are now.
    pub now: Vec<Option<Arc<Outputs>>>,
    /// Whether root has applied the spec, and this user has not: what was made for it is not known here.
    pub kept_by_root: bool,
    /// Where the spec was when it was last applied, if it was moved since.
    pub continues: Option<PathBuf>,
    /// What is damaged of the journal.
    pub damage: Vec<Damage>,
    /// The run that it takes back, if it does.
    pub undoes: Option<u64>,
    /// How long backups that it makes are kept, in milliseconds.
    pub keep: u64,
    /// Entries of the ledger that go by another name now: from, to.
    pub renamed: Vec<(String, String)>,
    /// The composite roles, each behind the one that it is a part of.
    pub wholes: Vec<Whole>,
}

impl Plan {
    /// How many roles have an action.
    pub fn count(&self, action: Action) -> usize {
        self.roles.iter().filter(|planned| planned.action == action).count()
    }

    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.roles.iter().all(|planned| planned.action == Action::None)
    }

    /// The roles in the order of what is done: first what is taken down, the last made first, then what is built up.
    pub fn in_order(&self) -> impl Iterator<Item = &PlannedRole> {
        let down = self.roles.iter().rev().filter(|planned| planned.goes_down());
        down.chain(self.roles.iter().filter(|planned| !planned.goes_down()))
    }

    /// The roles that this user may not change, and root may.
    pub fn needs_root(&self) -> impl Iterator<Item = &PlannedRole> {
        self.roles.iter().filter(|planned| planned.needs_root)
    }

    /// The roles whose data would be destroyed and that are not disposable.
    pub fn destroys(&self) -> impl Iterator<Item = &PlannedRole> {
        self.roles.iter().filter(|planned| planned.destructive() && !planned.disposable)
    }
}

/// What to plan for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The state to lead all roles to that ask for `present`.
    pub state: State,
    /// Only these roles, with what they depend on, or for `absent` with what depends on them. Empty for all.
    pub only: Vec<String>,
    /// Whether orphans are removed.
    pub prune: bool,
    /// Wishes that take the place of the usual ones, by role: to undo. All other roles are only looked at.
    pub wishes: Option<HashMap<String, Wish>>,
    /// The run that these wishes take back.
    pub undoes: Option<u64>,
}

/// What a plan is made from.
pub struct World<'a> {
    /// The machine.
    pub host: &'a dyn Host,
    /// What Seed did before.
    pub ledger: &'a Ledger,
    /// The folder of the journal, for old contents.
    pub folder: &'a Path,
    /// The `name` of the spec.
    pub name: Option<&'a str>,
    /// How long the spec lets backups be kept, in milliseconds.
    pub keep: u64,
}

/// What planning found out about one node, for those that come after it.
struct Found {
    planned: PlannedRole,
    now: Option<Arc<Outputs>>,
    then: Option<Arc<Outputs>>,
    contents: Contents,
    /// What is mounted over what it has mounted, or over that in which it lies.
    hidden: Option<String>,
}

impl Found {
    /// The same, where nothing can be told or done about it as long as something is mounted over it.
    fn hidden_by(mut self, hidden: String, reason: String) -> Found {
        let planned = &mut self.planned;
        if planned.seen.attrs().is_none_or(|seen| seen.get(HIDDEN).is_none()) {
            planned.seen = Observation::Unknown(reason.clone());
            planned.changes = Vec::new();
        }
        if !matches!(planned.wish, Wish::Look(_)) {
            planned.action = Action::Unknown;
            planned.refused = true;
            planned.loses = None;
        }
        planned.reason = Some(reason);
        self.hidden = Some(hidden);
        self.contents = Contents::Unseen;
        self
    }
}

/// Makes the plan for a graph.
///
/// # Errors
///
/// When `only` names no role. Trouble with a single role is part of the plan: its action is unknown.
pub fn plan(graph: &Graph, world: &World<'_>, spec: &str, options: &Options) -> Result<Plan> {
    world.host.refresh();
    let selected = select(graph, options)?;
    // What is taken back is known by the names that it has in the journal.
    let renamed: Vec<(String, String)> = match options.wishes {
        Some(_) => Vec::new(),
        None => graph.moved.iter().cloned().chain(renames(graph, world.ledger)).collect(),
    };
    let mut planner = Planner { graph, world, options, renamed: &renamed, selected: &selected, anew: BTreeSet::new() };
    let mut found = planner.all();
    planner.anew = whole::to_be_kept(&planner, &found);
    if !planner.anew.is_empty() {
        found = planner.all();
    }
    let mut roles = Vec::with_capacity(found.len());
    let mut now = Vec::with_capacity(found.len());
    for one in found {
        now.push(one.as_ref().and_then(|one| one.now.clone()));
        // What others rest on is looked at, and is part of the plan only if it was asked for.
        roles.extend(one.map(|one| one.planned).filter(|planned| selected[planned.node]));
    }
    spare::what_is_wanted(graph, &mut roles);
    turn_around(graph, &mut roles);
    spare::folders_of_ours(graph, world.host, &mut roles);
    root::mark(graph, world.host, &mut roles);
    loop {
        losses::what_lies_above(graph, &mut roles);
        backups(graph, world.ledger, &mut roles);
        if !losses::not_disposable(graph, world.ledger, &mut roles) {
            break;
        }
    }
    losses::not_backed_up(graph, world.ledger, &mut roles);
    let mut plan = Plan {
        spec: spec.to_string(),
        state: options.state,
        digest: String::new(),
        keyed: false,
        roles,
        now,
        renamed,
        kept_by_root: false,
        continues: None,
        damage: world.ledger.damage.clone(),
        undoes: options.undoes,
        keep: world.keep,
        wholes: graph.wholes.clone(),
    };
    (plan.digest, plan.keyed) = digest::of(&plan, graph, world);
    Ok(plan)
}

/// What is taken down comes after those that came after it.
fn turn_around(graph: &Graph, roles: &mut [PlannedRole]) {
    if !roles.iter().any(PlannedRole::goes_down) {
        return;
    }
    let dependents = graph.dependents();
    let going: Vec<bool> = {
        let mut going = vec![false; graph.nodes.len()];
        roles.iter().for_each(|planned| going[planned.node] = planned.goes_down());
        going
    };
    for planned in roles.iter_mut().filter(|planned| planned.goes_down()) {
        let above = dependents[planned.node].iter().filter(|index| going[**index]);
        planned.after = above.map(|index| graph.nodes[*index].name.clone()).collect();
    }
}

/// Where the backups will be that the next run makes.
fn backups(graph: &Graph, ledger: &Ledger, roles: &mut [PlannedRole]) {
    let name = backup::name_of(ledger.last_run + 1);
    for planned in roles.iter_mut().filter(|planned| planned.destructive() && !planned.disposable) {
        let (Some(role), Some(seen)) = (&graph.nodes[planned.node].role, planned.seen.attrs()) else { continue };
        let as_a_whole = planned.action != Action::Change;
        if !role.backs_up() {
            continue;
        }
        planned.backup = Some(role.backup(seen, &name, as_a_whole).map_or(Backup::InJournal, Backup::At));
    }
    // Signatures fit nothing once something was made over them, unless the bytes below are in a backup themselves.
    let comes = |planned: &&PlannedRole| matches!(planned.action, Action::Create | Action::Replace);
    let overwritten: BTreeSet<usize> = roles
        .iter()
        .filter(comes)
        .flat_map(|planned| {
            let over = graph.nodes[planned.node].takes_over.iter().filter(|over| over.device).map(|over| over.from);
            over.chain((planned.action == Action::Replace).then_some(planned.node))
        })
        .collect();
    let is_moved = |planned: &&PlannedRole| matches!(planned.backup, Some(Backup::At(_))) && planned.action != Action::Change;
    let moved: BTreeSet<usize> = roles.iter().filter(is_moved).map(|planned| planned.node).collect();
    for planned in roles.iter_mut().filter(|planned| planned.backup == Some(Backup::InJournal)) {
        let lies_on_device = graph.claims(planned.node).iter().any(|claim| matches!(claim, Claim::Device(_)));
        let is_kept_below = || graph.foundations(planned.node).iter().any(|below| moved.contains(below));
        if lies_on_device && overwritten.contains(&planned.node) && !is_kept_below() {
            planned.backup = None;
            let reason = "no backup is made: another one is created over it";
            planned.reason = Some(planned.reason.take().map_or(reason.into(), |before| format!("{before}; {reason}")));
        }
    }
}

/// Runs `work` over a level, on all cores when it is long enough to be worth starting threads.
fn in_parallel<T: Send>(level: &[usize], work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    const WORTH_A_THREAD: usize = 64;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    if level.len() < WORTH_A_THREAD || cores == 1 {
        return level.iter().map(|index| work(*index)).collect();
    }
    let chunk = level.len().div_ceil(cores);
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = level
            .chunks(chunk)
            .map(|part| scope.spawn(move || part.iter().map(|index| work(*index)).collect::<Vec<T>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// Orphans of the ledger that claim just what a role of the spec claims which Seed does not know, or knows as another thing: the role was
/// renamed.
fn renames(graph: &Graph, ledger: &Ledger) -> Vec<(String, String)> {
    let claims_of = |name: &str| graph.nodes[*graph.by_name.get(name)?].role.as_ref().map(|role| role.claims());
    let claims = |index: &usize| -> Option<Vec<Claim>> {
        let claims = graph.nodes[*index].role.as_ref()?.claims().into_iter();
        claims.map(|claim| canonical(claim, &claims_of)).collect()
    };
    let is_orphan = |index: &usize| graph.nodes[*index].instance.is_none();
    let (orphans, roles): (Vec<usize>, Vec<usize>) = (0..graph.nodes.len()).partition(is_orphan);
    if orphans.is_empty() {
        return Vec::new();
    }
    let mut unknown: HashMap<_, usize> = HashMap::new();
    let is_known = |name: &str| ledger.owns(name) && !graph.moved.iter().any(|(from, _)| from == name);
    for index in roles.iter().filter(|index| !is_known(&graph.nodes[**index].name)) {
        if let Some(claims) = claims(index).filter(|claims| !claims.is_empty()) {
            unknown.insert((graph.nodes[*index].role_type.name, claims), *index);
        }
    }
    let pairs = orphans.iter().filter_map(|orphan| {
        let to = unknown.get(&(graph.nodes[*orphan].role_type.name, claims(orphan)?))?;
        Some((graph.nodes[*orphan].name.to_string(), graph.nodes[*to].name.to_string()))
    });
    pairs.collect()
}

/// What the ledger knows of a role, read when it is asked for: most roles of most plans need nothing.
pub(crate) enum Ownership<'a> {
    /// Not read yet.
    Unread { ledger: &'a Ledger, name: &'a str, read: std::cell::OnceCell<Option<Owned>> },
    /// Read.
    Read(Option<Owned>),
}

impl<'a> Ownership<'a> {
    pub(crate) fn new(ledger: &'a Ledger, name: &'a str) -> Self {
        Ownership::Unread { ledger, name, read: std::cell::OnceCell::new() }
    }

    pub(crate) fn get(&self) -> Option<&Owned> {
        match self {
            Ownership::Unread { ledger, name, read } => read.get_or_init(|| ledger.get(name)).as_ref(),
            Ownership::Read(owned) => owned.as_ref(),
        }
    }

    /// The step whose interruption must be undone before the role can be looked at.
    pub(crate) fn interrupted_in(&self) -> Option<&str> {
        if let Ownership::Unread { ledger, name, .. } = self
            && !ledger.is_open(name)
        {
            return None;
        }
        self.interruption()?.undo.as_deref()
    }

    /// The same with what was being done.
    pub(crate) fn interruption(&self) -> Option<&Open> {
        self.get()?.open.as_ref().filter(|open| open.undo.is_some())
    }
}

struct Planner<'a> {
    graph: &'a Graph,
    world: &'a World<'a>,
    options: &'a Options,
    renamed: &'a [(String, String)],
    selected: &'a [bool],
    /// Images that are made anew so that what lies in them is kept as a whole: see [`whole`].
    anew: BTreeSet<usize>,
}

impl Planner<'_> {
    /// What is found out about all nodes.
    fn all(&self) -> Vec<Option<Found>> {
        let mut found: Vec<Option<Found>> = (0..self.graph.nodes.len()).map(|_| None).collect();
        for level in levels(self.graph, self.selected) {
            let results = in_parallel(&level, |index| self.node(index, &found));
            for (index, result) in level.into_iter().zip(results) {
                found[index] = Some(result);
            }
        }
        found
    }

    fn node(&self, index: usize, found: &[Option<Found>]) -> Found {
        let one = self.look(index, found);
        let mut one = match self.hidden(index, &one, found) {
            Some((hidden, reason)) => one.hidden_by(hidden, reason),
            None => one,
        };
        let planned = &mut one.planned;
        let params = &self.graph.nodes[index].params;
        if params.dynamic && planned.wish == Wish::Present && planned.action != Action::None {
            planned.filled = Some(self.graph.filled(&params.json, &|before| found[before].as_ref()?.then.clone()));
        }
        one
    }

    /// What hides a role, and why it is not touched; see [`crate::shelter`].
    fn hidden(&self, index: usize, one: &Found, found: &[Option<Found>]) -> Option<(String, String)> {
        if let Some(hidden) = one.planned.seen.attrs().and_then(|seen| seen.text(HIDDEN)) {
            return Some((hidden.to_string(), shelter::over_it(hidden)));
        }
        for sheltered in self.graph.shelters.around(self.graph, index) {
            let Some(around) = &found[sheltered.by] else { continue };
            let name = &around.planned.role;
            if let Some(hidden) = &around.hidden {
                return Some((hidden.clone(), shelter::over_its_shelter(name, hidden)));
            }
            let planned = &around.planned;
            let is_left =
                planned.action == Action::None && planned.seen.attrs().is_some() && !self.graph.nodes[sheltered.by].gives_way;
            if is_left && self.world.host.mounts().is_ok_and(|table| !Shelters::is_mounted(&table, &sheltered)) {
                return Some((name.to_string(), shelter::not_mounted(name)));
            }
            let stays = matches!(around.planned.action, Action::None | Action::Change | Action::Remove);
            let is_there = stays && around.planned.seen.attrs().is_some();
            let table = self.world.host.mounts().ok().filter(|_| is_there)?;
            if let Some(between) = self.graph.shelters.between(&table, &sheltered) {
                return Some((between.at.display().to_string(), shelter::in_between(name, between)));
            }
        }
        None
    }

    fn look(&self, index: usize, found: &[Option<Found>]) -> Found {
        let node = &self.graph.nodes[index];
        let known_as = self.known_as(&node.name);
        let owned = match known_as == &*node.name && self.graph.moved.iter().any(|(from, _)| *from == *node.name) {
            true => Ownership::Read(None),
            false => Ownership::new(self.world.ledger, known_as),
        };
        let wish = self.wish(index, &owned);
        match self.doubt(index, known_as, &wish) {
            Some(doubt) => left_in_doubt(self.led(index, &owned, Wish::Look(Some(doubt)), found)),
            None => self.led(index, &owned, wish, found),
        }
    }

    /// Why a role is left as it is although the wish leads it somewhere: the journal is damaged.
    fn doubt(&self, index: usize, known_as: &str, wish: &Wish) -> Option<String> {
        let node = &self.graph.nodes[index];
        let may_be_ours = *wish == Wish::Look(None) && self.options.wishes.is_none();
        let counts = self.selected[index] && node.state != State::Info && (!matches!(wish, Wish::Look(_)) || may_be_ours);
        if counts { self.world.ledger.doubt(known_as) } else { None }
    }

    /// What is found where it is led as a wish says.
    fn led(&self, index: usize, owned: &Ownership<'_>, wish: Wish, found: &[Option<Found>]) -> Found {
        let node = &self.graph.nodes[index];
        let conceals = wish.leads_to_secret();
        if let Some(role) = node.role.as_ref().filter(|_| !node.params.dynamic && !conceals) {
            return self.judge(index, owned, wish, Ok(&**role), Ok(&**role), found);
        }
        let now = |before: usize| found[before].as_ref()?.now.clone();
        let then = |before: usize| found[before].as_ref()?.then.clone();
        let build = |outputs: &dyn Fn(usize) -> Option<Arc<Outputs>>| {
            let mut role = self.graph.build(index, outputs)?;
            role.conceal(conceals || node.conceals);
            Ok(role)
        };
        let now_role: Result<Box<dyn Role>> = build(&now);
        let unchanged = node.after.iter().all(|before| match (now(*before), then(*before)) {
            (Some(now), Some(then)) => Arc::ptr_eq(&now, &then),
            (None, None) => true,
            _ => false,
        });
        if unchanged {
            let role = now_role.as_deref();
            return self.judge(index, owned, wish, role, role, found);
        }
        let then_role = build(&then);
        self.judge(index, owned, wish, now_role.as_deref(), then_role.as_deref(), found)
    }

    /// The name under which the ledger knows a role: what it takes over may have had to give way to another thing of its name.
    fn known_as<'n>(&'n self, name: &'n str) -> &'n str {
        let was = |name: &'n str| self.renamed.iter().find(|(_, to)| to == name).map_or(name, |(from, _)| from);
        let before = was(name);
        if self.graph.moved.iter().any(|(_, to)| to == before) { was(before) } else { before }
    }

    fn wish(&self, index: usize, owned: &Ownership<'_>) -> Wish {
        let node = &self.graph.nodes[index];
        if !self.selected[index] {
            return Wish::Look(None);
        }
        if let Some(wishes) = &self.options.wishes {
            let is_made_anew = || {
                let is_anew = |index: &usize| self.anew.contains(index);
                owned.get().is_some() && (is_anew(&index) || self.graph.foundations(index).iter().any(is_anew))
            };
            let otherwise = || if is_made_anew() { Wish::Present } else { Wish::Look(None) };
            return wishes.get(&*node.name).cloned().unwrap_or_else(otherwise);
        }
        let orphan = node.instance.is_none();
        if orphan && self.renamed.iter().any(|(from, _)| *from == *node.name) {
            return Wish::Look(Some("has a new name in the spec".into()));
        }
        let all_absent = self.options.state == State::Absent;
        // A composite role writes what is done then.
        let led_away = all_absent && !node.literal;
        if orphan && !self.options.prune && !(all_absent && self.options.only.is_empty()) {
            return Wish::Look(Some("is no longer in the spec; --prune removes it".into()));
        }
        match (node.state, orphan || led_away) {
            (State::Info, _) if !orphan => Wish::Look(None),
            (State::Present, false) => Wish::Present,
            _ => match owned.get() {
                Some(owned) => {
                    // What was put aside first is what was there before Seed.
                    let known_as = self.known_as(&node.name);
                    let aside = self.world.ledger.put_aside.iter().find(|aside| *aside.role == *known_as && aside.is_usable());
                    Wish::Back {
                        to: owned.before.clone(),
                        kept: aside.filter(|_| owned.before.attrs().is_some()).cloned().map(Box::new),
                        returned: true,
                        lost: None,
                        // Only as a whole: signatures alone fit nothing any more once something else was made in their place.
                        made_anew: aside.is_some_and(|aside| aside.kept.path.is_some()),
                        params: None,
                    }
                }
                None => Wish::Look(None),
            },
        }
    }
}

/// What is looked at, and refused to whoever would change it.
fn left_in_doubt(mut found: Found) -> Found {
    found.planned.action = Action::Unknown;
    found.planned.refused = true;
    found.contents = Contents::Unseen;
    found
}

fn merged(seen: &Attrs, changes: &[Change]) -> Attrs {
    let mut attrs = seen.clone();
    changes.iter().for_each(|change| attrs.set(change.field.clone(), change.to.clone()));
    attrs
}

fn predicted(role: &dyn Role, action: Action, seen: &Observation, changes: &[Change]) -> Outputs {
    match (action, seen.attrs()) {
        (Action::Change, Some(attrs)) => role.outputs(Some(&merged(attrs, changes))),
        (Action::Create | Action::Replace | Action::Remove, _) | (_, None) => role.outputs(None),
        (Action::None | Action::Unknown, Some(attrs)) => role.outputs(Some(attrs)),
    }
}
