//! What a plain scalar is: the core schema (YAML 1.2.2 §10.3), and what YAML 1.1 made of it.

/// What a plain scalar is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text,
}

/// The type of a plain scalar in YAML 1.2.
pub fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Plain::Float(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    // What begins with neither digit nor dot is no number; most scalars end here.
    if !unsigned.starts_with(|character: char| character.is_ascii_digit() || character == '.') {
        return Plain::Text;
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return whole(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return whole(digits, 16);
    }
    if is_whole(text) {
        // Beyond 64 bits it is a number still, but not a whole one.
        return text.parse().map_or_else(|_| text.parse().map_or(Plain::Text, Plain::Float), Plain::Int);
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Plain::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let digits = unsigned.bytes().any(|byte| byte.is_ascii_digit());
    let allowed = unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
    match text.parse() {
        Ok(number) if digits && allowed => Plain::Float(number),
        _ => Plain::Text,
    }
}

fn whole(digits: &str, radix: u32) -> Plain {
    let all_digits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    match i64::from_str_radix(digits, radix) {
        Ok(number) if all_digits => Plain::Int(number),
        _ => Plain::Text,
    }
}

/// Whether a text is decimal digits, with or without a sign.
pub fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A scalar that means another thing in YAML 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// `yes`, `no`, `on`, `off`.
    Bool(bool),
    /// `0644`: octal.
    Octal(Option<i64>, Option<i64>),
    /// `1:30`: base 60.
    Sexagesimal(Option<i64>),
    /// `1_000`.
    Underscore(Option<i64>),
    /// `0b101`.
    Binary(Option<i64>),
}

/// Which habit of YAML 1.1 a plain scalar shows, if any.
pub fn yaml_1_1(text: &str) -> Option<Habit> {
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => return Some(Habit::Bool(true)),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => return Some(Habit::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|character: char| character.is_ascii_digit()) {
        return None;
    }
    if is_whole(text) {
        let leading_zero = unsigned.len() > 1 && unsigned.starts_with('0');
        let octal = || i64::from_str_radix(text, 8).ok();
        return leading_zero.then(|| Habit::Octal(octal(), text.parse().ok()));
    }
    if let Some(digits) = unsigned.strip_prefix("0b") {
        let binary = !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0' | b'1' | b'_'));
        return binary.then(|| Habit::Binary(i64::from_str_radix(&digits.replace('_', ""), 2).ok()));
    }
    if unsigned.contains('_') && unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        return Some(Habit::Underscore(text.replace('_', "").parse().ok()));
    }
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or("");
    let sixty = |part: &str| (1..=2).contains(&part.len()) && part.parse::<u8>().is_ok_and(|part| part < 60);
    if unsigned.contains(':') && is_whole(first) && parts.clone().all(sixty) {
        let total =
            parts.try_fold(first.parse::<i64>().ok()?, |total, part| total.checked_mul(60)?.checked_add(part.parse().ok()?));
        return Some(Habit::Sexagesimal(total));
    }
    None
}

impl Habit {
    /// What is to be said about it.
    pub fn message(self, text: &str) -> String {
        match self {
            Habit::Bool(_) => format!("`{text}` is text: in YAML 1.2 only `true` and `false` are booleans"),
            Habit::Octal(..) => format!("`{text}` was octal in YAML 1.1, and is decimal in YAML 1.2"),
            Habit::Sexagesimal(_) => format!("`{text}` was a base-60 number in YAML 1.1, and is text in YAML 1.2"),
            Habit::Underscore(_) => format!("`{text}` was a number in YAML 1.1, and is text in YAML 1.2"),
            Habit::Binary(_) => format!("`{text}` was a binary number in YAML 1.1, and is text in YAML 1.2"),
        }
    }

    /// What to do about it.
    pub fn help(self, text: &str) -> String {
        match self {
            Habit::Bool(meant) => format!("write `{meant}`, or quote \"{text}\" to use the text"),
            Habit::Octal(..) => format!(
                "write 0o{} for octal, the number without leading zeros for decimal, or \"{text}\" for text",
                text.trim_start_matches(['-', '+', '0'])
            ),
            _ => format!("write it as a decimal number, or quote \"{text}\" to use the text"),
        }
    }

    /// The numbers that may be meant, as they should be written; none if it is no number.
    pub fn number(self) -> Option<Vec<String>> {
        match self {
            Habit::Bool(_) => None,
            Habit::Octal(octal, decimal) => {
                let octal = octal.filter(|octal| *octal >= 0).map(|octal| format!("0o{octal:o}"));
                Some(octal.into_iter().chain(decimal.map(|decimal| decimal.to_string())).collect())
            }
            Habit::Sexagesimal(number) | Habit::Underscore(number) | Habit::Binary(number) => {
                Some(number.map(|number| number.to_string()).into_iter().collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema_is_read() {
        for (text, expected) in [
            ("", Plain::Null),
            ("NULL", Plain::Null),
            ("True", Plain::Bool(true)),
            ("yes", Plain::Text),
            ("12", Plain::Int(12)),
            ("-7", Plain::Int(-7)),
            ("0o17", Plain::Int(15)),
            ("0xff", Plain::Int(255)),
            ("0x-1", Plain::Text),
            ("0644", Plain::Int(644)),
            ("1.5", Plain::Float(1.5)),
            (".5", Plain::Float(0.5)),
            ("1e3", Plain::Float(1000.0)),
            ("-.inf", Plain::Float(f64::NEG_INFINITY)),
            ("infinity", Plain::Text),
            ("1.2.3", Plain::Text),
            (".", Plain::Text),
            ("99999999999999999999", Plain::Float(1e20)),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn habits_of_yaml_1_1_are_known() {
        assert_eq!(yaml_1_1("off"), Some(Habit::Bool(false)));
        assert_eq!(yaml_1_1("0644").and_then(Habit::number), Some(vec!["0o644".into(), "644".into()]));
        assert_eq!(yaml_1_1("0888").and_then(Habit::number), Some(vec!["888".into()]));
        assert_eq!(yaml_1_1("1:30").and_then(Habit::number), Some(vec!["90".into()]));
        assert_eq!(yaml_1_1("1_000").and_then(Habit::number), Some(vec!["1000".into()]));
        assert_eq!(yaml_1_1("0b101").and_then(Habit::number), Some(vec!["5".into()]));
        for text in ["0", "10", "true", "text", "12:ab", "1:99", "10:20:30:x", "fe80::1"] {
            assert_eq!(yaml_1_1(text), None, "{text}");
        }
    }
}
