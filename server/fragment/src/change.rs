//! Changes to the fragments of a project on the disk, each in one transaction.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::trouble::{Kind, Result};
use seed_spec::nearest::nearest;

use crate::embed;
use crate::folders::Folders;
use crate::item::{Item, State, actions_of};
use crate::judge::{Judgement, Take, Wishes, judge};
use crate::marker::Key;
use crate::pending::{self, Clash};
use crate::place;
use crate::project::{LARGEST, Project, Report, Target, Text, keys_of, without_renewed};
use crate::store::{Store, own_folder};
use crate::transaction::{Change, Writer};
use crate::tree;

/// A project that this process has the right to change.
pub(crate) struct Work {
    pub(crate) project: Project,
    /// What asks for it, where doing it twice is not doing it once.
    pub(crate) request: Option<String>,
    writer: Option<Writer>,
    report: Report,
}

impl Work {
    pub(crate) fn begin(root: &Path) -> Result<Work> {
        let root = folder::real(root)?;
        let (mut writer, mut report) = (None, Report::default());
        // Where there is nothing yet, nothing is made before there is something to keep.
        if own_folder(&root)?.is_some() {
            let (taken, words) = Writer::take(&root)?;
            (writer, report.notes) = (Some(taken), words.into_iter().collect());
        }
        // Only now is what it remembers sure to stay as it is.
        Ok(Work { project: Project::open(&root)?, request: None, writer, report })
    }

    /// The blocks that an earlier run of this request has made, if nobody has learned of its end.
    pub(crate) fn made_before(&self) -> Result<Vec<String>> {
        let ended = self.writer.as_ref().map(Writer::ended).transpose()?.flatten();
        Ok(ended.filter(|ended| Some(&ended.request) == self.request.as_ref()).map(|ended| ended.made).unwrap_or_default())
    }

    /// The right to write, taken now if it was not yet.
    fn writer(&mut self) -> Result<&Writer> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let (writer, words) = Writer::take(&self.project.root)?;
                if words.is_some() || !Store::open(&self.project.root)?.lock.is_empty() {
                    let attempted = format!("change the fragments of {}", self.project.root.display());
                    return Err(Trouble::new(attempted, "another seed has changed them meanwhile")
                        .kind(Kind::Busy)
                        .hint("run the same command again"));
                }
                writer
            }
        };
        Ok(self.writer.insert(writer))
    }

    /// Writes what came of texts, keeps the clashes, and tells.
    pub(crate) fn finish(mut self, judged: Vec<(&Text, Judgement)>, forget: &[Key]) -> Result<Report> {
        let mut changes = Vec::new();
        let mut clashes: Vec<Clash> = Vec::new();
        let mut settled: Vec<Key> = forget.to_vec();
        for (text, mut judgement) in judged {
            let is_new = judgement.text != text.text;
            if !judgement.is_held && (is_new || !judgement.records.is_empty()) {
                let to = is_new.then_some(judgement.text);
                if is_new {
                    self.report.written.push(text.file.clone());
                }
                changes.push(Change { file: text.file.clone(), from: text.text.as_bytes(), to, records: judgement.records });
            }
            for item in &mut judgement.items {
                after_update(item, judgement.is_held, is_new);
                if !matches!(item.state, State::Clash | State::Error) {
                    settled.extend(Key::parse(&format!("{}#{}", item.fragment, item.instance)));
                }
            }
            clashes.extend(judgement.clashes.into_iter().map(|(key, sides)| (key, text.file.clone(), sides)));
            self.report.items.extend(judgement.items);
        }
        let is_anything = !changes.is_empty() || !forget.is_empty() || !clashes.is_empty();
        if is_anything || self.writer.is_some() {
            let request = self.request.take();
            let writer = self.writer()?;
            pending::check(writer.own(), &clashes, &settled)?;
            if !changes.is_empty() || !forget.is_empty() {
                writer.commit(&changes, forget, request)?;
            }
            pending::keep(writer.own(), &clashes, &settled)?;
        }
        self.report.sort();
        Ok(self.report)
    }
}

/// How an item stands once its text was written, or held back.
fn after_update(item: &mut Item, is_held: bool, is_new: bool) {
    if item.state != State::Outdated {
        return;
    }
    match item.then.filter(|_| is_new && !is_held) {
        Some((state, words)) => {
            item.state = state;
            item.message = words.into();
            item.actions = actions_of(state).to_vec();
        }
        None if is_held => item.message.push_str("; waits until the rest of the file is settled"),
        None => {}
    }
}

