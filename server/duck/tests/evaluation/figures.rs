//! The figures: of the duck, and beside it of overlap of words alone and of embeddings alone.

use std::collections::HashSet;
use std::fmt::Write as _;

use seed_duck::text::{sentences, words};
use seed_duck::{Told, reflect};
use seed_knowledge::embedding::{Model, cosine};

use super::{Confusion, Explanation, Labelled, bootstrap};

/// Of one spec: what was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub confusion: Confusion,
    /// Questions at a heavy fact that is not covered, of all.
    pub questions: (usize, usize),
    /// Times that a true sentence more did not lower the score, of all.
    pub monotone: (usize, usize),
    /// Changes of the score with the sentences in another order, and in other words.
    pub order: Vec<f64>,
    pub paraphrase: Vec<f64>,
    /// Scores of what is no explanation.
    pub gamed: Vec<f64>,
}

/// What the duck finds.
pub fn duck(spec: &Labelled) -> Found {
    let mut found = Found::default();
    let good = spec.explanations.iter().find(|one| one.name == "good").unwrap();
    let true_sentences: Vec<String> = sentences(&good.text).into_iter().map(|sentence| sentence.text).collect();
    for explanation in &spec.explanations {
        let reflection = reflect(&spec.facts, &explanation.text);
        if explanation.is_gamed() {
            found.gamed.push(reflection.score);
            continue;
        }
        for (label, finding) in explanation.labels.iter().zip(&reflection.findings) {
            found.confusion.add(*label, finding.told);
        }
        if let Some((asked, _)) = &reflection.question {
            let uncovered = |at: &usize| explanation.labels[*at] != Told::Covered;
            let heaviest =
                (0..explanation.labels.len()).filter(uncovered).map(|at| spec.facts.facts[at].weight).fold(0.0, f64::max);
            let hits = uncovered(asked) && spec.facts.facts[*asked].weight >= heaviest.min(0.6);
            found.questions.0 += usize::from(hits);
            found.questions.1 += 1;
        }
        for sentence in &true_sentences {
            let more = reflect(&spec.facts, &format!("{}\n\n{sentence}", explanation.text));
            found.monotone.0 += usize::from(more.score >= reflection.score - 1e-9);
            found.monotone.1 += 1;
        }
        let mut parts: Vec<String> = sentences(&explanation.text).into_iter().map(|sentence| sentence.text).collect();
        parts.reverse();
        found.order.push((reflect(&spec.facts, &parts.join(" ")).score - reflection.score).abs());
        let half = parts.len() / 2;
        parts.rotate_left(half);
        found.order.push((reflect(&spec.facts, &parts.join(" ")).score - reflection.score).abs());
        found.paraphrase.push((reflect(&spec.facts, &paraphrased(&explanation.text)).score - reflection.score).abs());
    }
    for text in games(spec) {
        found.gamed.push(reflect(&spec.facts, &text).score);
    }
    found
}

/// Explanations that are none.
pub fn games(spec: &Labelled) -> Vec<String> {
    let facts = &spec.facts;
    let names: Vec<&str> = facts.things.iter().map(|thing| &*thing.name).collect();
    let texts: Vec<&str> = facts.facts.iter().map(|fact| fact.text.as_str()).collect();
    let flat: Vec<&str> = facts.source.split_whitespace().collect();
    vec![
        facts.source.to_string(),
        flat.join(" "),
        names.join(", "),
        names.join("\n"),
        names.join(" and "),
        texts.join(". "),
        texts.join("\n"),
    ]
}

/// The same in some other words.
fn paraphrased(text: &str) -> String {
    const OTHER: &[(&str, &str)] = &[
        (" GiB", " gigabytes"),
        (" MiB", " megabytes"),
        ("loop device", "loopback device"),
        ("mounted at", "mounted on"),
        ("is lost", "is gone"),
        ("file system", "filesystem"),
        ("there is", "there's"),
        ("cannot", "can't"),
        ("folder", "directory"),
        ("symlink", "symbolic link"),
        ("has to", "must"),
        ("needs", "requires"),
        ("text file", "file with text"),
        ("without asking", "with no questions asked"),
        ("takes away", "removes"),
        ("disk image", "image file"),
    ];
    OTHER.iter().fold(text.to_owned(), |text, (one, other)| text.replace(one, other))
}

fn content(text: &str) -> HashSet<String> {
    const PLAIN: &[&str] = &[
        "the", "a", "an", "is", "are", "it", "that", "of", "and", "in", "on", "for", "to", "with", "at", "by", "so", "this",
        "there", "all",
    ];
    words(text).into_iter().filter(|word| !PLAIN.contains(&word.text.as_str())).map(|word| word.stem).collect()
}

/// How much of each fact's words some sentence holds.
pub fn by_words(spec: &Labelled, explanation: &Explanation) -> Vec<f64> {
    let said: Vec<HashSet<String>> = sentences(&explanation.text).iter().map(|sentence| content(&sentence.text)).collect();
    let share = |fact: &HashSet<String>| {
        said.iter().map(|said| fact.intersection(said).count() as f64 / fact.len().max(1) as f64).fold(0.0, f64::max)
    };
    spec.facts.facts.iter().map(|fact| share(&content(&fact.text))).collect()
}

