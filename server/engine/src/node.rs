//! The graph of concrete roles: expansion of abstract ones, and what comes before what.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_role::Role;
use seed_role::claim::Claim;
use seed_role::host::Host;
use seed_role::param::{Output, Outputs};
use seed_role::registry::{Registry, RoleType};
use seed_role::trouble::Trouble;
use seed_spec::analysis::{Analysis, RoleInstance, State};

use crate::identity::canonical;
use crate::places::Places;
use crate::shelter::Shelters;
use crate::stored::{self, Stored};

/// A concrete role in the graph.
pub struct Node {
    /// The name of the role instance.
    pub name: Arc<str>,
    /// Its concrete type.
    pub role_type: &'static RoleType,
    /// What stood behind `is:`; differs from the type's name when it was delegated.
    pub is: Arc<str>,
    /// Why it is there.
    pub why: Option<Arc<str>>,
    /// The state the spec asks for.
    pub state: State,
    /// Whether its data may be destroyed without asking again.
    pub disposable: bool,
    /// Its parameters, references left open.
    pub params: Stored,
    /// It, with what can be known without a host filled in; none if that is too little.
    pub role: Option<Box<dyn Role>>,
    /// Indices of the nodes that come before it: references, `needs`, and folders that hold its paths.
    pub after: Vec<usize>,
    /// Indices of the nodes whose device or file it rests on: when one is made anew, so is it.
    pub rests_on: Vec<usize>,
    /// Indices of the nodes that provide the folder its paths are in.
    pub inside: Vec<usize>,
    /// Number of its instance, as [`Analysis::role`] counts; none for an orphan, which only the journal knows.
    pub instance: Option<usize>,
    /// The composite role that it is a part of.
    pub part_of: Option<Arc<str>>,
    /// It takes no part in what is asked for, and is there only for others to refer to: its composite role says so.
    pub aside: bool,
    /// Whether its own state holds even where all roles are asked to be absent.
    pub literal: bool,
    /// Whether what is there may hold a secret that other parameters wrote: see [`Role::conceal`].
    pub conceals: bool,
    /// Whether it makes room for others that have the same device or mount point.
    pub gives_way: bool,
    /// The nodes that go where it comes: they have its device or its mount point.
    pub takes_over: Vec<TakesOver>,
}

/// A node that goes where another one comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakesOver {
    /// The node that goes.
    pub from: usize,
    /// Whether it has the same device, rather than only the same mount point.
    pub device: bool,
}

/// A use of a composite role, whose parts are nodes or other composite roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The name of the use.
    pub name: Arc<str>,
    /// What stands behind `is:`.
    pub is: Arc<str>,
    /// Why it is there.
    pub why: Option<Arc<str>>,
    /// The composite role that it is a part of.
    pub part_of: Option<Arc<str>>,
}

impl Node {
    /// Its type as written, with the concrete one behind an arrow if it was delegated.
    pub fn type_words(&self) -> String {
        if *self.is == *self.role_type.name { self.is.to_string() } else { format!("{} → {}", self.is, self.role_type.name) }
    }
}

/// The roles and their order.
#[derive(Default)]
pub struct Graph {
    /// The nodes, those that come first first: each stands behind all that it comes after.
    pub nodes: Vec<Node>,
    /// The nodes by name.
    pub by_name: HashMap<Arc<str>, usize>,
    /// Why a node could not be built or ordered, by name.
    pub troubles: Vec<(Arc<str>, Trouble)>,
    /// Roles that stand for another thing than the one they made: their name, and that of the orphan that thing is now.
    pub moved: Vec<(String, String)>,
    /// Names on a circle of dependencies, if there is one, in order.
    pub cycle: Vec<Arc<str>>,
    /// The composite roles, each behind the one that it is a part of.
    pub wholes: Vec<Whole>,
    /// The mount points that its roles make.
    pub shelters: Shelters,
}

