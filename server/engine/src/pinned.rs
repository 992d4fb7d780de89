//! Collections of a spec, as pinned beside it and fetched before.

use std::path::{Path, PathBuf};

use seed_collection::{Cache, LOCK, Lock, Problem, ProblemKind, Source};
use seed_role::Trouble;
use seed_role::trouble::Result;
use seed_spec::Code;
use seed_spec::analysis::{Analysis, CollectionSource, FoundCollection, MissingCollection, Pinned};

/// Finds a collection from a git repository that a file in the folder `beside` names, by the text of the lock there. Fetches
/// nothing.
///
/// # Errors
///
/// Why it cannot be used, as a diagnostic.
pub fn locate(
    name: &str,
    git: &str,
    rev: Option<&str>,
    beside: &Path,
    lock: Option<&str>,
) -> Result<FoundCollection, MissingCollection> {
    let source = source(git, beside).map_err(missing)?;
    let found = seed_collection::locate(name, &source, rev, lock, &Cache::of_user()).map_err(missing)?;
    let pinned = Pinned { url: source.url().into(), commit: found.pin.commit.into() };
    Ok(FoundCollection { folder: found.folder, pinned: Some(pinned) })
}

/// Reads the address of a repository that a file in a folder names.
///
/// # Errors
///
/// When collections do not come from there.
pub fn source(git: &str, beside: &Path) -> Result<Source, Problem> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    Source::read(git, beside, home.as_deref()).map_err(|message| Problem {
        kind: ProblemKind::Source,
        message,
        help: "a collection comes from a path, `https://…`, `ssh://…` or `git@host:path`".into(),
    })
}

fn missing(problem: Problem) -> MissingCollection {
    let code = match problem.kind {
        ProblemKind::Source => Code::Collection,
        ProblemKind::Missing => Code::CollectionMissing,
        ProblemKind::Changed => Code::CollectionChanged,
    };
    MissingCollection { code, message: problem.message, help: problem.help }
}

/// Reads all files of the fetched collections that a spec uses, and compares them with the lock: before anything is done with
/// what they say.
///
/// # Errors
///
/// When one of them is not what the lock says.
pub fn verify(analysis: &Analysis) -> Result<()> {
    let cache = Cache::of_user();
    for collection in &analysis.collections {
        let CollectionSource::Git { url, rev } = &collection.source else { continue };
        let source = source(url, &collection.beside)?;
        let lock = Lock::read(&collection.beside)?;
        let pin = lock.get(&collection.name, url, rev.as_deref()).ok_or_else(|| {
            Trouble::new(format!("use the collection `{}`", collection.name), format!("{LOCK} no longer pins it"))
        })?;
        cache.verify(&source, pin)?;
    }
    Ok(())
}
