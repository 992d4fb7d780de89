//! The composite roles of a folder beside their skeleton, as a host has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use seed_fragment::Key;
use seed_fragment::judge::Record;
use seed_fragment::kept::{self, Before, InStep};
use seed_fragment::library::Library;
use seed_fragment::marker;
use seed_fragment::skeleton::{self, Skeleton};
use seed_fragment::store::{BASES, Entry, LOCK, Lock, Store, hash, read_lock, write_lock};
use seed_role::attrs::Attrs;
use seed_role::host::{self, FileKind, Host, Owner};
use seed_role::param::Size;
use seed_role::trouble::{Kind, Result, Trouble};
use serde::{Deserialize, Serialize};

use super::template::Template;

/// The greatest file that is looked into, in bytes.
const LIMIT: u64 = 8 << 20;
/// What was rendered last of all parts, as a hash.
const VERSION: &str = "version";
/// What the lock says of the parts: not compared, and put back as it was.
const NOTED: &str = "noted";
/// How many mistakes are told at once.
const MOST_TOLD: usize = 6;

/// A file of a role.
struct File {
    role: String,
    /// Relative to the folder of the roles, as it is called in attributes.
    name: String,
    /// Relative to the project.
    relative: PathBuf,
    path: PathBuf,
    text: Option<String>,
    /// As it was read, to be compared once more when it is changed.
    before: host::Before,
    /// What the skeleton renders to; none for a file that is no longer part of it.
    rendered: Option<String>,
}

/// An entry of the lock with the text of its base.
#[derive(Clone, Serialize, Deserialize)]
struct Noted {
    entry: Entry,
    text: Option<String>,
}

/// All that is looked at.
pub(super) struct World {
    roles: PathBuf,
    root: PathBuf,
    files: Vec<File>,
    library: Library,
    store: Store,
    /// The entries of the lock that are about these roles.
    ours: BTreeMap<Key, Noted>,
    /// Whether a stop left a base that no entry names.
    has_stray_base: bool,
}

/// What is to be written.
pub(super) struct Goal {
    texts: Vec<(String, InStep)>,
    lock: BTreeMap<Key, Noted>,
}

impl World {
    pub(super) fn of(template: &Template, host: &dyn Host) -> Result<World> {
        let roles = template.roles.to_path_buf();
        let root = root_of(&roles, host)?;
        let skeleton = skeleton_of(template, &root, host)?;
        let lock = match host.read(&root.join(LOCK), LIMIT)? {
            Some(bytes) => read_lock(&String::from_utf8_lossy(&bytes))?,
            None => Lock::new(),
        };
        let within = roles.strip_prefix(&root).unwrap_or(&roles).to_path_buf();
        let role_of = |key: &Key, entry: &Entry| {
            let role = entry.file.strip_prefix(&within).ok()?.iter().next()?.to_str()?.to_string();
            (skeleton::is_part(key, &role) && !template.except.contains(&role)).then_some(role)
        };
        let mut ours = BTreeMap::new();
        let mut bases = Vec::new();
        let mut known: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
        for (key, entry) in &lock {
            let Some(role) = role_of(key, entry) else { continue };
            known.entry(role).or_default().insert(entry.file.clone());
            let bytes = host.read(&root.join(BASES).join(&entry.base), LIMIT)?.filter(|bytes| hash(bytes) == entry.base);
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            bases.push((entry.base.clone(), text.clone()));
            ours.insert(key.clone(), Noted { entry: entry.clone(), text });
        }
        let store = Store::of(lock, bases);
        let mut world = World {
            roles,
            root,
            files: Vec::new(),
            library: Library::holding(skeleton.parts()),
            store,
            ours,
            has_stray_base: false,
        };
        for role in world.names(template, host)? {
            let attempted = || format!("render the skeleton of the role {role}");
            let mut wanted: BTreeMap<PathBuf, Option<String>> = BTreeMap::new();
            for (path, text) in skeleton.render(&role).map_err(|said| Trouble::new(attempted(), said))? {
                // What holds no part is written once, with the role.
                if !kept::parts(&text, &role).is_empty() {
                    wanted.insert(within.join(&role).join(path), Some(text));
                }
            }
            for file in known.get(&role).into_iter().flatten() {
                wanted.entry(file.clone()).or_insert(None);
            }
            for (relative, rendered) in wanted {
                let file = world.file(&role, &within, relative, rendered, host)?;
                world.files.push(file);
            }
        }
        world.has_stray_base = world.finds_stray_base(host)?;
        Ok(world)
    }

