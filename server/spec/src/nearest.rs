//! The nearest of some known words to one that is not known.

/// How many letters two words may differ by, to be taken for the same word mistyped.
fn reach(word: &str) -> usize {
    match word.chars().count() {
        0..=2 => 1,
        3..=6 => 2,
        _ => 3,
    }
}

/// The word among `known` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    let reach = reach(word);
    let near = known.into_iter().filter(|other| *other != word).filter_map(|other| {
        // Bytes bound characters: a cheap test that spares most words the full one.
        if other.len() > 4 * (letters.len() + reach) || other.len() + reach < letters.len() {
            return None;
        }
        let distance = distance(&letters, other, reach)?;
        // What differs in every letter is another word.
        (distance < letters.len().max(1)).then_some((distance, other))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, other)| other)
}

/// The optimal string alignment distance: letters put in, left out, changed, or two swapped. None above `limit`.
fn distance(letters: &[char], other: &str, limit: usize) -> Option<usize> {
    let other: Vec<char> = other.chars().flat_map(char::to_lowercase).collect();
    if letters.len().abs_diff(other.len()) > limit {
        return None;
    }
    let mut two_ago: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in letters.iter().enumerate() {
        let mut line = Vec::with_capacity(other.len() + 1);
        line.push(row + 1);
        for (column, candidate) in other.iter().enumerate() {
            let change = last[column] + usize::from(letter != candidate);
            let mut best = change.min(last[column + 1] + 1).min(line[column] + 1);
            if row > 0 && column > 0 && *letter == other[column - 1] && letters[row - 1] == *candidate {
                best = best.min(two_ago[column - 1] + 1);
            }
            line.push(best);
        }
        if line.iter().all(|value| *value > limit) {
            return None;
        }
        two_ago = std::mem::replace(&mut last, line);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_words_are_found_and_other_words_are_not() {
        let known = ["label", "mount", "devices", "uuid", "size"];
        assert_eq!(nearest("lable", known), Some("label"));
        assert_eq!(nearest("device", known), Some("devices"));
        assert_eq!(nearest("Size", known), Some("size"));
        assert_eq!(nearest("owner", known), None);
        assert_eq!(nearest("xy", known), None);
        assert_eq!(nearest("", known), None);
    }
}
