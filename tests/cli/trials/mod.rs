//! Trials: one promise, tried many times over, where each time something else goes wrong.
//!
//! Each test counts its trials and says so in a line `trials: WHAT: HELD of TRIES`, which `cargo xtask test` gathers into a table. What is
//! drawn by chance follows from `SEED_TRIALS_SEED`, or else from the commit, so that the choice rotates and a failure can be had again;
//! `SEED_TRIALS=all` leaves nothing to chance. See `doc/testing.md`.

mod commands;
mod cuts;
mod damage;
mod draw;
mod edits;
mod kills;
mod projects;
mod races;
mod renderers;
mod things;
pub mod world;

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many failures are told in full.
const TOLD: usize = 5;

/// The trials of one promise: how many there were, and which did not hold.
pub struct Trials {
    what: &'static str,
    tries: usize,
    failures: Vec<String>,
}

impl Trials {
    /// None yet.
    pub fn of(what: &'static str) -> Trials {
        Trials { what, tries: 0, failures: Vec::new() }
    }

    /// One trial, which holds unless it panics.
    pub fn attempt<T>(&mut self, which: impl Display, trial: impl FnOnce() -> T) -> Option<T> {
        self.tries += 1;
        match catch_unwind(AssertUnwindSafe(trial)) {
            Ok(outcome) => Some(outcome),
            Err(cause) => {
                let text = cause.downcast_ref::<String>().cloned();
                let text = text.or_else(|| cause.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
                self.failures.push(format!("{which}: {text}"));
                None
            }
        }
    }

    /// How many there were.
    pub fn tries(&self) -> usize {
        self.tries
    }

    /// Takes the last one out of the count: it turned out that there was nothing to try.
    pub fn discount(&mut self) {
        self.tries -= 1;
    }

    /// Says how many held, and fails if one did not, or if there were fewer than there should be.
    pub fn end(self, at_least: usize) {
        let held = self.tries - self.failures.len();
        eprintln!("trials: {}: {held} of {}", self.what, self.tries);
        let which: String = self.failures.iter().map(|one| format!("  {}\n", one.lines().next().unwrap_or_default())).collect();
        let first = self.failures.iter().take(TOLD).cloned().collect::<Vec<_>>().join("\n\n");
        assert!(
            self.failures.is_empty(),
            "{} of {} failed, drawn by SEED_TRIALS_SEED={}:\n{which}\n{first}",
            self.failures.len(),
            self.tries,
            draw::seed()
        );
        assert!(self.tries >= at_least, "only {} trials of {}", self.tries, self.what);
    }
}
