//! Explanations as the duck hears them: sentences, clauses, words, quantities and paths.

mod number;

use std::borrow::Cow;

use rust_stemmers::{Algorithm, Stemmer};

pub use number::{Quantity, Unit};

/// The most of an explanation that is listened to, in bytes: some 10,000 words.
pub const LONGEST: usize = 64 << 10;

/// A word of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As it was written, in lower case.
    pub text: String,
    /// Without its ending: "mounted" and "mounts" are both `mount`.
    pub stem: String,
}

/// A part of a sentence that says one thing.
#[derive(Clone, Debug, Default)]
pub struct Clause {
    /// Its words; one with hyphens is several.
    pub words: Vec<Word>,
    /// Its numbers with their units, each with the place of its word.
    pub quantities: Vec<(usize, Quantity)>,
    /// Paths and file names in it, as they were written, each with the place of its word.
    pub paths: Vec<(usize, String)>,
}

/// A sentence, and the clauses that it is made of.
#[derive(Clone, Debug, Default)]
pub struct Sentence {
    /// As it was written, on one line.
    pub text: String,
    /// Its clauses, in order.
    pub clauses: Vec<Clause>,
}

impl Sentence {
    /// All words, in order.
    pub fn words(&self) -> impl Iterator<Item = &Word> {
        self.clauses.iter().flat_map(|clause| &clause.words)
    }
}

thread_local! {
    static STEMMER: Stemmer = Stemmer::create(Algorithm::English);
}

/// Endings of words that mean the same to us, which the stemmer leaves apart.
const SAME: &[(&str, &str)] = &[
    ("lost", "lose"),
    ("loses", "lose"),
    ("losing", "lose"),
    ("loss", "lose"),
    ("gone", "go"),
    ("goes", "go"),
    ("went", "go"),
    ("wrote", "write"),
    ("written", "write"),
    ("writeable", "writabl"),
    ("sat", "sit"),
    ("sitting", "sit"),
    ("lying", "lie"),
    ("lies", "lie"),
    ("lay", "lie"),
    ("lain", "lie"),
    ("made", "make"),
    ("making", "make"),
    ("built", "build"),
    ("held", "hold"),
    ("kept", "keep"),
    ("took", "take"),
    ("taken", "take"),
    ("taking", "take"),
    ("put", "put"),
    ("putting", "put"),
    ("broke", "break"),
    ("broken", "break"),
    ("dies", "die"),
    ("died", "die"),
    ("dying", "die"),
    ("dead", "die"),
    ("deleted", "delet"),
    ("copies", "copi"),
    ("copy", "copi"),
    ("ran", "run"),
    ("running", "run"),
    ("seen", "see"),
    ("saw", "see"),
    ("shown", "show"),
    ("stood", "stand"),
    ("throwaway", "throw"),
    ("thrown", "throw"),
    ("mirrored", "mirror"),
    ("dir", "folder"),
    ("dirs", "folder"),
    ("directory", "folder"),
    ("directories", "folder"),
    ("filesystem", "filesystem"),
    ("filesystems", "filesystem"),
    ("symlink", "symlink"),
    ("subvol", "subvolum"),
    ("subvols", "subvolum"),
    ("perms", "permiss"),
    ("perm", "permiss"),
    ("config", "configur"),
    ("conf", "configur"),
];

/// A word without its ending.
pub fn stem(word: &str) -> String {
    if let Some((_, same)) = SAME.iter().find(|(written, _)| *written == word) {
        return (*same).to_owned();
    }
    STEMMER.with(|stemmer| match stemmer.stem(word) {
        Cow::Borrowed(stem) => stem.to_owned(),
        Cow::Owned(stem) => stem,
    })
}

/// The stems of a phrase, as the words of a clause have them.
pub fn stems(phrase: &str) -> Vec<String> {
    words(phrase).into_iter().map(|word| word.stem).collect()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '\''
}

/// The words of a text: runs of letters and digits; "don't" is one.
pub fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    // The dot of `1.5` belongs to the number, that of `home.first` parts two words.
    let mut at = 0;
    let parts = text.split(|character: char| {
        let here = at;
        at += character.len_utf8();
        !is_word(character) && character != '’' && !(character == '.' && digit(here.checked_sub(1)) && digit(Some(here + 1)))
    });
    for piece in parts {
        let lower = piece.trim_matches('\'').to_lowercase().replace('’', "'");
        // "the image's" is the image; "it's" says "is".
        let is = ["it", "that", "there", "what", "who", "here", "he", "she", "let"];
        let lower = lower.strip_suffix("'s").filter(|word| !is.contains(word)).unwrap_or(&lower);
        if !lower.is_empty() {
            found.push(Word { stem: stem(lower), text: lower.to_owned() });
        }
    }
    found
}

/// The sentences of an explanation.
pub fn sentences(text: &str) -> Vec<Sentence> {
    let text = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    let mut found = Vec::new();
    for piece in pieces(text) {
        let line = piece.split_whitespace().collect::<Vec<_>>().join(" ");
        // Who draws arrows says what becomes of what.
        let read = line.replace("->", " becomes ").replace("=>", " becomes ").replace('→', " becomes ");
        let clauses: Vec<Clause> = clauses(&read).into_iter().map(clause).filter(|clause| !clause.words.is_empty()).collect();
        if !clauses.is_empty() {
            found.push(Sentence { text: line, clauses });
        }
    }
    found
}

