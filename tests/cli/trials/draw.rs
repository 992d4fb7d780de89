//! Choices by chance that can be had again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;
use std::sync::OnceLock;

/// What all choices follow from: `SEED_TRIALS_SEED`, or the commit.
pub fn seed() -> &'static str {
    static SEED: OnceLock<String> = OnceLock::new();
    SEED.get_or_init(|| {
        let commit = || {
            let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
            String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
        };
        std::env::var("SEED_TRIALS_SEED").ok().or_else(commit).unwrap_or_default().trim().to_string()
    })
}

/// Whether everything is to be tried that else is chosen from.
pub fn is_all() -> bool {
    std::env::var_os("SEED_TRIALS").is_some_and(|value| value == "all")
}

/// A sequence of numbers (SplitMix64).
pub struct Draw(u64);

impl Draw {
    /// The sequence of this name.
    pub fn of(name: &str) -> Draw {
        let mut hasher = DefaultHasher::new();
        (seed(), name).hash(&mut hasher);
        Draw(hasher.finish())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    /// One of these.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
