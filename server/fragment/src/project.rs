//! The fragments of a project: looked at, and changed on the disk in one transaction.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::WalkState;
use seed_role::Trouble;
use seed_role::host::folder::{self, Folder};
use seed_role::trouble::Result;

use crate::embed;
use crate::folders::{self, Folders};
use crate::glance::Glance;
use crate::item::{Item, State, actions_of};
use crate::judge::{AS_RENDERED, Judgement, Wishes, judge, judge_parsed};
use crate::library::Library;
use crate::marker::Key;
use crate::place;
use crate::store::Store;
use crate::transaction::is_interrupted;
use crate::tree;

/// The greatest file that is looked into, in bytes.
pub(crate) const LARGEST: u64 = 64 << 20;

/// A project as it is on the disk.
#[derive(Debug)]
pub struct Project {
    /// Its folder, without symbolic links.
    pub root: PathBuf,
    /// Its fragments.
    pub library: Library,
    /// What it remembers.
    pub store: Store,
}

/// What a command found and did.
#[derive(Debug, Default)]
pub struct Report {
    /// The blocks, by file and line, as they are now.
    pub items: Vec<Item>,
    /// The files that were written, relative to the project.
    pub written: Vec<PathBuf>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

/// Which blocks are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All in a file, or below a folder.
    Path(PathBuf),
    /// One.
    Key(Key),
}

/// A file with markers.
pub(crate) struct Text {
    pub(crate) file: PathBuf,
    pub(crate) text: String,
    pub(crate) parsed: tree::Parsed,
}

impl Text {
    pub(crate) fn new(file: PathBuf, text: String) -> Text {
        let parsed = tree::parse(&text);
        Text { file, text, parsed }
    }

    /// Its blocks, and on which lines they begin.
    fn places(&self) -> impl Iterator<Item = (&Path, &Key, usize)> {
        tree::all_blocks(&self.parsed.0).into_iter().map(|block| (self.file.as_path(), &block.key, block.line))
    }
}

/// What came of a look at a file.
struct Seen {
    file: PathBuf,
    /// Its blocks, and on which lines they begin.
    blocks: Vec<(Key, usize)>,
    /// Where not all of them are current: how they stand, copies left aside.
    judgement: Option<Judgement>,
}

/// Something about a file.
trait InFile {
    /// The file, relative to the project.
    fn file(&self) -> &Path;
}

impl InFile for Text {
    fn file(&self) -> &Path {
        &self.file
    }
}

impl InFile for Seen {
    fn file(&self) -> &Path {
        &self.file
    }
}

/// A block that stands more than once.
#[derive(Clone)]
pub(crate) struct Copy {
    key: Key,
    pub(crate) is_original: bool,
    /// What is to be told of it.
    pub(crate) message: String,
}

/// By file and line.
pub(crate) type Copies = HashMap<(PathBuf, usize), Copy>;

/// The copies that are left once some have an instance of their own: what only those were copies of is none any more.
pub(crate) fn without_renewed(copies: &Copies, is_renewed: impl Fn(&Path, usize) -> bool) -> Copies {
    let left = || copies.iter().filter(|((file, line), _)| !is_renewed(file, *line));
    let mut counts: HashMap<&Key, usize> = HashMap::new();
    left().for_each(|(_, copy)| *counts.entry(&copy.key).or_default() += 1);
    left().filter(|(_, copy)| counts.get(&copy.key) > Some(&1)).map(|(place, copy)| (place.clone(), copy.clone())).collect()
}

/// What a look at files gave.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) texts: Vec<Text>,
    /// Files that cannot be read.
    pub(crate) wrong: Vec<Item>,
}

impl Project {
    /// Opens the project at a folder.
    ///
    /// # Errors
    ///
    /// When there is no such folder, or its lock cannot be read.
    pub fn open(root: &Path) -> Result<Project> {
        let root = folder::real(root)?;
        Ok(Project { library: Library::of(&root), store: Store::open(&root)?, root })
    }

    /// Its folder, opened now: a project is kept for long, and another folder may have its path by then.
    pub(crate) fn folder(&self) -> Result<Folder> {
        folders::open(&self.root)
    }

