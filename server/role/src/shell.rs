//! Commands as a person is told to type them.

use std::path::Path;

/// A path as one word for a shell (POSIX.1-2024, XCU §2.2): as it is where that is safe, else quoted. It stays one line.
pub fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '/' | '.' | '_' | '-' | '+' | ',' | ':' | '@' | '%');
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text.into_owned();
    }
    if !text.chars().any(char::is_control) {
        let front = if text.starts_with('-') { "./" } else { "" };
        return format!("'{front}{}'", text.replace('\'', r"'\''"));
    }
    let inner: String = text
        .chars()
        .map(|letter| match letter {
            '\'' | '\\' => format!("\\{letter}"),
            '\n' => "\\n".to_owned(),
            letter if letter.is_control() => letter.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect(),
            letter => letter.to_string(),
        })
        .collect();
    format!("$'{inner}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_on_one_line() {
        for (path, expected) in [
            ("/srv/lab", "/srv/lab"),
            ("/a b", "'/a b'"),
            ("/it's $HOME", r"'/it'\''s $HOME'"),
            ("/a\nrm -rf '/'", r"$'/a\nrm -rf \'/\''"),
            ("/\u{1b}[2J", r"$'/\x1b[2J'"),
            ("-rf", "'./-rf'"),
            ("/ä", "/ä"),
        ] {
            assert_eq!(word(Path::new(path)), expected);
        }
    }
}
