//! Finding sections: by their name first, then by words and meaning together, then by what links to what was found.

use std::collections::HashMap;

use seed_role::Trouble;
use seed_role::trouble::Result;

use crate::embedding::{Model, normalise};
use crate::index::{COMMITS, EXPLANATIONS, Index};
use crate::larger::Larger;
use crate::section::Kind;
use crate::segment::{LINK, NAME, NEED, Segment};
use crate::words::{Words, name_of};

/// How much words count beside meaning, and how soon more of them count no more: `cos + WORDS · bm25 / (bm25 + ENOUGH)`. Held beside
/// others on the questions of the model's builder, and not on those in `server/knowledge/tests/questions`.
const WORDS: f32 = 0.5;
const ENOUGH: f32 = 6.0;
/// What each further hit in the same file counts, as a share: one long page is not all there is to say. By the same questions.
const AGAIN: f32 = 0.8;
/// What a name that is asked for counts: more than all else together.
const BY_NAME: f32 = 2.0;
/// How much of what a hit counts goes on to what it is linked with.
const BY_LINK: f32 = 0.12;
/// How many hits hand on to what they are linked with, and how many are looked at in the end.
const SOURCES: usize = 8;
const CANDIDATES: usize = 64;
/// How many hits a larger model is asked about, and how much of each, in bytes.
const REORDERED: usize = 32;
const PASSAGE: usize = 1500;
/// From which likeness on two sections are about the same.
const ALIKE: f32 = 0.55;

/// BM25: how soon a word that stands there often counts no more, and how much long sections are held back
/// (Robertson and Zaragoza, 2009).
const SATURATION: f32 = 1.2;
const LENGTH: f32 = 0.75;

/// A section that was found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Hit {
    /// Its file: relative to the project, or absolute where it lies outside; `commit` for the message of a commit.
    pub path: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its title.
    pub title: String,
    /// How well it fits; more is better, and only hits of one question can be compared.
    pub score: f32,
    /// What counted, in words.
    pub why: String,
    /// What it is.
    pub kind: Kind,
}

/// A section by its segment and its number there.
type Place = (usize, u32);

/// By what is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    All,
    Words,
}

/// What counted for a section.
#[derive(Clone, Debug, Default)]
struct Reasons {
    score: f32,
    meaning: f32,
    /// Likeness by a larger model.
    larger: Option<f32>,
    words: Vec<String>,
    is_named: bool,
    linked: Option<String>,
}

fn best_first((one_place, one): &(Place, Reasons), (place, other): &(Place, Reasons)) -> std::cmp::Ordering {
    other.score.total_cmp(&one.score).then(one_place.cmp(place))
}

impl Index {
    /// The sections that fit a question best, the best first.
    pub fn recall(&self, question: &str, limit: usize) -> Vec<Hit> {
        self.recall_by(question, limit, By::All, None).0
    }

    /// The same with a larger model, which orders the best of them anew by their meaning; what it cannot is told beside the hits that
    /// there are without it.
    pub fn recall_with(&self, question: &str, limit: usize, larger: &mut Larger<'_>) -> (Vec<Hit>, Option<Trouble>) {
        self.recall_by(question, limit, By::All, Some(larger))
    }

    /// The same by words alone, for the figures beside which [`Index::recall`] is held.
    pub fn recall_by_words(&self, question: &str, limit: usize) -> Vec<Hit> {
        self.recall_by(question, limit, By::Words, None).0
    }

