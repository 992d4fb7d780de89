//! Whether an explanation tells a fact, touches it, or denies it. Contradictions are found by rules first; likeness can only make a fact
//! count as touched, or as told where it is a purpose.

mod ideas;
mod meaning;
mod relation;
mod sort;
mod values;

use std::collections::HashMap;

use crate::fact::{Claim, Expected, Fact, Facts};
use crate::hearing::{Grip, Spoken};

pub use meaning::Vectors;

/// How much of a fact is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Nothing of it.
    #[default]
    Missing,
    /// Something, but not what matters; or it cannot be told.
    Unclear,
    /// It is told.
    Covered,
    /// Its opposite is.
    Contradicted,
}

/// What was found for a fact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finding {
    /// How much of it is told.
    pub told: Told,
    /// The sentence that tells it: its place in the explanation.
    pub sentence: Option<usize>,
    /// What was said instead, in words, where it is contradicted.
    pub instead: Option<String>,
}

impl Finding {
    fn raise(&mut self, told: Told, sentence: usize) {
        if told > self.told {
            (self.told, self.sentence) = (told, Some(sentence));
        }
    }

    fn contradict(&mut self, sentence: usize, instead: impl Into<String>) {
        if self.told != Told::Contradicted {
            (self.told, self.sentence, self.instead) = (Told::Contradicted, Some(sentence), Some(instead.into()));
        }
    }
}

/// The facts and the explanation, with what is asked of them again and again.
pub struct Matcher<'a> {
    facts: &'a Facts,
    spoken: &'a [Spoken],
    /// Whether a sentence counts.
    own: &'a [bool],
    /// The facts that have a value, so that it can be told whose it is.
    by_value: HashMap<String, Vec<usize>>,
    vectors: &'a Vectors,
}

impl<'a> Matcher<'a> {
    /// Prepares a comparison.
    pub fn new(facts: &'a Facts, spoken: &'a [Spoken], own: &'a [bool], vectors: &'a Vectors) -> Self {
        let mut by_value: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, fact) in facts.facts.iter().enumerate() {
            let values: &[Expected] = match &fact.claim {
                Claim::Value { value, .. } => std::slice::from_ref(value),
                Claim::Values { values, .. } => values,
                _ => &[],
            };
            for value in values {
                by_value.entry(format!("{value:?}")).or_default().push(index);
            }
        }
        Matcher { facts, spoken, own, by_value, vectors }
    }

    /// What is found for each fact.
    pub fn run(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = (0..self.facts.facts.len()).map(|index| self.one(index)).collect();
        self.likeness(&mut findings);
        findings
    }

    fn one(&self, index: usize) -> Finding {
        let fact = &self.facts.facts[index];
        let mut finding = Finding::default();
        match &fact.claim {
            Claim::Meaning(text) => self.meaning(index, fact, text, &mut finding),
            Claim::Sort(sort) => self.sort(fact, sort, &mut finding),
            Claim::Ideas(ideas) => self.ideas(fact, ideas, &mut finding),
            Claim::Value { value, topic } => self.value(index, fact, value, topic, &mut finding),
            Claim::Values { values, topic } => self.values(index, fact, values, topic, &mut finding),
            Claim::Needs(other) => self.needs(fact, *other, &mut finding),
        }
        finding
    }

    /// The sentences that count, with their places.
    fn sentences(&self) -> impl Iterator<Item = (usize, &'a Spoken)> + '_ {
        self.spoken.iter().enumerate().filter(|(place, _)| self.own[*place])
    }

    /// How surely a sentence speaks of what a fact is about; also by a part of it, or by what it is a part of.
    fn grip(&self, fact: &Fact, spoken: &Spoken) -> Option<Grip> {
        spoken.grip(fact.thing).or_else(|| self.by_part(fact.thing, |thing| spoken.grip(thing)))
    }

    fn by_part(&self, thing: usize, grip: impl Fn(usize) -> Option<Grip>) -> Option<Grip> {
        let parts = self.facts.things.iter().enumerate().filter(|(_, part)| part.inside == Some(thing));
        parts.filter_map(|(part, _)| grip(part)).max().map(|found| found.min(Grip::Pronoun))
    }
}
