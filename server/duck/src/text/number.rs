//! Numbers as people say them: `4 GiB`, "half a gig", "two hundred megs", `0640`.

use super::Word;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Time,
    /// Nothing: it is a count, a port, a mode.
    None,
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// The amount, in bytes or milliseconds where it has a unit. Decimal prefixes count as binary ones: who says
    /// "4 gigabytes" means 4 GiB.
    pub amount: f64,
    /// What it counts.
    pub unit: Unit,
    /// The digits as they were written: a mode is text.
    pub digits: String,
    /// Whether it was said to be a guess: "about 4 GiB".
    pub rough: bool,
    /// How many words it takes.
    pub words: usize,
}

impl Quantity {
    /// Whether it says so many.
    pub fn is(&self, unit: Unit, amount: f64) -> bool {
        let near = |share: f64| (self.amount - amount).abs() <= amount.abs() * share;
        self.unit == unit && (near(0.001) || (self.rough && near(0.1)))
    }
}

const SIZES: &[(&str, u32)] = &[
    ("tib", 40),
    ("tb", 40),
    ("terabyte", 40),
    ("terabytes", 40),
    ("tera", 40),
    ("tebibyte", 40),
    ("tebibytes", 40),
    ("gib", 30),
    ("gb", 30),
    ("g", 30),
    ("gig", 30),
    ("gigs", 30),
    ("giga", 30),
    ("gigabyte", 30),
    ("gigabytes", 30),
    ("gibibyte", 30),
    ("gibibytes", 30),
    ("mib", 20),
    ("mb", 20),
    ("m", 20),
    ("meg", 20),
    ("megs", 20),
    ("mega", 20),
    ("megabyte", 20),
    ("megabytes", 20),
    ("mebibyte", 20),
    ("mebibytes", 20),
    ("kib", 10),
    ("kb", 10),
    ("k", 10),
    ("kilobyte", 10),
    ("kilobytes", 10),
    ("kibibyte", 10),
    ("kibibytes", 10),
    ("byte", 0),
    ("bytes", 0),
];

const TIMES: &[(&str, f64)] = &[
    ("ms", 1.0),
    ("millisecond", 1.0),
    ("milliseconds", 1.0),
    ("s", 1e3),
    ("sec", 1e3),
    ("secs", 1e3),
    ("second", 1e3),
    ("seconds", 1e3),
    ("min", 6e4),
    ("mins", 6e4),
    ("minute", 6e4),
    ("minutes", 6e4),
    ("h", 3.6e6),
    ("hour", 3.6e6),
    ("hours", 3.6e6),
    ("d", 8.64e7),
    ("day", 8.64e7),
    ("days", 8.64e7),
    ("week", 6.048e8),
    ("weeks", 6.048e8),
];

