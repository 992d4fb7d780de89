//! Selecting more and more around the cursor.

use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::locate;

/// The spans around an offset of the spec's text, the innermost first, each within the next.
pub fn selections(snapshot: &Snapshot, offset: usize) -> Vec<Span> {
    let whole = Span::new(FileId(0), 0, snapshot.source.text().len());
    let spec = snapshot.spec().filter(|_| snapshot.is_current());
    let Some((spec, located)) = spec.and_then(|spec| Some((spec, locate::locate(spec, offset)?))) else { return vec![whole] };
    let trimmed = |span: Span| {
        let text = spec.source.slice(span);
        Span { end: span.start + text.trim_end().len() as u32, ..span }
    };
    let mut spans = Vec::new();
    for (nth, (key, node)) in located.nodes.iter().enumerate().rev() {
        let value = trimmed(spec.tree.node(*node).span);
        let innermost = nth + 1 == located.nodes.len();
        match key {
            Some(key) => {
                let key = spec.tree.node(*key).span;
                if innermost && located.on_key {
                    spans.push(key);
                } else {
                    spans.push(value);
                }
                spans.push(Span { end: value.end.max(key.end), ..key });
            }
            None => spans.push(value),
        }
    }
    spans.push(whole);
    let mut nested: Vec<Span> = Vec::new();
    for span in spans {
        let fits = nested.last().is_none_or(|last| span.start <= last.start && last.end <= span.end && span != *last);
        if fits && span.touches(offset) {
            nested.push(span);
        }
    }
    nested
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    #[test]
    fn each_span_holds_the_one_before() {
        let spec = "seed: 1\nname: a\nroles:\n  image:\n    is: disk.ima$0ge\n    path: ./a\n";
        let shown = check(spec, |Fixture { snapshot, offset }| {
            let shown = selections(snapshot, *offset).into_iter().map(|span| snapshot.slice(span).trim().replace('\n', "/"));
            shown.collect::<Vec<_>>().join("\n")
        });
        assert_eq!(
            shown,
            "disk.image\nis: disk.image\nis: disk.image/    path: ./a\nimage:/    is: disk.image/    path: ./a\n\
             roles:/  image:/    is: disk.image/    path: ./a\n\
             seed: 1/name: a/roles:/  image:/    is: disk.image/    path: ./a\n\
             seed: 1/name: a/roles:/  image:/    is: disk.image/    path: ./a"
        );
    }
}
