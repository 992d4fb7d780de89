//! The labelled set: specs, explanations of them, and how each fact fares in each. See `tests/set/README.md`.

#![allow(clippy::unwrap_used, dead_code)]

pub mod figures;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use seed_duck::{Facts, Told};
use seed_engine::check::analyse_with_graph;
use seed_engine::project::{DiskLoader, read_text};
use seed_spec::analysis::Request;

/// A spec with its explanations.
pub struct Labelled {
    pub name: String,
    pub facts: Facts,
    pub explanations: Vec<Explanation>,
}

/// An explanation, and how each fact fares in it by what a person says.
pub struct Explanation {
    pub name: String,
    pub text: String,
    pub labels: Vec<Told>,
}

impl Explanation {
    pub fn is_gamed(&self) -> bool {
        matches!(self.name.as_str(), "pasted" | "listed")
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/set")
}

/// The facts of a spec.
pub fn facts_of(path: &Path) -> Facts {
    let text = read_text(path).unwrap();
    let (analysis, graph) = analyse_with_graph(&Request { path, text: &text, edited_line: None }, &DiskLoader, None);
    assert!(!analysis.has_errors(), "{}: {:?}", path.display(), analysis.diagnostics);
    seed_duck::derive(&analysis, &graph, None, None)
}

/// One half of the set: `tuned` or `held-out`.
pub fn half(name: &str) -> Vec<Labelled> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder().join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.iter().map(|folder| labelled(folder)).collect()
}

fn labelled(folder: &Path) -> Labelled {
    let facts = facts_of(&folder.join("spec.seed.yaml"));
    let text = std::fs::read_to_string(folder.join("explanations.txt")).unwrap();
    let explanations = text.split("=== ").skip(1).map(|block| {
        let (name, rest) = block.split_once('\n').unwrap();
        let (text, labels) = rest.rsplit_once("---\n").unwrap();
        Explanation {
            name: name.trim().into(),
            text: text.trim().into(),
            labels: labels_of(&facts, labels, &format!("{}: {name}", folder.display())),
        }
    });
    Labelled { name: folder.file_name().unwrap().to_string_lossy().into(), explanations: explanations.collect(), facts }
}

/// Lines `+ ID…` (covered), `~ ID…` (vague) and `! ID…` (contradicted); what no line names is missing.
fn labels_of(facts: &Facts, lines: &str, place: &str) -> Vec<Told> {
    let mut labels = vec![Told::Missing; facts.facts.len()];
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let (sign, ids) = line.split_at(1);
        let told = match sign {
            "+" => Told::Covered,
            "~" => Told::Unclear,
            "!" => Told::Contradicted,
            _ => panic!("{place}: what is `{line}`?"),
        };
        for id in ids.split_whitespace() {
            labels[resolve(facts, id, place)] = told;
        }
    }
    labels
}

/// The fact that a short id means: `image:size` is `image:parameter:size`.
fn resolve(facts: &Facts, short: &str, place: &str) -> usize {
    if let Some(exact) = facts.facts.iter().position(|fact| fact.id == short) {
        return exact;
    }
    let (role, rest) = short.split_once(':').unwrap();
    let fits = |id: &str| {
        let Some(tail) = id.strip_prefix(role).and_then(|tail| tail.strip_prefix(':')) else { return false };
        tail.ends_with(&format!(":{rest}")) || tail.split_once(':').is_some_and(|(_, what)| what.ends_with(&format!(".{rest}")))
    };
    let found: Vec<usize> = facts.facts.iter().enumerate().filter(|(_, fact)| fits(&fact.id)).map(|(at, _)| at).collect();
    assert_eq!(found.len(), 1, "{place}: `{short}` means {:?}", found.iter().map(|at| &facts.facts[*at].id).collect::<Vec<_>>());
    found[0]
}

/// How often each label met each finding.
#[derive(Clone, Copy, Debug, Default)]
pub struct Confusion(pub [[usize; 4]; 4]);

impl Confusion {
    pub fn add(&mut self, label: Told, found: Told) {
        self.0[label as usize][found as usize] += 1;
    }

    pub fn plus(mut self, other: &Confusion) -> Confusion {
        for (row, others) in self.0.iter_mut().zip(&other.0) {
            row.iter_mut().zip(others).for_each(|(one, other)| *one += other);
        }
        self
    }

    /// Precision and recall for one label.
    pub fn figures(&self, told: Told) -> (f64, f64) {
        let at = told as usize;
        let right = self.0[at][at] as f64;
        let found: usize = self.0.iter().map(|row| row[at]).sum();
        let wanted: usize = self.0[at].iter().sum();
        let share = |of: usize| if of == 0 { 1.0 } else { right / of as f64 };
        (share(found), share(wanted))
    }

    pub fn f1(&self, told: Told) -> f64 {
        let (precision, recall) = self.figures(told);
        if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
    }
}

/// An interval of 95 % from drawing specs anew.
pub fn bootstrap<T>(per_spec: &[T], figure: impl Fn(&[&T]) -> f64) -> (f64, f64) {
    let mut state = 88_172_645_463_325_252_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut figures: Vec<f64> = (0..2000)
        .map(|_| {
            let drawn: Vec<&T> = (0..per_spec.len()).map(|_| &per_spec[draw(per_spec.len())]).collect();
            figure(&drawn)
        })
        .collect();
    figures.sort_by(f64::total_cmp);
    (figures[50], figures[1949])
}

/// What is counted by name.
pub type Counts = HashMap<&'static str, (usize, usize)>;
