//! What is done with one role.

use std::sync::Arc;

use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::step::Kept;
use seed_role::trouble::Trouble;
use seed_role::{Contents, Mend, Role, Way};

use super::losses::{Effect, backup_is_gone, gone, lies_in_backup, require_untouched};
use super::{Action, Found, Ownership, PlannedRole, Planner, Wish, predicted};
use crate::journal::ledger::{NOT_MADE, Owned, PutAside};
use crate::journal::{recall, unpack};
use crate::node::TakesOver;
use crate::stored;

/// An action and what goes with it.
pub(crate) struct Verdict {
    pub action: Action,
    pub changes: Vec<Change>,
    pub loses: Option<String>,
    pub reason: Option<String>,
    pub refused: bool,
}

impl Verdict {
    fn plain(action: Action) -> Self {
        Verdict { action, changes: Vec::new(), loses: None, reason: None, refused: false }
    }

    fn because(action: Action, reason: impl Into<String>) -> Self {
        Verdict { reason: Some(reason.into()), ..Verdict::plain(action) }
    }

    fn refused(reason: impl Into<String>) -> Self {
        Verdict { refused: true, ..Verdict::because(Action::Unknown, reason) }
    }
}

/// What is known of a role besides what is seen.
pub(crate) struct Known<'a> {
    pub owned: &'a Ownership<'a>,
    /// What the thing is to Seed if it has no entry, in words.
    pub stranger: String,
    pub host: &'a dyn seed_role::host::Host,
}

/// What there is of the way back; see [`Wish::Back`].
pub(crate) struct Past<'a> {
    pub to: &'a Observation,
    pub kept: Option<&'a Kept>,
    pub returned: bool,
    pub made_anew: bool,
}

