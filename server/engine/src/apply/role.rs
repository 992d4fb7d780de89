//! One half of the change of one role: looked at again, journalled, carried out step by step, verified.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use seed_role::Role;
use seed_role::attrs::{Attrs, Observation};
use seed_role::backup;
use seed_role::claim::Claim;
use seed_role::host::{FileKind, Host, temporary_of};
use seed_role::param::Outputs;
use seed_role::step::{Goal, Step, Transition};
use seed_role::trouble::{Kind, Result, Trouble};

use super::tasks::Half;
use super::{Apply, Event};
use crate::journal::below::Below;
use crate::journal::ledger::PutAside;
use crate::journal::{Outcome, Record, fingerprint, now};
use crate::plan::decide::{Known, Past};
use crate::plan::losses::{Effect, backup_is_gone, gone, require_untouched};
use crate::plan::{Action, Ownership, PlannedRole, Wish};
use crate::shelter::{self, Makers, Shelters};

/// Folders made on the way have this mode.
const FOLDER_MODE: u32 = 0o755;

/// A half that is ready to run once its records are durable.
pub(super) struct Prepared<'a> {
    planned: &'a PlannedRole,
    half: Half,
    role: Box<dyn Role>,
    steps: Vec<Step>,
    /// Folders that the first step needs and that are missing; those of later steps are looked for then.
    made: Vec<PathBuf>,
    pub records: Vec<Record>,
    /// Whether the records must be durable before it runs. Of a thing that is ours and goes for good they need not: the
    /// ledger knows it already, and what is left of it after a power failure is seen, and taken away by the same command.
    pub ahead: bool,
    /// Whether nothing was there.
    from_nothing: bool,
}

/// What must be durable before a batch counts as done.
#[derive(Default)]
pub(super) struct Durable {
    /// Paths whose file systems were written to.
    data: Vec<PathBuf>,
    /// Folders that something was removed from, and no more.
    names: Vec<PathBuf>,
}

impl Durable {
    /// Above this many folders one sync of the whole file system is cheaper.
    const MOST_FOLDERS: usize = 4;

    pub fn sync(mut self, host: &dyn Host) -> Result<()> {
        self.names.sort();
        self.names.dedup();
        if self.data.is_empty() && self.names.len() <= Self::MOST_FOLDERS {
            return if self.names.is_empty() { Ok(()) } else { host.sync_names(&self.names) };
        }
        self.data.append(&mut self.names);
        host.sync(&self.data)
    }
}

/// How a half ended.
pub(super) struct End {
    pub failure: Option<String>,
    pub outputs: Option<Outputs>,
    pub changed: bool,
    pub records: Vec<Record>,
    role: String,
}

impl End {
    pub fn failed(trouble: &Trouble) -> End {
        End { failure: Some(trouble.to_string()), outputs: None, changed: false, records: Vec::new(), role: String::new() }
    }

    pub fn fail(&mut self, trouble: &Trouble) {
        if self.failure.is_none() {
            self.failure = Some(trouble.to_string());
            self.records = vec![failed(&self.role, trouble)];
        }
    }
}

