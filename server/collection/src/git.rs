//! Fetching a collection from a git repository.
//!
//! Only objects are fetched, into a folder of its own in the cache that goes again. The files are written from them by this
//! module and not by a checkout, so that no attribute, filter, hook or submodule has a say, and no path leads out.

use std::path::{Path, PathBuf};
use std::sync::Once;

use git2::{
    AutotagOption, Cred, CredentialType, Direction, ErrorCode, FetchOptions, ObjectType, Oid, ProxyOptions, RemoteCallbacks,
    Repository, RepositoryInitOptions,
};
use seed_role::trouble::{Kind, Result, Trouble};
use serde::{Deserialize, Serialize};

use crate::cache::{Cache, short};
use crate::child::{self, Order};
use crate::content::{self, DEEPEST, Hash, MOST_BYTES, MOST_FILES, Mode, leads_out};
use crate::lock::{LOCK, Pin};
use crate::source::Source;

/// How long a server may take to answer, in milliseconds.
const ANSWER: i32 = 30_000;
/// How often a server may ask for a key.
const MOST_ASKED: usize = 6;
/// Where what was asked for is kept in the temporary repository.
const WANTED: &str = "refs/seed/wanted";
/// Where the files are written, in the temporary folder.
const FILES: &str = "files";
/// The most objects that are fetched: all that ever was in the repository.
const MOST_OBJECTS: usize = 2_000_000;
/// The longest tree or commit, in bytes.
const MOST_OF_A_TREE: u64 = 16 << 20;
/// The longest name of a file, in bytes (NAME_MAX).
const LONGEST_NAME: usize = 255;
/// The longest path within a collection, in bytes: with that of the cache before it, it stays below PATH_MAX.
const LONGEST_PATH: usize = 2_048;
/// The folders of which a collection has at least one.
const PARTS: [&str; 3] = ["roles", "fragments", "templates"];

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The commit.
    pub commit: String,
    /// The hash over all that it holds.
    pub hash: Hash,
    /// Where it lies in the cache.
    pub folder: PathBuf,
}

/// Fetches what a revision now is: a tag, a branch, a commit or its front; without one the head of the repository.
///
/// # Errors
///
/// When the repository cannot be had, has no such revision, or holds what a collection cannot.
pub fn fetch(cache: &Cache, source: &Source, rev: Option<&str>) -> Result<Fetched> {
    fetch_wanted(cache, source, Wanted::Rev(rev.map(str::to_owned)), None)
}

/// Fetches what a pin says, and nothing else.
///
/// # Errors
///
/// As [`fetch`], and when the commit no longer exists or its content has another hash than the lock says.
pub fn fetch_pinned(cache: &Cache, source: &Source, pin: &Pin) -> Result<Fetched> {
    fetch_wanted(cache, source, Wanted::Commit(pin.commit.clone()), Some(pin))
}

/// What of a repository is wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Wanted {
    /// What a revision now is; none for the head.
    Rev(Option<String>),
    /// A commit.
    Commit(String),
}

impl Wanted {
    fn words(&self) -> String {
        match self {
            Wanted::Rev(Some(rev)) => format!("`{rev}`"),
            Wanted::Rev(None) => "its head".into(),
            Wanted::Commit(commit) => format!("the commit {}", short(commit)),
        }
    }
}

fn attempt(wanted: &Wanted, source: &Source) -> String {
    format!("fetch {} of {}", wanted.words(), source.url())
}

fn fetch_wanted(cache: &Cache, source: &Source, wanted: Wanted, pin: Option<&Pin>) -> Result<Fetched> {
    let attempt = || attempt(&wanted, source);
    if let Some(path) = source.path().filter(|path| !path.exists()) {
        let reason = format!("there is no folder or repository {}", path.display());
        return Err(Trouble::new(attempt(), reason).kind(Kind::Gone).hint("look at the path under `collections:` in the spec"));
    }
    let folder = cache.temporary()?;
    let order =
        Order { folder: folder.path().to_owned(), source: source.clone(), wanted: wanted.clone(), asked_by: std::process::id() };
    let commit = child::read(&order)?;
    let Some(commit) = commit else {
        let reason = match wanted {
            Wanted::Commit(_) => "no branch or tag of the repository contains it any longer",
            Wanted::Rev(_) => "the repository has no tag, branch or commit of that name",
        };
        let hint = match pin {
            Some(pin) => format!("ask its maintainer, or pin the current version: seed collection update {}", pin.name),
            None => "`git ls-remote` lists what is there".into(),
        };
        return Err(Trouble::new(attempt(), reason).hint(hint));
    };
    let files = folder.path().join(FILES);
    if !PARTS.iter().any(|part| files.join(part).is_dir()) {
        let reason = format!("it is not a collection: its top folder contains neither {}/", PARTS.join("/ nor "));
        return Err(Trouble::new(attempt(), reason).hint("a collection has its roles in roles/NAME/role.yml"));
    }
    let hash = content::hash(&files)?;
    if let Some(pin) = pin.filter(|pin| pin.hash != hash) {
        let reason = format!("{LOCK} gives the commit the hash {}, but its hash is {hash}", pin.hash);
        let hint = format!(
            "one of them was changed: restore {LOCK} from version control, or pin the collection again: seed collection update {}",
            pin.name
        );
        return Err(Trouble::new(attempt(), reason).kind(Kind::Unsafe).hint(hint));
    }
    let folder = cache.put(&files, source, &commit, &hash)?;
    Ok(Fetched { commit, hash, folder })
}

