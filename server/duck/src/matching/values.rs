//! Whether the value of a parameter is told, and whether another is.

use super::{Finding, Matcher, Told};
use crate::fact::{Expected, Fact, Facts, Idea};
use crate::hearing::{Grip, Heard, bare, denied, find, find_idea};
use crate::text::{Quantity, Unit, Word, stems};

/// Words after which a number or path is no claim: what would be, or is not.
const SUPPOSED: &[&str] = &["if", "instead", "rather", "could", "would", "unlike", "originally", "previously", "not", "no"];

impl Matcher<'_> {
    pub(super) fn value(&self, index: usize, fact: &Fact, value: &Expected, topic: &Idea, finding: &mut Finding) {
        for (place, spoken) in self.sentences() {
            let in_sentence = self.grip(fact, spoken);
            for heard in &spoken.clauses {
                if self.hit(index, fact, value, topic, heard, in_sentence, finding, place) {
                    continue;
                }
                // Who only says "it" may mean another thing, of which it is true.
                let sure = heard
                    .grip(fact.thing)
                    .or_else(|| self.by_part(fact.thing, |part| heard.grip(part)))
                    .max(in_sentence)
                    .is_some_and(|grip| grip >= Grip::Sort);
                if let Some(instead) = self.other(fact, value, topic, heard, in_sentence)
                    && (sure || !self.true_of_another(fact, heard))
                {
                    finding.contradict(place, instead);
                }
            }
            // What it is called is all there is to see: that its value is spoken of, and not what it is.
            if finding.told == Told::Missing
                && in_sentence.is_some_and(|grip| grip >= Grip::Sort)
                && spoken
                    .clauses
                    .iter()
                    .any(|heard| heard.grip(fact.thing).is_some() && find_idea(&heard.clause.words, &named(topic)).is_some())
                && !matches!(value, Expected::Path(_) | Expected::Text(_))
            {
                finding.raise(Told::Unclear, place);
            }
        }
    }

    pub(super) fn values(&self, index: usize, fact: &Fact, values: &[Expected], topic: &Idea, finding: &mut Finding) {
        let mut told = vec![None; values.len()];
        for (at, value) in values.iter().enumerate() {
            for (place, spoken) in self.sentences() {
                let in_sentence = self.grip(fact, spoken);
                for heard in &spoken.clauses {
                    let mut one = Finding::default();
                    self.hit(index, fact, value, topic, heard, in_sentence, &mut one, place);
                    if one.told == Told::Covered {
                        told[at].get_or_insert(place);
                    }
                }
            }
        }
        let count = told.iter().flatten().count();
        let Some(first) = told.iter().flatten().next().copied() else { return };
        // Of a command the program counts: its arguments follow from it.
        let is_program = matches!(values.first(), Some(Expected::Text(_))) && fact.text.contains(" runs “") && told[0].is_some();
        let covered = is_program || count * 10 >= values.len() * 6;
        finding.raise(if covered { Told::Covered } else { Told::Unclear }, first);
    }

    /// Whether a clause tells the value; notes it.
    #[allow(clippy::too_many_arguments)]
    fn hit(
        &self,
        index: usize,
        fact: &Fact,
        value: &Expected,
        topic: &Idea,
        heard: &Heard,
        in_sentence: Option<Grip>,
        finding: &mut Finding,
        place: usize,
    ) -> bool {
        let Some((at, needs_topic)) =
            place_of(self.facts, value, topic, heard, fact).or_else(|| self.by_thing(fact, value, heard))
        else {
            return false;
        };
        let words = &heard.clause.words;
        let own = heard.grip(fact.thing).or_else(|| self.by_part(fact.thing, |part| heard.grip(part)));
        let named = find_idea(words, topic).is_some();
        // The same value may be that of others: then it is whose the clause speaks of.
        let owners = self.by_value.get(&format!("{value:?}")).map_or(&[][..], Vec::as_slice);
        let others = owners.iter().filter(|other| **other != index && self.facts.facts[**other].thing != fact.thing);
        let taken = others.clone().filter_map(|other| heard.grip(self.facts.facts[*other].thing)).max();
        let mut is_taken = taken.is_some_and(|taken| own.is_none_or(|own| taken > own));
        // A path names a thing by itself: whose it is says what stands before it.
        if matches!(value, Expected::Path(_)) && taken.is_some() {
            let before = heard.mentions.iter().rfind(|mention| mention.at < at && mention.grip > Grip::Implied);
            is_taken = match before {
                Some(before) => !before.things.contains(&fact.thing),
                None => fact.id.ends_with(":to") && in_sentence.is_none_or(|grip| grip < Grip::Sort),
            };
        }
        let rivals = owners.iter().any(|other| *other != index && self.facts.facts[*other].thing == fact.thing);
        if is_taken || (rivals && !named) {
            return false;
        }
        if denied(words, at, 1)
            && words[at.saturating_sub(3)..at]
                .iter()
                .any(|word| matches!(word.text.as_str(), "not" | "no" | "never") || word.text.ends_with("n't"))
            && own.is_some()
            && !matches!(value, Expected::Bytes(_) | Expected::Time(_))
            && !needs_topic
        {
            return false;
        }
        let shared = others.count() > 0;
        let spoken_of = own.or(in_sentence);
        let ours = match (shared, spoken_of) {
            (_, Some(grip)) if grip >= Grip::Shared => true,
            (false, _) => true,
            (true, Some(_)) => true,
            (true, None) => false,
        };
        let told = match (ours, needs_topic && !named) {
            (true, false) => Told::Covered,
            (true, true) => Told::Unclear,
            (false, _) => Told::Unclear,
        };
        finding.raise(told, place);
        true
    }

    /// Where a clause tells a path by the thing that is there: "a link to the folder".
    fn by_thing(&self, fact: &Fact, value: &Expected, heard: &Heard) -> Option<(usize, bool)> {
        let Expected::Path(own) = value else { return None };
        if !fact.id.ends_with(":to") {
            return None;
        }
        let there = |thing: &usize| {
            *thing != fact.thing && self.facts.things[*thing].handles.iter().any(|handle| bare(handle) == bare(own))
        };
        let leads = ["point", "lead", "link", "refer", "go", "to", "target"];
        let led = |mention: &&crate::hearing::Mention| {
            let start = mention.at.saturating_sub(4);
            mention.things.iter().any(there)
                && heard.clause.words[start..mention.at].iter().any(|word| leads.contains(&word.stem.as_str()))
        };
        heard.mentions.iter().filter(|mention| mention.grip > Grip::Implied).find(led).map(|mention| (mention.at, false))
    }

    /// Another value that a clause gives to the same parameter, in its words.
    fn other(&self, fact: &Fact, value: &Expected, topic: &Idea, heard: &Heard, in_sentence: Option<Grip>) -> Option<String> {
        let words = &heard.clause.words;
        let part_of_thing = |things: &[usize]| things.contains(&fact.thing);
        // A clause that names nothing goes on about what the sentence is about.
        let goes_on = in_sentence.is_some_and(|grip| grip >= Grip::Sort)
            && heard.mentions.iter().all(|mention| mention.grip == Grip::Implied || part_of_thing(&mention.things));
        let spoken_of = |at: usize, least: Grip| {
            (goes_on && least <= Grip::Pronoun)
                || heard.owner(at).is_some_and(|mention| mention.grip >= least && part_of_thing(&mention.things))
        };
        let supposed = |at: usize| {
            words[at.saturating_sub(3)..at.min(words.len())]
                .iter()
                .any(|word| SUPPOSED.contains(&word.text.as_str()) || word.text.ends_with("n't"))
        };
        match value {
            Expected::Bytes(_) | Expected::Time(_) => {
                let unit = if matches!(value, Expected::Bytes(_)) { Unit::Bytes } else { Unit::Time };
                let found = heard.clause.quantities.iter().find(|(at, quantity)| {
                    quantity.unit == unit
                        && !supposed(*at)
                        && !self.is_known(quantity, heard)
                        && (spoken_of(*at, Grip::Sort)
                            || (spoken_of(*at, Grip::Pronoun) && find_idea(words, topic).is_some())
                            || (unit == Unit::Time && find_idea(words, topic).is_some() && self.only_one(fact)))
                });
                let (at, quantity) = found?;
                // Of several sizes of one thing the words must tell which is meant.
                if self.same_thing(fact).count() > 1 && find_idea(words, topic).is_none() {
                    return None;
                }
                Some(slice(words, *at, quantity.words))
            }
            Expected::Number(_) => {
                let name = named(topic);
                let (topic_at, len) = find_idea(words, &name)?;
                let near = |at: usize| at.abs_diff(topic_at) <= 3 || at.abs_diff(topic_at + len - 1) <= 3;
                let (at, quantity) = heard
                    .clause
                    .quantities
                    .iter()
                    .find(|(at, quantity)| quantity.unit == Unit::None && !supposed(*at) && near(*at))?;
                let others = self.facts.facts.iter().any(|other| matches!(&other.claim, crate::fact::Claim::Value { value: Expected::Number(number), .. } if quantity.is(Unit::None, *number) && other.id != fact.id));
                (!others || at.abs_diff(topic_at) == 1).then(|| slice(words, *at, quantity.words))
            }
            Expected::Mode(bits) => {
                let said = heard.clause.quantities.iter().find(|(at, quantity)| {
                    is_mode(quantity)
                        && !supposed(*at)
                        && (find_idea(words, &mode_topic()).is_some() || quantity.digits.starts_with('0'))
                });
                if let Some((at, quantity)) = said {
                    let ours = spoken_of(*at, Grip::Implied) || self.only_one(fact);
                    return (ours && u32::from_str_radix(&quantity.digits, 8).ok() != Some(*bits))
                        .then(|| quantity.digits.clone());
                }
                let grip = heard.grip(fact.thing)?;
                let against = mode_ideas(*bits).1;
                let (at, len) = find_idea(words, &against)?;
                (grip >= Grip::Pronoun && !denied(words, at, len)).then(|| slice(words, at, len))
            }
            Expected::Path(own) => {
                for (at, path) in &heard.clause.paths {
                    let said = bare(path);
                    let absolute = path.starts_with(['/', '~']) || path.starts_with("./");
                    let before = &words[at.saturating_sub(4)..*at];
                    let topical = before.iter().any(|word| topic_word(topic, word));
                    if !absolute || !topical || fits(own, said) || supposed(*at) || !spoken_of(*at, Grip::Pronoun) {
                        continue;
                    }
                    // A path that the thing has elsewhere in the spec, or that something of its own lies in, is no mistake.
                    let known = self.facts.facts.iter().filter(|other| other.id != fact.id).any(|other| {
                        let same_thing = other.thing == fact.thing;
                        let strict = fact.id.ends_with(":to") && before.iter().any(|word| word.stem == "point");
                        matches!(&other.claim, crate::fact::Claim::Value { value: Expected::Path(path), .. } if fits(path, said) && (same_thing || !strict))
                    });
                    if !known && !bare(own).starts_with(said) && !said.starts_with(bare(own)) {
                        return Some(path.clone());
                    }
                }
                None
            }
            Expected::Text(own) => self.other_text(fact, own, heard, in_sentence),
        }
    }

    /// Another name behind "label", or another owner behind "belongs to".
    fn other_text(&self, fact: &Fact, own: &str, heard: &Heard, in_sentence: Option<Grip>) -> Option<String> {
        let words = &heard.clause.words;
        let what = fact.id.rsplit([':', '.']).next().unwrap_or("");
        let leads: &[&str] = match what {
            "label" => &["label", "labelled", "labeled"],
            "owner" => &["belongs to", "belong to", "owned by", "owner is"],
            "before" => &[
                "after the line with",
                "behind the line with",
                "after the line",
                "behind the line",
                "below the line",
                "after the",
                "below the",
            ],
            "after" => &["before the line with", "before the line", "above the line", "before the", "above the"],
            _ => return None,
        };
        let own_words = stems(own);
        if matches!(what, "before" | "after") {
            let lead = leads.iter().find_map(|lead| find(words, &stems(lead)))?;
            return find(words, &own_words).filter(|at| *at > lead).map(|_| slice(words, lead, words.len() - lead));
        }
        let grip = heard.grip(fact.thing).max(in_sentence.filter(|grip| *grip >= Grip::Sort))?;
        for lead in leads {
            let lead = stems(lead);
            let Some(at) = find(words, &lead) else { continue };
            let skip = ["is", "as", "the", "a", "of", "user", "group", "to", "named", "called", "by", "with"];
            let Some(next) = (at + lead.len()..words.len()).find(|next| !skip.contains(&words[*next].text.as_str())) else {
                continue;
            };
            let word = &words[next];
            let is_value = words.get(next..).is_some_and(|rest| find(rest, &own_words) == Some(0));
            let is_plain = [
                "and", "it", "on", "in", "that", "which", "all", "everyone", "us", "so", "at", "this", "for", "me", "you",
                "them", "one",
            ]
            .contains(&word.text.as_str());
            if !is_value && !is_plain && grip >= Grip::Pronoun && !denied(words, at, lead.len()) {
                return Some(slice(words, at, next + 1 - at));
            }
        }
        None
    }

    /// Whether a quantity is the value of something that the clause speaks of.
    fn is_known(&self, quantity: &Quantity, heard: &Heard) -> bool {
        self.facts.facts.iter().any(|fact| {
            let crate::fact::Claim::Value { value, .. } = &fact.claim else { return false };
            let same = match value {
                Expected::Bytes(bytes) => quantity.is(Unit::Bytes, *bytes as f64),
                Expected::Time(time) => quantity.is(Unit::Time, *time as f64),
                _ => false,
            };
            same && (heard.grip(fact.thing).is_some()
                || self.facts.things[fact.thing].inside.is_some_and(|outer| heard.grip(outer).is_some()))
        })
    }

    /// Whether a value of the clause is that of another fact.
    fn true_of_another(&self, fact: &Fact, heard: &Heard) -> bool {
        let others = self.facts.facts.iter().filter(|other| other.id != fact.id);
        others.into_iter().any(|other| match &other.claim {
            crate::fact::Claim::Value { value, topic } => place_of(self.facts, value, topic, heard, other).is_some(),
            _ => false,
        })
    }

    /// The facts of the same sort of value about the same thing.
    fn same_thing(&self, fact: &Fact) -> impl Iterator<Item = &Fact> {
        let kind = kind_of(fact);
        self.facts.facts.iter().filter(move |other| other.thing == fact.thing && kind_of(other) == kind && kind.is_some())
    }

    /// Whether the spec has no other value of this sort.
    fn only_one(&self, fact: &Fact) -> bool {
        let kind = kind_of(fact);
        self.facts.facts.iter().filter(|other| kind_of(other) == kind).count() == 1
    }
}

