//! Counts of tests, as their runners tell them.

use super::trials::Trials;

/// How many tests passed, failed and were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that held.
    pub passed: u64,
    /// Those that did not.
    pub failed: u64,
    /// Those that were not tried, or only in part.
    pub skipped: u64,
    /// Lines worth telling at the end.
    pub notes: Vec<String>,
    /// What trials came to.
    pub trials: Vec<Trials>,
}

impl Tally {
    /// One that passed.
    pub fn passed() -> Self {
        Tally { passed: 1, ..Tally::default() }
    }

    /// One that failed.
    pub fn failed() -> Self {
        Tally { failed: 1, ..Tally::default() }
    }

    /// One that was left out, and why.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Tally { skipped: 1, notes: vec![format!("skipped: {}", reason.into())], ..Tally::default() }
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.trials.extend_from_slice(&other.trials);
    }

    /// The counts in words.
    pub fn words(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }

    /// What a runner's output comes to: the lines of nextest ("Summary … 8 passed, 1 failed"), of cargo test ("test result: …")
    /// and of the Test Anything Protocol ("ok 1 - …") are added up. None if there is no such line.
    pub fn of_output(text: &str) -> Option<Self> {
        let mut tally = None;
        for line in text.lines().map(without_colours) {
            if let Some(one) = of_line(line.trim()) {
                tally.get_or_insert_with(Tally::default).add(&one);
            }
        }
        tally
    }
}

fn of_line(line: &str) -> Option<Tally> {
    let numbered = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    if line.strip_prefix("not ok ").is_some_and(numbered) {
        return Some(Tally::failed());
    }
    if line.strip_prefix("ok ").is_some_and(numbered) {
        return Some(if line.contains("# SKIP") { Tally { skipped: 1, ..Tally::default() } } else { Tally::passed() });
    }
    let counts = match line.strip_prefix("test result:") {
        Some(counts) => counts,
        None => line.strip_prefix("Summary")?.split_once("tests run:")?.1,
    };
    let of = |word: &str| count_before(counts, word);
    let (failed, skipped) = (of("failed") + of("timed out"), of("skipped") + of("ignored"));
    Some(Tally { passed: of("passed"), failed, skipped, ..Tally::default() })
}

/// The number that stands before a word: 8 before "passed" in "8 passed (1 slow), 1 failed".
fn count_before(text: &str, word: &str) -> u64 {
    let parts = text.split([',', ';', '(', ')']).map(str::trim);
    parts.flat_map(|part| part.split(". ")).find_map(|part| part.strip_suffix(word)?.trim().parse().ok()).unwrap_or(0)
}

/// A line without the escape sequences that colour it (ECMA-48, "SGR").
fn without_colours(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_string();
    pieces.fold(first, |all, piece| all + piece.split_once('m').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Option<(u64, u64, u64)> {
        Tally::of_output(text).map(|tally| (tally.passed, tally.failed, tally.skipped))
    }

    #[test]
    fn the_lines_of_known_runners_are_understood() {
        let nextest = "     Summary [  12.3s] 40 tests run: 37 passed (2 slow), 2 failed, 1 timed out, 5 skipped\n";
        assert_eq!(counts(nextest), Some((37, 3, 5)));
        let cargo = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(counts(&cargo.repeat(2)), Some((6, 2, 4)));
        assert_eq!(counts("ok 1 - a\nnot ok 2 - b\n# why\nok 3 - c # SKIP no window\n1..3\n"), Some((1, 1, 1)));
    }

    #[test]
    fn colours_do_not_hide_the_counts() {
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [ 1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m";
        assert_eq!(counts(line), Some((2, 0, 0)));
    }

    #[test]
    fn output_without_a_count_is_not_taken_for_success() {
        assert_eq!(counts("all good\n"), None);
    }
}
