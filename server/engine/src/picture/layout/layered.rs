//! A connected part of the graph in columns, with every line cut at the columns that it passes.

use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};

/// A box, or the place where a line passes a column.
pub(super) struct Vertex {
    pub column: usize,
    /// The node, if it is a box.
    pub node: Option<NodeIndex>,
    /// What it is tied to in the column before.
    pub before: Vec<usize>,
    /// What it is tied to in the next column.
    pub after: Vec<usize>,
}

/// The part in columns.
pub(super) struct Layered {
    pub vertices: Vec<Vertex>,
    /// The vertices of each column, from top to bottom.
    pub columns: Vec<Vec<usize>>,
    /// For each edge the vertices that its line leads through, both ends included.
    pub chains: Vec<(EdgeIndex, Vec<usize>)>,
}

impl Layered {
    /// Cuts a connected part into columns.
    pub fn new<N, E>(graph: &DiGraph<N, E>, levels: &[usize], part: &[NodeIndex]) -> Layered {
        let first = part.iter().map(|node| levels[node.index()]).min().unwrap_or(0);
        let last = part.iter().map(|node| levels[node.index()]).max().unwrap_or(0);
        let mut layered = Layered { vertices: Vec::new(), columns: vec![Vec::new(); last - first + 1], chains: Vec::new() };
        let mut vertex_of = std::collections::HashMap::with_capacity(part.len());
        for node in part {
            vertex_of.insert(*node, layered.add(levels[node.index()] - first, Some(*node)));
        }
        for node in part {
            // petgraph gives the newest edge first.
            let mut edges: Vec<EdgeIndex> = graph.edges(*node).map(|edge| petgraph::visit::EdgeRef::id(&edge)).collect();
            edges.sort_unstable();
            for edge in edges {
                let Some((_, target)) = graph.edge_endpoints(edge) else { continue };
                let chain = layered.chain(vertex_of[node], vertex_of[&target]);
                layered.chains.push((edge, chain));
            }
        }
        layered
    }

    fn add(&mut self, column: usize, node: Option<NodeIndex>) -> usize {
        self.columns[column].push(self.vertices.len());
        self.vertices.push(Vertex { column, node, before: Vec::new(), after: Vec::new() });
        self.vertices.len() - 1
    }

    fn chain(&mut self, from: usize, to: usize) -> Vec<usize> {
        let mut chain = vec![from];
        for column in self.vertices[from].column + 1..self.vertices[to].column {
            chain.push(self.add(column, None));
        }
        chain.push(to);
        for pair in chain.windows(2) {
            self.vertices[pair[0]].after.push(pair[1]);
            self.vertices[pair[1]].before.push(pair[0]);
        }
        chain
    }
}
