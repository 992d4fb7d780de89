//! The heights of boxes and lines: near to what they are tied to, in the order found, not too close.

use super::BOX_HEIGHT;
use super::layered::Layered;

/// The distance between two boxes.
const GAP: f64 = 16.0;
/// The room that a line which passes a column takes, with its distance to others.
const LINE_HEIGHT: f64 = 14.0;
/// Sweeps over the columns.
const SWEEPS: usize = 12;
/// How much more a passing line insists on its height than a box: lines with few bends are easier to follow.
const LINE_WEIGHT: f64 = 4.0;

/// What the sweeps look at.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Before,
    After,
    Both,
}

/// The middle of each vertex, the uppermost box beginning at 0.
pub(super) fn middles(layered: &Layered) -> Vec<f64> {
    let mut middles = vec![0.0; layered.vertices.len()];
    for column in &layered.columns {
        let mut y = 0.0;
        for (place, vertex) in column.iter().enumerate() {
            y += if place == 0 { 0.0 } else { distance(layered, column[place - 1], *vertex) };
            middles[*vertex] = y;
        }
    }
    for sweep in 0..SWEEPS {
        let side = if sweep % 2 == 0 { Side::Before } else { Side::After };
        settle(layered, &mut middles, side);
    }
    for _ in 0..SWEEPS {
        settle(layered, &mut middles, Side::Both);
    }
    straighten(layered, &mut middles);
    let top = (0..middles.len()).map(|vertex| middles[vertex] - half(layered, vertex)).fold(f64::INFINITY, f64::min);
    middles.iter_mut().for_each(|middle| *middle = (*middle - top).round());
    middles
}

/// How far down the lowest vertex reaches.
pub(super) fn extent(layered: &Layered, middles: &[f64]) -> f64 {
    (0..middles.len()).map(|vertex| middles[vertex] + half(layered, vertex)).fold(0.0, f64::max)
}

fn half(layered: &Layered, vertex: usize) -> f64 {
    if layered.vertices[vertex].node.is_some() { BOX_HEIGHT / 2.0 } else { LINE_HEIGHT / 2.0 }
}

/// The least distance between the middles of neighbours.
fn distance(layered: &Layered, upper: usize, lower: usize) -> f64 {
    let boxes = [upper, lower].iter().filter(|vertex| layered.vertices[**vertex].node.is_some()).count();
    half(layered, upper) + half(layered, lower) + if boxes == 2 { GAP } else { GAP / 2.0 }
}

fn settle(layered: &Layered, middles: &mut [f64], side: Side) {
    let count = layered.columns.len();
    for step in 0..count {
        let column = if side == Side::After { count - 1 - step } else { step };
        settle_column(layered, middles, column, side);
    }
}

/// Moves the vertices of a column towards the mean height of what they are tied to.
fn settle_column(layered: &Layered, middles: &mut [f64], column: usize, side: Side) {
    move_column(layered, middles, column, |vertex, middles| {
        let one = &layered.vertices[vertex];
        let before = one.before.iter().filter(|_| side != Side::After);
        let after = one.after.iter().filter(|_| side != Side::Before);
        let (sum, count) = before.chain(after).fold((0.0, 0.0), |(sum, count), tied| (sum + middles[*tied], count + 1.0));
        let weight = if one.node.is_none() { LINE_WEIGHT } else { 1.0 };
        match count {
            // What nothing draws stays, but gives way.
            0.0 => (middles[vertex], 0.05),
            _ => (sum / count, weight * count),
        }
    });
}

/// Puts what has only each other side by side, where there is room: a chain that rises a little looks like a mistake.
fn straighten(layered: &Layered, middles: &mut [f64]) {
    const WEIGHT: f64 = 8.0;
    for column in (0..layered.columns.len()).rev() {
        move_column(layered, middles, column, |vertex, middles| match layered.vertices[vertex].after.as_slice() {
            [next] if layered.vertices[*next].before.len() == 1 => (middles[*next], WEIGHT),
            _ => (middles[vertex], 1.0),
        });
    }
}

/// Moves the vertices of a column as near as possible, by the weighted squares of the distances, to the heights wished
/// for them, given with their weights.
fn move_column(layered: &Layered, middles: &mut [f64], column: usize, wish: impl Fn(usize, &[f64]) -> (f64, f64)) {
    let vertices = &layered.columns[column];
    let mut offset = 0.0;
    let mut offsets = Vec::with_capacity(vertices.len());
    let mut wishes = Vec::with_capacity(vertices.len());
    for (place, vertex) in vertices.iter().enumerate() {
        offset += if place == 0 { 0.0 } else { distance(layered, vertices[place - 1], *vertex) };
        offsets.push(offset);
        let (height, weight) = wish(*vertex, middles);
        wishes.push((height - offset, weight));
    }
    for ((vertex, offset), height) in vertices.iter().zip(&offsets).zip(isotonic(&wishes)) {
        middles[*vertex] = height + offset;
    }
}

/// The numbers that do not fall and are nearest to those wished for, given as number and weight: the pool-adjacent-
/// violators algorithm.
fn isotonic(wishes: &[(f64, f64)]) -> Vec<f64> {
    // Mean, weight and count of each pool.
    let mut pools: Vec<(f64, f64, usize)> = Vec::with_capacity(wishes.len());
    for (wish, weight) in wishes {
        pools.push((*wish, *weight, 1));
        while let [.., upper, lower] = pools.as_slice()
            && upper.0 > lower.0
        {
            let weight = upper.1 + lower.1;
            let pooled = ((upper.0 * upper.1 + lower.0 * lower.1) / weight, weight, upper.2 + lower.2);
            pools.truncate(pools.len() - 2);
            pools.push(pooled);
        }
    }
    pools.into_iter().flat_map(|(mean, _, count)| std::iter::repeat_n(mean, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::isotonic;

    #[test]
    fn what_falls_is_pooled_by_weight() {
        assert_eq!(isotonic(&[(1.0, 1.0), (2.0, 1.0), (3.0, 1.0)]), [1.0, 2.0, 3.0]);
        assert_eq!(isotonic(&[(5.0, 1.0), (1.0, 3.0), (4.0, 1.0)]), [2.0, 2.0, 4.0]);
        assert_eq!(isotonic(&[(3.0, 1.0), (2.0, 1.0), (1.0, 1.0)]), [2.0, 2.0, 2.0]);
    }
}
