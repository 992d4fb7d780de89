//! The order within the columns: such that few lines cross.

use super::layered::{Layered, Vertex};

/// Sweeps over the columns; no gain is to be had from more on graphs of this kind.
const SWEEPS: usize = 16;
/// Graphs of more vertices than this get one first order only.
const SEVERAL_STARTS: usize = 600;
/// Neighbours are exchanged in columns of at most so many vertices: the work grows with the square.
const EXCHANGED: usize = 120;

/// Orders the columns: from several first orders, since each leads only to an order that no small change betters.
pub(super) fn untangle(layered: &mut Layered) {
    let mut best = layered.columns.clone();
    let mut fewest = usize::MAX;
    for start in Start::ALL {
        begin(layered, start);
        for sweep in 0..=SWEEPS {
            if sweep > 0 {
                sort_columns(layered, (sweep % 2 == 1) == start.rightwards);
            }
            exchange(layered);
            let found = crossings(layered);
            if found < fewest {
                fewest = found;
                best.clone_from(&layered.columns);
            }
            if fewest == 0 {
                break;
            }
        }
        if fewest == 0 || layered.vertices.len() > SEVERAL_STARTS {
            break;
        }
    }
    layered.columns = best;
}

/// A walk that gives a first order.
#[derive(Clone, Copy)]
struct Start {
    /// Along the lines, or against them.
    rightwards: bool,
    /// From the last vertex of a column to the first.
    upwards: bool,
}

impl Start {
    const ALL: [Start; 4] = [
        Start { rightwards: true, upwards: false },
        Start { rightwards: false, upwards: false },
        Start { rightwards: true, upwards: true },
        Start { rightwards: false, upwards: true },
    ];
}

/// A first order: as a walk meets the vertices.
fn begin(layered: &mut Layered, start: Start) {
    let mut met = vec![false; layered.vertices.len()];
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); layered.columns.len()];
    // As they were made: boxes in the order of their names, then what passes.
    let mut first: Vec<usize> = (0..layered.vertices.len()).collect();
    if start.upwards {
        first.reverse();
    }
    let last = layered.columns.len();
    first.sort_by_key(|vertex| {
        let column = layered.vertices[*vertex].column;
        if start.rightwards { column } else { last - column }
    });
    for vertex in first {
        let mut open = vec![vertex];
        while let Some(vertex) = open.pop() {
            if !std::mem::replace(&mut met[vertex], true) {
                let Vertex { column, before, after, .. } = &layered.vertices[vertex];
                columns[*column].push(vertex);
                let next = if start.rightwards { after } else { before };
                if start.upwards { open.extend(next) } else { open.extend(next.iter().rev()) }
            }
        }
    }
    layered.columns = columns;
}

/// Sorts each column by the one before it, in the direction of the sweep.
fn sort_columns(layered: &mut Layered, rightwards: bool) {
    let count = layered.columns.len();
    for step in 1..count {
        let column = if rightwards { step } else { count - 1 - step };
        by_barycentre(layered, column, rightwards);
    }
}

/// Where each vertex is in its column.
fn positions(layered: &Layered) -> Vec<usize> {
    let mut positions = vec![0; layered.vertices.len()];
    for column in &layered.columns {
        column.iter().enumerate().for_each(|(position, vertex)| positions[*vertex] = position);
    }
    positions
}

/// Sorts a column by the mean position of what its vertices are tied to in the column that was sorted before.
fn by_barycentre(layered: &mut Layered, column: usize, rightwards: bool) {
    let positions = positions(layered);
    let fixed = if rightwards { column - 1 } else { column + 1 };
    let (own, other) = (layered.columns[column].len() as f64, layered.columns[fixed].len() as f64);
    let mut keyed: Vec<(f64, usize)> = Vec::with_capacity(layered.columns[column].len());
    for vertex in &layered.columns[column] {
        let Vertex { before, after, .. } = &layered.vertices[*vertex];
        let tied = if rightwards { before } else { after };
        let key = match tied.len() {
            // What is tied to nothing there stays about where it is.
            0 => (positions[*vertex] as f64 + 0.5) / own,
            count => tied.iter().map(|tied| positions[*tied] as f64 + 0.5).sum::<f64>() / count as f64 / other,
        };
        keyed.push((key, *vertex));
    }
    keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
    layered.columns[column] = keyed.into_iter().map(|(_, vertex)| vertex).collect();
}

/// Exchanges neighbours as long as that takes crossings away.
fn exchange(layered: &mut Layered) {
    const ROUNDS: usize = 8;
    let mut positions = positions(layered);
    for _ in 0..ROUNDS {
        let mut better = false;
        for column in 0..layered.columns.len() {
            if layered.columns[column].len() > EXCHANGED {
                continue;
            }
            for place in 1..layered.columns[column].len() {
                let (upper, lower) = (layered.columns[column][place - 1], layered.columns[column][place]);
                let (one, other) = (&layered.vertices[upper], &layered.vertices[lower]);
                let now = crossed(&one.before, &other.before, &positions) + crossed(&one.after, &other.after, &positions);
                let then = crossed(&other.before, &one.before, &positions) + crossed(&other.after, &one.after, &positions);
                if then < now {
                    layered.columns[column].swap(place - 1, place);
                    (positions[upper], positions[lower]) = (place, place - 1);
                    better = true;
                }
            }
        }
        if !better {
            return;
        }
    }
}

/// How many lines cross between a vertex and the one below it, in one neighbouring column.
fn crossed(upper: &[usize], lower: &[usize], positions: &[usize]) -> usize {
    let crosses = |one: &usize, other: &usize| positions[*one] > positions[*other];
    upper.iter().map(|one| lower.iter().filter(|other| crosses(one, other)).count()).sum()
}

/// How many lines cross in all.
pub(super) fn crossings(layered: &Layered) -> usize {
    let positions = positions(layered);
    layered
        .columns
        .windows(2)
        .map(|pair| {
            let mut ends: Vec<usize> = Vec::new();
            for vertex in &pair[0] {
                let from = ends.len();
                ends.extend(layered.vertices[*vertex].after.iter().map(|after| positions[*after]));
                ends[from..].sort_unstable();
            }
            inversions(&ends, pair[1].len())
        })
        .sum()
}

/// How many pairs of numbers below `bound` are in the wrong order: by a Fenwick tree of those met so far.
fn inversions(numbers: &[usize], bound: usize) -> usize {
    let mut tree = vec![0usize; bound + 1];
    let mut count = 0;
    for (met, number) in numbers.iter().enumerate() {
        let mut not_greater = 0;
        let mut at = number + 1;
        while at > 0 {
            not_greater += tree[at];
            at &= at - 1;
        }
        count += met - not_greater;
        let mut at = number + 1;
        while at <= bound {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::inversions;

    #[test]
    fn inversions_are_those_that_counting_finds() {
        let numbers = [3usize, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];
        let counted = (0..numbers.len()).flat_map(|one| (one + 1..numbers.len()).map(move |other| (one, other)));
        let counted = counted.filter(|(one, other)| numbers[*one] > numbers[*other]).count();
        assert_eq!(inversions(&numbers, 10), counted);
        assert_eq!(inversions(&[], 0), 0);
    }
}
