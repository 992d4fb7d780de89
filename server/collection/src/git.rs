//! Fetching a collection from a git repository.
//!
//! Only objects are fetched, into a folder of its own in the cache that goes again. The files are written from them by this
//! module and not by a checkout, so that no attribute, filter, hook or submodule has a say, and no path leads out.

use std::path::{Path, PathBuf};
use std::sync::Once;

use git2::{
    AutotagOption, Cred, CredentialType, Direction, ErrorCode, FetchOptions, ObjectType, Oid, ProxyOptions, RemoteCallbacks,
    Repository, RepositoryInitOptions, Tree,
};
use seed_role::trouble::{Kind, Result, Trouble};

use crate::cache::{Cache, short};
use crate::content::{self, DEEPEST, Hash, MOST_BYTES, MOST_FILES, Mode, leads_out};
use crate::lock::{LOCK, Pin};
use crate::source::Source;

/// How long a server may take to answer, in milliseconds.
const ANSWER: i32 = 30_000;
/// How often a server may ask for a key.
const MOST_ASKED: usize = 6;
/// Where what was asked for is kept in the temporary repository.
const WANTED: &str = "refs/seed/wanted";
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
    take(cache, source, &Wanted::Rev(rev), None)
}

/// Fetches what a pin says, and nothing else.
///
/// # Errors
///
/// As [`fetch`], and when the commit no longer exists or its content has another hash than the lock says.
pub fn fetch_pinned(cache: &Cache, source: &Source, pin: &Pin) -> Result<Fetched> {
    take(cache, source, &Wanted::Commit(&pin.commit), Some(pin))
}

enum Wanted<'a> {
    Rev(Option<&'a str>),
    Commit(&'a str),
}

impl Wanted<'_> {
    fn words(&self) -> String {
        match self {
            Wanted::Rev(Some(rev)) => format!("`{rev}`"),
            Wanted::Rev(None) => "its head".into(),
            Wanted::Commit(commit) => format!("the commit {}", short(commit)),
        }
    }
}

fn take(cache: &Cache, source: &Source, wanted: &Wanted<'_>, pin: Option<&Pin>) -> Result<Fetched> {
    let attempt = || format!("fetch {} of {}", wanted.words(), source.url());
    if let Some(path) = source.path().filter(|path| !path.exists()) {
        let reason = format!("there is no folder or repository {}", path.display());
        return Err(Trouble::new(attempt(), reason).kind(Kind::Gone).hint("look at the path under `collections:` in the spec"));
    }
    let folder = cache.temporary()?;
    let git = |error: git2::Error| trouble(attempt(), source, &error);
    let mut options = RepositoryInitOptions::new();
    options.bare(true).external_template(false).no_reinit(true);
    let repository = Repository::init_opts(folder.path().join("git"), &options).map_err(git)?;
    let commit = download(&repository, source, wanted).map_err(git)?;
    let Some(commit) = commit else {
        let reason = match wanted {
            Wanted::Commit(_) => "no branch and no tag of the repository holds it any more",
            Wanted::Rev(_) => "the repository has no tag, branch or commit of that name",
        };
        let hint = match pin {
            Some(pin) => format!("ask whoever keeps it, or pin what is there now: seed collection update {}", pin.name),
            None => "`git ls-remote` lists what is there".into(),
        };
        return Err(Trouble::new(attempt(), reason).hint(hint));
    };
    let tree = repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(git)?;
    let files = folder.path().join("files");
    Writer { repository: &repository, top: &files, source, files: 0, bytes: 0 }.write(&tree, Path::new(""), 0)?;
    if !PARTS.iter().any(|part| files.join(part).is_dir()) {
        let reason = format!("it is no collection: at its top there is neither {}/", PARTS.join("/ nor "));
        return Err(Trouble::new(attempt(), reason).hint("a collection holds its roles as roles/NAME/role.yml"));
    }
    let (commit, hash) = (commit.to_string(), content::hash(&files)?);
    if let Some(pin) = pin.filter(|pin| pin.hash != hash) {
        let reason = format!("{LOCK} says that the commit has the hash {}, and it has {hash}", pin.hash);
        let hint = format!(
            "one of them was changed: take {LOCK} back from version control, or pin anew: seed collection update {}",
            pin.name
        );
        return Err(Trouble::new(attempt(), reason).kind(Kind::Unsafe).hint(hint));
    }
    let folder = cache.put(&files, source, &commit, &hash)?;
    Ok(Fetched { commit, hash, folder })
}

fn trouble(attempted: String, source: &Source, error: &git2::Error) -> Trouble {
    let came_back = error.message().trim_end_matches(['.', ' ']).to_owned();
    let trouble = Trouble::new(attempted, came_back);
    match error.code() {
        ErrorCode::Auth if source.url().starts_with("https") => {
            trouble.hint("over https only what everyone can read is fetched; for the rest take its ssh address: git@host:path")
        }
        ErrorCode::Certificate if source.url().starts_with("https") => {
            trouble.hint("where an authority of your own signs: SSL_CERT_FILE=/path/to/its.pem seed collection fetch")
        }
        ErrorCode::Auth => trouble.hint("an ssh key is asked of the agent and looked for in ~/.ssh: see `ssh-add -l`"),
        ErrorCode::Certificate => {
            trouble.hint("the host is not in ~/.ssh/known_hosts, or has another key than there: see `ssh-keyscan`, and compare")
        }
        ErrorCode::Owner => trouble.hint("the repository belongs to another user: see safe.directory in git-config(1)"),
        _ => trouble,
    }
}

