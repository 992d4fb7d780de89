//! What a person asks for about the blocks of a text, as edits of it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use seed_fragment::embed::{self, Comment};
use seed_fragment::{
    Embedding, Item, Judgement, Key, Project, Record, Resolution, State, Take, Wishes, buffer, create, is_apart, tree,
};
use seed_role::Trouble;
use seed_role::trouble::Result;

use super::Open;

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Render again and merge: these, or all, where a clash or a mistake holds all of them back.
    Update(Option<Vec<Key>>),
    /// Settle clashes; [`Take::Theirs`] also takes edits back.
    Take(Vec<Key>, Take),
    /// Give the copies on these lines (from 1) an instance of their own.
    Renew(Vec<usize>),
    /// Take the markers away.
    Detach(Vec<Key>),
    /// Embed a fragment.
    Embed(Embedding),
    /// Make a new fragment of some lines, and embed it in their place.
    Create(NewFragment),
}

/// A fragment that is to be made of a piece of a text.
#[derive(Clone, Debug)]
pub struct NewFragment {
    /// Its file in `fragments/`.
    pub file: String,
    /// The lines: first, and the one behind the last, counted from 0.
    pub lines: Range<usize>,
    /// How the markers become comments; none for what the name of the text's file tells.
    pub comment: Option<Comment>,
}

/// Bytes that are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replace {
    /// Which.
    pub range: Range<usize>,
    /// By what.
    pub text: String,
}

