//! The picture for Mermaid, which draws it in Markdown.

use std::fmt::Write;

use petgraph::visit::EdgeRef;
use seed_spec::analysis::State;

use super::{Picture, Tie, palette};
use crate::node::Whole;

impl Picture {
    /// The graph in Mermaid's language.
    pub fn mermaid(&self) -> String {
        let mut out = format!("---\ntitle: {}\n---\nflowchart LR\n", serde_json::json!(self.name));
        for index in self.graph.node_indices() {
            let part = &self.graph[index];
            let (role, is) = (escaped(&part.role), escaped(&part.is));
            let _ = writeln!(out, "  n{}[\"<b>{role}</b><br>{is}\"]:::{}", index.index(), part.collection());
        }
        let mut number = 0;
        self.outermost().for_each(|whole| self.subgraph(whole, 1, &mut number, &mut out));
        for edge in self.graph.edge_references() {
            let _ = writeln!(out, "  n{} --> n{}", edge.source().index(), edge.target().index());
        }
        for tie in self.ties() {
            let look = match tie {
                Tie::Foundation => "stroke-width:2.5px",
                Tie::Reference => continue,
                Tie::Folder => "stroke-dasharray:1 4",
                Tie::Needs => "stroke-dasharray:6 4",
                Tie::About => "stroke-dasharray:2 3",
            };
            // Links go by the order in which they stand above.
            let links = self.graph.edge_references().enumerate().filter(|(_, edge)| *edge.weight() == tie);
            let links: Vec<String> = links.map(|(number, _)| number.to_string()).collect();
            let _ = writeln!(out, "  linkStyle {} {look}", links.join(","));
        }
        for collection in self.collections() {
            let light = palette::shade(collection).light;
            let _ = writeln!(out, "  classDef {collection} fill:{},stroke:{},color:#1e293b", light.fill, light.line);
        }
        let aside: Vec<String> = self
            .graph
            .node_indices()
            .filter(|index| self.graph[*index].state != State::Present)
            .map(|index| format!("n{}", index.index()))
            .collect();
        if !aside.is_empty() {
            let _ = writeln!(out, "  classDef aside stroke-dasharray:5 4\n  class {} aside", aside.join(","));
        }
        out
    }
}

impl Picture {
    /// A composite role: a box around its parts. Those without any are left out, as Mermaid draws no empty box.
    fn subgraph(&self, whole: &Whole, depth: usize, number: &mut usize, out: &mut String) {
        let (parts, inner) = self.inside(whole);
        if parts.is_empty() && inner.is_empty() {
            return;
        }
        let indent = "  ".repeat(depth);
        let _ = writeln!(out, "{indent}subgraph w{number}[\"{}\"]", escaped(&whole.name));
        *number += 1;
        for part in parts {
            let _ = writeln!(out, "{indent}  n{}", part.index());
        }
        inner.into_iter().for_each(|inner| self.subgraph(inner, depth + 1, number, out));
        let _ = writeln!(out, "{indent}end");
    }
}

/// A text in a label: what has a meaning to Mermaid or HTML stands there by its number.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_alphanumeric() || " ._-[]→/:,()".contains(character) {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "#{};", u32::from(character));
        }
    }
    escaped
}
