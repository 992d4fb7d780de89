//! Where boxes and lines go: in columns from left to right, each box right of all that it comes after.
//!
//! This is the layered drawing of Sugiyama, Tagawa and Toda (1981): columns by the longest way from the start,
//! order within a column by barycentres and exchanges of neighbours, heights by weighted isotonic regression.
//! Parts of the graph that have nothing to do with each other are laid out by themselves and packed in rows.

mod layered;
mod order;
mod place;

use petgraph::Direction;
use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::unionfind::UnionFind;
use petgraph::visit::{EdgeRef, NodeIndexable};

use layered::Layered;

/// The height of a box, in pixels.
pub(super) const BOX_HEIGHT: f64 = 46.0;
/// The least distance between two columns.
const COLUMN_GAP: f64 = 64.0;
/// The greatest; lines that climb far get more room.
const WIDEST_GAP: f64 = 150.0;
/// The distance between parts of the graph that are not connected.
const PART_GAP: f64 = 34.0;
/// The distance between boxes that are tied to nothing.
const SINGLE_GAP: f64 = 16.0;
/// How far apart, at most, lines begin or end at one box.
const PORT_GAP: f64 = 7.0;
/// Lines end at most so far from the middle of a box.
const PORT_REACH: f64 = 15.0;

/// A point, in pixels from the upper left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub x: f64,
    pub y: f64,
}

/// The place of a box.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub x: f64,
    pub y: f64,
    pub width: f64,
}

/// Where all goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// The boxes, by node.
    pub boxes: Vec<Place>,
    /// The lines, by edge: points between which a line runs in turn as a curve, level through a column, as a curve …
    pub lines: Vec<Vec<Point>>,
    /// How wide it all is.
    pub width: f64,
    /// How high it all is.
    pub height: f64,
}

/// The column of each node. Nodes must stand behind all they come after, as those of [`crate::Graph`] do.
pub(super) fn levels<N, E>(graph: &DiGraph<N, E>) -> Vec<usize> {
    let mut levels = vec![0; graph.node_count()];
    for index in graph.node_indices() {
        let before = graph.neighbors_directed(index, Direction::Incoming);
        levels[index.index()] = before.map(|before| levels[before.index()] + 1).max().unwrap_or(0);
    }
    // What has more behind it than before it moves towards that, which shortens more lines than it lengthens.
    for index in graph.node_indices().rev() {
        let count = |direction| graph.neighbors_directed(index, direction).count();
        let next = graph.neighbors(index).map(|after| levels[after.index()]).min();
        if let Some(next) = next.filter(|_| count(Direction::Incoming) < count(Direction::Outgoing)) {
            levels[index.index()] = next - 1;
        }
    }
    levels
}

/// Lays a graph out whose boxes have these widths.
pub(super) fn lay_out<N, E>(graph: &DiGraph<N, E>, widths: &[f64]) -> Layout {
    let levels = levels(graph);
    let mut layout = Layout {
        boxes: vec![Place::default(); graph.node_count()],
        lines: vec![Vec::new(); graph.edge_count()],
        ..Layout::default()
    };
    let parts = connected(graph);
    let single_width = parts.iter().filter(|part| part.len() == 1).map(|part| widths[part[0].index()]).fold(0.0, f64::max);
    let blocks: Vec<Block> = parts
        .iter()
        .map(|part| match part.as_slice() {
            [single] => Block::single(*single, single_width),
            _ => Block::of(graph, &levels, widths, part),
        })
        .collect();
    pack(blocks, &mut layout);
    layout
}

/// The connected parts of the graph, the largest first, each in the order of its nodes.
fn connected<N, E>(graph: &DiGraph<N, E>) -> Vec<Vec<NodeIndex>> {
    let mut union = UnionFind::new(graph.node_bound());
    for edge in graph.edge_references() {
        union.union(edge.source().index(), edge.target().index());
    }
    let labels = union.into_labeling();
    let mut parts: Vec<Vec<NodeIndex>> = vec![Vec::new(); graph.node_count()];
    for index in graph.node_indices() {
        parts[labels[index.index()]].push(index);
    }
    parts.retain(|part| !part.is_empty());
    parts.sort_by_key(|part| (std::cmp::Reverse(part.len()), part[0]));
    parts
}

/// A connected part, laid out by itself.
struct Block {
    boxes: Vec<(NodeIndex, Place)>,
    lines: Vec<(EdgeIndex, Vec<Point>)>,
    width: f64,
    height: f64,
}

impl Block {
    fn single(node: NodeIndex, width: f64) -> Block {
        Block { boxes: vec![(node, Place { x: 0.0, y: 0.0, width })], lines: Vec::new(), width, height: BOX_HEIGHT }
    }

