//! Backups of devices as a whole. What makes something over a file system takes its blocks, and a backup of its signatures alone is of no
//! use then. Where the blocks lie in an image that Seed made, the image is put aside as it is, and another one made in its place.

use std::collections::BTreeSet;

use seed_role::attrs::Observation;
use seed_role::claim::Claim;

use super::losses::Effect;
use super::{Action, Found, PlannedRole, Planner, Wish};

/// The images that are to be made anew, so that what is lost with what lies in them has a backup.
pub(super) fn to_be_kept(planner: &Planner<'_>, found: &[Option<Found>]) -> BTreeSet<usize> {
    let (graph, ledger) = (planner.graph, planner.world.ledger);
    // An undo has no wish for what the run did not touch.
    let is_untouched =
        |image: usize| planner.options.wishes.as_ref().is_some_and(|wishes| !wishes.contains_key(&*graph.nodes[image].name));
    let planned = |index: usize| found[index].as_ref().map(|one| &one.planned).filter(|_| planner.selected[index]);
    let comes = |index: usize| {
        let comes =
            |one: &&PlannedRole| !matches!(one.wish, Wish::Look(_)) && matches!(one.action, Action::Create | Action::Replace);
        planned(index).filter(comes)
    };
    let is_lost = |one: &PlannedRole| one.loses.is_some() && !one.disposable && !one.refused;
    // What comes back by its signatures needs the blocks below as they are.
    let needs_the_blocks =
        |one: &PlannedRole| matches!(&one.wish, Wish::Back { kept: Some(aside), .. } if aside.kept.path.is_none());
    let mut victims: BTreeSet<usize> = BTreeSet::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let Some(new) = comes(index).filter(|one| !needs_the_blocks(one)) else { continue };
        let is_replaced = new.action == Action::Replace && is_lost(new);
        let claims = graph.claims(index);
        let takes_backups = is_lost(new) && Effect::of(new.action).on(ledger, &claims, &new.wish).next().is_some();
        if is_replaced || takes_backups {
            victims.insert(index);
        }
        let gone = node.takes_over.iter().filter(|over| over.device).map(|over| over.from);
        victims.extend(gone.filter(|from| planned(*from).is_some_and(|one| one.goes_down() && is_lost(one))));
    }
    let mut images: BTreeSet<usize> = BTreeSet::new();
    let mut between: BTreeSet<usize> = BTreeSet::new();
    for victim in &victims {
        let below = graph.foundations(*victim);
        images.extend(below.iter().filter(|index| graph.claims(**index).iter().any(|claim| matches!(claim, Claim::Path(_)))));
        between.extend(below);
    }
    let is_of_seed = |image: usize| {
        let owned = ledger.get(planner.known_as(&graph.nodes[image].name));
        owned.is_some_and(|owned| owned.before == Observation::Absent)
    };
    let stays = |image: usize| {
        planned(image).is_some_and(|one| {
            let may_be_moved = one.wish == Wish::Present || is_untouched(image);
            may_be_moved && matches!(one.action, Action::None | Action::Change) && !one.refused && !one.disposable
        })
    };
    // Whatever else lies in the image would be made anew with it.
    let goes_along = |index: usize| {
        let is_gone = || planned(index).is_some_and(|one| one.action == Action::None && one.seen == Observation::Absent);
        let goes = || planned(index).is_some_and(PlannedRole::goes_down);
        between.contains(&index)
            || victims.contains(&index)
            || goes()
            || is_gone()
            || comes(index).is_some_and(|one| one.action == Action::Create)
    };
    images.retain(|image| {
        let above = (0..graph.nodes.len()).filter(|index| graph.foundations(*index).contains(image));
        is_of_seed(*image) && stays(*image) && above.into_iter().all(goes_along)
    });
    images
}
