//! The spec, laid out as `seed fmt` does.

use std::time::{Duration, Instant};

use seed_spec::diagnostic::Edit;
use seed_spec::{FileId, Source, Span};
use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};

use crate::Snapshot;

/// How long two texts are compared.
const PATIENCE: Duration = Duration::from_millis(50);

/// The edits that lay the spec's text out: only of the lines that change, so that cursors and marks stay.
/// None for a text that is not well-formed.
pub fn formatting(snapshot: &Snapshot) -> Vec<Edit> {
    match seed_spec::format::format(&snapshot.source, FileId(0)) {
        Some(new) => line_edits(&snapshot.source, &new),
        None => Vec::new(),
    }
}

/// The edits, of whole lines, that make one text of another.
fn line_edits(source: &Source, new: &str) -> Vec<Edit> {
    let old: Vec<&str> = source.text().split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut starts = vec![0];
    starts.extend(old.iter().scan(0, |end, line| {
        *end += line.len();
        Some(*end)
    }));
    // Texts that have little in common are replaced in larger pieces rather than compared for long.
    let deadline = Instant::now() + PATIENCE;
    capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(deadline))
        .into_iter()
        .filter(|change| change.tag() != DiffTag::Equal)
        .map(|change| Edit {
            span: Span::new(FileId(0), starts[change.old_range().start], starts[change.old_range().end]),
            text: new[change.new_range()].concat(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    #[test]
    fn only_lines_that_change_are_edited() {
        let source = Source::new("a", "one\ntwo\nthree\nfour");
        let edits = line_edits(&source, "one\n2\n3\nthree\nfour\n");
        let shown: Vec<_> = edits.iter().map(|edit| (source.slice(edit.span), edit.text.as_str())).collect();
        assert_eq!(shown, [("two\n", "2\n3\n"), ("four", "four\n")]);
        assert_eq!(line_edits(&source, source.text()), []);
    }

    #[test]
    fn a_spec_is_laid_out_and_then_stays() {
        let spec =
            "seed: 1\nname: a # lab  \nroles:\n    image:\n        is: disk.image\n        path: ./a\n        size: 1 GiB\n";
        let after = check(spec, |Fixture { snapshot, .. }| Fixture::apply(snapshot, &formatting(snapshot)));
        assert_eq!(after, "seed: 1\nname: a # lab\nroles:\n  image:\n    is: disk.image\n    path: ./a\n    size: 1 GiB\n");
        assert_eq!(check(&after, |fixture| formatting(&fixture.snapshot).len().to_string()), "0");
    }

    #[test]
    fn a_text_that_is_not_well_formed_stays() {
        assert_eq!(check("seed:   1\nroles: [\n", |fixture| formatting(&fixture.snapshot).len().to_string()), "0");
    }
}
