//! Three-way merge of lines, with the outcome of `git merge-file`.
//!
//! The differences are imara-diff's: Myers' algorithm without its shortcuts, hunks placed as git places them.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

/// A stretch of the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// These lines of mine: unchanged, changed by me alone, or by both sides alike.
    Mine(Range<usize>),
    /// These lines of theirs, changed by them alone; they stand in place of these lines of mine.
    Theirs(Range<usize>, Range<usize>),
    /// Both sides changed the same place, differently.
    Clash {
        /// What was there.
        base: Range<usize>,
        /// What I made of it.
        mine: Range<usize>,
        /// What they made of it.
        theirs: Range<usize>,
    },
}

struct Hunk {
    base: Range<usize>,
    side: Range<usize>,
}

/// The changes from one list of lines to another.
fn hunks(base: &[&str], side: &[&str]) -> Vec<Hunk> {
    let mut input = InternedInput::default();
    input.update_before(base.iter().copied());
    input.update_after(side.iter().copied());
    let mut diff = Diff::compute(Algorithm::MyersMinimal, &input);
    diff.postprocess_no_heuristic(&input);
    let range = |range: Range<u32>| range.start as usize..range.end as usize;
    diff.hunks().map(|hunk| Hunk { base: range(hunk.before), side: range(hunk.after) }).collect()
}

/// Pairs of lines that are the same on both sides, as (index in one, index in the other).
pub fn same_lines(one: &[&str], other: &[&str]) -> Vec<(usize, usize)> {
    let mut same = Vec::new();
    let (mut at, mut there) = (0, 0);
    for hunk in hunks(one, other) {
        same.extend((at..hunk.base.start).zip(there..hunk.side.start));
        (at, there) = (hunk.base.end, hunk.side.end);
    }
    same.extend((at..one.len()).zip(there..other.len()));
    same
}

/// Merges what two sides made of the same base.
pub fn merge(base: &[&str], mine: &[&str], theirs: &[&str]) -> Vec<Chunk> {
    let (left, right) = (hunks(base, mine), hunks(base, theirs));
    let (mut next_left, mut next_right, mut at) = (0, 0, 0);
    let mut chunks = Vec::new();
    while next_left < left.len() || next_right < right.len() {
        let starts = [left.get(next_left), right.get(next_right)].into_iter().flatten().map(|hunk| hunk.base.start);
        let start = starts.min().unwrap_or_default();
        let (mut end, from_left, from_right) = (start, next_left, next_right);
        // Changes that touch are one, as in git.
        loop {
            if let Some(hunk) = left.get(next_left).filter(|hunk| hunk.base.start <= end) {
                (end, next_left) = (end.max(hunk.base.end), next_left + 1);
            } else if let Some(hunk) = right.get(next_right).filter(|hunk| hunk.base.start <= end) {
                (end, next_right) = (end.max(hunk.base.end), next_right + 1);
            } else {
                break;
            }
        }
        chunks.push(Chunk::Mine(on_side(&left[..from_left], at)..on_side(&left[..from_left], start)));
        let in_mine = on_side(&left[..from_left], start)..on_side(&left[..next_left], end);
        let in_theirs = on_side(&right[..from_right], start)..on_side(&right[..next_right], end);
        chunks.push(if from_left == next_left {
            Chunk::Theirs(in_theirs, in_mine)
        } else if from_right == next_right || mine[in_mine.clone()] == theirs[in_theirs.clone()] {
            Chunk::Mine(in_mine)
        } else {
            Chunk::Clash { base: start..end, mine: in_mine, theirs: in_theirs }
        });
        at = end;
    }
    chunks.push(Chunk::Mine(on_side(&left, at)..mine.len()));
    chunks.retain(|chunk| !matches!(chunk, Chunk::Mine(range) if range.is_empty()));
    chunks
}

/// Where a line of the base stands on a side, behind these hunks.
fn on_side(before: &[Hunk], line: usize) -> usize {
    before.last().map_or(line, |hunk| line - hunk.base.end + hunk.side.end)
}
