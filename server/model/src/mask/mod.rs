//! Secrets, masked before anything leaves the machine.
//!
//! What is masked is told by its form (`patterns`) or because it is known: the values behind `!secret`, and the provider's own key.
//! What has no form of its own, such as a password in the middle of a sentence, cannot be told; so what is sent is always shown too.

mod patterns;

use std::ops::Range;

use crate::message::Request;

/// Known values shorter than this, in bytes, are not looked for: they would be found in everything.
const SHORTEST: usize = 6;

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What kind it is, such as `GitHub token`.
    pub kind: &'static str,
    /// The line that it begins on, from 1.
    pub line: usize,
}

/// Masks secrets in texts.
#[derive(Clone, Default)]
pub struct Masker {
    known: Vec<String>,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Masker({} known)", self.known.len())
    }
}

impl Masker {
    /// One that also masks these values, wherever they stand.
    #[must_use]
    pub fn with_known(mut self, values: impl IntoIterator<Item = String>) -> Self {
        for value in values {
            // A file's last line end is rarely a part of the secret; a secret of several lines may stand indented.
            let lines = value.lines().map(|line| line.trim().to_owned()).filter(|line| line.len() >= SHORTEST);
            self.known.extend(lines);
        }
        // The longest first, so that none is cut by a shorter one within it.
        self.known.sort_by_key(|value| std::cmp::Reverse(value.len()));
        self.known.dedup();
        self
    }

    /// The text with `<masked KIND>` in the place of each secret, and what was found. Masking again finds nothing: so what is shown is
    /// what is sent.
    pub fn mask(&self, text: &str) -> (String, Vec<Found>) {
        // What stands beside a secret can look like another once that one is gone.
        const ROUNDS: usize = 4;
        let (mut text, mut all) = (text.to_owned(), Vec::new());
        for _ in 0..ROUNDS {
            let (masked, found) = self.once(&text);
            if found.is_empty() {
                break;
            }
            text = masked;
            all.extend(found);
        }
        (text, all)
    }

    fn once(&self, text: &str) -> (String, Vec<Found>) {
        let spans = self.spans(text);
        let mut masked = String::with_capacity(text.len());
        let mut found = Vec::with_capacity(spans.len());
        let (mut end, mut line) = (0, 1);
        for (range, kind) in spans {
            line += text[end..range.start].matches('\n').count();
            found.push(Found { kind, line });
            masked.push_str(&text[end..range.start]);
            masked.push_str(&format!("<masked {kind}>"));
            line += text[range.clone()].matches('\n').count();
            end = range.end;
        }
        masked.push_str(&text[end..]);
        (masked, found)
    }

    /// Masks a whole request, and gives what was found.
    pub fn request(&self, request: &Request) -> (Request, Vec<Found>) {
        let mut request = request.clone();
        let mut all = Vec::new();
        for message in &mut request.messages {
            let (text, found) = self.mask(&message.text);
            message.text = text;
            all.extend(found);
        }
        (request, all)
    }

    /// Where secrets are, in order and not overlapping.
    fn spans(&self, text: &str) -> Vec<(Range<usize>, &'static str)> {
        let mut spans: Vec<(Range<usize>, &'static str)> = Vec::new();
        for value in &self.known {
            spans.extend(text.match_indices(value.as_str()).map(|(start, found)| (start..start + found.len(), "secret")));
        }
        patterns::find(text, &mut spans);
        // Of those that overlap, the one that begins first and reaches furthest tells the kind, and all of them is masked.
        spans.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut merged: Vec<(Range<usize>, &'static str)> = Vec::new();
        for (range, kind) in spans {
            match merged.last_mut() {
                Some((last, _)) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push((range, kind)),
            }
        }
        merged
    }
}

/// What was found, in words, such as `2 secrets masked: GitHub token (line 3), password (line 9)`.
pub fn words(found: &[Found]) -> Option<String> {
    let one = |found: &Found| found.kind.to_owned();
    let mut kinds: Vec<String> = found.iter().map(one).collect();
    kinds.sort();
    kinds.dedup();
    let count = found.len();
    (count > 0).then(|| format!("{count} secret{} masked: {}", if count == 1 { "" } else { "s" }, kinds.join(", ")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
