//! Explanations that are none: the spec pasted, its names listed. Such sentences are seen and count for nothing; what else is said does.

use std::collections::HashSet;

use crate::fact::Facts;
use crate::hearing::Spoken;
use crate::text::{looks_like_yaml, stems, words};

/// How an explanation was gamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gamed {
    /// The spec's own text, or that of its facts.
    Pasted,
    /// Names and values without a word on them.
    Listed,
}

impl Gamed {
    /// What is said to who did it.
    pub fn words(self) -> &'static str {
        match self {
            Gamed::Pasted => "This text is copied from the spec, so it does not count. Explain it in your own words.",
            Gamed::Listed => {
                "Names and values alone explain nothing, so they do not count. Say what they are for and how they are connected."
            }
        }
    }
}

/// The least of words in a row that count as pasted.
const RUN: usize = 5;

/// Knows the text of a spec and of its facts again.
pub struct Known {
    /// All runs of words in a row.
    runs: HashSet<u64>,
    /// The facts, word for word: some are shorter than a run.
    facts: HashSet<u64>,
    /// Words of the spec: names, values, types.
    vocabulary: HashSet<String>,
}

fn hash(words: &[String]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    hasher.finish()
}

impl Known {
    /// What is known of a spec.
    pub fn of(facts: &Facts) -> Known {
        let mut runs = HashSet::new();
        let mut vocabulary = HashSet::new();
        let source = stems(&facts.source);
        runs.extend(source.windows(RUN).map(hash));
        let mut whole = HashSet::new();
        for fact in &facts.facts {
            whole.insert(hash(&stems(&fact.text)));
            runs.extend(stems(&fact.text).windows(RUN).map(hash));
        }
        vocabulary.extend(source);
        for thing in &facts.things {
            vocabulary.extend(thing.sort.phrases.iter().filter(|phrase| phrase.len() < 3).flatten().cloned());
        }
        for word in GLUE.iter().chain(VERBS) {
            vocabulary.remove(&crate::text::stem(word));
        }
        vocabulary.extend(facts.things.iter().flat_map(|thing| stems(&thing.name)));
        Known { runs, facts: whole, vocabulary }
    }

    /// Whether a sentence is no explanation.
    pub fn gamed(&self, spoken: &Spoken) -> Option<Gamed> {
        if looks_like_yaml(&spoken.text) {
            return Some(Gamed::Pasted);
        }
        let all = words(&spoken.text);
        let stems: Vec<String> = all.iter().map(|word| word.stem.clone()).collect();
        if self.facts.contains(&hash(&stems)) {
            return Some(Gamed::Pasted);
        }
        // Nobody says "storage.tmpfs" but the spec.
        let of_type = |word: &str| {
            crate::lexicon::TYPES
                .iter()
                .any(|words| words.name == word.trim_matches(|character: char| !character.is_alphanumeric()))
        };
        if stems.len() <= 10 && spoken.text.split_whitespace().any(of_type) {
            return Some(Gamed::Pasted);
        }
        let mut pasted = vec![false; stems.len()];
        for (at, run) in stems.windows(RUN).enumerate() {
            if self.runs.contains(&hash(run)) {
                pasted[at..at + RUN].iter_mut().for_each(|word| *word = true);
            }
        }
        let share = pasted.iter().filter(|word| **word).count() as f64 / stems.len().max(1) as f64;
        if share >= 0.7 {
            return Some(Gamed::Pasted);
        }
        // Someone who explains uses words that join: "on", "is", "so that". A list has none, or next to none.
        let joining = all.iter().filter(|word| joins(&word.text)).count();
        let known =
            stems.iter().filter(|stem| self.vocabulary.contains(*stem) || stem.bytes().all(|byte| byte.is_ascii_digit())).count();
        let counted = all.iter().filter(|word| word.text != "and").count();
        let of_spec = known as f64 / counted.max(1) as f64;
        let sparse = (joining == 0 && of_spec >= 0.5) || (stems.len() >= 8 && joining * 8 < stems.len() && of_spec >= 0.6);
        // What is said must be more than keys and values, also where signs join them.
        let keys = spoken.text.matches(": ").count();
        if keys >= 3 && share >= 0.3 || keys * 4 >= stems.len() && keys > 0 && of_spec >= 0.7 {
            return Some(Gamed::Pasted);
        }
        sparse.then_some(Gamed::Listed)
    }
}

const GLUE: &[&str] = &[
    "is", "are", "was", "be", "it", "that", "which", "this", "there", "so", "because", "since", "for", "to", "on", "in", "at",
    "with", "from", "as", "by", "of", "over", "under", "into", "inside", "onto", "and", "then", "after", "before", "if", "when",
    "while", "but", "can", "cannot", "may", "must", "not", "no", "only", "has", "have", "will", "would", "they", "we", "i",
    "you", "my", "our", "who", "where", "what", "its", "also", "via", "through", "without", "until", "around",
];

const VERBS: &[&str] = &[
    "mount",
    "mounted",
    "needs",
    "need",
    "uses",
    "use",
    "holds",
    "hold",
    "keeps",
    "lies",
    "sits",
    "lives",
    "makes",
    "made",
    "gets",
    "points",
    "shows",
    "contains",
    "limited",
    "capped",
    "stored",
    "called",
    "labelled",
    "lost",
    "destroyed",
    "runs",
    "reads",
    "writes",
    "turns",
];

fn joins(word: &str) -> bool {
    // "and" between names is a list, too.
    (GLUE.contains(&word) && word != "and") || (VERBS.contains(&word) && word != "mount") || word.contains('\'')
}