/// Cuts a text where a sentence ends: behind `.`, `!` and `?`, at blank lines and before the items of a list.
fn pieces(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let bytes = text.as_bytes();
    for (at, character) in text.char_indices() {
        let next = bytes.get(at + 1).copied();
        let ends = match character {
            '.' => next.is_none_or(|next| next.is_ascii_whitespace()) && !is_short(&text[start..at]),
            '!' | '?' => next.is_none_or(|next| next.is_ascii_whitespace()),
            '\n' => {
                let rest = text[at + 1..].trim_start_matches([' ', '\t']);
                rest.starts_with(['\n', '-', '*', '•', '#', '>'])
                    || looks_like_yaml(line_at(text, at + 1))
                    || looks_like_yaml(line_before(text, at))
            }
            _ => false,
        };
        if ends {
            found.push(&text[start..=at]);
            start = at + 1;
        }
    }
    found.push(&text[start..]);
    found
}

fn line_at(text: &str, start: usize) -> &str {
    text[start..].split('\n').next().unwrap_or("")
}

fn line_before(text: &str, end: usize) -> &str {
    text[..end].rsplit('\n').next().unwrap_or("")
}

/// Whether a line is one of a spec rather than of prose: `key: value`, `key:`, `- item`.
pub fn looks_like_yaml(line: &str) -> bool {
    let line = line.trim().trim_start_matches("- ");
    let Some((key, value)) = line.split_once(':') else { return false };
    let is_key = !key.is_empty()
        && !key.contains(char::is_whitespace)
        && key.chars().all(|character| character.is_ascii_lowercase() || matches!(character, '_' | '-' | '.' | '0'..='9'));
    is_key && (value.is_empty() || value.starts_with(' ')) && value.split_whitespace().count() <= 6
}

/// Whether a full stop behind this belongs to an abbreviation.
fn is_short(before: &str) -> bool {
    let last = before.rsplit(|character: char| character.is_whitespace() || character == '(').next().unwrap_or("").to_lowercase();
    matches!(last.as_str(), "e.g" | "i.e" | "etc" | "vs" | "approx" | "ca" | "no")
}

/// Cuts a sentence into clauses: at `;`, `:`, dashes, parentheses, commas, and before words that begin something new.
fn clauses(sentence: &str) -> Vec<&str> {
    const BEGIN: [&str; 9] = ["but", "while", "whereas", "then", "because", "although", "though", "and", "which"];
    let mut found = Vec::new();
    let mut start = 0;
    let mut words = 0;
    let mut at = 0;
    for word in sentence.split_inclusive(' ') {
        let bare = word.trim().to_lowercase();
        let begins =
            BEGIN.contains(&bare.as_str()) && words >= 3 && (bare != "and" || begins_clause(&sentence[at + word.len()..]));
        if (begins || matches!(bare.as_str(), "-" | "–" | "—" | "--")) && at > start {
            found.push(&sentence[start..at]);
            (start, words) = (at, 0);
        }
        words += 1;
        at += word.len();
        if bare.ends_with([',', ';', ':', ')']) && words >= 2 {
            found.push(&sentence[start..at]);
            (start, words) = (at, 0);
        }
    }
    found.push(&sentence[start..]);
    found
}

/// Whether what stands behind an "and" says something of its own, and is not the next item of a list.
fn begins_clause(rest: &str) -> bool {
    let first = rest.split_whitespace().next().unwrap_or("").to_lowercase();
    let second = rest.split_whitespace().nth(1).unwrap_or("").to_lowercase();
    let verbs = [
        "is", "are", "has", "gets", "needs", "goes", "sits", "lives", "comes", "holds", "can", "will", "takes", "mounts",
        "mounted", "uses",
    ];
    matches!(
        first.as_str(),
        "it" | "it's" | "its" | "then" | "that" | "this" | "there" | "they" | "if" | "when" | "on" | "inside" | "the" | "finally"
    ) || verbs.contains(&first.as_str())
        || verbs.contains(&second.as_str())
}

fn clause(text: &str) -> Clause {
    let mut clause = Clause::default();
    for piece in text.split_whitespace() {
        let bare = piece.trim_matches(|character: char| {
            matches!(character, ',' | ';' | ':' | '!' | '?' | '(' | ')' | '"' | '`' | '\'' | '“' | '”' | '*' | '[' | ']')
        });
        let bare = bare.trim_end_matches('.');
        if is_path(bare) {
            clause.paths.push((clause.words.len(), bare.to_owned()));
        }
        clause.words.extend(number::split_unit(bare).iter().flat_map(|part| words(part)));
    }
    clause.quantities = number::read(&clause.words);
    clause
}

fn is_path(piece: &str) -> bool {
    let named = |text: &str| text.chars().any(char::is_alphabetic);
    let slashed = piece.contains('/')
        && !piece.contains("//")
        && named(piece)
        && (piece.starts_with(['/', '.', '~']) || piece.split('/').all(|part| !part.is_empty()) && piece.contains('.'));
    let dotted = piece.rsplit_once('.').is_some_and(|(front, end)| {
        named(front) && (1..=8).contains(&end.len()) && end.chars().all(char::is_alphanumeric) && named(end)
    });
    slashed || dotted || (piece.starts_with('/') && named(piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_people_end_them() {
        let found = sentences("An image of 1.5 GiB, e.g. for tests. It is mounted at ./lab/data.img!\n- a list\n- of two");
        let texts: Vec<_> = found.iter().map(|sentence| sentence.text.as_str()).collect();
        assert_eq!(texts, ["An image of 1.5 GiB, e.g. for tests.", "It is mounted at ./lab/data.img!", "- a list", "- of two"]);
        assert_eq!(found[1].clauses[0].paths, [(4, "./lab/data.img".to_owned())]);
    }

    #[test]
    fn words_lose_their_endings() {
        assert_eq!(stem("mounted"), stem("mounts"));
        assert_eq!(stems("read-only"), ["read", "onli"]);
        assert!(words("don't").iter().any(|word| word.text == "don't"));
    }
}
