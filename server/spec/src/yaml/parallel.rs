//! Long texts are read in pieces, side by side: cut before a role, each piece is read as if it were taken up again
//! at a checkpoint, and the trees are joined. Whatever is not plain sailing is left to the sequential reader.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::builder::{Builder, Piece};
use crate::text::{FileId, Source};

/// Shorter texts are read before a thread has started.
const SHORTEST_PIECE: usize = 64 << 10;
/// More threads than these gain nothing that a person could notice.
const MOST_PIECES: usize = 4;

/// Reads a text in pieces. `Ok` with the whole; `Err` with a builder that holds what was read up to the first
/// piece that could not be, to go on from there.
pub(super) fn read<'s>(source: &'s Source, text: &str, file: FileId) -> Option<Result<Builder<'s>, Builder<'s>>> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get()).min(MOST_PIECES);
    read_in(source, text, file, (text.len() / SHORTEST_PIECE).min(cores))
}

/// The same in this many pieces.
fn read_in<'s>(source: &'s Source, text: &str, file: FileId, count: usize) -> Option<Result<Builder<'s>, Builder<'s>>> {
    let cuts = cuts(source, count);
    if cuts.is_empty() {
        return None;
    }
    let ends = cuts.iter().copied().skip(1).chain([text.len()]);
    let pieces: Vec<(usize, &str)> = cuts.iter().copied().zip(ends).map(|(start, end)| (start, &text[start..end])).collect();
    // One that is broken makes the others useless.
    let cancelled = AtomicBool::new(false);
    let (first, rest) = thread::scope(|scope| {
        let run = |&(start, body): &(usize, &str)| {
            let body = format!("{}{body}", Builder::CONTEXT);
            let mut builder = Builder::resumed(source.text(), file, start);
            let piece = Piece { text: &body, prefix: Builder::CONTEXT.len(), start, inserted: &[], cancelled: &cancelled };
            match builder.run(&piece) {
                Ok(()) if !cancelled.load(Ordering::Relaxed) => Some(builder),
                Ok(()) => None,
                Err(_) => {
                    cancelled.store(true, Ordering::Relaxed);
                    None
                }
            }
        };
        let rest: Vec<_> = pieces.iter().map(|piece| scope.spawn(move || run(piece))).collect();
        let mut first = Builder::new(source.text(), file);
        let never = AtomicBool::new(false);
        let piece = Piece { text: &text[..cuts[0]], prefix: 0, start: 0, inserted: &[], cancelled: &never };
        let whole = first.run(&piece).is_ok();
        if !whole {
            cancelled.store(true, Ordering::Relaxed);
        }
        let rest: Vec<Option<Builder<'s>>> = rest.into_iter().map(|piece| piece.join().ok().flatten()).collect();
        (if whole { Ok(first) } else { Err(first) }, rest)
    });
    let mut whole = match first {
        Ok(first) => first,
        broken => return Some(broken),
    };
    for piece in rest {
        match piece {
            // An alias may stand for what is anchored in a piece before.
            Some(piece) if whole.can_join(&piece) => whole.join(piece),
            _ => return Some(Err(whole)),
        }
    }
    Some(Ok(whole))
}

/// Offsets of lines on which roles begin, about evenly spread; none where they cannot be told from the text.
fn cuts(source: &Source, count: usize) -> Vec<usize> {
    if count < 2 {
        return Vec::new();
    }
    let text = source.text();
    let Some(roles) = text.find("\nroles:").map(|at| source.line_of(at + 1)) else { return Vec::new() };
    let content = |line: &usize| !matches!(source.line(*line).trim_start().as_bytes().first(), None | Some(b'#'));
    let Some(first) = (roles + 1..source.line_count()).find(content) else { return Vec::new() };
    let indent = source.line(first).len() - source.line(first).trim_start_matches(' ').len();
    let is_role = |line: &usize| {
        let line = source.line(*line);
        let name = line.get(indent..).unwrap_or("");
        indent > 0
            && line[..line.len() - name.len()].bytes().all(|byte| byte == b' ')
            && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && name.contains(':')
    };
    let mut cuts: Vec<usize> = Vec::new();
    for number in 1..count {
        let target = source.line_of(text.len() / count * number);
        let Some(line) = (target.max(first + 1)..source.line_count()).find(is_role) else { break };
        let start = source.line_start(line);
        if cuts.last().is_none_or(|last| *last < start) {
            cuts.push(start);
        }
    }
    cuts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn spec(roles: usize, tail: &str) -> String {
        let mut text = String::from("seed: 1\nname: lab\nvars: {a: &a 1}\nroles:\n");
        for number in 0..roles {
            let content = match number % 4 {
                0 => "content: |\n      a\n\n      b\n\n",
                1 => "list:\n    - x\n    - {a: [1, \"ä\"]}\n",
                2 => "# a comment\n    anchored: &x {y: z}\n    alias: *x\n",
                _ => "empty:\n    text: \"two\n      lines\"\n",
            };
            text += &format!("  role-{number}:\n    is: file.text\n    {content}");
        }
        text + tail
    }

    fn sequential(source: &Source) -> Option<Builder<'_>> {
        let mut builder = Builder::new(source.text(), FileId(0));
        builder
            .run(&Piece { text: source.text(), prefix: 0, start: 0, inserted: &[], cancelled: &AtomicBool::new(false) })
            .ok()
            .map(|()| builder)
    }

    #[test]
    fn pieces_give_the_same_tree_as_the_whole() {
        for tail in ["", "keep: 1 d\nvars2:\n  x: 1\n", "# end"] {
            let source = Source::new("x", spec(6_000, tail));
            let whole = sequential(&source).unwrap().finish();
            for count in 2..=4 {
                assert_eq!(cuts(&source, count).len(), count - 1);
                let joined = read_in(&source, source.text(), FileId(0), count).unwrap().ok().unwrap().finish();
                assert_eq!(format!("{whole:?}"), format!("{joined:?}"));
            }
        }
    }

    #[test]
    fn what_crosses_a_cut_is_left_to_the_sequential_reader() {
        let crossing = [
            spec(6_000, "  last: {is: x, y: *a}\n"),
            format!("{}why: |\n{}", spec(2_000, ""), "  text: x\n".repeat(40_000)),
            format!("{}  list: [\n{}  ]\n", spec(2_000, ""), "  a: b,\n".repeat(40_000)),
            format!("{}  text: \"\n{}  \"\n", spec(2_000, ""), "  a: b,\n".repeat(40_000)),
            spec(6_000, "---\na: b\n"),
        ];
        for text in crossing {
            let source = Source::new("x", text);
            assert!(read_in(&source, source.text(), FileId(0), 2).unwrap().is_err());
        }
    }
}
