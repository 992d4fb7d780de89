//! `seed collection`.

mod edit;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use seed_collection::cache::short;
use seed_collection::git::{self, Fetched};
use seed_collection::{Cache, LOCK, Lock, Pin, content};
use seed_engine::pinned::source;
use seed_engine::project::{DiskLoader, read_bytes, read_text, specs_in, text_of};
use seed_role::Trouble;
use seed_role::host::folder::{self, Folder};
use seed_role::host::temporary_of;
use seed_spec::analysis::{Analysis, Collection, CollectionSource, Request};
use seed_spec::{Code, Source};
use serde_json::json;

use self::edit::{Entry, Text};
use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::{output, spec_file, style};

/// Take composite roles from git repositories and folders that are shared.
///
/// A collection is a repository or folder with roles/ in it, and fragments/ and templates/ if it has them. A spec names it, and its
/// roles are then used as NAME.ROLE, as shown below.
///
/// seed.lock, beside the spec, pins each to a commit and to a hash of its content. Keep it in version control: everyone
/// who has it uses the same bytes. What was fetched is kept in the cache (~/.cache/seed, or /var/cache/seed for root), and nothing needs a network from then on.
/// Nothing is ever fetched by opening, checking or planning a spec.
///
/// A folder (`desk: {path: ../desk}`) is used as it is now, and not pinned.
///
/// What a collection runs (task.command, !secret {command: …}) runs only after `seed trust --collection NAME SPEC`, which holds for
/// this commit: after an update you are asked again.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "In a spec:\n  collections:\n    desk: {git: https://example.org/desk.git, rev: v1.2.0}\n  roles:\n    ada: {is: desk.dev-box, home: /home/ada}\n\nExamples:\n  seed collection add desk https://example.org/desk.git --rev v1.2.0\n  seed collection fetch          after a clone: what seed.lock pins\n  seed collection update desk    move the pin to what `rev` now is\n  seed collection list --verify\n  seed collection vendor desk    copy it into ./collections/desk, as your own\n\nA revision is a tag, a branch, or a commit. To take another, change `rev:` in the spec, then update.\n\nExit statuses: 0 done, 1 error, 3 refused: what was fetched is not what seed.lock says."
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// The spec [default: the only one in this folder]
    #[arg(long, global = true, value_name = "SPEC", value_hint = clap::ValueHint::FilePath)]
    spec: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Name a collection in the spec, fetch it and pin it
    ///
    /// The spec's comments stay. A path is a git repository if it is one, and else a folder that is used as it is.
    Add {
        /// What it is called: its roles are NAME.ROLE
        name: String,
        /// The repository: https://…, ssh://…, git@host:path, or a path; or a folder
        url: String,
        /// The tag, branch or commit [default: the head of the repository]
        #[arg(long, value_name = "REV")]
        rev: Option<String>,
    },
    /// Fetch what seed.lock pins, and pin what it does not pin yet
    Fetch(Names),
    /// Move pins to what their revisions now are
    Update(Names),
    /// Show the collections, what they are pinned to, and whether they are there
    List {
        /// Read all their files and compare them with seed.lock
        #[arg(long)]
        verify: bool,
    },
    /// Copy collections into ./collections, and let the spec use them there
    ///
    /// They are then files of yours: part of the project, to be changed at will, and pinned no longer.
    Vendor(Names),
}

#[derive(Debug, clap::Args)]
struct Names {
    /// The collections [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let path = args.spec.as_deref().map_or_else(only_spec, |path| Ok(spec_file::absolute(path)))?;
    if !matches!(args.what, What::List { .. }) && path.exists() {
        folder::settle(&path)?;
    }
    let spec = Spec::open(&path)?;
    match &args.what {
        What::Add { name, url, rev } => add(&spec, (name, url, rev.as_deref()), global),
        What::Fetch(names) => fetch(&spec, &names.names, false, global),
        What::Update(names) => fetch(&spec, &names.names, true, global),
        What::List { verify } => list(&spec, *verify, global),
        What::Vendor(names) => vendor(&spec, &names.names, global),
    }
}

/// A spec whose collections are dealt with.
struct Spec {
    path: PathBuf,
    folder: PathBuf,
    source: Source,
    analysis: Analysis,
}

impl Spec {
    fn open(path: &Path) -> Result<Spec> {
        let path = path.to_path_buf();
        let source = Source::new(path.clone(), read_text(&path)?);
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let analysis = analyse(&path, source.text());
        Ok(Spec { path, folder, source, analysis })
    }

