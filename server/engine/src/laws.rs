//! The laws that every role keeps, tried on a simulated machine: `seed laws`, and the property tests of every role type.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use seed_role::host::sim::{SimHost, SimState, When};
use seed_role::trouble::{Result, Trouble};
use seed_spec::State;
use serde::Serialize;

use crate::apply::{Apply, Event, Summary};
use crate::journal::{self, Journal};
use crate::node::Graph;
use crate::plan::{Action, Options, Plan};
use crate::project::{DiskLoader, Project};

/// A law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// After `present`, a plan for `present` is empty; the same for `absent`.
    Idempotence,
    /// `present`, then `absent`, leaves the machine as it was.
    ReturnToTheSeed,
    /// After `present`, `info` says what the spec says, and what it writes as a spec has an empty plan.
    FaithfulInfo,
    /// The plan of a spec is the plans of its parts put together, and nothing has an empty plan.
    Functor,
    /// The order of the roles in the file changes nothing.
    Order,
    /// What the plan says is what apply does.
    HonestPlan,
    /// Stopped at any point and run again, the end is the same as without the stop, and nothing leaks.
    Interruption,
}

impl Law {
    /// All of them, in their order.
    pub const ALL: [Law; 7] =
        [Law::Idempotence, Law::ReturnToTheSeed, Law::FaithfulInfo, Law::Functor, Law::Order, Law::HonestPlan, Law::Interruption];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Law::Idempotence => "idempotence",
            Law::ReturnToTheSeed => "return to the seed",
            Law::FaithfulInfo => "faithful info",
            Law::Functor => "functor",
            Law::Order => "order",
            Law::HonestPlan => "honest plan",
            Law::Interruption => "interruption",
        }
    }
}

/// Whether a law holds for a spec.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The law.
    pub law: Law,
    /// Whether it holds.
    pub holds: bool,
    /// How many cases were tried.
    pub cases: usize,
    /// How it was broken.
    pub broken: Option<String>,
}

/// A spec whose laws are tried.
pub struct Laws<'a> {
    /// The path it counts as.
    pub path: &'a Path,
    /// Its text.
    pub text: &'a str,
    /// The machine to begin with; each case gets a copy.
    pub world: &'a SimHost,
    /// A run is stopped at each so-many-th change that it makes to the machine; 1 tries them all.
    pub stride: u64,
}

/// What came of an apply.
struct Applied {
    plan: Plan,
    done: BTreeMap<String, Action>,
    summary: Summary,
}

/// A machine and the journal of what was done to it.
struct Trial<'a> {
    laws: &'a Laws<'a>,
    host: SimHost,
    state: tempfile::TempDir,
}

impl<'a> Trial<'a> {
    fn new(laws: &'a Laws<'a>) -> Result<Self> {
        let state = journal_folder().map_err(|error| Trouble::from_io("make a folder for the journal of the trial", &error))?;
        Ok(Trial { laws, host: laws.world.clone(), state })
    }

    fn project(&self, text: &str, asked: State) -> Result<Project> {
        let project = Project::new(self.laws.path, text, &DiskLoader, &self.host, self.state.path());
        let project = project.map_err(|analysis| {
            let first = analysis.diagnostics.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default();
            Trouble::new("try the laws", format!("the spec has mistakes: {first}"))
        })?;
        let mut project = project.asked_for(asked, &self.host).without_commands(&self.host);
        keep_nothing(&mut project.graph);
        Ok(project)
    }

    fn plan(&self, state: State) -> Result<Plan> {
        self.plan_of(self.laws.text, &Options { state, ..Options::default() })
    }

    fn plan_of(&self, text: &str, options: &Options) -> Result<Plan> {
        let project = self.project(text, options.state)?;
        let ledger = journal::read(&project.folder)?;
        project.with_orphans(&ledger, &self.host).plan(&self.host, &ledger, options)
    }

    /// Applies, and is stopped on the way.
    fn stopped_at(&self, point: Point, state: State) {
        self.host.stop_after(point.change, point.when);
        // It is meant to fail.
        let _ = self.apply(state);
        self.host.resume();
    }

