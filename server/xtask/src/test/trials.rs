//! What the trials came to (`tests/cli/trials`): each test says `trials: WHAT: HELD of TRIES`, and all of it becomes a table.

use std::collections::BTreeMap;

/// A promise, how often it was tried, and how often it held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trials {
    what: String,
    tries: u64,
    held: u64,
}

impl Trials {
    /// What a line says, if it is such a line.
    pub fn of_line(line: &str) -> Option<Trials> {
        let (what, counts) = line.trim_end().strip_prefix("trials: ")?.rsplit_once(": ")?;
        let (held, tries) = counts.split_once(" of ")?;
        // More may be said in parentheses.
        let tries = tries.split(" (").next()?;
        Some(Trials { what: what.into(), tries: tries.parse().ok()?, held: held.parse().ok()? })
    }
}

/// A table in Markdown, as `doc/testing.md` has it. What begins with the same words, up to a comma, is also added up.
pub fn table(trials: &[Trials]) -> String {
    let mut groups: BTreeMap<&str, Vec<&Trials>> = BTreeMap::new();
    for one in trials {
        groups.entry(one.what.split(',').next().unwrap_or_default()).or_default().push(one);
    }
    let row = |what: &str, tries: u64, held: u64| format!("| {what} | {tries} | {held} |\n");
    let mut text = "| what | tries | held |\n| --- | --- | --- |\n".to_string();
    for (group, of_it) in groups {
        of_it.iter().for_each(|one| text += &row(&one.what, one.tries, one.held));
        if of_it.len() > 1 {
            let sum = |count: fn(&Trials) -> u64| of_it.iter().map(|one| count(one)).sum();
            text += &row(&format!("{group}, all together"), sum(|one| one.tries), sum(|one| one.held));
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_rows_and_sums() {
        let lines = ["trials: kills, files: 9 of 10", "trials: kills, loop: device: 5 of 5", "trials: edits: 60 of 60 (3 late)"];
        let trials: Vec<Trials> = lines.iter().map(|line| Trials::of_line(line).unwrap()).collect();
        let expected = "| what | tries | held |\n| --- | --- | --- |\n| edits | 60 | 60 |\n| kills, files | 10 | 9 |\n\
                        | kills, loop: device | 5 | 5 |\n| kills, all together | 15 | 14 |\n";
        assert_eq!(table(&trials), expected);
    }

    #[test]
    fn other_lines_are_none() {
        for line in ["law 7: 3 kills", "trials: many", "trials: kills: all of 3", "the trials: kills: 3 of 3"] {
            assert_eq!(Trials::of_line(line), None, "{line}");
        }
    }
}