    /// Its collections with these names, all without names.
    fn named(&self, names: &[String]) -> Result<Vec<&Collection>> {
        let all = &self.analysis.collections;
        if let Some(unknown) = names.iter().find(|name| !all.iter().any(|collection| *collection.name == ***name)) {
            let known: Vec<&str> = all.iter().map(|collection| &*collection.name).collect();
            let reason = format!("{} names no such collection", self.path.display());
            let hint = match known.is_empty() {
                true => format!("seed collection add {unknown} URL adds one"),
                false => format!("there are {}", known.join(", ")),
            };
            return Err(Trouble::new(format!("find the collection `{unknown}`"), reason).hint(hint).into());
        }
        Ok(all.iter().filter(|one| names.is_empty() || names.iter().any(|name| **name == *one.name)).collect())
    }

    fn write(&self, text: &str) -> Result<()> {
        let now = read_bytes(&self.path)?;
        let attempt = format!("write {}", self.path.display());
        if text_of(&now, &attempt)? != *self.source.text() {
            return Err(Trouble::new(attempt, "it was changed meanwhile").hint("run the same command again").into());
        }
        Ok(folder::replace(&self.path, &now, text.as_bytes())?)
    }
}

fn only_spec() -> Result<PathBuf> {
    let specs = specs_in(&spec_file::absolute(Path::new(".")));
    let attempt = "choose a spec";
    match &specs[..] {
        [spec] => Ok(spec.clone()),
        [] => Err(Trouble::new(attempt, "this folder holds no *.seed.yaml").hint("name one with --spec SPEC").into()),
        several => {
            let names: Vec<_> = several.iter().filter_map(|path| path.file_name()?.to_str()).collect();
            let reason = format!("this folder holds {}", names.join(", "));
            Err(Trouble::new(attempt, reason).hint("name one with --spec SPEC").into())
        }
    }
}

fn analyse(path: &Path, text: &str) -> Analysis {
    seed_engine::check::analyse(&Request { path, text, edited_line: None }, &DiskLoader, None)
}

fn add(spec: &Spec, (name, url, rev): (&str, &str, Option<&str>), global: &Global) -> Result {
    let attempt = || format!("add the collection `{name}` to {}", spec.path.display());
    let url = seen_from(&spec.folder, url);
    let entry = if rev.is_none() && is_mere_folder(&spec.folder, &url) { Entry::Folder(&url) } else { Entry::Git(&url, rev) };
    if spec.analysis.collections.iter().any(|known| *known.name == *name && known.beside == spec.folder) {
        let hint = "change its source in the spec, then: seed collection update";
        return Err(Trouble::new(attempt(), "it has one of this name").hint(format!("{hint} {name}")).into());
    }
    if matches!(entry, Entry::Git(..)) {
        source(&url, &spec.folder)?;
    }
    let text = Text::new(&spec.source).add(name, entry).ok_or_else(|| {
        let line = "collections:\n  NAME: {git: URL, rev: REV}";
        Trouble::new(attempt(), "there is no place for it that can be made out").hint(format!("write it there by hand:\n{line}"))
    })?;
    // What is written must be read as it was meant.
    let analysis = analyse(&spec.path, &text);
    let Some(collection) = analysis.collections.iter().find(|known| *known.name == *name) else {
        let about = |code: Code| matches!(code, Code::Collection | Code::BadName | Code::Syntax | Code::Interpolation);
        let first = analysis.diagnostics.iter().find(|diagnostic| about(diagnostic.code));
        let reason = first.map_or_else(|| "the spec would not be read as it is meant".to_owned(), |first| first.message.clone());
        let trouble = Trouble::new(attempt(), reason);
        let hint = first.and_then(|first| first.help.clone()).unwrap_or_else(|| "see `seed check`".into());
        return Err(trouble.hint(hint).into());
    };
    let row = match &collection.source {
        CollectionSource::Git { url, rev } => {
            let source = source(url, &spec.folder)?;
            let mut lock = Lock::read(&spec.folder)?;
            say(global, &format!("fetching {name} from {}", source.url()))?;
            let fetched = git::fetch(&Cache::of_user(), &source, rev.as_deref())?;
            lock.set(pin(collection, url, rev.as_deref(), &fetched));
            write_lock(&spec.folder, lock, &analysis)?;
            Row { now: Some(fetched.commit.clone()), ..Row::of(&analyse(&spec.path, &text), name) }
        }
        CollectionSource::Folder(_) => Row::of(&analysis, name),
    };
    spec.write(&text)?;
    let roles = row.roles.iter().map(|role| format!("{name}.{role}")).collect::<Vec<_>>().join(", ");
    let next = if roles.is_empty() { String::new() } else { format!(" Its roles: {roles}.") };
    show(&[row], &format!("Added {name}.{next}"), global)
}

