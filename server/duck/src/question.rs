//! The one question.

use crate::fact::{Claim, Expected, Fact, Facts};
use crate::matching::Told;
use crate::reflect::Reflection;
use crate::text::stems;

/// The question at the heaviest gap: never the answer, and only one. None where all is told.
pub fn ask(facts: &Facts, reflection: &Reflection) -> Option<(usize, String)> {
    let weight = |index: usize, told: Told| match told {
        // Whether a purpose was told is judged by likeness, which errs more often than the rules.
        Told::Missing if matches!(facts.facts[index].claim, Claim::Meaning(_)) => facts.facts[index].weight * 0.85,
        Told::Unclear if matches!(facts.facts[index].claim, Claim::Meaning(_)) => facts.facts[index].weight * 0.5,
        // What was got wrong is worth another look before what was left out, where both matter alike.
        Told::Contradicted => facts.facts[index].weight * 1.25,
        Told::Missing => facts.facts[index].weight,
        Told::Unclear => facts.facts[index].weight * 0.7,
        Told::Covered => 0.0,
    };
    let gaps = reflection.findings.iter().enumerate().filter(|(_, finding)| finding.told != Told::Covered);
    let (index, finding) = gaps.max_by(|(one, first), (other, second)| {
        weight(*one, first.told).total_cmp(&weight(*other, second.told)).then(other.cmp(one))
    })?;
    let fact = &facts.facts[index];
    let question = without_answer(fact);
    let question = match (finding.told, reflection.sentence(finding)) {
        (Told::Contradicted, Some(sentence)) => format!("You say “{}”. Look again: {}", short(sentence), lower(&question)),
        (Told::Unclear, Some(sentence)) => format!("You say “{}”. Say more: {}", short(sentence), lower(&question)),
        _ => question,
    };
    Some((index, question))
}

/// The question of a fact, or one that gives less away where that holds the answer.
fn without_answer(fact: &Fact) -> String {
    let answers: Vec<&Expected> = match &fact.claim {
        Claim::Value { value, .. } => vec![value],
        Claim::Values { values, .. } => values.iter().collect(),
        _ => Vec::new(),
    };
    let asked = stems(&fact.question);
    let given = answers.iter().any(|answer| match answer {
        Expected::Text(text) | Expected::Path(text) => {
            let words = stems(text);
            !words.is_empty() && asked.windows(words.len()).any(|window| window == words)
        }
        _ => false,
    });
    match given {
        true if fact.role.is_empty() => "What else is there to say about all of it?".into(),
        true => "Which values in this spec have you not mentioned, and what would go wrong if they were different?".into(),
        false => fact.question.clone(),
    }
}

fn short(sentence: &str) -> String {
    const LONGEST: usize = 120;
    if sentence.chars().count() <= LONGEST {
        return sentence.trim_end_matches('.').to_owned();
    }
    let cut: String = sentence.chars().take(LONGEST).collect();
    format!("{}…", cut.trim_end())
}

fn lower(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}
