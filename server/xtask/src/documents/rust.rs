//! The string literals of a Rust source file.

/// A string literal.
#[derive(Debug, PartialEq, Eq)]
pub struct Literal {
    /// Its line, from 1.
    pub line: usize,
    /// What it contains. Escapes of line ends are resolved, others become a blank.
    pub text: String,
    /// Whether it is the first argument of a call.
    pub is_argument: bool,
}

/// The string literals of a file up to its unit tests, which stand at the end.
pub fn literals(source: &str) -> Vec<Literal> {
    let tests = source.match_indices("\n#[cfg(test)]\n").find(|(at, attribute)| {
        let after = source[at + attribute.len()..].lines().find(|line| !line.starts_with("#["));
        after.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    let source = tests.map_or(source, |(at, _)| &source[..at]);
    let mut found = Vec::new();
    let mut rest = source;
    let mut previous = ' ';
    while let Some(character) = rest.chars().next() {
        let line = || source[..source.len() - rest.len()].matches('\n').count() + 1;
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = character_literal(rest) {
            length
        } else if let (true, Some((text, length))) = (!is_name(previous), raw(rest)) {
            found.push(Literal { line: line(), text: text.to_string(), is_argument: previous == '(' });
            length
        } else if character == '"' {
            let end = end_of(&rest[1..]);
            found.push(Literal { line: line(), text: unescaped(&rest[1..=end]), is_argument: previous == '(' });
            end + 2
        } else {
            character.len_utf8()
        };
        if !character.is_whitespace() {
            previous = character;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The length of a character literal; none for a lifetime.
fn character_literal(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\'')?;
    if let Some(escaped) = rest.strip_prefix('\\') {
        return Some(2 + escaped.chars().next()?.len_utf8() + escaped[1..].find('\'')? + 1);
    }
    let length = rest.chars().next()?.len_utf8();
    rest[length..].starts_with('\'').then_some(length + 2)
}

/// A raw string: its text, and the length of the literal.
fn raw(text: &str) -> Option<(&str, usize)> {
    let hashes = text.strip_prefix('r')?;
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    let body = hashes[count..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(count));
    let end = body.find(&close)?;
    Some((&body[..end], 1 + count + 1 + end + close.len()))
}

/// Where a string ends.
fn end_of(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len().saturating_sub(1)
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('\n') => while characters.next_if(|next| next.is_whitespace()).is_some() {},
                Some('"') => out.push('"'),
                Some('n') => out.push('\n'),
                _ => out.push(' '),
            },
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Literal, literals};

    #[test]
    fn strings_are_found_and_nothing_else() {
        let source = "// \"no\"\nfn a<'b>() { f(\"one \\\n   two\", '\"', r#\"three \" x\"#); /* \"no\" */ g(\n\"four\") }\n\
                      #[cfg(test)]\n#[allow(x)]\nmod tests {\nconst NO: &str = \"no\";\n}\n";
        let literal = |line, text: &str, is_argument| Literal { line, text: text.into(), is_argument };
        assert_eq!(literals(source), [literal(2, "one two", true), literal(3, "three \" x", false), literal(4, "four", true)]);
    }
}