/// A node before it is ordered.
pub struct Draft {
    /// As in [`Node`].
    pub name: Arc<str>,
    /// As in [`Node`].
    pub role_type: &'static RoleType,
    /// As in [`Node`].
    pub is: Arc<str>,
    /// As in [`Node`].
    pub why: Option<Arc<str>>,
    /// As in [`Node`].
    pub state: State,
    /// As in [`Node`].
    pub disposable: bool,
    /// As in [`Node`].
    pub params: Stored,
    /// Names of the roles that come before it besides those it refers to.
    pub needs: Vec<Arc<str>>,
    /// As in [`Node`].
    pub instance: Option<usize>,
    /// As in [`Node`].
    pub part_of: Option<Arc<str>>,
    /// As in [`Node`].
    pub aside: bool,
    /// As in [`Node`].
    pub literal: bool,
    /// As in [`Node`].
    pub gives_way: bool,
}

impl Draft {
    /// Refers to roles by the names that they were given as what they were before: from, to.
    pub fn refer_to_moved(&mut self, moved: &[(String, String)]) {
        let name = |role: &str| moved.iter().find(|(from, _)| from == role).map(|(_, to)| to.clone());
        stored::rename(&mut self.params.json, &name);
        self.needs.iter_mut().for_each(|needed| *needed = name(needed).map_or_else(|| needed.clone(), Arc::from));
    }
}

/// Expansion: the concrete roles that those of a spec stand for, where `asked` is asked for: `present` to plan and apply,
/// `absent`, or `info` to look. An abstract role whose type the parameters leave open becomes the first type in its
/// collection whose programs this host has, or without a host the first. What composite roles are made of is there
/// already; where one writes what is done for the state, that takes part, and the rest stands aside.
pub fn expand(analysis: &Analysis, registry: &Registry, host: Option<&dyn Host>, asked: State) -> Vec<Draft> {
    let there = |instance: &RoleInstance| instance.phases.contains(asked);
    let named: HashSet<&str> = analysis.instead.iter().filter(|role| there(role)).map(|role| &*role.name).collect();
    let all = analysis.roles.iter().chain(&analysis.instead).enumerate();
    let taking_part =
        all.filter(|(index, instance)| there(instance) || (*index < analysis.roles.len() && !named.contains(&*instance.name)));
    let drafts = taking_part.filter_map(|(index, instance)| {
        let candidates: Vec<Draft> = instance
            .types
            .iter()
            .filter_map(|info| Some((info, registry.get(&info.name)?)))
            .map(|(info, role_type)| draft(instance, index, role_type, stored::store(&instance.params, &info.record)))
            .collect();
        let part_of = instance.part_of.map(|whole| analysis.composites[whole].name.clone());
        choose(candidates, host).map(|draft| Draft { part_of, aside: !there(instance), ..draft })
    });
    drafts.collect()
}

fn draft(instance: &RoleInstance, index: usize, role_type: &'static RoleType, params: Stored) -> Draft {
    Draft {
        name: instance.name.clone(),
        role_type,
        is: instance.is.clone(),
        why: instance.why.clone(),
        state: instance.state,
        disposable: instance.disposable,
        params,
        needs: instance.needs.clone(),
        instance: Some(index),
        part_of: None,
        aside: false,
        literal: instance.literal,
        gives_way: false,
    }
}

/// The composite roles that a spec uses.
pub fn wholes(analysis: &Analysis) -> Vec<Whole> {
    let composites = analysis.composites.iter();
    let whole = composites.map(|one| Whole {
        name: one.name.clone(),
        is: (&*one.info.name).into(),
        why: one.why.clone(),
        part_of: one.part_of.map(|outer| analysis.composites[outer].name.clone()),
    });
    whole.collect()
}

