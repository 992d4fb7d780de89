//! The words of a text, as they are looked for: lower case, without endings, without what stands in every text.

use rust_stemmers::{Algorithm, Stemmer};

/// Words that say nothing of what a text is about.
const EMPTY: &[&str] = &[
    "a", "about", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did",
    "do", "does", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "more", "my",
    "no", "not", "of", "on", "one", "or", "our", "should", "so", "some", "than", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "to", "was", "we", "were", "what", "when", "where", "which", "while", "who", "why", "will", "with",
    "without", "would", "you", "your",
];

/// The longest word that counts, in bytes.
const LONGEST: usize = 64;

/// From how many characters on a word of letters and digits counts as a key or a token, and not as a word.
const SECRET: usize = 24;

/// Finds the words of texts.
pub struct Words {
    stemmer: Stemmer,
}

impl Default for Words {
    fn default() -> Self {
        Words { stemmer: Stemmer::create(Algorithm::English) }
    }
}

impl Words {
    /// Hands on each word of a text, once for each time that it stands there. `stdoutLog` is also `stdout` and `log`.
    pub fn each(&self, text: &str, mut found: impl FnMut(&str)) {
        let mut lower = String::new();
        for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
            lower.clear();
            lower.extend(word.chars().flat_map(char::to_lowercase));
            if lower.len() > LONGEST || is_like_a_secret(word) {
                continue;
            }
            self.one(&lower, &mut found);
            let humps = humps(word);
            if humps.len() > 1 && humps.iter().all(|hump| hump.len() > 2) {
                for hump in humps {
                    self.one(&hump.to_lowercase(), &mut found);
                }
            }
        }
    }

    fn one(&self, lower: &str, found: &mut impl FnMut(&str)) {
        if EMPTY.binary_search(&lower).is_ok() {
            return;
        }
        match lower.len() > 3 && lower.bytes().all(|byte| byte.is_ascii_lowercase()) {
            true => found(&self.stemmer.stem(lower)),
            false => found(lower),
        }
    }
}

/// Whether a word is rather a key, a token or a hash.
fn is_like_a_secret(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    word.len() >= SECRET && digits > 0 && digits < word.len()
}

/// The parts of `camelCase`.
fn humps(word: &str) -> Vec<&str> {
    let mut humps = Vec::new();
    let mut start = 0;
    let mut was_lower = false;
    for (at, letter) in word.char_indices() {
        if was_lower && letter.is_uppercase() {
            humps.push(&word[start..at]);
            start = at;
        }
        was_lower = letter.is_lowercase();
    }
    humps.push(&word[start..]);
    humps
}

/// A name as it is compared: lower case, one space between words.
pub fn name_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        Words::default().each(text, |word| all.push(word.to_string()));
        all
    }

    #[test]
    fn endings_go_and_names_are_taken_apart() {
        assert!(EMPTY.is_sorted());
        assert_eq!(words("The snapshots of a volume_pool are mounted"), ["snapshot", "volum", "pool", "mount"]);
        assert_eq!(words("ExecStartPre=/bin/true"), ["execstartpr", "exec", "start", "pre", "bin", "true"]);
        assert_eq!(words("größer 4GiB zstd:3"), ["größer", "4gib", "zstd", "3"]);
    }

    #[test]
    fn what_looks_like_a_key_is_no_word() {
        let key = format!("ghp{}", "a1B2c3D4".repeat(4));
        assert_eq!(words(&format!("token {key} end")), ["token", "end"]);
    }
}