    fn finds_stray_base(&self, host: &dyn Host) -> Result<bool> {
        let named: BTreeSet<&str> = self.store.lock.values().map(|entry| entry.base.as_str()).collect();
        let rendered = self.files.iter().filter_map(|file| Some(kept::bases(file.rendered.as_deref()?, &file.role)));
        // A part in a file that is there is rendered with the parameters that stand in it.
        let renewed = self.goal().map(|goal| goal.lock).unwrap_or_default();
        let renewed = renewed.into_values().map(|noted| noted.entry.base);
        for base in rendered.flatten().chain(renewed).filter(|base| !named.contains(base.as_str())) {
            if host.metadata(&self.root.join(BASES).join(base))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The roles: folders with one of their two files in them.
    fn names(&self, template: &Template, host: &dyn Host) -> Result<Vec<String>> {
        let attempted = || format!("look for roles in {}", self.roles.display());
        match host.metadata(&self.roles)? {
            Some(there) if there.kind == FileKind::Directory => {}
            Some(_) => return Err(Trouble::new(attempted(), "it is not a folder")),
            None => return Err(Trouble::new(attempted(), "there is no such folder").hint("`seed new role NAME` writes one")),
        }
        let mut names = Vec::new();
        for name in host.list(&self.roles)? {
            let folder = self.roles.join(&name);
            let is_folder = host.metadata(&folder)?.is_some_and(|there| there.kind == FileKind::Directory);
            if !is_folder || !marker::is_name(&name) || template.except.contains(&name) {
                continue;
            }
            let has = |file: &str| host.metadata(&folder.join(file)).map(|there| there.is_some());
            if has("role.yml")? || has("tasks")? || self.ours.keys().any(|key| key.instance == name) {
                names.push(name);
            }
        }
        names.sort();
        if names.is_empty() {
            return Err(Trouble::new(attempted(), "no role exists").hint("`seed new role NAME` writes one"));
        }
        Ok(names)
    }

    fn file(&self, role: &str, within: &Path, relative: PathBuf, rendered: Option<String>, host: &dyn Host) -> Result<File> {
        let name = relative.strip_prefix(within).unwrap_or(&relative).display().to_string();
        let path = self.root.join(&relative);
        let attempted = || format!("keep {} in step", path.display());
        let hint = "the role has been restructured: revert that, or add the role to `except`";
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.roles) {
            if host.metadata(folder)?.is_some_and(|there| there.kind != FileKind::Directory) {
                return Err(Trouble::new(attempted(), format!("{} is not a folder", folder.display())).hint(hint));
            }
        }
        let (before, text) = match host.metadata(&path)? {
            None => (host::Before::Nothing, None),
            Some(there) if there.kind != FileKind::File => {
                return Err(Trouble::new(attempted(), "it is not a regular file").hint(hint));
            }
            Some(there) if there.len > LIMIT => {
                return Err(Trouble::new(attempted(), format!("it is larger than {}", Size(LIMIT))));
            }
            Some(_) => {
                let whole = host.read_whole(&path, LIMIT)?;
                let whole = whole.ok_or_else(|| Trouble::new(attempted(), "it was taken away meanwhile").kind(Kind::Gone))?;
                let before = host::Before::of_file(&whole);
                let text = String::from_utf8(whole.content).ok().filter(|text| !text.contains('\0'));
                (before, Some(text.ok_or_else(|| Trouble::new(attempted(), "it is not UTF-8 text"))?))
            }
        };
        Ok(File { role: role.into(), name, relative, path, text, before, rendered })
    }

    /// What is there as attributes; none where no part is.
    pub(super) fn seen(&self) -> Result<Option<Attrs>> {
        let mut attrs = Attrs::new();
        for file in &self.files {
            let Some(text) = &file.text else { continue };
            let parts = kept::parts(text, &file.role);
            let made = parts.keys().find_map(|key| self.ours.get(key)?.entry.made.clone());
            if made.is_some_and(|made| made == kept::around(text, &file.role)) {
                attrs.set(file.name.clone(), text.clone());
            }
            for (key, raw) in parts {
                attrs.set(field(&file.name, &key), raw);
            }
        }
        if attrs.0.is_empty() && self.ours.is_empty() && !self.has_stray_base {
            return Ok(None);
        }
        // What a stop left is a difference of its own where all else is as it was.
        let stray = if self.has_stray_base { ", and a base that none names" } else { "" };
        attrs.set(VERSION, version(&self.ours) + stray);
        let noted: BTreeMap<String, &Noted> = self.ours.iter().map(|(key, noted)| (key.to_string(), noted)).collect();
        attrs.set(
            NOTED,
            serde_json::to_value(noted).map_err(|error| Trouble::new("note the entries of the lock", error.to_string()))?,
        );
        Ok(Some(attrs))
    }

    /// All files in step with the skeleton.
    pub(super) fn goal(&self) -> Result<Goal> {
        let (mut texts, mut lock, mut wrong) = (Vec::new(), self.ours.clone(), Vec::new());
        for file in &self.files {
            let Some(rendered) = &file.rendered else { continue };
            match kept::renew(&file.relative, file.text.as_deref(), rendered, &file.role, &self.library, &self.store) {
                Ok(new) => {
                    for Record { instance, entry, base } in &new.records {
                        if let Some(key) = Key::parse(instance) {
                            lock.insert(key, Noted { entry: entry.clone(), text: Some(base.clone()) });
                        }
                    }
                    texts.push((file.name.clone(), new));
                }
                Err(said) => wrong.extend(said),
            }
        }
        if wrong.is_empty() {
            return Ok(Goal { texts, lock });
        }
        let more = wrong.len().saturating_sub(MOST_TOLD);
        wrong.truncate(MOST_TOLD);
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        let hint = "nothing is written until this is resolved: restore the markers, resolve conflicts with `seed fragment resolve`, or add a role to `except`";
        Err(Trouble::new(format!("update the roles in {}", self.roles.display()), wrong.join("; ") + &more).hint(hint))
    }

    /// A goal as attributes: whole texts of files that are made, and of others their parts.
    pub(super) fn wanted(&self, goal: &Goal) -> Attrs {
        let mut attrs = Attrs::new();
        for (name, new) in &goal.texts {
            let Some(file) = self.files.iter().find(|file| file.name == *name) else { continue };
            if file.text.is_none() {
                attrs.set(name.clone(), new.text.clone());
                continue;
            }
            let rendered = kept::parts(file.rendered.as_deref().unwrap_or_default(), &file.role);
            for (key, raw) in kept::parts(&new.text, &file.role).into_iter().filter(|(key, _)| rendered.contains_key(key)) {
                attrs.set(field(name, &key), raw);
            }
        }
        attrs.with(VERSION, version(&goal.lock))
    }

    /// Writes what a goal needs.
    pub(super) fn write(&self, goal: &Goal, host: &dyn Host) -> Result<()> {
        self.write_noted(goal.lock.values(), host)?;
        for (name, new) in &goal.texts {
            let file = self.files.iter().find(|file| file.name == *name);
            if let Some(file) = file.filter(|file| file.text.as_deref() != Some(&new.text)) {
                self.write_file(file, &new.text, host)?;
            }
        }
        self.note(&goal.lock, host)
    }

    fn write_noted<'n>(&self, noted: impl Iterator<Item = &'n Noted>, host: &dyn Host) -> Result<()> {
        for noted in noted {
            let path = self.root.join(BASES).join(&noted.entry.base);
            if let Some(text) = &noted.text
                && host.read(&path, LIMIT)?.as_deref() != Some(text.as_bytes())
            {
                host.write_file(&path, text.as_bytes(), 0o644, self.owner(host)?)?;
            }
        }
        Ok(())
    }

