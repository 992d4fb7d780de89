//! From parser events to the arena of nodes, with checkpoints from which reading can be taken up again.

mod anchor;
mod checkpoint;
mod join;
mod texts;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, StructureStyle, Tag, options};

use self::anchor::Anchor;
pub(super) use self::checkpoint::Checkpoint;
use self::texts::Texts;
use super::{MAX_DEPTH, MAX_NODES};
use crate::diagnostic::{Code, Diagnostic};
use crate::text::{FileId, Span};
use crate::tree::{Node, NodeId, NodeKind, Style, Tree};

/// Why reading stopped.
pub(super) enum Stop {
    /// The text is broken at this place.
    Broken(usize, ErrorKind),
    /// It is nested too deep at this place.
    TooDeep(usize),
    /// It has more nodes than are read.
    TooMany,
    /// A second document starts at this place.
    Document(usize),
}

/// The text that one run of the parser reads: a piece of the file, after repairs.
pub(super) struct Piece<'a> {
    /// What the parser sees.
    pub text: &'a str,
    /// How many bytes at its start only rebuild the context of the checkpoint.
    pub prefix: usize,
    /// Offset in the file of what follows the prefix.
    pub start: usize,
    /// Texts that repairs put in: where in the file, and how long, in order.
    pub inserted: &'a [(usize, usize)],
    /// Set when nobody waits for it any more; reading then ends where it is.
    pub cancelled: &'a AtomicBool,
}

impl Piece<'_> {
    /// The offset in the file of an offset in the piece.
    fn offset(&self, at: usize) -> usize {
        let at = at.max(self.prefix) - self.prefix + self.start;
        let mut added = 0;
        for (place, length) in self.inserted {
            if at < place + added {
                break;
            }
            if at < place + added + length {
                return *place;
            }
            added += length;
        }
        at - added
    }
}

/// A collection that is not closed yet.
struct Frame {
    node: NodeId,
    flow: bool,
    anchored: Option<String>,
    content: Content,
    weight: u64,
    height: usize,
    end: usize,
}

enum Content {
    List(Vec<NodeId>),
    Map(Vec<(NodeId, NodeId)>, Option<NodeId>),
}

/// Builds the tree of one file, over one or more runs of the parser.
pub(super) struct Builder<'s> {
    text: &'s str,
    file: FileId,
    nodes: Vec<Node>,
    root: Option<NodeId>,
    frames: Vec<Frame>,
    anchors: HashMap<String, Vec<Anchor>>,
    /// Whether the node read last is a scalar whose anchor is announced next.
    anchored_scalar: bool,
    texts: Texts,
    pub checkpoints: Vec<Checkpoint>,
    pub diagnostics: Vec<Diagnostic>,
    /// Where the last node began and ended.
    pub last: (usize, usize),
}

impl<'s> Builder<'s> {
    pub fn new(text: &'s str, file: FileId) -> Self {
        Builder {
            text,
            file,
            nodes: Vec::with_capacity(text.len() / 12),
            root: None,
            frames: Vec::new(),
            anchors: HashMap::new(),
            anchored_scalar: false,
            texts: Texts::default(),
            checkpoints: Vec::new(),
            diagnostics: Vec::new(),
            last: (0, 0),
        }
    }

    /// How many nodes were read so far.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The tree, with whatever is still open closed.
    pub fn finish(mut self) -> (Tree, Vec<Diagnostic>) {
        while !self.frames.is_empty() {
            self.close(None);
        }
        (Tree { nodes: self.nodes, root: self.root, damaged: Vec::new() }, self.diagnostics)
    }

    /// Where the outermost flow collection that is still open begins.
    pub fn open_flow(&self) -> Option<usize> {
        self.frames.iter().find(|frame| frame.flow).map(|frame| self.nodes[frame.node.0 as usize].span.start as usize)
    }

