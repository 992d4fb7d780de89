//! Context by words in the text: `#selection`, `#role:pool`, `#recall:"the loop device"`.

use std::fmt;
use std::ops::Range;

/// A piece of context.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// The lines that are selected.
    Selection,
    /// The whole file.
    Buffer,
    /// One role of the spec.
    Role(String),
    /// What apply would do.
    Plan,
    /// What is there.
    Observation,
    /// The mistakes of the spec.
    Diagnostics,
    /// What is known of something.
    Recall(String),
}

/// The words, and what each stands for. Those that end with `:` take a name or words behind it.
pub const WORDS: &[(&str, &str)] = &[
    ("#selection", "the lines given by --selection and --lines"),
    ("#buffer", "the whole file given by --selection, or the spec"),
    ("#role:", "one role of the spec, such as #role:pool"),
    ("#plan", "what apply would do"),
    ("#observation", "what is there, and how it differs"),
    ("#diagnostics", "the mistakes of the spec"),
    ("#recall:", "what notes, specs and documents say about it, such as #recall:backup or #recall:\"loop device\""),
];

impl Word {
    fn of(name: &str, argument: Option<&str>) -> Option<Word> {
        Some(match (name, argument) {
            ("selection", None) => Word::Selection,
            ("buffer", None) => Word::Buffer,
            ("plan", None) => Word::Plan,
            ("observation", None) => Word::Observation,
            ("diagnostics", None) => Word::Diagnostics,
            ("role", Some(role)) => Word::Role(role.into()),
            ("recall", Some(words)) => Word::Recall(words.into()),
            _ => return None,
        })
    }

    /// What stands in the text in the place of the word.
    pub fn mention(&self) -> String {
        match self {
            Word::Selection => "the selection".into(),
            Word::Buffer => "the file".into(),
            Word::Role(role) => format!("the role `{role}`"),
            Word::Plan => "the plan".into(),
            Word::Observation => "the observation".into(),
            Word::Diagnostics => "the diagnostics".into(),
            Word::Recall(words) => format!("what is known of “{words}”"),
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Selection => formatter.write_str("#selection"),
            Word::Buffer => formatter.write_str("#buffer"),
            Word::Role(role) => write!(formatter, "#role:{role}"),
            Word::Plan => formatter.write_str("#plan"),
            Word::Observation => formatter.write_str("#observation"),
            Word::Diagnostics => formatter.write_str("#diagnostics"),
            Word::Recall(words) if words.contains(' ') => write!(formatter, "#recall:\"{words}\""),
            Word::Recall(words) => write!(formatter, "#recall:{words}"),
        }
    }
}

/// What a text comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The text, with a mention in the place of each word.
    pub text: String,
    /// The words, each once, in the order in which they stand.
    pub words: Vec<Word>,
    /// What looks like a word and is none, with the one that may be meant.
    pub unknown: Vec<(String, String)>,
}

/// Reads the words of a text. A word begins the text or stands behind a space or bracket; `\#plan` is text.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut end = 0;
    for (start, _) in text.match_indices('#') {
        if start < end {
            continue;
        }
        let before = text[..start].chars().next_back();
        if before == Some('\\') {
            let is_word = word_at(text, start).is_some();
            parsed.text.push_str(&text[end..start - usize::from(is_word)]);
            end = start;
            continue;
        }
        if before.is_some_and(|before| !before.is_whitespace() && !"([{\"'“‘".contains(before)) {
            continue;
        }
        match word_at(text, start) {
            Some((range, word)) => {
                parsed.text.push_str(&text[end..start]);
                parsed.text.push_str(&word.mention());
                end = range.end;
                if !parsed.words.contains(&word) {
                    parsed.words.push(word);
                }
            }
            None => {
                let written = name_at(text, start);
                if let Some(near) = near(written) {
                    parsed.unknown.push((format!("#{written}"), near));
                }
            }
        }
    }
    parsed.text.push_str(&text[end..]);
    parsed
}

/// The letters behind a `#`.
fn name_at(text: &str, start: usize) -> &str {
    let rest = &text[start + 1..];
    &rest[..rest.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(rest.len())]
}

/// The word that may be meant by a name that is none.
fn near(name: &str) -> Option<String> {
    // Shorter ones are near to everything.
    let names = WORDS.iter().map(|(word, _)| word.trim_start_matches('#').trim_end_matches(':'));
    (name.len() >= 3).then(|| seed_spec::nearest::nearest(name, names)).flatten().map(|near| format!("#{near}"))
}

