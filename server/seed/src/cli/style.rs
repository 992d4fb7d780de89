//! Colours and signs, in one place so that they mean the same everywhere.

use anstyle::{AnsiColor, Style};
use seed_engine::Action;

/// Made, done, right.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Changed, differing.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// Lost, failed, wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Removed.
pub const GONE: Style = AnsiColor::Red.on_default();
/// Not certain.
pub const UNSURE: Style = AnsiColor::Magenta.on_default();
/// Of second rank.
pub const DIM: Style = Style::new().dimmed();
/// Names.
pub const NAME: Style = Style::new().bold();

/// The styles by the names that editors know them by.
const NAMES: [(Style, &str); 7] =
    [(GOOD, "good"), (WARN, "warn"), (BAD, "bad"), (GONE, "gone"), (UNSURE, "unsure"), (DIM, "dim"), (NAME, "name")];

/// The name of the style that is written as these escape sequences.
pub fn name_of(sequences: &str) -> Option<&'static str> {
    NAMES.iter().find(|(style, _)| style.render().to_string() == sequences).map(|(_, name)| *name)
}

/// The sign and colour of an action.
pub fn of(action: Action) -> (char, Style) {
    match action {
        Action::Create => ('+', GOOD),
        Action::Change => ('~', WARN),
        Action::Replace => ('±', BAD),
        Action::Remove => ('-', GONE),
        Action::None => ('=', DIM),
        Action::Unknown => ('?', UNSURE),
    }
}
