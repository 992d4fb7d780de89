//! Reads a screen with escape sequences (SGR) into runs of text with one style.

/// How a character looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Style {
    /// The colour of the text, as in CSS.
    pub foreground: Option<String>,
    /// The colour behind it.
    pub background: Option<String>,
    /// Bold.
    pub bold: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined, in any way.
    pub underline: bool,
    /// Foreground and background are exchanged.
    pub inverse: bool,
}

/// Text with one style.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The first column.
    pub column: usize,
    /// The text.
    pub text: String,
    /// Its style.
    pub style: Style,
}

/// A line of the screen.
pub type Row = Vec<Run>;

/// The rows of a screen. A style lasts until it is changed, also over the end of a line.
pub fn rows(text: &str) -> Vec<Row> {
    let mut style = Style::default();
    text.lines().map(|line| row(line, &mut style)).collect()
}

fn row(line: &str, style: &mut Style) -> Row {
    let mut row: Row = Vec::new();
    let mut column = 0;
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        if let Some((codes, after)) = rest.strip_prefix("\u{1b}[").and_then(|sequence| sequence.split_once('m')) {
            apply(codes, style);
            rest = after;
            continue;
        }
        match row.last_mut() {
            Some(run) if run.style == *style => run.text.push(character),
            _ => row.push(Run { column, text: character.to_string(), style: style.clone() }),
        }
        column += 1;
        rest = &rest[character.len_utf8()..];
    }
    row
}

fn apply(codes: &str, style: &mut Style) {
    // `4:3` is a curly underline: what follows the colon only says how.
    let mut codes = codes.split(';').map(|code| code.split(':').next().unwrap_or_default().parse().unwrap_or(0));
    while let Some(code) = codes.next() {
        match code {
            0 => *style = Style::default(),
            1 => style.bold = true,
            3 => style.italic = true,
            4 => style.underline = true,
            7 => style.inverse = true,
            22 => style.bold = false,
            23 => style.italic = false,
            24 => style.underline = false,
            27 => style.inverse = false,
            38 => style.foreground = colour(&mut codes),
            39 => style.foreground = None,
            48 => style.background = colour(&mut codes),
            49 => style.background = None,
            // The colour of an underline is not drawn.
            58 => drop(colour(&mut codes)),
            _ => {}
        }
    }
}

/// An exact colour. Neovim uses no others with `termguicolors`.
fn colour(codes: &mut impl Iterator<Item = u8>) -> Option<String> {
    if codes.next() != Some(2) {
        return None;
    }
    let (red, green, blue) = (codes.next()?, codes.next()?, codes.next()?);
    Some(format!("#{red:02x}{green:02x}{blue:02x}"))
}

#[cfg(test)]
mod tests {
    use super::{Run, Style, rows};

    #[test]
    fn a_style_lasts_until_it_is_changed() {
        let red = Style { foreground: Some("#ff0000".into()), ..Style::default() };
        let bold = Style { bold: true, ..red.clone() };
        let run = |column, text: &str, style: &Style| Run { column, text: text.into(), style: style.clone() };
        let screen = "a\u{1b}[38;2;255;0;0mb\n\u{1b}[1mc\u{1b}[0md\n";
        let plain = Style::default();
        assert_eq!(rows(screen), [vec![run(0, "a", &plain), run(1, "b", &red)], vec![run(0, "c", &bold), run(1, "d", &plain)]]);
    }
}
