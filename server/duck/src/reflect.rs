//! What the duck answers to an explanation.

use crate::fact::{Fact, Facts};
use crate::gaming::{Gamed, Known};
use crate::hearing::hear;
use crate::matching::{Finding, Matcher, Told, Vectors};
use crate::question;

/// What a fact that is only touched counts, as a share.
const UNCLEAR: f64 = 0.3;

/// An explanation, compared with the facts.
#[derive(Clone, Debug)]
pub struct Reflection {
    /// What was found for each fact, in their order.
    pub findings: Vec<Finding>,
    /// The sentences of the explanation.
    pub sentences: Vec<String>,
    /// How much of what matters was told, from 0 to 1.
    pub score: f64,
    /// The one question, and the fact that it is about: an index into [`Facts::facts`]. None where all is told.
    pub question: Option<(usize, String)>,
    /// Whether text was pasted, or names were listed.
    pub gamed: Option<Gamed>,
    /// What else is to be said, in words.
    pub note: Option<String>,
}

impl Reflection {
    /// The facts for which this was found.
    pub fn of<'a>(&'a self, facts: &'a Facts, told: Told) -> impl Iterator<Item = (&'a Fact, &'a Finding)> {
        facts.facts.iter().zip(&self.findings).filter(move |(_, finding)| finding.told == told)
    }

    /// The sentence of a finding.
    pub fn sentence(&self, finding: &Finding) -> Option<&str> {
        self.sentences.get(finding.sentence?).map(String::as_str)
    }
}

/// How much of what matters was told: the weights of what is covered, and a part of those of what is touched.
pub fn score(facts: &[Fact], findings: &[Finding]) -> f64 {
    let total: f64 = facts.iter().map(|fact| fact.weight).sum();
    let told = facts.iter().zip(findings).map(|(fact, finding)| match finding.told {
        Told::Covered => fact.weight,
        Told::Unclear => fact.weight * UNCLEAR,
        Told::Missing => 0.0,
        // A mistake is worse than a gap.
        Told::Contradicted => -fact.weight * 0.5,
    });
    if total > 0.0 { (told.sum::<f64>() / total).clamp(0.0, 1.0) } else { 0.0 }
}

/// Compares an explanation with the facts of a spec. Needs nothing but both, and answers to any text.
pub fn reflect(facts: &Facts, explanation: &str) -> Reflection {
    let spoken = hear(facts, explanation);
    let known = Known::of(facts);
    let gaming: Vec<Option<Gamed>> = spoken.iter().map(|spoken| known.gamed(spoken)).collect();
    let own: Vec<bool> = gaming.iter().map(Option::is_none).collect();
    let vectors = Vectors::of(facts, &spoken, &own);
    let findings = Matcher::new(facts, &spoken, &own, &vectors).run();
    let gamed = gaming.iter().flatten().copied().next();
    let note = gamed.map(|gamed| gamed.words().to_owned());
    let mut reflection = Reflection {
        score: score(&facts.facts, &findings),
        findings,
        sentences: spoken.into_iter().map(|spoken| spoken.text).collect(),
        question: None,
        gamed,
        note,
    };
    reflection.question = question::ask(facts, &reflection);
    reflection
}
