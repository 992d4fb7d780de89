//! Lets only whole and well-formed messages through to the library, whose reader ends at the first that is not.

use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// The largest message that is read. A spec that large is refused long before.
const LARGEST: usize = 256 << 20;

/// The longest line of a header.
const LONGEST_HEADER: u64 = 8 << 10;

/// How much is held between the reader and the library.
const BUFFER: usize = 256 << 10;

/// Stands in for a message that cannot be read; answered with the error that JSON-RPC has for it.
pub const MALFORMED: &str = "seed/malformed";

/// What is read of a message here.
#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    method: Option<String>,
    #[serde(default, borrow)]
    id: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "there")]
    result: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "there")]
    error: Option<&'a RawValue>,
}

/// A value that is there, also when it is null.
fn there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}

/// The sound messages of `input`, framed anew.
pub fn sound_messages(input: impl AsyncRead + Unpin + Send + 'static) -> DuplexStream {
    let (mut output, passed) = tokio::io::duplex(BUFFER);
    tokio::spawn(async move {
        let mut input = BufReader::new(input);
        loop {
            let message = match next(&mut input).await {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "cannot read standard input");
                    break;
                }
            };
            let head = format!("Content-Length: {}\r\n\r\n", message.len());
            let written = async {
                output.write_all(head.as_bytes()).await?;
                output.write_all(&message).await
            };
            if written.await.is_err() {
                break;
            }
        }
    });
    passed
}

/// The next message, or what stands in for one that cannot be read; none at the end.
async fn next(input: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    loop {
        let Some(length) = headers(input).await? else { return Ok(None) };
        let Some(length) = length else { continue };
        if length > LARGEST {
            let mut rest = input.take(length as u64);
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
            tracing::error!(length, "a message is too large");
            return Ok(Some(stand_in(None)));
        }
        let mut body = Vec::new();
        if input.take(length as u64).read_to_end(&mut body).await? < length {
            return Ok(None);
        }
        return Ok(Some(check(body)));
    }
}

/// The length that the headers of a message tell. None within, when they tell none: their lines are dropped,
/// and the next that is a header begins anew.
async fn headers(input: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Option<usize>>> {
    let mut length = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.take(LONGEST_HEADER).read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            return Ok(Some(length));
        }
        // Garbage may stand directly before a header.
        let name = "content-length:";
        if let Some(at) = text.to_ascii_lowercase().rfind(name) {
            length = text[at + name.len()..].trim().parse().ok();
        }
    }
}

/// The message itself if it is one that JSON-RPC knows, or what stands in for it.
fn check(body: Vec<u8>) -> Vec<u8> {
    let envelope = match serde_json::from_slice::<Envelope<'_>>(&body) {
        Ok(envelope) => envelope,
        Err(error) => {
            tracing::error!(%error, "a message is not well-formed");
            return stand_in(None);
        }
    };
    let id = envelope.id.map(|id| id.get().to_string());
    let plain = id.as_ref().is_none_or(|id| id.starts_with('"') || id.parse::<i64>().is_ok());
    let is_call = envelope.method.is_some();
    let is_answer = id.is_some() && (envelope.result.is_some() != envelope.error.is_some());
    if plain && (is_call || is_answer) {
        return body;
    }
    tracing::error!("a message is neither a request nor a response");
    stand_in(id.filter(|_| plain))
}

fn stand_in(id: Option<String>) -> Vec<u8> {
    let id = id.unwrap_or_else(|| "null".into());
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{MALFORMED}"}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    async fn passed(input: &str) -> String {
        let mut output = sound_messages(std::io::Cursor::new(input.as_bytes().to_vec()));
        let mut text = String::new();
        output.read_to_string(&mut text).await.unwrap();
        text
    }

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn sound_messages_pass_as_they_are() {
        let call = framed(r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"ä":"🐚"}}"#);
        let answer = framed(r#"{"jsonrpc":"2.0","id":"x","result":null}"#);
        assert_eq!(passed(&format!("{call}{answer}")).await, format!("{call}{answer}"));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_replaced_and_the_rest_passes() {
        let call = framed(r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#);
        let malformed = framed(r#"{"jsonrpc":"2.0","id":null,"method":"seed/malformed"}"#);
        for bad in [framed("{\"jsonrpc\":"), framed("[1]"), framed(""), framed(r#"{"id":1.5,"method":"x"}"#)] {
            assert_eq!(passed(&format!("{bad}{call}")).await, format!("{malformed}{call}"), "{bad}");
        }
        let neither = passed(&format!("{}{call}", framed(r#"{"jsonrpc":"2.0","id":7}"#))).await;
        assert_eq!(neither, format!("{}{call}", framed(r#"{"jsonrpc":"2.0","id":7,"method":"seed/malformed"}"#)));
        for garbage in ["nonsense\r\n\r\n", "Content-Length: many\r\n\r\n", "\r\n\r\n", "nonsense"] {
            assert_eq!(passed(&format!("{garbage}{call}")).await, call, "{garbage}");
        }
    }

    #[tokio::test]
    async fn a_message_cut_short_is_the_end() {
        assert_eq!(passed("Content-Length: 100\r\n\r\n{}").await, "");
        assert_eq!(
            passed("Content-Length: 999999999999\r\n\r\n{}").await,
            framed(r#"{"jsonrpc":"2.0","id":null,"method":"seed/malformed"}"#)
        );
    }
}