impl Known<'_> {
    pub fn loses(&self, role: &dyn Role, seen: &Attrs) -> Option<String> {
        let ours = self.owned.get().and_then(|owned| owned.ours.as_ref()).map(|ours| recall(ours, seen));
        role.loses(self.host, seen, ours.as_ref())
    }

    /// What the parameters ask for, without what Seed did by those of before and they no longer name.
    pub fn wanted(&self, role: &dyn Role, seen: &Observation) -> Result<Attrs, Trouble> {
        let mut wanted = role.wanted(self.host)?;
        if let Some(seen) = seen.attrs() {
            for name in self.dropped(role, seen) {
                wanted.set(name, serde_json::Value::Null);
            }
        }
        Ok(wanted)
    }

    /// The attributes that are as Seed left them by parameters that the role no longer has.
    pub fn dropped(&self, role: &dyn Role, seen: &Attrs) -> Vec<&'static str> {
        let names = role.dropped(seen);
        if names.is_empty() {
            return Vec::new();
        }
        let Some(owned) = self.owned.get() else { return Vec::new() };
        let Some(ours) = owned.ours.as_ref().map(|ours| recall(ours, seen)) else { return Vec::new() };
        let is_ours = |name: &&&str| owned.params.get(**name).is_some() && ours.get(name) == seen.get(name);
        names.iter().filter(is_ours).copied().collect()
    }

    /// The way to what the parameters ask for.
    pub fn towards_present(&self, role: &dyn Role, seen: &Observation) -> Verdict {
        let wanted = match self.wanted(role, seen) {
            Ok(wanted) => wanted,
            Err(trouble) => return Verdict::refused(trouble.to_string()),
        };
        match seen {
            Observation::Unknown(reason) => Verdict::because(Action::Unknown, reason),
            Observation::Absent => Verdict { changes: Attrs::new().changes(&wanted), ..Verdict::plain(Action::Create) },
            Observation::Present(attrs) => {
                let verdict = self.mend(role, attrs, attrs.changes(&wanted));
                let reason =
                    [verdict.reason, role.remark(attrs)].into_iter().flatten().reduce(|one, other| format!("{one}; {other}"));
                Verdict { reason, ..verdict }
            }
        }
    }

    fn mend(&self, role: &dyn Role, seen: &Attrs, changes: Vec<Change>) -> Verdict {
        if changes.is_empty() {
            return Verdict::plain(Action::None);
        }
        if changes.iter().all(|change| awaits_output(&change.to)) {
            let reason = "depends on an output of an earlier role, and is compared once that role exists";
            return Verdict { changes, ..Verdict::because(Action::Unknown, reason) };
        }
        let mut replace = None;
        for change in &changes {
            match role.mend(change, seen) {
                Mend::InPlace => {}
                Mend::Replace => replace = Some(change.field.clone()),
                Mend::Never(reason) => return Verdict { changes, ..Verdict::refused(reason) },
            }
        }
        let caution = cautions(role, seen, &changes);
        let Some(field) = replace else {
            let loses = changes
                .iter()
                .filter_map(|change| role.destroys(self.host, change))
                .reduce(|one, other| format!("{one} and {other}"));
            return Verdict { changes, loses, reason: caution, ..Verdict::plain(Action::Change) };
        };
        let is_made = self.owned.get().is_some_and(Owned::is_made);
        if !is_made && !role.may_overwrite() {
            let stranger = if self.owned.get().is_some() { NOT_MADE } else { &self.stranger };
            let reason = format!(
                "{stranger} and differs in {field}, which can only be repaired by destroying it; remove it, or change the spec"
            );
            return Verdict { changes, ..Verdict::refused(reason) };
        }
        let reason = with_caution(format!("{field} cannot be changed in place"), caution);
        let loses = self.loses(role, seen);
        Verdict { changes, loses, ..Verdict::because(Action::Replace, reason) }
    }

    /// Whether a backup holds a thing as a whole, and is where it was put.
    fn is_whole(&self, kept: &Kept) -> bool {
        kept.path.as_deref().is_some_and(|path| matches!(self.host.metadata(path), Ok(Some(_))))
    }

    /// The way back to what was there.
    pub fn towards_past(&self, role: &dyn Role, seen: &Observation, past: &Past<'_>) -> Verdict {
        match (seen, past.to) {
            (_, Observation::Unknown(reason)) => Verdict::refused(unreadable(reason)),
            (Observation::Unknown(reason), _) => Verdict::because(Action::Unknown, reason),
            (Observation::Absent, Observation::Absent) => Verdict::plain(Action::None),
            (Observation::Present(attrs), Observation::Absent) => {
                Verdict { loses: self.loses(role, attrs), ..Verdict::plain(Action::Remove) }
            }
            (Observation::Absent, Observation::Present(before)) if past.kept.is_some() || !past.returned => {
                Verdict { changes: Attrs::new().changes(before), ..Verdict::plain(Action::Create) }
            }
            (Observation::Absent, Observation::Present(_)) => {
                Verdict::because(Action::None, "existed before Seed, and has been removed since")
            }
            (Observation::Present(attrs), Observation::Present(before)) => {
                let changes = attrs.changes(before);
                if changes.is_empty() {
                    // What took its place may look just like it, and is another thing.
                    let is_another = past.made_anew && !role.may_overwrite() && past.kept.is_some_and(|kept| self.is_whole(kept));
                    if !is_another {
                        return Verdict::plain(Action::None);
                    }
                }
                let never = changes.iter().find_map(|change| match role.mend(change, attrs) {
                    Mend::Never(reason) => Some(reason),
                    _ => None,
                });
                // A file that was put aside whole is put back whatever it was.
                let is_whole = role.may_overwrite() && past.kept.is_some();
                if let Some(reason) = never.filter(|_| !is_whole) {
                    return Verdict { changes, ..Verdict::refused(reason) };
                }
                // Files are put back by writing them anew.
                if !role.may_overwrite() {
                    // What had to be replaced to come here is another thing, even where a change leads the other way.
                    let is_replaced = |change: &Change| {
                        let there = Change { field: change.field.clone(), from: change.to.clone(), to: change.from.clone() };
                        past.made_anew && past.kept.is_none() && role.mend(&there, before) == Mend::Replace
                    };
                    let is_fixed = |change: &Change| role.mend(change, attrs) == Mend::Replace || is_replaced(change);
                    let fixed = changes.iter().find(|change| is_fixed(change));
                    // What is the same thing again needs no more than a change: nothing is made over it.
                    let is_whole = past.kept.is_some_and(|kept| kept.path.is_some());
                    if past.made_anew && (is_whole || fixed.is_some()) {
                        let loses = self.loses(role, attrs);
                        return Verdict { changes, loses, ..Verdict::because(Action::Replace, "restores what was there before") };
                    }
                    if let Some(fixed) = fixed {
                        let reason = format!("cannot be restored: {} cannot be changed back in place", fixed.field);
                        return Verdict { changes, ..Verdict::refused(reason) };
                    }
                }
                let is_harmless = |change: &Change| role.mend(change, attrs) == Mend::InPlace && role.keeps_data(change);
                let loses = if changes.iter().all(is_harmless) { None } else { self.loses(role, attrs) };
                let reason = with_caution("restores what was there before".into(), cautions(role, attrs, &changes));
                Verdict { changes, loses, ..Verdict::because(Action::Change, reason) }
            }
        }
    }
}