fn pin(collection: &Collection, url: &str, rev: Option<&str>, fetched: &Fetched) -> Pin {
    Pin {
        name: collection.name.to_string(),
        git: url.to_owned(),
        rev: rev.map(str::to_owned),
        commit: fetched.commit.clone(),
        hash: fetched.hash.clone(),
    }
}

/// Writes a lock, without the pins that no spec in its folder asks for.
fn write_lock(folder: &Path, mut lock: Lock, changed: &Analysis) -> Result<()> {
    let others = specs_in(folder).into_iter().filter_map(|path| Some(analyse(&path, &read_text(&path).ok()?)));
    let mut asked = BTreeSet::new();
    for collection in others.flat_map(|analysis| analysis.collections).chain(changed.collections.iter().cloned()) {
        if let CollectionSource::Git { url, rev } = collection.source
            && collection.beside == folder
        {
            asked.insert((collection.name.to_string(), url.to_string(), rev.map(|rev| rev.to_string())));
        }
    }
    lock.pins.retain(|pin| asked.contains(&(pin.name.clone(), pin.git.clone(), pin.rev.clone())));
    Ok(lock.write(folder)?)
}

fn fetch(spec: &Spec, names: &[String], update: bool, global: &Global) -> Result {
    let cache = Cache::of_user();
    let (mut before, mut moved) = (Vec::new(), 0);
    let named = spec.named(names)?;
    for collection in &named {
        let CollectionSource::Git { url, rev } = &collection.source else { continue };
        let source = source(url, &collection.beside)?;
        let mut lock = Lock::read(&collection.beside)?;
        let known = lock.get(&collection.name, url, rev.as_deref()).cloned();
        let fetched = match known.as_ref().filter(|_| !update) {
            Some(pin) if cache.verify(&source, pin).is_ok() => continue,
            Some(pin) => {
                say(global, &format!("fetching {} from {}", collection.name, source.url()))?;
                git::fetch_pinned(&cache, &source, pin)?
            }
            None => {
                if let Some(moved) = seed_collection::moved(&collection.name, &source, rev.as_deref(), &lock).filter(|_| !update)
                {
                    let attempt = format!("fetch the collection `{}`", collection.name);
                    return Err(Trouble::new(attempt, moved.message).hint(format!("move the pin: {}", moved.help)).into());
                }
                say(global, &format!("fetching {} from {}", collection.name, source.url()))?;
                git::fetch(&cache, &source, rev.as_deref())?
            }
        };
        before.push((collection.name.to_string(), known.as_ref().map(|pin| pin.commit.clone())));
        moved += usize::from(known.is_none_or(|pin| pin.commit != fetched.commit));
        lock.set(pin(collection, url, rev.as_deref(), &fetched));
        // Each is pinned as soon as it is there: if the next cannot be had, this one stays.
        write_lock(&collection.beside, lock, &spec.analysis)?;
    }
    let analysis = analyse(&spec.path, spec.source.text());
    let rows: Vec<Row> = named
        .iter()
        .map(|collection| {
            let row = Row::of(&analysis, &collection.name);
            let old = before.iter().find(|(name, _)| *name == *collection.name);
            Row { from: old.and_then(|(_, commit)| commit.clone()).filter(|old| row.now.as_ref() != Some(old)), ..row }
        })
        .collect();
    let words = match (named.is_empty(), before.len(), moved) {
        (true, ..) => "The spec names no collection.".into(),
        (_, 0, _) => "All there already.".into(),
        (_, fetched, 0) if update => format!("{fetched} up to date."),
        (_, fetched, 0) => format!("Fetched {fetched}."),
        (_, _, moved) => format!("Pinned {moved}. Next: seed plan {}", spec.path.display()),
    };
    show(&rows, &words, global)
}

