//! The formatter behind `seed fmt`: it changes blanks and blank lines, and nothing else.
//!
//! Each line keeps its text; what is decided anew is its indentation, the blank lines before it, and the blanks
//! within brackets. At the end the result is parsed again: if it said another thing, the text is left as it was.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Severity};
use crate::text::{FileId, Source};
use crate::tree::{Node, NodeKind, Style, Tree};
use crate::{model, yaml};

/// How much deeper each level is indented.
const STEP: usize = 2;

/// The text of a file, formatted. None if the text is broken, because then it is not known what it says.
///
/// Two blanks for each level, one blank line between roles and never two, one blank behind the colon of a key, `[a, b]` and
/// `{a: b}`, no blanks at the end of a line, one line end at the end of the file. Comments, block scalars and the order of keys stay as they are.
pub fn format(source: &Source, file: FileId) -> Option<String> {
    let (tree, diagnostics) = yaml::parse(source, file, None);
    if tree.root.is_none() || !tree.damaged.is_empty() || has_errors(&diagnostics) {
        return None;
    }
    let text = Formatter::new(source, file, &tree).run();
    let again = Source::new(source.path(), text.as_str());
    let (result, diagnostics) = yaml::parse(&again, file, None);
    match !has_errors(&diagnostics) && same_data(&tree, &result) && same_letters(source.text(), &text) {
        true => Some(text),
        false => Some(source.text().to_string()),
    }
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Whether two trees say the same. Both stand in the order of their text, so node by node.
fn same_data(one: &Tree, other: &Tree) -> bool {
    let same = |(one, other): (&Node, &Node)| {
        let kind = match (&one.kind, &other.kind) {
            (NodeKind::Scalar(one, style), NodeKind::Scalar(other, other_style)) => one == other && style == other_style,
            (NodeKind::List(one), NodeKind::List(other)) => one == other,
            (NodeKind::Map(one), NodeKind::Map(other)) => one == other,
            (NodeKind::Alias(one), NodeKind::Alias(other)) => one == other,
            _ => false,
        };
        kind && one.tag == other.tag
    };
    one.root == other.root && one.nodes.len() == other.nodes.len() && one.nodes.iter().zip(&other.nodes).all(same)
}

/// Whether two texts differ in blanks and line ends alone, so that no comment is lost or joined to another.
fn same_letters(one: &str, other: &str) -> bool {
    let letters = |text: &'_ str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<Vec<_>>();
    let comments = |text: &str| text.lines().filter(|line| line.trim_start().starts_with('#')).count();
    letters(one) == letters(other) && comments(one) == comments(other)
}

/// What a line is part of.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// Keys, items, comments: it is indented by its level.
    Own,
    /// A scalar in quotes, or without, that began on a line before.
    Folded,
    /// A list or mapping in brackets that began on a line before.
    Flow,
    /// The content of a block scalar: its indentation, whether that is given by a number in its header, and whether
    /// blank lines behind it are content too.
    Block { indent: usize, fixed: bool, keep: bool },
}

/// A collection that is open, by its column before and after.
#[derive(Clone, Copy)]
struct Level {
    old: usize,
    new: usize,
    list: bool,
}

/// A line of the result.
struct Line {
    indent: usize,
    text: String,
    /// A comment on a line of its own.
    comment: bool,
    /// A blank line behind it would be content.
    sealed: bool,
    /// A role begins on it.
    role: bool,
}

struct Formatter<'a> {
    source: &'a Source,
    tree: &'a Tree,
    parts: Vec<Part>,
    /// The lines on which roles begin.
    roles: HashSet<usize>,
    /// Where the keys end that are not within brackets.
    keys: Vec<usize>,
    levels: Vec<Level>,
    /// How far the last line that is not part of another was moved.
    shift: isize,
    lines: Vec<Line>,
    /// The comments that wait for the line below them, with their column and the blank lines before them.
    waiting: Vec<(usize, usize, String)>,
    blanks: usize,
}