    /// How all blocks below these paths stand; of the whole project where none is given. Changes nothing.
    ///
    /// # Errors
    ///
    /// When a path is not there, or leads out of the project.
    pub fn status(&self, paths: &[PathBuf]) -> Result<Report> {
        let (seen, wrong) = self.each_text(paths, |glance, file, text| match glance.current(text) {
            Some(blocks) => Seen { file, blocks, judgement: None },
            None => {
                let text = Text::new(file, text.to_string());
                let judgement = judge_parsed(&text.file, &text.parsed, &self.library, &self.store, &only_look(None));
                let blocks = text.places().map(|(_, key, line)| (key.clone(), line)).collect();
                Seen { file: text.file, blocks, judgement: Some(judgement) }
            }
        })?;
        let copies = self.copies(
            seen.iter().map(|seen| seen.file.as_path()),
            seen.iter().flat_map(|seen| seen.blocks.iter().map(|(key, line)| (seen.file.as_path(), key, *line))),
        );
        let with_copies: HashSet<&Path> = copies.keys().map(|(file, _)| file.as_path()).collect();
        let mut report = Report { items: wrong, ..Report::default() };
        for Seen { file, blocks, judgement } in seen {
            if with_copies.contains(file.as_path()) {
                report.items.extend(self.judge_again(&file, &copies));
                continue;
            }
            match judgement {
                Some(judgement) => report.items.extend(judgement.items),
                None => report.items.extend(blocks.into_iter().map(|(key, line)| current(&file, key, line))),
            }
        }
        if is_interrupted(&self.root) {
            report.notes.push("an update was interrupted: the next one finishes it or takes it back".into());
        }
        report.sort();
        Ok(report)
    }

    /// How the blocks of a file stand, some of which stand more than once.
    fn judge_again(&self, file: &Path, copies: &Copies) -> Vec<Item> {
        let mut bytes = Vec::new();
        let root = match self.folder() {
            Ok(root) => root,
            Err(trouble) => return vec![unreadable(file.to_path_buf(), trouble.to_string())],
        };
        match self.look_into(&root, file, &Glance::new(&self.library), &mut bytes) {
            Some(Ok(text)) => {
                let why = |line: usize| copies.get(&(file.to_path_buf(), line)).map(|copy| copy.message.clone());
                judge(file, text, &self.library, &self.store, &only_look(Some(&why))).items
            }
            Some(Err(item)) => vec![*item],
            None => Vec::new(),
        }
    }

    /// Reads the files below paths that hold markers.
    pub(crate) fn scan(&self, paths: &[PathBuf]) -> Result<Scan> {
        let (texts, wrong) = self.each_text(paths, |_, file, text| Text::new(file, text.to_string()))?;
        Ok(Scan { texts, wrong })
    }

    /// Looks at the files below paths that hold markers, on all cores. Gives what came of each, by its path, and those that cannot be read.
    fn each_text<T: Send + InFile>(
        &self,
        paths: &[PathBuf],
        look: impl Fn(&mut Glance<'_>, PathBuf, &str) -> T + Sync,
    ) -> Result<(Vec<T>, Vec<Item>)> {
        let mut starts = Vec::new();
        for path in paths {
            starts.push(self.root.join(place::named(&self.root, path)?));
        }
        if paths.is_empty() {
            place::named(&self.root, &self.root)?;
            starts.push(self.root.clone());
        }
        let all = Mutex::new((Vec::new(), Vec::new()));
        let left_out = Arc::new(Mutex::new(Vec::new()));
        let root = self.folder()?;
        for start in &starts {
            let note = Arc::clone(&left_out);
            let note = move |rules| note.lock().unwrap_or_else(PoisonError::into_inner).push(rules);
            place::walk(&self.root, start, note)?.run(|| {
                let mut glance = Glance::new(&self.library);
                // One buffer for all files that a thread reads.
                let mut bytes = Vec::new();
                let (all, look, root) = (&all, &look, &root);
                Box::new(move |entry| {
                    let Ok(entry) = entry else { return WalkState::Continue };
                    if !entry.file_type().is_some_and(|kind| kind.is_file()) {
                        return WalkState::Continue;
                    }
                    let file = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
                    let found = self.look_into(root, file, &glance, &mut bytes);
                    let found = found.map(|found| found.map(|text| look(&mut glance, file.to_path_buf(), text)));
                    if let Some(found) = found {
                        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                        match found {
                            Ok(one) => all.0.push(one),
                            Err(item) => all.1.push(*item),
                        }
                    }
                    WalkState::Continue
                })
            });
        }
        let (mut all, mut wrong) = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        wrong.extend(left_out.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|rules| {
            let file = rules.strip_prefix(&self.root).unwrap_or(rules).to_path_buf();
            unreadable(file, place::no_rules(rules))
        }));
        all.sort_by(|one, other| one.file().cmp(other.file()));
        all.dedup_by(|one, other| one.file() == other.file());
        Ok((all, wrong))
    }

