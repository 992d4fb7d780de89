//! Recovery by repair: a broken line is mended or blanked out, and reading goes on from the checkpoint before it.
//!
//! Several repairs are tried for each error; the one with which most of the text can be read is kept. Repairs
//! keep every other byte at its place, or remember what they put in, so that all spans stay those of the file.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use granit_parser::ErrorKind;

use super::builder::{Builder, Checkpoint, Piece, Stop};
use super::lint::{Slip, slips};
use super::message::spell;
use super::parallel;
use crate::diagnostic::{Code, Diagnostic};
use crate::text::{FileId, Source, Span};
use crate::tree::Tree;

/// How many errors of syntax are told before the rest of the file is left unread.
const MAX_ERRORS: usize = 32;
/// How many errors are told of one entry before it is left unread as a whole.
const MAX_ERRORS_OF_ENTRY: usize = 4;
/// How many bytes the parser is given for one file, all attempts together; bounds the time.
const MAX_PARSED: usize = 12 << 20;
/// How many lines before an error the line edited last is still suspected of having caused it.
const EDIT_REACH: usize = 200;

/// A change to the text before it is parsed again.
#[derive(Clone)]
enum Repair {
    /// Blanks in place of all but line ends.
    Blank(Range<usize>),
    /// A text put in.
    Insert(usize, String),
}

impl Repair {
    fn start(&self) -> usize {
        match self {
            Repair::Blank(range) => range.start,
            Repair::Insert(at, _) => *at,
        }
    }
}

/// A way to get past an error.
#[derive(Clone)]
struct Attempt {
    repairs: Vec<Repair>,
    /// The mistakes that it mends, each with the start of its line, when a line alone shows them.
    slips: Vec<(usize, Slip)>,
}

/// The reading of one text.
pub(super) struct Reading<'s> {
    pub source: &'s Source,
    text: Cow<'s, str>,
    file: FileId,
    edited_line: Option<usize>,
    repairs: Vec<Repair>,
    parsed: usize,
    /// The entry that had the last error, and how many it has had.
    errors_here: (usize, usize),
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a text, mending it as often as it takes.
pub(super) fn read(source: &Source, file: FileId, edited_line: Option<usize>) -> (Tree, Vec<Diagnostic>) {
    let mut reading = Reading {
        source,
        text: Cow::Borrowed(source.text()),
        file,
        edited_line,
        repairs: Vec::new(),
        parsed: 0,
        errors_here: (0, 0),
        diagnostics: Vec::new(),
    };
    reading.blank_control_characters();
    let mut cut = None;
    let mut errors = 0;
    let (mut builder, mut stopped) = reading.start();
    while let Err(stop) = stopped {
        errors += 1;
        let at = place(&stop).unwrap_or(builder.last.1);
        if errors > MAX_ERRORS || reading.parsed >= MAX_PARSED {
            reading.report(&stop);
            cut = Some(at);
            break;
        }
        let drop = reading.drop_entry(&builder, at);
        let attempts = match &stop {
            Stop::TooMany => Vec::new(),
            Stop::Document(_) => reading.rejoin(at),
            Stop::Broken(_, kind) if reading.errors_in_entry(&builder, at) <= MAX_ERRORS_OF_ENTRY => {
                reading.attempts(&builder, at, kind)
            }
            Stop::Broken(..) | Stop::TooDeep(_) => drop.clone().into_iter().collect(),
        };
        let last_resort = matches!(stop, Stop::Broken(..));
        let found = reading.best(&mut builder, attempts, at);
        let found = found.or_else(|| last_resort.then(|| reading.best(&mut builder, drop.into_iter().collect(), at)).flatten());
        match found {
            Some((attempt, outcome)) => {
                match attempt.slips.is_empty() {
                    true => reading.report(&stop),
                    false => attempt.slips.iter().for_each(|(line, slip)| reading.diagnostics.push(reading.slipped(*line, slip))),
                }
                reading.repairs.extend(attempt.repairs);
                stopped = outcome;
            }
            None => {
                reading.report(&stop);
                cut = Some(at);
                break;
            }
        }
    }
    reading.finish(builder, cut)
}

/// Where reading stopped.
fn place(stop: &Stop) -> Option<usize> {
    match stop {
        Stop::Broken(at, _) | Stop::TooDeep(at) | Stop::Document(at) => Some(*at),
        Stop::TooMany => None,
    }
}

