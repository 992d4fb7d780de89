//! The words and phrases that the prose check finds, with what to write instead.

use regex::Regex;

use crate::Result;

/// A phrase, what to write instead, and a sentence in which it is found. In a pattern, what the group `ok` matches is good English.
type Rule = (&'static str, &'static str, &'static str);

const RULES: &[Rule] = &[
    (
        r"(?P<ok>\bthere (?:is|are|was|were) no\b|\b(?:is|are|was|were) no (?:longer|more|less|need|such)\b)|\b(?:is|are|was|were) no\b",
        "is not a …, does not exist",
        "What is no YAML is left as it is.",
    ),
    (r"\btold\b", "reported, shown, said", "Invalid YAML is told."),
    (r"\btells? (?:of|what|how|whether|where|why|which|that)\b", "says, shows, reports", "The plan tells what would be lost."),
    (r"\bput(?:s|ting)?(?: \w+){0,3} aside\b", "back up, backup", "The old file was put aside."),
    (r"\bput(?:s|ting)?(?: \w+){0,3} back\b", "restore", "The old content is put back."),
    (r"\btak(?:e|es|en|ing)(?: \w+){0,4} back\b", "undo, remove, restore", "It takes the last apply back."),
    (r"\bmend(?:s|ed|ing)?\b", "repair, fix", "It mends what has drifted."),
    (r"\bthere (?:is|are|was|were) none\b", "does not exist; say what is missing", "Without it there is none."),
    (r"\bshall\b", "must, should, will", "A link shall be here."),
    (r"\b(?:there|here|where)(?:of|in|to|by|upon)\b", "of it, in it", "The name thereof."),
    (r"\bby hand of\b", "by", "It is written by hand of a person."),
    (r"\b(?:lies?|lay|lying) (?:in|on|at|there|beside|within|here)\b", "is in", "The folder that it lies in."),
    (r"\bstands? (?:in|on|there|where|beside|written|at)\b", "is in", "The name stands in the spec."),
    (r"\blitter\b", "temporary file", "It removes the litter."),
    (r"\blet(?:s|ting)? go of\b", "drop, forget", "It lets go of a role."),
    (r"\bany more\b", "no longer", "It is not Seed's any more."),
    (r"\banew\b", "again", "It is made anew."),
    (r"\bonce more\b", "again", "It looks once more."),
    (r"\bbesides[.,;:]", "also", "What there is to know besides."),
    (r"\bif (?:it|they|one|you|this|he|she|who) may\b", "if … is allowed", "It is installed, if they may."),
    (r"\bwhere (?:it|they|one|you|this|he|she) may\b", "where … can", "Write where you may."),
    (r"\bheeds?\b", "uses, respects", "Root heeds it."),
    (r"\bwholly\b", "completely", "It is wholly new."),
    (r"\bha(?:s|ve) a say\b", "counts, influences", "The folder has a say."),
    (r"\b(?:says?|said) no\b", "fails, refuses", "The program says no."),
    (r"\b(?:says?|said) of\b", "says about", "What the spec says of it."),
    (r"\bwhat (?:it|they|this|that|the \w+) (?:comes?|came) to\b", "the result of", "What it came to."),
    (r"\bwhat came of\b", "the result of", "It shows what came of it."),
    (r"\bcircles?\b", "cycle", "The roles form a circle."),
    (r"\balike\b", "identical, consistent", "It keeps them alike."),
    (r"\bbe it\b", "whether", "Any value, be it a size."),
    (r"\bbut for\b", "except", "The same but for the times."),
    (r"\ball (?:that (?:is|was|are|were|it|they|the)|in it|on it)\b", "everything", "The volume and all in it."),
    (r"\b(?:to|can|cannot|could) be had\b", "be available", "It cannot be had."),
    (r"\bend(?:s|ed)? well\b", "succeed", "The run ended well."),
    (r"\bto begin with\b", "as a start, first", "Something to begin with."),
    (r"\bat hand\b", "available", "The same is at hand."),
    (r"\bfor the eye of\b", "for", "For the eye of the reader."),
    (r"\bof who\b", "of the person who", "The home of who started it."),
    (r"\b(?:is|are) the work of\b", "is done by", "The hash is the work of the parent."),
    (r"\bof themselves\b", "automatically", "They go of themselves."),
];

/// The rules, ready to be used.
pub struct Rules(Vec<(Regex, &'static str)>);

impl Rules {
    /// Compiles them.
    ///
    /// # Errors
    ///
    /// When a pattern is wrong.
    pub fn new() -> Result<Rules> {
        let compiled = RULES.iter().map(|(pattern, instead, _)| Ok((Regex::new(&format!("(?i){pattern}"))?, *instead)));
        compiled.collect::<Result<Vec<_>>>().map(Rules)
    }

    /// What is found in a text, in words.
    pub fn slips(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (pattern, instead) in &self.0 {
            for captures in pattern.captures_iter(text).filter(|captures| captures.name("ok").is_none()) {
                let Some(phrase) = captures.get(0) else { continue };
                let start = text[..phrase.start()].char_indices().rev().nth(30).map_or(0, |(at, _)| at);
                let end = text[phrase.end()..].char_indices().nth(30).map_or(text.len(), |(at, _)| phrase.end() + at);
                let around = text[start..end].replace('\n', " ");
                found.push(format!("`{}` in “{}”: write {instead}", phrase.as_str().replace('\n', " "), around.trim()));
            }
        }
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{RULES, Rules};

    #[test]
    fn each_rule_finds_its_example() {
        let rules = Rules::new().unwrap();
        for (at, (pattern, _, example)) in RULES.iter().enumerate() {
            assert!(rules.0[at].0.is_match(example), "{pattern} does not match {example:?}");
        }
    }

    #[test]
    fn good_sentences_pass() {
        let rules = Rules::new().unwrap();
        for sentence in [
            "Both install their dependencies with apt or pacman.",
            "A role whose `when` is false does not exist.",
            "Invalid YAML is reported and left unchanged.",
            "There is no state file, and it is no longer needed.",
            "There are no more roles. The device is no less important.",
            "Seed restores the previous content from the backup.",
            "`needs` sets an order that nothing else implies.",
            "It tells systemd to start the unit.",
            "Besides the system calls it includes the start of a program.",
            "Its path lies below the mount point, and `~` stands for the home.",
            "Two roles depend on each other: this is a dependency cycle.",
            "All roles are there, and all of them match.",
            "Wherever it is, therefore, it whispers.",
        ] {
            assert_eq!(rules.slips(sentence), Vec::<String>::new(), "{sentence}");
        }
    }
}