fn kind_of(fact: &Fact) -> Option<std::mem::Discriminant<Expected>> {
    match &fact.claim {
        crate::fact::Claim::Value { value, .. } => Some(std::mem::discriminant(value)),
        _ => None,
    }
}

fn slice(words: &[Word], at: usize, len: usize) -> String {
    let end = (at + len.max(1)).min(words.len());
    words.get(at..end).unwrap_or_default().iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn topic_word(topic: &Idea, word: &Word) -> bool {
    topic.phrases.iter().any(|phrase| phrase.len() == 1 && phrase[0] == word.stem)
}

/// The words of a topic that name it, without those that could stand anywhere.
fn named(topic: &Idea) -> Idea {
    const PLAIN: [&str; 14] = ["at", "in", "to", "as", "of", "from", "under", "with", "get", "take", "hold", "big", "up", "on"];
    Idea {
        phrases: topic
            .phrases
            .iter()
            .filter(|phrase| phrase.len() > 1 || !PLAIN.contains(&phrase[0].as_str()))
            .cloned()
            .collect(),
    }
}

fn mode_topic() -> Idea {
    Idea::of(["mode", "permission", "permissions", "chmod", "rights", "bits"])
}

fn is_mode(quantity: &Quantity) -> bool {
    quantity.unit == Unit::None
        && (3..=4).contains(&quantity.digits.len())
        && quantity.digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit))
}

