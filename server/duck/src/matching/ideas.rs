//! Whether ideas are told: that data is lost, that something is read-only.

use super::{Finding, Matcher, Told};
use crate::fact::{Fact, Idea, Ideas};
use crate::hearing::{Grip, Heard, Spoken, denied, find, negates};

/// How an idea stands in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stance {
    Said,
    Denied,
}

impl Matcher<'_> {
    pub(super) fn ideas(&self, fact: &Fact, ideas: &Ideas, finding: &mut Finding) {
        for (place, spoken) in self.sentences() {
            let grip = self.grip(fact, spoken);
            // "Everything is lost" is about all; "the image is lost" about the image.
            let elsewhere = grip.is_none_or(|grip| grip < Grip::Shared) && spoken.names_something();
            let meant = match (grip, ideas.general) {
                (Some(Grip::Name | Grip::Sort), _) => true,
                (Some(_), false) => true,
                _ => !elsewhere,
            };
            if !meant {
                continue;
            }
            let nearby = |heard: &Heard| {
                ideas.general
                    || grip.is_none()
                    || heard.grip(fact.thing).is_some()
                    || self.by_part(fact.thing, |part| heard.grip(part)).is_some()
            };
            let against = stance_in(spoken, &ideas.against, &nearby);
            let stances: Vec<Option<(Stance, String)>> = ideas.all.iter().map(|idea| stance_in(spoken, idea, &nearby)).collect();
            let mut said = stances.iter().filter(|stance| matches!(stance, Some((Stance::Said, _)))).count();
            let fits = match ideas.all.len() {
                1 => !fact.id.ends_with("disposable") || is_about_loss(spoken) || grip.is_some_and(|grip| grip >= Grip::Shared),
                // "It survives" denies nothing that was not spoken of: when it is taken away, when a disk breaks.
                _ => said > 0,
            };
            // "It" may mean one of several things.
            let sure = match grip {
                Some(Grip::Pronoun | Grip::Implied) => !spoken
                    .clauses
                    .iter()
                    .flat_map(|heard| &heard.mentions)
                    .any(|mention| mention.things.contains(&fact.thing) && mention.things.len() > 1),
                _ => true,
            };
            if let Some((Stance::Said, words)) = &against {
                if fits && sure {
                    finding.contradict(place, words.clone());
                }
                continue;
            }
            // One word cannot be two ideas: "before it is wiped" does not say that anything is lost by it.
            if said > 1 && places(spoken, &ideas.all, &nearby) < said {
                said -= 1;
            }
            let is_denied = stances.first().is_some_and(|stance| matches!(stance, Some((Stance::Denied, _))));
            if is_denied {
                if ideas.all.len() == 1
                    && let Some(Some((_, words))) = stances.first()
                    && grip.is_some_and(|grip| grip >= Grip::Pronoun)
                    && sure
                {
                    finding.contradict(place, format!("not {words}"));
                }
                continue;
            }
            // The opposite denied is the thing itself: "nobody asks".
            let refuted = matches!(against, Some((Stance::Denied, _))) && ideas.all.len() == 1 && fits;
            if said == ideas.all.len() || refuted {
                finding.raise(Told::Covered, place);
            } else if said * 2 >= ideas.all.len() && grip.is_some_and(|grip| grip >= Grip::Pronoun) {
                finding.raise(Told::Unclear, place);
            }
        }
    }
}

/// How a sentence stands to an idea, and the words that say so. A phrase that holds a negation itself is never denied by it.
fn stance_in(spoken: &Spoken, idea: &Idea, nearby: &dyn Fn(&Heard) -> bool) -> Option<(Stance, String)> {
    let mut found: Option<(Stance, String)> = None;
    for heard in spoken.clauses.iter().filter(|heard| nearby(heard)) {
        let words = &heard.clause.words;
        for phrase in &idea.phrases {
            let Some(at) = find(words, phrase) else { continue };
            let text = words[at..at + phrase.len()].iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
            let negative = words[at..at + phrase.len()].iter().any(negates);
            if negative || !denied(words, at, phrase.len()) {
                return Some((Stance::Said, text));
            }
            found.get_or_insert((Stance::Denied, text));
        }
    }
    found
}

/// At how many places of a sentence ideas are said.
fn places(spoken: &Spoken, ideas: &[Idea], nearby: &dyn Fn(&Heard) -> bool) -> usize {
    let mut places = std::collections::HashSet::new();
    for (number, heard) in spoken.clauses.iter().enumerate().filter(|(_, heard)| nearby(heard)) {
        let words = &heard.clause.words;
        for phrase in ideas.iter().flat_map(|idea| &idea.phrases) {
            let all = (0..words.len()).filter(|at| {
                words
                    .get(*at..at + phrase.len())
                    .is_some_and(|window| window.iter().zip(phrase).all(|(word, stem)| word.stem == *stem))
            });
            places.extend(all.map(|at| (number, at)));
        }
    }
    places.len()
}

/// Whether a sentence is about data that is destroyed.
fn is_about_loss(spoken: &Spoken) -> bool {
    static LOSS: std::sync::LazyLock<Idea> =
        std::sync::LazyLock::new(|| Idea::of(crate::lexicon::LOST.iter().chain(crate::lexicon::TAKEN_AWAY).copied()));
    spoken.clauses.iter().any(|heard| crate::hearing::find_idea(&heard.clause.words, &LOSS).is_some())
}