    /// Reads a piece on from where the builder stands: the start of the file or a checkpoint.
    pub fn run(&mut self, piece: &Piece<'_>) -> Result<(), Stop> {
        let mut options: Options = options! {
            emit_unresolved_aliases: true,
            emit_anchor_events: true,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        options.set_emit_comments(false);
        // The events that rebuild the context of a checkpoint: the root, then the key above it.
        let mut context = self.frames.len();
        let mut context_key = context == 2;
        let mut documents = 0;
        for step in Parser::new_from_str_with_options(piece.text, options) {
            if piece.cancelled.load(Ordering::Relaxed) {
                return Ok(());
            }
            let (event, range) = step.map_err(|error| {
                let at = piece.offset(error.marker().byte_offset().unwrap_or(piece.text.len())).min(self.text.len());
                match error.kind() {
                    ErrorKind::RecursionLimitExceeded => Stop::TooDeep(at),
                    kind => Stop::Broken(at, kind.clone()),
                }
            })?;
            let range = range.byte_range().unwrap_or(0..0);
            let (mut start, mut end) = (piece.offset(range.start), piece.offset(range.end));
            if context > 0 {
                match event {
                    Event::StreamStart => continue,
                    Event::DocumentStart(..) => {
                        documents += 1;
                        continue;
                    }
                    Event::MappingStart(StructureStyle::Block, ..) => {
                        context -= 1;
                        continue;
                    }
                    Event::Scalar(..) if context_key => {
                        context_key = false;
                        continue;
                    }
                    // Nothing is left of the mapping that was to be taken up again.
                    Event::Scalar(ref text, ScalarStyle::Plain, ..) if context == 1 && self.frames.len() == 2 && text == "~" => {
                        self.close(None);
                        context = 0;
                        continue;
                    }
                    Event::DocumentEnd | Event::StreamEnd => return Ok(()),
                    _ => return Err(Stop::Broken(start, ErrorKind::ExpectedBlockMappingKey)),
                }
            }
            match event {
                Event::DocumentStart(explicit, version) => {
                    documents += 1;
                    if documents > 1 || (self.root.is_some() && explicit) {
                        return Err(Stop::Document(start));
                    }
                    if version.is_some_and(|version| (version.major, version.minor) != (1, 2)) {
                        let message = "the spec language is YAML 1.2; this file declares another version";
                        self.diagnostics.push(Diagnostic::warning(Code::Yaml11, self.span(0, end), message));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let style = match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                        _ => Style::Block,
                    };
                    let mut text = text;
                    match style {
                        // The parser calls a value that was left out `~`.
                        Style::Plain if start == end => {
                            text = "".into();
                            start = self.left_out(start);
                            end = start;
                        }
                        Style::Plain | Style::Quoted => {}
                        Style::Block => (start, end) = self.block_scalar(start, end),
                    }
                    self.checkpoint(start);
                    let text = self.texts.share(&text);
                    let node = self.push(NodeKind::Scalar(text, style), start, end, tag.as_deref())?;
                    self.last = (start, end);
                    self.anchored_scalar = anchor != 0;
                    self.add(node, 1, 1, end);
                }
                Event::Anchor(_, name) => self.anchor(&name),
                Event::SequenceStart(style, _, tag) => {
                    // A list that is indented as little as its key begins with its first value for the parser.
                    let below_key = self.frames.last().is_some_and(|frame| matches!(frame.content, Content::Map(_, Some(_))));
                    if style == StructureStyle::Block && below_key {
                        start = self.ahead(b"-", start);
                    }
                    let node = self.push(NodeKind::List(Vec::new()), start, end, tag.as_deref())?;
                    self.open(node, style, Content::List(Vec::new()), end)?;
                }
                Event::MappingStart(style, _, tag) => {
                    let node = self.push(NodeKind::Map(Vec::new()), start, end, tag.as_deref())?;
                    self.open(node, style, Content::Map(Vec::new(), None), end)?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    self.close((start < end).then_some(end));
                    if start < end {
                        self.last = (start, end);
                    }
                }
                Event::Alias(_) => {
                    self.checkpoint(start);
                    let name = self.text.get(start + 1..end).unwrap_or("").to_owned();
                    self.alias(&name, start, end)?;
                }
                Event::UnresolvedAlias(name) => {
                    self.checkpoint(start);
                    self.alias(&name, start, end)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn push(&mut self, kind: NodeKind, start: usize, end: usize, tag: Option<&Tag>) -> Result<NodeId, Stop> {
        if self.nodes.len() as u64 >= MAX_NODES {
            return Err(Stop::TooMany);
        }
        let node = NodeId(self.nodes.len() as u32);
        let tag = tag.map(|tag| match tag.core_suffix() {
            Some(suffix) => format!("!!{suffix}").into(),
            None => tag.original().into(),
        });
        self.nodes.push(Node { kind, span: self.span(start, end), tag });
        Ok(node)
    }

    fn open(&mut self, node: NodeId, style: StructureStyle, content: Content, end: usize) -> Result<(), Stop> {
        let start = self.nodes[node.0 as usize].span.start as usize;
        if self.frames.len() >= MAX_DEPTH {
            return Err(Stop::TooDeep(start));
        }
        let flow = style == StructureStyle::Flow;
        self.frames.push(Frame { node, flow, anchored: None, content, weight: 1, height: 1, end });
        Ok(())
    }

    /// Closes the innermost collection; `end` is where its closing bracket ends.
    fn close(&mut self, end: Option<usize>) {
        let Some(mut frame) = self.frames.pop() else { return };
        if let Content::Map(pairs, key) = &mut frame.content
            && let Some(key) = key.take()
        {
            // Only where reading was broken off: a key without a value.
            let at = self.nodes[key.0 as usize].span.end as usize;
            let value = NodeId(self.nodes.len() as u32);
            self.nodes.push(Node { kind: NodeKind::Scalar("".into(), Style::Plain), span: self.span(at, at), tag: None });
            pairs.push((key, value));
        }
        let end = end.unwrap_or(frame.end);
        let node = &mut self.nodes[frame.node.0 as usize];
        node.span.end = node.span.start.max(u32::try_from(end).unwrap_or(u32::MAX));
        node.kind = match frame.content {
            Content::List(items) => NodeKind::List(items),
            Content::Map(pairs, _) => NodeKind::Map(pairs),
        };
        if let Some(anchor) = frame
            .anchored
            .and_then(|name| self.anchors.get_mut(&name))
            .and_then(|all| all.iter_mut().rev().find(|anchor| anchor.node == frame.node))
        {
            anchor.weight = Some(frame.weight);
            anchor.height = frame.height;
        }
        self.add(frame.node, frame.weight, frame.height, end);
    }

    /// Puts a finished node into the collection that is open.
    fn add(&mut self, node: NodeId, weight: u64, height: usize, end: usize) {
        let Some(frame) = self.frames.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        frame.weight = frame.weight.saturating_add(weight);
        frame.height = frame.height.max(height + 1);
        frame.end = frame.end.max(end);
        match &mut frame.content {
            Content::List(items) => items.push(node),
            Content::Map(pairs, key) => match key.take() {
                Some(key) => pairs.push((key, node)),
                None => *key = Some(node),
            },
        }
    }

    /// Where a value that was left out would begin: behind the `:` or the `-` before it.
    fn left_out(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        match rest[blanks..].starts_with(':')
            && self.frames.last().is_some_and(|frame| matches!(frame.content, Content::Map(_, Some(_))))
        {
            true => at + blanks + 1,
            false => self.text[..at].trim_end().len().max(self.last.1).min(at),
        }
    }

    /// The span of a block scalar from its `|` or `>` to the end of its last line that is not blank.
    /// The parser's begins with the content and ends at the next token.
    fn block_scalar(&self, start: usize, end: usize) -> (usize, usize) {
        let start = self.ahead(b"|>", start);
        (start, self.text[..end].trim_end().len().max(start + 1))
    }

    /// Where the first of some indicators stands behind the last node, before `limit`; tags, anchors and comments
    /// between are no such.
    fn ahead(&self, indicators: &[u8], limit: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = self.last.1;
        while at < limit {
            match bytes[at] {
                byte if indicators.contains(&byte) => break,
                b'#' | b'&' | b'!' => {
                    let stop: &[u8] = if bytes[at] == b'#' { b"\n\r" } else { b" \t\n\r" };
                    while at < limit && !stop.contains(&bytes[at]) {
                        at += 1;
                    }
                }
                _ => at += 1,
            }
        }
        at
    }
}