    /// Takes the parts out, or puts back what attributes seen earlier tell.
    pub(super) fn take_back(&self, past: &Attrs, host: &dyn Host) -> Result<()> {
        let noted = noted_of(past);
        self.write_noted(noted.values(), host)?;
        for file in &self.files {
            let Some(text) = &file.text else { continue };
            let attempted = || format!("take the skeleton out of {}", file.path.display());
            let mut before = BTreeMap::new();
            for key in kept::parts(text, &file.role).into_keys() {
                if let Some(raw) = past.text(&field(&file.name, &key)) {
                    let base = noted.get(&key).and_then(|noted| noted.text.clone());
                    before.insert(key, Before { raw: raw.into(), base });
                }
            }
            let new = kept::take_back(text, file.rendered.as_deref(), &file.role, &before, &self.store).map_err(|said| {
                Trouble::new(attempted(), said).hint("seed fragment detach NAME#INSTANCE makes an edited block yours alone")
            })?;
            match new {
                None => host.take_away(&file.path, &file.before)?,
                Some(new) if new != *text => self.write_file(file, &new, host)?,
                Some(_) => {}
            }
        }
        self.note(&noted, host)
    }

    fn write_file(&self, file: &File, text: &str, host: &dyn Host) -> Result<()> {
        let new = file.before.with_content(text.as_bytes(), self.owner(host)?);
        host.replace_file(&file.path, &new, &file.before)
    }