/// Renders again below these paths, in the whole project where none is given, and merges.
///
/// A file with a clash or a mistake in it stays as it is.
///
/// # Errors
///
/// When a path leads out of the project, a file was changed meanwhile, or what the system says; then no file was written.
pub fn update(root: &Path, paths: &[PathBuf]) -> Result<Report> {
    let work = Work::begin(root)?;
    let scan = work.project.scan(paths)?;
    let copies = work.project.copies_in(&scan.texts);
    let judged = work.project.judge_all(&scan.texts, &copies, |_| Wishes::default());
    // Entries whose blocks are gone go with them, as soon as all of the project was seen and could be read.
    let is_whole = paths.is_empty() && scan.wrong.is_empty() && judged.iter().all(|(_, judgement)| !judgement.is_held);
    let forget: Vec<Key> = if is_whole {
        let there: HashSet<Key> = judged.iter().flat_map(|(_, judgement)| keys_of(&judgement.text)).collect();
        work.project.store.lock.keys().filter(|key| !there.contains(key)).cloned().collect()
    } else {
        Vec::new()
    };
    let mut report = work.finish(judged, &forget)?;
    report.items.extend(scan.wrong);
    report.sort();
    Ok(report)
}

/// What is done to the blocks that are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Settles a clash.
    Take(Take),
    /// Gives copies an instance of their own.
    NewInstance,
    /// Takes the markers away.
    Detach,
}

/// Settles the clashes (or copies) of these targets, or detaches blocks.
///
/// # Errors
///
/// As [`update`].
pub fn resolve(root: &Path, targets: &[Target], resolution: Resolution) -> Result<Report> {
    let mut work = Work::begin(root)?;
    let keys: HashSet<Key> =
        targets.iter().filter_map(|target| if let Target::Key(key) = target { Some(key.clone()) } else { None }).collect();
    let mut paths = Vec::new();
    for target in targets {
        if let Target::Path(path) = target {
            paths.push(place::named(&work.project.root, path)?);
        }
    }
    let scan = work.project.scan(&[])?;
    let copies = work.project.copies_in(&scan.texts);
    let is_meant = |file: &Path| paths.iter().any(|path| path.as_os_str().is_empty() || file.starts_with(path));
    let found: HashSet<Key> = scan.texts.iter().flat_map(|text| keys_of(&text.text)).collect();
    for key in keys.iter().filter(|key| !found.contains(key)) {
        let note = missing(key, found.iter(), &work.project, resolution, "the project")?;
        work.report.notes.push(note);
    }
    let meant_of = |text: &Text| -> Vec<(Key, usize)> {
        tree::all_blocks(&text.parsed.0)
            .into_iter()
            .filter(|block| is_meant(&text.file) || keys.contains(&block.key))
            .map(|block| (block.key.clone(), block.line))
            .collect()
    };
    let is_copy_at = |file: &Path, line: usize| copies.get(&(file.to_path_buf(), line)).is_some_and(|copy| !copy.is_original);
    let mut taken: BTreeSet<Key> = found.iter().chain(work.project.store.lock.keys()).cloned().collect();
    let mut renewed: HashMap<(PathBuf, usize), String> = HashMap::new();
    for text in scan.texts.iter().filter(|_| resolution == Resolution::NewInstance) {
        for (key, line) in meant_of(text).into_iter().filter(|(_, line)| is_copy_at(&text.file, *line)) {
            let instance = embed::free_instance(&key.fragment, taken.iter());
            taken.insert(Key { instance: instance.clone(), ..key });
            renewed.insert((text.file.clone(), line), instance);
        }
    }
    let left = without_renewed(&copies, |file, line| renewed.contains_key(&(file.to_path_buf(), line)));
    let mut judged = Vec::new();
    let mut forget = Vec::new();
    for text in &scan.texts {
        let blocks = &text.parsed;
        let meant = meant_of(text);
        if meant.is_empty() {
            continue;
        }
        let only = Some(HashSet::new());
        let is_copy = |line: usize| is_copy_at(&text.file, line);
        let wishes = match resolution {
            Resolution::Take(take) => Wishes {
                take: keys.iter().map(|key| (key.clone(), take)).collect(),
                take_all: is_meant(&text.file).then_some(take),
                only,
                ..Wishes::default()
            },
            Resolution::NewInstance => {
                let own = renewed.iter().filter(|((file, _), _)| *file == text.file);
                let renew = own.map(|((_, line), instance)| (*line, instance.clone())).collect();
                Wishes { renew, only, ..Wishes::default() }
            }
            Resolution::Detach => Wishes { only, ..Wishes::default() },
        };
        let why = |line: usize| left.get(&(text.file.clone(), line)).map(|copy| copy.message.clone());
        let wishes = Wishes { copies: Some(&why), ..wishes };
        let mut judgement = judge(&text.file, &text.text, &work.project.library, &work.project.store, &wishes);
        let lines: HashSet<usize> = meant.iter().map(|(_, line)| *line).collect();
        judgement.items.retain(|item| lines.contains(&item.line));
        judgement.clashes.retain(|(key, _)| meant.iter().any(|(other, _)| other == key));
        if resolution == Resolution::Detach && blocks.1.is_empty() {
            let keys: Vec<Key> = meant.iter().map(|(key, _)| key.clone()).collect();
            judgement = Judgement { text: embed::detach(&text.text, &keys), ..Judgement::default() };
            work.report
                .notes
                .extend(keys.iter().map(|key| format!("detached `{key}` in {}: its text is yours now", text.file.display())));
            // What the lock knows of a copy's name is the original's.
            forget.extend(meant.into_iter().filter(|(_, line)| !is_copy(*line)).map(|(key, _)| key));
        }
        judged.push((text, judgement));
    }
    work.finish(judged, &forget)
}