/// Reads a repository and writes the files of what is wanted: the work of [`child`]. Gives the commit; none if there is no such
/// revision.
pub(crate) fn take(order: &Order, going: &dyn Fn()) -> Result<Option<String>> {
    let Order { folder, source, wanted, .. } = order;
    let git = |error: git2::Error| trouble(attempt(wanted, source), source, &error);
    if let Some(special) = source.path().and_then(special_file) {
        let reason = format!("{} is neither a file nor a folder, and no part of a repository", special.display());
        return Err(Trouble::new(attempt(wanted, source), reason)
            .kind(Kind::Unsafe)
            .hint("remove it, if the repository is yours"));
    }
    let mut options = RepositoryInitOptions::new();
    options.bare(true).external_template(false).no_reinit(true);
    let repository = Repository::init_opts(folder.join("git"), &options).map_err(git)?;
    let Some(commit) = download(&repository, source, wanted, going).map_err(git)? else { return Ok(None) };
    let objects = Objects { odb: repository.odb().map_err(git)?, source };
    objects.check(commit, Path::new("the commit"), MOST_OF_A_TREE)?;
    let tree = repository.find_commit(commit).map(|commit| commit.tree_id()).map_err(git)?;
    let top = folder.join(FILES);
    Writer { repository: &repository, objects, top: &top, source, going, files: 0, bytes: 0 }.write(tree, Path::new(""), 0)?;
    Ok(Some(commit.to_string()))
}

/// What of a repository on this machine is neither a file nor a folder nor a link: who opens a pipe waits for ever.
fn special_file(repository: &Path) -> Option<PathBuf> {
    let inner = repository.join(".git");
    let mut open = vec![if inner.is_dir() { inner } else { repository.to_owned() }];
    let mut looked_at = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            looked_at += 1;
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if !kind.is_file() && !kind.is_symlink() {
                return Some(entry.path());
            }
            // What lies behind that is left to the limits of the process.
            if looked_at > MOST_OBJECTS {
                return None;
            }
        }
    }
    None
}

fn trouble(attempted: String, source: &Source, error: &git2::Error) -> Trouble {
    let came_back = error.message().trim_end_matches(['.', ' ']).to_owned();
    let trouble = Trouble::new(attempted, came_back);
    match error.code() {
        ErrorCode::Auth if source.url().starts_with("https") => {
            trouble.hint("Seed fetches only public repositories over https; for others use the ssh address: git@host:path")
        }
        ErrorCode::Certificate if source.url().starts_with("https") => {
            trouble.hint("for your own certificate authority: SSL_CERT_FILE=/path/to/its.pem seed collection fetch")
        }
        ErrorCode::Auth => trouble.hint("Seed uses ssh keys from the agent and from ~/.ssh: see `ssh-add -l`"),
        ErrorCode::Certificate => {
            trouble.hint("the host is not in ~/.ssh/known_hosts, or its key differs: get its key with `ssh-keyscan` and compare")
        }
        ErrorCode::Owner => trouble.hint("the repository belongs to another user: see safe.directory in git-config(1)"),
        _ => trouble,
    }
}