/// What permission bits are called, and what they are not.
fn mode_ideas(bits: u32) -> (Idea, Idea) {
    let (group, others) = ((bits >> 3) & 7, bits & 7);
    let private = [
        "only its owner",
        "only the owner",
        "nobody else",
        "no one else",
        "nobody but",
        "no one but",
        "nobody except",
        "no one except",
        "owner only",
        "only the user",
        "only i can",
        "only she",
        "only he",
        "only root",
        "one person",
        "only one person",
        "but their owner",
        "but its owner",
        "private",
    ];
    let open = ["everyone", "everybody", "anyone", "anybody", "world readable", "world writable", "anyone can", "all users"];
    if bits & 0o222 == 0 {
        let locked = [
            "read only",
            "nobody can write",
            "nobody can change",
            "can't be altered",
            "cannot be altered",
            "can't be changed",
            "cannot be changed",
            "not writable",
            "can't be edited",
            "can't be written",
            "can't be modified",
            "nobody may change",
            "no one can change",
            "immutable",
        ];
        return (
            Idea::of(locked),
            Idea::of(["writable", "can be changed", "may be changed", "can write", "may write", "can be edited", "editable"]),
        );
    }
    match (group, others) {
        (0, 0) => (Idea::of(private), Idea::of(open)),
        (_, 0) => (
            Idea::of([
                "others see nothing",
                "others can't",
                "others cannot",
                "only people in the group",
                "only the group",
                "only members",
                "others may not",
                "others can not",
                "nobody else",
                "no one else",
                "outsiders",
            ]),
            Idea::of(open),
        ),
        (_, others) if others & 2 == 0 => (
            Idea::of([
                "everyone can read",
                "everybody can read",
                "anyone can read",
                "anyone may read",
                "everyone may read",
                "everybody may read",
                "world readable",
                "all can read",
                "others can read",
                "others may read",
                "only the owner may change",
                "only the owner can change",
            ]),
            Idea::of([
                "everyone can write",
                "everybody can write",
                "anyone can write",
                "anyone may write",
                "everybody may write",
                "world writable",
                "nobody can read",
                "nobody else can read",
                "only the owner can read",
                "only the owner may read",
            ]),
        ),
        _ => (
            Idea::of([
                "everyone can write",
                "everybody can write",
                "anyone can write",
                "world writable",
                "everyone may write",
                "everybody may write",
            ]),
            Idea::of(private),
        ),
    }
}