/// What is to be told of a block that is not there, `place` being where it was looked for. To detach what is detached is nothing to do.
///
/// # Errors
///
/// Otherwise its name is a mistake.
pub fn missing<'k>(
    key: &Key,
    there: impl Iterator<Item = &'k Key>,
    project: &Project,
    resolution: Resolution,
    place: &str,
) -> Result<String> {
    let said = format!("there is no block `{key}` in {place}");
    if resolution == Resolution::Detach && project.library.get(&key.fragment).is_ok_and(|fragment| fragment.is_some()) {
        return Ok(format!("{said}: nothing to do for it"));
    }
    let attempted = match resolution {
        Resolution::Take(_) => format!("settle `{key}`"),
        Resolution::NewInstance => format!("give `{key}` an instance of its own"),
        Resolution::Detach => format!("detach `{key}`"),
    };
    let names: Vec<String> = there.map(Key::to_string).collect();
    Err(match nearest(&key.to_string(), names.iter().map(String::as_str)) {
        Some(name) => Trouble::new(attempted, format!("{said}; perhaps `{name}` is meant")),
        None => Trouble::new(attempted, said).hint("the status lists the blocks that are there"),
    })
}

/// Whether a file holds an open text. An editor may keep the byte order mark to itself, and give the last line an end, or none, when it
/// writes.
pub fn holds(bytes: &[u8], text: &str) -> bool {
    fn bare(text: &[u8]) -> &[u8] {
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        text.strip_suffix(b"\r").unwrap_or(text)
    }
    bytes == text.as_bytes() || bare(bytes) == bare(text.as_bytes())
}

/// Notes what was done to an open text that is on the disk now: an editor calls it when the text was saved.
///
/// # Errors
///
/// As [`update`]; and when the file does not hold `text` (see [`holds`]).
pub fn record(root: &Path, file: &Path, text: &str, judgement: &Judgement) -> Result<()> {
    let mut work = Work::begin(root)?;
    let root = work.project.folder()?;
    let (folder, name) = Folders::new(&root).of(file)?;
    let gone = || Trouble::new(format!("read {}", file.display()), "it is gone by now");
    let now = folder.read(name, LARGEST)?.ok_or_else(gone)?;
    if !holds(&now, text) {
        let attempted = format!("note the fragments of {}", file.display());
        return Err(Trouble::new(attempted, "it holds something else by now").kind(Kind::Busy));
    }
    let change = Change { file: file.to_path_buf(), from: &now, to: None, records: judgement.records.clone() };
    work.writer()?.commit(&[change], &[], None)
}
