//! What a role is about, whatever the roles are called: a device of another role is known by what lies below it, down to the path of an
//! image or of a device of the machine. So a new name below changes nothing, and another image below is another thing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use seed_role::Role;
use seed_role::claim::Claim;
use seed_role::param::Outputs;

use crate::journal::Ledger;
use crate::journal::ledger::Owned;
use crate::node::{Graph, Node};
use crate::stored;

/// More levels than devices are ever stacked; references of a damaged journal may go in a circle.
const DEEPEST: usize = 32;

/// A claim that names no role: of a device, what lies below it takes the place of the role's name. None where that is not known.
pub(crate) fn canonical(claim: Claim, claims_of: &dyn Fn(&str) -> Option<Vec<Claim>>) -> Option<Claim> {
    let known = match claim {
        Claim::Device(key) => Claim::Device(device(&key, claims_of, DEEPEST)?),
        Claim::Path(path) | Claim::Part(path, _) | Claim::Mount(path) if path.to_string_lossy().contains('‹') => return None,
        other => other,
    };
    Some(known)
}

fn device(key: &str, claims_of: &dyn Fn(&str) -> Option<Vec<Claim>>, levels: usize) -> Option<String> {
    if key.starts_with('/') {
        return Some(key.into());
    }
    // Outputs may have dots in their names, and so may roles: `table.partitions.root`.
    let split = |(at, _): (usize, &str)| Some((claims_of(&key[..at])?, &key[at + 1..]));
    let (claims, output) = key.match_indices('.').filter(|_| levels > 0).find_map(split)?;
    let below = claims.into_iter().filter_map(|claim| match claim {
        Claim::Path(path) => Some(Some(path.display().to_string())),
        Claim::Device(below) => Some(device(&below, claims_of, levels - 1)),
        _ => None,
    });
    let mut below: Vec<String> = below.collect::<Option<_>>()?;
    below.sort();
    Some(format!("{}.{output}", below.join("+")))
}

/// The roles as the ledger has them, built when they are asked for. Those that it does not know are as the graph has them.
pub(crate) struct Then<'a> {
    graph: &'a Graph,
    ledger: &'a Ledger,
    built: RefCell<HashMap<String, Option<Rc<dyn Role>>>>,
}

impl<'a> Then<'a> {
    pub(crate) fn new(graph: &'a Graph, ledger: &'a Ledger) -> Self {
        Then { graph, ledger, built: RefCell::default() }
    }

    /// Whether a role now stands for another thing than the one it made: it is of another type, or claims no path or device that it claimed
    /// then; or where it claims none, is mounted elsewhere or rests on something else.
    pub(crate) fn is_another_thing(&self, node: &Node, owned: &Owned) -> bool {
        if !owned.is_readable() {
            return false;
        }
        if owned.is != node.role_type.name {
            return true;
        }
        let (Some(now), Some(then)) = (&node.role, self.build(owned)) else { return false };
        let now_things = things(&now.claims(), &node.params.json, &|name| self.now(name));
        let then_things = things(&then.claims(), &owned.params, &|name| self.then(name));
        let (Some(now), Some(then)) = (now_things, then_things) else { return false };
        then.iter().any(|then| !then.is_empty() && !now.iter().any(|now| now.iter().any(|claim| then.contains(claim))))
    }

    fn now(&self, name: &str) -> Option<Vec<Claim>> {
        self.graph.nodes[*self.graph.by_name.get(name)?].role.as_ref().map(|role| role.claims())
    }

    fn then(&self, name: &str) -> Option<Vec<Claim>> {
        match self.role(name) {
            Some(role) => Some(role.claims()),
            None => self.now(name).filter(|_| !self.ledger.owns(name)),
        }
    }

    fn role(&self, name: &str) -> Option<Rc<dyn Role>> {
        if let Some(known) = self.built.borrow().get(name) {
            return known.clone();
        }
        // Whoever refers to itself finds nothing.
        self.built.borrow_mut().insert(name.to_string(), None);
        let role = self.ledger.get(name).and_then(|owned| self.build(&owned));
        self.built.borrow_mut().insert(name.to_string(), role.clone());
        role
    }

    fn build(&self, owned: &Owned) -> Option<Rc<dyn Role>> {
        let outputs = |name: &str| -> Option<Outputs> {
            match self.role(name) {
                Some(role) => Some(role.outputs(None)),
                None => Some(self.graph.nodes[*self.graph.by_name.get(name)?].role.as_ref()?.outputs(None)),
            }
        };
        let params = stored::fill(&owned.params, &|name, output| outputs(name)?.get(output).cloned());
        Some(Rc::from(seed_collections::REGISTRY.get(&owned.is)?.build(&params).ok()?))
    }
}

/// What makes a role the thing that it is: each of the lists must have something in common with what it was. None where that is not known.
fn things(
    claims: &[Claim],
    params: &serde_json::Value,
    claims_of: &dyn Fn(&str) -> Option<Vec<Claim>>,
) -> Option<Vec<Vec<Claim>>> {
    let all = |claims: Vec<Claim>| claims.into_iter().map(|claim| canonical(claim, claims_of)).collect::<Option<Vec<Claim>>>();
    let is_place = |claim: &&Claim| matches!(claim, Claim::Path(_) | Claim::Part(..) | Claim::Device(_));
    let places = all(claims.iter().filter(is_place).cloned().collect())?;
    if !places.is_empty() {
        return Some(vec![places]);
    }
    let mounts = all(claims.iter().filter(|claim| matches!(claim, Claim::Mount(_))).cloned().collect())?;
    let mut below = Vec::new();
    stored::foundations(params, &mut |name| below.push(name.to_string()));
    let below = below.iter().map(|name| Claim::Device(format!("{name}."))).collect();
    Some(vec![mounts, all(below)?])
}