fn unreadable(reason: &str) -> String {
    format!("the previous state cannot be read: {reason}")
}

/// What a person should know of these changes before they are made.
fn cautions(role: &dyn Role, seen: &Attrs, changes: &[Change]) -> Option<String> {
    let cautions: Vec<String> = changes.iter().filter_map(|change| role.caution(change, seen)).collect();
    (!cautions.is_empty()).then(|| cautions.join("; "))
}

fn with_caution(reason: String, caution: Option<String>) -> String {
    match caution {
        Some(caution) => format!("{reason}; {caution}"),
        None => reason,
    }
}

/// Whether a wanted value holds an output that is not known yet.
fn awaits_output(value: &serde_json::Value) -> bool {
    use serde_json::Value as Json;
    match value {
        Json::String(text) => text.contains('‹') && text.contains('›') && !text.starts_with(seed_role::param::SECRET_MARK),
        Json::Array(items) => items.iter().any(awaits_output),
        Json::Object(entries) => entries.values().any(awaits_output),
        _ => false,
    }
}

type Built<'a> = Result<&'a dyn Role, &'a Trouble>;

impl Planner<'_> {
    pub(super) fn judge(
        &self,
        index: usize,
        owned: &Ownership<'_>,
        wish: Wish,
        now_role: Built<'_>,
        then_role: Built<'_>,
        found: &[Option<Found>],
    ) -> Found {
        let node = &self.graph.nodes[index];
        let wish = self.unpacked(wish);
        let known = Known { owned, stranger: self.world.ledger.stranger(), host: self.world.host };
        let going_back = !matches!(wish, Wish::Present);
        let role = match if going_back { now_role } else { then_role } {
            Ok(role) => role,
            Err(trouble) => {
                let verdict = Verdict::because(Action::Unknown, trouble.to_string());
                let planned = self.planned(index, owned, wish, Observation::Unknown(trouble.to_string()), verdict);
                return Found { planned, now: None, then: None, contents: Contents::Unseen, hidden: None };
            }
        };
        let mut wish = if self.came_back_with_its_folder(index, &wish, found) { Wish::Look(None) } else { wish };
        let (mut seen_before, mut stays) = (None, None);
        let observe = || if self.is_vacated(index, found) { Ok(Observation::Absent) } else { role.observe(self.world.host) };
        if let Wish::Back { to: Observation::Present(past), .. } = &mut wish
            && owned.interrupted_in().is_none()
        {
            let seen = observe();
            if let Ok(seen) = &seen {
                stays = role.fit_past(past, seen);
            }
            seen_before = Some(seen);
        }
        let (seen, verdict) = match &wish {
            Wish::Present => self.present(index, &known, now_role.unwrap_or(role), role, found),
            Wish::Back { to: Observation::Unknown(reason), .. } => {
                let seen = role.observe(self.world.host);
                (seen_or_unknown(seen), Verdict::refused(unreadable(reason)))
            }
            Wish::Back { .. } if self.unseen_below(index, found).is_some() => {
                let reason = self.unseen_below(index, found).unwrap_or_default();
                (Observation::Unknown(reason.clone()), Verdict::refused(reason))
            }
            Wish::Back { to, made_anew, .. } if owned.interrupted_in().is_some() => {
                let open = owned.interruption();
                let reason = owned.interrupted_in().map(interrupted).unwrap_or_default();
                let action = match to {
                    Observation::Present(_) if *made_anew => Action::Replace,
                    Observation::Present(_) if open.is_some_and(|open| open.action == Action::Create.word()) => Action::Create,
                    _ => Action::Remove,
                };
                let loses = open.and_then(|open| open.loses.clone());
                (Observation::Unknown(reason.clone()), Verdict { loses, ..Verdict::because(action, reason) })
            }
            Wish::Back { to, kept, returned, lost, made_anew, .. } => {
                let seen =
                    seen_before.unwrap_or_else(observe).and_then(|seen| self.with_what_lingers(index, &known, role, seen, found));
                let verdict = match &seen {
                    Ok(seen) => {
                        let past =
                            Past { to, kept: kept.as_ref().map(|aside| &aside.kept), returned: *returned, made_anew: *made_anew };
                        let verdict = self.with_backup(kept.as_deref(), known.towards_past(role, seen, &past));
                        let verdict = self.with_what_is_below(index, &known, role, seen, to, found, verdict);
                        let comes_back = matches!(verdict.action, Action::Create | Action::Replace);
                        let lost = lost
                            .as_ref()
                            .filter(|_| comes_back)
                            .map(|lost| format!("comes back without {lost}, which has no backup"));
                        let reason = lost.or(verdict.reason.clone());
                        let reason = match (reason, stays) {
                            (Some(reason), stays) => Some(with_caution(reason, stays)),
                            (None, stays) => stays,
                        };
                        Verdict { reason, ..verdict }
                    }
                    Err(trouble) => Verdict::refused(trouble.to_string()),
                };
                (seen_or_unknown(seen), verdict)
            }
            Wish::Look(reason) => {
                let seen = role.observe(self.world.host);
                let not_ours = self.options.state == seed_spec::State::Absent || node.state == seed_spec::State::Absent;
                let reason = reason.clone().or_else(|| {
                    let there = matches!(seen, Ok(Observation::Present(_)));
                    (there && not_ours && owned.get().is_none() && self.options.wishes.is_none())
                        .then(|| format!("{}, and is left unchanged", self.world.ledger.stranger()))
                });
                let changes = match (&seen, role.wanted(self.world.host)) {
                    (Ok(Observation::Present(seen)), Ok(wanted)) if node.state == seed_spec::State::Info => seen.changes(&wanted),
                    _ => Vec::new(),
                };
                let reason =
                    reason.or_else(|| (!changes.is_empty()).then(|| "differs; `state: info` changes nothing".to_string()));
                (seen_or_unknown(seen), Verdict { reason, changes, ..Verdict::plain(Action::None) })
            }
        };
        let effect = Effect::of(verdict.action);
        // Most roles of most plans need nothing, and are not even asked what they claim.
        let below = (!effect.is_none()).then(|| effect.loses(self.world.ledger, &role.claims(), &wish)).flatten();
        let loses = verdict.loses.into_iter().chain(below).reduce(|one, other| format!("{one} and {other}"));
        let verdict = Verdict { loses, ..verdict };
        let contents = match verdict.action {
            Action::None => Contents::Same,
            Action::Replace => Contents::Fresh,
            Action::Unknown => Contents::Unseen,
            Action::Create | Action::Change | Action::Remove => role.contents(&seen),
        };
        let commands = commands(role, &wish, &verdict, &node.params.json);
        let folder = role.folder_of_commands().filter(|_| !commands.is_empty()).map(std::path::Path::to_path_buf);
        let now = now_role.ok().map(|role| Arc::new(role.outputs(seen.attrs())));
        let then = match verdict.action {
            Action::None => now.clone(),
            action => Some(Arc::new(predicted(role, action, &seen, &verdict.changes))),
        };
        let planned = PlannedRole { commands, folder, ..self.planned(index, owned, wish, seen, verdict) };
        Found { planned, now, then, contents, hidden: None }
    }

    /// What was seen of a role that is led back; trouble where something of it is still there that was not found.
    fn with_what_lingers(
        &self,
        index: usize,
        known: &Known<'_>,
        role: &dyn Role,
        seen: Observation,
        found: &[Option<Found>],
    ) -> Result<Observation, Trouble> {
        let ours = known.owned.get().and_then(|owned| owned.ours.as_ref());
        match ours.filter(|_| seen == Observation::Absent && !self.is_vacated(index, found)) {
            Some(ours) => match role.lingers(self.world.host, ours)? {
                Some(lingers) => Err(Trouble::new("remove it", lingers)),
                None => Ok(seen),
            },
            None => Ok(seen),
        }
    }

    /// The verdict where a backup is to be brought back: it must be there as Seed put it there, or in a folder that comes back before.
    fn with_backup(&self, kept: Option<&PutAside>, verdict: Verdict) -> Verdict {
        let needed = kept.filter(|_| matches!(verdict.action, Action::Create | Action::Change | Action::Replace));
        if let Some(trouble) = needed.and_then(|aside| require_untouched(self.world.host, aside).err()) {
            return Verdict { changes: verdict.changes, ..Verdict::refused(trouble.came_back) };
        }
        let gone = needed.and_then(|aside| gone(self.world.host, &aside.kept));
        match gone.filter(|path| !lies_in_backup(self.world.host, self.world.ledger, path)) {
            Some(path) => Verdict { changes: verdict.changes, ..Verdict::refused(backup_is_gone(path)) },
            None => verdict,
        }
    }

    /// Why a role that is led back cannot be looked at: what it rests on cannot. It must not be taken for absent then.
    fn unseen_below(&self, index: usize, found: &[Option<Found>]) -> Option<String> {
        let below = self.graph.nodes[index].rests_on.iter().filter_map(|below| found[*below].as_ref());
        let unseen = below.map(|one| &one.planned).find(|one| one.refused && matches!(one.seen, Observation::Unknown(_)))?;
        Some(format!("depends on {}, which cannot be observed", unseen.role))
    }

    /// What stands on something that is made anew on the way back is made anew with it.
    #[allow(clippy::too_many_arguments)]
    fn with_what_is_below(
        &self,
        index: usize,
        known: &Known<'_>,
        role: &dyn Role,
        seen: &Observation,
        past: &Observation,
        found: &[Option<Found>],
        verdict: Verdict,
    ) -> Verdict {
        let (Observation::Present(seen), Observation::Present(past)) = (seen, past) else { return verdict };
        let below = |is_so: fn(&PlannedRole) -> bool| {
            let below = self.graph.nodes[index].rests_on.iter().filter_map(|below| found[*below].as_ref());
            below.map(|one| &one.planned).find(|planned| is_so(planned)).map(|planned| planned.role.clone())
        };
        let changes = seen.changes(past);
        if let Some(below) = below(|planned| planned.refused).filter(|_| !changes.is_empty()) {
            return Verdict { changes, ..Verdict::refused(format!("depends on {below}, which cannot be restored")) };
        }
        let Some(below) = below(|planned| planned.action == Action::Replace) else { return verdict };
        let reason = format!("depends on {below}, which is restored");
        Verdict { changes, loses: known.loses(role, seen), ..Verdict::because(Action::Replace, reason) }
    }

    /// Whether what lies there is not what the run made that is taken back, but what was there before: an interrupted undo has brought
    /// back all of what it lies in.
    fn came_back_with_its_folder(&self, index: usize, wish: &Wish, found: &[Option<Found>]) -> bool {
        let is_back = |around: &usize| {
            let planned = found[*around].as_ref().map(|one| &one.planned);
            planned.is_some_and(|one| one.action == Action::None && matches!(one.wish, Wish::Back { made_anew: true, .. }))
        };
        matches!(wish, Wish::Back { .. }) && self.graph.nodes[index].inside.iter().any(is_back)
    }

    fn unpacked(&self, wish: Wish) -> Wish {
        let Wish::Back { to, kept, returned, lost, made_anew, params } = wish else { return wish };
        let to = unpack(self.world.folder, &to).unwrap_or_else(|trouble| Observation::Unknown(trouble.to_string()));
        Wish::Back { to, kept, returned, lost, made_anew, params }
    }

    /// Whether the device of a node is blank by its turn: what is there goes before, with another node.
    fn is_vacated(&self, index: usize, found: &[Option<Found>]) -> bool {
        let goes = |from: usize| found[from].as_ref().is_some_and(|one| one.planned.goes_down());
        self.graph.nodes[index].takes_over.iter().any(|over| over.device && goes(over.from))
    }

    /// Who keeps the device or mount point of a node.
    fn keeper<'f>(&self, index: usize, found: &'f [Option<Found>]) -> Option<&'f PlannedRole> {
        let planned = |over: &TakesOver| Some((over.device, &found[over.from].as_ref()?.planned));
        let mut others = self.graph.nodes[index].takes_over.iter().filter_map(planned);
        let keeps = |device: bool, one: &PlannedRole| {
            let is_there = |seen: &Attrs| device || seen.get("mount") != Some(&serde_json::Value::Null);
            !one.goes_down() && one.seen.attrs().is_some_and(is_there)
        };
        others.find(|(device, one)| keeps(*device, one)).map(|(_, one)| one)
    }

    /// The verdict on a role that is to be present, which waits for what has its place.
    fn present(
        &self,
        index: usize,
        known: &Known<'_>,
        now_role: &dyn Role,
        role: &dyn Role,
        found: &[Option<Found>],
    ) -> (Observation, Verdict) {
        let (seen, verdict) = self.in_its_place(index, known, now_role, role, found);
        match self.keeper(index, found).filter(|_| verdict.action != Action::None) {
            Some(keeper) => {
                let reason = format!("{} has its place, and {}", keeper.role, keeper.reason.as_deref().unwrap_or("stays there"));
                (seen, Verdict { changes: verdict.changes, ..Verdict::refused(reason) })
            }
            None => (seen, verdict),
        }
    }

    /// The same without that, given what is done with those it comes after.
    fn in_its_place(
        &self,
        index: usize,
        known: &Known<'_>,
        now_role: &dyn Role,
        role: &dyn Role,
        found: &[Option<Found>],
    ) -> (Observation, Verdict) {
        let node = &self.graph.nodes[index];
        if let Some(step) = known.owned.interrupted_in() {
            let verdict = known.towards_present(role, &Observation::Absent);
            let open = known.owned.interruption();
            let is_replaced = open.is_some_and(|open| open.action == Action::Replace.word());
            let action = if is_replaced { Action::Replace } else { verdict.action };
            let loses = open.and_then(|open| open.loses.clone());
            return (Observation::Absent, Verdict { action, loses, reason: Some(interrupted(step)), ..verdict });
        }
        if self.anew.contains(&index) {
            let seen = role.observe(self.world.host);
            if let Ok(Observation::Present(attrs)) = &seen {
                let verdict = known.towards_present(role, &Observation::Present(attrs.clone()));
                let loses = known.loses(role, attrs);
                let reason = "is moved to a backup together with its content";
                let verdict = Verdict { changes: verdict.changes, loses, ..Verdict::because(Action::Replace, reason) };
                return (Observation::Present(attrs.clone()), verdict);
            }
        }
        if self.is_vacated(index, found) {
            return (Observation::Absent, known.towards_present(role, &Observation::Absent));
        }
        let action_of = |before: &usize| found[*before].as_ref().map(|one| (one.planned.action, one.contents));
        let gone = node.rests_on.iter().find(|before| matches!(action_of(before), Some((Action::Replace | Action::Remove, _))));
        if let Some(before) = gone {
            let seen = now_role.observe(self.world.host);
            let there = matches!(seen, Ok(Observation::Present(_)));
            let mut verdict = known.towards_present(role, &Observation::Absent);
            if there {
                verdict.action = Action::Replace;
                verdict.reason = Some(format!("depends on {}, which is replaced", self.graph.nodes[*before].name));
                verdict.loses = seen.as_ref().ok().and_then(Observation::attrs).and_then(|attrs| known.loses(now_role, attrs));
            }
            return (seen_or_unknown(seen), verdict);
        }
        let is_missing = |before: &&usize| {
            let planned = found[**before].as_ref().map(|one| &one.planned);
            planned.is_some_and(|one| matches!(one.wish, Wish::Look(_)) && one.seen == Observation::Absent)
        };
        let missing = |before: &[usize], word: &str| {
            let name = &self.graph.nodes[*before.iter().find(is_missing)?].name;
            Some(format!("{word} {name}, which does not exist and has `state: info`"))
        };
        if let Some(reason) = missing(&node.rests_on, "depends on").or_else(|| missing(&node.inside, "is inside")) {
            return (Observation::Unknown(reason.clone()), Verdict::refused(reason));
        }
        for before in &node.inside {
            match action_of(before) {
                Some((_, Contents::Fresh)) => return (Observation::Absent, known.towards_present(role, &Observation::Absent)),
                Some((_, Contents::Unseen)) => {
                    let reason = format!("is inside {}, and is compared once that exists", self.graph.nodes[*before].name);
                    return (Observation::Unknown(reason.clone()), Verdict::because(Action::Unknown, reason));
                }
                _ => {}
            }
        }
        match role.observe(self.world.host) {
            Ok(seen) => {
                let verdict = known.towards_present(role, &seen);
                (seen, verdict)
            }
            Err(trouble) => (Observation::Unknown(trouble.to_string()), Verdict::refused(trouble.to_string())),
        }
    }

    fn planned(&self, index: usize, owned: &Ownership<'_>, wish: Wish, seen: Observation, verdict: Verdict) -> PlannedRole {
        let node = &self.graph.nodes[index];
        PlannedRole {
            node: index,
            role: node.name.clone(),
            is: node.type_words(),
            action: verdict.action,
            loses: verdict.loses,
            changes: verdict.changes,
            part_of: node.part_of.clone(),
            after: node.after.iter().map(|before| self.graph.nodes[*before].name.clone()).collect(),
            reason: verdict.reason,
            refused: verdict.refused,
            wish,
            seen,
            disposable: node.disposable || (node.instance.is_none() && owned.get().is_some_and(|owned| owned.disposable)),
            needs_root: false,
            backup: None,
            commands: Vec::new(),
            folder: None,
            filled: None,
        }
    }
}

/// The commands that the spec names and that run for an action.
fn commands(role: &dyn Role, wish: &Wish, verdict: &Verdict, params: &serde_json::Value) -> Vec<Vec<String>> {
    if verdict.action == Action::None || verdict.refused {
        return Vec::new();
    }
    let ways: &[Way] = match (wish, verdict.action) {
        (_, Action::Replace) => &[Way::Down, Way::Up],
        (Wish::Back { to: Observation::Present(_), .. } | Wish::Present, _) => &[Way::Up],
        (Wish::Back { .. } | Wish::Look(_), _) => &[Way::Down],
    };
    let mut commands: Vec<Vec<String>> = Vec::new();
    for command in ways.iter().flat_map(|way| role.commands(*way)).chain(stored::secret_commands(params)) {
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    commands
}

fn interrupted(step: &str) -> String {
    format!("an earlier run was interrupted in the step: {step}")
}

fn seen_or_unknown(seen: Result<Observation, Trouble>) -> Observation {
    seen.unwrap_or_else(|trouble| Observation::Unknown(trouble.to_string()))
}