fn list(spec: &Spec, verify: bool, global: &Global) -> Result {
    let mut rows: Vec<Row> = spec.analysis.collections.iter().map(|one| Row::of(&spec.analysis, &one.name)).collect();
    if verify {
        for (collection, row) in spec.analysis.collections.iter().zip(&mut rows).filter(|(_, row)| row.state == "fetched") {
            let CollectionSource::Git { url, rev } = &collection.source else { continue };
            let source = source(url, &collection.beside)?;
            let lock = Lock::read(&collection.beside)?;
            let Some(pin) = lock.get(&collection.name, url, rev.as_deref()) else { continue };
            match Cache::of_user().verify(&source, pin) {
                Ok(_) => row.state = "verified",
                Err(problem) => (row.state, row.message) = ("changed", Some(format!("{}\n{}", problem.message, problem.help))),
            }
        }
    }
    let changed = rows.iter().any(|row| row.state == "changed");
    show(&rows, if rows.is_empty() { "The spec names no collection." } else { "" }, global)?;
    Ok(if changed { Exit::Refused } else { Exit::Ok })
}

fn vendor(spec: &Spec, names: &[String], global: &Global) -> Result {
    let cache = Cache::of_user();
    let mut done = Vec::new();
    let own = |collection: &&&Collection| collection.span.file.0 == 0;
    for collection in spec.named(names)?.iter().filter(own) {
        let CollectionSource::Git { url, rev } = &collection.source else { continue };
        let name = &*collection.name;
        let place = format!("collections/{name}");
        let to = spec.folder.join(&place);
        let attempt = || format!("copy the collection `{name}` to {}", to.display());
        let source = source(url, &spec.folder)?;
        let lock = Lock::read(&spec.folder)?;
        let Some(pin) = lock.get(name, url, rev.as_deref()).cloned() else {
            return Err(Trouble::new(attempt(), format!("{LOCK} does not pin it"))
                .hint(format!("seed collection fetch {name}"))
                .into());
        };
        let from = cache.verify(&source, &pin)?;
        // A run that was interrupted may have left the whole copy.
        let is_copied = to.symlink_metadata().is_ok_and(|there| there.is_dir()) && content::hash(&to)? == pin.hash;
        if !is_copied && to.symlink_metadata().is_ok() {
            return Err(taken(&to).into());
        }
        // Each edit is of the text as it is now.
        let now = Spec::open(&spec.path)?;
        let rev = rev.as_deref().map(|rev| format!(" {rev},")).unwrap_or_default();
        let remark = format!("{url},{rev} commit {}", short(&pin.commit));
        let text = Text::new(&now.source).replace(name, Entry::Folder(&format!("./{place}")), &remark).ok_or_else(|| {
            Trouble::new(attempt(), "its source in the spec is not written where it can be changed")
                .hint("write it as `NAME: {git: …}` under `collections:`")
        })?;
        if !is_copied {
            copy_whole(&from, &to)?;
        }
        now.write(&text)?;
        write_lock(&spec.folder, lock, &analyse(&spec.path, &text))?;
        done.push(name.to_owned());
    }
    let now = Spec::open(&spec.path)?;
    let lock = Lock::read(&spec.folder)?;
    if done.is_empty() && now.folder.join(LOCK).exists() {
        // What a run left that was interrupted right before this.
        write_lock(&spec.folder, lock, &now.analysis)?;
    }
    let rows: Vec<Row> = done.iter().map(|name| Row::of(&now.analysis, name)).collect();
    let words = match done.is_empty() {
        true => "Nothing to copy: no collection here comes from a repository.".into(),
        false => format!("Copied {} into collections/; the spec uses them there.", done.join(", ")),
    };
    show(&rows, &words, global)
}

/// Copies a folder to a place where nothing is, whole or not at all.
fn copy_whole(from: &Path, to: &Path) -> Result<()> {
    let above = Folder::made(to.parent().unwrap_or(Path::new("/")))?;
    let name = Path::new(to.file_name().unwrap_or_default());
    let temporary = temporary_of(name);
    // What an interrupted run left.
    above.remove_tree(&temporary)?;
    let copied =
        above.make(&temporary).and_then(|beside| content::copy(from, &beside)).and_then(|()| above.rename_new(&temporary, name));
    if !matches!(copied, Ok(true)) {
        // That this fails as well tells no more than the first error.
        let _ = above.remove_tree(&temporary);
    }
    above.sync_file_system()?;
    if copied? { Ok(()) } else { Err(taken(to).into()) }
}

