//! The picture as data.

use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;
use serde_json::{Value as Json, json};

use super::{NOTE, Picture, layout};

impl Picture {
    /// The graph as JSON: roles, each with how far it is from the start, what comes before what, and the notes that were added.
    pub fn json(&self) -> Json {
        let levels = layout::levels(&self.graph);
        let (notes, roles): (Vec<_>, Vec<_>) = self
            .graph
            .node_indices()
            .map(|index| {
                let part = &self.graph[index];
                if part.concrete == NOTE {
                    return json!({ "note": &*part.role, "place": part.is, "level": levels[index.index()] });
                }
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
            })
            .partition(|one| one.get("note").is_some());
        let edges = self.graph.edge_references().map(|edge| {
            let name = |index: NodeIndex| &*self.graph[index].role;
            json!({ "from": name(edge.source()), "to": name(edge.target()), "kind": edge.weight() })
        });
        let mut picture = json!({
            "name": self.name,
            "why": self.why,
            "roles": roles,
            "edges": edges.collect::<Vec<_>>(),
        });
        if !notes.is_empty() {
            picture["notes"] = json!(notes);
        }
        picture
    }
}
