//! `${…}` in a scalar: what each names, and where.

use seed_spec::analysis::interpolate::{Expr, expr, places};
use seed_spec::{Source, Span};

/// What a `${…}` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A variable, `${vars.NAME}`: its name.
    Var(Span),
    /// An output of a role, `${ROLE.OUTPUT}` or `${ROLE[KEY].OUTPUT}`.
    Output {
        /// The name of the role, without the key.
        role: Span,
        /// The output.
        output: Span,
    },
    /// Something that is not of the spec: the environment, the element of a loop.
    Other,
}

/// What the `${…}` of a scalar name, as far as they can be read.
pub fn all(source: &Source, scalar: Span) -> Vec<Named> {
    let places = places(source, scalar).into_iter();
    places.filter_map(|(_, inner)| expr(source.slice(inner)).ok().map(|expr| named(inner, &expr))).collect()
}

/// The parts stand in order, and end where the expression ends.
fn named(inner: Span, expr: &Expr<'_>) -> Named {
    let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
    match expr {
        Expr::Var(name, _) => {
            let start = inner.start + length("vars.");
            Named::Var(Span { start, end: start + length(name), ..inner })
        }
        Expr::Output { role, output, .. } => Named::Output {
            role: Span { end: inner.start + length(role), ..inner },
            output: Span { start: inner.end - length(output), ..inner },
        },
        Expr::Env(_) | Expr::EachKey | Expr::EachValue(_) => Named::Other,
    }
}

/// Whether a value where a reference may stand is a path instead.
pub fn is_path(text: &str) -> bool {
    text.starts_with(['/', '~']) || text.starts_with("./") || text.starts_with("../") || text == "." || text == ".."
}

#[cfg(test)]
mod tests {
    use seed_spec::FileId;

    use super::*;

    #[test]
    fn all_kinds_are_told_apart() {
        let text = "a ${vars.disk.x} $${no} ${ pool.mount } ${dirs[a.b].path} ${env.HOME} ${each.key} ${a b} ${open";
        let source = Source::new("x", text);
        let named: Vec<_> = all(&source, Span::new(FileId(0), 0, text.len()))
            .into_iter()
            .map(|named| match named {
                Named::Var(name) => format!("var {}", source.slice(name)),
                Named::Output { role, output } => format!("output {} {}", source.slice(role), source.slice(output)),
                Named::Other => "other".into(),
            })
            .collect();
        assert_eq!(named, ["var disk", "output pool mount", "output dirs path", "other", "other"]);
    }
}