fn taken(to: &Path) -> Trouble {
    Trouble::new(format!("copy a collection to {}", to.display()), "something is there already")
        .hint("move it away, and run the same command again")
}

/// A path given here, as the spec's folder sees it.
fn seen_from(folder: &Path, url: &str) -> String {
    let here = spec_file::absolute(Path::new("."));
    if here == folder || !url.starts_with('.') {
        return url.to_owned();
    }
    let whole = here.join(url);
    whole.canonicalize().unwrap_or(whole).display().to_string()
}

/// Whether a path leads to a folder that is no git repository.
fn is_mere_folder(folder: &Path, url: &str) -> bool {
    let whole = folder.join(url);
    url.starts_with(['.', '/'])
        && whole.is_dir()
        && !whole.join(".git").exists()
        && !(whole.join("HEAD").is_file() && whole.join("objects").is_dir())
}

/// What is told of a collection.
#[derive(serde::Serialize)]
struct Row {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    git: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rev: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    #[serde(rename = "commit", skip_serializing_if = "Option::is_none")]
    now: Option<String>,
    /// The commit that it was pinned to before.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    state: &'static str,
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl Row {
    fn of(analysis: &Analysis, name: &str) -> Row {
        let mut row = Row {
            name: name.to_owned(),
            git: None,
            rev: None,
            path: None,
            now: None,
            from: None,
            hash: None,
            folder: None,
            state: "missing",
            roles: Vec::new(),
            message: None,
        };
        let Some(collection) = analysis.collections.iter().find(|one| *one.name == *name) else { return row };
        match &collection.source {
            CollectionSource::Folder(folder) => row.path = Some(folder.clone()),
            CollectionSource::Git { url, rev } => {
                (row.git, row.rev) = (Some(url.to_string()), rev.as_ref().map(ToString::to_string));
                let lock = Lock::read(&collection.beside).unwrap_or_default();
                if let Some(pin) = lock.get(name, url, rev.as_deref()) {
                    (row.now, row.hash) = (Some(pin.commit.clone()), Some(pin.hash.to_string()));
                }
            }
        }
        match &collection.found {
            Some(found) => {
                row.state = if found.pinned.is_some() { "fetched" } else { "folder" };
                row.roles = seed_engine::project::roles_in(&found.folder.join("roles")).unwrap_or_default();
                row.roles.sort();
                row.folder = Some(found.folder.clone());
            }
            None => {
                let said = analysis.diagnostics.iter().find(|diagnostic| diagnostic.span == collection.span);
                if said.is_some_and(|said| said.code == Code::CollectionChanged) {
                    row.state = "changed";
                }
                row.message = said.map(|said| format!("{}\n{}", said.message, said.help.as_deref().unwrap_or_default()));
            }
        }
        row
    }
}

/// Tells what is done, where it takes a while.
fn say(global: &Global, words: &str) -> Result<()> {
    if !global.json {
        writeln!(output::stderr(), "{}{words}{}", style::DIM, style::DIM.render_reset())?;
    }
    Ok(())
}

fn show(rows: &[Row], words: &str, global: &Global) -> Result {
    let mut out = output::stdout();
    if global.json {
        writeln!(out, "{}", json!({ "collections": rows }))?;
        return Ok(Exit::Ok);
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    for row in rows {
        let color = match row.state {
            "changed" => style::BAD,
            "missing" => style::WARN,
            _ => style::GOOD,
        };
        let source = match (&row.git, &row.path) {
            (Some(git), _) => git.clone(),
            (_, Some(path)) => path.display().to_string(),
            _ => String::new(),
        };
        let rev = row.rev.as_ref().map(|rev| format!(" {rev}")).unwrap_or_default();
        let commit = match (&row.from, &row.now) {
            (Some(from), Some(now)) => format!(" ({} → {})", short(from), short(now)),
            (_, Some(now)) => format!(" ({})", short(now)),
            _ => String::new(),
        };
        let (bold, name, state) = (style::NAME, &row.name, row.state);
        writeln!(out, "{bold}{name:width$}{bold:#}  {color}{state:8}{color:#}  {source}{rev}{commit}")?;
        for line in row.message.iter().flat_map(|message| message.lines()) {
            writeln!(out, "{:width$}  {line}", "")?;
        }
    }
    if !words.is_empty() {
        writeln!(out, "{words}")?;
    }
    Ok(Exit::Ok)
}
