//! Judging the blocks of one text: pure, from the text, the fragments and the bases to the new text and what is to be told.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::endless::Search;
use crate::item::{Action, Item, Sides, State, actions_of};
use crate::library::Library;
use crate::marker::Key;
use crate::merge::{Chunk, merge};
use crate::normal::{self, Unit, line_end_of, normals, prefix_of, text_of};
use crate::store::{Entry, Store, hash};
use crate::template::Fragment;
use crate::tree::{self, Block, DEEPEST, Part, split_end, with_last_end};

/// What to do about a clash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Keep the text; the fragment's change counts as seen.
    Mine,
    /// Put the fragment's text in its place.
    Theirs,
    /// Write both, with conflict markers.
    Markers,
}

/// Says of a block, by its line, why it is a copy and no original, or why it waits for one.
pub type Copies<'a> = &'a (dyn Fn(usize) -> Option<String> + Sync);

/// What a run wants of single blocks, beside updating those that are outdated.
#[derive(Default)]
pub struct Wishes<'a> {
    /// How the clashes of these blocks are resolved; where the text was merely edited, [`Take::Theirs`] takes the edits back.
    pub take: HashMap<Key, Take>,
    /// How all other clashes are resolved.
    pub take_all: Option<Take>,
    /// The only blocks to update; all if none.
    pub only: Option<HashSet<Key>>,
    /// Copies, by the lines of their begin markers, that get these instances of their own.
    pub renew: HashMap<usize, String>,
    /// Only to look: then [`Judgement::text`] stays empty, and nothing is told of what the lock is to say.
    pub look: bool,
    /// The blocks that stand more than once.
    pub copies: Option<Copies<'a>>,
}

/// What the lock is to say of a block once the text is written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    /// The block: `NAME#INSTANCE`.
    pub instance: String,
    /// Its entry.
    pub entry: Entry,
    /// The base that the entry names; written before the transaction that writes the entry begins.
    #[serde(skip)]
    pub base: String,
}

/// What came of a text.
#[derive(Debug, Default)]
pub struct Judgement {
    /// All blocks and mistakes, by line.
    pub items: Vec<Item>,
    /// The text with everything done that can be. Where [`Judgement::is_held`] it must not be written.
    pub text: String,
    /// Whether the text is left as it is because something in it clashes or is wrong.
    pub is_held: bool,
    /// What the lock is to say then.
    pub records: Vec<Record>,
    /// The clashes, by key.
    pub clashes: Vec<(Key, Sides)>,
}

/// Judges a text. `file` is its path relative to the project.
pub fn judge(file: &Path, text: &str, library: &Library, store: &Store, wishes: &Wishes<'_>) -> Judgement {
    judge_parsed(file, &tree::parse(text), library, store, wishes)
}

/// The same, of a text that was read already.
pub(crate) fn judge_parsed(
    file: &Path,
    parsed: &tree::Parsed,
    library: &Library,
    store: &Store,
    wishes: &Wishes<'_>,
) -> Judgement {
    let (parts, problems) = parsed;
    let endless = Search::new(library);
    let mut judge = Judge { file, library, store, wishes, asked: false, spent: 0, endless, out: Judgement::default() };
    let new = judge.parts(parts, 0);
    let is_broken = !problems.is_empty();
    for problem in problems {
        let item = Item {
            file: file.to_path_buf(),
            line: problem.line,
            fragment: problem.key.as_ref().map(|key| key.fragment.clone()).unwrap_or_default(),
            instance: problem.key.as_ref().map(|key| key.instance.clone()).unwrap_or_default(),
            state: State::Error,
            message: problem.message.clone(),
            actions: Vec::new(),
            then: None,
        };
        judge.out.items.push(item);
    }
    let mut out = judge.out;
    out.items.sort_by_key(|item| item.line);
    // What is asked of single blocks is done whatever the others are like, as long as the text can be read.
    let in_doubt = |item: &Item| matches!(item.state, State::Clash | State::Error);
    out.is_held = is_broken || (wishes.only.is_none() && out.items.iter().any(in_doubt));
    tree::write(&new, &mut out.text);
    out
}

