//! Bytes to lines, and lines to server-sent events, however they are cut on the way.

/// The longest line, in bytes; what is longer is no answer of a model.
const LONGEST: usize = 16 << 20;

/// Cuts bytes into lines. A line ends with LF, CR or both; bytes are decoded when the line is whole, so that a character may be
/// split anywhere.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    open: Vec<u8>,
    /// Whether the last byte was CR, so that an LF now ends nothing.
    after_cr: bool,
}

impl Lines {
    /// Takes bytes in, and gives the lines that they end.
    ///
    /// # Errors
    ///
    /// When a line has no end.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.after_cr) => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    lines.push(self.take());
                }
                _ => {
                    self.after_cr = false;
                    self.open.push(byte);
                }
            }
        }
        if self.open.len() > LONGEST {
            return Err("a line of the answer is longer than 16 MiB".into());
        }
        Ok(lines)
    }

    /// What is left at the end, if the last line had none.
    pub fn rest(&mut self) -> Option<String> {
        (!self.open.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let bytes = std::mem::take(&mut self.open);
        let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
    }
}

/// A server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its data.
    pub data: String,
}

/// Puts lines together to events. Comments are skipped. A line that is JSON by itself counts as an event, since some servers write their
/// errors so.
#[derive(Debug, Default)]
pub(crate) struct Events {
    name: Option<String>,
    data: Option<String>,
}

impl Events {
    /// Takes a line, and gives the events that it ends.
    pub fn push(&mut self, line: &str) -> Vec<Sent> {
        if line.is_empty() {
            return self.rest().into_iter().collect();
        }
        if line.starts_with('{') {
            let bare = Sent { name: None, data: line.into() };
            return self.rest().into_iter().chain([bare]).collect();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.into()),
            },
            "event" => self.name = Some(value.into()),
            // Comments, `id`, `retry`, and what is not known.
            _ => {}
        }
        Vec::new()
    }

    /// The event that is open at the end.
    pub fn rest(&mut self) -> Option<Sent> {
        let name = self.name.take();
        let data = self.data.take()?;
        Some(Sent { name, data })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<(Option<String>, String)> {
        let (mut lines, mut events) = (Lines::default(), Events::default());
        let mut all = Vec::new();
        for chunk in chunks {
            for line in lines.push(chunk).unwrap() {
                all.extend(events.push(&line));
            }
        }
        if let Some(line) = lines.rest() {
            all.extend(events.push(&line));
        }
        all.extend(events.rest());
        all.into_iter().map(|sent| (sent.name, sent.data)).collect()
    }

    const STREAM: &str = ": hello\r\nevent: piece\r\ndata: {\"a\": \"é€😀\"}\r\n\r\n:\r\n\r\ndata: one\r\ndata: two\r\n\r\nid: 7\r\nretry: 5\r\n\r\ndata:[DONE]";

    fn expected() -> Vec<(Option<String>, String)> {
        vec![(Some("piece".into()), "{\"a\": \"é€😀\"}".into()), (None, "one\ntwo".into()), (None, "[DONE]".into())]
    }

    #[test]
    fn it_is_the_same_wherever_it_is_cut() {
        let bytes = STREAM.as_bytes();
        for cut in 0..=bytes.len() {
            let (one, two) = bytes.split_at(cut);
            assert_eq!(events(&[one, two]), expected(), "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(events(&single), expected());
    }

    #[test]
    fn it_is_the_same_with_any_line_ends() {
        for end in ["\n", "\r", "\r\n"] {
            let text = STREAM.replace("\r\n", end);
            assert_eq!(events(&[text.as_bytes()]), expected(), "{end:?}");
        }
    }

    #[test]
    fn an_error_that_stands_bare_is_an_event() {
        let found = events(&[b"data: one\n{\"error\": \"full\"}\n"]);
        assert_eq!(found, [(None, "one".into()), (None, "{\"error\": \"full\"}".into())]);
    }

    #[test]
    fn bytes_that_are_no_text_end_nothing() {
        assert_eq!(events(&[b"data: a\xffb\n\n"]), [(None, "a\u{fffd}b".into())]);
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let mut lines = Lines::default();
        let block = vec![b'x'; 1 << 20];
        let refused = (0..20).find_map(|_| lines.push(&block).err());
        assert!(refused.unwrap().contains("16 MiB"));
    }
}