fn choose(mut candidates: Vec<Draft>, host: Option<&dyn Host>) -> Option<Draft> {
    if candidates.len() < 2 {
        return candidates.pop();
    }
    let offered = |draft: &Draft| {
        let Some(host) = host else { return false };
        let nothing_known = stored::fill(&draft.params.json, &|_, _| None);
        let tools = draft.role_type.build(&nothing_known).map(|role| role.tools()).unwrap_or_default();
        tools.iter().all(|tool| host.find_program(tool.program).is_some())
    };
    let chosen = candidates.iter().position(offered).unwrap_or(0);
    Some(candidates.swap_remove(chosen))
}

impl Graph {
    /// Orders drafts: by references, by `needs`, and by nesting of the paths they claim.
    pub fn new(drafts: Vec<Draft>) -> Graph {
        let mut graph = Graph::default();
        let names: HashMap<Arc<str>, usize> =
            drafts.iter().enumerate().map(|(index, draft)| (draft.name.clone(), index)).collect();
        let mut after: Vec<Vec<usize>> = Vec::with_capacity(drafts.len());
        let mut rests_on: Vec<Vec<usize>> = Vec::with_capacity(drafts.len());
        for draft in &drafts {
            let mut before: Vec<usize> = draft.needs.iter().filter_map(|name| names.get(name).copied()).collect();
            let mut below = Vec::new();
            if draft.params.dynamic {
                stored::references(&draft.params.json, &mut |name| before.extend(names.get(name)));
                stored::foundations(&draft.params.json, &mut |name| below.extend(names.get(name)));
            }
            dedup(&mut before);
            dedup(&mut below);
            after.push(before);
            rests_on.push(below);
        }
        let order = graph.sorted(&drafts, &mut after);
        let roles = graph.build_statically(&drafts, &order, &names);
        let claims: Vec<Vec<Claim>> =
            // What stands aside provides nothing.
            roles.iter().zip(&drafts).map(|(role, draft)| role.as_ref().filter(|_| !draft.aside).map(|role| role.claims()).unwrap_or_default()).collect();
        let gives_way: Vec<bool> = drafts.iter().map(|draft| draft.gives_way).collect();
        let inside = nesting(&claims, &gives_way);
        for (index, folders) in inside.iter().enumerate() {
            after[index].extend(folders);
            dedup(&mut after[index]);
        }
        let takes_over = takes_over(&drafts, &names, &claims, &after);
        for (index, before) in after.iter_mut().enumerate() {
            before.extend(takes_over[index].iter().map(|over| over.from));
            dedup(before);
        }
        let order = graph.sorted(&drafts, &mut after);
        for (index, below) in rests_on.iter_mut().enumerate().filter(|_| !graph.cycle.is_empty()) {
            below.retain(|first| after[index].contains(first));
        }
        one_after_the_other(&claims, &order, &mut after);
        graph.fill(drafts, roles, &order, Edges { after, rests_on, inside, takes_over });
        graph.shelters = Shelters::of(&graph);
        graph
    }

    /// The order in which all come after what they need. If they go in a circle that is noted, and those in it and behind it no longer
    /// wait for each other: nothing is planned then, but what else is wrong with them can still be told.
    /// Among equals the names decide, so that the order of the roles in the file changes nothing.
    fn sorted(&mut self, drafts: &[Draft], after: &mut [Vec<usize>]) -> Vec<usize> {
        let mut waiting: Vec<usize> = after.iter().map(Vec::len).collect();
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
        for (index, before) in after.iter().enumerate() {
            before.iter().for_each(|first| dependents[*first].push(index));
        }
        let mut level: Vec<usize> = (0..drafts.len()).filter(|index| waiting[*index] == 0).collect();
        let mut order = Vec::with_capacity(drafts.len());
        while !level.is_empty() {
            level.sort_unstable_by(|one, other| drafts[*one].name.cmp(&drafts[*other].name));
            let mut next = Vec::new();
            for index in &level {
                for dependent in &dependents[*index] {
                    waiting[*dependent] -= 1;
                    if waiting[*dependent] == 0 {
                        next.push(*dependent);
                    }
                }
            }
            order.append(&mut level);
            level = next;
        }
        if order.len() < drafts.len() {
            self.cycle = circle(drafts, after, &waiting);
            let mut stuck: Vec<usize> = (0..drafts.len()).filter(|index| waiting[*index] > 0).collect();
            stuck.sort_unstable_by(|one, other| drafts[*one].name.cmp(&drafts[*other].name));
            for index in &stuck {
                after[*index].retain(|first| waiting[*first] == 0);
            }
            order.extend(stuck);
        }
        order
    }

