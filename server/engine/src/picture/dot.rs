//! The picture for Graphviz.

use std::fmt::Write;

use petgraph::dot::{Config, Dot};
use petgraph::graph::EdgeReference;
use petgraph::graph::NodeIndex;
use seed_role::terminal::acts;
use seed_spec::analysis::State;

use super::{Part, Picture, Tie, palette, text};
use crate::node::Whole;

impl Picture {
    /// The graph in Graphviz's language.
    pub fn dot(&self) -> String {
        let content = Dot::with_attr_getters(
            &self.graph,
            &[Config::GraphContentOnly, Config::NodeNoLabel, Config::EdgeNoLabel],
            &|_, edge: EdgeReference<'_, Tie>| edge_attributes(*edge.weight()).to_string(),
            &|_, (_, part): (NodeIndex, &Part)| node_attributes(part),
        );
        let header = "    graph [rankdir=LR, nodesep=0.25, ranksep=0.6]\n    \
                      node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=11]\n    \
                      edge [arrowsize=0.7, color=\"#64748b\"]\n";
        let mut clusters = String::new();
        self.outermost().for_each(|whole| self.cluster(whole, 1, &mut clusters));
        format!("digraph {} {{\n{header}{content:?}{clusters}}}\n", quoted(&self.name))
    }

    /// A composite role: a box around its parts.
    fn cluster(&self, whole: &Whole, depth: usize, out: &mut String) {
        let indent = "    ".repeat(depth);
        let label = text::escaped(&format!("{} ({})", whole.name, whole.is));
        let _ = writeln!(out, "{indent}subgraph {} {{", quoted(&format!("cluster_{}", whole.name)));
        let _ = writeln!(out, "{indent}    label=<{label}>; style=\"rounded,dashed\"; color=\"#94a3b8\"; fontsize=10;");
        let (parts, inner) = self.inside(whole);
        for part in parts {
            let _ = writeln!(out, "{indent}    {};", part.index());
        }
        inner.into_iter().for_each(|inner| self.cluster(inner, depth + 1, out));
        let _ = writeln!(out, "{indent}}}");
    }
}

fn node_attributes(part: &Part) -> String {
    let shade = palette::shade(part.collection());
    let style = match part.state {
        State::Present => "rounded,filled",
        State::Absent | State::Info => "rounded,filled,dashed",
    };
    let label = format!("<<b>{}</b><br/><font point-size=\"9\">{}</font>>", text::escaped(&part.role), text::escaped(&part.is));
    let tooltip = quoted(part.why.as_deref().unwrap_or(&part.role));
    format!(
        "label={label}, tooltip={tooltip}, style={}, fillcolor={}, color={}",
        quoted(style),
        quoted(shade.light.fill),
        quoted(shade.light.line)
    )
}

fn edge_attributes(tie: Tie) -> &'static str {
    match tie {
        Tie::Foundation => "penwidth=1.6",
        Tie::Reference => "penwidth=1",
        Tie::Folder => "style=dotted",
        Tie::Needs => "style=dashed",
        Tie::About => "style=dashed, arrowhead=none",
    }
}

/// A quoted string: in it a quote ends it and a backslash begins an escape. What would act on a terminal is left out.
fn quoted(text: &str) -> String {
    let text: String = text.chars().filter(|letter| *letter == '\n' || !acts(*letter)).collect();
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