/// Fetches the objects and gives the commit; none if there is no such revision.
fn download(repository: &Repository, source: &Source, wanted: &Wanted, going: &dyn Fn()) -> Result<Option<Oid>, git2::Error> {
    limit_waiting();
    let mut remote = repository.remote_anonymous(source.url())?;
    let heads: Vec<(String, Oid)> = {
        let connection = remote.connect_auth(Direction::Fetch, Some(callbacks(going)), Some(proxy()))?;
        connection.list()?.iter().map(|head| (head.name().to_owned(), head.oid())).collect()
    };
    let named = named(&heads, wanted);
    let specs = match &named {
        Some(name) => vec![format!("+{name}:{WANTED}")],
        None if commit_of(wanted).is_none() => return Ok(None),
        None => vec!["+refs/heads/*:refs/seed/heads/*".to_owned(), "+refs/tags/*:refs/seed/tags/*".to_owned()],
    };
    let mut options = FetchOptions::new();
    options.remote_callbacks(callbacks(going)).proxy_options(proxy()).download_tags(AutotagOption::None).update_fetchhead(false);
    remote.fetch(&specs, Some(&mut options), None)?;
    if let (Some(_), Wanted::Rev(_)) = (&named, wanted) {
        return repository.find_reference(WANTED)?.peel_to_commit().map(|commit| Some(commit.id()));
    }
    let Some(front) = commit_of(wanted) else { return Ok(None) };
    match repository.find_commit_by_prefix(front) {
        Ok(commit) => Ok(Some(commit.id())),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The reference of the repository that is wanted, or whose commit is.
fn named(heads: &[(String, Oid)], wanted: &Wanted) -> Option<String> {
    let has = |name: String| heads.iter().any(|(known, _)| *known == name).then_some(name);
    match wanted {
        Wanted::Rev(None) => has("HEAD".into()),
        Wanted::Rev(Some(rev)) => {
            let fronts = ["refs/tags/", "refs/heads/"].map(|front| format!("{front}{rev}"));
            let whole = rev.starts_with("refs/").then(|| rev.clone());
            fronts.into_iter().chain(whole).find_map(has)
        }
        Wanted::Commit(commit) => {
            let holds = heads.iter().find(|(name, oid)| name.starts_with("refs/") && oid.to_string() == *commit)?;
            // An annotated tag is listed twice: itself, and as `NAME^{}` what it stands for.
            Some(holds.0.trim_end_matches("^{}").to_owned())
        }
    }
}

/// The commit, or the front of one, that is wanted.
fn commit_of(wanted: &Wanted) -> Option<&str> {
    match wanted {
        Wanted::Commit(commit) => Some(commit),
        Wanted::Rev(rev) => {
            rev.as_deref().filter(|rev| (7..=64).contains(&rev.len()) && rev.bytes().all(|byte| byte.is_ascii_hexdigit()))
        }
    }
}

fn proxy<'a>() -> ProxyOptions<'a> {
    let mut proxy = ProxyOptions::new();
    proxy.auto();
    proxy
}

/// Keys come from the ssh agent, or from files that `ssh` reads, too. Nothing is asked of the terminal, and no program is run.
fn callbacks<'a>(going: &'a dyn Fn()) -> RemoteCallbacks<'a> {
    let mut keys = vec![None];
    if let Some(home) = std::env::home_dir() {
        let files = ["id_ed25519", "id_ecdsa", "id_rsa"].map(|name| home.join(".ssh").join(name));
        keys.extend(files.into_iter().filter(|file| file.is_file()).map(Some));
    }
    let mut keys = keys.into_iter();
    let mut asked = 0;
    let mut callbacks = RemoteCallbacks::new();
    callbacks.credentials(move |_, user, allowed| {
        asked += 1;
        let refused = |words: &str| git2::Error::new(ErrorCode::Auth, git2::ErrorClass::Callback, words);
        if asked > MOST_ASKED {
            return Err(refused("the server accepts none of the keys"));
        }
        let user = user.unwrap_or("git");
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(user);
        }
        if !allowed.contains(CredentialType::SSH_KEY) {
            return Err(refused("the server asks for a password: use its ssh address"));
        }
        match keys.next() {
            Some(None) => Cred::ssh_key_from_agent(user).or_else(|_| match keys.next() {
                Some(Some(file)) => Cred::ssh_key(user, None, &file, None),
                _ => Err(refused("there is no ssh agent and no key in ~/.ssh")),
            }),
            Some(Some(file)) => Cred::ssh_key(user, None, &file, None),
            None => Err(refused("the server accepts none of the keys")),
        }
    });
    callbacks.transfer_progress(|progress| {
        going();
        progress.received_bytes() as u64 <= MOST_BYTES && progress.total_objects() <= MOST_OBJECTS
    });
    callbacks.sideband_progress(|_| {
        going();
        true
    });
    callbacks.pack_progress(|_, _, _| going());
    callbacks
}

/// A server that does not answer is given up.
fn limit_waiting() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: both set a number that libgit2 reads when it connects; `Once` keeps them from being set at the same time.
        let set = unsafe {
            git2::opts::set_server_connect_timeout_in_milliseconds(ANSWER)
                .and_then(|()| git2::opts::set_server_timeout_in_milliseconds(ANSWER))
        };
        // Without a limit it works, too.
        drop(set);
    });
}