    fn build_statically(
        &mut self,
        drafts: &[Draft],
        order: &[usize],
        names: &HashMap<Arc<str>, usize>,
    ) -> Vec<Option<Box<dyn Role>>> {
        let mut roles: Vec<Option<Box<dyn Role>>> = (0..drafts.len()).map(|_| None).collect();
        let mut outputs: Vec<Option<Outputs>> = vec![None; drafts.len()];
        for index in order {
            let draft = &drafts[*index];
            let look_up = |role: &str, output: &str| outputs[*names.get(role)?].as_ref()?.get(output).cloned();
            let built = if draft.params.dynamic {
                draft.role_type.build(&stored::fill(&draft.params.json, &look_up))
            } else {
                draft.role_type.build(&draft.params.json)
            };
            match built {
                Ok(role) => {
                    outputs[*index] = Some(role.outputs(None));
                    roles[*index] = Some(role);
                }
                // An output that only the machine tells may be needed; the plan tries again with what is there.
                Err(_) if draft.params.dynamic => {}
                Err(trouble) => self.troubles.push((draft.name.clone(), trouble)),
            }
        }
        roles
    }

    fn fill(&mut self, drafts: Vec<Draft>, mut roles: Vec<Option<Box<dyn Role>>>, order: &[usize], edges: Edges) {
        let mut place = vec![0; drafts.len()];
        order.iter().enumerate().for_each(|(position, index)| place[*index] = position);
        let moved = |indices: &[usize]| indices.iter().map(|index| place[*index]).collect::<Vec<_>>();
        let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
        for index in order {
            let Some(draft) = drafts[*index].take() else { continue };
            self.by_name.insert(draft.name.clone(), self.nodes.len());
            self.nodes.push(Node {
                name: draft.name,
                role_type: draft.role_type,
                is: draft.is,
                why: draft.why,
                state: draft.state,
                disposable: draft.disposable,
                params: draft.params,
                role: roles[*index].take(),
                after: moved(&edges.after[*index]),
                rests_on: moved(&edges.rests_on[*index]),
                inside: moved(&edges.inside[*index]),
                instance: draft.instance,
                part_of: draft.part_of,
                aside: draft.aside,
                literal: draft.literal,
                conceals: false,
                gives_way: draft.gives_way,
                takes_over: edges.takes_over[*index].iter().map(|over| TakesOver { from: place[over.from], ..*over }).collect(),
            });
        }
    }

