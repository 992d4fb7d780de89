//! Values of attributes in plans and infos, and diffs of texts.

use std::io::Write;

use seed_role::attrs::Change;
use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use crate::cli::style;

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
    let line = text.replace('\n', "⏎").replace(|character: char| character.is_control(), "·");
    if line.chars().count() <= LONGEST { line } else { format!("{}…", line.chars().take(LONGEST).collect::<String>()) }
}

/// A command as a line for a shell: all of it, since it is confirmed. Whatever could make another line of it, move the cursor, or turn the
/// direction of writing is written as an escape.
pub fn command_line(words: &[String]) -> String {
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

fn shell_word(word: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "_-./=:,+@%^".contains(one);
    let misleads = |one: char| one.is_control() || !(one.is_ascii() || one.is_alphanumeric());
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_string();
    }
    if !word.contains(misleads) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    // As in bash(1), QUOTING.
    let escaped = word.chars().map(|one| match one {
        '\n' => r"\n".to_string(),
        '\t' => r"\t".to_string(),
        '\r' => r"\r".to_string(),
        '\u{1b}' => r"\e".to_string(),
        '\\' | '\'' => format!("\\{one}"),
        one if one.is_ascii_control() => format!("\\x{:02x}", u32::from(one)),
        one if misleads(one) => format!("\\U{:08x}", u32::from(one)),
        one => one.to_string(),
    });
    format!("$'{}'", escaped.collect::<String>())
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
            let line = change.value().trim_end_matches('\n');
            writeln!(out, "{indent}  {color}{sign} {line}{color:#}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_that_a_shell_would_read_as_it_is() {
        let line = |words: &[&str]| command_line(&words.iter().map(|word| (*word).to_string()).collect::<Vec<_>>());
        assert_eq!(line(&["touch", "/srv/a-b_c.d"]), "touch /srv/a-b_c.d");
        assert_eq!(line(&["sh", "-c", "touch a; ls 'b'", ""]), r"sh -c 'touch a; ls '\''b'\''' ''");
        assert_eq!(line(&["a\nb\u{1b}[2J\u{7}"]), r"$'a\nb\e[2J\x07'");
        assert_eq!(line(&["a\u{202e}b\u{2028}é名"]), r"$'a\U0000202eb\U00002028é名'");
    }
}
