//! Mistakes of YAML's structure that are no mistakes of its syntax: keys that stand twice, tags, merge keys.

use std::collections::HashMap;

use super::SECRET_TAG;
use super::scalar::{self, Plain};
use crate::diagnostic::{Code, Diagnostic, ENOUGH};
use crate::model::{Model, removal, words};
use crate::nearest::nearest;
use crate::text::{Source, Span};
use crate::tree::{Node, NodeId, NodeKind, Tree};

/// Mappings of up to this many keys are compared pair by pair.
const FEW: usize = 12;

pub(super) fn check(source: &Source, tree: &Tree, model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    for (number, node) in tree.nodes.iter().enumerate() {
        if diagnostics.len() > ENOUGH {
            return;
        }
        if let NodeKind::Map(pairs) = &node.kind {
            let code = if model.role_map == Some(NodeId(number as u32)) { Code::DuplicateRole } else { Code::DuplicateKey };
            duplicates(source, tree, pairs, code, diagnostics);
            merges(tree, pairs, diagnostics);
        }
        if let Some(tag) = &node.tag {
            diagnostics.extend(tagged(source, tree, NodeId(number as u32), node, tag));
        }
    }
}

fn duplicates(source: &Source, tree: &Tree, pairs: &[(NodeId, NodeId)], code: Code, diagnostics: &mut Vec<Diagnostic>) {
    let mut tell = |first: NodeId, (key, value): (NodeId, NodeId), name: &str| {
        let (span, value) = (tree.node(key).span, tree.node(value).span);
        let message = match code {
            Code::DuplicateRole => format!("a role named `{name}` already exists"),
            _ => format!("the key `{name}` appears twice in this mapping"),
        };
        let mut diagnostic = Diagnostic::error(code, span, message).related(tree.node(first).span, "first defined here");
        if let Some(lines) = removal(source, span, value) {
            diagnostic = diagnostic.fix(format!("Remove this `{name}`"), lines, "");
        }
        diagnostics.push(diagnostic);
    };
    if pairs.len() <= FEW {
        for (at, (key, value)) in pairs.iter().enumerate() {
            let Some(name) = tree.scalar(*key) else { continue };
            if let Some((first, _)) = pairs[..at].iter().find(|(other, _)| tree.scalar(*other) == Some(name)) {
                tell(*first, (*key, *value), name);
            }
        }
        return;
    }
    let mut seen: HashMap<&str, NodeId> = HashMap::with_capacity(pairs.len());
    let mut told = 0;
    for (key, value) in pairs {
        let Some(name) = tree.scalar(*key) else { continue };
        if told > ENOUGH {
            return;
        }
        match seen.get(&**name) {
            Some(first) => {
                tell(*first, (*key, *value), name);
                told += 1;
            }
            None => {
                seen.insert(name, *key);
            }
        }
    }
}

/// A merge key has a mapping behind it, or a list of mappings.
fn merges(tree: &Tree, pairs: &[(NodeId, NodeId)], diagnostics: &mut Vec<Diagnostic>) {
    let is_map = |id: NodeId| matches!(tree.follow(id).kind, NodeKind::Map(_));
    for (_, value) in pairs.iter().filter(|(key, _)| tree.is_merge(*key)) {
        let good = match &tree.follow(*value).kind {
            NodeKind::Map(_) => true,
            NodeKind::List(items) => items.iter().all(|item| is_map(*item)),
            _ => false,
        };
        if !good {
            let message = format!("`<<` merges a mapping or a list of mappings, found {}", words(tree, *value));
            diagnostics.push(
                Diagnostic::error(Code::WrongType, tree.node(*value).span, message)
                    .help("name one by its anchor: `<<: *defaults`"),
            );
        }
    }
}

/// A tag that the language does not have, or that its value does not fit.
fn tagged(source: &Source, tree: &Tree, id: NodeId, node: &Node, tag: &str) -> Option<Diagnostic> {
    let text = match &node.kind {
        NodeKind::Scalar(text, _) => Some(&**text),
        _ => None,
    };
    let plain = text.map(scalar::plain);
    let fits = match tag {
        SECRET_TAG | "!" => true,
        "!!str" => text.is_some(),
        "!!int" => matches!(plain, Some(Plain::Int(_))),
        "!!float" => matches!(plain, Some(Plain::Int(_) | Plain::Float(_))),
        "!!bool" => matches!(plain, Some(Plain::Bool(_))),
        "!!null" => matches!(plain, Some(Plain::Null)),
        "!!map" => matches!(node.kind, NodeKind::Map(_)),
        "!!seq" => matches!(node.kind, NodeKind::List(_)),
        _ => {
            let span = place(source, node.span, tag);
            let known = [SECRET_TAG, "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq"];
            let diagnostic = Diagnostic::error(Code::UnknownTag, span, format!("the spec language has no tag `{tag}`"));
            return Some(match nearest(tag, known) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(format!("Change to `{near}`"), span, near),
                None => diagnostic.help("use `!secret` or a tag of YAML such as `!!str`; to begin text with `!`, quote it"),
            });
        }
    };
    // What an interpolation becomes is not known here.
    let open = text.is_some_and(|text| text.contains(super::interpolate::OPEN));
    (!fits && !open).then(|| {
        let what = text.map_or_else(|| words(tree, id).to_owned(), |text| format!("`{text}`"));
        Diagnostic::error(Code::WrongType, node.span, format!("{what} does not match its tag `{tag}`"))
    })
}

/// Where the tag of a node is written: before it, with at most an anchor between.
fn place(source: &Source, node: Span, tag: &str) -> Span {
    let before = &source.text()[..node.start as usize];
    match before.rfind(tag).filter(|at| before.len() - at < tag.len() + 256) {
        Some(at) => Span::new(node.file, at, at + tag.len()),
        None => node,
    }
}
