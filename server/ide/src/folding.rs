//! What can be folded away: keys whose values take several lines, and blocks of comments.

use seed_spec::tree::NodeKind;

use crate::Snapshot;

/// Lines that can be folded into the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fold {
    /// The line that stays, from 0.
    pub first: usize,
    /// The last line that goes.
    pub last: usize,
    /// Whether it is a comment.
    pub comment: bool,
}

/// The folds of the spec's text.
pub fn folds(snapshot: &Snapshot) -> Vec<Fold> {
    let Some(spec) = snapshot.spec().filter(|_| snapshot.is_current()) else { return Vec::new() };
    let source = &spec.source;
    let mut folds = Vec::new();
    for node in &spec.tree.nodes {
        let pairs: Vec<(usize, usize)> = match &node.kind {
            NodeKind::Map(pairs) => {
                let span = |id| spec.tree.node(id).span;
                pairs.iter().map(|(key, value)| (span(*key).start as usize, span(*value).end as usize)).collect()
            }
            NodeKind::List(items) => {
                items.iter().map(|item| spec.tree.node(*item).span).map(|span| (span.start as usize, span.end as usize)).collect()
            }
            _ => continue,
        };
        for (start, end) in pairs.into_iter().filter(|(start, end)| start < end) {
            let text = source.text().get(start..end).unwrap_or("");
            let last = source.line_of(start + text.trim_end().len().saturating_sub(1));
            let first = source.line_of(start);
            if last > first {
                folds.push(Fold { first, last, comment: false });
            }
        }
    }
    comments(snapshot, &mut folds);
    folds.sort_unstable();
    folds.dedup_by_key(|fold| (fold.first, fold.last));
    folds
}

fn comments(snapshot: &Snapshot, folds: &mut Vec<Fold>) {
    let source = &snapshot.source;
    let mut first = None;
    for number in 0..=source.line_count() {
        let comment = number < source.line_count() && source.line(number).trim_start().starts_with('#');
        match (comment, first) {
            (true, None) => first = Some(number),
            (false, Some(start)) => {
                if number - start > 1 {
                    folds.push(Fold { first: start, last: number - 1, comment: true });
                }
                first = None;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    #[test]
    fn sections_roles_values_and_comments_fold() {
        let spec = "# one\n# two\nseed: 1\nname: a\nroles:\n  image:\n    is: disk.image\n    path: ./a\n\n  note:\n    is: file.text\n    \
                    content: |\n      x\n      y\n";
        let shown = check(spec, |Fixture { snapshot, .. }| {
            let lines = folds(snapshot).into_iter().map(|fold| format!("{}-{}", fold.first + 1, fold.last + 1));
            lines.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(shown, "1-2 5-14 6-8 10-14 12-14");
    }
}
