//! Whether it is told what needs what, and in which order.

use super::{Finding, Matcher, Told};
use crate::fact::Fact;
use crate::hearing::{Grip, Heard, Mention, negates};
use crate::text::Word;

/// Which of two things, in the order they are spoken of, rests on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// The first on the second.
    Forward,
    /// The second on the first.
    Backward,
}

/// Words between two things that say that the first rests on the second; with how surely.
const FORWARD: &[(&str, bool)] = &[
    ("on", true),
    ("on top of", true),
    ("onto", true),
    ("atop", true),
    ("over", false),
    ("in", true),
    ("inside", true),
    ("within", true),
    ("into", false),
    ("need", true),
    ("require", true),
    ("depend", true),
    ("reli", true),
    ("after", true),
    ("use", true),
    ("from", false),
    ("of", false),
    ("wait", true),
    ("back by", true),
    ("show", false),
    ("expos", false),
    ("present", false),
    ("lie", true),
    ("sit", true),
    ("live", true),
    ("rest", false),
    ("point", false),
    ("to", false),
    ("without", true),
    ("once", true),
    ("until", true),
    ("wrap", false),
    ("for", false),
    ("that is", false),
    ("lead", false),
];

/// Words between two things that say that the second rests on the first.
const BACKWARD: &[(&str, bool)] = &[
    ("befor", true),
    ("becom", false),
    ("carri", false),
    ("hold", false),
    ("contain", true),
    ("support", false),
    ("under", false),
    ("beneath", true),
    ("below", true),
    ("underneath", true),
    ("turn into", false),
    ("turn", false),
    ("as", false),
    ("first", true),
    ("then", false),
    ("has", false),
    ("made into", false),
    ("make into", false),
    ("get", false),
    ("and on", false),
    ("attach", false),
    ("on it", true),
    ("on that", true),
    ("on top sit", false),
    ("in it", true),
    ("insid of it", true),
    ("there", false),
    ("host", false),
    ("format", false),
    ("prerequisit", true),
    ("is need by", true),
    ("is use by", true),
    ("is requir by", true),
    ("need by", true),
    ("use by", true),
    ("requir by", true),
];

fn phrases(list: &'static [(&'static str, bool)]) -> Vec<(Vec<String>, bool)> {
    list.iter().map(|(phrase, sure)| (phrase.split(' ').map(crate::text::stem).collect(), *sure)).collect()
}

static FORWARD_PHRASES: std::sync::LazyLock<Vec<(Vec<String>, bool)>> = std::sync::LazyLock::new(|| phrases(FORWARD));
static BACKWARD_PHRASES: std::sync::LazyLock<Vec<(Vec<String>, bool)>> = std::sync::LazyLock::new(|| phrases(BACKWARD));

impl Matcher<'_> {
    pub(super) fn needs(&self, fact: &Fact, other: usize, finding: &mut Finding) {
        for (place, spoken) in self.sentences() {
            let mut together = false;
            for (number, heard) in spoken.clauses.iter().enumerate() {
                let tops = self.pairs(heard, fact.thing, other);
                for (upper, lower) in &tops {
                    together = true;
                    let Some((direction, sure)) = direction(&heard.clause.words, upper, lower) else { continue };
                    // Forward is told from the first mention; which one that is decides what is meant.
                    let upper_first = upper.at < lower.at;
                    let right = (direction == Direction::Forward) == upper_first;
                    let explicit = upper.grip >= Grip::Sort
                        && lower.grip >= Grip::Sort
                        && upper.things.len() == 1
                        && lower.things.len() == 1;
                    let negated = heard.clause.words.iter().any(negates);
                    if right && negated && explicit && denies_need(&heard.clause.words) {
                        finding.contradict(place, spoken.text.clone());
                    } else if right {
                        finding.raise(Told::Covered, place);
                    } else if sure && explicit && !negated {
                        finding.contradict(place, spoken.text.clone());
                    } else {
                        finding.raise(Told::Unclear, place);
                    }
                }
                // "After the image, …" and "…, so the loop device comes first": the two are in clauses side by side.
                if let (true, Some(next)) = (tops.is_empty(), spoken.clauses.get(number + 1)) {
                    self.across(fact, other, heard, next, place, &spoken.text, finding);
                }
            }
            let both = spoken.grip(fact.thing).is_some_and(|grip| grip >= Grip::Sort)
                && spoken.grip(other).is_some_and(|grip| grip >= Grip::Sort);
            if together || both {
                finding.raise(Told::Unclear, place);
            }
        }
    }

    /// The mentions of two things in one clause, one of them by more than nothing.
    fn pairs<'h>(&self, heard: &'h Heard, upper: usize, lower: usize) -> Vec<(&'h Mention, Mention)> {
        let of = |thing: usize| {
            heard.mentions.iter().filter(move |mention| mention.things.contains(&thing) || self.is_part(mention, thing))
        };
        let mut found = Vec::new();
        for one in of(upper) {
            for two in of(lower) {
                if one.at != two.at
                    && one.grip > Grip::Implied
                    && two.grip > Grip::Implied
                    && !(one.grip == Grip::Pronoun && two.grip == Grip::Pronoun)
                {
                    found.push((one, two.clone()));
                }
            }
            // The other was spoken of just before, and is meant: "on top sits …".
        }
        found
    }

    fn is_part(&self, mention: &Mention, thing: usize) -> bool {
        mention.things.iter().any(|part| self.facts.things[*part].inside == Some(thing))
    }

    #[allow(clippy::too_many_arguments)]
    fn across(&self, fact: &Fact, other: usize, one: &Heard, two: &Heard, place: usize, text: &str, finding: &mut Finding) {
        let grip = |heard: &Heard, thing: usize| heard.grip(thing).filter(|grip| *grip >= Grip::Shared);
        let first = one.clause.words.first().map_or("", |word| word.text.as_str());
        let leads = |words: &[&str]| words.contains(&first);
        let (upper_first, explicit) = match (grip(one, fact.thing), grip(two, other), grip(one, other), grip(two, fact.thing)) {
            (Some(upper), Some(lower), _, _) => (true, upper >= Grip::Sort && lower >= Grip::Sort),
            (_, _, Some(lower), Some(upper)) => (false, upper >= Grip::Sort && lower >= Grip::Sort),
            _ => return,
        };
        let begins = two
            .clause
            .words
            .iter()
            .find(|word| !matches!(word.text.as_str(), "and" | "so" | "but"))
            .map_or("", |word| word.text.as_str());
        let says_first = two.clause.words.iter().any(|word| word.text == "first");
        if leads(&["after", "once", "on", "inside", "in", "over", "from", "without", "when"]) {
            match upper_first {
                false => finding.raise(Told::Covered, place),
                true if explicit && leads(&["after", "once"]) => finding.contradict(place, text),
                true => finding.raise(Told::Unclear, place),
            }
        } else if leads(&["before"]) {
            match upper_first {
                true => finding.raise(Told::Covered, place),
                false if explicit => finding.contradict(place, text),
                false => finding.raise(Told::Unclear, place),
            }
        } else {
            let then = begins == "then" || two.clause.words.iter().any(|word| word.text == "then" || word.text == "afterwards");
            if (!upper_first && then) || (upper_first && says_first) {
                finding.raise(Told::Covered, place);
            }
        }
    }
}

