//! What a plan spares, once all of it is known.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_role::claim::Claim;
use seed_role::host::{FileKind, Host};

use super::{Action, PlannedRole, Wish};
use crate::node::Graph;

/// What only the journal knows is not taken away where a role of the spec has its place by now, and does not make it anew.
pub(super) fn what_is_wanted(graph: &Graph, roles: &mut [PlannedRole]) {
    let is_orphan = |planned: &PlannedRole| graph.nodes[planned.node].instance.is_none();
    if !roles.iter().any(|planned| is_orphan(planned) && planned.goes_down()) {
        return;
    }
    // Where something is mounted says what it is only if nothing else does.
    let places = |planned: &PlannedRole| {
        let claims = graph.claims(planned.node);
        let is_place = |claim: &Claim| matches!(claim, Claim::Path(_) | Claim::Part(..) | Claim::Device(_));
        let has_place = claims.iter().any(is_place);
        claims.into_iter().filter(move |claim| if has_place { is_place(claim) } else { matches!(claim, Claim::Mount(_)) })
    };
    // A file that is replaced is written over, and nothing is taken away before.
    let overwrites = |planned: &PlannedRole| {
        planned.action == Action::Replace && graph.nodes[planned.node].role.as_ref().is_some_and(|role| role.may_overwrite())
    };
    let stays = |planned: &&PlannedRole| {
        !is_orphan(planned)
            && planned.wish == Wish::Present
            && (matches!(planned.action, Action::None | Action::Change) || overwrites(planned))
    };
    let wanted: HashMap<Claim, Arc<str>> =
        roles.iter().filter(stays).flat_map(|planned| places(planned).map(|claim| (claim, planned.role.clone()))).collect();
    for planned in roles.iter_mut().filter(|planned| is_orphan(planned) && planned.goes_down()) {
        if let Some(role) = places(planned).find_map(|claim| wanted.get(&claim)) {
            planned.reason = Some(format!("is no longer in the spec; `{role}` has taken its place"));
            planned.wish = Wish::Look(None);
            planned.action = Action::None;
            planned.changes.clear();
            planned.loses = None;
        }
    }
}

/// A folder that is removed together with all that lies in it loses nothing by itself.
pub(super) fn folders_of_ours(graph: &Graph, host: &dyn Host, roles: &mut [PlannedRole]) {
    let is_folder = |planned: &PlannedRole| planned.goes_down() && planned.loses.is_some();
    if !roles.iter().any(is_folder) {
        return;
    }
    let paths = |planned: &PlannedRole| -> Vec<PathBuf> {
        graph
            .claims(planned.node)
            .into_iter()
            .filter_map(|claim| if let Claim::Path(path) | Claim::Part(path, _) = claim { Some(path) } else { None })
            .collect()
    };
    let going: BTreeSet<PathBuf> = roles.iter().filter(|planned| planned.goes_down()).flat_map(paths).collect();
    for planned in roles.iter_mut().filter(|planned| is_folder(planned)) {
        let folders = paths(planned);
        if !folders.is_empty() && folders.iter().all(|folder| holds_only(host, folder, &going)) {
            planned.loses = None;
        }
    }
}

/// Whether a path is a folder with nothing in it but paths that are going, and folders of such.
fn holds_only(host: &dyn Host, folder: &Path, going: &BTreeSet<PathBuf>) -> bool {
    let is_folder = matches!(host.metadata(folder), Ok(Some(metadata)) if metadata.kind == FileKind::Directory);
    let Some(names) = host.list(folder).ok().filter(|_| is_folder) else { return false };
    names.iter().all(|name| {
        let path = folder.join(name);
        let below = going.range(path.clone()..).nth(1).is_some_and(|next| next.starts_with(&path));
        let leads_below = going.range(path.clone()..).next().is_some_and(|next| next.starts_with(&path));
        if going.contains(&path) && !below { true } else { leads_below && holds_only(host, &path, going) }
    })
}
