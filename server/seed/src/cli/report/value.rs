//! Values of attributes in plans and infos, and diffs of texts.

use std::io::Write;

use seed_role::attrs::Change;
use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use crate::cli::{style, terminal};

/// Values longer than this are cut.
const LONGEST: usize = 76;

/// A value in a line.
pub fn short(value: &Json) -> String {
    let text = match value {
        Json::Null => "—".to_string(),
        Json::String(text) if text.is_empty() => "\"\"".to_string(),
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
    let line = terminal::line(&text);
    if line.chars().count() <= LONGEST {
        line.into_owned()
    } else {
        format!("{}…", line.chars().take(LONGEST).collect::<String>())
    }
}

/// A change, as a line or a diff.
pub fn write_change(out: &mut dyn Write, change: &Change, indent: &str, width: usize) -> std::io::Result<()> {
    match (&change.from, &change.to) {
        (Json::String(from), Json::String(to)) if from.contains('\n') || to.contains('\n') => {
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
            let line = terminal::line(change.value().trim_end_matches('\n'));
            writeln!(out, "{indent}  {color}{sign} {line}{color:#}")?;
        }
    }
    Ok(())
}