impl Apply<'_> {
    /// That nothing is mounted over what a role has mounted, nor over that in which it lies: see [`crate::shelter`]. `around` are the roles
    /// that make the mounts around it. And that these are mounted where it is written to.
    fn require_in_reach(&self, planned: &PlannedRole, half: Half, role: &dyn Role, around: &Makers) -> Result<()> {
        let refused = |reason: String| Err(Trouble::new(format!("{} {}", planned.action.verb(), planned.role), reason));
        if let Some(hidden) = role.hidden(self.host)? {
            return refused(shelter::over_it(&hidden));
        }
        for sheltered in self.graph.shelters.around(self.graph, planned.node) {
            let name = &self.graph.nodes[sheltered.by].name;
            if let Some(hidden) = around.hidden(self.host, sheltered.by)? {
                return refused(shelter::over_its_shelter(name, &hidden));
            }
            let goes = self.graph.nodes[sheltered.by].gives_way || self.planned(sheltered.by).is_some_and(PlannedRole::goes_down);
            if half == Half::Up && !goes && !Shelters::is_mounted(&self.host.mounts()?, &sheltered) {
                return refused(shelter::not_mounted(name));
            }
            if let Some(between) = self.graph.shelters.between(&self.host.mounts()?, &sheltered) {
                return refused(shelter::in_between(name, between));
            }
        }
        Ok(())
    }

    /// Looks at the role again, and finds the steps.
    pub(super) fn prepare<'p>(
        &self,
        planned: &'p PlannedRole,
        half: Half,
        role: Box<dyn Role>,
        around: &Makers,
    ) -> Result<Prepared<'p>> {
        self.require_in_reach(planned, half, &*role, around)?;
        let node = &self.graph.nodes[planned.node];
        let ownership = Ownership::Read(self.journal.with_ledger(|ledger| ledger.get(&node.name)));
        let mut records = Vec::new();
        let interrupted = ownership.interrupted_in();
        if let Some(step) = interrupted {
            role.recover(self.host, step)?;
            records.push(Record::StepDone { role: node.name.to_string(), name: step.to_string() });
        }
        let stranger = self.journal.with_ledger(|ledger| ledger.stranger());
        let known = Known { owned: &ownership, stranger, host: self.host };
        let seen = role.observe(self.host)?;
        let attempt = || format!("{} {}", planned.action.verb(), planned.role);
        if let Observation::Unknown(reason) = &seen {
            return Err(Trouble::new(attempt(), reason));
        }
        let from_nothing = seen == Observation::Absent;
        let keep_name = backup::name_of(self.journal.run);
        let may_keep = !planned.disposable && (planned.loses.is_some() || role.keeps_all());
        let keep = may_keep.then_some(keep_name.as_str());
        let (goal_attrs, kept) = match &planned.wish {
            Wish::Back { to: Observation::Unknown(reason), .. } => return Err(Trouble::new(attempt(), reason)),
            Wish::Back { .. } | Wish::Present if makes_room(planned, half) => (None, None),
            Wish::Back { to: Observation::Present(before), kept, .. } => {
                (Some(before.clone()), kept.as_ref().map(|aside| &aside.kept))
            }
            Wish::Back { to: Observation::Absent, .. } => (None, None),
            Wish::Present => (Some(known.wanted(&*role, &seen)?), None),
            Wish::Look(_) => return Err(Trouble::new(attempt(), "`state: info` changes nothing")),
        };
        if self.same(&planned.wish, half, &seen, goal_attrs.as_ref()) {
            let ahead = !records.is_empty();
            return Ok(Prepared { planned, half, role, steps: Vec::new(), made: Vec::new(), records, ahead, from_nothing });
        }
        self.confirm_unchanged(planned, half, &known, &*role, &seen, interrupted.is_some())?;
        if let Some(path) = kept.and_then(|kept| gone(self.host, kept)) {
            return Err(Trouble::new(attempt(), backup_is_gone(path)));
        }
        self.confirm_no_backup_is_lost(planned, half, &*role, from_nothing)?;
        let goal = goal_attrs.as_ref().map_or(Goal::Absent, Goal::Attrs);
        let replaced = planned.seen.attrs().filter(|_| planned.action == Action::Replace && half == Half::Up);
        let steps = role.steps(self.host, &Transition { from: &seen, to: goal, keep, replaced, kept })?;
        records.push(Record::Begin {
            role: node.name.to_string(),
            is: node.role_type.name.to_string(),
            params: node.params.json.clone(),
            was: self.journal.pack(&seen)?,
            disposable: planned.disposable,
            loses: planned.loses.clone(),
            after: node.after.iter().map(|before| self.graph.nodes[*before].name.to_string()).collect(),
            action: planned.action.word().to_string(),
            parts: seen.attrs().map(|attrs| role.parts(attrs)).unwrap_or_default(),
        });
        let goes_for_good = matches!(goal, Goal::Absent)
            && matches!(planned.wish, Wish::Back { .. })
            && !makes_room(planned, half)
            && ownership.get().is_some()
            && steps.iter().all(|step| !step.undo_when_interrupted && step.folders.is_empty() && step.litter.is_empty());
        let mut made = Vec::new();
        // The first step's intent becomes durable together with this; later ones follow as they come.
        if let Some(first) = steps.first() {
            made = self.missing(&first.folders)?;
            records.push(self.intent(&node.name, first, &made));
        }
        Ok(Prepared { planned, half, role, steps, made, records, ahead: !goes_for_good, from_nothing })
    }

    /// Whether nothing is left to do.
    fn same(&self, wish: &Wish, half: Half, seen: &Observation, goal: Option<&Attrs>) -> bool {
        match (wish, half, goal, seen) {
            (_, _, Some(goal), Observation::Present(seen)) => seen.changes(goal).is_empty(),
            (_, Half::Down, None, Observation::Absent) => true,
            // What was there before Seed and is gone now is not made again, unless it was put aside.
            (Wish::Back { kept: None, returned: true, .. }, Half::Down, Some(_), Observation::Absent) => true,
            _ => false,
        }
    }

    /// What was confirmed is what runs: the world may not have changed since the plan. What an interrupted step left could not be seen
    /// then.
    fn confirm_unchanged(
        &self,
        planned: &PlannedRole,
        half: Half,
        known: &Known<'_>,
        role: &dyn Role,
        seen: &Observation,
        was_interrupted: bool,
    ) -> Result<()> {
        let verdict = match (&planned.wish, half) {
            (Wish::Present, Half::Up) => known.towards_present(role, seen),
            (Wish::Back { to, kept, returned, made_anew, .. }, half) if !makes_room(planned, half) => known.towards_past(
                role,
                seen,
                &Past { to, kept: kept.as_ref().map(|aside| &aside.kept), returned: *returned, made_anew: *made_anew },
            ),
            (Wish::Present | Wish::Back { .. }, Half::Down) => {
                let new_loss = seen.attrs().filter(|_| planned.loses.is_none() && !planned.disposable);
                let loses = new_loss.and_then(|attrs| known.loses(role, attrs));
                return match loses {
                    Some(loses) => {
                        Err(Trouble::new(format!("replace {}", planned.role), format!("it would now destroy {loses}"))
                            .hint("review the new plan and apply again"))
                    }
                    None => Ok(()),
                };
            }
            (Wish::Look(_) | Wish::Back { .. }, _) => return Ok(()),
        };
        let attempt = || format!("{} {}", planned.action.verb(), planned.role);
        if verdict.refused {
            return Err(Trouble::new(attempt(), verdict.reason.unwrap_or_default()));
        }
        if let (Some(confirmed), Some(seen)) = (planned.seen.attrs(), seen.attrs())
            && verdict.action != Action::None
            && !role.is_as_confirmed(confirmed, seen)
        {
            return Err(Trouble::new(attempt(), "it changed since the plan was made")
                .hint("it was left unchanged; review the new plan and apply again"));
        }
        let harmless = verdict.loses.is_none() || planned.loses.is_some() || planned.disposable;
        let expected = match planned.action {
            Action::Unknown => harmless,
            Action::Replace => matches!(verdict.action, Action::Create),
            Action::Create | Action::Change | Action::Remove if was_interrupted => harmless && verdict.action != Action::Replace,
            action => action == verdict.action && harmless,
        };
        if expected || verdict.action == Action::None {
            return Ok(());
        }
        let came_back =
            format!("the machine has changed since the plan was made: it would now have to {} it", verdict.action.word());
        Err(Trouble::new(attempt(), came_back).hint("review the new plan and apply again"))
    }

    /// That what is about to be done takes no backup away that was not spoken of.
    fn confirm_no_backup_is_lost(&self, planned: &PlannedRole, half: Half, role: &dyn Role, from_nothing: bool) -> Result<()> {
        let removes = takes_away(planned, half) && !from_nothing;
        let claims = role.claims();
        let lost = self.journal.with_ledger(|ledger| match (planned.disposable, &planned.loses) {
            (true, _) => ledger.backups_inside(&claims).next().filter(|_| removes).map(PutAside::words),
            (false, Some(_)) => None,
            (false, None) => {
                let effect = Effect { makes: half == Half::Up && from_nothing, removes };
                effect.loses(ledger, &claims, &planned.wish)
            }
        });
        lost.map_or(Ok(()), |lost| {
            let attempt = format!("{} {}", planned.action.verb(), planned.role);
            Err(Trouble::new(attempt, format!("it would now destroy {lost}")).hint("review the new plan and apply again"))
        })
    }

    /// The backups that have become useless: something else was made where the rest of them lay, or it is gone.
    fn useless(&self, planned: &PlannedRole, half: Half, role: &dyn Role, from_nothing: bool) -> Vec<Record> {
        // Where nothing was, nothing of them was left either.
        let effect = Effect { makes: half == Half::Up && from_nothing, removes: takes_away(planned, half) || from_nothing };
        self.journal.with_ledger(|ledger| {
            let claims = role.claims();
            let useless = effect.on(ledger, &claims, &planned.wish);
            let gone = ledger.backups_inside(&claims).filter(|_| takes_away(planned, half) && !role.backs_up());
            let forgotten = |aside: &PutAside| Record::Forgotten { id: Some(aside.id), role: aside.role.clone(), run: aside.run };
            useless.chain(gone).map(forgotten).collect()
        })
    }

    /// Where the rest of something lies of which a part was put aside.
    fn below(&self, node: usize, role: &dyn Role) -> Below {
        let devices =
            role.claims().into_iter().filter_map(|claim| if let Claim::Device(device) = claim { Some(device) } else { None });
        let files = self.graph.foundations(node).into_iter().flat_map(|below| paths(self.graph.claims(below)));
        Below::new(devices.collect(), files)
    }

    /// Runs the steps, and looks whether they led where they should.
    pub(super) fn carry_out(&self, ready: Prepared<'_>, around: &Makers, durable: &mut Durable) -> End {
        let Prepared { planned, half, mut role, steps, made, from_nothing, .. } = ready;
        let name = planned.role.to_string();
        let changed = !steps.is_empty();
        let in_reach = || {
            self.require_in_reach(planned, half, &*role, around)?;
            match &planned.wish {
                // Right before each step: what lies there may have been exchanged since the plan.
                Wish::Back { kept: Some(aside), .. } if !makes_room(planned, half) => require_untouched(self.host, aside),
                _ => Ok(()),
            }
        };
        let restored =
            self.run_steps(planned, &*role, steps, made, durable, &in_reach).and_then(|()| self.clear_restored(planned, half));
        let outcome = restored.and_then(|()| {
            if planned.wish == Wish::Present && half == Half::Up {
                // A secret that these parameters do not hold has been replaced.
                role.conceal(false);
            }
            self.verify(planned, half, &*role)
        });
        match outcome {
            Ok((outputs, outcome)) => {
                let parts = if let Some(Outcome::Present(attrs)) = &outcome { role.parts(attrs) } else { Vec::new() };
                let mut records: Vec<Record> = Vec::new();
                if !makes_room(planned, half) {
                    match self.remove_left_folders(planned) {
                        Ok(folders) if folders.is_empty() => {}
                        Ok(folders) => records.push(Record::Unmade { role: name.clone(), folders }),
                        Err(trouble) => return self.failed(name, changed, &trouble),
                    }
                }
                records.extend(outcome.map(|outcome| Record::End { role: name.clone(), outcome, parts }));
                if let Wish::Back { kept: Some(aside), .. } = &planned.wish
                    && !makes_room(planned, half)
                {
                    records.push(Record::Restored { id: Some(aside.id), role: name.clone(), run: aside.run });
                }
                records.extend(self.useless(planned, half, &*role, from_nothing));
                End { failure: None, outputs, changed, records, role: name }
            }
            Err(trouble) => self.failed(name, changed, &trouble),
        }
    }

    fn failed(&self, role: String, changed: bool, trouble: &Trouble) -> End {
        let failed = changed.then(|| failed(&role, trouble));
        End { failure: Some(trouble.to_string()), outputs: None, changed: false, records: failed.into_iter().collect(), role }
    }

    /// Removes what an interruption may have left of a backup that was restored.
    fn clear_restored(&self, planned: &PlannedRole, half: Half) -> Result<()> {
        match &planned.wish {
            Wish::Back { kept: Some(aside), .. } if !makes_room(planned, half) => {
                aside.kept.path.as_ref().map_or(Ok(()), |place| backup::clear(self.host, place))
            }
            _ => Ok(()),
        }
    }

    fn run_steps(
        &self,
        planned: &PlannedRole,
        role: &dyn Role,
        steps: Vec<Step>,
        made: Vec<PathBuf>,
        durable: &mut Durable,
        in_reach: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        let mut first = Some(made);
        for step in steps {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Trouble::new(&step.name, "the run was interrupted")
                    .kind(Kind::Interrupted)
                    .hint("run the same command again"));
            }
            let made = match first.take() {
                Some(made) => made,
                None => {
                    let made = self.missing(&step.folders)?;
                    let must_survive = step.undo_when_interrupted || !made.is_empty() || !step.litter.is_empty();
                    self.journal.write(&[self.intent(&planned.role, &step, &made)], must_survive)?;
                    made
                }
            };
            self.report_step(planned, &step.name);
            in_reach()?;
            for folder in &made {
                self.host.make_folder(folder, FOLDER_MODE)?;
            }
            durable.data.extend(step.durable.iter().cloned());
            durable.names.extend(step.thinned.iter().cloned());
            let (undo, step_name) = (step.undo_when_interrupted, step.name.clone());
            let kept = (step.run)(self.host)?;
            let name = planned.role.to_string();
            // One record ends the step and tells of the backup: no power failure falls between the two.
            let ended = match kept {
                Some(kept) => {
                    let from = kept.path.as_ref().filter(|_| kept.data.is_none()).and_then(|_| paths(role.claims()).next());
                    let below = kept.path.is_none().then(|| self.below(planned.node, role));
                    // Without it the backup stays for good, which loses nothing.
                    let seal = kept.path.as_deref().and_then(|path| self.host.seal(path).ok().flatten());
                    let time = now();
                    let until = Some(time.saturating_add(self.plan.keep / 1000));
                    let id = Some(self.journal.number_backup());
                    Record::Kept { id, role: name, run: self.journal.run, time, kept, from, below, until, seal }
                }
                None if undo => Record::StepDone { role: name, name: step_name },
                None => continue,
            };
            self.journal.write(&[ended], true)?;
        }
        Ok(())
    }

    /// What is written down before a step. Where another user can exchange it, a folder is made under its temporary name.
    fn intent(&self, role: &str, step: &Step, made: &[PathBuf]) -> Record {
        let beside = made.iter().filter(|folder| self.host.others_can_replace(folder).unwrap_or(true));
        Record::Step {
            role: role.to_string(),
            name: step.name.clone(),
            made: made.to_vec(),
            litter: step.litter.iter().cloned().chain(beside.map(|folder| temporary_of(folder))).collect(),
            undo: step.undo_when_interrupted,
        }
    }

    fn report_step(&self, planned: &PlannedRole, message: &str) {
        (self.report)(&Event::Progress { role: planned.role.to_string(), action: planned.action, message: message.to_string() });
    }

    /// Looks at the role once more. What it offers now, and what the ledger is to know of it.
    fn verify(&self, planned: &PlannedRole, half: Half, role: &dyn Role) -> Result<(Option<Outputs>, Option<Outcome>)> {
        let seen = role.observe(self.host)?;
        let attempt = || format!("{} {}", planned.action.verb(), planned.role);
        let name = &*planned.role;
        let is_known = self.journal.with_ledger(|ledger| ledger.owns(name));
        match (&planned.wish, half) {
            (Wish::Present | Wish::Back { .. }, Half::Down) if makes_room(planned, half) => match seen {
                Observation::Absent => Ok((Some(role.outputs(None)), None)),
                _ => Err(Trouble::new(attempt(), "it still exists after it was removed")),
            },
            (Wish::Back { to, returned, .. }, _) => {
                let differs = match (&seen, to) {
                    (Observation::Unknown(reason), _) | (_, Observation::Unknown(reason)) => Some(reason.clone()),
                    (Observation::Present(_), Observation::Absent) => Some("it still exists".to_string()),
                    (Observation::Absent, Observation::Present(_)) if half == Half::Up => Some("it does not exist".to_string()),
                    (Observation::Present(seen), Observation::Present(before)) => fields(&seen.changes(before)),
                    _ => None,
                };
                if let Some(fields) = differs {
                    return Err(Trouble::new(attempt(), format!("it differs from its previous state: {fields}")));
                }
                let outputs = Some(role.outputs(seen.attrs()));
                let outcome = match seen.attrs() {
                    Some(attrs) if !returned => Outcome::Present(fingerprint(attrs)),
                    _ => Outcome::Returned,
                };
                Ok((outputs, is_known.then_some(outcome)))
            }
            _ => {
                let Observation::Present(attrs) = &seen else {
                    let reason = if let Observation::Unknown(reason) = &seen { reason } else { "it does not exist afterwards" };
                    return Err(Trouble::new(attempt(), reason));
                };
                if let Some(fields) = fields(&attrs.changes(&role.wanted(self.host)?)) {
                    return Err(Trouble::new(attempt(), format!("it still differs afterwards: {fields}")));
                }
                let outcome = is_known.then(|| Outcome::Present(fingerprint(attrs)));
                Ok((Some(role.outputs(Some(attrs))), outcome))
            }
        }
    }

    /// Removes the folders that were made for a role and are empty now: it is gone, or has another place. Those in which others have their
    /// places stay. Gives those that are gone.
    fn remove_left_folders(&self, planned: &PlannedRole) -> Result<Vec<PathBuf>> {
        let made = self.journal.with_ledger(|ledger| ledger.get(&planned.role).map(|owned| owned.made).unwrap_or_default());
        let mut removed = Vec::new();
        for folder in made.iter().rev() {
            let there = self.host.metadata(folder);
            if matches!(there, Ok(None)) {
                removed.push(folder.clone());
                continue;
            }
            let empty = matches!(there, Ok(Some(metadata)) if metadata.kind == FileKind::Directory)
                && self.host.list(folder).is_ok_and(|names| names.is_empty());
            if !empty || self.is_place_of_another(planned, folder) {
                continue;
            }
            match self.host.remove_folder(folder) {
                // Something is mounted on it.
                Err(trouble) if trouble.kind == Kind::Busy => {}
                other => {
                    other?;
                    removed.push(folder.clone());
                }
            }
        }
        Ok(removed)
    }

    /// Whether another role is about to have its place in a folder.
    fn is_place_of_another(&self, planned: &PlannedRole, folder: &Path) -> bool {
        let comes = self.plan.roles.iter().filter(|other| {
            other.node != planned.node && other.wish != Wish::Look(None) && !other.goes_down() && other.action != Action::None
        });
        comes.flat_map(|other| self.graph.claims(other.node)).any(|claim| match claim {
            Claim::Path(path) | Claim::Part(path, _) | Claim::Mount(path) => path.starts_with(folder),
            _ => false,
        })
    }

    /// The folders among these, and above them, that are not there, outermost first. With them those that were made for
    /// another role: they go with the last role that lies in them.
    fn missing(&self, folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let mut missing: Vec<PathBuf> = Vec::new();
        for folder in folders {
            let mut absent: Vec<&Path> = Vec::new();
            for above in folder.ancestors() {
                if above.as_os_str().is_empty() || missing.iter().any(|known| known == above) {
                    break;
                }
                if let Some(there) = self.host.metadata(above)? {
                    if !self.journal.has_made(above) {
                        break;
                    }
                    let around = above.parent().map(|parent| self.host.metadata(parent)).transpose()?.flatten();
                    if around.is_some_and(|around| around.device != there.device) {
                        break;
                    }
                }
                absent.push(above);
            }
            missing.extend(absent.into_iter().rev().map(Path::to_path_buf));
        }
        Ok(missing)
    }
}

