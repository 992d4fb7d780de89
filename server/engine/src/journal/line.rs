//! One record as a line: `CHECKSUM NUMBER JSON`.
//!
//! The checksum (CRC-32, eight hexadecimal digits) covers the number and the JSON; the numbers count up, so that a line that is
//! missing is noticed as well as one that was changed. Journals from before that have lines of JSON alone, which are still read.

use serde_json::Error;

use super::record::Record;

/// What a line says.
pub(super) enum Line {
    /// A record with its number; none in a journal from before there were any.
    Record(Option<u64>, Box<Record>),
    /// The line is not as it was written.
    Broken,
}

/// Writes a record as a line.
///
/// # Errors
///
/// When it cannot be written as JSON.
pub(super) fn encode(text: &mut Vec<u8>, number: u64, record: &Record) -> Result<(), Error> {
    let json = serde_json::to_string(record)?;
    let body = format!("{number} {json}");
    text.extend_from_slice(format!("{:08x} {body}\n", crc32fast::hash(body.as_bytes())).as_bytes());
    Ok(())
}

/// Reads a line, without its end.
pub(super) fn decode(line: &[u8]) -> Line {
    if line.first() == Some(&b'{') {
        return serde_json::from_slice(line).map_or(Line::Broken, |record| Line::Record(None, Box::new(record)));
    }
    checked(line).map_or(Line::Broken, |(number, record)| Line::Record(Some(number), Box::new(record)))
}

fn checked(line: &[u8]) -> Option<(u64, Record)> {
    const DIGITS: usize = 8;
    let (checksum, body) = line.split_at_checked(DIGITS)?;
    let body = body.strip_prefix(b" ")?;
    if u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16) != Ok(crc32fast::hash(body)) {
        return None;
    }
    let space = body.iter().position(|byte| *byte == b' ')?;
    let number = std::str::from_utf8(&body[..space]).ok()?.parse().ok()?;
    Some((number, serde_json::from_slice(&body[space + 1..]).ok()?))
}

/// The records that a broken line seems to have held: of each its kind and its role, as far as they can be told.
pub(super) fn traces(line: &[u8]) -> Vec<(String, Option<String>)> {
    const START: &str = "{\"t\":\"";
    let text = String::from_utf8_lossy(line);
    let role = |part: &str| quoted(part.split_once("\"role\":\"")?.1);
    let mut parts = text.split(START);
    let before = parts.next().unwrap_or_default();
    let mut traces: Vec<(String, Option<String>)> = parts.map(|part| (quoted(part).unwrap_or_default(), role(part))).collect();
    if let Some(role) = role(before) {
        traces.insert(0, (String::new(), Some(role)));
    }
    traces
}

/// The text up to the closing quote.
fn quoted(text: &str) -> Option<String> {
    Some(text.split_once('"')?.0.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn line() -> Vec<u8> {
        let mut text = Vec::new();
        encode(&mut text, 7, &Record::Forgotten { id: None, role: "note".into(), run: 3 }).unwrap();
        text.pop();
        text
    }

    #[test]
    fn what_was_written_is_read() {
        assert!(matches!(decode(&line()), Line::Record(Some(7), record) if record.role() == Some("note")));
        let old = br#"{"t":"close","id":1,"status":"done"}"#;
        assert!(matches!(decode(old), Line::Record(None, _)));
    }

    #[test]
    fn no_changed_bit_and_no_cut_goes_unnoticed() {
        let line = line();
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut flipped = line.clone();
                flipped[at] ^= 1 << bit;
                // The digits of a checksum may be written in either case.
                let same = flipped.eq_ignore_ascii_case(&line) && at < 8;
                assert!(same || matches!(decode(&flipped), Line::Broken), "bit {bit} of byte {at}");
            }
            assert!(matches!(decode(&line[..at]), Line::Broken), "cut at {at}");
        }
    }

    #[test]
    fn a_broken_line_still_tells_its_roles() {
        let mut broken = line();
        broken[9] ^= 1;
        assert_eq!(traces(&broken), [("forgotten".to_string(), Some("note".to_string()))]);
        assert_eq!(traces(b"te\",\"role\":\"a\" {\"t\":\"close\",\"id\":1}").len(), 2);
        assert!(traces(b"nonsense").is_empty());
    }
}
