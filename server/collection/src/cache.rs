//! What was fetched: a folder for each hash, with a stamp beside it that tells where it came from.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use seed_role::host::folder;
use seed_role::host::real::only_root_changes;
use seed_role::trouble::{Kind, Result, Trouble};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::content::{self, Hash};
use crate::lock::{LOCK, Pin};
use crate::source::Source;
use crate::{Problem, ProblemKind};

/// Where root's is.
const ROOTS: &str = "/var/cache/seed";
/// Longer than this, in bytes, no stamp is.
const LONGEST_STAMP: u64 = 1 << 20;
/// How the folders are named in which something is fetched.
const FETCHING: &str = ".fetching-";
/// How long such a folder is left alone, in case somebody still works in it.
const LEFT_OVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder of all that was fetched.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// What is known of a folder in the cache.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stamp {
    /// [`content::outside`] when its hash was last found right.
    outside: String,
    /// Where it came from.
    from: Vec<Origin>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    url: String,
    commit: String,
}

impl Cache {
    /// The user's: in `$SEED_CACHE_DIR`, else `$XDG_CACHE_HOME/seed`. Root has one of its own, which nobody else can write.
    pub fn of_user() -> Cache {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("SEED_CACHE_DIR").unwrap_or_else(|| {
            if nix::unistd::geteuid().is_root() {
                return PathBuf::from(ROOTS);
            }
            let home = || set("HOME").unwrap_or_else(|| PathBuf::from("/")).join(".cache");
            set("XDG_CACHE_HOME").filter(|folder| folder.is_absolute()).unwrap_or_else(home).join("seed")
        });
        Cache::at(&folder)
    }

    /// One in a folder.
    pub fn at(folder: &Path) -> Cache {
        Cache { folder: folder.join("collections") }
    }

    /// Where a collection with a hash lies, if it does.
    pub fn place(&self, hash: &Hash) -> PathBuf {
        self.folder.join(hash.digits())
    }

    /// Refuses, as root, a folder that others can write: they would have their files run in place of what was fetched.
    fn require_own(&self) -> Result<()> {
        if !nix::unistd::geteuid().is_root() || only_root_changes(&self.folder)? {
            return Ok(());
        }
        Err(Trouble::new(
            format!("use the cache {} as root", self.folder.display()),
            "others can write it, or change the way to it",
        )
        .kind(Kind::Unsafe)
        .hint("name a folder of root's by SEED_CACHE_DIR, or leave that out"))
    }

    fn stamp_of(&self, hash: &Hash) -> PathBuf {
        self.folder.join(format!("{}.stamp", hash.digits()))
    }

    fn stamp(&self, hash: &Hash) -> Option<Stamp> {
        serde_yaml::from_slice(&folder::read(&self.stamp_of(hash), LONGEST_STAMP).ok()??).ok()
    }

    /// The folder of a pinned collection. Only where files were touched since they were last compared are they read.
    ///
    /// # Errors
    ///
    /// When it is not there, or not what the lock says.
    pub fn look(&self, source: &Source, pin: &Pin) -> Result<PathBuf, Problem> {
        self.find(source, pin, false)
    }

    /// The same, with all files read.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look).
    pub fn verify(&self, source: &Source, pin: &Pin) -> Result<PathBuf, Problem> {
        self.find(source, pin, true)
    }

    fn find(&self, source: &Source, pin: &Pin, whole: bool) -> Result<PathBuf, Problem> {
        self.require_own().map_err(|trouble| Problem {
            kind: ProblemKind::Changed,
            message: format!("the collection `{}` is not used: {}: {}", pin.name, trouble.attempted, trouble.came_back),
            help: trouble.hint.unwrap_or_default(),
        })?;
        let place = self.place(&pin.hash);
        let origin = Origin { url: source.url().to_owned(), commit: pin.commit.clone() };
        let stamp = self.stamp(&pin.hash).filter(|stamp| place.is_dir() && stamp.from.contains(&origin));
        let Some(stamp) = stamp else { return Err(self.not_there(pin, &origin)) };
        let is_untouched = content::outside(&place).is_ok_and(|outside| outside == stamp.outside);
        if is_untouched && !whole {
            return Ok(place);
        }
        let changed = |found: String| Problem {
            kind: ProblemKind::Changed,
            message: format!("the collection `{}` was changed after it was fetched: {found}", pin.name),
            help: format!(
                "nothing of it is used; see {} if that was you, and fetch it anew: seed collection fetch {}",
                place.display(),
                pin.name
            ),
        };
        match content::hash(&place) {
            Ok(hash) if hash == pin.hash => {}
            Ok(hash) => return Err(changed(format!("it should have the hash {}, and has {hash}", pin.hash))),
            Err(trouble) => return Err(changed(trouble.to_string())),
        }
        if !is_untouched {
            // If it cannot be written, the files are read the next time, too.
            let _ = self.write_stamp(&pin.hash, stamp.from);
        }
        Ok(place)
    }