    /// New files belong to whom the roles belong, also when root brings them in step.
    fn owner(&self, host: &dyn Host) -> Result<Option<Owner>> {
        Ok(host.metadata(&self.roles)?.map(|there| Owner { uid: there.uid, gid: there.gid }))
    }

    /// Sets our entries of the lock, and removes bases that none names any more.
    fn note(&self, entries: &BTreeMap<Key, Noted>, host: &dyn Host) -> Result<()> {
        let mut lock = self.store.lock.clone();
        lock.retain(|key, _| !self.ours.contains_key(key));
        lock.extend(entries.iter().map(|(key, noted)| (key.clone(), noted.entry.clone())));
        let path = self.root.join(LOCK);
        if lock != self.store.lock {
            match lock.is_empty() {
                true => host.remove_file(&path)?,
                false => host.write_file(&path, write_lock(&lock)?.as_bytes(), 0o644, self.owner(host)?)?,
            }
        }
        self.sweep(&lock, host)
    }

    fn sweep(&self, lock: &Lock, host: &dyn Host) -> Result<()> {
        let folder = self.root.join(BASES);
        if host.metadata(&folder)?.is_none() {
            return Ok(());
        }
        let used: BTreeSet<&str> = lock.values().map(|entry| entry.base.as_str()).collect();
        for base in host.list(&folder)?.iter().filter(|base| !used.contains(base.as_str())) {
            host.remove_file(&folder.join(base))?;
        }
        Ok(())
    }

    /// The folders that must be there for a goal.
    pub(super) fn folders(&self, goal: &Goal) -> BTreeSet<PathBuf> {
        let missing = |file: &&File| file.text.is_none() && goal.texts.iter().any(|(name, _)| *name == file.name);
        let of_files = self.files.iter().filter(missing).filter_map(|file| file.path.parent());
        of_files.map(Path::to_path_buf).chain([self.root.join(BASES)]).collect()
    }

    /// The files that a change towards a goal writes, and none else.
    pub(super) fn written(&self, goal: &Goal) -> Vec<PathBuf> {
        self.with_bases(&goal.lock)
    }

    /// The files that the way back to these attributes writes, and none else.
    pub(super) fn written_back(&self, past: &Attrs) -> Vec<PathBuf> {
        self.with_bases(&noted_of(past))
    }