    fn apply(&self, state: State) -> Result<Applied> {
        let project = self.project(self.laws.text, state)?;
        let journal = Journal::open(&project.folder)?;
        let ledger = journal.ledger();
        let project = project.with_orphans(&ledger, &self.host);
        let plan = project.plan(&self.host, &ledger, &Options { state, ..Options::default() })?;
        let done = Mutex::new(BTreeMap::new());
        let failures = Mutex::new(Vec::new());
        let report = |event: &Event| match event {
            Event::Done { role, action, .. } => drop(lock(&done).insert(role.clone(), *action)),
            Event::Failed { role, message, .. } => lock(&failures).push(format!("{role}: {message}")),
            _ => {}
        };
        let apply = Apply {
            graph: &project.graph,
            plan: &plan,
            host: &self.host,
            journal: &journal,
            command: "laws",
            jobs: 1,
            stop: &AtomicBool::new(false),
            report: &report,
        };
        let summary = if Apply::is_idle(&project.graph, &plan, &journal) { Summary::default() } else { apply.run()? };
        let failures = std::mem::take(&mut *lock(&failures));
        if !failures.is_empty() {
            return Err(Trouble::new("apply the spec", failures.join("; ")));
        }
        let done = std::mem::take(&mut *lock(&done));
        Ok(Applied { plan, done, summary })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn actions(plan: &Plan) -> BTreeMap<String, Action> {
    let acting = plan.roles.iter().filter(|planned| planned.action != Action::None);
    acting.map(|planned| (planned.role.to_string(), planned.action)).collect()
}

/// Fails with words unless a condition holds.
fn ensure(condition: bool, words: impl FnOnce() -> String) -> Result<()> {
    if condition { Ok(()) } else { Err(Trouble::new("keep the law", words())) }
}

impl Laws<'_> {
    /// The roles that are left out: they run programs, and a simulated machine has only those that role types need; or they come after
    /// such a role.
    ///
    /// # Errors
    ///
    /// When the spec has mistakes.
    pub fn left_out(&self) -> Result<Vec<String>> {
        let project = Trial::new(self)?.project(self.text, State::Present)?;
        Ok(project.left_out.iter().map(|name| name.to_string()).collect())
    }

    /// Tries all laws.
    pub fn try_all(&self) -> Vec<Verdict> {
        Law::ALL.iter().map(|law| self.attempt(*law)).collect()
    }

    /// Tries one.
    pub fn attempt(&self, law: Law) -> Verdict {
        let tried = match law {
            Law::Idempotence => self.idempotence(),
            Law::ReturnToTheSeed => self.return_to_the_seed(),
            Law::FaithfulInfo => self.faithful_info(),
            Law::Functor => self.functor(),
            Law::Order => self.order(),
            Law::HonestPlan => self.honest_plan(),
            Law::Interruption => self.interruption(),
        };
        match tried {
            Ok(cases) => Verdict { law, holds: true, cases, broken: None },
            Err(trouble) => Verdict { law, holds: false, cases: 0, broken: Some(trouble.came_back) },
        }
    }

    fn idempotence(&self) -> Result<usize> {
        let trial = Trial::new(self)?;
        for state in [State::Present, State::Absent] {
            trial.apply(state)?;
            let again = trial.plan(state)?;
            ensure(again.is_empty(), || format!("after {state:?}, the plan still has {:?}", actions(&again)))?;
            let applied = trial.apply(state)?;
            ensure(applied.summary.changed == 0, || format!("a second {state:?} changed {:?}", applied.done))?;
        }
        Ok(2)
    }

    fn return_to_the_seed(&self) -> Result<usize> {
        let trial = Trial::new(self)?;
        let before = trial.host.state();
        trial.apply(State::Present)?;
        trial.apply(State::Absent)?;
        same(&before, &trial.host, || "the machine is not as it was".into())?;
        Ok(1)
    }

    fn faithful_info(&self) -> Result<usize> {
        let trial = Trial::new(self)?;
        trial.apply(State::Present)?;
        let plan = trial.plan(State::Present)?;
        ensure(crate::info::is_as_the_spec_says(&plan), || format!("info differs: {:?}", actions(&plan)))?;
        let project = trial.project(self.text, State::Present)?;
        let text = crate::info::as_spec(&project, &plan).map_err(|error| Trouble::new("write a spec", error.to_string()))?;
        let plan = trial.plan_of(&text, &Options::default())?;
        ensure(plan.is_empty(), || format!("the spec that info writes has a plan: {:?}", actions(&plan)))?;
        Ok(2)
    }

    fn functor(&self) -> Result<usize> {
        let trial = Trial::new(self)?;
        let empty = trial.plan_of("seed: 1\nname: empty\nroles: {}\n", &Options::default())?;
        ensure(empty.is_empty(), || "an empty spec has a plan".into())?;
        let whole = trial.plan(State::Present)?;
        for planned in &whole.roles {
            let part = trial.plan_of(self.text, &Options { only: vec![planned.role.to_string()], ..Options::default() })?;
            let alone = part.roles.iter().find(|one| one.role == planned.role).map(|one| (one.action, &one.changes));
            let same = alone == Some((planned.action, &planned.changes));
            ensure(same, || format!("the plan of {} alone differs from its part in the whole", planned.role))?;
        }
        let wholes = trial.project(self.text, State::Present)?.graph.wholes;
        for composite in &wholes {
            let alone = trial.plan_of(self.text, &Options { only: vec![composite.name.to_string()], ..Options::default() })?;
            for part in whole.roles.iter().filter(|part| crate::plan::belongs_to(&part.role, &composite.name)) {
                let same = alone.roles.iter().find(|one| one.role == part.role);
                let same = same.is_some_and(|one| (one.action, &one.changes) == (part.action, &part.changes));
                ensure(same, || format!("the plan of {} does not hold that of its part {}", composite.name, part.role))?;
            }
        }
        Ok(1 + whole.roles.len() + wholes.len())
    }

    fn order(&self) -> Result<usize> {
        let trial = Trial::new(self)?;
        let plan = trial.plan(State::Present)?;
        let mut project = trial.project(self.text, State::Present)?;
        let ledger = journal::read(&project.folder)?;
        let cases = project.drafts(State::Present, &trial.host).len();
        for turn in 0..cases {
            let mut drafts = project.drafts(State::Present, &trial.host);
            drafts.rotate_left(turn);
            drafts.reverse();
            project.graph = Graph::new(drafts);
            keep_nothing(&mut project.graph);
            let turned = project.plan(&trial.host, &ledger, &Options::default())?;
            ensure(turned.digest == plan.digest, || "with the roles in another order the plan differs".into())?;
        }
        Ok(cases)
    }

    fn honest_plan(&self) -> Result<usize> {
        let trial = Trial::new(self)?;
        let mut cases = 0;
        for state in [State::Present, State::Present, State::Absent, State::Absent] {
            honest(&trial.apply(state)?)?;
            cases += 1;
        }
        // From anything: from where a stop left it.
        for point in self.points(State::Present)? {
            let trial = Trial::new(self)?;
            trial.stopped_at(point, State::Present);
            honest(&trial.apply(State::Present)?)?;
            cases += 1;
        }
        Ok(cases)
    }

    fn interruption(&self) -> Result<usize> {
        let reference = Trial::new(self)?;
        let before = reference.host.state();
        reference.apply(State::Present)?;
        let after = reference.host.state();
        let mut cases = 0;
        for point in self.points(State::Present)? {
            let trial = Trial::new(self)?;
            trial.stopped_at(point, State::Present);
            let resumed = Trial { laws: self, host: trial.host.clone(), state: copied(trial.state.path())? };
            resumed.apply(State::Present)?;
            same(&after, &resumed.host, || format!("stopped {point} and run again, the end differs"))?;
            resumed.apply(State::Absent)?;
            same(&before, &resumed.host, || format!("stopped {point}, run again and undone, the machine is not as it was"))?;
            trial.apply(State::Absent)?;
            same(&before, &trial.host, || format!("stopped {point} and undone, the machine is not as it was"))?;
            cases += 3;
        }
        for point in self.points(State::Absent)? {
            let trial = Trial::new(self)?;
            trial.apply(State::Present)?;
            trial.stopped_at(point, State::Absent);
            trial.apply(State::Absent)?;
            same(&before, &trial.host, || format!("stopped {point} of absent and run again, the machine is not as it was"))?;
            cases += 1;
        }
        Ok(cases)
    }

    /// The points at which a run is stopped: before, in the midst of and after each change it makes to the machine, by
    /// strides.
    fn points(&self, state: State) -> Result<Vec<Point>> {
        let trial = Trial::new(self)?;
        if state == State::Absent {
            trial.apply(State::Present)?;
        }
        trial.host.reset_calls();
        trial.apply(state)?;
        let changes = (1..=trial.host.calls().changes).step_by(usize::try_from(self.stride.max(1)).unwrap_or(usize::MAX));
        let moments = [When::Before, When::Midway, When::After];
        Ok(changes.flat_map(|change| moments.map(|when| Point { change, when })).collect())
    }
}

/// Where a run is stopped.
#[derive(Clone, Copy, Debug)]
struct Point {
    change: u64,
    when: When,
}

impl std::fmt::Display for Point {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let moment = match self.when {
            When::Before => "before",
            When::Midway => "in the midst of",
            When::After => "after",
        };
        write!(formatter, "{moment} change {}", self.change)
    }
}

