//! What characters do to a terminal.

/// Whether a terminal shows nothing of a character, or shows by it something else than the text: control characters (C0, C1,
/// DEL), line and paragraph separators, marks of direction (Unicode UAX #9 §2), tags and what has no width.
pub fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
