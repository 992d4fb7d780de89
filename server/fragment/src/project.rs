//! The fragments of a project: looked at, and changed on the disk in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ignore::WalkState;
use memchr::memmem::Finder;
use seed_role::Trouble;
use seed_role::trouble::Result;

use crate::embed;
use crate::item::{Item, State};
use crate::judge::{Judgement, Wishes, judge, judge_parsed};
use crate::library::Library;
use crate::marker::Key;
use crate::place;
use crate::store::Store;
use crate::transaction::is_interrupted;
use crate::tree;

/// The greatest file that is looked into, in bytes.
const LARGEST: u64 = 64 << 20;

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
}

/// A block that stands more than once.
pub(crate) struct Copy {
    pub(crate) is_original: bool,
    /// What is to be told of it.
    pub(crate) message: String,
}

/// By file and line.
pub(crate) type Copies = HashMap<(PathBuf, usize), Copy>;

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
        let root =
            root.canonicalize().map_err(|error| Trouble::from_io(format!("open the project {}", root.display()), &error))?;
        Ok(Project { library: Library::of(&root), store: Store::open(&root)?, root })
    }

    /// How all blocks below these paths stand; of the whole project where none is given. Changes nothing.
    ///
    /// # Errors
    ///
    /// When a path is not there, or leads out of the project.
    pub fn status(&self, paths: &[PathBuf]) -> Result<Report> {
        let scan = self.scan(paths)?;
        let copies = self.copies(&scan.texts);
        let mut report = Report { items: scan.wrong, ..Report::default() };
        for (_, judgement) in self.judge_all(&scan.texts, &copies, |_| Wishes { look: true, ..Wishes::default() }) {
            report.items.extend(judgement.items);
        }
        if is_interrupted(&self.root) {
            report.notes.push("an update was interrupted: the next one finishes it or takes it back".into());
        }
        report.sort();
        Ok(report)
    }

    /// Reads the files below paths that hold markers.
    pub(crate) fn scan(&self, paths: &[PathBuf]) -> Result<Scan> {
        let mut starts = Vec::new();
        for path in paths {
            starts.push(self.root.join(place::inside(&self.root, path)?));
        }
        if paths.is_empty() {
            starts.push(self.root.clone());
        }
        let all = Mutex::new(Scan::default());
        for start in &starts {
            place::walk(&self.root, start).run(|| {
                let finder = Finder::new("seed:");
                let all = &all;
                Box::new(move |entry| {
                    let Ok(entry) = entry else { return WalkState::Continue };
                    let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
                    if let Some(found) = is_file.then(|| self.look_into(entry.path(), &finder)).flatten() {
                        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                        match found {
                            Ok(text) => all.texts.push(text),
                            Err(item) => all.wrong.push(item),
                        }
                    }
                    WalkState::Continue
                })
            });
        }
        let mut scan = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        scan.texts.sort_by(|one, other| one.file.cmp(&other.file));
        scan.texts.dedup_by(|one, other| one.file == other.file);
        Ok(scan)
    }

    /// A file, if it holds markers; or what is wrong with it.
    fn look_into(&self, path: &Path, finder: &Finder<'_>) -> Option<Result<Text, Item>> {
        let file = path.strip_prefix(&self.root).unwrap_or(path).to_path_buf();
        if fs::metadata(path).is_ok_and(|metadata| metadata.len() > LARGEST) {
            return None;
        }
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Err(unreadable(file, format!("it cannot be read: {error}")))),
        };
        let is_marker = |at: usize| bytes[at..].starts_with(b"seed:begin") || bytes[at..].starts_with(b"seed:end");
        if !finder.find_iter(&bytes).any(is_marker) {
            return None;
        }
        Some(match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Ok(Text::new(file, text)),
            Ok(_) => Err(unreadable(file, "it holds markers and NUL characters: only text can embed fragments".into())),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                let message = format!("it holds markers and is not UTF-8 text: byte {at}, on line {line}, cannot be read");
                Err(unreadable(file, message))
            }
        })
    }

    /// The blocks that stand more than once, by file and line.
    ///
    /// The original is the block in the file that the lock names, or else the first. It is not updated either: its base is also
    /// that of its copies, for as long as they have none of their own.
    pub(crate) fn copies(&self, texts: &[Text]) -> Copies {
        let mut places: BTreeMap<Key, Vec<(PathBuf, usize)>> = BTreeMap::new();
        for text in texts {
            for block in tree::all_blocks(&text.parsed.0) {
                places.entry(block.key.clone()).or_default().push((text.file.clone(), block.line));
            }
        }
        let looked_at: HashSet<&Path> = texts.iter().map(|text| text.file.as_path()).collect();
        let mut elsewhere: HashMap<PathBuf, Vec<(Key, usize)>> = HashMap::new();
        let mut copies = Copies::new();
        for (key, mut found) in places {
            let known = self.store.lock.get(&key).map(|entry| entry.file.as_path());
            if let Some(known) = known.filter(|known| !looked_at.contains(known)) {
                // Only a part of the project was looked at, or the file is gone.
                let there = elsewhere.entry(known.to_path_buf()).or_insert_with(|| self.keys_in(known));
                found.extend(there.iter().filter(|(other, _)| *other == key).map(|(_, line)| (known.to_path_buf(), *line)));
            }
            let original = found.iter().position(|(file, _)| Some(file.as_path()) == known).unwrap_or_default();
            let place = |at: usize| format!("{}:{}", found[at].0.display(), found[at].1);
            for at in (0..found.len()).filter(|_| found.len() > 1) {
                let is_original = at == original;
                let message = match is_original {
                    true => format!(
                        "there is a copy of `{key}` in {}: until that has an instance of its own, neither is updated",
                        place(usize::from(original == 0))
                    ),
                    false => format!("a copy of `{key}` in {}: give it an instance of its own", place(original)),
                };
                copies.insert(found[at].clone(), Copy { is_original, message });
            }
        }
        copies
    }

    fn keys_in(&self, file: &Path) -> Vec<(Key, usize)> {
        let text = place::resolve(&self.root, file).ok().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
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
        let copies = self.copies(&texts);
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
        let fragment = self.library.get(&key.fragment)?.ok_or_else(|| Trouble::new(attempted(), "there is none of that name"))?;
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