/// What is put aside for a while would be a difference that is meant.
fn keep_nothing(graph: &mut Graph) {
    graph.nodes.iter_mut().for_each(|node| node.disposable = true);
}

fn honest(applied: &Applied) -> Result<()> {
    let planned = actions(&applied.plan);
    let done: BTreeMap<String, Action> = applied
        .done
        .iter()
        .filter(|(_, action)| **action != Action::None)
        .map(|(role, action)| (role.clone(), *action))
        .collect();
    // What the plan could not tell may have turned out to need nothing.
    let foretold: BTreeMap<String, Action> =
        planned.into_iter().filter(|(role, action)| *action != Action::Unknown || done.contains_key(role)).collect();
    ensure(foretold == done, || format!("the plan said {foretold:?}, and apply did {done:?}"))
}

fn same(wanted: &SimState, host: &SimHost, words: impl FnOnce() -> String) -> Result<()> {
    let difference = but_for_chance(wanted.diff(&host.state()));
    ensure(difference.is_empty(), || format!("{}: {}", words(), difference.join("; ")))
}

/// Differences without those that chance makes: the UUIDs that mkfs and partition tables draw, and with them the bytes of
/// the images they stand in. What lies in a file system is compared by itself.
fn but_for_chance(differences: Vec<String>) -> Vec<String> {
    let masked: Vec<String> = differences.iter().map(|line| without_chance(line)).collect();
    let has = |sign: &str, rest: &str| masked.iter().any(|line| line.strip_prefix(sign) == Some(rest));
    let stays = |line: &str| match line.split_at(line.len().min(2)) {
        ("- ", rest) => !has("+ ", rest),
        ("+ ", rest) => !has("- ", rest),
        (_, rest) => match rest.split_once(": ").and_then(|(_, change)| change.split_once(" → ")) {
            Some((from, to)) => from != to,
            None => true,
        },
    };
    let kept = differences.iter().zip(&masked).filter(|(_, line)| stays(line)).map(|(line, _)| line.clone());
    kept.collect()
}