impl<'a> Formatter<'a> {
    fn new(source: &'a Source, file: FileId, tree: &'a Tree) -> Self {
        let mut parts = vec![Part::Own; source.line_count()];
        let lines =
            |node: &Node| source.line_of(node.span.start as usize) + 1..=source.line_of(node.span.end.max(1) as usize - 1);
        for node in tree.nodes.iter().filter(|node| is_flow(source, node)) {
            lines(node).for_each(|line| parts[line] = Part::Flow);
        }
        for node in &tree.nodes {
            match node.kind {
                NodeKind::Scalar(_, Style::Plain | Style::Quoted) => lines(node).for_each(|line| parts[line] = Part::Folded),
                NodeKind::Scalar(_, Style::Block) => block(source, node, &mut parts),
                _ => {}
            }
        }
        let roles = model::read(source, file, tree, true).0.roles;
        let roles = roles.iter().map(|role| source.line_of(tree.node(role.key).span.start as usize)).collect();
        let mut keys = Vec::new();
        for node in tree.nodes.iter().filter(|node| !is_flow(source, node)) {
            if let NodeKind::Map(pairs) = &node.kind {
                keys.extend(pairs.iter().map(|(key, _)| tree.node(*key).span.end as usize));
            }
        }
        keys.sort_unstable();
        let (levels, lines, waiting) = (Vec::new(), Vec::new(), Vec::new());
        Formatter { source, tree, parts, roles, keys, levels, shift: 0, lines, waiting, blanks: 0 }
    }

    fn run(mut self) -> String {
        for number in 0..self.source.line_count() {
            let part = self.parts[number];
            let text = self.respaced(number);
            match part {
                Part::Own => self.own(number, text.trim_start_matches('\u{feff}')),
                Part::Folded | Part::Flow => {
                    let inner = self.parts.get(number + 1) == Some(&Part::Folded);
                    let text = if inner { &text } else { text.trim_end() };
                    self.moved(text, self.shift, false);
                }
                Part::Block { indent, fixed, keep } => {
                    let level = self.levels.last().map_or(0, |level| level.new + STEP);
                    let shift = if fixed { self.level_shift() } else { level as isize - indent as isize };
                    // A line of blanks alone is content only beyond the indentation.
                    let blank = text.trim_matches(' ').is_empty() && text.len() <= indent;
                    self.moved(if blank { "" } else { &text }, shift, keep);
                }
            }
        }
        self.settle_comments(None);
        self.text()
    }

    /// A line that stands for itself.
    fn own(&mut self, number: usize, text: &str) {
        let text = text.trim_end();
        let indent = text.len() - text.trim_start_matches(' ').len();
        let mut rest = &text[indent..];
        if rest.is_empty() {
            self.blanks += 1;
            return;
        }
        if rest.starts_with('#') {
            self.waiting.push((indent, self.blanks, rest.to_owned()));
            self.blanks = 0;
            return;
        }
        if indent == 0 && (rest.starts_with('%') || rest.starts_with("---") || rest.starts_with("...")) {
            self.levels.clear();
            self.settle_comments(Some((0, 0)));
            self.shift = 0;
            self.push(0, rest.to_owned(), number);
            return;
        }
        let open = self.levels.clone();
        let mut column = indent;
        let mut first = None;
        let mut written = String::new();
        loop {
            let dash = rest == "-" || rest.starts_with("- ");
            let new = self.enter(column, dash);
            first.get_or_insert(new);
            if !dash {
                if is_block_header(rest) {
                    // The text below it is indented by what holds it.
                    self.levels.pop();
                }
                written += rest;
                break;
            }
            let behind = rest[1..].trim_start_matches(' ');
            column += rest.len() - behind.len();
            rest = behind;
            written += if rest.is_empty() { "-" } else { "- " };
            if rest.is_empty() || rest.starts_with('#') {
                written += rest;
                break;
            }
        }
        let new = first.unwrap_or(0);
        let levels = std::mem::replace(&mut self.levels, open);
        self.settle_comments(Some((indent, new)));
        self.levels = levels;
        self.shift = new as isize - indent as isize;
        self.push(new, written, number);
    }

    /// The new column of what stands at a column; opens a level for it if there is none.
    fn enter(&mut self, column: usize, list: bool) -> usize {
        while self.levels.last().is_some_and(|level| level.old > column) {
            self.levels.pop();
        }
        // A key behind a list that was indented as little as its own key.
        if !list && self.levels.last().is_some_and(|level| level.old == column && level.list) {
            self.levels.pop();
        }
        match self.levels.last() {
            Some(level) if level.old == column && (level.list || !list) => level.new,
            parent => {
                let new = parent.map_or(0, |parent| parent.new + STEP);
                self.levels.push(Level { old: column, new, list });
                new
            }
        }
    }

    fn level_shift(&self) -> isize {
        // The number in a header counts from the collection around the scalar.
        self.levels.last().map_or(0, |level| level.new as isize - level.old as isize)
    }

