//! The picture as data.

use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;
use serde_json::{Value as Json, json};

use super::{Picture, layout};

impl Picture {
    /// The graph as JSON: roles, each with how far it is from the start, and what comes before what.
    pub fn json(&self) -> Json {
        let levels = layout::levels(&self.graph);
        let roles = self.graph.node_indices().map(|index| {
            let part = &self.graph[index];
            let mut role = json!({
                "role": &*part.role,
                "is": part.is,
                "type": part.concrete,
                "state": part.state,
                "why": part.why.as_deref(),
                "disposable": part.disposable,
                "level": levels[index.index()],
            });
            if let Some(whole) = &part.part_of {
                role["part_of"] = json!(&**whole);
            }
            role
        });
        let edges = self.graph.edge_references().map(|edge| {
            let name = |index: NodeIndex| &*self.graph[index].role;
            json!({ "from": name(edge.source()), "to": name(edge.target()), "kind": edge.weight() })
        });
        json!({
            "name": self.name,
            "why": self.why,
            "roles": roles.collect::<Vec<_>>(),
            "edges": edges.collect::<Vec<_>>(),
        })
    }
}
