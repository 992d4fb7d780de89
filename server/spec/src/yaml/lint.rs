//! What is wrong with a broken line, as far as the line alone tells, and how to mend it.

/// A mistake on one line that can be mended by putting something in.
#[derive(Clone)]
pub(super) struct Slip {
    /// What it is.
    pub kind: SlipKind,
    /// Where it is: an offset in the line.
    pub at: usize,
    /// Where the text that mends it is to be put in: an offset in the line.
    pub insert_at: usize,
    /// The text that mends it.
    pub insert: String,
}

/// The kinds of mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlipKind {
    /// A quote that is not closed.
    Quote,
    /// A bracket or brace that is not closed.
    Bracket,
    /// A `${…}` without quotes within brackets or braces, where YAML reads its brace.
    BareVariable,
    /// A key without its colon.
    Colon,
    /// A colon without a blank behind it.
    Blank,
}

impl Slip {
    /// What is to be put in, and where.
    pub fn inserts(&self) -> Vec<(usize, String)> {
        match self.kind {
            SlipKind::BareVariable => vec![(self.at, "\"".into()), (self.insert_at, "\"".into())],
            _ => vec![(self.insert_at, self.insert.clone())],
        }
    }
}

/// Looks for mistakes on a line. `next_indent` is the indentation of the next line that is not blank.
pub(super) fn slips(line: &str, next_indent: usize) -> Vec<Slip> {
    let mut slips = brackets_and_quotes(line);
    if slips.is_empty() {
        slips.extend(colon(line, next_indent));
    }
    slips
}

fn brackets_and_quotes(line: &str) -> Vec<Slip> {
    let bytes = line.as_bytes();
    let mut slips = Vec::new();
    let mut open: Vec<(usize, u8)> = Vec::new();
    // Quotes and brackets mean something only where a value can begin.
    let mut at_start = true;
    let mut end = line.trim_end().len();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let blank_behind = bytes.get(at + 1).is_none_or(|next| matches!(next, b' ' | b'\t'));
        match byte {
            b'"' | b'\'' if at_start => {
                let Some(close) = closing_quote(bytes, at) else {
                    let mut insert = (byte as char).to_string();
                    insert.extend(open.iter().rev().map(|(_, bracket)| closing(*bracket)));
                    slips.push(Slip { kind: SlipKind::Quote, at, insert_at: end, insert });
                    return slips;
                };
                at = close;
                at_start = false;
            }
            b'[' | b'{' if at_start => open.push((at, byte)),
            b'{' if !open.is_empty() && bytes[at - 1] == b'$' => {
                let from = at - 1;
                let to = line[at..].find('}').map_or(end, |close| at + close + 1);
                let insert = format!("\"{}\"", &line[from..to]);
                slips.push(Slip { kind: SlipKind::BareVariable, at: from, insert_at: to, insert });
                at = to - 1;
                at_start = false;
            }
            b']' | b'}' if !open.is_empty() => {
                open.pop();
                at_start = false;
            }
            b',' if !open.is_empty() => at_start = true,
            b':' | b'-' | b'?' if blank_behind => at_start = true,
            b'#' if at == 0 || matches!(bytes[at - 1], b' ' | b'\t') => {
                end = line[..at].trim_end().len();
                break;
            }
            b' ' | b'\t' => {}
            _ => at_start = false,
        }
        at += 1;
    }
    if let Some((at, _)) = open.first() {
        let insert = open.iter().rev().map(|(_, bracket)| closing(*bracket)).collect();
        slips.push(Slip { kind: SlipKind::Bracket, at: *at, insert_at: end, insert });
    }
    slips
}

fn closing(bracket: u8) -> char {
    if bracket == b'[' { ']' } else { '}' }
}

/// The offset of the quote that closes the one at `start`.
fn closing_quote(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// A key without its colon, or a colon without the blank behind it.
fn colon(line: &str, next_indent: usize) -> Option<Slip> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let rest = line[indent..].strip_prefix("- ").unwrap_or(&line[indent..]);
    let start = line.len() - rest.len();
    let word =
        rest.find(|character: char| !character.is_ascii_alphanumeric() && !matches!(character, '_' | '-')).unwrap_or(rest.len());
    if word == 0 {
        return None;
    }
    let behind = start + word;
    let tail = line[behind..].split(" #").next().unwrap_or("").trim_end();
    let slip = |kind, insert: &str, insert_at| Some(Slip { kind, at: start, insert_at, insert: insert.to_owned() });
    if tail.is_empty() {
        return if next_indent > start { slip(SlipKind::Colon, ":", behind) } else { None };
    }
    if let Some(value) = tail.strip_prefix(':') {
        return if !value.is_empty() && !value.starts_with([' ', '\t', '/']) {
            slip(SlipKind::Blank, " ", behind + 1)
        } else {
            None
        };
    }
    if tail.starts_with(' ') && !tail.contains(": ") { slip(SlipKind::Colon, ":", behind) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(line: &str, next_indent: usize) -> Option<(SlipKind, String)> {
        let slips = slips(line, next_indent);
        let mut text = line.to_owned();
        for (at, insert) in slips.iter().rev().flat_map(|slip| slip.inserts().into_iter().rev()) {
            text.insert_str(at, &insert);
        }
        slips.first().map(|slip| (slip.kind, text))
    }

    #[test]
    fn slips_are_found_and_mended() {
        for (line, next, kind, text) in [
            ("  label: \"lab", 0, SlipKind::Quote, "  label: \"lab\""),
            ("  x: ['a', 'b", 0, SlipKind::Quote, "  x: ['a', 'b']"),
            ("  devices: [loop # two", 0, SlipKind::Bracket, "  devices: [loop] # two"),
            ("  a: {b: [c", 0, SlipKind::Bracket, "  a: {b: [c]}"),
            ("  a: [${vars.x}]", 0, SlipKind::BareVariable, "  a: [\"${vars.x}\"]"),
            ("  a: [${x}, ${y}, \"z", 0, SlipKind::BareVariable, "  a: [\"${x}\", \"${y}\", \"z\"]"),
            ("  pool", 4, SlipKind::Colon, "  pool:"),
            ("    is storage.btrfs", 4, SlipKind::Colon, "    is: storage.btrfs"),
            ("    is:storage.btrfs", 4, SlipKind::Blank, "    is: storage.btrfs"),
        ] {
            assert_eq!(mended(line, next), Some((kind, text.to_owned())), "{line}");
        }
        for line in
            ["  a: b", "  why: don't [do", "  a: \"x\\\"y\" # '", "  - [a, {b: c}]", "  pool", "# [", "  x: '${vars.x}'", ""]
        {
            assert!(mended(line, 0).is_none(), "{line}");
        }
    }
}
