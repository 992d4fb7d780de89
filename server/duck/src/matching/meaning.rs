//! Whether a purpose is told in other words: a blend of shared words, which say more the rarer they are, and of how near the meanings lie.

use std::collections::{HashMap, HashSet};

use seed_knowledge::embedding::{Model, cosine};

use super::{Finding, Matcher, Told};
use crate::fact::{Claim, Fact, Facts, Kind};
use crate::hearing::{Grip, Spoken};
use crate::text::{stems, words};

/// From here on a purpose counts as told, and as touched.
const TOLD: f64 = 0.48;
const TOUCHED: f64 = 0.38;
/// From here on a sentence that speaks of a thing touches a fact about it.
const LIKE: f32 = 0.62;

/// The vectors of facts and sentences.
pub struct Vectors {
    facts: Vec<Vec<f32>>,
    /// Of one, two and three sentences from each on.
    windows: Vec<[Vec<f32>; 3]>,
    /// What the words of facts weigh: rare ones more.
    rarity: HashMap<String, f64>,
}

/// What it adds that a sentence gives a reason, and that it names no value.
const REASON: f64 = 0.06;
const PROSE: f64 = 0.08;

/// Whether a sentence says why.
fn gives_reason(spoken: &Spoken) -> bool {
    const WORDS: &[&str] = &[
        "because",
        "since",
        "so",
        "need",
        "needs",
        "needed",
        "want",
        "wants",
        "wanted",
        "should",
        "must",
        "hence",
        "therefore",
        "aim",
        "goal",
        "purpose",
        "why",
        "otherwise",
        "for",
        "problem",
        "never",
        "lets",
        "helps",
        "wouldn't",
        "shouldn't",
        "that's",
    ];
    spoken.clauses.iter().flat_map(|heard| &heard.clause.words).any(|word| WORDS.contains(&word.text.as_str()))
}

/// Whether a sentence names no size and no path: who says what something is for rarely does.
fn is_prose(spoken: &Spoken) -> bool {
    spoken.clauses.iter().all(|heard| {
        heard.clause.paths.is_empty()
            && heard.clause.quantities.iter().all(|(_, quantity)| quantity.unit == crate::text::Unit::None)
    })
}

/// Words that say nothing about what is meant, as stems.
fn is_plain(stem: &str) -> bool {
    const PLAIN: &[&str] = &[
        "the", "a", "an", "is", "are", "be", "been", "was", "it", "its", "that", "which", "this", "there", "so", "to", "of",
        "and", "in", "on", "for", "with", "as", "at", "by", "from", "or", "but", "than", "then", "them", "they", "we", "i",
        "you", "my", "our", "your", "not", "no", "may", "must", "can", "will", "would", "have", "has", "had", "do", "doe", "all",
        "one", "what", "who", "how", "when", "if", "into", "up", "out", "more", "some", "ani", "onli", "where", "while", "also",
        "their", "same", "thing", "here", "just", "like", "veri", "again", "after", "it's",
    ];
    PLAIN.contains(&stem)
}

impl Vectors {
    /// Embeds them.
    pub fn of(facts: &Facts, spoken: &[Spoken], own: &[bool]) -> Vectors {
        let model = Model::shipped();
        let meant = |fact: &Fact| match &fact.claim {
            Claim::Meaning(text) => text.clone(),
            _ => fact.text.replace('`', ""),
        };
        let texts: Vec<String> = facts.facts.iter().map(meant).collect();
        let mut seen: HashMap<String, f64> = HashMap::new();
        for text in &texts {
            for stem in stems(text).into_iter().collect::<HashSet<_>>() {
                *seen.entry(stem).or_default() += 1.0;
            }
        }
        let count = texts.len().max(1) as f64;
        let rarity = seen.into_iter().map(|(stem, times)| (stem, (1.0 + count / times).ln())).collect();
        let kept: Vec<&str> = spoken.iter().zip(own).filter(|(_, own)| **own).map(|(spoken, _)| spoken.text.as_str()).collect();
        let windows =
            (0..kept.len()).map(|at| [1, 2, 3].map(|len| model.embed(&kept[at..(at + len).min(kept.len())].join(" ")))).collect();
        Vectors { facts: texts.iter().map(|text| model.embed(text)).collect(), windows, rarity }
    }

    /// How near the meaning of sentences lies to that of a fact.
    pub fn near(&self, fact: usize, window: usize, len: usize) -> f32 {
        match (self.facts.get(fact), self.windows.get(window)) {
            (Some(fact), Some(windows)) => cosine(fact, &windows[len - 1]),
            _ => 0.0,
        }
    }
}

impl Matcher<'_> {
    pub(super) fn meaning(&self, index: usize, fact: &Fact, text: &str, finding: &mut Finding) {
        let wanted: HashSet<String> = stems(text).into_iter().filter(|stem| !is_plain(stem)).collect();
        let weight = |stem: &String| self.vectors.rarity.get(stem).copied().unwrap_or(1.0);
        let total: f64 = wanted.iter().map(weight).sum();
        let kept: Vec<(usize, &Spoken)> = self.sentences().collect();
        let said: Vec<HashSet<String>> =
            kept.iter().map(|(_, spoken)| words(&spoken.text).into_iter().map(|word| word.stem).collect()).collect();
        for at in 0..kept.len() {
            for len in 1..=3usize.min(kept.len() - at) {
                let shared: f64 =
                    wanted.iter().filter(|stem| said[at..at + len].iter().any(|said| said.contains(*stem))).map(weight).sum();
                let shared = if total > 0.0 { shared / total } else { 0.0 };
                let near = f64::from(self.vectors.near(index, at, len)).max(0.0);
                let about = fact.thing == 0
                    || kept[at..at + len]
                        .iter()
                        .any(|(_, spoken)| spoken.grip(fact.thing).is_some_and(|grip| grip >= Grip::Shared));
                let window = &kept[at..at + len];
                // What a file holds is told by who speaks of the file.
                if fact.kind != Kind::Purpose && !about {
                    continue;
                }
                let reason = window.iter().any(|(_, spoken)| gives_reason(spoken));
                let prose = window.iter().all(|(_, spoken)| is_prose(spoken));
                let bonus = if reason { REASON } else { 0.0 } + if prose { PROSE } else { 0.0 };
                // Likeness to a text counts for less where the sentence speaks of something else.
                let score = (0.5 * shared + 0.6 * near) * if about { 1.0 } else { 0.9 } + bonus * near.min(0.4) / 0.4
                    - 0.02 * (len - 1) as f64;
                if score >= TOLD {
                    finding.raise(Told::Covered, kept[at].0);
                } else if score >= TOUCHED {
                    finding.raise(Told::Unclear, kept[at].0);
                }
            }
        }
    }

    /// Facts that no rule found: a sentence that speaks of the thing and is like the fact touches it.
    pub(super) fn likeness(&self, findings: &mut [Finding]) {
        let kept: Vec<(usize, &Spoken)> = self.sentences().collect();
        for (index, finding) in findings.iter_mut().enumerate().filter(|(_, finding)| finding.told == Told::Missing) {
            let fact = &self.facts.facts[index];
            if matches!(fact.claim, Claim::Meaning(_)) {
                continue;
            }
            for (at, (place, spoken)) in kept.iter().enumerate() {
                let about = self.grip(fact, spoken).is_some_and(|grip| grip >= Grip::Pronoun);
                if about && self.vectors.near(index, at, 1) >= LIKE {
                    finding.raise(Told::Unclear, *place);
                }
            }
        }
    }
}
