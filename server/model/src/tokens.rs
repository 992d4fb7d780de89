//! How many tokens a text is, before a provider has counted: about, from how common tokenisers cut. What a provider counted
//! afterwards is what holds.

/// About how many tokens a text is.
///
/// A word is one token for each five letters begun, a number one for each three digits, a sign one, a run of spaces one at
/// most; other scripts count one a letter. It is meant
/// to lie rather above what is counted than below it.
pub fn estimate(text: &str) -> usize {
    let mut count = 0;
    let mut letters = text.chars().peekable();
    while let Some(first) = letters.next() {
        let kind = Kind::of(first);
        let mut length = 1;
        while letters.next_if(|next| Kind::of(*next) == kind).is_some() {
            length += 1;
        }
        count += match kind {
            Kind::Word => 1 + (length - 1) / 5,
            Kind::Digit => 1 + (length - 1) / 3,
            // One space belongs to the word behind it.
            Kind::Space => usize::from(length > 1),
            Kind::Line => 1,
            Kind::Sign | Kind::Other => length,
        };
    }
    count
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Digit,
    Space,
    Line,
    Sign,
    Other,
}

impl Kind {
    fn of(letter: char) -> Kind {
        match letter {
            '0'..='9' => Kind::Digit,
            '\n' | '\r' => Kind::Line,
            _ if letter.is_whitespace() => Kind::Space,
            _ if letter.is_ascii_alphabetic() => Kind::Word,
            _ if letter.is_ascii() => Kind::Sign,
            _ => Kind::Other,
        }
    }
}

/// What a number of tokens costs, from the prices that the user has configured for a million.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// For a million tokens read.
    pub input: f64,
    /// For a million tokens written.
    pub output: f64,
    /// In which currency.
    #[serde(default = "dollars")]
    pub currency: String,
}

fn dollars() -> String {
    "USD".into()
}

impl Prices {
    /// The cost, if both numbers are known.
    pub fn cost(&self, usage: crate::Usage) -> Option<f64> {
        const MILLION: f64 = 1e6;
        Some((usage.input? as f64 * self.input + usage.output? as f64 * self.output) / MILLION)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_in_the_range_of_what_tokenisers_count() {
        for (text, counted) in [
            ("The quick brown fox jumps over the lazy dog.", 10),
            ("roles:\n  image:\n    is: storage.file_block_image\n    path: ./lab.img\n    size: 4 GiB\n", 30),
            ("let mut count = text.chars().count();", 11),
        ] {
            let about = estimate(text);
            assert!(about >= counted * 3 / 4 && about <= counted * 3 / 2, "{text:?}: {about} and not about {counted}");
        }
        assert_eq!(estimate(""), 0);
    }

    #[test]
    fn what_is_not_known_costs_nothing_that_could_be_said() {
        let prices: Prices = serde_yaml::from_str("{input: 3, output: 15}").unwrap();
        assert_eq!(prices.cost(crate::Usage { input: Some(1_000_000), output: Some(100_000) }), Some(4.5));
        assert_eq!(prices.cost(crate::Usage { input: Some(1), output: None }), None);
    }
}
