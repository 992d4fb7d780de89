//! Texts as tokens of a vocabulary, by WordPiece as BERT has it: Devlin et al., 2018; the details are those of the `tokenizers`
//! library with `BertNormalizer` (lower case, no accents) and `BertPreTokenizer`.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// What a token begins with that goes on in the middle of a word.
const INSIDE: &str = "##";
/// The longest word, in characters, that is looked for.
const LONGEST: usize = 100;

/// The tokens by their text. Words that cannot be put together from them are left out.
#[derive(Debug)]
pub struct Vocabulary<'a> {
    /// Those that a word begins with, and those inside of one without their `##`.
    first: HashMap<&'a str, u16>,
    inside: HashMap<&'a str, u16>,
    /// The longest token, in bytes.
    longest: usize,
    len: usize,
}

impl<'a> Vocabulary<'a> {
    /// Reads it: a token a line. None if there are more than can be numbered.
    pub fn new(lines: &'a str) -> Option<Self> {
        let mut vocabulary = Vocabulary { first: HashMap::with_capacity(1 << 15), inside: HashMap::new(), longest: 0, len: 0 };
        for line in lines.lines() {
            let number = u16::try_from(vocabulary.len).ok()?;
            vocabulary.len += 1;
            // `[CLS]`, `[unused7]`: no text is made of them.
            if line.len() > 1 && line.starts_with('[') {
                continue;
            }
            let (tokens, text) = match line.strip_prefix(INSIDE) {
                Some(text) if !text.is_empty() => (&mut vocabulary.inside, text),
                _ => (&mut vocabulary.first, line),
            };
            tokens.insert(text, number);
            vocabulary.longest = vocabulary.longest.max(text.len());
        }
        Some(vocabulary)
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Hands on the numbers of a text's tokens, up to so many.
    pub fn tokens(&self, text: &str, most: usize, mut found: impl FnMut(u16)) {
        let mut left = most;
        let mut of_word = Vec::new();
        let mut end_word = |word: &mut String| {
            if !word.is_empty() && left > 0 {
                self.split(word, &mut of_word);
                of_word.iter().take(left).for_each(|token| found(*token));
                left -= of_word.len().min(left);
                word.clear();
            }
            left > 0
        };
        let mut word = String::new();
        for letter in text.nfd().filter(|letter| !is_combining_mark(*letter)) {
            let goes_on = match Kind::of(letter) {
                Kind::Nothing => true,
                Kind::Space => end_word(&mut word),
                Kind::Alone => {
                    end_word(&mut word);
                    word.extend(letter.to_lowercase());
                    end_word(&mut word)
                }
                Kind::Part => {
                    word.extend(letter.to_lowercase());
                    true
                }
            };
            if !goes_on {
                return;
            }
        }
        end_word(&mut word);
    }

    /// The tokens of a word: always the longest that is there; none if something is left over.
    fn split(&self, word: &str, tokens: &mut Vec<u16>) {
        tokens.clear();
        if word.chars().count() > LONGEST {
            return;
        }
        let mut rest = word;
        while !rest.is_empty() {
            let known = if tokens.is_empty() { &self.first } else { &self.inside };
            let ends = (1..=rest.len().min(self.longest)).rev().filter(|end| rest.is_char_boundary(*end));
            let Some((end, token)) = ends.into_iter().find_map(|end| Some((end, *known.get(&rest[..end])?))) else {
                tokens.clear();
                return;
            };
            tokens.push(token);
            rest = &rest[end..];
        }
    }
}

/// What a character is for a text.
enum Kind {
    /// It is left out.
    Nothing,
    /// It separates words.
    Space,
    /// It is a word of its own.
    Alone,
    /// It is a part of a word.
    Part,
}

impl Kind {
    fn of(letter: char) -> Kind {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' => Kind::Part,
            '\t' | '\n' | '\r' => Kind::Space,
            '\0' | '\u{fffd}' => Kind::Nothing,
            letter if letter.is_whitespace() => Kind::Space,
            letter if letter.is_ascii_punctuation() || is_chinese(letter) => Kind::Alone,
            letter => match letter.general_category_group() {
                // Control and format characters, and what is not assigned.
                GeneralCategoryGroup::Other => Kind::Nothing,
                GeneralCategoryGroup::Punctuation => Kind::Alone,
                _ => Kind::Part,
            },
        }
    }
}

/// The blocks of CJK ideographs, in which words are not separated.
fn is_chinese(letter: char) -> bool {
    matches!(letter, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}