struct Judge<'a> {
    file: &'a Path,
    library: &'a Library,
    store: &'a Store,
    wishes: &'a Wishes<'a>,
    /// Whether the block that is at work lies in one that an update is asked of.
    asked: bool,
    /// What the block that is at work, with all in it, has taken: see [`MOST`].
    spent: usize,
    endless: Search<'a>,
    out: Judgement,
}

/// How many bytes a block and those in it may render to, each counted with [`EACH`] more.
const MOST: usize = 64 << 20;
const EACH: usize = 1 << 10;

/// How a block's text comes to be.
enum Way {
    Keep,
    Merge(Vec<Chunk>),
    Markers(Vec<Chunk>),
}

impl Judge<'_> {
    fn parts(&mut self, parts: &[Part], depth: usize) -> Vec<Part> {
        if self.wishes.look {
            tree::blocks(parts).for_each(|block| drop(self.block(block, depth)));
            return Vec::new();
        }
        parts
            .iter()
            .map(|part| match part {
                Part::Line(line) => Part::Line(line.clone()),
                Part::Block(block) => Part::Block(self.block(block, depth)),
            })
            .collect()
    }

    fn tell(&mut self, block: &Block, state: State, message: String, actions: &[Action]) {
        self.out.items.push(Item {
            file: self.file.to_path_buf(),
            line: block.line,
            fragment: block.key.fragment.clone(),
            instance: block.key.instance.clone(),
            state,
            message,
            actions: actions.to_vec(),
            then: None,
        });
    }

    /// The block as it is, but for the blocks in it.
    fn untouched(&mut self, block: &Block, depth: usize) -> Block {
        block.around(self.parts(&block.inside, depth + 1))
    }

    fn wrong(&mut self, block: &Block, depth: usize, message: String, actions: &[Action]) -> Block {
        self.tell(block, State::Error, message, actions);
        self.untouched(block, depth)
    }

    fn block(&mut self, block: &Block, depth: usize) -> Block {
        if depth > 0 {
            return self.one(block, depth);
        }
        let Judgement { items, records, clashes, .. } = &self.out;
        let (items, records, clashes) = (items.len(), records.len(), clashes.len());
        self.spent = 0;
        let new = self.one(block, depth);
        if self.spent <= MOST {
            return new;
        }
        // Told once, and not of each of the many blocks in it.
        self.out.items.truncate(items);
        self.out.records.truncate(records);
        self.out.clashes.truncate(clashes);
        self.tell(block, State::Error, "it renders to more than 64 MiB, including embedded fragments".into(), &[]);
        block.clone()
    }

    fn one(&mut self, block: &Block, depth: usize) -> Block {
        if self.spent > MOST {
            return block.clone();
        }
        let original = &block.key;
        let renewed = self.wishes.renew.get(&block.line).map(|instance| renew(block, instance));
        let block = renewed.as_ref().unwrap_or(block);
        if depth > DEEPEST {
            self.tell(block, State::Error, format!("more than {DEEPEST} nested fragments"), &[]);
            return block.clone();
        }
        if let Some(why) = self.wishes.copies.filter(|_| renewed.is_none()).and_then(|copies| copies(block.line)) {
            return self.wrong(block, depth, why, &[Action::NewInstance, Action::Detach]);
        }
        let fragment = match self.library.get(&block.key.fragment) {
            Ok(Some(fragment)) => fragment,
            Ok(None) => {
                self.tell(block, State::Orphan, self.words_of_orphan(&block.key), &[Action::Detach]);
                return self.untouched(block, depth);
            }
            Err(trouble) => return self.wrong(block, depth, trouble.to_string(), &[]),
        };
        let rendered = match fragment.render(&block.key.instance, &block.params) {
            Ok(text) if !text.contains('\0') => text,
            Ok(_) => return self.wrong(block, depth, "the fragment renders to a NUL character".into(), &[]),
            Err(said) => return self.wrong(block, depth, said, &[]),
        };
        self.spent += rendered.len() + EACH;
        let (theirs, problems) = tree::parse(&with_last_end(&rendered));
        if let Some(problem) = problems.first() {
            let message =
                format!("the text of the fragment has a mistake in its markers on line {}: {}", problem.line, problem.message);
            return self.wrong(block, depth, message, &[]);
        }
        if let Some(message) = self.endless.words(&block.key.fragment, &theirs) {
            self.tell(block, State::Error, message, &[]);
            return block.clone();
        }
        let asked = self.asked;
        let named = self.wishes.only.as_ref().is_none_or(|only| only.contains(&block.key));
        self.asked = asked || named || renewed.is_some();
        let new = self.compare(block, original, &fragment, &theirs, depth);
        self.asked = asked;
        new
    }

    fn compare(&mut self, block: &Block, original: &Key, fragment: &Arc<Fragment>, theirs: &[Part], depth: usize) -> Block {
        let their_units = normal::units(theirs, "");
        let their_lines = normals(&their_units);
        if self.is_as_rendered(block, &their_lines) {
            if self.asked {
                self.record(block, fragment, &their_lines);
            }
            self.tell(block, State::Current, AS_RENDERED.into(), actions_of(State::Current));
            return self.untouched(block, depth);
        }
        let entry = self.store.lock.get(original);
        let base = entry.and_then(|entry| self.store.base(&entry.base));
        let base_parts = base.as_deref().map(|text| tree::parse(text).0);
        let base_units = base_parts.as_ref().map(|parts| normal::units(parts, ""));
        let theirs = their_units.as_slice();
        let base_lines = base_units.as_ref().map(|units| normals(units));
        let prefix = prefix_of(block, base_lines.as_deref().unwrap_or(&their_lines));
        let mine = normal::units(&block.inside, &prefix);
        let my_lines = normals(&mine);

        let is_blank = my_lines.is_empty() && base.is_none();
        let nothing = Vec::new();
        let from = base_lines.as_ref().or(is_blank.then_some(&nothing));
        let chunks = from.map(|from| merge(from, &my_lines, &their_lines));
        let is_clean = |chunks: &Vec<Chunk>| !chunks.iter().any(|chunk| matches!(chunk, Chunk::Clash { .. }));
        let has_markers =
            my_lines.iter().any(|line| line.starts_with(MARK_MINE)) && my_lines.iter().any(|line| line.starts_with(MARK_THEIRS));
        // Who takes all lines away does not want a change of one of them to bring it back.
        let is_emptied = my_lines.is_empty() && from.is_some_and(|from| !from.is_empty() && *from != their_lines);

        let (mut state, mut why) = if has_markers {
            (State::Clash, "the text contains conflict markers: resolve the conflict and remove them".to_string())
        } else if my_lines == their_lines {
            (State::Current, AS_RENDERED.into())
        } else if is_emptied {
            (State::Clash, "you emptied the block, and the fragment has changed".into())
        } else {
            match chunks.as_ref().filter(|chunks| is_clean(chunks)) {
                Some(chunks) if chunks.iter().any(|chunk| matches!(chunk, Chunk::Theirs(..))) => {
                    match self.lost(block, &mine, theirs, chunks) {
                        Some(key) => (State::Clash, format!("the fragment no longer embeds `{key}`, whose text you edited")),
                        None if is_blank => (State::Outdated, "not rendered yet".into()),
                        None => (State::Outdated, "the fragment or its parameters have changed".into()),
                    }
                }
                Some(_) => (State::Edited, "edited; the fragment has nothing new".into()),
                None if from.is_none() && entry.is_some() => {
                    (State::Clash, "it differs from the fragment, and its base is missing from .seed/base".into())
                }
                None if from.is_none() => {
                    (State::Clash, "it differs from the fragment, and there is no base to merge from".into())
                }
                None => (State::Clash, "you and the fragment changed the same lines".into()),
            }
        };
        let explicit = self.wishes.take.get(&block.key).copied();
        let take = explicit.or(self.wishes.take_all.filter(|_| state == State::Clash && !has_markers));
        let whole = || vec![Chunk::Theirs(0..their_lines.len(), 0..my_lines.len())];
        let way = match (state, take) {
            (State::Clash, Some(Take::Mine)) if !has_markers => Way::Keep,
            (State::Clash | State::Edited, Some(Take::Theirs)) => Way::Merge(whole()),
            (State::Clash, Some(Take::Markers)) if !has_markers => {
                let both = || vec![Chunk::Clash { base: 0..0, mine: 0..my_lines.len(), theirs: 0..their_lines.len() }];
                Way::Markers(chunks.filter(|chunks| !is_clean(chunks)).unwrap_or_else(both))
            }
            (State::Outdated, _) if self.asked => Way::Merge(chunks.unwrap_or_else(whole)),
            _ => Way::Keep,
        };
        let will_change = matches!(way, Way::Merge(_));
        let is_taken = state == State::Clash && !has_markers && take.is_some() || will_change && take == Some(Take::Theirs);
        self.asked |= is_taken;
        (state, why) = match (state, take) {
            (State::Clash, Some(Take::Mine)) if !has_markers => (State::Edited, "your text is kept".into()),
            (State::Clash, Some(Take::Markers)) if !has_markers => {
                (State::Edited, "both are written into the text, with conflict markers".into())
            }
            (State::Clash | State::Edited, Some(Take::Theirs)) => (State::Outdated, "the fragment's text is taken".into()),
            (state, _) => (state, why),
        };
        let sides =
            || Sides { base: base_lines.as_deref().map(text_of), mine: text_of(&my_lines), theirs: text_of(&their_lines) };
        if state == State::Clash {
            self.out.clashes.push((block.key.clone(), sides()));
        } else if self.asked && (will_change || state != State::Outdated) {
            self.record(block, fragment, &their_lines);
        }
        self.tell(block, state, why, actions_of(state));
        if let (Way::Merge(chunks), Some(item)) = (&way, self.out.items.last_mut()) {
            let keeps_edits = lines_of(chunks, &my_lines, &their_lines) != their_lines;
            item.then = Some(match (keeps_edits, is_blank) {
                (true, _) => (State::Edited, "updated; your edits are kept"),
                (false, true) => (State::Current, "rendered"),
                (false, false) => (State::Current, "updated"),
            });
        }
        let writer = Writer { block, mine: &mine, theirs, prefix: &prefix, line_end: line_end_of(block), depth };
        match way {
            Way::Keep => self.untouched(block, depth),
            Way::Merge(chunks) | Way::Markers(chunks) => block.around(self.weave(&writer, &chunks)),
        }
    }

    /// Whether a block holds just what its fragment renders to, indented as its markers are: most do, and need no base.
    fn is_as_rendered(&self, block: &Block, their_lines: &[&str]) -> bool {
        let mine = normal::units(&block.inside, tree::indent_of(&block.begin));
        normals(&mine) == their_lines
    }

    /// A block inside whose text a person edited and that would go with the fragment's change.
    fn lost(&self, block: &Block, mine: &[Unit<'_>], theirs: &[Unit<'_>], chunks: &[Chunk]) -> Option<Key> {
        let mut stays: Vec<&Key> = Vec::new();
        for chunk in chunks {
            let units = match chunk {
                Chunk::Mine(range) => &mine[range.clone()],
                Chunk::Theirs(range, _) => &theirs[range.clone()],
                Chunk::Clash { .. } => continue,
            };
            stays.extend(units.iter().filter_map(|unit| key_of(unit.part)));
        }
        block.children().find(|child| !stays.contains(&&child.key) && !self.is_pristine(child)).map(|child| child.key.clone())
    }

    /// Whether a block holds what was rendered last, or nothing.
    fn is_pristine(&self, block: &Block) -> bool {
        let base = self.store.lock.get(&block.key).and_then(|entry| self.store.base(&entry.base));
        let parts = tree::parse(base.as_deref().unwrap_or_default()).0;
        let base = normal::units(&parts, "");
        let lines = normals(&base);
        let mine = normal::units(&block.inside, &prefix_of(block, &lines));
        normals(&mine) == lines && block.children().all(|child| self.is_pristine(child))
    }

    fn record(&mut self, block: &Block, fragment: &Fragment, their_lines: &[&str]) {
        if self.wishes.look {
            return;
        }
        let base = text_of(their_lines);
        let entry = Entry {
            file: self.file.to_path_buf(),
            version: fragment.version.clone(),
            parameters: block.params.iter().cloned().collect(),
            base: hash(base.as_bytes()),
            made: self.store.lock.get(&block.key).and_then(|known| known.made.clone()),
        };
        let is_known = self.store.lock.get(&block.key) == Some(&entry) && self.store.base(&entry.base).is_some();
        if !is_known {
            self.out.records.push(Record { instance: block.key.to_string(), entry, base });
        }
    }

    fn weave(&mut self, writer: &Writer<'_>, chunks: &[Chunk]) -> Vec<Part> {
        let mut inside = Vec::new();
        for chunk in chunks {
            match chunk {
                Chunk::Mine(range) => self.put_mine(writer, &writer.mine[range.clone()], &mut inside),
                Chunk::Theirs(range, _) => self.put_theirs(writer, &writer.theirs[range.clone()], &mut inside),
                Chunk::Clash { mine, theirs, .. } => {
                    inside.push(writer.line(MARK_MINE));
                    self.put_mine(writer, &writer.mine[mine.clone()], &mut inside);
                    inside.push(writer.line("======="));
                    // A block cannot stand twice; where both sides have it, mine is the one.
                    let new = |unit: &&Unit<'_>| {
                        key_of(unit.part).is_none_or(|key| !writer.block.children().any(|child| child.key == *key))
                    };
                    let new: Vec<Unit<'_>> = writer.theirs[theirs.clone()].iter().filter(new).cloned().collect();
                    self.put_theirs(writer, &new, &mut inside);
                    inside.push(writer.line(&format!("{MARK_THEIRS} {}", writer.block.key.fragment)));
                }
            }
        }
        inside
    }

    fn put_mine(&mut self, writer: &Writer<'_>, units: &[Unit<'_>], inside: &mut Vec<Part>) {
        for unit in units {
            inside.push(match unit.part {
                Part::Line(line) => Part::Line(line.clone()),
                Part::Block(block) => Part::Block(self.block(block, writer.depth + 1)),
            });
        }
    }

    fn put_theirs(&mut self, writer: &Writer<'_>, units: &[Unit<'_>], inside: &mut Vec<Part>) {
        for unit in units {
            inside.push(match unit.part {
                Part::Line(_) => writer.line(&unit.normal),
                Part::Block(block) => {
                    let there = writer.block.children().find(|child| child.key == block.key);
                    let marker = |line: &str| format!("{}{}{}", writer.prefix, split_end(line).0, writer.line_end);
                    let new = Block {
                        begin: marker(&block.begin),
                        end: marker(&block.end),
                        inside: there.map(|child| child.inside.clone()).unwrap_or_default(),
                        line: there.map_or(writer.block.line, |child| child.line),
                        ..block.clone()
                    };
                    Part::Block(self.block(&new, writer.depth + 1))
                }
            });
        }
    }

    fn words_of_orphan(&self, key: &Key) -> String {
        let names = self.library.words_of_names(&key.fragment);
        format!("there is no fragment `{}`: {names}; the text stays as it is", key.fragment)
    }
}

