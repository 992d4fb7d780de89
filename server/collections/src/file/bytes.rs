//! The content of a file as an attribute: text where it is text, and never less than what it takes to put it back.

use std::fmt::Write as _;
use std::path::Path;

use seed_role::host::{Digest, Host, Whole};
use seed_role::param::{BYTES_MARK, SECRET_MARK, Size};
use seed_role::trouble::Result;
use serde_json::{Value as Json, json};

/// The greatest file whose content is an attribute, in bytes. A greater one stands there as its hash, and nothing can
/// put it back from that.
pub(super) const LIMIT: u64 = 8 << 20;

const HASH: &str = "blake3";

/// The content of a file as an attribute. One that is too large for that is read once more, by its path.
pub(super) fn of_file(host: &dyn Host, path: &Path, whole: Whole) -> Result<Json> {
    if whole.metadata.len > LIMIT { hash_of_file(host, path) } else { Ok(encode(whole.content)) }
}

/// Bytes as an attribute: the text that they are, or their digits where they are none.
pub(super) fn encode(bytes: Vec<u8>) -> Json {
    match String::from_utf8(bytes) {
        // Text that looks like what stands for something else would be taken for that when it is put back.
        Ok(text) if [SECRET_MARK, BYTES_MARK].iter().all(|mark| !text.starts_with(mark)) => Json::String(text),
        Ok(text) => hex(text.as_bytes()),
        Err(error) => hex(error.as_bytes()),
    }
}

/// The bytes that an attribute stands for; none where it cannot tell, as for a secret or a hash.
pub(super) fn decode(attribute: &Json) -> Option<Vec<u8>> {
    let text = attribute.as_str()?;
    match text.strip_prefix(BYTES_MARK) {
        Some(digits) => unhex(digits),
        None => (!text.starts_with(SECRET_MARK)).then(|| text.as_bytes().to_vec()),
    }
}

/// Whether the attribute stands for a file too large for its content to be one.
pub(super) fn is_huge(attribute: &Json) -> bool {
    attribute.get(HASH).is_some()
}

fn hash_of_file(host: &dyn Host, path: &Path) -> Result<Json> {
    let Digest { len, hash } = Digest::read(|offset, most| host.read_at(path, offset, most))?;
    Ok(json!({ HASH: hash.to_hex().to_string(), "size": Size(len).to_string() }))
}

fn hex(bytes: &[u8]) -> Json {
    let mut text = String::with_capacity(BYTES_MARK.len() + bytes.len() * 2);
    text.push_str(BYTES_MARK);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Json::String(text)
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back_from_their_attribute() {
        let (secret, digits) = (format!("{SECRET_MARK}0123456789abcdef"), format!("{BYTES_MARK}ff"));
        let all = [&b""[..], b"text\n", b"\xff\x00\xfe", "snow \u{2603}".as_bytes(), secret.as_bytes(), digits.as_bytes()];
        for bytes in all {
            assert_eq!(decode(&encode(bytes.to_vec())).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn a_masked_secret_is_no_content() {
        assert_eq!(decode(&Json::String(seed_role::param::mask(b"hunter2"))), None);
    }
}
