//! Which actions need root.

use std::path::Path;

use seed_role::claim::Claim;
use seed_role::host::{Host, Owner};

use super::{Action, PlannedRole};
use crate::node::Graph;

/// The bit of a folder in which only their owner can remove or rename files.
const STICKY: u32 = 0o1000;

/// Marks the roles that this user may not change, and root may.
pub(super) fn mark(graph: &Graph, host: &dyn Host, roles: &mut [PlannedRole]) {
    let me = host.whoami();
    if me.uid == 0 {
        return;
    }
    for planned in roles.iter_mut().filter(|planned| planned.action != Action::None) {
        let claims = graph.claims(planned.node);
        planned.needs_root = gives_away(host, planned, me) || claims.iter().any(|claim| claims_of_root(host, planned, claim, me));
    }
}

/// Whether a file is to belong to another user.
fn gives_away(host: &dyn Host, planned: &PlannedRole, me: Owner) -> bool {
    let owners = planned.changes.iter().filter(|change| change.field == "owner").filter_map(|change| change.to.as_str());
    owners.filter_map(|owner| host.owner(owner).ok()).any(|owner| owner.uid != me.uid)
}

/// Devices and mounts, and files where this user may not write or that are another's.
fn claims_of_root(host: &dyn Host, planned: &PlannedRole, claim: &Claim, me: Owner) -> bool {
    let path = match claim {
        Claim::Device(_) | Claim::Mount(_) => return true,
        Claim::Path(path) | Claim::Part(path, _) => path,
        _ => return false,
    };
    let found = |path: &Path| host.metadata(path).ok().flatten();
    let Some((folder, around)) = path.ancestors().skip(1).find_map(|above| Some((above, found(above)?))) else { return false };
    let is_anothers = found(path).is_some_and(|there| there.uid != me.uid);
    let is_stuck = is_anothers && around.mode & STICKY != 0 && around.uid != me.uid;
    // A file that is changed keeps its owner, which only root can give it.
    !host.may_write(folder) || is_stuck || (is_anothers && planned.action == Action::Change)
}
