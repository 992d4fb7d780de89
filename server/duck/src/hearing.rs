//! What an explanation speaks of, clause by clause.

use std::collections::HashMap;

use crate::fact::{Facts, Idea};
use crate::text::{Clause, Sentence, Word, sentences, stems, words};

/// How surely a clause speaks of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grip {
    /// Nothing in it says of what it speaks, so it goes on about what came before.
    Implied,
    /// By "it" or "that".
    Pronoun,
    /// By what several things are.
    Shared,
    /// By what only this thing is: "the loop device".
    Sort,
    /// By its name or its path.
    Name,
}

/// A place in a clause that speaks of things.
#[derive(Clone, Debug)]
pub struct Mention {
    /// The things: several for "both images".
    pub things: Vec<usize>,
    /// The place of its first word.
    pub at: usize,
    /// The place behind its last word.
    pub end: usize,
    /// How surely.
    pub grip: Grip,
}

/// A clause and what it speaks of.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The clause.
    pub clause: Clause,
    /// Its mentions, in order.
    pub mentions: Vec<Mention>,
}

/// A sentence, and what its clauses speak of.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// As it was written.
    pub text: String,
    /// Its clauses.
    pub clauses: Vec<Heard>,
}

impl Heard {
    /// How surely the clause speaks of a thing.
    pub fn grip(&self, thing: usize) -> Option<Grip> {
        self.mentions.iter().filter(|mention| mention.things.contains(&thing)).map(|mention| mention.grip).max()
    }

    /// What is spoken of at a place: the mention before it, or else the first behind it.
    pub fn owner(&self, at: usize) -> Option<&Mention> {
        let before = self.mentions.iter().rfind(|mention| mention.at <= at && mention.grip > Grip::Implied);
        before
            .or_else(|| self.mentions.iter().find(|mention| mention.at > at && mention.grip > Grip::Implied))
            .or_else(|| self.mentions.first())
    }
}

impl Spoken {
    /// How surely the sentence speaks of a thing.
    pub fn grip(&self, thing: usize) -> Option<Grip> {
        self.clauses.iter().filter_map(|clause| clause.grip(thing)).max()
    }

    /// Whether it names anything but the spec itself.
    pub fn names_something(&self) -> bool {
        self.clauses.iter().flat_map(|clause| &clause.mentions).any(|mention| mention.grip >= Grip::Sort)
    }
}

/// Where a phrase begins in words.
pub fn find(words: &[Word], phrase: &[String]) -> Option<usize> {
    let first = phrase.first()?;
    words.iter().enumerate().filter(|(_, word)| word.stem == *first).map(|(at, _)| at).find(|at| {
        words.get(*at..at + phrase.len()).is_some_and(|window| window.iter().zip(phrase).all(|(word, stem)| word.stem == *stem))
    })
}

/// Where the first phrase of an idea begins in words, and how long it is. The longest phrase counts.
pub fn find_idea(words: &[Word], idea: &Idea) -> Option<(usize, usize)> {
    let found = idea.phrases.iter().filter_map(|phrase| Some((find(words, phrase)?, phrase.len())));
    found.max_by_key(|(at, len)| (*len, std::cmp::Reverse(*at)))
}

const NEGATIONS: &[&str] = &[
    "not", "no", "never", "nobody", "none", "without", "nothing", "cannot", "neither", "nor", "hardly", "noone", "dont",
    "doesnt", "isnt", "cant", "wont", "rather", "instead",
];

/// Whether a word turns what follows into its opposite.
pub fn negates(word: &Word) -> bool {
    word.text.ends_with("n't") || NEGATIONS.contains(&word.text.as_str())
}

/// How many words behind a negation it still holds.
const REACH: usize = 6;

/// Whether what stands at a place is denied: "it is not …", "… are not".
pub fn denied(words: &[Word], at: usize, len: usize) -> bool {
    let before = words.get(at.saturating_sub(REACH)..at).unwrap_or_default().iter().filter(|word| negates(word)).count();
    let mut behind = words.get(at + len..).unwrap_or_default().iter();
    let first = behind.next();
    let after = match first {
        Some(word)
            if matches!(word.text.as_str(), "is" | "are" | "was" | "were" | "can" | "will" | "do" | "does" | "has" | "have") =>
        {
            behind.next().is_some_and(|word| matches!(word.text.as_str(), "not" | "never"))
        }
        Some(word) => word.text.ends_with("n't") || word.text == "cannot" || word.text == "never",
        None => false,
    };
    (before + usize::from(after)) % 2 == 1
}

