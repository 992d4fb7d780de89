//! Whether it is told what a thing is.

use super::{Finding, Matcher, Told};
use crate::fact::{Fact, Facts, Sort};
use crate::hearing::{Grip, Heard, denied, find, find_idea};

const COPULAS: &[&str] = &["is", "are", "was", "be", "being", "it's", "that's", "just", "simply", "really", "as"];
const ASIDE: &[&str] = &["on", "in", "of", "for", "to", "from", "with", "inside", "at", "by", "over", "like", "under", "into"];

impl Matcher<'_> {
    pub(super) fn sort(&self, fact: &Fact, sort: &Sort, finding: &mut Finding) {
        let part = self.facts.things[fact.thing].inside.is_some_and(|outer| outer != 0)
            && self.facts.things[fact.thing].name != fact.role;
        for (place, spoken) in self.sentences() {
            let grip = spoken.grip(fact.thing);
            for heard in &spoken.clauses {
                if let Some(instead) = other_sort(self.facts, heard, fact, sort) {
                    finding.contradict(place, instead);
                }
            }
            let said = spoken.clauses.iter().any(|heard| find_idea(&heard.clause.words, &sort.names).is_some());
            match grip {
                Some(Grip::Name) if said => finding.raise(Told::Covered, place),
                // Who names a part in a sentence on the whole says that it is there.
                Some(Grip::Name) if part => {
                    let outer = self.facts.things[fact.thing].inside.unwrap_or(0);
                    let told = if spoken.grip(outer).is_some() { Told::Covered } else { Told::Unclear };
                    finding.raise(told, place);
                }
                Some(Grip::Sort) => finding.raise(Told::Covered, place),
                Some(Grip::Name | Grip::Shared) => finding.raise(Told::Unclear, place),
                Some(Grip::Pronoun | Grip::Implied) if said && !part => {
                    let told =
                        match spoken.clauses.iter().any(|heard| {
                            heard.grip(fact.thing).is_some() && find_idea(&heard.clause.words, &sort.names).is_some()
                        }) {
                            true => Told::Covered,
                            false => Told::Unclear,
                        };
                    finding.raise(told, place);
                }
                _ => {}
            }
        }
    }
}

/// The sort that a clause says the thing is, if that is another.
fn other_sort(facts: &Facts, heard: &Heard, fact: &Fact, sort: &Sort) -> Option<String> {
    let words = &heard.clause.words;
    for mention in heard.mentions.iter().filter(|mention| mention.things == [fact.thing]) {
        let sure = mention.grip == Grip::Name
            || (mention.grip == Grip::Pronoun && mention.at == 0 && words[0].text != "there")
            || mention.grip == Grip::Sort;
        if !sure {
            continue;
        }
        for phrase in &sort.others.phrases {
            let is_another =
                facts.things.iter().enumerate().any(|(other, thing)| other != fact.thing && thing.sort.phrases.contains(phrase));
            if mention.grip == Grip::Pronoun && is_another {
                continue;
            }
            let Some(at) = find(words.get(mention.end..)?, phrase).map(|at| at + mention.end) else { continue };
            let between = &words[mention.end..at];
            let says = between.iter().any(|word| COPULAS.contains(&word.text.as_str())) || words[mention.at].text.ends_with("'s");
            let aside = between.iter().any(|word| ASIDE.contains(&word.text.as_str()));
            let own = find_idea(words, &sort.names);
            let format = phrase.len() == 1 && FORMATS.contains(&phrase[0].as_str());
            let copula = between
                .iter()
                .position(|word| COPULAS.contains(&word.text.as_str()))
                .map_or(mention.end, |place| mention.end + place);
            let in_subject = own.is_some_and(|(own, len)| own + len <= copula);
            let contrary =
                own.is_none() || in_subject || (format && own.is_some_and(|(own, len)| own >= at || own + len <= mention.end));
            if says && !aside && between.len() <= 6 && contrary && !denied(words, at, phrase.len()) {
                return Some(words[at..at + phrase.len()].iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "));
            }
        }
    }
    None
}

/// File systems, as stems.
const FORMATS: &[&str] = &["ext4", "xfs", "vfat", "fat32", "zfs", "ntfs", "ext3", "btrfs", "tmpfs", "swap"];