    fn with_bases(&self, lock: &BTreeMap<Key, Noted>) -> Vec<PathBuf> {
        let bases: BTreeSet<&str> = lock.values().map(|noted| noted.entry.base.as_str()).collect();
        let bases = bases.into_iter().map(|base| self.root.join(BASES).join(base));
        self.files.iter().map(|file| file.path.clone()).chain([self.root.join(LOCK)]).chain(bases).collect()
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

/// Whether attributes are what was seen once, and not what is wanted.
pub(super) fn is_past(attrs: &Attrs) -> bool {
    attrs.get(NOTED).is_some()
}

/// Takes out of what was seen once the parts of files that are not there any more.
pub(super) fn without_what_is_gone(past: &mut Attrs, seen: &Attrs) {
    let file_of = |name: &str| name.rsplit_once(' ').map(|(file, _)| file.to_string());
    let there: BTreeSet<String> = seen.0.keys().filter_map(|name| file_of(name)).collect();
    let gone: BTreeSet<String> = past.0.keys().filter_map(|name| file_of(name)).filter(|file| !there.contains(file)).collect();
    if gone.is_empty() {
        return;
    }
    past.0.retain(|name, _| file_of(name).is_none_or(|file| !gone.contains(&file)));
    let mut noted = noted_of(past);
    noted.retain(|_, noted| !gone.iter().any(|file| noted.entry.file.ends_with(file)));
    past.set(VERSION, version(&noted));
    past.set(
        NOTED,
        serde_json::json!(noted.into_iter().map(|(key, noted)| (key.to_string(), noted)).collect::<BTreeMap<_, _>>()),
    );
}

fn noted_of(attrs: &Attrs) -> BTreeMap<Key, Noted> {
    let noted: BTreeMap<String, Noted> =
        attrs.get(NOTED).cloned().and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default();
    noted.into_iter().filter_map(|(key, noted)| Some((Key::parse(&key)?, noted))).collect()
}

/// What a part is called in attributes: `desk/README.md readme`.
fn field(file: &str, key: &Key) -> String {
    format!("{file} {}", key.fragment.rsplit('/').next().unwrap_or_default())
}

fn version(lock: &BTreeMap<Key, Noted>) -> String {
    let mut text = String::new();
    lock.iter().for_each(|(key, noted)| text.extend([&key.to_string(), " ", &noted.entry.base, "\n"]));
    hash(text.as_bytes())[..12].to_string()
}

/// The project that a folder lies in, as `seed fragment` finds it.
fn root_of(roles: &Path, host: &dyn Host) -> Result<PathBuf> {
    for name in [LOCK, ".git", "fragments"] {
        for folder in roles.ancestors().skip(1) {
            if host.metadata(&folder.join(name))?.is_some() {
                return Ok(folder.to_path_buf());
            }
        }
    }
    Ok(roles.parent().unwrap_or(roles).to_path_buf())
}

fn skeleton_of(template: &Template, root: &Path, host: &dyn Host) -> Result<Skeleton> {
    let folder = match &template.template {
        Some(folder) => folder.to_path_buf(),
        None => {
            let own = root.join(skeleton::FOLDER).join("role");
            if host.metadata(&own)?.is_none() {
                let none = || Err(Trouble::new("find the skeleton of a role", "it does not exist"));
                return Skeleton::built_in("role").unwrap_or_else(none);
            }
            own
        }
    };
    let attempted = || format!("read the skeleton {}", folder.display());
    match host.metadata(&folder)? {
        Some(there) if there.kind == FileKind::Directory => {}
        Some(_) => return Err(Trouble::new(attempted(), "it is not a folder")),
        None => {
            return Err(Trouble::new(attempted(), "there is no such folder")
                .hint("seed new meta writes the one that comes with Seed to fragments/meta/role"));
        }
    }
    let mut files = Vec::new();
    let mut open = vec![folder.clone()];
    while let Some(at) = open.pop() {
        for name in host.list(&at)? {
            let path = at.join(name);
            match host.metadata(&path)?.map(|there| there.kind) {
                Some(FileKind::Directory) => open.push(path),
                Some(FileKind::File) => {
                    let relative = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
                    let bytes = host.read(&path, LIMIT)?.unwrap_or_default();
                    files.push((relative, path, bytes));
                }
                _ => {}
            }
        }
    }
    Skeleton::of(files).map_err(|trouble| Trouble { attempted: attempted(), ..trouble })
}
