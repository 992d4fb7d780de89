//! Fragments in a project on the disk: the edge cases by their numbers, properties, and what a stop leaves.

#![allow(clippy::unwrap_used)]

mod edge_cases;
mod more_cases;
mod own_folder;
mod properties;
mod world;