/// What comes of it.
#[derive(Debug, Default)]
pub struct Change {
    /// The text as it will be.
    pub text: String,
    /// The edits that lead there.
    pub edits: Vec<Replace>,
    /// How the blocks that were asked for stand then.
    pub items: Vec<Item>,
    /// What is to be noted once the text is on the disk.
    pub records: Vec<Record>,
    /// What was decided of clashes.
    pub taken: HashMap<Key, Take>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

/// Works it out. Nothing is written, but for the file of a new fragment.
///
/// # Errors
///
/// Why it cannot be, in words; then nothing is changed.
pub fn change(open: &Open<'_>, wish: &Wish) -> Result<Change> {
    if is_apart(open.file) {
        let said = "this file is itself a fragment, or belongs to Seed; change it where it is embedded";
        return Err(Trouble::new(format!("change the fragments of {}", open.file.display()), said));
    }
    let mut change = match wish {
        Wish::Update(keys) => update(open, keys.as_deref())?,
        Wish::Take(keys, take) => settle(open, keys, *take)?,
        Wish::Renew(lines) => renew(open, lines)?,
        Wish::Detach(keys) => detach(open, keys)?,
        Wish::Embed(embedding) => add(open, embedding)?,
        Wish::Create(new) => make(open, new)?,
    };
    change.edits = edits_between(open.text, &change.text);
    Ok(change)
}

/// From a judgement, to what of it is meant.
fn of(judgement: Judgement, text: &str, is_meant: impl Fn(&Item) -> bool) -> Change {
    let Judgement { mut items, text: new, is_held, records, .. } = judgement;
    items.retain(|item| is_meant(item) || item.state == State::Error);
    for item in &mut items {
        match item.then.filter(|_| !is_held && item.state == State::Outdated && new != text) {
            Some((state, words)) => (item.state, item.message) = (state, words.into()),
            None if is_held && item.state == State::Outdated => {
                item.message.push_str("; waiting for the other conflicts in this file")
            }
            None => {}
        }
    }
    let (text, records) = if is_held { (text.to_string(), Vec::new()) } else { (new, records) };
    Change { text, items, records, ..Change::default() }
}

fn has_key(keys: &[Key], item: &Item) -> bool {
    keys.iter().any(|key| key.fragment == item.fragment && key.instance == item.instance)
}

/// What is to be told of blocks that are not there.
///
/// # Errors
///
/// As [`seed_fragment::missing`].
fn missing(open: &Open<'_>, keys: &[Key], resolution: Resolution) -> Result<Vec<String>> {
    let parts = tree::parse(open.text).0;
    let there: Vec<&Key> = tree::all_blocks(&parts).into_iter().map(|block| &block.key).collect();
    let gone = keys.iter().filter(|key| !there.contains(key));
    gone.map(|key| seed_fragment::missing(key, there.iter().copied(), open.project, resolution, "the text")).collect()
}

fn update(open: &Open<'_>, keys: Option<&[Key]>) -> Result<Change> {
    missing(open, keys.unwrap_or_default(), Resolution::Take(Take::Theirs))?;
    let only = keys.map(|keys| keys.iter().cloned().collect());
    let judgement = open.project.judge_text(open.file, open.text, Wishes { only, ..Wishes::default() });
    Ok(of(judgement, open.text, |item| keys.is_none_or(|keys| has_key(keys, item))))
}

fn settle(open: &Open<'_>, keys: &[Key], take: Take) -> Result<Change> {
    missing(open, keys, Resolution::Take(take))?;
    let wishes =
        Wishes { take: keys.iter().map(|key| (key.clone(), take)).collect(), only: Some(HashSet::new()), ..Wishes::default() };
    let judgement = open.project.judge_text(open.file, open.text, wishes);
    let taken = if judgement.is_held { HashMap::new() } else { keys.iter().map(|key| (key.clone(), take)).collect() };
    Ok(Change { taken, ..of(judgement, open.text, |item| has_key(keys, item)) })
}

fn renew(open: &Open<'_>, lines: &[usize]) -> Result<Change> {
    let parts = tree::parse(open.text).0;
    let mut renew = HashMap::new();
    let mut so_far = open.text.to_string();
    for block in tree::all_blocks(&parts).into_iter().filter(|block| lines.contains(&block.line)) {
        let instance = fresh(open)?.free_instance(&block.key.fragment, &so_far)?;
        let key = Key { instance: instance.clone(), ..block.key.clone() };
        // What is given out is taken.
        so_far.push_str(&format!("\n# {}\n# {}\n", marker_words(&key), seed_fragment::marker::end_words(&key)));
        renew.insert(block.line, instance);
    }
    if renew.is_empty() {
        return Err(Trouble::new("give the copy its own instance", "no block begins there"));
    }
    let meant: Vec<usize> = renew.keys().copied().collect();
    let wishes = Wishes { renew, only: Some(HashSet::new()), ..Wishes::default() };
    let judgement = open.project.judge_text(open.file, open.text, wishes);
    Ok(of(judgement, open.text, |item| meant.contains(&item.line)))
}

fn marker_words(key: &Key) -> String {
    seed_fragment::marker::begin_words(key, &[])
}

fn detach(open: &Open<'_>, keys: &[Key]) -> Result<Change> {
    if let Some(problem) = tree::parse(open.text).1.first() {
        let said = format!("line {}: {}", problem.line, problem.message);
        return Err(Trouble::new("remove the markers", said).hint("fix that first"));
    }
    let mut notes = missing(open, keys, Resolution::Detach)?;
    let parts = tree::parse(open.text).0;
    let there: HashSet<&Key> = tree::all_blocks(&parts).into_iter().map(|block| &block.key).collect();
    let detached = keys.iter().filter(|key| there.contains(key));
    notes.extend(detached.map(|key| format!("detached `{key}`: its text is yours now")));
    Ok(Change { text: embed::detach(open.text, keys), notes, ..Change::default() })
}

/// The project as it is on the disk, for what looks at all of it.
fn fresh(open: &Open<'_>) -> Result<Project> {
    Project::open(&open.project.root)
}

fn add(open: &Open<'_>, embedding: &Embedding) -> Result<Change> {
    let attempted = || format!("embed `{}` in {}", embedding.fragment, open.file.display());
    let instance = match &embedding.instance {
        Some(instance) => instance.clone(),
        None => fresh(open)?.free_instance(&embedding.fragment, open.text)?,
    };
    let key = Key::parse(&format!("{}#{instance}", embedding.fragment))
        .ok_or_else(|| Trouble::new(attempted(), format!("`{}` is not a valid fragment name", embedding.fragment)))?;
    // Mistakes in the name or the parameters are told before anything is changed.
    open.project.rendered(&key, &embedding.params)?;
    let comment = Comment::fitting(open.file, embedding.comment.as_ref(), &embedding.params);
    let comment = comment.map_err(|said| Trouble::new(attempted(), said))?;
    let inserted = embed::insert(open.text, embedding.line.unwrap_or(usize::MAX), &key, &embedding.params, &comment);
    embedded(open, &inserted, &key, &attempted())
}

fn make(open: &Open<'_>, new: &NewFragment) -> Result<Change> {
    let attempted = format!("make the fragment `{}` from lines {} to {}", new.file, new.lines.start + 1, new.lines.end);
    let wrong = |said: &str| Trouble::new(attempted.clone(), said);
    let lines: Vec<&str> = open.text.split_inclusive('\n').collect();
    let piece =
        lines.get(new.lines.clone()).filter(|piece| !piece.is_empty()).ok_or_else(|| wrong("the text has no such lines"))?;
    let piece = piece.concat();
    let name = new.file.split('.').next().unwrap_or_default();
    let instance = fresh(open)?.free_instance(name, open.text)?;
    let key = Key::parse(&format!("{name}#{instance}")).ok_or_else(|| wrong("the name is not valid"))?;
    let comment = Comment::fitting(open.file, new.comment.as_ref(), &[]).map_err(|said| wrong(&said))?;
    let (begin, end) = embed::markers(&key, &[], &comment);
    let line_end = embed::line_end_of(open.text);
    let indents = piece.lines().filter(|line| !line.trim().is_empty()).map(tree::indent_of);
    let indent = indents.min_by_key(|indent| indent.len()).unwrap_or_default();
    let (text, last_end) = match piece.ends_with('\n') {
        true => (piece.clone(), line_end),
        false => (format!("{piece}{line_end}"), ""),
    };
    let mark = if new.lines.start == 0 && text.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    let with_markers = format!(
        "{}{mark}{indent}{begin}{line_end}{}{indent}{end}{last_end}{}",
        lines[..new.lines.start].concat(),
        text.strip_prefix(mark).unwrap_or(&text),
        lines[new.lines.end..].concat(),
    );
    if let Some(problem) = tree::parse(&with_markers).1.first() {
        return Err(wrong(&format!("its markers would be misplaced: {}", problem.message)));
    }
    let path = create(&open.project.root, &new.file, &embed::fragment_of(&piece.replace("\r\n", "\n"), ""))?;
    let open = &Open { project: &fresh(open)?, ..*open };
    let mut change = embedded(open, &with_markers, &key, &attempted)?;
    change.notes.push(format!("new fragment {}", path.strip_prefix(&open.project.root).unwrap_or(&path).display()));
    Ok(change)
}

/// A text with a new block in it, rendered.
fn embedded(open: &Open<'_>, text: &str, key: &Key, attempted: &str) -> Result<Change> {
    let only = Some(HashSet::from([key.clone()]));
    let judgement = open.project.judge_text(open.file, text, Wishes { only, ..Wishes::default() });
    let mine = |item: &Item| item.fragment == key.fragment && item.instance == key.instance;
    let told = judgement.items.iter().find(|item| item.state == State::Error && (judgement.is_held || mine(item)));
    if let Some(item) = told {
        return Err(Trouble::new(attempted, format!("line {}: {}", item.line, item.message)));
    }
    let mut change = of(judgement, text, mine);
    change.items.retain(mine);
    Ok(change)
}

/// Of what was to be noted of a text, what still holds for it as it was saved: a block that is gone, or whose update was undone, has
/// nothing to note.
pub fn noted(open: &Open<'_>, records: Vec<Record>) -> Vec<Record> {
    let (parts, problems) = tree::parse(open.text);
    if !problems.is_empty() {
        return Vec::new();
    }
    let there: HashSet<String> = tree::all_blocks(&parts).into_iter().map(|block| block.key.to_string()).collect();
    let outdated: HashSet<String> = super::findings::items(open, &HashMap::new())
        .into_iter()
        .filter(|item| item.state == State::Outdated)
        .map(|item| format!("{}#{}", item.fragment, item.instance))
        .collect();
    records.into_iter().filter(|record| there.contains(&record.instance) && !outdated.contains(&record.instance)).collect()
}

/// The smallest edits by whole lines, as bytes of the text before any of them.
fn edits_between(from: &str, to: &str) -> Vec<Replace> {
    let mut starts = vec![0];
    for line in from.split_inclusive('\n') {
        starts.push(starts.last().copied().unwrap_or_default() + line.len());
    }
    let at = |line: usize| starts.get(line).copied().unwrap_or(from.len());
    buffer::between(from, to)
        .into_iter()
        .map(|edit| Replace { range: at(edit.start)..at(edit.end), text: edit.text })
        .map(|edit| if edit.range.start == from.len() { behind_last_line(from, edit) } else { edit })
        .collect()
}

/// Lines behind the last one, put at its end: where a text ends with a line end, there is no line behind it in many an editor, and
/// what is put there gets an empty line with it.
fn behind_last_line(from: &str, edit: Replace) -> Replace {
    let line_end = if from.ends_with("\r\n") { "\r\n" } else { "\n" };
    match (from.strip_suffix(line_end), edit.text.strip_suffix(line_end)) {
        (Some(bare), Some(text)) => Replace { range: bare.len()..bare.len(), text: format!("{line_end}{text}") },
        _ => edit,
    }
}
