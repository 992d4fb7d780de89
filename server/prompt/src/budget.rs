//! What a model can hold, and what is left out to fit; never without a word.

use seed_model::tokens::estimate;

use crate::context::Part;

/// What was left out of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The word of the part.
    pub word: String,
    /// How many lines it had.
    pub lines: usize,
    /// How many are left.
    pub kept: usize,
}

/// The fewest lines that are kept of a part.
const FEWEST: usize = 3;

/// Cuts the largest parts at their end until all together are within a budget of tokens. Parts are cut in turn, so that a large one
/// does not push a small one out.
pub fn fit(parts: &mut [Part], budget: usize) -> Vec<Cut> {
    let mut sizes: Vec<usize> = parts.iter().map(|part| estimate(&part.text)).collect();
    let original: Vec<usize> = parts.iter().map(|part| part.text.lines().count()).collect();
    let limit = level(&sizes, budget);
    let mut cuts = Vec::new();
    for (number, part) in parts.iter_mut().enumerate() {
        if sizes[number] <= limit {
            continue;
        }
        let lines: Vec<&str> = part.text.lines().collect();
        let mut kept = 0;
        let mut size = 0;
        for line in &lines {
            // The line end counts too.
            size += estimate(line) + 1;
            if size > limit && kept >= FEWEST {
                break;
            }
            kept += 1;
        }
        if kept == lines.len() {
            continue;
        }
        let mut text: String = lines[..kept].iter().map(|line| format!("{line}\n")).collect();
        text += &format!("… {} more lines are omitted here\n", lines.len() - kept);
        part.text = text;
        sizes[number] = size;
        cuts.push(Cut { word: part.word.to_string(), lines: original[number], kept });
    }
    cuts
}

/// The size that none may exceed so that all together are within the budget.
fn level(sizes: &[usize], budget: usize) -> usize {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let mut left = budget;
    for (number, size) in sorted.iter().enumerate() {
        let others = sorted.len() - number;
        if size * others > left {
            return left / others;
        }
        left -= size;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Word;

    fn part(word: Word, lines: usize) -> Part {
        Part { word, title: String::new(), language: "text", text: "one two three four\n".repeat(lines) }
    }

    #[test]
    fn the_largest_are_cut_and_it_is_told() {
        let mut parts = [part(Word::Buffer, 1000), part(Word::Plan, 10), part(Word::Diagnostics, 500)];
        let cuts = fit(&mut parts, 2000);
        let words: Vec<&str> = cuts.iter().map(|cut| cut.word.as_str()).collect();
        assert_eq!(words, ["#buffer", "#diagnostics"]);
        let total: usize = parts.iter().map(|part| estimate(&part.text)).sum();
        assert!((1500..=2100).contains(&total), "{total}");
        assert!(parts[0].text.ends_with(&format!("… {} more lines are omitted here\n", 1000 - cuts[0].kept)));
        assert_eq!(parts[1].text.lines().count(), 10);
    }

    #[test]
    fn what_fits_is_left_alone() {
        let mut parts = [part(Word::Buffer, 10), part(Word::Plan, 10)];
        assert!(fit(&mut parts, 2000).is_empty());
        assert!(fit(&mut [], 0).is_empty());
    }
}