/// Whether words say that something is *not* needed: "does not need", "can be made before".
fn denies_need(words: &[Word]) -> bool {
    let need = ["need", "requir", "depend", "wait"];
    words.iter().enumerate().any(|(at, word)| need.contains(&word.stem.as_str()) && crate::hearing::denied(words, at, 1))
}

/// Which of two mentions rests on the other by the words between and around them, and how surely.
fn direction(words: &[Word], upper: &Mention, lower: &Mention) -> Option<(Direction, bool)> {
    let (first, second) = if upper.at < lower.at { (upper, lower) } else { (lower, upper) };
    let between = words.get(first.end..second.at)?;
    if between.len() > 12 {
        return None;
    }
    // "In it lies …", "on top of that sits …": what stands behind the preposition is below.
    let lead = words.get(first.at.saturating_sub(4)..first.at).unwrap_or_default();
    let lead: Vec<&str> = lead
        .iter()
        .rev()
        .map(|word| word.text.as_str())
        .skip_while(|word| matches!(*word, "the" | "that" | "this" | "a" | "an" | "of" | "top"))
        .take(1)
        .collect();
    let denied_before = words.get(..first.at).unwrap_or_default().iter().any(negates)
        || between.iter().take_while(|word| word.text != "before").any(negates);
    if between.iter().any(|word| word.text == "before") && denied_before {
        return Some((Direction::Forward, true));
    }
    if matches!(lead.first().copied(), Some("in" | "on" | "inside" | "upon" | "within" | "onto" | "over" | "into"))
        && first.at <= 5
        && !between.iter().any(|word| matches!(word.stem.as_str(), "need" | "requir" | "depend" | "wait"))
    {
        return Some((Direction::Backward, first.at <= 3));
    }
    let find = |phrases: &[(Vec<String>, bool)]| {
        let found =
            phrases.iter().filter_map(|(phrase, sure)| Some((crate::hearing::find(between, phrase)?, phrase.len(), *sure)));
        found.max_by_key(|(at, len, sure)| (*len, *sure, *at))
    };
    let (forward, backward) = (find(&FORWARD_PHRASES), find(&BACKWARD_PHRASES));
    let last = words.get(second.end..).unwrap_or_default();
    // "first" and "before" behind both: "… needs the image first".
    let opens = words.get(..first.at).unwrap_or_default().iter().map(|word| word.text.as_str()).next();
    match (forward, backward) {
        (None, None) => match opens {
            Some("after" | "once" | "on" | "inside" | "over" | "from") => Some((Direction::Backward, false)),
            Some("before") => Some((Direction::Forward, true)),
            _ if last.first().is_some_and(|word| word.text == "first") => None,
            _ => None,
        },
        (Some((_, _, sure)), None) => Some((Direction::Forward, sure)),
        (None, Some((_, _, sure))) => Some((Direction::Backward, sure)),
        (Some((_, forward_len, forward_sure)), Some((_, backward_len, backward_sure))) => {
            if (backward_len, backward_sure) > (forward_len, forward_sure) {
                Some((Direction::Backward, backward_sure))
            } else {
                Some((Direction::Forward, forward_sure && (forward_len > backward_len || !backward_sure)))
            }
        }
    }
}