    /// Why a pin is not there: it was never fetched, or its hash in the lock is another than it was.
    fn not_there(&self, pin: &Pin, origin: &Origin) -> Problem {
        let name = &pin.name;
        let stamps = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let known = stamps.filter_map(|entry| {
            let digits = entry.file_name().to_str()?.strip_suffix(".stamp")?.to_owned();
            let hash = Hash::parse(&format!("blake3:{digits}")).ok().filter(|hash| *hash != pin.hash)?;
            self.stamp(&hash).filter(|stamp| stamp.from.contains(origin)).map(|_| hash)
        });
        match known.into_iter().next() {
            Some(hash) => Problem {
                kind: ProblemKind::Changed,
                message: format!(
                    "{LOCK} was changed: for commit {} of `{name}` it says the hash {}, and the commit has {hash}",
                    short(&pin.commit),
                    pin.hash
                ),
                help: format!("take {LOCK} back from version control, or pin `{name}` anew: seed collection update {name}"),
            },
            None => Problem {
                kind: ProblemKind::Missing,
                message: format!("the collection `{name}` is not fetched: commit {} of {}", short(&pin.commit), pin.asked()),
                help: format!("seed collection fetch {name}"),
            },
        }
    }

    fn write_stamp(&self, hash: &Hash, from: Vec<Origin>) -> Result<()> {
        let path = self.stamp_of(hash);
        let attempt = || format!("write {}", path.display());
        let stamp = Stamp { outside: content::outside(&self.place(hash))?, from };
        let text = serde_yaml::to_string(&stamp).map_err(|error| Trouble::new(attempt(), error.to_string()))?;
        folder::put(&path, text.as_bytes(), 0o600)
    }

    /// A folder to fetch into, in the cache. It goes when it is dropped; what a kill left of others goes, too.
    pub(crate) fn temporary(&self) -> Result<TempDir> {
        let io = |error: std::io::Error| Trouble::from_io(format!("write into {}", self.folder.display()), &error);
        self.require_own()?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(io)?;
        for entry in fs::read_dir(&self.folder).map_err(io)?.flatten() {
            let is_old = || {
                let changed = entry.metadata().and_then(|about| about.modified()).ok()?;
                Some(SystemTime::now().duration_since(changed).ok()? > LEFT_OVER)
            };
            if entry.file_name().to_string_lossy().starts_with(FETCHING) && is_old() == Some(true) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        tempfile::Builder::new().prefix(FETCHING).tempdir_in(&self.folder).map_err(io)
    }

    /// Takes a folder that was fetched into the cache, by one rename. One of the same hash that is there is kept if it is
    /// right, and else replaced.
    pub(crate) fn put(&self, fetched: &Path, source: &Source, commit: &str, hash: &Hash) -> Result<PathBuf> {
        let place = self.place(hash);
        let io = |error: std::io::Error| Trouble::from_io(format!("write {}", place.display()), &error);
        let mut from = Vec::new();
        if place.exists() && content::hash(&place).is_ok_and(|known| known == *hash) {
            from = self.stamp(hash).map(|stamp| stamp.from).unwrap_or_default();
        } else {
            if place.symlink_metadata().is_ok() {
                let aside = tempfile::Builder::new().prefix(FETCHING).tempdir_in(&self.folder).map_err(io)?;
                fs::rename(&place, aside.path().join("changed")).map_err(io)?;
            }
            match fs::rename(fetched, &place) {
                Ok(()) => File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(io)?,
                // Somebody else has fetched the same at the same time.
                Err(_) if content::hash(&place).is_ok_and(|known| known == *hash) => {}
                Err(error) => return Err(io(error)),
            }
        }
        let origin = Origin { url: source.url().to_owned(), commit: commit.to_owned() };
        if !from.contains(&origin) {
            from.push(origin);
        }
        self.write_stamp(hash, from)?;
        Ok(place)
    }
}

/// The front of a commit, as people write it.
pub fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Trouble {
        let trouble = Trouble::new("use a collection", problem.message).hint(problem.help);
        if problem.kind == ProblemKind::Changed { trouble.kind(Kind::Unsafe) } else { trouble }
    }
}
