//! All roles by name: those of the spec, and those of each use of a composite role.

use std::collections::HashMap;
use std::sync::Arc;

use crate::analysis::composite::List;
use crate::analysis::composite::definition::Definitions;
use crate::analysis::composite::values::Slots;
use crate::analysis::reader::Each;
use crate::analysis::{Phases, State};
use crate::shape::TypeInfo;
use crate::text::{FileId, Span};
use crate::tree::NodeId;

/// A role before its parameters are read.
pub(in crate::analysis) struct Instance {
    pub name: Arc<str>,
    /// The file and the entry in it.
    pub entry: (FileId, usize),
    pub each: Option<Each>,
    pub types: Vec<Arc<TypeInfo>>,
    /// In which its names are looked up.
    pub frame: usize,
}

/// A use of a composite role.
pub(in crate::analysis) struct Composite {
    pub name: Arc<str>,
    /// The file and the entry in it.
    pub entry: (FileId, usize),
    pub each: Option<Each>,
    pub info: Arc<TypeInfo>,
    pub definition: usize,
    /// The keys and values that it gives to the parameters.
    pub params: Vec<(NodeId, NodeId)>,
    pub slots: Slots,
    pub state: State,
    /// In which the names of its own entry are looked up.
    pub frame: usize,
    /// The frame of what it is made of; none where it is read without a use of the role that it is a part of.
    pub main: Option<usize>,
    /// The frames of what takes the place of that for one of the states.
    pub instead: Vec<usize>,
    /// The name of the entry of the spec that all this is for.
    pub top: Span,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum Target {
    /// An index into [`RoleIndex::instances`].
    Role(usize),
    /// An index into [`RoleIndex::composites`].
    Composite(usize),
}

/// What became of an entry.
pub(in crate::analysis) enum Entered {
    /// One role.
    One(Target),
    /// A loop.
    Loop {
        /// By the key of the item.
        instances: Vec<(Arc<str>, Target)>,
        by_key: HashMap<Arc<str>, usize>,
        /// The keys of those whose `when` is false.
        left_out: Vec<Arc<str>>,
    },
    /// Its `when` is false.
    LeftOut,
    /// It could not be read, which was told.
    Unread,
}

/// The frame of the spec itself.
pub(in crate::analysis) const ROOT: usize = 0;

/// Entries that can name each other: those of the spec, or those of one list of a composite role in one use of it.
pub(in crate::analysis) struct Frame {
    /// What stands before the names of its instances: `outer/`.
    pub(super) prefix: Arc<str>,
    /// The role, if it is one of a role.
    pub definition: Option<(usize, List)>,
    /// The use of the role; none for the spec, and where the role is read without a use.
    pub composite: Option<usize>,
    /// The entries by name, for the spec.
    pub(super) names: HashMap<Arc<str>, usize>,
    pub(super) entered: Vec<Entered>,
    /// The state that all of it is led to, whatever its entries say.
    pub lead: Option<State>,
    pub phases: Phases,
    /// Its entries' own states hold, whatever state is asked for.
    pub literal: bool,
    /// It takes the place of what a role is made of.
    pub instead: bool,
}

impl Frame {
    pub(super) fn root() -> Self {
        Frame {
            prefix: "".into(),
            definition: None,
            composite: None,
            names: HashMap::new(),
            entered: Vec::new(),
            lead: None,
            phases: Phases::ALL,
            literal: false,
            instead: false,
        }
    }

    /// Whether it is a role's, read without a use of it: its parameters have shapes but no values.
    pub fn is_symbolic(&self) -> bool {
        self.definition.is_some() && self.composite.is_none()
    }

    pub(super) fn full_name(&self, name: &Arc<str>) -> Arc<str> {
        if self.prefix.is_empty() { name.clone() } else { format!("{}{name}", self.prefix).into() }
    }
}

/// All roles by name.
#[derive(Default)]
pub(in crate::analysis) struct RoleIndex {
    pub frames: Vec<Frame>,
    /// In the order written, parts in the place of the role that they are of.
    pub instances: Vec<Instance>,
    /// Those of the spec itself that their `when` leaves out, one of each entry: their mistakes are told all the same.
    pub left_out: Vec<Instance>,
    pub composites: Vec<Composite>,
    /// For each composite role, the frames in which its lists are read without a use.
    pub(super) prototypes: Vec<Vec<usize>>,
}

impl RoleIndex {
    pub fn entry(&self, definitions: &Definitions, frame: usize, name: &str) -> Option<&Entered> {
        let frame = &self.frames[frame];
        let place = match frame.definition {
            Some((definition, list)) => definitions.all[definition].names[list as usize].get(name),
            None => frame.names.get(name),
        };
        frame.entered.get(*place?)
    }

    pub fn names<'i>(&'i self, definitions: &'i Definitions, frame: usize) -> impl Iterator<Item = &'i str> {
        let frame = &self.frames[frame];
        let names = match frame.definition {
            Some((definition, list)) => &definitions.all[definition].names[list as usize],
            None => &frame.names,
        };
        names.keys().map(|name| &**name)
    }

    /// The names that stand for one role each, with what they stand for.
    pub fn known<'i>(&'i self, definitions: &'i Definitions, frame: usize) -> impl Iterator<Item = (&'i Arc<str>, Target)> {
        let frame = &self.frames[frame];
        let names = match frame.definition {
            Some((definition, list)) => &definitions.all[definition].names[list as usize],
            None => &frame.names,
        };
        let mut names: Vec<(&Arc<str>, usize)> = names.iter().map(|(name, place)| (name, *place)).collect();
        names.sort_unstable_by_key(|(_, place)| *place);
        names.into_iter().filter_map(|(name, place)| match frame.entered.get(place)? {
            Entered::One(target) => Some((name, *target)),
            _ => None,
        })
    }

    /// The output that is most likely meant by the bare name of a role.
    pub fn first_output(&self, definitions: &Definitions, frame: usize, role: &str) -> Option<String> {
        let Some(Entered::One(target)) = self.entry(definitions, frame, role) else { return None };
        let info = match target {
            Target::Role(instance) => self.instances[*instance].types.first()?,
            Target::Composite(composite) => &self.composites[*composite].info,
        };
        info.outputs.first().map(|output| output.name.to_string()).filter(|name| !name.contains('*'))
    }

    /// The names of the built-in roles that a role comes to.
    pub fn leaves(&self, target: Target) -> Vec<Arc<str>> {
        let mut leaves = Vec::new();
        let mut open = vec![target];
        while let Some(target) = open.pop() {
            match target {
                Target::Role(instance) => leaves.push(self.instances[instance].name.clone()),
                Target::Composite(composite) => {
                    let used = &self.composites[composite];
                    for frame in used.main.iter().chain(&used.instead) {
                        for entered in &self.frames[*frame].entered {
                            match entered {
                                Entered::One(target) => open.push(*target),
                                Entered::Loop { instances, .. } => open.extend(instances.iter().map(|(_, target)| *target)),
                                Entered::LeftOut | Entered::Unread => {}
                            }
                        }
                    }
                }
            }
        }
        leaves.reverse();
        leaves
    }
}

impl RoleIndex {
    pub(super) fn put(&mut self, frame: usize, name: &Arc<str>, entered: Entered) {
        let frame = &mut self.frames[frame];
        if !frame.names.contains_key(name) {
            frame.names.insert(name.clone(), frame.entered.len());
            frame.entered.push(entered);
        }
    }
}