impl<'s> Reading<'s> {
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start, range.end)
    }

    /// The parser ends at a control character (YAML 1.2.2 §5.1), so they are taken out first and told once.
    fn blank_control_characters(&mut self) {
        let bad = |byte: &u8| (*byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) || *byte == 0x7f;
        let Some(first) = self.text.bytes().position(|byte| bad(&byte)) else { return };
        let blanked =
            self.text.chars().map(|character| if character.is_ascii() && bad(&(character as u8)) { ' ' } else { character });
        let blanked: String = blanked.collect();
        let character = char::from(self.text.as_bytes()[first]);
        let message = format!("the control character {} is not allowed in YAML", spell(character));
        let diagnostic = Diagnostic::error(Code::Syntax, self.span(first..first + 1), message)
            .help("remove it; within double quotes it can be written as an escape, such as \"\\x00\"");
        self.diagnostics.push(diagnostic);
        self.text = Cow::Owned(blanked);
    }

    /// Reads the text as it is, a long one in pieces.
    fn start(&mut self) -> (Builder<'s>, Result<(), Stop>) {
        let mut builder = match parallel::read(self.source, &self.text, self.file) {
            Some(Ok(builder)) => return (builder, Ok(())),
            Some(Err(builder)) => builder,
            None => Builder::new(self.source.text(), self.file),
        };
        // What was read of a broken text is good up to the last role before the break.
        let from = builder.checkpoints.last().copied();
        builder.rewind(from);
        let stopped = self.run(&mut builder, from, &[]);
        (builder, stopped)
    }

    /// Runs the parser from a checkpoint on, with the repairs made so far and `more`.
    fn run(&mut self, builder: &mut Builder<'_>, from: Option<Checkpoint>, more: &[Repair]) -> Result<(), Stop> {
        let start = from.map_or(0, |checkpoint| checkpoint.start);
        let prefix = if from.is_some_and(|checkpoint| !checkpoint.at_root()) { Builder::CONTEXT } else { "" };
        let repairs: Vec<&Repair> = self.repairs.iter().chain(more).filter(|repair| repair.start() >= start).collect();
        let mut inserted = Vec::new();
        let text = match repairs.is_empty() && start == 0 {
            true => Cow::Borrowed(&*self.text),
            false => Cow::Owned(render(&self.text, start, prefix, &repairs, &mut inserted)),
        };
        let outcome = builder.run(&Piece {
            text: &text,
            prefix: prefix.len(),
            start,
            inserted: &inserted,
            cancelled: &AtomicBool::new(false),
        });
        let end = outcome.as_ref().err().and_then(place).unwrap_or(self.text.len());
        self.parsed += end.saturating_sub(start) + 1;
        outcome
    }

    /// Tries the attempts in their order, and keeps the first that lets the rest of the broken entry be read, else
    /// the one that lets most be read; none if none gets past the error.
    fn best(&mut self, builder: &mut Builder<'_>, attempts: Vec<Attempt>, at: usize) -> Option<(Attempt, Result<(), Stop>)> {
        let first = attempts.iter().flat_map(|attempt| &attempt.repairs).map(Repair::start).min()?;
        // Strictly before: what a blanked line leaves behind may belong to the key above it.
        let from = builder.checkpoints.iter().rev().find(|checkpoint| checkpoint.start < first).copied();
        // Where the entry ends that an attempt mends, by its indentation alone: an open quote swallows what follows.
        let horizons: Vec<usize> = attempts
            .iter()
            .map(|attempt| {
                let start = attempt.repairs.iter().map(Repair::start).min().unwrap_or(at);
                let entry = builder.checkpoints.iter().rev().find(|checkpoint| checkpoint.start <= start);
                entry.map_or(at + 1, |entry| self.source.line_start(self.block_end(self.source.line_of(entry.start))))
            })
            .collect();
        let nodes_before = builder.node_count();
        let mut best: Option<(usize, Attempt, Result<(), Stop>)> = None;
        let mut is_last = false;
        for (attempt, horizon) in attempts.into_iter().zip(horizons) {
            if self.parsed >= MAX_PARSED {
                break;
            }
            builder.rewind(from);
            let outcome = self.run(builder, from, &attempt.repairs);
            let stopped = outcome.as_ref().err().map(|stop| place(stop).unwrap_or(usize::MAX));
            // With a quote closed where it should be, the next error may well come earlier than this one.
            let gained = stopped.is_none_or(|stopped| stopped > at || (stopped != at && builder.node_count() > nodes_before));
            if gained && stopped.is_none_or(|stopped| stopped >= horizon) {
                return Some((attempt, outcome));
            }
            is_last = false;
            if gained && best.as_ref().is_none_or(|(nodes, ..)| builder.node_count() > *nodes) {
                best = Some((builder.node_count(), attempt, outcome));
                is_last = true;
            }
        }
        match best {
            Some((_, attempt, outcome)) if is_last => Some((attempt, outcome)),
            Some((_, attempt, _)) => {
                builder.rewind(from);
                let outcome = self.run(builder, from, &attempt.repairs);
                Some((attempt, outcome))
            }
            None => {
                // Back to what could be read up to the error.
                builder.rewind(from);
                let _ = self.run(builder, from, &[]);
                None
            }
        }
    }

    /// A `---` in the middle of a mapping is blanked out; before a new spec it ends the file.
    fn rejoin(&self, at: usize) -> Vec<Attempt> {
        let line = self.source.line_of(at);
        match self.indent_behind(line) {
            0 => Vec::new(),
            _ => vec![self.blank(line..line + 1)],
        }
    }

    /// What can be tried to get past an error, the likeliest first.
    fn attempts(&self, builder: &Builder<'_>, at: usize, kind: &ErrorKind) -> Vec<Attempt> {
        let error = self.source.line_of(self.error_place(at, kind));
        let before = (0..error).rev().take(EDIT_REACH).find(|line| !self.source.line(*line).trim().is_empty());
        let edited =
            self.edited_line.filter(|line| *line <= error && error - *line <= EDIT_REACH && *line < self.source.line_count());
        let flow = builder.open_flow().map(|at| self.source.line_of(at));
        let (last_start, last_end) = (self.source.line_of(builder.last.0), self.source.line_of(builder.last.1));
        let mut attempts: Vec<Attempt> = self.merge_conflict(error).into_iter().collect();
        let mut seen = Vec::new();
        for line in [flow, Some(last_start), Some(last_end), edited, Some(error), before].into_iter().flatten() {
            if line <= error && !seen.contains(&line) {
                seen.push(line);
                attempts.extend(self.retab(line));
                attempts.extend(self.mend(line));
            }
        }
        // A line that is a whole `key: value` is blamed after the one on which the error was found.
        let is_pair = |line: &usize| self.source.line(*line).contains(": ") || self.source.line(*line).trim_end().ends_with(':');
        let blamed = [flow, Some(last_start), Some(last_end)].into_iter().flatten().filter(|line| !is_pair(line));
        let mut order: Vec<usize> = edited.into_iter().chain(blamed).collect();
        order.extend([Some(error), before, flow, Some(last_start)].into_iter().flatten());
        let mut tried = Vec::new();
        for line in order {
            if line <= error && !tried.contains(&line) && !self.source.line(line).trim().is_empty() {
                tried.push(line);
                // Without its head, what is indented below it would fall to the key above. A line with a value is no head.
                let text = self.source.line(line).split(" #").next().unwrap_or("").trim_end();
                let end = if text.ends_with(':') || !text.contains(": ") { self.block_end(line) } else { line + 1 };
                attempts.push(self.blank(line..end.max(line + 1)));
            }
        }
        attempts
    }

    /// Takes the first side of a merge conflict that begins on a line.
    fn merge_conflict(&self, line: usize) -> Option<Attempt> {
        let marker = |mark: &'static str| move |line: &usize| self.source.line(*line).starts_with(mark);
        if !marker("<<<<<<< ")(&line) {
            return None;
        }
        let middle = (line..self.source.line_count()).find(marker("======="))?;
        let end = (middle..self.source.line_count()).find(marker(">>>>>>> "))?;
        // Where the common ancestor is shown too, it stands before the middle.
        let first = (line + 1..middle).find(marker("||||||| ")).unwrap_or(middle);
        let mut attempt = self.blank(line..line + 1);
        attempt.repairs.extend(self.blank(first..end + 1).repairs);
        Some(attempt)
    }

    /// The lines of the entry that a place lies in: its role, or its key of the root.
    fn entry(&self, builder: &Builder<'_>, at: usize) -> Option<Range<usize>> {
        let entry = builder.checkpoints.iter().rev().find(|checkpoint| checkpoint.start <= at)?;
        let line = self.source.line_of(entry.start);
        Some(line..self.block_end(line).max(self.source.line_of(at) + 1))
    }

    /// Counts an error in the entry that a place lies in.
    fn errors_in_entry(&mut self, builder: &Builder<'_>, at: usize) -> usize {
        let entry = builder.checkpoints.iter().rev().map(|checkpoint| checkpoint.start).find(|start| *start <= at).unwrap_or(0);
        let (known, count) = &mut self.errors_here;
        *count = if *known == entry { *count + 1 } else { 1 };
        *known = entry;
        *count
    }

    /// Blanks out the whole entry that a place lies in.
    fn drop_entry(&self, builder: &Builder<'_>, at: usize) -> Option<Attempt> {
        self.entry(builder, at).map(|lines| self.blank(lines))
    }

    fn blank(&self, lines: Range<usize>) -> Attempt {
        let range = self.source.line_start(lines.start)..self.source.line_start(lines.end);
        Attempt { repairs: vec![Repair::Blank(range)], slips: Vec::new() }
    }

    /// Puts in what is missing on a line, if the line shows what it is.
    fn mend(&self, line: usize) -> Option<Attempt> {
        let start = self.source.line_start(line);
        let slips = slips(self.source.line(line), self.indent_behind(line));
        let repairs = slips.iter().flat_map(|slip| slip.inserts()).map(|(at, text)| Repair::Insert(start + at, text)).collect();
        (!slips.is_empty()).then(|| Attempt { repairs, slips: slips.into_iter().map(|slip| (start, slip)).collect() })
    }

    /// Puts blanks in place of the tabs that a line is indented with.
    fn retab(&self, line: usize) -> Option<Attempt> {
        let text = self.source.line(line);
        let length = text.len() - text.trim_start_matches([' ', '\t']).len();
        if !text[..length].contains('\t') || length == text.len() {
            return None;
        }
        let above = (0..line).rev().map(|line| self.source.line(line)).find(|text| !text.trim().is_empty());
        let wanted = above.map_or(0, |above| indent(above) + if above.trim_end().ends_with(':') { 2 } else { 0 });
        let start = self.source.line_start(line);
        let mut repairs = vec![Repair::Blank(start..start + length)];
        match wanted.checked_sub(length) {
            Some(missing) if missing > 0 => repairs.push(Repair::Insert(start, " ".repeat(missing))),
            Some(_) => {}
            None => return None,
        }
        Some(Attempt { repairs, slips: Vec::new() })
    }

    /// The indentation of the first line behind `line` that is not blank; 0 at the end of the file.
    fn indent_behind(&self, line: usize) -> usize {
        let behind = (line + 1..self.source.line_count()).map(|line| self.source.line(line));
        behind.take(EDIT_REACH).find(|text| !text.trim().is_empty()).map_or(0, indent)
    }

    /// The line behind the last that is indented deeper than `line`.
    fn block_end(&self, line: usize) -> usize {
        let level = indent(self.source.line(line));
        let outside = |other: &usize| {
            let text = self.source.line(*other);
            !text.trim().is_empty() && indent(text) <= level
        };
        (line + 1..self.source.line_count()).find(outside).unwrap_or(self.source.line_count())
    }

    fn finish(self, builder: Builder<'_>, cut: Option<usize>) -> (Tree, Vec<Diagnostic>) {
        let (mut tree, mut diagnostics) = builder.finish();
        let blanked = self.repairs.iter().filter_map(|repair| match repair {
            Repair::Blank(range) => Some(range.clone()),
            Repair::Insert(..) => None,
        });
        let cut = cut.map(|at| self.source.line_start(self.source.line_of(at))..self.text.len());
        let mut damaged: Vec<_> = blanked.chain(cut).map(|range| Span::new(self.file, range.start, range.end)).collect();
        damaged.sort_by_key(|span| span.start);
        tree.damaged = damaged;
        diagnostics.extend(self.diagnostics);
        (tree, diagnostics)
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The text from `start` on with repairs, behind a prefix; what was put in, and where, goes to `inserted`.
fn render(text: &str, start: usize, prefix: &str, repairs: &[&Repair], inserted: &mut Vec<(usize, usize)>) -> String {
    let mut inserts: Vec<(usize, &str)> = repairs
        .iter()
        .filter_map(|repair| match repair {
            Repair::Insert(at, text) => Some((*at, text.as_str())),
            Repair::Blank(_) => None,
        })
        .collect();
    inserts.sort_by_key(|(at, _)| *at);
    let mut bytes = text.as_bytes()[start..].to_vec();
    for repair in repairs {
        if let Repair::Blank(range) = repair {
            for byte in &mut bytes[range.start - start..range.end - start] {
                if !matches!(byte, b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
        }
    }
    // Whole lines or ASCII were blanked, so this holds; else the text is parsed as it was.
    let body = String::from_utf8(bytes).unwrap_or_else(|_| text[start..].to_owned());
    let mut whole = String::with_capacity(prefix.len() + body.len() + 64);
    whole.push_str(prefix);
    let mut from = 0;
    for (at, text) in inserts {
        whole.push_str(&body[from..at - start]);
        whole.push_str(text);
        inserted.push((at, text.len()));
        from = at - start;
    }
    whole.push_str(&body[from..]);
    whole
}
