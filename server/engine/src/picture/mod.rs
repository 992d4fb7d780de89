//! The graph of a spec as a picture: for Graphviz, for Mermaid, as JSON, and as an SVG that is laid out here.
//!
//! All of them point from what comes first to what comes after it.

mod dot;
mod json;
mod layout;
mod mermaid;
mod palette;
mod svg;
mod text;

use std::collections::HashSet;
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};
use seed_spec::analysis::{Analysis, State};

use crate::node::{Graph, Node, Whole};
use crate::stored;

/// Why a role comes after another. Where several reasons hold, the strongest: that which is first here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tie {
    /// It rests on the device or file of the other: made anew when the other is.
    Foundation,
    /// It uses an output of the other in a text.
    Reference,
    /// It lies in a folder that the other provides.
    Folder,
    /// It says so under `needs`.
    Needs,
    /// It is a note about the other.
    About,
}

impl Tie {
    const ALL: [Tie; 5] = [Tie::Foundation, Tie::Reference, Tie::Folder, Tie::Needs, Tie::About];

    /// The words along the arrow, from the earlier role to the later one: "loop carries pool".
    fn along(self) -> &'static str {
        match self {
            Tie::Foundation => "carries",
            Tie::Reference => "is used by",
            Tie::Folder => "contains",
            Tie::Needs => "is needed by",
            Tie::About => "has the note",
        }
    }

    /// The words between the later role and the earlier one: "pool rests on loop".
    fn words(self) -> &'static str {
        match self {
            Tie::Foundation => "rests on",
            Tie::Reference => "uses",
            Tie::Folder => "is inside",
            Tie::Needs => "needs",
            Tie::About => "is about",
        }
    }
}

/// A note that is drawn beside the roles that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is called.
    pub title: String,
    /// Its file, relative to the project.
    pub path: String,
    /// Its line, from 1.
    pub line: u32,
    /// The roles that it links to, by their names in the spec.
    pub roles: Vec<String>,
}

/// What stands for the collection and the type of a note.
const NOTE: &str = "note";

/// A role in the picture, or a note.
#[derive(Clone, Debug)]
struct Part {
    role: Arc<str>,
    /// Its type, as [`Node::type_words`] says it.
    is: String,
    /// The concrete type alone.
    concrete: &'static str,
    why: Option<Arc<str>>,
    state: State,
    disposable: bool,
    /// The composite role that it is a part of.
    part_of: Option<Arc<str>>,
}

impl Part {
    fn collection(&self) -> &'static str {
        self.concrete.split_once('.').map_or(self.concrete, |(collection, _)| collection)
    }
}

/// The roles of a spec and what ties them, ready to be drawn.
#[derive(Clone, Debug)]
pub struct Picture {
    name: String,
    why: Option<String>,
    graph: DiGraph<Part, Tie>,
    /// The composite roles, each behind the one that it is a part of.
    wholes: Vec<Whole>,
}

impl Picture {
    /// The picture of a spec's graph. Orphans, which only the journal knows, are not in it.
    pub fn new(analysis: &Analysis, graph: &Graph) -> Picture {
        let mut picture = DiGraph::with_capacity(graph.nodes.len(), graph.nodes.len());
        let shown = |node: &Node| node.instance.is_some() && !node.aside;
        let parts: Vec<Option<NodeIndex>> =
            graph.nodes.iter().map(|node| shown(node).then(|| picture.add_node(part(node)))).collect();
        for (index, node) in graph.nodes.iter().enumerate() {
            let referred = referred(graph, node);
            // The order in which `after` lists them is that of the file, which is to change nothing.
            let mut after = node.after.clone();
            after.sort_unstable();
            for before in &after {
                if let (Some(from), Some(to)) = (parts[*before], parts[index]) {
                    picture.add_edge(from, to, tie(node, *before, &referred));
                }
            }
        }
        Picture {
            name: analysis.name.as_deref().unwrap_or("spec").to_string(),
            why: analysis.why.as_deref().map(str::to_string),
            graph: picture,
            wholes: graph.wholes.clone(),
        }
    }

    /// Adds notes, each behind the roles that it is about. One that is about none of the roles shown is left out.
    pub fn add_notes(&mut self, notes: &[Note]) {
        let roles: Vec<(NodeIndex, Arc<str>)> =
            self.graph.node_indices().map(|index| (index, self.graph[index].role.clone())).collect();
        for note in notes {
            // `dirs["a"]` and `box/image` come from the roles `dirs` and `box`.
            let is_about = |role: &str| note.roles.iter().any(|name| role.split(['[', '/']).next() == Some(name));
            let about: Vec<NodeIndex> = roles.iter().filter(|(_, role)| is_about(role)).map(|(index, _)| *index).collect();
            if about.is_empty() {
                continue;
            }
            let part = Part {
                role: note.title.as_str().into(),
                is: format!("{}:{}", note.path, note.line),
                concrete: NOTE,
                why: None,
                state: State::Present,
                disposable: false,
                part_of: None,
            };
            let drawn = self.graph.add_node(part);
            for role in about {
                self.graph.add_edge(role, drawn, Tie::About);
            }
        }
    }

    /// The collections that occur, in the order of the catalogue.
    fn collections(&self) -> Vec<&'static str> {
        let occurring: HashSet<&str> = self.graph.node_weights().map(Part::collection).collect();
        palette::collections().chain([NOTE]).filter(|name| occurring.contains(name)).collect()
    }

    /// The parts of a composite role, and the composite roles in it.
    fn inside(&self, whole: &Whole) -> (Vec<NodeIndex>, Vec<&Whole>) {
        let part_of = |part: &Option<Arc<str>>| part.as_ref() == Some(&whole.name);
        let parts = self.graph.node_indices().filter(|index| part_of(&self.graph[*index].part_of)).collect();
        (parts, self.wholes.iter().filter(|inner| part_of(&inner.part_of)).collect())
    }

    /// The composite roles that are a part of no other.
    fn outermost(&self) -> impl Iterator<Item = &Whole> {
        self.wholes.iter().filter(|whole| whole.part_of.is_none())
    }

    /// The kinds of ties that occur.
    fn ties(&self) -> Vec<Tie> {
        let occurring: HashSet<Tie> = self.graph.edge_weights().copied().collect();
        Tie::ALL.into_iter().filter(|tie| occurring.contains(tie)).collect()
    }
}

fn part(node: &Node) -> Part {
    Part {
        role: node.name.clone(),
        is: node.type_words(),
        concrete: node.role_type.name,
        why: node.why.clone(),
        state: node.state,
        disposable: node.disposable,
        part_of: node.part_of.clone(),
    }
}

fn referred(graph: &Graph, node: &Node) -> HashSet<usize> {
    let mut referred = HashSet::new();
    stored::references(&node.params.json, &mut |name| referred.extend(graph.by_name.get(name)));
    referred
}

fn tie(node: &Node, before: usize, referred: &HashSet<usize>) -> Tie {
    if node.rests_on.contains(&before) {
        Tie::Foundation
    } else if referred.contains(&before) {
        Tie::Reference
    } else if node.inside.contains(&before) {
        Tie::Folder
    } else {
        Tie::Needs
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
