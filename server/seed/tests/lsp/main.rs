//! The language server as an editor meets it: the real program, over standard input and output.

#![allow(clippy::unwrap_used)]

mod client;
mod diagnostics;
mod duck;
mod editing;
mod features;
mod fragments;
mod jobs;
mod memory;
mod notes;
#[cfg(feature = "nvim")]
mod nvim;
mod robustness;
mod startup;