    /// The nodes that come directly after each node.
    pub fn dependents(&self) -> Vec<Vec<usize>> {
        let mut dependents = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            node.after.iter().for_each(|first| dependents[*first].push(index));
        }
        dependents
    }

    /// What a node claims, as far as that can be told without a host.
    pub fn claims(&self, index: usize) -> Vec<Claim> {
        self.nodes[index].role.as_ref().map(|role| role.claims()).unwrap_or_default()
    }

    /// All nodes that a node rests on, directly or not.
    pub fn foundations(&self, index: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = self.nodes[index].rests_on.clone();
        while let Some(below) = open.pop() {
            if !found.contains(&below) {
                found.push(below);
                open.extend(&self.nodes[below].rests_on);
            }
        }
        found
    }

    /// What the parameters of a node come to, given outputs of the nodes it comes after.
    ///
    /// # Errors
    ///
    /// When they do not fit the role type.
    pub fn build(&self, index: usize, outputs: &dyn Fn(usize) -> Option<Arc<Outputs>>) -> Result<Box<dyn Role>, Trouble> {
        let node = &self.nodes[index];
        if node.params.dynamic {
            return self.build_of(index, &node.params.json, outputs);
        }
        let mut role = node.role_type.build(&node.params.json)?;
        role.conceal(node.conceals);
        Ok(role)
    }

    /// Marks a node as one that conceals what is there.
    pub(crate) fn conceal(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.conceals = true;
        if let Some(role) = &mut node.role {
            role.conceal(true);
        }
    }

    /// The same with other parameters: those of an earlier run.
    ///
    /// # Errors
    ///
    /// When they do not fit the role type.
    pub fn build_of(
        &self,
        index: usize,
        params: &serde_json::Value,
        outputs: &dyn Fn(usize) -> Option<Arc<Outputs>>,
    ) -> Result<Box<dyn Role>, Trouble> {
        let node = &self.nodes[index];
        let mut role = node.role_type.build(&self.filled(params, outputs))?;
        role.conceal(node.conceals);
        Ok(role)
    }

    /// Parameters with outputs filled in.
    pub fn filled(&self, params: &serde_json::Value, outputs: &dyn Fn(usize) -> Option<Arc<Outputs>>) -> serde_json::Value {
        let look_up = |role: &str, output: &str| -> Option<Output> { outputs(*self.by_name.get(role)?)?.get(output).cloned() };
        stored::fill(params, &look_up)
    }
}

fn dedup(indices: &mut Vec<usize>) {
    indices.sort_unstable();
    indices.dedup();
}

/// How drafts are connected, by their numbers.
struct Edges {
    after: Vec<Vec<usize>>,
    rests_on: Vec<Vec<usize>>,
    inside: Vec<Vec<usize>>,
    takes_over: Vec<Vec<TakesOver>>,
}

/// For each draft those that give way to it: they have the same device, whatever the roles below are called, or the same mount point.
fn takes_over(
    drafts: &[Draft],
    names: &HashMap<Arc<str>, usize>,
    claims: &[Vec<Claim>],
    after: &[Vec<usize>],
) -> Vec<Vec<TakesOver>> {
    let mut over = vec![Vec::new(); drafts.len()];
    if !drafts.iter().any(|draft| draft.gives_way) {
        return over;
    }
    let claims_of = |name: &str| names.get(name).map(|index| claims[*index].clone());
    let things = |index: usize| -> HashSet<Claim> {
        let things = claims[index].iter().filter(|claim| matches!(claim, Claim::Device(_) | Claim::Mount(_)));
        things.filter_map(|claim| canonical(claim.clone(), &claims_of)).collect()
    };
    let (leaving, staying): (Vec<usize>, Vec<usize>) = (0..drafts.len()).partition(|index| drafts[*index].gives_way);
    let mut left: HashMap<Claim, Vec<usize>> = HashMap::new();
    for index in leaving {
        things(index).into_iter().for_each(|thing| left.entry(thing).or_default().push(index));
    }
    for index in staying.into_iter().filter(|index| !drafts[*index].aside) {
        let mut found: Vec<TakesOver> = Vec::new();
        for thing in things(index) {
            for from in left.get(&thing).into_iter().flatten() {
                let device = matches!(thing, Claim::Device(_));
                match found.iter_mut().find(|known| known.from == *from) {
                    Some(known) => known.device |= device,
                    None => found.push(TakesOver { from: *from, device }),
                }
            }
        }
        // What lies in what takes its place cannot go before that comes.
        found.retain(|over| !comes_after(after, over.from, index));
        found.sort_unstable_by_key(|over| over.from);
        over[index] = found;
    }
    over
}