/// Fetches the objects and gives the commit; none if there is no such revision.
fn download(repository: &Repository, source: &Source, wanted: &Wanted<'_>) -> Result<Option<Oid>, git2::Error> {
    limit_waiting();
    let mut remote = repository.remote_anonymous(source.url())?;
    let heads: Vec<(String, Oid)> = {
        let connection = remote.connect_auth(Direction::Fetch, Some(callbacks()), Some(proxy()))?;
        connection.list()?.iter().map(|head| (head.name().to_owned(), head.oid())).collect()
    };
    let named = named(&heads, wanted);
    let specs = match &named {
        Some(name) => vec![format!("+{name}:{WANTED}")],
        None if commit_of(wanted).is_none() => return Ok(None),
        None => vec!["+refs/heads/*:refs/seed/heads/*".to_owned(), "+refs/tags/*:refs/seed/tags/*".to_owned()],
    };
    let mut options = FetchOptions::new();
    options.remote_callbacks(callbacks()).proxy_options(proxy()).download_tags(AutotagOption::None).update_fetchhead(false);
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
fn named(heads: &[(String, Oid)], wanted: &Wanted<'_>) -> Option<String> {
    let has = |name: String| heads.iter().any(|(known, _)| *known == name).then_some(name);
    match wanted {
        Wanted::Rev(None) => has("HEAD".into()),
        Wanted::Rev(Some(rev)) => {
            let fronts = ["refs/tags/", "refs/heads/"].map(|front| format!("{front}{rev}"));
            let whole = rev.starts_with("refs/").then(|| (*rev).to_owned());
            fronts.into_iter().chain(whole).find_map(has)
        }
        Wanted::Commit(commit) => {
            let holds = heads.iter().find(|(name, oid)| name.starts_with("refs/") && oid.to_string() == **commit)?;
            // An annotated tag is listed twice: itself, and as `NAME^{}` what it stands for.
            Some(holds.0.trim_end_matches("^{}").to_owned())
        }
    }
}

/// The commit, or the front of one, that is wanted.
fn commit_of<'a>(wanted: &Wanted<'a>) -> Option<&'a str> {
    match wanted {
        Wanted::Commit(commit) => Some(*commit),
        Wanted::Rev(rev) => rev.filter(|rev| (7..=64).contains(&rev.len()) && rev.bytes().all(|byte| byte.is_ascii_hexdigit())),
    }
}

fn proxy<'a>() -> ProxyOptions<'a> {
    let mut proxy = ProxyOptions::new();
    proxy.auto();
    proxy
}

/// Keys come from the ssh agent, or from files that `ssh` reads, too. Nothing is asked of the terminal, and no program is run.
fn callbacks<'a>() -> RemoteCallbacks<'a> {
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
            return Err(refused("the server takes none of the keys"));
        }
        let user = user.unwrap_or("git");
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(user);
        }
        if !allowed.contains(CredentialType::SSH_KEY) {
            return Err(refused("the server asks for a password: take its ssh address"));
        }
        match keys.next() {
            Some(None) => Cred::ssh_key_from_agent(user).or_else(|_| match keys.next() {
                Some(Some(file)) => Cred::ssh_key(user, None, &file, None),
                _ => Err(refused("there is no ssh agent, and no key in ~/.ssh")),
            }),
            Some(Some(file)) => Cred::ssh_key(user, None, &file, None),
            None => Err(refused("the server takes none of the keys")),
        }
    });
    callbacks.transfer_progress(|progress| progress.received_bytes() as u64 <= MOST_BYTES);
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

/// Writes the files of a tree below a new folder.
struct Writer<'a> {
    repository: &'a Repository,
    top: &'a Path,
    source: &'a Source,
    files: usize,
    bytes: u64,
}

impl Writer<'_> {
    fn write(&mut self, tree: &Tree<'_>, inner: &Path, depth: usize) -> Result<()> {
        let refuse = |path: &Path, reason: String| {
            let attempted = format!("take {} from {}", path.display(), self.source.url());
            Trouble::new(attempted, reason).kind(Kind::Unsafe).hint("ask whoever keeps the collection to take it out")
        };
        let folder = self.top.join(inner);
        let io = |path: &Path, error: std::io::Error| Trouble::from_io(format!("write {}", path.display()), &error);
        std::fs::create_dir(&folder).map_err(|error| io(&folder, error))?;
        if depth > DEEPEST {
            return Err(refuse(inner, format!("its folders are nested deeper than {DEEPEST} levels")));
        }
        for entry in tree {
            let Ok(name) = entry.name() else { return Err(refuse(inner, "a name in it is not UTF-8".into())) };
            if !is_plain_name(name) {
                return Err(refuse(inner, format!("the name {name:?} in it could lead out of the collection")));
            }
            let path = inner.join(name);
            let mode = match (entry.kind(), entry.filemode()) {
                (Some(ObjectType::Tree), 0o040000) => {
                    let tree = self.repository.find_tree(entry.id());
                    let tree = tree.map_err(|error| trouble(format!("read {}", path.display()), self.source, &error))?;
                    self.write(&tree, &path, depth + 1)?;
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
            let blob = self.repository.find_blob(entry.id());
            let blob = blob.map_err(|error| trouble(format!("read {}", path.display()), self.source, &error))?;
            self.files += 1;
            self.bytes += blob.size() as u64;
            if self.files > MOST_FILES || self.bytes > MOST_BYTES {
                let reason = format!("a collection has up to {MOST_FILES} files and {} MiB", MOST_BYTES >> 20);
                return Err(refuse(&path, reason));
            }
            if mode == Mode::Link {
                let target =
                    std::str::from_utf8(blob.content()).ok().filter(|target| !target.is_empty() && !target.contains('\0'));
                let Some(target) = target else { return Err(refuse(&path, "a symbolic link whose target is no path".into())) };
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
