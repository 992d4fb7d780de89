//! Facts from the graph: what needs what, and why in that order.

use std::collections::BTreeSet;
use std::sync::Arc;

use seed_engine::Node;
use seed_spec::{Analysis, RoleInstance, Span, State};

use super::{Deriver, Draft, Subject};
use crate::fact::{Claim, Kind};

/// Why a role comes after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It is made on the other's device or file.
    RestsOn,
    /// A parameter refers to it.
    Refers,
    /// Its path lies in the folder that the other provides.
    Inside,
    /// The spec says so.
    Needs,
}

impl Deriver<'_> {
    /// What `role` is made on, in words: "`left` and `right`".
    pub(super) fn below(&self, role: &RoleInstance) -> Option<String> {
        let node = self.graph.by_name.get(&role.name).map(|index| &self.graph.nodes[*index])?;
        let names: BTreeSet<&str> = node.rests_on.iter().map(|index| &*self.graph.nodes[*index].name).collect();
        let names: Vec<String> = names.into_iter().take(4).map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }

    /// The facts of the order.
    pub(super) fn order(&mut self) {
        let (graph, analysis) = (self.graph, self.analysis);
        for node in graph.nodes.iter().filter(|node| node.state != State::Absent) {
            for before in node.after.iter().copied() {
                let other = &graph.nodes[before];
                let (Some(thing), Some(below)) = (self.outermost(node, analysis), self.outermost(other, analysis)) else {
                    continue;
                };
                if thing == below {
                    continue;
                }
                let reason = reason(node, before, &other.name);
                let Some(instance) = node.instance.and_then(|number| analysis.role(number)) else { continue };
                let Some(info) = instance.types.first() else { continue };
                let span = span_of(instance, other, analysis);
                let subject = Subject {
                    thing,
                    name: self.things[thing].name.clone(),
                    file: instance.entry.0,
                    span: instance.name_span,
                    info,
                    share: 1.0,
                };
                let (name, below_name) = (self.things[thing].name.clone(), self.things[below].name.clone());
                let text = match reason {
                    Reason::RestsOn => format!("`{name}` is made on `{below_name}`, so `{below_name}` comes first"),
                    Reason::Refers => format!("`{name}` uses `{below_name}`, so `{below_name}` comes first"),
                    Reason::Inside => format!("`{name}` is in the folder of `{below_name}`, so `{below_name}` comes first"),
                    Reason::Needs => format!("`{name}` waits for `{below_name}`: the spec says that it needs it"),
                };
                let mut fact = Draft::new(text, 0.7, Claim::Needs(below));
                fact.span = Some(span);
                fact.question = format!("What must exist before `{name}` can be created, and why?");
                self.push(&subject, Kind::Depends, &below_name, fact);
            }
        }
    }

    /// The thing of a node, or of the composite role that it belongs to in the end.
    fn outermost(&self, node: &Node, analysis: &Analysis) -> Option<usize> {
        let mut name: Arc<str> = node.name.clone();
        let mut outer = node.part_of.clone();
        while let Some(whole) = outer {
            outer = analysis
                .composites
                .iter()
                .find(|one| one.name == whole)
                .and_then(|one| one.part_of)
                .map(|index| analysis.composites[index].name.clone());
            name = whole;
        }
        self.named.get(&name).copied()
    }
}

fn reason(node: &Node, before: usize, name: &str) -> Reason {
    if node.rests_on.contains(&before) {
        return Reason::RestsOn;
    }
    let mut refers = false;
    seed_engine::stored::references(&node.params.json, &mut |role| refers |= role == name);
    match refers {
        true => Reason::Refers,
        false if node.inside.contains(&before) => Reason::Inside,
        false => Reason::Needs,
    }
}

/// Where a role says that it needs another: the reference, `needs`, or else its name.
fn span_of(instance: &RoleInstance, other: &Node, analysis: &Analysis) -> Span {
    let mut found = None;
    for (_, value) in &instance.params {
        value.outputs(&mut |output, span| {
            if *output.role == *other.name {
                found.get_or_insert(span);
            }
        });
    }
    let needs = || {
        let entry = analysis.document(instance.entry.0)?.entries.get(instance.entry.1)?;
        instance.needs.contains(&other.name).then_some(entry.needs).flatten()
    };
    found.or_else(needs).unwrap_or(instance.name_span)
}