fn word_at(text: &str, start: usize) -> Option<(Range<usize>, Word)> {
    let name = name_at(text, start);
    let behind = start + 1 + name.len();
    let Some(rest) = text[behind..].strip_prefix(':').filter(|_| matches!(name, "role" | "recall")) else {
        // `#plans` is another word, `#plan.` ends a sentence.
        let ends = !text[behind..].starts_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-');
        return Word::of(name, None).filter(|_| ends).map(|word| (start..behind, word));
    };
    let from = behind + 1;
    if let Some(quoted) = rest.strip_prefix('"') {
        let length = quoted.find('"')?;
        let word = Word::of(name, Some(quoted[..length].trim()).filter(|words| !words.is_empty()))?;
        return Some((start..from + length + 2, word));
    }
    let length = rest.find(|letter: char| letter.is_whitespace() || "\"')]},;!?".contains(letter)).unwrap_or(rest.len());
    // A dot or colon at the end belongs to the sentence.
    let argument = rest[..length].trim_end_matches(['.', ':']);
    let word = Word::of(name, Some(argument).filter(|argument| !argument.is_empty()))?;
    Some((start..from + argument.len(), word))
}

/// What a prompt takes as context: the first of some words that can be had, `#selection|#buffer`; with `?` at the end it may be
/// none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The words, the best first.
    pub any: Vec<Word>,
    /// Whether it can do without.
    pub optional: bool,
}

impl Wanted {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is no word.
    pub fn parse(text: &str) -> Result<Wanted, String> {
        let (list, optional) = text.strip_suffix('?').map_or((text, false), |list| (list, true));
        let any: Result<Vec<Word>, String> = list
            .split('|')
            .map(|written| {
                let written = written.trim();
                let whole = word_at(written, 0).filter(|(range, _)| written.starts_with('#') && range.end == written.len());
                whole.map(|(_, word)| word).ok_or_else(|| {
                    let known = WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
                    format!("`{written}` is not a context; the contexts are {known}")
                })
            })
            .collect();
        Ok(Wanted { any: any?, optional })
    }
}

/// The words that begin with `lead`, with what each stands for. `roles` are those of the spec.
pub fn complete(lead: &str, roles: &[String]) -> Vec<(String, String)> {
    if let Some(front) = lead.strip_prefix("#role:") {
        let known = roles.iter().filter(|role| role.starts_with(front));
        return known.map(|role| (format!("#role:{role}"), "a role of the spec".to_owned())).collect();
    }
    WORDS
        .iter()
        .filter(|(word, _)| word.starts_with(lead))
        .map(|(word, about)| ((*word).to_owned(), (*about).to_owned()))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_and_mentioned() {
        let parsed = parse("Why does #role:pool need #role:loop, and what of (#plan)? #recall:\"loop device\" #plan.");
        assert_eq!(
            parsed.text,
            "Why does the role `pool` need the role `loop`, and what of (the plan)? what is known of “loop device” the plan."
        );
        let words: Vec<String> = parsed.words.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["#role:pool", "#role:loop", "#plan", "#recall:\"loop device\""]);
    }

    #[test]
    fn what_is_no_word_stays() {
        for text in
            ["issue #12", "a#plan", "# A heading", "#plans", "#role:", "#recall:\"\"", "C# and F#", "#", "#plan-b", "colour #fff"]
        {
            let parsed = parse(text);
            assert_eq!((parsed.text.as_str(), parsed.words.len()), (text, 0), "{text}");
        }
        assert_eq!(parse(r"say \#plan and \#12").text, r"say #plan and \#12");
        assert_eq!(parse("see #selektion").unknown, [("#selektion".to_owned(), "#selection".to_owned())]);
        assert_eq!(parse("#role:data/part.").words, [Word::Role("data/part".into())]);
    }

    #[test]
    fn what_a_prompt_wants_is_read() {
        let wanted = Wanted::parse("#selection|#buffer?").unwrap();
        assert_eq!((wanted.any.len(), wanted.optional), (2, true));
        assert!(Wanted::parse("#selection|plan").unwrap_err().contains("`plan` is not a context"));
    }

    #[test]
    fn completion() {
        let roles = ["pool".to_owned(), "page".to_owned(), "loop".to_owned()];
        let words = |lead: &str| complete(lead, &roles).into_iter().map(|(word, _)| word).collect::<Vec<_>>();
        assert_eq!(words("#role:p"), ["#role:pool", "#role:page"]);
        assert_eq!(words("#r"), ["#role:", "#recall:"]);
        assert_eq!(words("#").len(), WORDS.len());
        assert!(words("x").is_empty());
    }
}
