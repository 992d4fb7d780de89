//! What an action takes with it beside what the role itself tells.

use std::collections::BTreeSet;
use std::path::Path;

use seed_role::claim::Claim;
use seed_role::host::{FileKind, Host};
use seed_role::step::Kept;
use seed_role::trouble::{Kind, Result, Trouble};

use super::{Action, Backup, PlannedRole, Wish};
use crate::journal::Ledger;
use crate::journal::ledger::{PutAside, is_inside};
use crate::node::Graph;

/// What an action does to backups of which the rest lies on a device or in a file that the role claims.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Effect {
    /// Something is made on its devices.
    pub makes: bool,
    /// Its files go.
    pub removes: bool,
}

impl Effect {
    /// The effect of an action as a whole.
    pub(crate) fn of(action: Action) -> Effect {
        Effect {
            makes: matches!(action, Action::Create | Action::Replace),
            removes: matches!(action, Action::Remove | Action::Replace),
        }
    }

    /// Whether it does nothing to any.
    pub(crate) fn is_none(self) -> bool {
        !self.makes && !self.removes
    }

    /// The backups that become useless by it. The one that a wish brings back is none of them.
    pub(crate) fn on<'a>(self, ledger: &'a Ledger, claims: &'a [Claim], wish: &'a Wish) -> impl Iterator<Item = &'a PutAside> {
        let made = self.makes.then(|| ledger.overwritten_with(claims)).into_iter().flatten();
        let removed = self.removes.then(|| ledger.removed_with(claims)).into_iter().flatten();
        made.chain(removed).filter(move |aside| !brings_back(wish, aside))
    }

    /// What is lost by that, in words.
    pub(crate) fn loses(self, ledger: &Ledger, claims: &[Claim], wish: &Wish) -> Option<String> {
        // What is put back by its signatures is what lies there.
        let is_put_back = matches!(wish, Wish::Back { kept: Some(aside), .. } if aside.kept.path.is_none());
        let lost: BTreeSet<String> = Effect { makes: self.makes && !is_put_back, ..self }
            .on(ledger, claims, wish)
            .map(|aside| format!("the data that belongs to {}", aside.words()))
            .collect();
        (!lost.is_empty()).then(|| lost.into_iter().collect::<Vec<_>>().join(" and "))
    }
}

/// Where a backup was that is not there any more. What has data beside its path lies where only its role type can look.
pub(crate) fn gone<'k>(host: &dyn Host, kept: &'k Kept) -> Option<&'k Path> {
    let path = kept.path.as_deref().filter(|_| kept.data.is_none())?;
    matches!(host.metadata(path), Ok(None)).then_some(path)
}

/// That what lies in the place of a backup is what was put there. What is not there at all is for [`gone`]. Of a folder, its content may
/// have been changed by somebody: it is still that folder.
pub(crate) fn require_untouched(host: &dyn Host, aside: &PutAside) -> Result<()> {
    let (Some(path), Some(seal)) = (&aside.kept.path, &aside.seal) else { return Ok(()) };
    let Some(now) = host.seal(path)? else { return Ok(()) };
    let is_folder = host.metadata(path)?.is_some_and(|metadata| metadata.kind == FileKind::Directory);
    if now.is_unchanged(seal) || is_folder && now.is_of_the_same(seal) {
        return Ok(());
    }
    Err(Trouble::new(format!("restore {}", path.display()), format!("the backup {} is not what Seed put there", path.display()))
        .kind(Kind::Changed))
}

pub(crate) fn backup_is_gone(path: &Path) -> String {
    format!("the backup {} is gone", path.display())
}

/// Whether a path lies in a folder that was moved to a backup with all that is in it.
pub(super) fn lies_in_backup(host: &dyn Host, ledger: &Ledger, path: &Path) -> bool {
    // The last moved may hold the ones before.
    fn is_there(host: &dyn Host, moves: &[PutAside], path: &Path) -> bool {
        moves.iter().enumerate().any(|(at, aside)| {
            let moved = || Some(aside.kept.path.as_ref()?.join(path.strip_prefix(aside.from.as_ref()?).ok()?));
            moved().is_some_and(|path| {
                matches!(host.metadata(&path), Ok(Some(_))) || is_there(host, moves.get(at + 1..).unwrap_or_default(), &path)
            })
        })
    }
    is_there(host, &ledger.put_aside, path)
}