const ONES: &[(&str, f64)] = &[
    ("zero", 0.0),
    ("one", 1.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("nine", 9.0),
    ("ten", 10.0),
    ("eleven", 11.0),
    ("twelve", 12.0),
    ("thirteen", 13.0),
    ("fourteen", 14.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("seventeen", 17.0),
    ("eighteen", 18.0),
    ("nineteen", 19.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("fifty", 50.0),
    ("sixty", 60.0),
    ("seventy", 70.0),
    ("eighty", 80.0),
    ("ninety", 90.0),
];

const ROUGH: &[&str] = &["about", "around", "roughly", "approximately", "approx", "some", "almost", "nearly", "circa", "ish"];

/// Cuts a unit off the digits that it is written to: `512MiB` is `512` and `MiB`.
pub(super) fn split_unit(piece: &str) -> Vec<&str> {
    let end = piece.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(piece.len());
    let (digits, rest) = piece.split_at(end);
    let lower = rest.to_lowercase();
    let is_unit = SIZES.iter().any(|(name, _)| *name == lower) || TIMES.iter().any(|(name, _)| *name == lower);
    if !digits.is_empty() && is_unit { vec![digits, rest] } else { vec![piece] }
}

fn unit(word: &str) -> Option<(Unit, f64)> {
    let size = SIZES.iter().find(|(name, _)| *name == word).map(|(_, bits)| (Unit::Bytes, 2f64.powi(*bits as i32)));
    size.or_else(|| TIMES.iter().find(|(name, _)| *name == word).map(|(_, factor)| (Unit::Time, *factor)))
}

/// The quantities among words, each with its place.
pub(super) fn read(words: &[Word]) -> Vec<(usize, Quantity)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match quantity(words, at) {
            Some(mut quantity) => {
                quantity.rough = at > 0 && ROUGH.contains(&words[at - 1].text.as_str());
                let used = quantity.words.max(1);
                found.push((at, quantity));
                at += used;
            }
            None => at += 1,
        }
    }
    found
}

fn quantity(words: &[Word], start: usize) -> Option<Quantity> {
    let text = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    let (mut amount, mut used, digits) = number(words, start)?;
    // "half a gig", "one and a half gigs", "2 and a half gigs".
    if text(start + used) == "and" && text(start + used + 1) == "a" && text(start + used + 2) == "half" {
        (amount, used) = (amount + 0.5, used + 3);
    }
    let mut behind = start + used;
    if matches!(text(behind), "a" | "an" | "of") && unit(text(behind + 1)).is_some() {
        behind += 1;
    }
    match unit(text(behind)) {
        Some((unit, factor)) => Some(Quantity { amount: amount * factor, unit, digits, rough: false, words: behind + 1 - start }),
        // "a" and "half" are numbers only before a unit.
        None if digits.is_empty() && matches!(text(start), "a" | "an" | "half" | "quarter" | "couple") => None,
        None => Some(Quantity { amount, unit: Unit::None, digits, rough: false, words: used }),
    }
}

/// A number, how many words it takes, and its digits if it was written in digits.
fn number(words: &[Word], start: usize) -> Option<(f64, usize, String)> {
    let text = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    let first = text(start);
    if first.starts_with(|character: char| character.is_ascii_digit())
        && first.chars().all(|character| character.is_ascii_digit() || character == '.')
    {
        return Some((first.parse().ok()?, 1, first.to_owned()));
    }
    match first {
        "half" => return Some((0.5, 1, String::new())),
        "quarter" => return Some((0.25, 1, String::new())),
        "a" | "an" => {
            let behind = text(start + 1);
            return match behind {
                "half" | "quarter" => None,
                "hundred" => hundreds(words, start + 1, 1.0, 1),
                "dozen" => Some((12.0, 2, String::new())),
                _ if unit(behind).is_some() && behind.len() > 1 => Some((1.0, 1, String::new())),
                _ => None,
            };
        }
        _ => {}
    }
    hundreds(words, start, 0.0, 0)
}

/// A number in words, of which something was read: "a" in "a hundred and twenty".
fn hundreds(words: &[Word], start: usize, mut total: f64, read: usize) -> Option<(f64, usize, String)> {
    let text = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    let is_one = |at: usize| ONES.iter().any(|(name, _)| *name == text(at));
    let mut used = 0;
    if read > 0 {
        total *= 100.0;
        used = 1 + usize::from(text(start + 1) == "and" && is_one(start + 2));
    }
    while let Some((_, one)) = ONES.iter().find(|(name, _)| *name == text(start + used)) {
        // "one two" are two numbers, "twenty five" is one.
        let follows = (total > 0.0 && total % 100.0 == 0.0) || (total % 10.0 == 0.0 && *one < 10.0);
        if used > 0 && !follows {
            break;
        }
        total += one;
        used += 1;
        match text(start + used) {
            "hundred" => {
                total *= 100.0;
                used += 1;
                used += usize::from(text(start + used) == "and" && is_one(start + used + 1));
            }
            "thousand" => {
                total *= 1000.0;
                used += 1;
            }
            _ => {}
        }
    }
    (used > 0).then_some((total, used + read, String::new()))
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;

    fn one(text: &str) -> (Unit, f64) {
        let words: Vec<Word> = text.split(' ').flat_map(split_unit).flat_map(words).collect();
        let found = read(&words);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        (found[0].1.unit, found[0].1.amount)
    }

    #[test]
    fn sizes_are_one_size_however_they_are_said() {
        let gib = f64::from(1 << 30);
        for text in ["4 GiB", "4GB", "4096 MiB", "four gigs", "4 gigabytes"] {
            assert_eq!(one(text), (Unit::Bytes, 4.0 * gib), "{text}");
        }
        for text in ["half a gig", "512 MB", "512M", "five hundred and twelve megs", "half a gigabyte"] {
            assert_eq!(one(text), (Unit::Bytes, gib / 2.0), "{text}");
        }
        assert_eq!(one("one and a half gigs"), (Unit::Bytes, gib * 1.5));
        assert_eq!(one("a gig"), (Unit::Bytes, gib));
        assert_eq!(one("ten minutes"), (Unit::Time, 600_000.0));
        assert_eq!(one("two disks"), (Unit::None, 2.0));
    }
}