    fn push(&mut self, indent: usize, text: String, number: usize) {
        let blanks = std::mem::take(&mut self.blanks);
        self.blank_line(blanks);
        self.lines.push(Line { indent, text, comment: false, sealed: false, role: self.roles.contains(&number) });
    }

    /// One blank line for any number of them, and none at the start.
    fn blank_line(&mut self, blanks: usize) {
        if blanks > 0 && !self.lines.is_empty() {
            self.lines.push(Line { indent: 0, text: String::new(), comment: false, sealed: false, role: false });
        }
    }

    /// A line that moves with the one it is part of.
    fn moved(&mut self, text: &str, shift: isize, sealed: bool) {
        let indent = text.len() - text.trim_start_matches(' ').len();
        let new = if text.is_empty() { 0 } else { indent.saturating_add_signed(shift) };
        self.lines.push(Line { indent: new, text: text[indent..].to_owned(), comment: false, sealed, role: false });
    }

    /// Indents the comments that wait, now that the line below them is known by its old and new column.
    fn settle_comments(&mut self, below: Option<(usize, usize)>) {
        for (column, blanks, text) in std::mem::take(&mut self.waiting) {
            let level = self.levels.iter().rev().find(|level| level.old <= column);
            let indent = match (below, level) {
                (Some((old, new)), _) if old == column => new,
                (_, Some(level)) if level.old == column => level.new,
                // A comment deeper than what is open: a key that was commented out.
                (Some((old, _)), Some(level)) if column > old => level.new + STEP,
                (Some((_, new)), _) => new,
                (None, Some(level)) => level.new + STEP,
                (None, None) => 0,
            };
            self.blank_line(blanks);
            self.lines.push(Line { indent, text, comment: true, sealed: false, role: false });
        }
    }

    /// The lines as one text, with one blank line before each role but the first.
    fn text(self) -> String {
        let mut lines: Vec<Line> = Vec::with_capacity(self.lines.len());
        let mut seen_role = false;
        for line in self.lines {
            if line.role && std::mem::replace(&mut seen_role, true) {
                // Comments right above a role, as deep as it is or less, belong to it.
                let mut at = lines.len();
                while at > 0 && lines[at - 1].comment && lines[at - 1].indent <= line.indent {
                    at -= 1;
                }
                let apart = at == 0 || lines[at - 1].text.is_empty() || lines[at - 1].sealed;
                if !apart {
                    lines.insert(at, Line { indent: 0, text: String::new(), comment: false, sealed: false, role: false });
                }
            }
            lines.push(line);
        }
        let end = if self.source.text().contains("\r\n") { "\r\n" } else { "\n" };
        let mut text = String::with_capacity(self.source.text().len() + 64);
        if self.source.text().starts_with('\u{feff}') {
            text.push('\u{feff}');
        }
        for line in lines {
            text.extend(std::iter::repeat_n(' ', line.indent));
            text.push_str(&line.text);
            text.push_str(end);
        }
        text
    }

    /// A line with the blanks behind its key and within its brackets set.
    fn respaced(&self, number: usize) -> String {
        let start = self.source.line_start(number);
        let line = self.source.line(number);
        let end = start + line.len();
        if self.parts[number] != Part::Own || !line.contains([':', '[', '{']) {
            return line.to_owned();
        }
        let mut text = String::with_capacity(line.len() + 8);
        let mut from = start;
        let keys = &self.keys[self.keys.partition_point(|key| *key < start)..];
        for key in keys.iter().copied().take_while(|key| *key < end) {
            let Some(value) = self.value_behind(key, end).filter(|_| key >= from) else { continue };
            text.push_str(self.source.text()[from..value].trim_end_matches([' ', '\t']));
            text.push(' ');
            from = value;
        }
        // Nodes stand in the order of the text.
        let first = self.tree.nodes.partition_point(|node| (node.span.start as usize) < start);
        for node in self.tree.nodes[first..].iter().take_while(|node| (node.span.start as usize) < end) {
            let (open, close) = (node.span.start as usize, node.span.end as usize);
            if open >= from && close <= end && is_flow(self.source, node) {
                text.push_str(&self.source.text()[from..open]);
                self.respace(open, close, &mut text);
                from = close;
            }
        }
        text.push_str(&self.source.text()[from..end]);
        text
    }