fn brings_back(wish: &Wish, aside: &PutAside) -> bool {
    matches!(wish, Wish::Back { kept: Some(kept), .. } if kept.id == aside.id)
}

/// A backup of what goes may be a part only, and needs the rest: that lies in files of roles below, which go with it then.
pub(super) fn what_lies_above(graph: &Graph, roles: &mut [PlannedRole]) {
    let goes = |planned: &PlannedRole| planned.goes_down() || planned.action == Action::Replace;
    let mut lost: Vec<(usize, String)> = Vec::new();
    for planned in roles.iter().filter(|planned| goes(planned) && !planned.disposable) {
        let Some(loses) = &planned.loses else { continue };
        lost.extend(graph.foundations(planned.node).into_iter().map(|below| (below, loses.clone())));
    }
    for (node, loses) in lost {
        let Ok(at) = roles.binary_search_by_key(&node, |planned| planned.node) else { continue };
        let holds_bytes = || graph.claims(node).iter().any(|claim| matches!(claim, Claim::Path(_)));
        if goes(&roles[at]) && roles[at].loses.is_none() && holds_bytes() {
            roles[at].loses = Some(loses);
        }
    }
}

/// The backups that lie in what is claimed, those of this plan included, in words.
fn inside(ledger: &Ledger, roles: &[PlannedRole], claims: &[Claim]) -> Option<String> {
    let made = ledger.backups_inside(claims).map(PutAside::words);
    let planned = roles.iter().filter(|planned| matches!(&planned.backup, Some(Backup::At(path)) if is_inside(path, claims)));
    let all: BTreeSet<String> = made.chain(planned.map(|planned| format!("the backup of {}", planned.role))).collect();
    (!all.is_empty()).then(|| all.into_iter().collect::<Vec<_>>().join(" and "))
}

/// The roles whose removal concerns what lies in them, each with its claims.
fn removed(graph: &Graph, roles: &[PlannedRole], is_asked: impl Fn(&PlannedRole) -> bool) -> Vec<(usize, Vec<Claim>)> {
    let removes = |planned: &PlannedRole| Effect::of(planned.action).removes && is_asked(planned);
    let removed = roles.iter().enumerate().filter(|(_, planned)| removes(planned));
    removed.map(|(at, planned)| (at, graph.claims(planned.node))).collect()
}

/// A disposable role is removed without a question and without a backup. The backups that lie in it are not disposable, so then it is
/// treated as if it were not either, together with what it rests on. Says whether there is any such role.
pub(super) fn not_disposable(graph: &Graph, ledger: &Ledger, roles: &mut [PlannedRole]) -> bool {
    let mut found = Vec::new();
    for (at, claims) in removed(graph, roles, |planned| planned.disposable) {
        found.extend(inside(ledger, roles, &claims).map(|inside| (at, inside)));
    }
    for (at, inside) in &found {
        let planned = &mut roles[*at];
        planned.disposable = false;
        let holds = format!("holds {inside}, so `disposable` does not apply");
        planned.reason = Some(planned.reason.take().map_or(holds.clone(), |reason| format!("{reason}; {holds}")));
        for below in graph.foundations(planned.node) {
            if let Ok(below) = roles.binary_search_by_key(&below, |planned| planned.node) {
                roles[below].disposable = false;
            }
        }
    }
    !found.is_empty()
}

/// Says of what cannot be backed up which backups go with it, and takes their places out of the plan.
pub(super) fn not_backed_up(graph: &Graph, ledger: &Ledger, roles: &mut [PlannedRole]) {
    let backs_up = |planned: &PlannedRole| graph.nodes[planned.node].role.as_ref().is_none_or(|role| role.backs_up());
    for (at, claims) in removed(graph, roles, |planned| !backs_up(planned)) {
        let Some(inside) = inside(ledger, roles, &claims) else { continue };
        let lost = format!("{inside}, of which no backup remains");
        let loses = &mut roles[at].loses;
        *loses = Some(loses.take().map_or(lost.clone(), |loses| format!("{loses}, and with it {lost}")));
        for planned in roles.iter_mut() {
            planned.backup.take_if(|backup| matches!(backup, Backup::At(path) if is_inside(path, &claims)));
        }
    }
}