    fn of<N, E>(graph: &DiGraph<N, E>, levels: &[usize], widths: &[f64], part: &[NodeIndex]) -> Block {
        let mut layered = Layered::new(graph, levels, part);
        order::untangle(&mut layered);
        let middles = place::middles(&layered);
        let height = place::extent(&layered, &middles);
        let columns = columns(&layered, &middles, widths);
        let width = columns.last().map_or(0.0, |(x, width)| x + width);
        let boxes = layered.vertices.iter().enumerate().filter_map(|(vertex, one)| {
            let (x, width) = columns[one.column];
            Some((one.node?, Place { x, y: middles[vertex] - BOX_HEIGHT / 2.0, width }))
        });
        Block { boxes: boxes.collect(), lines: lines(&layered, &middles, &columns), width, height }
    }
}

/// Where each column begins, and how wide it is.
fn columns(layered: &Layered, middles: &[f64], widths: &[f64]) -> Vec<(f64, f64)> {
    let mut x = 0.0;
    let mut columns = Vec::with_capacity(layered.columns.len());
    for column in &layered.columns {
        let widest = column
            .iter()
            .filter_map(|vertex| layered.vertices[*vertex].node)
            .map(|node| widths[node.index()])
            .fold(0.0, f64::max);
        let climb = column
            .iter()
            .flat_map(|vertex| layered.vertices[*vertex].after.iter().map(|after| (middles[*after] - middles[*vertex]).abs()))
            .fold(0.0, f64::max);
        columns.push((x, widest));
        x += widest + (climb * 0.22).clamp(COLUMN_GAP, WIDEST_GAP);
    }
    columns
}

/// The points of each line. Several lines at one box are spread over its side in the order in which they arrive.
fn lines(layered: &Layered, middles: &[f64], columns: &[(f64, f64)]) -> Vec<(EdgeIndex, Vec<Point>)> {
    let mut starts: Vec<Vec<(f64, usize)>> = vec![Vec::new(); layered.vertices.len()];
    let mut ends = starts.clone();
    for (number, (_, chain)) in layered.chains.iter().enumerate() {
        let [first, second, ..] = chain.as_slice() else { continue };
        let (last, before_last) = (chain[chain.len() - 1], chain[chain.len() - 2]);
        starts[*first].push((middles[*second], number));
        ends[last].push((middles[before_last], number));
    }
    let (out_ports, in_ports) = (ports(&mut starts, layered.chains.len()), ports(&mut ends, layered.chains.len()));
    let line = |(number, (edge, chain)): (usize, &(EdgeIndex, Vec<usize>))| {
        let mut points = Vec::with_capacity(chain.len() * 2);
        for (place, vertex) in chain.iter().enumerate() {
            let (x, width) = columns[layered.vertices[*vertex].column];
            let y = middles[*vertex];
            if place > 0 {
                let port = if place == chain.len() - 1 { in_ports[number] } else { 0.0 };
                points.push(Point { x, y: y + port });
            }
            if place < chain.len() - 1 {
                let port = if place == 0 { out_ports[number] } else { 0.0 };
                points.push(Point { x: x + width, y: y + port });
            }
        }
        (*edge, points)
    };
    layered.chains.iter().enumerate().map(line).collect()
}

/// How far from the middle of its box each line begins or ends, given the lines of each box by where they come from.
fn ports(sides: &mut [Vec<(f64, usize)>], lines: usize) -> Vec<f64> {
    let mut ports = vec![0.0; lines];
    for side in sides {
        side.sort_by(|one, other| one.0.total_cmp(&other.0));
        let count = side.len() as f64;
        let gap = (2.0 * PORT_REACH / (count - 1.0).max(1.0)).min(PORT_GAP);
        for (place, (_, line)) in side.iter().enumerate() {
            ports[*line] = (place as f64 - (count - 1.0) / 2.0) * gap;
        }
    }
    ports
}

/// Puts the blocks side by side in rows, so that all of it is about as wide as a screen is to its height.
fn pack(blocks: Vec<Block>, layout: &mut Layout) {
    const WIDE: f64 = 1.8;
    let area: f64 = blocks.iter().map(|block| (block.width + PART_GAP) * (block.height + PART_GAP)).sum();
    let widest = blocks.iter().map(|block| block.width).fold(0.0, f64::max);
    let most = widest.max((area * WIDE).sqrt());
    let (mut x, mut y, mut row) = (0.0, 0.0, 0.0f64);
    let mut singles = false;
    for block in blocks {
        let is_single = block.boxes.len() == 1;
        let begins_singles = is_single && !singles && y + row > 0.0;
        if x > 0.0 && (x + block.width > most || begins_singles) {
            y += row + if is_single && singles { SINGLE_GAP } else { PART_GAP };
            (x, row) = (0.0, 0.0);
        }
        singles = is_single;
        for (node, place) in block.boxes {
            layout.boxes[node.index()] = Place { x: place.x + x, y: place.y + y, ..place };
        }
        for (edge, points) in block.lines {
            layout.lines[edge.index()] = points.into_iter().map(|point| Point { x: point.x + x, y: point.y + y }).collect();
        }
        layout.width = layout.width.max(x + block.width);
        layout.height = layout.height.max(y + block.height);
        row = row.max(block.height);
        x += block.width + if is_single { SINGLE_GAP } else { PART_GAP };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