/// That the change of a role has failed.
fn failed(role: &str, trouble: &Trouble) -> Record {
    Record::End { role: role.to_string(), outcome: Outcome::Failed(trouble.to_string()), parts: Vec::new() }
}

/// Whether nothing is to be there once this half has ended.
fn takes_away(planned: &PlannedRole, half: Half) -> bool {
    half == Half::Down && (makes_room(planned, half) || matches!(planned.wish, Wish::Back { to: Observation::Absent, .. }))
}

fn paths(claims: Vec<Claim>) -> impl Iterator<Item = PathBuf> {
    claims.into_iter().filter_map(|claim| if let Claim::Path(path) = claim { Some(path) } else { None })
}

/// Whether this half takes away what is there for something to be made in its place.
fn makes_room(planned: &PlannedRole, half: Half) -> bool {
    planned.action == Action::Replace && half == Half::Down
}

fn fields(changes: &[seed_role::attrs::Change]) -> Option<String> {
    if changes.is_empty() {
        return None;
    }
    let words = changes.iter().map(|change| format!("{} is {}, wanted {}", change.field, brief(&change.from), brief(&change.to)));
    Some(words.collect::<Vec<_>>().join("; "))
}

/// A value in a message: long ones are cut.
fn brief(value: &serde_json::Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= LONGEST { text } else { format!("{}…", text.chars().take(LONGEST).collect::<String>()) }
}
