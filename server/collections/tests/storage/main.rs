//! Storage roles in chains, on the real machine and the simulated one.

#![allow(clippy::unwrap_used)]

mod btrfs;
mod checks;
mod filesystems;
mod growth;
mod lab;
mod laws;
mod mounts;
mod partitions;
mod troubles;