/// A phrase of stems, and the things that it can mean.
type Called = (Vec<String>, Vec<usize>);

/// The places of a thing's names and sorts, by their first stem.
struct Lexis {
    names: HashMap<String, Vec<(Vec<String>, usize)>>,
    sorts: HashMap<String, Vec<Called>>,
    handles: Vec<(String, usize)>,
    /// What things of other types are called, in two words and more: "file system" speaks of no file.
    foreign: HashMap<String, Vec<Vec<String>>>,
}

impl Lexis {
    fn of(facts: &Facts) -> Lexis {
        let mut lexis = Lexis { names: HashMap::new(), sorts: HashMap::new(), handles: Vec::new(), foreign: foreign() };
        let mut sorts: HashMap<&[String], Vec<usize>> = HashMap::new();
        for (thing, one) in facts.things.iter().enumerate().skip(1) {
            let name = stems(&one.name);
            if let Some(first) = name.first().cloned() {
                lexis.names.entry(first).or_default().push((name, thing));
            }
            for phrase in &one.sort.phrases {
                let things = sorts.entry(phrase).or_default();
                if things.last() != Some(&thing) {
                    things.push(thing);
                }
            }
            lexis
                .handles
                .extend(one.handles.iter().filter(|handle| handle.contains('/')).map(|handle| (bare(handle).to_owned(), thing)));
        }
        for (phrase, things) in sorts {
            if let Some(first) = phrase.first() {
                lexis.sorts.entry(first.clone()).or_default().push((phrase.to_vec(), things));
            }
        }
        lexis
    }
}

fn foreign() -> HashMap<String, Vec<Vec<String>>> {
    static PHRASES: std::sync::LazyLock<Vec<Vec<String>>> = std::sync::LazyLock::new(|| {
        let called = crate::lexicon::TYPES.iter().flat_map(|words| words.called.iter().copied());
        called.map(stems).filter(|phrase| phrase.len() > 1).collect()
    });
    let mut foreign: HashMap<String, Vec<Vec<String>>> = HashMap::new();
    for phrase in PHRASES.iter() {
        if let Some(first) = phrase.first() {
            foreign.entry(first.clone()).or_default().push(phrase.clone());
        }
    }
    foreign
}

/// A path without what people leave out.
pub fn bare(path: &str) -> &str {
    path.trim_start_matches("./").trim_end_matches('/')
}

const PRONOUNS: &[&str] =
    &["it", "its", "it's", "this", "that", "that's", "there", "which", "them", "they", "these", "those", "one"];
const ALL: &[&str] = &["both", "each", "all", "every", "two", "three", "four"];

/// An explanation with what it speaks of.
pub fn hear(facts: &Facts, text: &str) -> Vec<Spoken> {
    let lexis = Lexis::of(facts);
    let mut focus: Vec<usize> = Vec::new();
    let mut first_of_last: Vec<usize> = Vec::new();
    let mut heard = Vec::new();
    for Sentence { text, clauses } in sentences(text) {
        let mut spoken = Spoken { text, clauses: Vec::new() };
        for clause in clauses {
            let mentions = mentions(&clause, &lexis, &focus, &first_of_last);
            let own: Vec<&Mention> = mentions.iter().filter(|mention| mention.grip >= Grip::Shared).collect();
            if let (Some(first), Some(last)) = (own.first(), own.last()) {
                first_of_last = first.things.clone();
                focus = last.things.clone();
            }
            spoken.clauses.push(Heard { clause, mentions });
        }
        heard.push(spoken);
    }
    heard
}