    fn recall_by(&self, question: &str, limit: usize, by: By, larger: Option<&mut Larger<'_>>) -> (Vec<Hit>, Option<Trouble>) {
        let segments = self.store.segments();
        let asked = Asked::of(question);
        let mut found = HashMap::new();
        for (place, score) in self.best(&segments, &asked, by) {
            found.insert(place, Reasons { score, ..Reasons::default() });
        }
        for (nth, segment) in segments.iter().enumerate() {
            for (section, _) in segment.postings(&format!("{NAME}{}", asked.name)) {
                let reasons: &mut Reasons = found.entry((nth, section)).or_default();
                reasons.score += BY_NAME;
                reasons.is_named = true;
            }
        }
        found.retain(|place, _| self.is_alive(*place));
        if by == By::All {
            self.by_links(&segments, &mut found);
        }
        let mut places: Vec<(Place, Reasons)> = found.into_iter().filter(|(_, reasons)| reasons.score > 0.0).collect();
        places.sort_by(best_first);
        let trouble = larger.and_then(|larger| self.reorder(&segments, question, &asked, larger, &mut places).err());
        let mut before: HashMap<(usize, u32), i32> = HashMap::new();
        for ((nth, section), reasons) in &mut places {
            let Some(head) = segments[*nth].head(*section) else { continue };
            let count = before.entry((*nth, head.file)).or_default();
            reasons.score *= AGAIN.powi(*count);
            *count += 1;
        }
        places.sort_by(best_first);
        places.truncate(limit);
        for ((nth, section), reasons) in &mut places {
            let segment = &segments[*nth];
            let small = || segment.vector(*section).map(|vector| likeness(vector, &asked.vector)).unwrap_or_default();
            reasons.meaning = reasons.larger.unwrap_or_else(small);
            let holds = |term: &&(String, String)| segment.postings(&term.0).any(|(one, _)| one == *section);
            reasons.words = asked.terms.iter().filter(holds).map(|(_, word)| word.clone()).collect();
        }
        (places.iter().filter_map(|(place, reasons)| self.hit(&segments, *place, reasons)).collect(), trouble)
    }