    /// The text of a file, if it holds markers; or what is wrong with it. `bytes` is where it is read to.
    fn look_into<'b>(
        &self,
        root: &Folder,
        file: &Path,
        glance: &Glance<'_>,
        bytes: &'b mut Vec<u8>,
    ) -> Option<Result<&'b str, Box<Item>>> {
        let wrong = |message: String| Some(Err(Box::new(unreadable(file.to_path_buf(), message))));
        bytes.clear();
        match root.open_file(file) {
            Ok(None) => return None,
            Ok(Some(open)) => {
                if let Err(error) = open.take(LARGEST + 1).read_to_end(bytes) {
                    return wrong(format!("it cannot be read: {error}"));
                }
            }
            Err(trouble) => return wrong(format!("it cannot be read: {}", trouble.came_back)),
        }
        if bytes.len() as u64 > LARGEST || !glance.has_markers(bytes) {
            return None;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Some(Ok(text)),
            Ok(_) => wrong("it holds markers and NUL characters: only text can embed fragments".into()),
            Err(error) => {
                let at = error.valid_up_to();
                let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                wrong(format!("it holds markers and is not UTF-8 text: byte {at}, on line {line}, cannot be read"))
            }
        }
    }

    /// The blocks of texts that stand more than once, by file and line.
    pub(crate) fn copies_in(&self, texts: &[Text]) -> Copies {
        self.copies(texts.iter().map(|text| text.file.as_path()), texts.iter().flat_map(Text::places))
    }

    /// The blocks that stand more than once, by file and line.
    ///
    /// The original is the block in the file that the lock names, or else the first. It is not updated either: its base is also
    /// that of its copies, for as long as they have none of their own.
    fn copies<'p>(
        &self,
        files: impl Iterator<Item = &'p Path>,
        places: impl Iterator<Item = (&'p Path, &'p Key, usize)>,
    ) -> Copies {
        let mut firsts: HashMap<&Key, (&Path, usize)> = HashMap::new();
        let mut again: BTreeMap<&Key, Vec<(PathBuf, usize)>> = BTreeMap::new();
        let place = |(file, line): (&Path, usize)| (file.to_path_buf(), line);
        for (file, key, line) in places {
            match firsts.entry(key) {
                Entry::Vacant(first) => drop(first.insert((file, line))),
                Entry::Occupied(first) => {
                    again.entry(key).or_insert_with(|| vec![place(*first.get())]).push((file.to_path_buf(), line))
                }
            }
        }
        // Where only a part of the project was looked at, or a file is gone, the original may be elsewhere.
        let looked_at: HashSet<&OsStr> = files.map(Path::as_os_str).collect();
        let lock = &self.store.lock;
        // An open text has few blocks, a whole project as many as the lock: whichever is shorter is gone through.
        let apart: Vec<(&Key, &Path)> = if firsts.len() < lock.len() / 8 {
            firsts.keys().filter_map(|key| lock.get_key_value(*key)).map(|(key, entry)| (key, entry.file.as_path())).collect()
        } else {
            lock.iter().map(|(key, entry)| (key, entry.file.as_path())).collect()
        };
        let mut elsewhere: HashMap<&Path, Vec<(Key, usize)>> = HashMap::new();
        for (key, file) in apart.into_iter().filter(|(_, file)| !looked_at.contains(file.as_os_str())) {
            let Some(first) = firsts.get(key) else { continue };
            let there = elsewhere.entry(file).or_insert_with(|| self.keys_in(file));
            for (_, line) in there.iter().filter(|(other, _)| other == key) {
                again.entry(key).or_insert_with(|| vec![place(*first)]).push((file.to_path_buf(), *line));
            }
        }
        let mut copies = Copies::new();
        for (key, found) in again {
            let known = lock.get(key).map(|entry| entry.file.as_path());
            let original = found.iter().position(|(file, _)| Some(file.as_path()) == known).unwrap_or_default();
            let place = |at: usize| format!("{}:{}", found[at].0.display(), found[at].1);
            for (at, one) in found.iter().enumerate() {
                let is_original = at == original;
                let message = match is_original {
                    true => format!(
                        "there is a copy of `{key}` in {}: until that has an instance of its own, neither is updated",
                        place(usize::from(original == 0))
                    ),
                    false => format!("a copy of `{key}` in {}: give it an instance of its own", place(original)),
                };
                copies.insert(one.clone(), Copy { key: key.clone(), is_original, message });
            }
        }
        copies
    }

    fn keys_in(&self, file: &Path) -> Vec<(Key, usize)> {
        let read = || -> Result<Option<Vec<u8>>> {
            let root = self.folder()?;
            let (folder, name) = Folders::new(&root).of(file)?;
            folder.read(name, LARGEST)
        };
        // What cannot be read has no blocks that could be copies.
        let text = read().ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        tree::all_blocks(&tree::parse(&text).0).into_iter().map(|block| (block.key.clone(), block.line)).collect()
    }

    /// Judges texts, on all cores.
    pub(crate) fn judge_all<'t, 'w>(
        &self,
        texts: &'t [Text],
        copies: &Copies,
        wishes: impl Fn(&Text) -> Wishes<'w> + Sync,
    ) -> Vec<(&'t Text, Judgement)> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let (project, wishes) = (self, &wishes);
        let judge_one = move |text: &'t Text| {
            let why = |line: usize| copies.get(&(text.file.clone(), line)).map(|copy| copy.message.clone());
            let own = wishes(text);
            let wishes = Wishes {
                copies: Some(&why),
                take: own.take,
                take_all: own.take_all,
                only: own.only,
                renew: own.renew,
                look: own.look,
            };
            (text, judge_parsed(&text.file, &text.parsed, &project.library, &project.store, &wishes))
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = texts
                .chunks(texts.len().div_ceil(cores).max(1))
                .map(|some| scope.spawn(move || some.iter().map(judge_one).collect::<Vec<_>>()))
                .collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }

    /// How the blocks of an open text stand, and what would become of it: the same as on the disk, with nothing written.
    /// `file` is relative to the project.
    ///
    /// What [`Judgement::records`] says is for [`crate::record`], once the text is on the disk.
    pub fn judge_text(&self, file: &Path, text: &str, wishes: Wishes<'_>) -> Judgement {
        let texts = [Text::new(file.to_path_buf(), text.to_string())];
        let mut copies = self.copies_in(&texts);
        if !wishes.renew.is_empty() {
            copies = without_renewed(&copies, |other, line| other == file && wishes.renew.contains_key(&line));
        }
        let why = |line: usize| copies.get(&(file.to_path_buf(), line)).map(|copy| copy.message.clone());
        judge(file, text, &self.library, &self.store, &Wishes { copies: Some(&why), ..wishes })
    }

    /// The text that a fragment renders to with these parameters, for a look at it.
    ///
    /// # Errors
    ///
    /// When there is no such fragment, or what is wrong with it or the parameters.
    pub fn rendered(&self, key: &Key, params: &[(String, String)]) -> Result<String> {
        let attempted = || format!("render the fragment `{}`", key.fragment);
        let fragment = self.library.get(&key.fragment)?.ok_or_else(|| {
            let names = self.library.words_of_names(&key.fragment);
            Trouble::new(attempted(), format!("there is none of that name: {names}"))
        })?;
        fragment.render(&key.instance, params).map_err(|said| Trouble::new(attempted(), said))
    }

    /// An instance of a fragment that is taken nowhere in the project, nor in `text`.
    ///
    /// # Errors
    ///
    /// As [`Project::status`].
    pub fn free_instance(&self, fragment: &str, text: &str) -> Result<String> {
        let scan = self.scan(&[])?;
        let texts = scan.texts.iter().map(|text| text.text.as_str()).chain([text]);
        let keys: BTreeSet<Key> = texts.flat_map(keys_of).chain(self.store.lock.keys().cloned()).collect();
        Ok(embed::free_instance(fragment, keys.iter()))
    }
}

fn only_look(copies: Option<crate::judge::Copies<'_>>) -> Wishes<'_> {
    Wishes { look: true, copies, ..Wishes::default() }
}

/// A block that holds just what its fragment renders to.
fn current(file: &Path, key: Key, line: usize) -> Item {
    let Key { fragment, instance } = key;
    let (state, message) = (State::Current, AS_RENDERED.to_string());
    Item { file: file.to_path_buf(), line, fragment, instance, state, message, actions: actions_of(state).to_vec(), then: None }
}

fn unreadable(file: PathBuf, message: String) -> Item {
    let (fragment, instance) = (String::new(), String::new());
    Item { file, line: 1, fragment, instance, state: State::Error, message, actions: Vec::new(), then: None }
}

pub(crate) fn keys_of(text: &str) -> Vec<Key> {
    tree::all_blocks(&tree::parse(text).0).into_iter().map(|block| block.key.clone()).collect()
}

impl Report {
    pub(crate) fn sort(&mut self) {
        self.items.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    }
}