fn mentions(clause: &Clause, lexis: &Lexis, focus: &[usize], first_of_last: &[usize]) -> Vec<Mention> {
    let all = &clause.words;
    let mut in_path = vec![false; all.len()];
    let mut found: Vec<Mention> = Vec::new();
    for (at, path) in &clause.paths {
        let end = (at + words(path).len()).min(all.len());
        in_path.iter_mut().take(end).skip(*at).for_each(|inside| *inside = true);
        let said = bare(path);
        let fits = |handle: &str| handle == said || handle.strip_suffix(said).is_some_and(|front| front.ends_with('/'));
        let things: Vec<usize> = lexis.handles.iter().filter(|(handle, _)| fits(handle)).map(|(_, thing)| *thing).collect();
        if let [thing] = things.as_slice() {
            found.push(Mention { things: vec![*thing], at: *at, end, grip: Grip::Name });
        }
    }
    let mut at = 0;
    while at < all.len() {
        if in_path[at] {
            at += 1;
            continue;
        }
        let fits = |phrase: &[String]| {
            all.get(at..at + phrase.len()).is_some_and(|window| window.iter().zip(phrase).all(|(word, stem)| word.stem == *stem))
        };
        let stem = &all[at].stem;
        let name = lexis.names.get(stem).into_iter().flatten().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len());
        let sort = lexis.sorts.get(stem).into_iter().flatten().filter(|(sort, _)| fits(sort)).max_by_key(|(sort, _)| sort.len());
        // "with the label home" speaks of no home.
        let as_label = at > 0 && matches!(all[at - 1].text.as_str(), "label" | "labelled" | "labeled");
        let name = name.filter(|_| !as_label);
        let name_len = name.map_or(0, |(name, _)| name.len());
        let sort_len = sort.map_or(0, |(sort, _)| sort.len());
        let foreign =
            lexis.foreign.get(stem).into_iter().flatten().filter(|phrase| fits(phrase)).map(Vec::len).max().unwrap_or(0);
        if foreign > sort_len && foreign > name_len {
            at += foreign;
            continue;
        }
        if name_len > 0 && name_len >= sort_len {
            let same: Vec<usize> = lexis.names[stem]
                .iter()
                .filter(|(other, _)| name.is_some_and(|(name, _)| other == name))
                .map(|(_, thing)| *thing)
                .collect();
            found.push(Mention { things: same, at, end: at + name_len, grip: Grip::Name });
            at += name_len;
        } else if let Some((_, things)) = sort {
            let plural = all[at + sort_len - 1].text.ends_with('s')
                || all[at.saturating_sub(2)..at].iter().any(|word| ALL.contains(&word.text.as_str()));
            let grip = if things.len() == 1 || plural { Grip::Sort } else { Grip::Shared };
            // "in memory": what the memory is in is the word before it.
            let aside = usize::from(sort_len > 1 && matches!(all[at].text.as_str(), "in" | "on" | "out"));
            found.push(Mention { things: things.clone(), at: at + aside, end: at + sort_len, grip });
            at += sort_len;
        } else {
            if PRONOUNS.contains(&all[at].text.as_str()) && !focus.is_empty() {
                let mut things = first_of_last.to_vec();
                // "on it": what was spoken of last.
                let behind = at > 0
                    && matches!(
                        all[at - 1].text.as_str(),
                        "on" | "in" | "inside" | "of" | "from" | "into" | "onto" | "over" | "under" | "to" | "for"
                    );
                if behind || things.is_empty() {
                    things = focus.to_vec();
                } else {
                    things.extend(focus.iter().filter(|thing| !first_of_last.contains(thing)));
                }
                found.push(Mention { things, at, end: at + 1, grip: Grip::Pronoun });
            }
            at += 1;
        }
    }
    found.sort_by_key(|mention| mention.at);
    // "The image is a file": which file is meant was just said.
    for at in 1..found.len() {
        if found[at].grip == Grip::Shared {
            let said = found[..at].iter().rev().find(|earlier| {
                earlier.grip >= Grip::Sort && earlier.things.len() == 1 && found[at].things.contains(&earlier.things[0])
            });
            if let Some(things) = said.map(|said| said.things.clone()) {
                (found[at].things, found[at].grip) = (things, Grip::Sort);
            }
        }
    }
    if found.is_empty() && !focus.is_empty() {
        found.push(Mention { things: focus.to_vec(), at: 0, end: 0, grip: Grip::Implied });
    }
    found
}