/// The lines that a merge without clashes comes to.
fn lines_of<'l>(chunks: &[Chunk], mine: &[&'l str], theirs: &[&'l str]) -> Vec<&'l str> {
    let of = |chunk: &Chunk| match chunk {
        Chunk::Mine(range) => mine[range.clone()].to_vec(),
        Chunk::Theirs(range, _) => theirs[range.clone()].to_vec(),
        Chunk::Clash { .. } => Vec::new(),
    };
    chunks.iter().flat_map(of).collect()
}

/// What is told of a block that is current.
pub(crate) const AS_RENDERED: &str = "as the fragment renders";

/// What the lines of a conflict begin with.
const MARK_MINE: &str = "<<<<<<< mine";
const MARK_THEIRS: &str = ">>>>>>> fragment";

/// Writes the lines of a block.
struct Writer<'a> {
    block: &'a Block,
    mine: &'a [Unit<'a>],
    theirs: &'a [Unit<'a>],
    prefix: &'a str,
    line_end: &'a str,
    depth: usize,
}

impl Writer<'_> {
    fn line(&self, text: &str) -> Part {
        let prefix = if text.is_empty() { "" } else { self.prefix };
        Part::Line(format!("{prefix}{text}{}", self.line_end))
    }
}

fn key_of(part: &Part) -> Option<&Key> {
    match part {
        Part::Block(block) => Some(&block.key),
        Part::Line(_) => None,
    }
}

fn renew(block: &Block, instance: &str) -> Block {
    let key = Key { instance: instance.into(), ..block.key.clone() };
    let rename = |line: &str| line.replacen(&block.key.to_string(), &key.to_string(), 1);
    Block { begin: rename(&block.begin), end: rename(&block.end), key, ..block.clone() }
}
