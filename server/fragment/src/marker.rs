//! Markers: the lines that say where the text of a fragment begins and ends.
//!
//! A marker is any line that holds `seed:begin NAME#INSTANCE parameters` or `seed:end NAME#INSTANCE`, whatever comment
//! style is around it. A backslash right before it (`\seed:begin`), or `seed:ignore` anywhere on the line, makes it plain text.

use std::fmt;

/// Which embedding: the fragment, and which of its instances.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The name of the fragment: `ssh-base`, or `OWNER/ssh-base` for one of a role or a collection.
    pub fragment: String,
    /// The instance, unique in the project for this fragment.
    pub instance: String,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.fragment, self.instance)
    }
}

impl Key {
    /// Reads `NAME#INSTANCE`.
    pub fn parse(text: &str) -> Option<Key> {
        let (fragment, instance) = text.split_once('#')?;
        let fits = is_name(instance) && fragment.split('/').count() <= 2 && fragment.split('/').all(is_name);
        fits.then(|| Key { fragment: fragment.into(), instance: instance.into() })
    }
}

/// Whether a text can be (a part of) the name of a fragment, or of an instance: letters, digits, `.`, `_` and `-`, no `.` or `-` first.
pub fn is_name(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|first| first.is_alphanumeric() || first == '_')
        && text.chars().all(|one| one.is_alphanumeric() || matches!(one, '.' | '_' | '-'))
}

/// What a line marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A block begins, with these parameters in the order written.
    Begin(Key, Vec<(String, String)>),
    /// A block ends.
    End(Key),
}

const WORDS: [&str; 2] = ["seed:begin", "seed:end"];

/// Makes a line plain text.
const IGNORE: &str = "seed:ignore";

/// What closes a comment at the end of a line; none of it belongs to a parameter.
const CLOSERS: &[&str] = &["--}}", "-->", "*/", "#}", "%}", "]]", "*)", "|#", "-}", "%>", "\"\"\"", "'''"];

/// The marker that a line is; none if it is plain text. A line without its end.
///
/// # Errors
///
/// What is wrong with a line that is meant as a marker and is none.
pub fn read(line: &str) -> Option<Result<Mark, String>> {
    let (at, word) = first_word(line)?;
    if line.contains(IGNORE) {
        return None;
    }
    let rest = without_closers(&line[at + word.len()..]);
    if first_word(rest).is_some() {
        return Some(Err("two markers on one line: write each on its own line".into()));
    }
    let token = rest.split_whitespace().next().unwrap_or_default();
    let Some(key) = Key::parse(token) else {
        // Prose may speak of markers; a comment that says nothing else is meant as one.
        let alone = !line[..at].chars().any(char::is_alphanumeric);
        let message = if token.contains('#') {
            format!("`{token}` is not NAME#INSTANCE: names are made of letters, digits, `.`, `_` and `-`")
        } else {
            format!("the marker names no instance: write `{word} NAME#1`")
        };
        return alone.then_some(Err(message));
    };
    let after = rest.trim_start().get(token.len()..).unwrap_or_default();
    Some(match word {
        "seed:begin" => params(after).map(|params| Mark::Begin(key, params)),
        _ => Ok(Mark::End(key)),
    })
}

/// The first marker word of a line that is not escaped, and where it stands.
fn first_word(line: &str) -> Option<(usize, &'static str)> {
    let mut from = 0;
    while let Some(found) = line.get(from..)?.find("seed:") {
        let at = from + found;
        let before = line[..at].chars().next_back();
        let is_free = !before.is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | '\\'));
        let word = WORDS
            .into_iter()
            .find(|word| line[at..].strip_prefix(word).is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace)));
        if let Some(word) = word.filter(|_| is_free) {
            return Some((at, word));
        }
        from = at + "seed:".len();
    }
    None
}

fn without_closers(text: &str) -> &str {
    let mut text = text.trim_end();
    while let Some(shorter) = CLOSERS.iter().find_map(|closer| text.strip_suffix(closer)) {
        // A triple quote that also ends a quoted value is taken for the end of the comment; values stand on one line.
        text = shorter.trim_end();
    }
    text
}

fn params(mut text: &str) -> Result<Vec<(String, String)>, String> {
    let mut params: Vec<(String, String)> = Vec::new();
    loop {
        text = text.trim_start();
        let name: &str = &text[..text.find(|one: char| !(one.is_ascii_alphanumeric() || one == '_')).unwrap_or(text.len())];
        let is_param = name.starts_with(|first: char| !first.is_ascii_digit()) && text[name.len()..].starts_with('=');
        if !is_param {
            let rest = text.split_whitespace().next().unwrap_or_default();
            // What is left may be the end of a comment in a style that is not known here.
            return if text.chars().any(char::is_alphanumeric) {
                Err(format!("`{rest}` is not a parameter: write name=value, with quotes around a value that contains spaces"))
            } else {
                Ok(params)
            };
        }
        if params.iter().any(|(known, _)| known == name) {
            return Err(format!("the parameter `{name}` is given twice"));
        }
        let (value, rest) = value(name, &text[name.len() + 1..])?;
        params.push((name.to_string(), value));
        text = rest;
    }
}

