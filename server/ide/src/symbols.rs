//! The outline of a spec: its variables and roles.

use seed_spec::shape::TypeInfo;
use seed_spec::tree::NodeKind;
use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::snapshot::{is_role_file, is_tasks_file};

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A section of the spec that holds the others: `vars`, `roles`.
    Section,
    /// A variable.
    Variable,
    /// A role.
    Role,
    /// A parameter of a role.
    Parameter,
}

/// A named thing, and those in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// What it is, beside the name: a role's type, a parameter's value.
    pub detail: String,
    /// What kind of symbol.
    pub kind: Kind,
    /// All of it.
    pub span: Span,
    /// Its name.
    pub name_span: Span,
    /// What is in it.
    pub children: Vec<Symbol>,
}

/// The longest value that is shown beside its parameter.
const DETAIL: usize = 60;

/// The symbols of the spec's own text: variables and roles with their parameters.
pub fn symbols(snapshot: &Snapshot) -> Vec<Symbol> {
    let Some(spec) = snapshot.spec().filter(|_| snapshot.is_current()) else { return Vec::new() };
    let tree = &spec.tree;
    let mut symbols = Vec::new();
    let root = tree.root.map(|root| &tree.node(root).kind);
    let Some(NodeKind::Map(pairs)) = root else { return symbols };
    for (key, value) in pairs {
        let name_span = tree.node(*key).span;
        let span = Span { end: tree.node(*value).span.end.max(name_span.end), ..name_span };
        let section = |name: &str, children| Symbol {
            name: name.into(),
            detail: String::new(),
            kind: Kind::Section,
            span,
            name_span,
            children,
        };
        match tree.scalar(*key).map(|name| &**name) {
            Some("vars") => {
                let vars = snapshot.analysis.vars.iter().filter(|var| var.span.file == FileId(0));
                let vars = vars.map(|var| Symbol {
                    name: var.name.to_string(),
                    detail: shortened(spec.source.slice(var.value.span)),
                    kind: Kind::Variable,
                    span: Span { end: var.value.span.end.max(var.span.end), ..var.span },
                    name_span: var.span,
                    children: Vec::new(),
                });
                symbols.push(section("vars", vars.collect()));
            }
            Some("roles") => symbols.push(section("roles", roles(spec, span))),
            Some(list @ ("present" | "absent" | "info")) if is_tasks_file(&spec.absolute) => {
                symbols.push(section(list, roles(spec, span)));
            }
            Some(list @ ("parameters" | "outputs")) if is_role_file(&spec.absolute) => {
                let pairs = tree.pairs(*value);
                let declared = pairs.iter().copied().map(|(key, value)| {
                    let name_span = tree.node(key).span;
                    Symbol {
                        name: tree.scalar(key).map(ToString::to_string).unwrap_or_default(),
                        detail: String::new(),
                        kind: Kind::Parameter,
                        span: Span { end: tree.node(value).span.end.max(name_span.end), ..name_span },
                        name_span,
                        children: Vec::new(),
                    }
                });
                symbols.push(section(list, declared.collect()));
            }
            _ => {}
        }
    }
    symbols
}

/// The entries of a file within a span.
fn roles(spec: &seed_spec::analysis::Document, within: Span) -> Vec<Symbol> {
    let role = |entry: &seed_spec::analysis::Entry| Symbol {
        name: entry.name.to_string(),
        detail: type_words(entry.is.as_ref().map_or("", |(is, _)| is), entry.info.as_deref()),
        kind: Kind::Role,
        span: Span { end: entry.span.end.max(entry.name_span.end), ..entry.span },
        name_span: entry.name_span,
        children: entry
            .keys
            .iter()
            // What a merge key brings is written elsewhere.
            .filter(|(_, name, _)| entry.span.start <= name.start && name.end <= entry.span.end)
            .map(|(name, name_span, value)| Symbol {
                name: name.to_string(),
                detail: shortened(spec.source.slice(*value)),
                kind: Kind::Parameter,
                span: Span { end: value.end.clamp(name_span.end, entry.span.end), ..*name_span },
                name_span: *name_span,
                children: Vec::new(),
            })
            .collect(),
    };
    let inside = |entry: &&seed_spec::analysis::Entry| within.start <= entry.name_span.start && entry.name_span.end <= within.end;
    spec.entries.iter().filter(inside).map(role).collect()
}

/// A role's type: what is written, and what it came to where that differs.
pub(crate) fn type_words(is: &str, info: Option<&TypeInfo>) -> String {
    match info {
        Some(info) if info.name != is => format!("{is} → {}", info.name),
        _ => is.to_string(),
    }
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or("").trim();
    match line.char_indices().nth(DETAIL) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None if text.trim_end().lines().count() > 1 => format!("{line} …"),
        None => line.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    fn shown(symbols: &[Symbol], snapshot: &Snapshot, depth: usize, text: &mut String) {
        for symbol in symbols {
            let indent = "  ".repeat(depth);
            let lines = snapshot.slice(symbol.span).trim_end().lines().count();
            text.push_str(&format!("{indent}{:?} {} ({}) {lines} lines\n", symbol.kind, symbol.name, symbol.detail));
            assert!(symbol.span.start <= symbol.name_span.start && symbol.name_span.end <= symbol.span.end);
            shown(&symbol.children, snapshot, depth + 1, text);
        }
    }

    #[test]
    fn roles_show_their_type_and_parameters() {
        let spec = "seed: 1\nname: a\nvars:\n  disk: 4 GiB\nroles:\n  image:\n    is: disk.image\n    path: ./a\n    \
                    size: ${vars.disk}\n  loop: {is: disk, kind: loop, backing: image}\n";
        let text = check(spec, |Fixture { snapshot, .. }| {
            let mut text = String::new();
            shown(&symbols(snapshot), snapshot, 0, &mut text);
            text
        });
        assert_eq!(
            text,
            "Section vars () 2 lines\n  Variable disk (4 GiB) 1 lines\nSection roles () 6 lines\n  \
             Role image (disk.image) 4 lines\n    Parameter path (./a) 1 lines\n    Parameter size (${vars.disk}) 1 lines\n  \
             Role loop (disk → disk.loop) 1 lines\n    Parameter backing (image) 1 lines\n"
        );
    }
}
