use petgraph::graph::DiGraph;
use petgraph::visit::EdgeRef;

use super::{BOX_HEIGHT, Layout, lay_out, levels};

type Plain = DiGraph<(), ()>;

/// A graph that is the same each time: `count` nodes, each behind up to `most` earlier ones.
fn arbitrary(count: usize, most: usize, mut seed: u64) -> Plain {
    let mut next = |bound: usize| {
        // A step of splitmix64 (Steele, Lea and Flood 2014).
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    };
    let mut graph = Plain::new();
    let nodes: Vec<_> = (0..count).map(|_| graph.add_node(())).collect();
    for to in 1..count {
        for _ in 0..next(most + 1) {
            graph.update_edge(nodes[next(to)], nodes[to], ());
        }
    }
    graph
}

fn overlaps(layout: &Layout) -> usize {
    let apart = |one: &super::Place, other: &super::Place| {
        one.x + one.width <= other.x
            || other.x + other.width <= one.x
            || one.y + BOX_HEIGHT <= other.y
            || other.y + BOX_HEIGHT <= one.y
    };
    let boxes = &layout.boxes;
    (0..boxes.len()).map(|one| (one + 1..boxes.len()).filter(|other| !apart(&boxes[one], &boxes[*other])).count()).sum()
}

#[test]
fn boxes_stand_right_of_what_they_come_after_and_apart() {
    for seed in 0..40 {
        let graph = arbitrary(3 + seed as usize * 2, 3, seed);
        let widths: Vec<f64> = (0..graph.node_count()).map(|index| 110.0 + (index * 37 % 150) as f64).collect();
        let layout = lay_out(&graph, &widths);
        assert_eq!(overlaps(&layout), 0, "seed {seed}");
        for edge in graph.edge_references() {
            let (from, to) = (layout.boxes[edge.source().index()], layout.boxes[edge.target().index()]);
            assert!(from.x + from.width < to.x, "seed {seed}");
            let line = &layout.lines[edge.id().index()];
            let (first, last) = (line[0], line[line.len() - 1]);
            assert_eq!((first.x, last.x), (from.x + from.width, to.x), "a line joins its boxes");
            assert!((first.y - from.y - BOX_HEIGHT / 2.0).abs() < BOX_HEIGHT / 2.0);
            assert!((last.y - to.y - BOX_HEIGHT / 2.0).abs() < BOX_HEIGHT / 2.0);
        }
        for place in &layout.boxes {
            assert!(place.x >= 0.0 && place.y >= 0.0);
            assert!(place.x + place.width <= layout.width && place.y + BOX_HEIGHT <= layout.height);
        }
    }
}

#[test]
fn a_line_through_a_column_passes_between_its_boxes() {
    for seed in 0..40 {
        let graph = arbitrary(24, 3, seed);
        let layout = lay_out(&graph, &vec![120.0; graph.node_count()]);
        for line in &layout.lines {
            // Behind the first point the line runs level through a column, from each odd point to the next.
            for passage in line[1..].chunks_exact(2) {
                let (from, to) = (passage[0], passage[1]);
                let hit = layout.boxes.iter().any(|place| {
                    place.x < to.x && from.x < place.x + place.width && place.y < from.y && from.y < place.y + BOX_HEIGHT
                });
                assert!(!hit, "seed {seed}: a line runs through a box");
            }
        }
    }
}

#[test]
fn a_tree_and_a_grid_have_no_crossings() {
    let mut tree = Plain::new();
    let nodes: Vec<_> = (0..31).map(|_| tree.add_node(())).collect();
    // Every other child first, so that the first order is not the answer.
    (1..31).step_by(2).chain((2..31).step_by(2)).for_each(|child| {
        tree.add_edge(nodes[(child - 1) / 2], nodes[child], ());
    });
    assert_eq!(crossings(&tree), 0);

    let mut ladder = Plain::new();
    let nodes: Vec<_> = (0..12).map(|_| ladder.add_node(())).collect();
    for rung in (0..6).rev() {
        ladder.add_edge(nodes[rung], nodes[6 + rung], ());
    }
    for rung in 0..5 {
        ladder.add_edge(nodes[rung], nodes[6 + rung + 1], ());
    }
    assert_eq!(crossings(&ladder), 0);
}

fn crossings(graph: &Plain) -> usize {
    let part: Vec<_> = graph.node_indices().collect();
    let mut layered = super::layered::Layered::new(graph, &levels(graph), &part);
    super::order::untangle(&mut layered);
    super::order::crossings(&layered)
}

#[test]
fn a_large_graph_is_laid_out_in_a_moment() {
    let graph = arbitrary(2_000, 3, 7);
    let start = std::time::Instant::now();
    let layout = lay_out(&graph, &vec![150.0; graph.node_count()]);
    assert_eq!(overlaps(&layout), 0);
    assert!(start.elapsed().as_secs() < 60, "it took {:?}", start.elapsed());
}