/// How near each fact lies to some sentence.
pub fn by_vectors(spec: &Labelled, explanation: &Explanation) -> Vec<f64> {
    let model = Model::shipped();
    let said: Vec<Vec<f32>> = sentences(&explanation.text).iter().map(|sentence| model.embed(&sentence.text)).collect();
    let near = |fact: &[f32]| said.iter().map(|said| f64::from(cosine(fact, said))).fold(0.0, f64::max);
    spec.facts.facts.iter().map(|fact| near(&model.embed(&fact.text.replace('`', "")))).collect()
}

type Baseline = fn(&Labelled, &Explanation) -> Vec<f64>;

fn at(threshold: f64, specs: &[Labelled], scores: Baseline) -> Vec<Confusion> {
    let one = |spec: &Labelled| {
        let mut confusion = Confusion::default();
        for explanation in spec.explanations.iter().filter(|one| !one.is_gamed()) {
            for (label, score) in explanation.labels.iter().zip(scores(spec, explanation)) {
                confusion.add(*label, if score >= threshold { Told::Covered } else { Told::Missing });
            }
        }
        confusion
    };
    specs.iter().map(one).collect()
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Confusion>) -> Confusion {
    all.into_iter().fold(Confusion::default(), |sum, one| sum.plus(one))
}

/// A baseline on one half, with the threshold that is best on the other.
pub fn baseline(tuned: &[Labelled], held_out: &[Labelled], scores: Baseline) -> Vec<Confusion> {
    let best = (5..95).map(|percent| f64::from(percent) / 100.0).max_by(|one, other| {
        sum(&at(*one, tuned, scores)).f1(Told::Covered).total_cmp(&sum(&at(*other, tuned, scores)).f1(Told::Covered))
    });
    at(best.unwrap(), held_out, scores)
}

/// All figures of one half, as a table.
pub fn table(name: &str, specs: &[Labelled], found: &[Found], baselines: &[(&str, Vec<Confusion>)]) -> String {
    let mut out = String::new();
    let all = sum(found.iter().map(|one| &one.confusion));
    let explanations: usize = specs.iter().map(|spec| spec.explanations.len()).sum();
    let pairs: usize = all.0.iter().flatten().sum();
    let _ = writeln!(out, "{name}: {} specs, {explanations} explanations, {pairs} pairs of explanation and fact", specs.len());
    let _ = writeln!(
        out,
        "\n{:<14}{:>9}{:>9}{:>9}{:>9}   (down: labelled, across: found)",
        "", "missing", "unclear", "covered", "contrad."
    );
    for (label, row) in ["missing", "vague", "covered", "contradicted"].iter().zip(&all.0) {
        let _ = writeln!(out, "{label:<14}{:>9}{:>9}{:>9}{:>9}", row[0], row[1], row[2], row[3]);
    }
    let mut line = |what: &str, value: f64, interval: (f64, f64)| {
        let _ = writeln!(out, "{what:<44}{value:>6.3}   [{:.3}, {:.3}]", interval.0, interval.1);
    };
    let confusion = |found: &[&Found]| sum(found.iter().map(|one| &one.confusion));
    for (what, told) in [("coverage", Told::Covered), ("contradiction", Told::Contradicted)] {
        let (precision, recall) = all.figures(told);
        line(&format!("{what} precision"), precision, bootstrap(found, |found| confusion(found).figures(told).0));
        line(&format!("{what} recall"), recall, bootstrap(found, |found| confusion(found).figures(told).1));
        line(&format!("{what} F1"), all.f1(told), bootstrap(found, |found| confusion(found).f1(told)));
    }
    for (baseline, confusions) in baselines {
        let total = sum(confusions);
        line(
            &format!("coverage F1, {baseline} alone"),
            total.f1(Told::Covered),
            bootstrap(confusions, |drawn| sum(drawn.iter().copied()).f1(Told::Covered)),
        );
    }
    let share = |found: &[&Found], of: fn(&Found) -> (usize, usize)| {
        let (right, all) = found.iter().map(|one| of(one)).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        right as f64 / all.max(1) as f64
    };
    let every: Vec<&Found> = found.iter().collect();
    let questions: fn(&Found) -> (usize, usize) = |one| one.questions;
    let monotone: fn(&Found) -> (usize, usize) = |one| one.monotone;
    line("question hits a heavy fact not covered", share(&every, questions), bootstrap(found, |found| share(found, questions)));
    line(
        "a true sentence more never lowers the score",
        share(&every, monotone),
        bootstrap(found, |found| share(found, monotone)),
    );
    let mean = |found: &[&Found], of: fn(&Found) -> &[f64]| {
        let all: Vec<f64> = found.iter().flat_map(|one| of(one).iter().copied()).collect();
        all.iter().sum::<f64>() / all.len().max(1) as f64
    };
    let order: fn(&Found) -> &[f64] = |one| &one.order;
    let paraphrase: fn(&Found) -> &[f64] = |one| &one.paraphrase;
    line("change of score, other order of sentences", mean(&every, order), bootstrap(found, |found| mean(found, order)));
    line("change of score, other words", mean(&every, paraphrase), bootstrap(found, |found| mean(found, paraphrase)));
    let gamed: Vec<f64> = found.iter().flat_map(|one| one.gamed.iter().copied()).collect();
    let _ = writeln!(
        out,
        "{:<44}{} of {} score above 0",
        "pasting and listing",
        gamed.iter().filter(|score| **score > 0.0).count(),
        gamed.len()
    );
    out
}
