//! Prints how well the duck does on the labelled set, and with `--errors` each pair of the tuned half that it gets wrong:
//! `cargo run -p seed-duck --example evaluate`.

#![allow(clippy::unwrap_used)]

#[path = "../tests/evaluation/mod.rs"]
mod evaluation;

use std::io::Write;

use evaluation::figures;
use seed_duck::{Told, reflect};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let tuned = evaluation::half("tuned");
    if arguments.iter().any(|argument| argument == "--errors") {
        for spec in &tuned {
            for explanation in &spec.explanations {
                let reflection = reflect(&spec.facts, &explanation.text);
                for ((fact, finding), label) in spec.facts.facts.iter().zip(&reflection.findings).zip(&explanation.labels) {
                    let matters = (*label == Told::Covered) != (finding.told == Told::Covered)
                        || (*label == Told::Contradicted) != (finding.told == Told::Contradicted);
                    if matters {
                        let sentence = reflection.sentence(finding).unwrap_or("");
                        writeln!(
                            out,
                            "{}/{:12} {:40} {label:?} → {:?} {:?}: {sentence}",
                            spec.name, explanation.name, fact.id, finding.told, finding.instead
                        )?;
                    }
                }
                writeln!(
                    out,
                    "{}/{:12} score {:.2} gamed {:?} question {:?}",
                    spec.name,
                    explanation.name,
                    reflection.score,
                    reflection.gamed,
                    reflection.question.map(|(at, question)| (&spec.facts.facts[at].id, question))
                )?;
            }
        }
    }
    if arguments.iter().any(|argument| argument == "--errors") {
        for spec in &tuned {
            for text in figures::games(spec) {
                let reflection = reflect(&spec.facts, &text);
                for (fact, finding) in reflection.of(&spec.facts, Told::Covered).chain(reflection.of(&spec.facts, Told::Unclear))
                {
                    writeln!(out, "{}/gamed {} {:?}", spec.name, fact.id, reflection.sentence(finding))?;
                }
            }
        }
    }
    let held_out = evaluation::half("held-out");
    for (name, half) in [("tuned", &tuned), ("held out", &held_out)] {
        if name == "held out" && arguments.iter().any(|argument| argument == "--tuned") {
            continue;
        }
        let found: Vec<_> = half.iter().map(figures::duck).collect();
        let baselines = [
            ("words", figures::baseline(&tuned, half, figures::by_words)),
            ("embeddings", figures::baseline(&tuned, half, figures::by_vectors)),
        ];
        writeln!(out, "{}", figures::table(name, half, &found, &baselines))?;
    }
    Ok(())
}
