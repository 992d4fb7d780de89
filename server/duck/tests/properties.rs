//! What holds for any explanation.

#![allow(clippy::unwrap_used)]

mod evaluation;

use std::sync::LazyLock;

use evaluation::{Labelled, half};
use proptest::prelude::*;
use seed_duck::text::sentences;
use seed_duck::{Told, reflect};

static SET: LazyLock<Vec<Labelled>> = LazyLock::new(|| half("tuned"));

/// A spec, and sentences out of what was said of it.
fn said() -> impl Strategy<Value = (usize, Vec<String>)> {
    (0..SET.len()).prop_flat_map(|spec| {
        let all: Vec<String> = SET[spec]
            .explanations
            .iter()
            .filter(|one| !one.is_gamed())
            .flat_map(|one| sentences(&one.text))
            .map(|sentence| sentence.text)
            .collect();
        (Just(spec), prop::collection::vec(prop::sample::select(all), 0..8))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_answered(spec in 0..6usize, text in "\\PC{0,400}|([a-z`'/.0-9 ,;:()\n→-]{1,12}){0,60}") {
        let facts = &SET[spec].facts;
        let reflection = reflect(facts, &text);
        prop_assert!((0.0..=1.0).contains(&reflection.score));
        prop_assert_eq!(reflection.findings.len(), facts.facts.len());
        prop_assert!(reflection.question.is_some() || reflection.findings.iter().all(|finding| finding.told == Told::Covered));
        for finding in reflection.findings.iter().filter(|finding| finding.told != Told::Missing) {
            prop_assert!(reflection.sentence(finding).is_some());
        }
        seed_duck::code::facts(&text);
    }

    #[test]
    fn what_was_told_stays_told_when_more_is_said((spec, parts) in said(), more in said()) {
        // Of another spec or of this one: a sentence can add, and it can be wrong, but it takes nothing away.
        let facts = &SET[spec].facts;
        let before = reflect(facts, &parts.join("\n\n"));
        let more = if more.0 == spec { more.1.concat() } else { String::from("So much for that.") };
        let after = reflect(facts, &format!("{}\n\n{more}", parts.join("\n\n")));
        for (before, after) in before.findings.iter().zip(&after.findings) {
            prop_assert!(after.told >= before.told);
        }
    }

    #[test]
    fn what_is_said_twice_counts_once((spec, parts) in said()) {
        let facts = &SET[spec].facts;
        let once = parts.join("\n\n");
        let twice = format!("{once}\n\nSo much for that.\n\n{once}");
        prop_assert!(reflect(facts, &twice).score >= reflect(facts, &once).score - 0.15);
    }
}