/// Whether one comes after another, directly or not.
fn comes_after(after: &[Vec<usize>], one: usize, other: usize) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![one];
    while let Some(index) = open.pop() {
        if index == other {
            return true;
        }
        open.extend(after[index].iter().filter(|before| seen.insert(**before)));
    }
    false
}

/// For each node the nodes that claim the nearest folder above, or at, the paths that it claims. What gives way to others lay in what
/// was there with it, and nothing that stays lies in that.
fn nesting(claims: &[Vec<Claim>], gives_way: &[bool]) -> Vec<Vec<usize>> {
    let mut staying = Folders::default();
    let mut leaving = Folders::default();
    for (index, claims) in claims.iter().enumerate() {
        let folders = if gives_way[index] { &mut leaving } else { &mut staying };
        for claim in claims {
            match claim {
                Claim::Path(path) => folders.paths.insert(path, index),
                Claim::Mount(path) => folders.mounts.insert(path, index),
                _ => {}
            }
        }
    }
    let above = |path: &Path, index: usize| -> Option<usize> {
        let stays = staying.nearest(path, index);
        match (gives_way[index].then(|| leaving.nearest(path, index)).flatten(), stays) {
            (Some((up, found)), Some((further, _))) if up <= further => Some(found),
            (Some((_, found)), None) | (_, Some((_, found))) => Some(found),
            (None, None) => None,
        }
    };
    let inside = claims.iter().enumerate().map(|(index, claims)| {
        let paths = claims.iter().filter_map(|claim| match claim {
            Claim::Path(path) | Claim::Part(path, _) | Claim::Mount(path) => above(path, index),
            _ => None,
        });
        let mut found: Vec<usize> = paths.collect();
        dedup(&mut found);
        found
    });
    inside.collect()
}

/// Folders and mount points, and who claims them.
#[derive(Default)]
struct Folders<'c> {
    paths: Places<&'c PathBuf, usize>,
    mounts: Places<&'c PathBuf, usize>,
}

impl Folders<'_> {
    /// Who claims the nearest folder above a path, and how many names lie between. At the same path a mount comes before a folder.
    fn nearest(&self, path: &Path, but: usize) -> Option<(usize, usize)> {
        let nearest = |places: &Places<&PathBuf, usize>| {
            places.above(path).find(|(up, found)| *up > 0 && **found != but).map(|(up, found)| (up, *found))
        };
        match (nearest(&self.mounts), nearest(&self.paths)) {
            (Some(mount), Some(folder)) if mount.0 <= folder.0 => Some(mount),
            (mount, folder) => folder.or(mount),
        }
    }
}

/// Those that have parts of the same file come one after the other, in the order that there is: each rewrites all of it.
fn one_after_the_other(claims: &[Vec<Claim>], order: &[usize], after: &mut [Vec<usize>]) {
    let mut last: HashMap<&Path, usize> = HashMap::new();
    for index in order {
        for claim in &claims[*index] {
            if let Claim::Part(path, _) = claim
                && let Some(before) = last.insert(path, *index)
            {
                after[*index].push(before);
                dedup(&mut after[*index]);
            }
        }
    }
}

/// One circle among the nodes that could not be ordered, its first name again at its end.
fn circle(drafts: &[Draft], after: &[Vec<usize>], waiting: &[usize]) -> Vec<Arc<str>> {
    let Some(mut at) = waiting.iter().position(|count| *count > 0) else { return Vec::new() };
    let mut path: Vec<usize> = Vec::new();
    loop {
        if let Some(start) = path.iter().position(|seen| *seen == at) {
            let mut names: Vec<Arc<str>> = path[start..].iter().map(|index| drafts[*index].name.clone()).collect();
            names.push(drafts[at].name.clone());
            return names;
        }
        path.push(at);
        match after[at].iter().find(|before| waiting[**before] > 0) {
            Some(before) => at = *before,
            None => return Vec::new(),
        }
    }
}

/// The folder that a spec's relative paths start from.
pub fn folder_of(spec: &Path) -> PathBuf {
    match spec.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
