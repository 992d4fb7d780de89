//! Whether what lies in a mount that a role makes still lies in that one: somebody may have mounted another file system over it, or
//! over a folder on the way. That one is not Seed's, and nothing is written into it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use seed_role::claim::Claim;
use seed_role::host::mount::holding;
use seed_role::host::{Host, Mount};
use seed_role::{Result, Role};

use crate::node::Graph;

/// The mount points that roles make, and which role makes each.
#[derive(Default)]
pub struct Shelters(HashMap<PathBuf, usize>);

/// A path of a role that lies in a mount of another.
#[derive(Clone, Debug)]
pub struct Sheltered {
    /// The path.
    path: PathBuf,
    /// The node that makes the mount.
    pub by: usize,
    /// Where that is mounted.
    at: PathBuf,
}

impl Shelters {
    /// Those of a graph.
    pub fn of(graph: &Graph) -> Self {
        let mut points = HashMap::new();
        for (index, node) in graph.nodes.iter().enumerate().filter(|(_, node)| !node.aside) {
            for claim in node.role.iter().flat_map(|role| role.claims()) {
                if let Claim::Mount(at) = claim {
                    // What comes there counts, rather than what goes.
                    match node.gives_way {
                        true => drop(points.entry(at).or_insert(index)),
                        false => drop(points.insert(at, index)),
                    }
                }
            }
        }
        Shelters(points)
    }

    /// The paths of a node that lie in mounts of others.
    pub fn around(&self, graph: &Graph, node: usize) -> Vec<Sheltered> {
        let Some(role) = graph.nodes[node].role.as_ref().filter(|_| !self.0.is_empty()) else { return Vec::new() };
        let paths = role.claims().into_iter().filter_map(|claim| match claim {
            Claim::Path(path) | Claim::Part(path, _) => Some(path),
            // It is mounted on a folder in the one around it.
            Claim::Mount(path) => path.parent().map(Path::to_path_buf),
            _ => None,
        });
        let around = |path: PathBuf| {
            let found = path.ancestors().find_map(|above| Some((above, *self.0.get(above)?)));
            let (at, by) = found.filter(|(_, by)| *by != node)?;
            Some(Sheltered { at: at.to_path_buf(), by, path })
        };
        paths.filter_map(around).collect()
    }

    /// Whether anything is mounted where the mount should be in which a path lies.
    pub fn is_mounted(table: &[Mount], sheltered: &Sheltered) -> bool {
        holding(table, &sheltered.at).is_some_and(|found| found.at == sheltered.at)
    }

    /// What is mounted between a path and the mount that it should lie in, and is no role's; none if nothing is.
    pub fn between<'t>(&self, table: &'t [Mount], sheltered: &Sheltered) -> Option<&'t Mount> {
        let (found, around) = (holding(table, &sheltered.path)?, holding(table, &sheltered.at)?);
        (found.id != around.id && !self.0.contains_key(&found.at) && found.fs_type != "autofs").then_some(found)
    }
}

/// The roles that make the mounts in which others lie. Whether something hides what they have mounted is looked at once for each state of
/// the mount table.
pub(crate) struct Makers {
    roles: BTreeMap<usize, Box<dyn Role>>,
    known: Mutex<Known>,
}

/// What was found out for one state of the mount table: by node what hides it, in words.
#[derive(Default)]
struct Known {
    table: Arc<Vec<Mount>>,
    hidden: BTreeMap<usize, Option<String>>,
}

impl Makers {
    /// These, by their nodes.
    pub fn new(roles: BTreeMap<usize, Box<dyn Role>>) -> Self {
        Makers { roles, known: Mutex::default() }
    }

    /// What hides what one of them has mounted, in words.
    pub fn hidden(&self, host: &dyn Host, maker: usize) -> Result<Option<String>> {
        let Some(role) = self.roles.get(&maker) else { return Ok(None) };
        let table = host.mounts()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.table != table {
            *known = Known { table, ..Known::default() };
        }
        if let Some(hidden) = known.hidden.get(&maker) {
            return Ok(hidden.clone());
        }
        let hidden = role.hidden(host)?;
        known.hidden.insert(maker, hidden.clone());
        Ok(hidden)
    }
}

/// Why a role whose mount another hides is not touched.
pub fn over_it(hidden: &str) -> String {
    format!("another file system is mounted over it: {hidden}. Unmount that first")
}

/// Why a role that lies in such a mount is not touched.
pub fn over_its_shelter(name: &str, hidden: &str) -> String {
    format!("is inside {name}, over which another file system is mounted: {hidden}. Unmount that first")
}

/// Why a role is not touched that lies in a mount which is not there.
pub fn not_mounted(name: &str) -> String {
    format!("is inside {name}, which is not mounted: mount that first")
}

/// Why a role is not touched that does not lie in the mount where it should.
pub fn in_between(name: &str, between: &Mount) -> String {
    let (kind, at) = (&between.fs_type, between.at.display());
    format!("is inside {name}, but another file system is mounted in between: {kind} on {at}. Unmount it, or add a role for it")
}