    /// Where the value of a key begins, if it does so on the key's line.
    fn value_behind(&self, key: usize, end: usize) -> Option<usize> {
        let blanks = [' ', '\t'];
        let line = &self.source.text()[key..end];
        let behind = line.trim_start_matches(blanks).strip_prefix(':')?;
        let value = behind.trim_start_matches(blanks);
        let begins = value.len() < behind.len() && !value.trim_end().is_empty() && !value.starts_with('#');
        begins.then(|| end - value.len())
    }

    /// Writes a collection in brackets with one blank behind each `,` and `:`, and none within the brackets.
    fn respace(&self, open: usize, close: usize, text: &mut String) {
        let source = self.source.text();
        let first = self.tree.nodes.partition_point(|node| (node.span.start as usize) < open);
        let is_leaf =
            |node: &&Node| matches!(node.kind, NodeKind::Scalar(..) | NodeKind::Alias(_)) && node.span.start < node.span.end;
        let mut leaves =
            self.tree.nodes[first..].iter().take_while(|node| (node.span.start as usize) < close).filter(is_leaf).peekable();
        let mut at = open;
        let mut blank = false;
        while at < close {
            if let Some(leaf) = leaves.next_if(|leaf| leaf.span.start as usize == at) {
                text.push_str(if blank { " " } else { "" });
                text.push_str(self.source.slice(leaf.span));
                at = leaf.span.end as usize;
                // What stood apart stays apart: `a :` is a key and `a:` may be none.
                blank = source[at..].starts_with([' ', '\t'])
                    && !source[at..].trim_start_matches([' ', '\t']).starts_with([',', ']', '}']);
                continue;
            }
            let byte = source.as_bytes()[at];
            match byte {
                b' ' | b'\t' => {}
                b']' | b'}' => {
                    text.push(byte as char);
                    blank = false;
                }
                b',' => {
                    text.push(',');
                    blank = true;
                }
                b'[' | b'{' => {
                    text.push_str(if blank { " " } else { "" });
                    text.push(byte as char);
                    blank = false;
                }
                b':' | b'?' => {
                    text.push_str(if blank && byte == b'?' { " " } else { "" });
                    text.push(byte as char);
                    blank = true;
                }
                _ => {
                    // A tag or an anchor.
                    let end = source[at..close].find([' ', '\t', ',', ']', '}']).map_or(close, |end| at + end);
                    text.push_str(if blank { " " } else { "" });
                    text.push_str(&source[at..end]);
                    blank = true;
                    at = end;
                    continue;
                }
            }
            at += 1;
        }
    }
}

/// Whether a node is written in brackets. A mapping may begin with a key that is.
fn is_flow(source: &Source, node: &Node) -> bool {
    let byte = source.text().as_bytes().get(node.span.start as usize);
    let last = node.span.end.checked_sub(1).and_then(|at| source.text().as_bytes().get(at as usize));
    match node.kind {
        NodeKind::List(_) => byte == Some(&b'['),
        NodeKind::Map(_) => byte == Some(&b'{') && last == Some(&b'}'),
        _ => false,
    }
}

/// Whether a value is the header of a block scalar, perhaps behind a tag and an anchor.
fn is_block_header(text: &str) -> bool {
    let value = text.split(' ').find(|word| !word.starts_with(['!', '&']) && !word.is_empty());
    value.is_some_and(|value| value.starts_with(['|', '>']))
}

/// Marks the lines of a block scalar's content.
fn block(source: &Source, node: &Node, parts: &mut [Part]) {
    let header = source.line_of(node.span.start as usize);
    let mark = &source.text()[node.span.start as usize..];
    let mark = &mark[..mark.find([' ', '\n', '\r', '#']).unwrap_or(mark.len())];
    let fixed = mark.contains(|letter: char| letter.is_ascii_digit());
    let keep = mark.contains('+');
    let mut last = source.line_of(node.span.end.max(1) as usize - 1);
    let indent = (header + 1..=last).map(|line| source.line(line)).find(|line| !line.trim_matches(' ').is_empty());
    let indent = indent.map_or(0, |line| line.len() - line.trim_start_matches(' ').len());
    // `+` keeps the blank lines behind the text as content.
    if keep {
        while last + 1 < source.line_count() && source.line(last + 1).trim_matches(' ').is_empty() {
            last += 1;
        }
        // What is behind the last line end is no line.
        if last + 1 == source.line_count() && source.line(last).is_empty() {
            last -= 1;
        }
    }
    for part in parts.iter_mut().take(last + 1).skip(header + 1) {
        *part = Part::Block { indent, fixed, keep };
    }
}
