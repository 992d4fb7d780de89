//! What every host must do, asked of each of them by the same questions.
#![allow(clippy::unwrap_used)]

mod alike;
mod attributes;
mod contract;
mod doors;
mod exchanged;
mod faults;
mod programs;
mod races;
mod real;
mod safety;
mod simulated;