fn value<'a>(name: &str, text: &'a str) -> Result<(String, &'a str), String> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let Some(quote) = quote else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return Ok((text[..end].to_string(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = text[1..].char_indices();
    while let Some((at, one)) = characters.next() {
        match one {
            '\\' if quote == '"' => match characters.next() {
                Some((_, 't')) => value.push('\t'),
                Some((_, 'n')) => value.push('\n'),
                Some((_, other)) => value.push(other),
                None => break,
            },
            one if one == quote => return Ok((value, &text[1 + at + one.len_utf8()..])),
            other => value.push(other),
        }
    }
    Err(format!("the value of `{name}` begins with {quote} but does not end"))
}

/// The words of a begin marker, without a comment around them.
pub fn begin_words(key: &Key, params: &[(String, String)]) -> String {
    format!("seed:begin {key}{}", params_words(params))
}

/// Parameters as a begin marker has them, each with a blank before it.
pub(crate) fn params_words(params: &[(String, String)]) -> String {
    params.iter().map(|(name, value)| format!(" {name}={}", quoted(value))).collect()
}

/// A begin line with other parameters; the comment around it stays.
pub fn with_params(line: &str, key: &Key, params: &[(String, String)]) -> String {
    let Some((at, _)) = first_word(line) else { return line.to_string() };
    let (text, end) = crate::tree::split_end(line);
    let closers = text[without_closers(text).len()..].trim();
    let closers = if closers.is_empty() { String::new() } else { format!(" {closers}") };
    format!("{}{}{closers}{end}", &line[..at], begin_words(key, params))
}

/// The words of an end marker, without a comment around them.
pub fn end_words(key: &Key) -> String {
    format!("seed:end {key}")
}

fn quoted(value: &str) -> String {
    let is_plain = |one: char| one.is_alphanumeric() || "._-/:,@+%".contains(one);
    if !value.is_empty() && value.chars().all(is_plain) && !CLOSERS.iter().any(|closer| value.ends_with(closer)) {
        return value.into();
    }
    let mut text = String::from("\"");
    for one in value.chars() {
        match one {
            '"' | '\\' => text.extend(['\\', one]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
    text + "\""
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::parse(text).unwrap()
    }

    fn begin(line: &str) -> Vec<(String, String)> {
        match read(line) {
            Some(Ok(Mark::Begin(found, params))) if found == key("ssh-base#1") => params,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_marker_is_found_in_any_comment_style() {
        for (open, close) in [
            ("# ", ""),
            ("#", ""),
            ("// ", ""),
            ("-- ", ""),
            ("--", ""),
            ("<!-- ", " -->"),
            ("<!--", "-->"),
            ("/* ", " */"),
            ("/*", "*/"),
            ("; ", ""),
            ("\" ", ""),
            ("{# ", " #}"),
            ("{{!-- ", " --}}"),
            ("(* ", " *)"),
            ("REM ", ""),
            ("\u{feff}# ", ""),
            ("\t  % ", ""),
            (".\\\" ", ""),
            ("#| ", " |#"),
            ("", ""),
            ("dnl ", ""),
            ("<%# ", " %>"),
            ("@c ", " ;;"),
        ] {
            let expected = [("port".to_string(), "2222".to_string()), ("user".into(), "a b".into())];
            assert_eq!(begin(&format!("{open}seed:begin ssh-base#1 port=2222 user=\"a b\"{close}")), expected, "{open}");
            assert_eq!(read(&format!("{open}seed:end ssh-base#1{close}")), Some(Ok(Mark::End(key("ssh-base#1")))), "{open}");
        }
    }

    #[test]
    fn values_come_back_as_they_were_given() {
        for value in ["", "a", "a b", "\"", "\\", "\\n", "a\nb", "\t", "x-->", "*/", "it's", "é ü", "a=b", "#", "\"\"\""] {
            let params = vec![("v".to_string(), value.to_string()), ("w".into(), "1".into())];
            let words = begin_words(&key("ssh-base#1"), &params);
            assert_eq!(begin(&format!("# {words}")), params, "{words}");
            assert_eq!(begin(&format!("<!-- {words} -->")), params, "{words}");
        }
        assert_eq!(begin("# seed:begin ssh-base#1 a='b \"c\" \\'"), [("a".to_string(), "b \"c\" \\".to_string())]);
    }

    #[test]
    fn plain_text_is_no_marker() {
        for line in [
            "",
            "seed",
            "# seed:begins x#1",
            "reseed:begin x#1",
            "\\seed:begin x#1",
            "say \"# seed:begin x#1\" -- seed:ignore",
            "the line that says seed:begin opens a block",
            "a `seed:end NAME#INSTANCE` closes it",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_meant_as_a_marker_and_is_none_is_told() {
        for (line, words) in [
            ("# seed:begin ssh-base", "names no instance"),
            ("# seed:begin", "names no instance"),
            ("# seed:begin a/b/c#1", "is not NAME#INSTANCE"),
            ("# seed:begin ../a#1", "is not NAME#INSTANCE"),
            ("# seed:begin a#1 port 22", "`port` is not a parameter"),
            ("# seed:begin a#1 port=1 port=2", "given twice"),
            ("# seed:begin a#1 user=\"x", "does not end"),
            ("<!-- seed:begin a#1 --><!-- seed:end a#1 -->", "two markers on one line"),
        ] {
            let error = read(line).unwrap().unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
