//! Text in an SVG: how wide it will be, how it is cut and wrapped, how it is escaped.

use std::borrow::Cow;

use seed_role::terminal::acts;

/// The width of a bold or plain proportional text, in pixels. Fonts differ and none can be asked here, so this leans
/// to the wide ones.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// The width of a text in a font whose letters are all as wide, in pixels.
pub(super) fn width_mono(text: &str, size: f64) -> f64 {
    text.chars().map(|letter| if is_wide(letter) { 1.2 } else { 0.61 }).sum::<f64>() * size
}

fn em(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '\'' | '.' | ',' | ':' | ';' | '|' | '!' => 0.36,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '-' | '/' => 0.45,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.98,
        letter if is_wide(letter) => 1.1,
        letter if letter.is_uppercase() => 0.76,
        _ => 0.67,
    }
}

/// Whether a letter takes the place of two, as those of East Asia and emoji do.
fn is_wide(letter: char) -> bool {
    matches!(u32::from(letter), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f
        | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd)
}

/// The text, cut with an ellipsis where it would be wider than `most`, in pixels.
pub(super) fn cut(text: &str, most: f64, width: impl Fn(&str) -> f64) -> Cow<'_, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if width(&kept) + width("…") > most {
            kept.pop();
            break;
        }
    }
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// The text in lines of at most `most` pixels, as far as its words allow.
pub(super) fn wrapped(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// The text as it stands in XML, in an element or a quoted attribute. What XML cannot hold at all is left out, and so is what would act on a terminal.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            letter if acts(letter) || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}
