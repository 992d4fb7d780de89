//! Embedding a fragment in files, all of them or none.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use seed_role::Trouble;
use seed_role::trouble::Result;

use crate::change::Work;
use crate::embed::{self, Comment};
use crate::item::{Item, State};
use crate::judge::{Judgement, Wishes};
use crate::marker::Key;
use crate::place;
use crate::project::{LARGEST, Project, Report, Text, keys_of};
use crate::store::hash;

/// What is embedded, and where in a file.
#[derive(Clone, Debug, Default)]
pub struct Embedding {
    /// The fragment.
    pub fragment: String,
    /// The instance; none for the lowest number that is free.
    pub instance: Option<String>,
    /// The parameters.
    pub params: Vec<(String, String)>,
    /// The line, counted from 1, that it comes before; none for the end.
    pub line: Option<usize>,
    /// How its markers become comments; none for what the file's name tells.
    pub comment: Option<Comment>,
}

impl Embedding {
    /// What tells this in these files from all else that can be asked for.
    fn request(&self, files: &[PathBuf]) -> String {
        hash(format!("{self:?} in {files:?}").as_bytes())
    }
}

/// Embeds a fragment in files, before a line counted from 1 (at the end where none is given), and renders it. Who names a file twice
/// means it once. Where an earlier run did just this and was stopped before its end was [`reported`], nothing is embedded a second time.
///
/// [`reported`]: crate::reported
///
/// # Errors
///
/// When there is no such fragment, its parameters are wrong, or the instance is taken; and as [`crate::update`]. Then no file was
/// written.
pub fn add(root: &Path, paths: &[PathBuf], place: &Embedding) -> Result<Report> {
    let mut work = Work::begin(root)?;
    let mut files = Vec::new();
    for path in paths {
        let file = place::named(&work.project.root, path)?;
        if !files.contains(&file) {
            files.push(file);
        }
    }
    work.request = Some(place.request(&files));
    if let Some(report) = embedded_before(&work, paths)? {
        return Ok(report);
    }
    let project = &work.project;
    let texts = files.into_iter().map(|file| read(project, file, place)).collect::<Result<Vec<Text>>>()?;
    let scan = project.scan(&[])?;
    let mut taken: BTreeSet<Key> = project.store.lock.keys().cloned().collect();
    taken.extend(scan.texts.iter().chain(&texts).flat_map(|text| keys_of(&text.text)));
    let mut judged = Vec::new();
    for text in &texts {
        judged.push((text, embedded(project, text, place, &mut taken)?));
    }
    work.finish(judged, &[])
}

/// What an earlier run of the same request has embedded, if nobody has learned of its end and it is still there.
fn embedded_before(work: &Work, paths: &[PathBuf]) -> Result<Option<Report>> {
    let made = work.made_before()?;
    if made.is_empty() {
        return Ok(None);
    }
    let mut report = work.project.status(paths)?;
    report.items.retain(|item| made.contains(&format!("{}#{}", item.fragment, item.instance)));
    if report.items.is_empty() {
        return Ok(None);
    }
    report.notes.push("an earlier run of this command was stopped after it had embedded it: nothing is added once more".into());
    Ok(Some(report))
}

fn attempted(file: &Path, place: &Embedding) -> String {
    format!("embed `{}` in {}", place.fragment, file.display())
}

fn read(project: &Project, file: PathBuf, place: &Embedding) -> Result<Text> {
    let trouble = |said: &str| Trouble::new(attempted(&file, place), said);
    if place::is_apart(&file) {
        return Err(trouble("this file is a fragment itself, or Seed's own"));
    }
    let bytes = project.folder()?.read(&file, LARGEST)?.ok_or_else(|| trouble("there is no such file"))?;
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| trouble("it is not UTF-8 text"))?;
    Ok(Text::new(file, text))
}

/// A text with a new block in it, rendered.
fn embedded(project: &Project, text: &Text, place: &Embedding, taken: &mut BTreeSet<Key>) -> Result<Judgement> {
    let attempted = || attempted(&text.file, place);
    let instance = place.instance.clone().unwrap_or_else(|| embed::free_instance(&place.fragment, taken.iter()));
    let key = Key::parse(&format!("{}#{instance}", place.fragment)).ok_or_else(|| {
        Trouble::new(attempted(), format!("`{}#{instance}` is not NAME#INSTANCE", place.fragment))
            .hint("names are made of letters, digits, `.`, `_` and `-`")
    })?;
    if !taken.insert(key.clone()) {
        return Err(Trouble::new(attempted(), format!("`{key}` is in the project already"))
            .hint("leave the instance out, and a free one is chosen"));
    }
    // Mistakes in the name or the parameters are told before anything is written.
    project.rendered(&key, &place.params)?;
    let comment = Comment::fitting(&text.file, place.comment.as_ref(), &place.params);
    let comment = comment.map_err(|said| Trouble::new(attempted(), said))?;
    let inserted = embed::insert(&text.text, place.line.unwrap_or(usize::MAX), &key, &place.params, &comment);
    let only = Some(HashSet::from([key.clone()]));
    let mut judgement = project.judge_text(&text.file, &inserted, Wishes { only, ..Wishes::default() });
    if judgement.is_held {
        let told = judgement
            .items
            .iter()
            .find(|item| item.state == State::Error)
            .map(|item| format!("line {}: {}", item.line, item.message));
        return Err(Trouble::new(attempted(), told.unwrap_or_default()));
    }
    let mine = |item: &Item| item.fragment == key.fragment && item.instance == key.instance;
    if let Some(item) = judgement.items.iter().find(|item| mine(item) && item.state == State::Error) {
        return Err(Trouble::new(attempted(), item.message.clone()));
    }
    judgement.items.retain(mine);
    Ok(judgement)
}
