//! Values of attributes in plans and infos, and diffs of texts.

use std::io::Write;

use seed_role::attrs::Change;
use seed_role::param::BYTES_MARK;
use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use crate::cli::{style, terminal};

/// Values longer than this are cut.
const LONGEST: usize = 76;
/// Lines of a diff longer than this are cut, so that no file pushes the rest of a plan off the screen.
const LONGEST_LINE: usize = 1000;

/// A value in a line.
pub fn short(value: &Json) -> String {
    let text = match value {
        Json::Null => "—".to_string(),
        Json::String(text) if text.is_empty() => "\"\"".to_string(),
        Json::String(text) if text.starts_with(BYTES_MARK) => format!("{} bytes, not text", (text.len() - BYTES_MARK.len()) / 2),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(short).collect::<Vec<_>>().join(", "),
        Json::Object(entries) if entries.is_empty() => "{}".to_string(),
        Json::Object(entries) => entries
            .iter()
            .map(|(name, value)| match value {
                Json::Object(inner) if inner.is_empty() => name.clone(),
                _ => format!("{name}: {}", short(value)),
            })
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    };
    cut(&text, LONGEST)
}

fn cut(text: &str, longest: usize) -> String {
    let line = terminal::line(text);
    match line.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into_owned(),
    }
}

/// A change, as a line or a diff.
pub fn write_change(out: &mut dyn Write, change: &Change, indent: &str, width: usize) -> std::io::Result<()> {
    match (&change.from, &change.to) {
        (Json::String(from), Json::String(to))
            if (from.contains('\n') || to.contains('\n')) && ![from, to].iter().any(|text| text.starts_with(BYTES_MARK)) =>
        {
            writeln!(out, "{indent}{}", change.field)?;
            write_diff(out, from, to, indent)
        }
        (Json::Null, to) => writeln!(out, "{indent}{:width$}  {}", change.field, short(to)),
        (from, to) => {
            let (gone, good) = (style::GONE, style::GOOD);
            writeln!(out, "{indent}{:width$}  {gone}{}{gone:#} → {good}{}{good:#}", change.field, short(from), short(to))
        }
    }
}

fn write_diff(out: &mut dyn Write, from: &str, to: &str, indent: &str) -> std::io::Result<()> {
    let diff = TextDiff::from_lines(from, to);
    for (number, group) in diff.grouped_ops(2).iter().enumerate() {
        if number > 0 {
            writeln!(out, "{indent}  {}⋮{:#}", style::DIM, style::DIM)?;
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let (sign, color) = match change.tag() {
                ChangeTag::Delete => ('-', style::GONE),
                ChangeTag::Insert => ('+', style::GOOD),
                ChangeTag::Equal => (' ', style::DIM),
            };
            let line = cut(change.value().trim_end_matches('\n'), LONGEST_LINE);
            writeln!(out, "{indent}  {color}{sign} {line}{color:#}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_and_long_lines_are_cut() {
        let written = |from: &str, to: &str| {
            let mut out = Vec::new();
            let change = Change { field: "content".into(), from: from.into(), to: to.into() };
            write_change(&mut out, &change, "", 7).unwrap();
            String::from_utf8(anstream::adapter::strip_bytes(&out).into_vec()).unwrap()
        };
        let bytes = format!("{BYTES_MARK}{}", "ff".repeat(35_000));
        assert_eq!(written(&bytes, "one\ntwo\n"), "content  35000 bytes, not text → one⏎two⏎\n");
        assert!(written(&format!("{}\n", "x".repeat(100_000)), "one\n").len() < 2 * LONGEST_LINE);
    }
}
