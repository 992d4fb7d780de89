//! Commands as a person is shown them, or told to type them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// One word for a shell (POSIX.1-2024, XCU §2.2): as it is where that is safe, else quoted. Whatever could make another line of it,
/// move the cursor, or turn the direction of writing is written as an escape.
pub fn quoted(word: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "_-./=:,+@%^".contains(one);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_string();
    }
    if !word.contains(misleads) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    format!("$'{}'", escaped(word))
}

/// The same of a word that need not be UTF-8: its other bytes are escapes.
pub fn quoted_os(word: &OsStr) -> String {
    if let Some(text) = word.to_str() {
        return quoted(text);
    }
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let chunks = word.as_bytes().utf8_chunks().map(|chunk| escaped(chunk.valid()) + &bytes(chunk.invalid()));
    format!("$'{}'", chunks.collect::<String>())
}

fn misleads(one: char) -> bool {
    one.is_control() || !(one.is_ascii() || one.is_alphanumeric())
}

/// What stands between `$'` and `'`, as in bash(1), QUOTING.
fn escaped(word: &str) -> String {
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
    escaped.collect()
}

/// A path as one word that is no option.
pub fn word(path: &Path) -> String {
    let is_like_an_option = path.as_os_str().as_bytes().starts_with(b"-");
    quoted_os(if is_like_an_option { Path::new(".").join(path) } else { path.into() }.as_os_str())
}

/// A command as a line: all of it, since it is confirmed.
pub fn line(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_that_a_shell_would_read_as_it_is() {
        let line = |words: &[&str]| line(&words.iter().map(|word| (*word).to_string()).collect::<Vec<_>>());
        assert_eq!(line(&["touch", "/srv/a-b_c.d"]), "touch /srv/a-b_c.d");
        assert_eq!(line(&["sh", "-c", "touch a; ls 'b'", ""]), r"sh -c 'touch a; ls '\''b'\''' ''");
        assert_eq!(line(&["a\nb\u{1b}[2J\u{7}"]), r"$'a\nb\e[2J\x07'");
        assert_eq!(line(&["a\u{202e}b\u{2028}é名"]), r"$'a\U0000202eb\U00002028é名'");
    }

    #[test]
    fn a_path_is_no_option() {
        for (path, expected) in
            [("/srv/lab", "/srv/lab"), ("/it's $HOME", r"'/it'\''s $HOME'"), ("-rf", "./-rf"), ("-r f", "'./-r f'")]
        {
            assert_eq!(word(Path::new(path)), expected);
        }
        assert_eq!(word(Path::new(OsStr::from_bytes(b"-a\xff b"))), r"$'./-a\xff b'");
    }
}
