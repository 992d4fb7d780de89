//! The variables of a spec: where each is defined, and whether they hold each other in a circle.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::interpolate::{self, Expr, Piece};
use super::{Document, Loaded};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{left_out, words};
use crate::text::FileId;
use crate::tree::{NodeId, NodeKind};

/// How deep variables may hold each other.
const MAX_CHAIN: usize = 64;

/// A variable as it is defined.
#[derive(Clone, Debug)]
pub(super) struct Var {
    pub file: FileId,
    pub key: NodeId,
    pub value: NodeId,
    /// Its value could not be read, which was told where it is written.
    pub broken: bool,
}

/// All variables of a spec and the files it includes.
#[derive(Debug, Default)]
pub(super) struct Vars {
    map: HashMap<Arc<str>, Var>,
    /// In the order written.
    pub order: Vec<Arc<str>>,
}

impl Vars {
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.map.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(|name| &**name)
    }

    pub fn mark_broken(&mut self, name: &str) {
        if let Some(var) = self.map.get_mut(name) {
            var.broken = true;
        }
    }
}

/// Collects the variables of all files. A file's own variable replaces that of a file it includes.
pub(super) fn collect(loaded: &[Loaded], documents: &[Document], diagnostics: &mut Vec<Diagnostic>) -> Vars {
    let mut vars = Vars::default();
    for (file, document) in loaded.iter().zip(documents) {
        let tree = &document.tree;
        let Some(node) = file.model.header.vars else { continue };
        if left_out(tree, node) {
            continue;
        }
        if !matches!(tree.follow(node).kind, NodeKind::Map(_)) {
            let message = format!("`vars` must be a mapping from names to values, found {}", words(tree, node));
            diagnostics.push(Diagnostic::error(Code::WrongType, tree.node(node).span, message));
            continue;
        }
        for (key, value) in tree.pairs(node).iter().copied() {
            let span = tree.node(key).span;
            let Some(name) = tree.scalar(key).cloned() else {
                let message = format!("the name of a variable must be a single value, found {}", words(tree, key));
                diagnostics.push(Diagnostic::error(Code::WrongType, span, message));
                continue;
            };
            if !interpolate::is_name(&name) {
                let message = format!("`{name}` is not a valid name for a variable");
                let help = "a name consists of letters, digits, `_` and `-`";
                diagnostics.push(Diagnostic::error(Code::BadName, span, message).help(help));
                continue;
            }
            match vars.map.get(&name) {
                // Twice in one file is told as a duplicate key.
                Some(known) if known.file == document.file || includes(loaded, known.file, document.file) => {}
                Some(known) => {
                    let other = documents[known.file.0 as usize].tree.node(known.key).span;
                    let message = format!("the variable `{name}` is defined in two included files");
                    let help = "define it in the file that includes both; that definition takes precedence";
                    diagnostics.push(
                        Diagnostic::error(Code::DuplicateKey, span, message).related(other, "also defined here").help(help),
                    );
                }
                None => {
                    vars.map.insert(name.clone(), Var { file: document.file, key, value, broken: false });
                    vars.order.push(name);
                }
            }
        }
    }
    cycles(&mut vars, documents, diagnostics);
    vars
}

/// Whether one file includes another, directly or through others.
fn includes(loaded: &[Loaded], outer: FileId, inner: FileId) -> bool {
    let mut file = inner;
    while let Some(parent) = loaded[file.0 as usize].parent {
        if parent == outer {
            return true;
        }
        file = parent;
    }
    false
}

/// The names of the variables that a value holds.
fn used(document: &Document, value: NodeId) -> Vec<Arc<str>> {
    let tree = &document.tree;
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    let mut open = vec![value];
    while let Some(node) = open.pop() {
        let node = tree.target(node);
        if !seen.insert(node) {
            continue;
        }
        match &tree.node(node).kind {
            NodeKind::Scalar(text, _) if text.contains(interpolate::OPEN) => {
                for piece in interpolate::pieces(text) {
                    if let Piece::Expr(inner, _) = piece
                        && let Ok(Expr::Var(name, _)) = interpolate::expr(inner)
                    {
                        names.push(name.into());
                    }
                }
            }
            NodeKind::List(items) => open.extend(items),
            NodeKind::Map(pairs) => open.extend(pairs.iter().flat_map(|(key, value)| [*key, *value])),
            _ => {}
        }
    }
    names
}

/// Finds variables that hold themselves, tells each circle once and marks its members broken.
fn cycles(vars: &mut Vars, documents: &[Document], diagnostics: &mut Vec<Diagnostic>) {
    let index: HashMap<&str, usize> = vars.order.iter().enumerate().map(|(at, name)| (&**name, at)).collect();
    let edges: Vec<Vec<usize>> = vars
        .order
        .iter()
        .map(|name| {
            let Some(var) = vars.get(name) else { return Vec::new() };
            let used = used(&documents[var.file.0 as usize], var.value);
            used.iter().filter_map(|name| index.get(&**name).copied()).collect()
        })
        .collect();
    let circles = super::graph::circles(&edges);
    deep(vars, &edges, documents, diagnostics);
    for circle in circles {
        let names: Vec<Arc<str>> = circle.iter().map(|at| vars.order[*at].clone()).collect();
        let Some(first) = names.first().and_then(|name| vars.get(name)) else { continue };
        let span = documents[first.file.0 as usize].tree.node(first.key).span;
        let mut path: Vec<&str> = names.iter().map(|name| &**name).collect();
        path.push(&names[0]);
        let mut diagnostic = Diagnostic::error(Code::Cycle, span, format!("variables refer to each other: {}", path.join(" → ")))
            .help("give one of them a value that uses none of the others");
        for name in &names[1..] {
            if let Some(var) = vars.get(name) {
                diagnostic =
                    diagnostic.related(documents[var.file.0 as usize].tree.node(var.key).span, format!("`{name}` is here"));
            }
        }
        diagnostics.push(diagnostic);
        names.iter().for_each(|name| vars.mark_broken(name));
    }
}

/// Tells of variables that hold each other too deep; those that hold them in turn are marked without a word.
fn deep(vars: &mut Vars, edges: &[Vec<usize>], documents: &[Document], diagnostics: &mut Vec<Diagnostic>) {
    let mut depth: Vec<Option<usize>> = vec![None; edges.len()];
    for start in 0..edges.len() {
        if depth[start].is_some() {
            continue;
        }
        let mut open = vec![(start, 0)];
        while let Some((node, next)) = open.last().copied() {
            if let Some(target) = edges[node].get(next) {
                open.last_mut().into_iter().for_each(|top| top.1 += 1);
                // What is open already is part of a circle, which is told as that.
                if depth[*target].is_none() {
                    depth[node] = Some(0);
                    open.push((*target, 0));
                }
            } else {
                depth[node] = Some(edges[node].iter().filter_map(|target| depth[*target]).max().map_or(0, |depth| depth + 1));
                open.pop();
            }
        }
    }
    for (at, depth) in
        depth.iter().enumerate().filter_map(|(at, depth)| Some((at, (*depth)?))).filter(|(_, depth)| *depth > MAX_CHAIN)
    {
        let name = vars.order[at].clone();
        if depth == MAX_CHAIN + 1
            && let Some(var) = vars.get(&name)
        {
            let span = documents[var.file.0 as usize].tree.node(var.key).span;
            let message = format!("with `{name}`, variables refer to each other more than {MAX_CHAIN} levels deep");
            diagnostics.push(Diagnostic::error(Code::TooLarge, span, message));
        }
        vars.mark_broken(&name);
    }
}