/// Objects whose size is looked at before they are: one that says how long it is gets as much memory.
struct Objects<'a> {
    odb: git2::Odb<'a>,
    source: &'a Source,
}

impl Objects<'_> {
    fn check(&self, object: Oid, path: &Path, most: u64) -> Result<()> {
        let attempt = || format!("read {} of {}", path.display(), self.source.url());
        let (size, _) = self.odb.read_header(object).map_err(|error| trouble(attempt(), self.source, &error))?;
        if size as u64 > most {
            let reason = format!("it is longer than {} MiB", most >> 20);
            return Err(Trouble::new(attempt(), reason)
                .kind(Kind::Unsafe)
                .hint("ask the maintainer of the collection to remove it"));
        }
        Ok(())
    }
}

/// Writes the files of a tree below a new folder.
struct Writer<'a> {
    repository: &'a Repository,
    objects: Objects<'a>,
    top: &'a Path,
    source: &'a Source,
    going: &'a dyn Fn(),
    /// How many files and folders there are.
    files: usize,
    bytes: u64,
}

impl Writer<'_> {
    fn write(&mut self, tree: Oid, inner: &Path, depth: usize) -> Result<()> {
        let refuse = |path: &Path, reason: String| {
            let attempted = format!("take {} from {}", path.display(), self.source.url());
            Trouble::new(attempted, reason).kind(Kind::Unsafe).hint("ask the maintainer of the collection to remove it")
        };
        let too_many = format!("a collection has up to {MOST_FILES} files and folders, and {} MiB", MOST_BYTES >> 20);
        (self.going)();
        self.files += 1;
        // The same tree can stand for many folders.
        if self.files > MOST_FILES {
            return Err(refuse(inner, too_many));
        }
        self.objects.check(tree, inner, MOST_OF_A_TREE)?;
        let tree = self.repository.find_tree(tree);
        let tree = tree.map_err(|error| trouble(format!("read {}", inner.display()), self.source, &error))?;
        let folder = self.top.join(inner);
        let io = |path: &Path, error: std::io::Error| Trouble::from_io(format!("write {}", path.display()), &error);
        std::fs::create_dir(&folder).map_err(|error| io(&folder, error))?;
        if depth > DEEPEST {
            return Err(refuse(inner, format!("its folders are nested deeper than {DEEPEST} levels")));
        }
        for entry in &tree {
            let Ok(name) = entry.name() else { return Err(refuse(inner, "a name in it is not UTF-8".into())) };
            if !is_plain_name(name) {
                return Err(refuse(inner, format!("the name {name:?} in it could lead out of the collection")));
            }
            let path = inner.join(name);
            if name.len() > LONGEST_NAME || path.as_os_str().len() > LONGEST_PATH {
                let reason = format!("a name in it is longer than {LONGEST_NAME} bytes, or its path than {LONGEST_PATH}");
                return Err(refuse(inner, reason));
            }
            let mode = match (entry.kind(), entry.filemode()) {
                (Some(ObjectType::Tree), 0o040000) => {
                    self.write(entry.id(), &path, depth + 1)?;
                    continue;
                }
                (Some(ObjectType::Blob), 0o120000) => Mode::Link,
                (Some(ObjectType::Blob), 0o100755) => Mode::Program,
                (Some(ObjectType::Blob), 0o100644 | 0o100664) => Mode::File,
                (Some(ObjectType::Commit), _) => {
                    return Err(refuse(&path, "it is a submodule, which a collection cannot have".into()));
                }
                (_, mode) => return Err(refuse(&path, format!("it has the mode {mode:o}, which files do not have"))),
            };
            self.objects.check(entry.id(), &path, MOST_BYTES - self.bytes)?;
            let blob = self.repository.find_blob(entry.id());
            let blob = blob.map_err(|error| trouble(format!("read {}", path.display()), self.source, &error))?;
            self.files += 1;
            self.bytes += blob.size() as u64;
            if self.files > MOST_FILES || self.bytes > MOST_BYTES {
                return Err(refuse(&path, too_many));
            }
            if mode == Mode::Link {
                let target =
                    std::str::from_utf8(blob.content()).ok().filter(|target| !target.is_empty() && !target.contains('\0'));
                let Some(target) = target else { return Err(refuse(&path, "a symbolic link whose target is not a path".into())) };
                if let Some(reason) = leads_out(&path, Path::new(target)) {
                    return Err(refuse(&path, format!("{reason}: {target}")));
                }
            }
            let whole = self.top.join(&path);
            content::write(&whole, mode, blob.content()).map_err(|error| io(&whole, error))?;
        }
        Ok(())
    }
}

/// Whether a name is that of something in its folder, and not of git's own.
fn is_plain_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']) && !name.eq_ignore_ascii_case(".git")
}