/// Whether what was said is a path, or its end.
fn fits(own: &str, said: &str) -> bool {
    let (own, said) = (bare(own).to_lowercase(), bare(said).to_lowercase());
    own == said || own.strip_suffix(said.as_str()).is_some_and(|front| front.ends_with('/'))
}

/// Where a clause tells a value, and whether it only counts beside the words that name the parameter.
fn place_of(facts: &Facts, value: &Expected, topic: &Idea, heard: &Heard, fact: &Fact) -> Option<(usize, bool)> {
    let words = &heard.clause.words;
    let quantity = |unit: Unit, amount: f64| {
        heard.clause.quantities.iter().find(|(_, quantity)| quantity.is(unit, amount)).map(|(at, _)| *at)
    };
    match value {
        Expected::Bytes(bytes) => quantity(Unit::Bytes, *bytes as f64).map(|at| (at, false)),
        Expected::Time(time) => quantity(Unit::Time, *time as f64).map(|at| (at, false)),
        Expected::Number(number) => {
            let plain = || {
                heard
                    .clause
                    .quantities
                    .iter()
                    .find(|(_, quantity)| quantity.unit == Unit::None && (quantity.amount - number).abs() < 1e-9)
            };
            plain().map(|(at, _)| (*at, *number < 100.0))
        }
        Expected::Mode(bits) => {
            let digits = heard
                .clause
                .quantities
                .iter()
                .find(|(_, quantity)| is_mode(quantity) && u32::from_str_radix(&quantity.digits, 8).ok() == Some(*bits));
            if let Some((at, _)) = digits {
                return Some((*at, false));
            }
            let (at, _) = find_idea(words, &mode_ideas(*bits).0).filter(|_| heard.grip(fact.thing).is_some())?;
            Some((at, false))
        }
        Expected::Path(own) => {
            if let Some((at, _)) = heard.clause.paths.iter().find(|(_, path)| fits(own, bare(path))) {
                return Some((*at, false));
            }
            // "the disk labelled backup" is /dev/disk/by-label/backup; "vdb" is /dev/vdb.
            let last = own.rsplit('/').next().unwrap_or(own);
            let by_label = own.contains("/by-label/") || own.contains("/by-uuid/");
            let at = find(words, &stems(last))?;
            if by_label {
                let label = find_idea(words, &Idea::of(["label", "labelled", "labeled", "uuid", "named", "called"])).is_some();
                return label.then_some((at, false));
            }
            let is_device = own.starts_with("/dev/");
            let is_file = fact.id.ends_with(":path") && last.len() >= 5;
            let written = words[at].text.as_str();
            let is_name = facts.things.iter().any(|thing| last.eq_ignore_ascii_case(&thing.name));
            (is_device || (is_file && (last.contains('.') || written == last) && !is_name)).then_some((at, false))
        }
        Expected::Text(text) => {
            let phrase = stems(text);
            let at = find(words, &phrase)?;
            // A word that can stand anywhere counts only beside what it is the value of.
            let reach = if fact.thing == 0 { 1 } else { 5 };
            let near = find_idea(words, topic)
                .is_some_and(|(topic_at, len)| at.abs_diff(topic_at) <= reach || at.abs_diff(topic_at + len) <= reach);
            let long = phrase.len() > 1 || text.contains(['_', '.', '=']) || text.bytes().any(|byte| byte.is_ascii_digit());
            let each = fact.id.ends_with(":each");
            (near || long || each).then_some((at, false))
        }
    }
}