    /// Puts what a larger model says of likeness in the place of what the small one says, for the best.
    fn reorder(
        &self,
        segments: &[Segment<'_>],
        question: &str,
        asked: &Asked,
        larger: &mut Larger<'_>,
        places: &mut [(Place, Reasons)],
    ) -> Result<()> {
        let (best, _) = places.split_at_mut(places.len().min(REORDERED));
        let texts: Vec<String> = best
            .iter()
            .map(|(place, reasons)| {
                self.hit(segments, *place, reasons).map_or_else(String::new, |hit| self.passage(&hit, PASSAGE))
            })
            .collect();
        for (((nth, section), reasons), like) in best.iter_mut().zip(larger.likeness(question, &texts)?) {
            let small = segments[*nth].vector(*section).map(|vector| asked.likeness(vector)).unwrap_or_default();
            reasons.score += like - small;
            reasons.larger = Some(like);
        }
        // Those that were not asked about stay behind.
        let least = best.iter().map(|(_, reasons)| reasons.score).fold(f32::INFINITY, f32::min);
        for (_, reasons) in places.iter_mut().skip(REORDERED) {
            reasons.score = reasons.score.min(least);
        }
        places.sort_by(best_first);
        Ok(())
    }

    /// What belongs to a section that is found by this name: what links to it, what it links to, and what is about the same. Itself is
    /// not among them.
    pub fn related(&self, name: &str, limit: usize) -> Vec<Hit> {
        let segments = self.store.segments();
        let own = self.places_of(&segments, &format!("{NAME}{}", name_of(name)));
        let mut found: HashMap<Place, Reasons> = HashMap::new();
        for place in &own {
            for (other, words) in self.neighbours(&segments, *place) {
                let reasons = found.entry(other).or_default();
                (reasons.score, reasons.linked) = (1.0, Some(words));
            }
            let Some(vector) = segments[place.0].vector(place.1) else { continue };
            let vector: Vec<f32> = vector.iter().map(|byte| f32::from(byte.cast_signed()) / 127.0).collect();
            for (nth, segment) in segments.iter().enumerate() {
                for (section, other) in (0..).zip(segment.vectors()) {
                    let alike = likeness(other, &vector);
                    if alike >= ALIKE {
                        let reasons = found.entry((nth, section)).or_default();
                        reasons.score += alike;
                        reasons.meaning = reasons.meaning.max(alike);
                    }
                }
            }
        }
        found.retain(|place, _| self.is_alive(*place) && !own.contains(place));
        let mut places: Vec<_> = found.into_iter().collect();
        places.sort_by(best_first);
        places.iter().take(limit).filter_map(|(place, reasons)| self.hit(&segments, *place, reasons)).collect()
    }

    /// What a hit says, up to so many bytes; its title where that cannot be read.
    pub fn passage(&self, hit: &Hit, most: usize) -> String {
        let read = seed_role::host::folder::read(&self.root().join(&hit.path), crate::index::LARGEST);
        let text = read.ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let sections = crate::source::sections(self.root(), &hit.path, &text);
        let section = sections.into_iter().find(|section| section.line == hit.line);
        let text = section.map_or_else(|| hit.title.clone(), |section| section.text);
        crate::section::front(&text, most).to_string()
    }

    /// By words and meaning alone: the best of each segment together.
    fn best(&self, segments: &[Segment<'_>], asked: &Asked, by: By) -> Vec<(Place, f32)> {
        let total: usize = segments.iter().map(Segment::count).sum();
        let mean = segments.iter().map(Segment::length).sum::<u64>() as f32 / total.max(1) as f32;
        let rarity: Vec<f32> = asked
            .terms
            .iter()
            .map(|(term, _)| {
                let holding = segments.iter().map(|segment| segment.postings(term).len()).sum::<usize>() as f32;
                ((total as f32 - holding + 0.5) / (holding + 0.5)).ln_1p()
            })
            .collect();
        let mut best: Vec<(Place, f32)> = Vec::new();
        for (nth, segment) in segments.iter().enumerate() {
            let mut by_words = vec![0.0f32; segment.count()];
            for ((term, _), rarity) in asked.terms.iter().zip(&rarity) {
                for (section, times) in segment.postings(term) {
                    let (Some(sum), Some(length)) = (by_words.get_mut(section as usize), segment.length_of(section)) else {
                        continue;
                    };
                    let times = f32::from(times);
                    let held = SATURATION * (1.0 - LENGTH + LENGTH * length as f32 / mean.max(1.0));
                    *sum += rarity * times * (SATURATION + 1.0) / (times + held);
                }
            }
            let alive = self.store.alive(nth);
            for ((section, vector), by_words) in (0u32..).zip(segment.vectors()).zip(by_words) {
                let meaning = if by == By::All { asked.likeness(vector) } else { 0.0 };
                let score = meaning + WORDS * by_words / (by_words + ENOUGH);
                if alive.get(section as usize) == Some(&true) {
                    best.push(((nth, section), score));
                }
            }
        }
        if best.len() > CANDIDATES {
            best.select_nth_unstable_by(CANDIDATES, |one, other| other.1.total_cmp(&one.1));
            best.truncate(CANDIDATES);
        }
        best
    }

    /// Hands a part of what the best count on to what they are linked with.
    fn by_links(&self, segments: &[Segment<'_>], found: &mut HashMap<Place, Reasons>) {
        let mut sources: Vec<(Place, f32)> = found.iter().map(|(place, reasons)| (*place, reasons.score)).collect();
        sources.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        for (source, score) in sources.into_iter().take(SOURCES) {
            for (place, words) in self.neighbours(segments, source) {
                let reasons = found.entry(place).or_default();
                if reasons.linked.is_none() {
                    reasons.score += BY_LINK * score.min(1.0);
                    reasons.linked = Some(words);
                }
            }
        }
    }

    /// What a section is linked with, and how, in words.
    fn neighbours(&self, segments: &[Segment<'_>], (nth, section): Place) -> Vec<(Place, String)> {
        let Some(head) = segments[nth].head(section) else { return Vec::new() };
        let title = head.title;
        let mut all = Vec::new();
        for term in segments[nth].marked(section) {
            let Some((mark, name)) = term.chars().next().map(|mark| (mark, &term[mark.len_utf8()..])) else { continue };
            let with: &[(char, String)] = &match mark {
                NAME => vec![(LINK, format!("links to `{title}`")), (NEED, format!("needs `{title}`"))],
                LINK => vec![(NAME, format!("`{title}` links to it"))],
                _ => vec![(NAME, format!("`{title}` needs it"))],
            };
            for (mark, words) in with {
                let places = self.places_of(segments, &format!("{mark}{name}"));
                all.extend(places.into_iter().filter(|place| *place != (nth, section)).map(|place| (place, words.clone())));
            }
        }
        all
    }

    fn places_of(&self, segments: &[Segment<'_>], term: &str) -> Vec<Place> {
        let of = |(nth, segment): (usize, &Segment<'_>)| {
            segment.postings(term).map(move |(section, _)| (nth, section)).collect::<Vec<_>>()
        };
        segments.iter().enumerate().flat_map(of).filter(|place| self.is_alive(*place)).collect()
    }

    fn is_alive(&self, (nth, section): Place) -> bool {
        self.store.alive(nth).get(section as usize) == Some(&true)
    }

    fn hit(&self, segments: &[Segment<'_>], (nth, section): Place, reasons: &Reasons) -> Option<Hit> {
        let head = segments[nth].head(section)?;
        let file = segments[nth].file(head.file)?;
        let path = match file {
            COMMITS => "commit",
            file => file.strip_prefix(EXPLANATIONS).unwrap_or(file),
        };
        let mut why = Vec::new();
        if reasons.is_named {
            why.push("its name".to_string());
        }
        if !reasons.words.is_empty() {
            why.push(format!("words: {}", reasons.words.join(", ")));
        }
        if reasons.meaning >= 0.2 {
            why.push(format!("meaning {:.2}", reasons.meaning));
        }
        why.extend(reasons.linked.clone());
        Some(Hit {
            path: path.to_string(),
            line: head.line,
            title: head.title.to_string(),
            score: (reasons.score * 1000.0).round() / 1000.0,
            why: why.join("; "),
            kind: head.kind,
        })
    }
}

/// A question as it is looked for.
struct Asked {
    name: String,
    /// Each term once, and the word that it comes from.
    terms: Vec<(String, String)>,
    vector: Vec<f32>,
    /// The same as whole numbers, and what they are to be multiplied by.
    rough: Vec<i16>,
    scale: f32,
}

impl Asked {
    fn of(question: &str) -> Asked {
        let mut terms: Vec<(String, String)> = Vec::new();
        let words = Words::default();
        for word in question.split_whitespace() {
            words.each(word, |term| {
                if terms.iter().all(|(known, _)| known != term) {
                    let shown = word.trim_matches(|letter: char| !letter.is_alphanumeric());
                    terms.push((term.to_string(), shown.to_lowercase()));
                }
            });
        }
        let mut vector = Model::shipped().embed(question);
        normalise(&mut vector);
        let most = vector.iter().fold(f32::EPSILON, |most, number| most.max(number.abs()));
        #[allow(clippy::cast_possible_truncation)]
        let rough = vector.iter().map(|number| (number / most * 1000.0).round() as i16).collect();
        Asked { name: name_of(question), terms, vector, rough, scale: most / 1000.0 / 127.0 }
    }

    /// How near a vector is, as [`likeness`] in whole numbers: most of the time of a question is spent here.
    fn likeness(&self, vector: &[u8]) -> f32 {
        let sum: i32 = vector.iter().zip(&self.rough).map(|(one, other)| i32::from(one.cast_signed()) * i32::from(*other)).sum();
        sum as f32 * self.scale
    }
}

/// How near a vector of an index is to another of length 1.
fn likeness(vector: &[u8], other: &[f32]) -> f32 {
    vector.iter().zip(other).map(|(one, other)| f32::from(one.cast_signed()) * other).sum::<f32>() / 127.0
}
