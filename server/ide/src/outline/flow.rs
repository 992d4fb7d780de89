//! `[…]` and `{…}`, as far as they are written.

use seed_spec::Source;

use crate::place::Segment;

/// How far behind the cursor siblings are looked for.
const LOOK_AHEAD: usize = 4096;

/// The flow collections that are open at the cursor.
#[derive(Debug)]
pub struct Flow {
    /// The steps from the outermost collection to what is typed.
    pub path: Vec<Segment>,
    /// Whether a value is typed behind a key.
    pub in_value: bool,
    /// Whether the key that is typed has its colon already.
    pub colon: bool,
    /// The other keys of the innermost mapping.
    pub siblings: Vec<String>,
    /// The offset at which what is typed begins.
    pub start: usize,
    /// The offset behind its last byte.
    pub end: usize,
    frames: Vec<Frame>,
}

/// One open bracket.
#[derive(Clone, Debug)]
struct Frame {
    mapping: bool,
    key: Option<String>,
    keys: Vec<(String, String)>,
}

impl Flow {
    /// Reads from the bracket at `start` to the cursor. None if all that was opened is closed before it.
    /// `column` is that of the key that holds the collection: lines not deeper are no part of it.
    pub fn read(source: &Source, start: usize, cursor: usize, column: usize) -> Option<Flow> {
        let text = source.text();
        let mut reader = Reader { frames: Vec::new(), token: start };
        reader.read(text, start, cursor);
        let last = reader.frames.last()?;
        let path = reader.frames.iter().filter_map(Frame::segment).collect();
        let (in_value, mapping) = (last.key.is_some(), last.mapping);
        let depth = reader.frames.len();
        let typed = &text[reader.token..cursor];
        let begin = cursor - typed.trim_start().len();
        // What follows up to the end of the element belongs to what is typed.
        let rest = &text[cursor..];
        let stop = rest
            .char_indices()
            .find(|(at, character)| {
                matches!(character, ',' | ']' | '}' | '\n' | '\r')
                    || (*character == ':' && !in_value && rest[at + 1..].starts_with([' ', '\n', ']', '}']))
                    || (*character == '#' && rest[..*at].ends_with(' '))
            })
            .map_or(rest.len(), |(at, _)| at);
        let end = cursor + rest[..stop].trim_end().len();
        let colon = rest[stop..].starts_with(':');
        let mut ahead = Reader { frames: reader.frames.clone(), token: reader.token };
        let limit = look_ahead(text, cursor, column);
        ahead.read_until(text, cursor, limit, depth);
        let own = text[begin..end].trim();
        let siblings = match (mapping, ahead.frames.get(depth - 1)) {
            (true, Some(frame)) => frame.names().into_iter().filter(|name| in_value || name != own).collect(),
            _ => Vec::new(),
        };
        Some(Flow { path, in_value, colon, siblings, start: begin, end, frames: ahead.frames })
    }

    /// The keys and scalar values of the mapping at a depth.
    pub fn keys_at(&self, depth: usize) -> Option<&[(String, String)]> {
        self.frames.get(depth).filter(|frame| frame.mapping).map(|frame| frame.keys.as_slice())
    }
}

impl Frame {
    fn segment(&self) -> Option<Segment> {
        match &self.key {
            Some(key) => Some(Segment::Key(key.clone())),
            None => (!self.mapping).then_some(Segment::Item),
        }
    }

    fn names(&self) -> Vec<String> {
        self.keys.iter().map(|(name, _)| name.clone()).collect()
    }
}

struct Reader {
    frames: Vec<Frame>,
    token: usize,
}

impl Reader {
    fn read(&mut self, text: &str, from: usize, to: usize) {
        self.read_until(text, from, to, 0);
    }

    /// Reads on until the collection at `depth` closes.
    fn read_until(&mut self, text: &str, from: usize, to: usize, depth: usize) {
        let bytes = text.as_bytes();
        let mut at = from;
        while at < to {
            match bytes[at] {
                quote @ (b'"' | b'\'') if text[self.token..at].trim().is_empty() => {
                    at += text[at + 1..to].find(quote as char).map_or(to - at - 1, |close| close + 1);
                }
                b'#' if at > 0 && bytes[at - 1].is_ascii_whitespace() => {
                    at += text[at..to].find('\n').unwrap_or(to - at);
                    self.token = at.max(self.token);
                }
                bracket @ (b'[' | b'{') => {
                    self.frames.push(Frame { mapping: bracket == b'{', key: None, keys: Vec::new() });
                    self.token = at + 1;
                }
                b']' | b'}' => {
                    self.finish(text, at);
                    if self.frames.len() == depth {
                        return;
                    }
                    self.frames.pop();
                    self.token = at + 1;
                    if self.frames.is_empty() {
                        return;
                    }
                }
                b',' => {
                    self.finish(text, at);
                    self.token = at + 1;
                }
                b':' if matches!(bytes.get(at + 1), None | Some(b' ' | b'\n' | b'\r' | b'[' | b'{' | b'"')) => {
                    let name = text[self.token..at].trim().trim_matches(['"', '\'']).to_string();
                    if let Some(frame) = self.frames.last_mut().filter(|frame| frame.mapping && frame.key.is_none()) {
                        frame.keys.push((name.clone(), String::new()));
                        frame.key = Some(name);
                        self.token = at + 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        if depth > 0 {
            self.finish(text, to);
        }
    }

    /// Ends an element: stores its value with its key.
    fn finish(&mut self, text: &str, at: usize) {
        let value = text[self.token.min(at)..at].trim().trim_matches(['"', '\'']);
        if let Some(frame) = self.frames.last_mut()
            && frame.key.take().is_some()
            && let Some(last) = frame.keys.last_mut()
        {
            last.1 = value.to_string();
        }
    }
}

/// The offset up to which a collection that is open at the cursor can reach: it must be indented deeper than its key.
fn look_ahead(text: &str, cursor: usize, column: usize) -> usize {
    let mut at = cursor;
    let end = (cursor + LOOK_AHEAD).min(text.len());
    while let Some(line) = text.get(at..).and_then(|rest| rest.find('\n')).map(|line| at + line + 1) {
        let rest = &text[line..];
        let indent = rest.len() - rest.trim_start_matches(' ').len();
        let closes = rest[indent..].starts_with([']', '}']);
        if line >= end || (indent <= column && !rest[indent..].starts_with(['\n', '\r']) && !closes) {
            return line.min(floor(text, end));
        }
        at = line;
    }
    floor(text, end)
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