/// A line with each UUID, and the content hash of each image, as `…`.
fn without_chance(line: &str) -> String {
    const IMAGE: &str = ".img";
    let mut words = Vec::new();
    let is_image = line.split(": ").next().is_some_and(|path| path.contains(IMAGE) || path.contains(".qcow2"));
    let mut after_content = false;
    for word in line.split(' ') {
        let bare = word.trim_matches(|one: char| !one.is_ascii_alphanumeric());
        let is_uuid = bare.len() == 36 && bare.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        words.push(if is_uuid || (is_image && after_content) { "…" } else { word });
        after_content = word == "content";
    }
    words.join(" ")
}

/// A folder for a journal that need not outlive the process: in memory where it can be, since a journal is synced often.
fn journal_folder() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("seed-laws-");
    builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir())
}

/// A copy of the journal's folder, to go on from the same point twice.
fn copied(from: &Path) -> Result<tempfile::TempDir> {
    let to = journal_folder();
    let copy = || -> std::io::Result<tempfile::TempDir> {
        let to = to?;
        copy_folder(from, to.path())?;
        Ok(to)
    };
    copy().map_err(|error| Trouble::from_io("copy the journal of the trial", &error))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    let mut open: Vec<(PathBuf, PathBuf)> = vec![(from.to_path_buf(), to.to_path_buf())];
    while let Some((from, to)) = open.pop() {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                std::fs::create_dir(&target)?;
                open.push((entry.path(), target));
            } else {
                std::fs::copy(entry.path(), target)?;
            }
        }
    }
    Ok(())
}
